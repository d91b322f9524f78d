"""The processes of a service in which studies are read, and a study that keeps them busy."""

import contextlib
import gzip
import os
import pathlib
import signal
import struct
import time

PATIENCE = 60


def write_large_study(path):
    """400 empty slices of 512x512 as NIfTI: its reader is met at work, and takes 400 MiB."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 512, 512, 400, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)  # int16
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<2f", header, 108, 352, 1)
    struct.pack_into("<2h", header, 252, 0, 1)
    struct.pack_into("<12f", header, 280, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0)
    struct.pack_into("4s", header, 344, b"n+1")
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header)
        for _ in range(400):
            file.write(bytes(512 * 512 * 2))


def status_of(process):
    """{"PPid": "1", ...} of a process; empty where it has gone."""
    try:
        lines = pathlib.Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split(":", 1) for line in lines)


def children(parent):
    lists = pathlib.Path(f"/proc/{parent}/task").glob("*/children")
    return [int(child) for file in lists for child in file.read_text(encoding="utf-8").split()]


def await_reader(parent, sealed=False, but=()):
    """The reader of the study that was just sent, none of `but`; `sealed`: once it has closed its sandbox."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for child in children(parent):
            if child in but:
                continue
            if not sealed or status_of(child).get("Seccomp", "").strip() == "2":
                return child
        time.sleep(0.002)
    raise AssertionError("no reader was started")


def await_none(parent):
    deadline = time.monotonic() + PATIENCE
    while children(parent):
        assert time.monotonic() < deadline, f"readers are left: {children(parent)}"
        time.sleep(0.02)


@contextlib.contextmanager
def stopped(reader):
    """It reads no further meanwhile."""
    os.kill(reader, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # it went with its service, or was killed
            os.kill(reader, signal.SIGCONT)
