"""What the tests of /v1/studies share: a study, a service with a state, and requests to it."""

import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

import requests

from readers import await_none, await_reader, write_large_study
from service import ROOT, Service

MODELS = ROOT / "tests/data/tiny"
SECONDS = 240  # for anything to happen, however busy the machine is
ENDED = ("done", "failed", "cancelled")


class Bench:
    """A folder with a state in it, a study, and services that use them one after another."""

    def __init__(self, ctclip, folder):
        self.ctclip, self.folder = ctclip, pathlib.Path(folder)
        self.state = self.folder / "state"
        self.study = self.folder / "study.zip"
        self._large = self.folder / "large.nii.gz"
        subprocess.run([ctclip, "phantom", self.study, "--matrix", "128", "--thickness", "3", "--kernel", "soft"],
                       check=True, capture_output=True)

    def variant(self, number):
        """The same study in other bytes: a comment at the archive's end."""
        data = bytearray(self.study.read_bytes())
        note = f"variant {number}".encode()
        data[-2:] = len(note).to_bytes(2, "little")
        return bytes(data) + note

    def large(self):
        """A study whose reader is met at work; nobody's chest."""
        if not self._large.exists():
            write_large_study(self._large)
        return self._large.read_bytes()

    def command(self, *options):
        return [self.ctclip, "serve", "--models", MODELS, "--port", "0", "--threads", "1", "--jobs", "1", "--state", self.state,
                "--queue", "100", *map(str, options)]

    def service(self, *options):
        return Service(self.command(*options))

    def started(self, *options):
        """A service that is ready, for a test that kills it."""
        return self.service(*options).__enter__()

    def database(self):
        return contextlib.closing(sqlite3.connect(self.state / "history.db", timeout=30, isolation_level=None))

    def rows(self, sql):
        with self.database() as database:
            return database.execute(sql).fetchall()

    def uploads(self):
        return sorted((self.state / "uploads").glob("*.upload"))

    @contextlib.contextmanager
    def locked(self):
        """Another process has the history for itself."""
        with self.database() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                database.execute("ROLLBACK")

    @contextlib.contextmanager
    def held(self, service):
        """Whatever comes waits behind two studies whose readers are stopped: one for the only job, one read ahead."""
        clients, readers = [], []
        await_none(service.pid)
        for _ in range(2):
            client = threading.Thread(target=send_and_forget, args=(service.url, self.large()), daemon=True)
            client.start()
            clients.append(client)
            readers.append(await_reader(service.pid, sealed=True, but=readers))
            os.kill(readers[-1], signal.SIGSTOP)
        try:
            yield
        finally:
            for reader in readers:
                with contextlib.suppress(ProcessLookupError):  # it went with its service
                    os.kill(reader, signal.SIGKILL)
            for client in clients:
                client.join(SECONDS)


@contextlib.contextmanager
def bench(ctclip):
    with tempfile.TemporaryDirectory() as folder:
        yield Bench(ctclip, folder)


def send(url, data, path="/v1/studies", key=None, **query):
    headers = {"Idempotency-Key": key} if key else {}
    return requests.post(url + path, files={"file": ("Ivanov.zip", data)}, params=query, headers=headers,
                         timeout=SECONDS)


def send_and_forget(url, data, key=None):
    """A client that waits for its answer, and takes it that the service goes away."""
    with contextlib.suppress(requests.RequestException):
        send(url, data, path="/predict", key=key)


def submit(url, data, **query):
    """Sends a study that must be accepted; its id."""
    answer = send(url, data, **query)
    assert answer.status_code == 202, f"{answer.status_code}: {answer.text}"
    assert answer.headers["Location"] == f"/v1/studies/{answer.json()['id']}"
    return answer.json()["id"]


def ask(url, study):
    answer = requests.get(f"{url}/v1/studies/{study}", timeout=SECONDS)
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
    return answer.json()


def until(what, happens, pause=0.02):
    deadline = time.monotonic() + SECONDS
    while not (found := happens()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(pause)
    return found


def ended(url, study):
    """The study, once it has ended."""
    def look():
        now = ask(url, study)
        return now if now["state"] in ENDED else None
    return until(f"{study} ends", look, 0.1)


def events(url, study):
    """The data of its event stream, from now to its end."""
    with requests.get(f"{url}/v1/studies/{study}/events", stream=True, timeout=SECONDS) as answer:
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))
