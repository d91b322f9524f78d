#!/usr/bin/env python3
"""How long a service takes to be ready and to give its first answer, and what two of them take of memory, by bundle.

    bench/start.py build/bench/cache/models build/bench/cache/packed [--study F.zip] [--precision f32 bf16]

Prints a table for docs/performance.md. Memory is the proportional set size (PSS): a page that two processes share counts
half in each. With --cold the bundles' files are dropped from the page cache before each start.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 600  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    def __init__(self, options: argparse.Namespace, models: Path, precision: str):
        self.port = free_port()
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [options.program, "serve", "--models", models, "--precision", precision, "--state", "none",
             "--host", "127.0.0.1", "--port", str(self.port)], stderr=subprocess.DEVNULL if options.quiet else None)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def ready(self) -> float:
        """Seconds from the start of the process until /ready says 200."""
        while time.monotonic() - self.began < PATIENCE and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready") as answer:
                    if answer.status == 200:
                        return time.monotonic() - self.began
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.01)
        raise SystemExit("the service did not become ready")

    def answer(self, study: Path) -> tuple[float, dict]:
        began = time.monotonic()
        done = subprocess.run(["curl", "-sS", "-F", f"file=@{study}", f"http://127.0.0.1:{self.port}/predict"], check=True,
                              capture_output=True)
        answer = json.loads(done.stdout)
        if answer["processing_status"] != "Success":
            raise SystemExit(f"no answer: {answer}")
        del answer["time_of_processing"]
        return time.monotonic() - began, answer

    def memory(self) -> dict[str, float]:
        """GiB by kind: Rss, Pss, Private_Dirty, ..."""
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()[1:]
        return {line.split(":")[0]: int(line.split()[1]) / 2**20 for line in lines}

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drop(models: Path) -> None:
    for file in models.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(options: argparse.Namespace, models: Path, precision: str) -> list[str]:
    if options.cold:
        drop(models)
    with Service(options, models, precision) as first:
        ready, cpu = first.ready(), first.cpu()
        answered, answer = (0, None) if options.no_study else first.answer(options.study)
        alone = first.memory()
        with Service(options, models, precision) as second:
            again = second.ready()
            if not options.no_study and second.answer(options.study)[1] != answer:
                raise SystemExit("two services gave two answers")
            two = first.memory()["Pss"] + second.memory()["Pss"]
    first_answer = "" if options.no_study else f"{ready + answered:.1f}"
    return [models.name, precision, f"{ready:.1f}", f"{cpu:.1f}", first_answer, f"{again:.1f}", f"{alone['Pss']:.2f}", f"{two:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--program", type=Path, default=ROOT / "build/release/ctclip")
    parser.add_argument("--study", type=Path, default=ROOT / "build/bench/cache/300_deflated.zip")
    parser.add_argument("--precision", nargs="+", default=["f32", "bf16"])
    parser.add_argument("--cold", action="store_true", help="drop the files from the page cache before each start")
    parser.add_argument("--no-study", action="store_true", help="no answers: memory of services that have just started")
    parser.add_argument("--quiet", action="store_true", help="without the services' logs")
    options = parser.parse_args()
    head = ["bundle", "precision", "ready, s", "CPU s until then", "first answer, s", "a second service ready, s",
            "PSS of one, GiB", "PSS of two together, GiB"]
    print("| " + " | ".join(head) + " |\n" + "| --- " * len(head) + "|", flush=True)
    for precision in options.precision:
        for models in options.models:
            print("| " + " | ".join(measure(options, models, precision)) + " |", flush=True)


if __name__ == "__main__":
    main()
