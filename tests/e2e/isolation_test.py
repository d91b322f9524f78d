"""Readers of a running service: killed, stuck, out of memory, of a client that went away. The study fails, nothing else.

Usage: isolation_test.py CTCLIP, the program that was built.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import requests

from readers import PATIENCE, await_none, await_reader, status_of, write_large_study
from service import GOLDEN, ROOT, Service

MODELS = ROOT / "tests/data/tiny"
SMALL = GOLDEN / "dicom/s01_base.zip"


class Upload(threading.Thread):
    """A study on its way; `answer` once it was joined."""

    def __init__(self, url, study):
        super().__init__(daemon=True)
        self._url, self._study = url, study
        self.answer = None
        self.start()

    def run(self):
        with open(self._study, "rb") as file:
            self.answer = requests.post(f"{self._url}/predict", files={"file": file}, timeout=300)

    def wait(self):
        self.join(300)
        assert self.answer is not None, "no answer came"
        return self.answer


def check_refused(answer, code, word):
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (422, code), body
    assert word in body["error"], body


def check_alive(service):
    assert requests.get(f"{service.url}/health", timeout=10).json() == {"status": "healthy"}
    answer = Upload(service.url, SMALL).wait().json()
    assert answer["error_code"] == "no_lungs", answer


def check_confinement(reader):
    """What the kernel itself says of a reader at work."""
    status = status_of(reader)
    assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1", status
    assert status["Name"].strip() == "ctclip-read", status
    folder = pathlib.Path(f"/proc/{reader}")
    limits = (folder / "limits").read_text(encoding="utf-8")
    for name in ("address space", "cpu time", "file size"):
        assert not re.search(rf"Max {name}\s+unlimited", limits), limits
    assert re.search(r"Max core file size\s+0 ", limits), limits
    assert int((folder / "oom_score_adj").read_text(encoding="utf-8")) == 1000
    if os.geteuid() != 0:
        return  # a reader shows what follows to nobody else
    targets = {entry.name: os.readlink(entry) for entry in (folder / "fd").iterdir()}
    given = {targets[name] for name in "012345"}  # zlib reads a copy of the upload's
    assert set(targets.values()) == given and len(given) == 4, targets
    assert all(targets[name] == "/dev/null" for name in "012"), targets
    assert b"SECRET_OF_THE_SERVICE" not in (folder / "environ").read_bytes()


def check_signals(service, study):
    """A reader that is killed or crashes in the middle of a study, and what it looks like before that."""
    for number, word in ((signal.SIGKILL, "signal 9"), (signal.SIGSEGV, "signal 11")):
        upload = Upload(service.url, study)
        reader = await_reader(service.pid, sealed=True)
        os.kill(reader, signal.SIGSTOP)
        if number == signal.SIGKILL:
            check_confinement(reader)
        os.kill(reader, number)
        os.kill(reader, signal.SIGCONT)
        check_refused(upload.wait(), "read_crashed", word)
        check_alive(service)


def check_group_signal(service, study):
    """A service manager's SIGTERM goes to every process; accepted studies are finished all the same."""
    upload = Upload(service.url, study)
    os.kill(await_reader(service.pid, sealed=True), signal.SIGTERM)
    check_refused(upload.wait(), "no_lungs", "lung")


def check_hang(command, study):
    with Service([*command, "--read-timeout", "3"]) as service:
        upload = Upload(service.url, study)
        os.kill(await_reader(service.pid, sealed=True), signal.SIGSTOP)
        check_refused(upload.wait(), "read_timeout", "3 s")
        await_none(service.pid)
        check_alive(service)


def check_memory(command, study):
    with Service([*command, "--read-memory", "48M"]) as service:
        check_refused(Upload(service.url, study).wait(), "read_out_of_memory", "memory")
        check_alive(service)


def check_gone_client(service, study):
    url, process = service.url, service.pid
    with subprocess.Popen(["curl", "-s", "-F", f"file=@{study}", f"{url}/predict"],
                          stdout=subprocess.DEVNULL) as client:
        os.kill(await_reader(process, sealed=True), signal.SIGSTOP)
        client.kill()
    await_none(process)
    check_alive(service)


def check_dead_service(command, study):
    """The reader ends with its service, even where that is killed."""
    service = Service(command)
    service.__enter__()
    threading.Thread(target=refused_by_death, args=(service.url, study), daemon=True).start()
    reader = await_reader(service.pid, sealed=True)
    os.kill(reader, signal.SIGSTOP)
    os.kill(service.pid, signal.SIGKILL)
    assert service.stop() == -signal.SIGKILL
    deadline = time.monotonic() + PATIENCE
    while status_of(reader).get("State", "Z").strip()[0] not in "ZX":
        assert time.monotonic() < deadline, "the reader outlived its service"
        time.sleep(0.02)


def refused_by_death(url, study):
    try:
        with open(study, "rb") as file:
            requests.post(f"{url}/predict", files={"file": file}, timeout=60)
    except requests.exceptions.RequestException:
        pass


def in_use(process):
    folder = pathlib.Path(f"/proc/{process}")
    maps = (folder / "maps").read_text(encoding="utf-8")
    return {"descriptors": len(list((folder / "fd").iterdir())),
            "threads": len(list((folder / "task").iterdir())),
            "volumes": maps.count("ctclip-volume")}


def check_nothing_left(service, count=200):
    with requests.Session() as session:
        def send():
            with open(SMALL, "rb") as file:
                answer = session.post(f"{service.url}/predict", files={"file": file},
                                      params={"any_anatomy": "true"}, timeout=300)
            assert answer.status_code == 200, answer.text
        send()
        before = in_use(service.pid)
        for _ in range(count):
            send()
        await_none(service.pid)
        assert in_use(service.pid) == before, f"{before}, then {in_use(service.pid)}"
    assert before["volumes"] == 0, before


def main():
    ctclip = sys.argv[1]
    os.environ["SECRET_OF_THE_SERVICE"] = "a key of the service"
    with tempfile.TemporaryDirectory() as name:
        study = pathlib.Path(name) / "study.nii.gz"
        write_large_study(study)
        command = [ctclip, "serve", "--models", MODELS, "--port", "0"]
        with Service(command) as service:
            assert not any("seccomp" in line for line in service.log), service.log
            check_signals(service, study)
            check_group_signal(service, study)
            check_gone_client(service, study)
            check_nothing_left(service)
            assert sum("the process that read a study" in line for line in service.log) >= 2, service.log
        check_hang(command, study)
        check_memory(command, study)
        check_dead_service(command, study)


if __name__ == "__main__":
    main()
