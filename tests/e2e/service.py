"""What the end-to-end tests share: the real study, and a service of their own."""

import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = pathlib.Path(os.environ.get("CTCLIP_GOLDEN", ROOT / "build" / "release" / "golden"))
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
READY_SECONDS = 120
STOP_SECONDS = 60
KEEPS_NOTHING = {"CTCLIP_STATE": "none"}  # `--state` of a command is stronger


def real_study(name="chest_nlst_jpegls.zip"):
    """Path of a real study. Where it is absent the whole test is skipped, but in CI it fails."""
    folder = pathlib.Path(os.environ.get("CTCLIP_DATA", ROOT.parent / "shared" / "data"))
    study = folder / name
    if study.exists():
        return study
    print(f"the real studies are not here: {study}")
    sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)


def free_port():
    """For a service whose next run must be found where this one was."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def default_models():
    """The bundle that a user has who has none."""
    demo = ROOT / "models/demo"
    return demo if (demo / "bundle.json").exists() else ROOT / "tests/data/tiny"


class Service:
    """`command` (a `ctclip serve`) as a child process; `with` waits until it is ready and ends it.

    `environment` is added to this process's, None takes a variable away. Without a state of its own the service keeps
    nothing, so that no test writes to the home of who runs it. `authority`: a PEM file to trust, where the service has TLS.
    """

    def __init__(self, command, cwd=ROOT, environment=None, authority=None):
        self.url = None
        self._tls = ssl.create_default_context(cafile=authority) if authority else None
        self.log = []
        variables = os.environ | KEEPS_NOTHING | (environment or {})
        self._process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         env={name: value for name, value in variables.items() if value is not None})
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.log.append(line)
            if self.url is None and (found := re.search(r"https?://127\.0\.0\.1:\d+", line)):
                self.url = found.group()
                self._listening.set()
        self._listening.set()

    def _ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/ready", timeout=5, context=self._tls) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            return error.code != 503 and self._fail(f"/ready answered {error.code}")
        except OSError:
            return False

    def _fail(self, reason):
        raise AssertionError(f"{reason}; the service said:\n{''.join(self.log)}")

    def address(self):
        """Waits until it listens, which is before it is ready."""
        self._listening.wait(READY_SECONDS)
        if self.url is None:
            self._fail("the service told no address")
        return self.url

    def __enter__(self):
        try:
            self.address()
            deadline = time.monotonic() + READY_SECONDS
            while not self._ready():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._fail("the service did not become ready")
                time.sleep(0.1)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    @property
    def pid(self):
        return self._process.pid

    def reload(self):
        self._process.send_signal(signal.SIGHUP)

    def says(self, words, seconds=30):
        """Waits until a line of the log has these words."""
        deadline = time.monotonic() + seconds
        while not any(words in line for line in self.log):
            if time.monotonic() > deadline:
                self._fail(f"no line of the log has '{words}'")
            time.sleep(0.02)

    def __exit__(self, kind, *_):
        status = self.stop()
        if kind is None and status != 0:
            self._fail(f"expected exit status 0 on SIGTERM, found {status}")

    def send(self, which):
        self._process.send_signal(which)

    def kill(self):
        """Ends it as a crash or a power cut does."""
        self._process.kill()
        self._process.wait()
        self._reader.join(5)

    def stop(self):
        """Ends it; its exit status, or a word where it had to be killed."""
        self.send(signal.SIGTERM)
        return self.wait()

    def wait(self):
        """Its exit status when it has ended, or a word where it had to be killed."""
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            status = "none: it did not end"
        self._reader.join(5)
        return status
