"""A measured process: bench/worker.h says how it speaks."""

import json
import statistics
import subprocess
import tempfile


class Failed(Exception):
    """The process could not start or ended early; its last words."""


class Worker:
    def __init__(self, command):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(word) for word in command], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors)
        self.facts = self._hear()
        self.rounds = []

    def _hear(self):
        line = self.process.stdout.readline()
        while line and not line.startswith(("{", "[")):  # a library's own chatter
            line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            words = self.errors.read().strip().splitlines()
            raise Failed(words[-1] if words else f"exit status {self.process.returncode}")
        return json.loads(line)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._hear()

    def round(self):
        self.rounds.append(self.ask("round"))
        return self.rounds[-1]

    def end(self):
        """Its peak memory in GiB."""
        self.process.stdin.close()
        memory = self._hear()["peak_memory_gib"]
        self.process.wait()
        self.errors.close()
        return memory


def take_turns(workers, rounds, warm_up=0):
    """Every worker once, then every worker again: what the machine does meets all of them alike."""
    for _ in range(warm_up):
        for worker in workers:
            worker.round()
            worker.rounds.clear()
    for _ in range(rounds):
        for worker in workers:
            worker.round()


def seconds(rounds, key="seconds"):
    return [one[key] for one in rounds]


def summary(values):
    return {"median": statistics.median(values), "best": min(values), "rounds": values}
