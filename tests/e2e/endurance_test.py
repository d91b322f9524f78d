"""After a mixed load nothing is left behind: no descriptor, thread, file or place, and memory has stopped growing.

Usage: endurance_test.py CTCLIP [SECONDS]   CTCLIP, the program that was built; SECONDS of load, 20 in the tests, an hour by hand.
"""

import collections
import concurrent.futures
import json
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

import requests

import exposition
from service import ROOT, Service

MODELS = ROOT / "tests/data/tiny"
SECONDS = 20
CLIENTS = 6
TIMEOUT = 300
# Once every pool of memory has been in use, what is freed stays with the allocator; a study more is at most this.
MEMORY_SLACK = 48 << 20


class Load:
    """What clients do, in all the ways that they do it."""

    def __init__(self, url, study, seed):
        self.url, self.study = url, study.read_bytes()
        self.host, self.port = url.removeprefix("http://").split(":")
        self.random = random.Random(seed)
        self.seen = collections.Counter()

    def post(self, data, **query):
        answer = requests.post(f"{self.url}/predict", files={"file": data}, params=query, timeout=TIMEOUT)
        self.seen[answer.status_code] += 1
        assert answer.status_code in (200, 400, 413, 422, 429), answer.text
        assert answer.headers["X-Request-ID"]

    def whole(self):
        self.post(self.study)

    def later(self):
        """Sent now, asked for later: its events to the end, a look at the list, or a change of mind."""
        answer = requests.post(f"{self.url}/v1/studies", files={"file": self.study}, timeout=TIMEOUT,
                               params={"fresh": self.random.choice(["true", "false"])})
        assert answer.status_code in (200, 202, 429), answer.text
        self.seen[f"study {answer.status_code}"] += 1
        if answer.status_code != 202:
            return
        study = f"{self.url}/v1/studies/{answer.json()['id']}"
        if self.random.random() < 0.3:
            state = requests.delete(study, timeout=TIMEOUT).json()["state"]
        else:
            with requests.get(f"{study}/events", stream=True, timeout=TIMEOUT) as events:
                told = [line for line in events.iter_lines(decode_unicode=True) if line.startswith("data: ")]
            state = json.loads(told[-1].removeprefix("data: "))["state"]
        assert state in ("done", "cancelled"), state
        assert requests.get(f"{self.url}/v1/studies", params={"limit": 5}, timeout=TIMEOUT).json()["studies"]
        self.seen[state] += 1

    def damaged(self):
        cut = self.random.randrange(1, len(self.study))
        self.post(self.study[:cut])

    def flipped(self):
        data = bytearray(self.study)
        for _ in range(20):
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        self.post(bytes(data))

    def wrong(self):
        self.post(b"This is no study.", threshold=self.random.choice(["2", "0.5"]))

    def large(self):
        self.post(bytes(9_000_000))

    def request(self, body):
        head = (f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(self.study) + 200}\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\nContent-Disposition: form-data; "
                'name="file"; filename="x"\r\n\r\n').encode()
        return head + body

    def gone(self):
        """In the middle of an upload, or while its study waits."""
        with socket.create_connection((self.host, int(self.port))) as client:
            whole = self.request(self.study)
            client.sendall(whole[:self.random.randrange(len(whole))])
            time.sleep(self.random.random() / 10)
        self.seen["gone"] += 1

    def idle(self):
        with socket.create_connection((self.host, int(self.port))) as client:
            client.sendall(b"GET / HT"[:self.random.randrange(9)])
            time.sleep(self.random.random() / 5)
        self.seen["idle"] += 1

    def garbage(self):
        with socket.create_connection((self.host, int(self.port))) as client:
            client.sendall(self.random.randbytes(200) + b"\r\n\r\n")
            client.settimeout(60)
            try:
                client.recv(4096)
            except ConnectionError:
                pass
        self.seen["garbage"] += 1

    def gets(self):
        for path in ("/health", "/ready", "/", "/metrics", "/openapi.json", "/nothing"):
            self.seen[requests.get(self.url + path, timeout=TIMEOUT).status_code] += 1

    def run(self, seconds):
        ways = [self.whole, self.later, self.damaged, self.flipped, self.wrong, self.large, self.gone, self.idle,
                self.garbage, self.gets]
        deadline = time.monotonic() + seconds
        for way in ways:
            way()
        while time.monotonic() < deadline:
            self.random.choice(ways)()
        return self.seen


def load(url, study, seconds):
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(Load(url, study, seed).run, seconds) for seed in range(CLIENTS)]
        return sum((one.result() for one in clients), collections.Counter())


def figures(url):
    families = exposition.parse(requests.get(f"{url}/metrics", timeout=TIMEOUT).text)
    return {name: family.value() for name, family in families.items() if family.type == "gauge"}


def at_rest(url):
    """The figures when nothing is going on any more."""
    deadline = time.monotonic() + 120
    while True:
        now = figures(url)
        busy = [now[name] for name in ("ctclip_studies_waiting", "ctclip_studies_running", "ctclip_uploads",
                                       "ctclip_spool_files")]
        if not any(busy) and now["ctclip_connections"] == now["ctclip_http_requests_in_flight"] == 1:
            return now  # the one connection and request are those that ask
        assert time.monotonic() < deadline, f"something goes on: {now}"
        time.sleep(0.1)


def check(service, study, spool, seconds):
    load(service.url, study, seconds / 2)  # until every pool and cache has been filled
    before = at_rest(service.url)
    seen = load(service.url, study, seconds)
    after = at_rest(service.url)
    print(f"answers: {dict(seen)}")
    print(f"memory: {before['process_resident_memory_bytes']:.0f}, then {after['process_resident_memory_bytes']:.0f} bytes")
    assert seen[200] > CLIENTS and seen[400] and seen[413] and seen["gone"] and seen["done"], seen
    for name in ("process_open_fds", "process_threads"):
        assert after[name] == before[name], f"{name}: {before[name]}, then {after[name]}"
    grown = after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]
    assert grown < MEMORY_SLACK, f"memory grew by {grown} bytes"
    left = [path.name for path in spool.rglob("*")]
    assert not left, f"left on disk: {left}"


def main():
    ctclip, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        study = folder / "chest.zip"
        subprocess.run([ctclip, "phantom", study, "--matrix", "64", "--thickness", "10", "--increment", "10", "--kernel", "soft"],
                       check=True, capture_output=True)
        state = folder / "state"
        with Service([ctclip, "serve", "--models", MODELS, "--port", "0", "--state", state, "--queue", "4",
                      "--max-upload", "8M"]) as service:
            check(service, study, state / "uploads", seconds)


if __name__ == "__main__":
    main()
