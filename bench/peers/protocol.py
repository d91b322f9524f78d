"""The script's side of a worker (bench/worker.h): a line of JSON each way."""

import json
import sys
import time

STARTED = time.monotonic()


def say(line):
    print(json.dumps(line), flush=True)


def peak_memory_gib():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 2**20


def serve(call, facts):
    """Answers `round` by timing call(), `outcome` by what the last call returned."""
    say({**facts, "ready": True, "start_seconds": time.monotonic() - STARTED})
    outcome = None
    for line in sys.stdin:
        if line.strip() == "outcome":
            say(outcome.tolist())
            continue
        wall, cpu = time.monotonic(), time.process_time()
        outcome = call()
        say({"seconds": time.monotonic() - wall, "cpu_seconds": time.process_time() - cpu})
    say({"peak_memory_gib": peak_memory_gib()})
