"""The real service among clients that do it harm: thousands that idle or trickle, crowds, and those that go away.

Usage: hostile_clients_test.py CTCLIP, the program that was built. Strangers come from 127.0.0.2 and 127.0.0.3, since 127.0.0.1,
where a proxy would be, has no limits of one client; whoever is served comes from there.
"""

import collections
import concurrent.futures
import http.client
import os
import pathlib
import resource
import select
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time

import requests

from service import GOLDEN, ROOT, SKIPPED, Service

MODELS = ROOT / "tests/data/tiny"
STUDY = GOLDEN / "dicom/s01_base.zip"
IDLE, TRICKLING, CROWD = 2000, 500, 100
HEALTH_SECONDS = 0.050
QUIET_SECONDS = 0.005  # /health of an idle service on a machine that has time for it; a tenth of that, usually
FORM = (b"POST /predict?any_anatomy=true HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n")


def address_of(url):
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


def connect(url, source="127.0.0.2"):
    return socket.create_connection(address_of(url), timeout=30, source_address=(source, 0))


def predict(url, data=None, query="any_anatomy=true"):
    data = data or STUDY.read_bytes()
    return requests.post(f"{url}/predict?{query}", files={"file": data}, timeout=600)


def median_of_health(url, times=60):
    """Seconds of a /health, each over a connection of its own."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        client = http.client.HTTPConnection(*address_of(url), timeout=60)
        client.request("GET", "/health")
        assert client.getresponse().read() == b'{"status":"healthy"}\n'
        client.close()
        took.append(time.monotonic() - began)
    return statistics.median(took)


def limit_of_health(url):
    """50 ms; where the machine is too busy to answer an idle service's /health quickly, five times what that took."""
    quiet = median_of_health(url)
    return HEALTH_SECONDS if quiet < QUIET_SECONDS else max(HEALTH_SECONDS, 5 * quiet)


class Tricklers(threading.Thread):
    """Connections that send a byte a second each, one half of a header, the other of an upload; who is closed comes again."""

    def __init__(self, url, count):
        super().__init__(daemon=True)
        self._url, self._ended = url, threading.Event()
        self._clients = [self._begin(number) for number in range(count)]
        self.again = 0
        self.start()

    def _begin(self, number):
        client = connect(self._url)
        client.sendall(FORM if number % 2 else b"GET /health HTTP/1.1\r\nX: ")
        return client

    def run(self):
        while not self._ended.wait(1):
            for number, client in enumerate(self._clients):
                try:
                    client.send(b"x")
                except OSError:
                    client.close()
                    self._clients[number] = self._begin(number)
                    self.again += 1

    def end(self):
        self._ended.set()
        self.join()
        for client in self._clients:
            client.close()


class Left:
    """Descriptors, threads and files that a service holds."""

    def __init__(self, service, spool):
        self._proc, self._spool = pathlib.Path(f"/proc/{service.pid}"), spool

    def count(self):
        return (len(os.listdir(self._proc / "fd")), len(os.listdir(self._proc / "task")), len(os.listdir(self._spool)))

    def expect(self, before, what, seconds=60):
        """What was there before, and no more, once the service has let go."""
        deadline = time.monotonic() + seconds
        while any(now > then for now, then in zip(self.count(), before)):
            assert time.monotonic() < deadline, f"{what}: {before} descriptors, threads, files became {self.count()}"
            time.sleep(0.1)


def check_crowd_of_slow(url):
    """2,000 idle and 500 trickling connections take neither /health nor studies from others."""
    limit = limit_of_health(url)
    idle = [connect(url) for _ in range(IDLE)]
    tricklers = Tricklers(url, TRICKLING)
    running, statuses = threading.Event(), []

    def study_after_study():
        while not running.is_set():
            statuses.append(predict(url).status_code)

    studies = threading.Thread(target=study_after_study)
    studies.start()
    try:
        took = median_of_health(url, 100)
        assert took < limit, f"/health took {took * 1000:.1f} ms, with a limit of {limit * 1000:.1f} ms"
    finally:
        running.set()
        studies.join()
        tricklers.end()
    assert statuses and set(statuses) == {200}, collections.Counter(statuses)
    closed = [one for one in idle if is_closed(one)]
    assert not closed, f"{len(closed)} idle connections were closed, though there was room"
    for client in idle:
        client.close()
    print(f"/health: {took * 1000:.1f} ms among {IDLE} idle and {TRICKLING} trickling; limit {limit * 1000:.1f} ms; "
          f"{len(statuses)} studies")


def is_closed(client):
    poll = select.poll()
    poll.register(client, select.POLLIN)
    return bool(poll.poll(0))


def check_crowd_of_uploads(url):
    with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(lambda _: predict(url), range(CROWD)))
    found = collections.Counter(answer.status_code for answer in answers)
    assert set(found) == {200, 429}, f"{CROWD} uploads at once: {found}"
    for answer in answers:
        if answer.status_code == 429:
            assert answer.json()["error_code"] == "queue_full" and 1 <= int(answer.headers["Retry-After"]) <= 600


def reset(client):
    """Ends a connection as a client does that crashes."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def check_gone(url):
    """Clients that go away in the middle of an upload, while they wait, and in the middle of the answer."""
    body = STUDY.read_bytes() + b"\r\n--b--\r\n"
    for ends_well in (False, True):
        for _ in range(20):
            client = connect(url, "127.0.0.1")
            client.sendall(FORM + bytes(100_000))
            (socket.socket.close if ends_well else reset)(client)
            waiting = connect(url, "127.0.0.1")
            waiting.sendall(request(body, "any_anatomy=true&details=true"))
            (socket.socket.close if ends_well else reset)(waiting)
            answered = connect(url, "127.0.0.1")
            answered.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
            answered.recv(10)
            (socket.socket.close if ends_well else reset)(answered)


def request(body, query):
    head = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
    return (f"POST /predict?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(head) + len(body)}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n").encode() + head + body


def check_share_of_connections(url):
    """One address has 256 connections at most; it is told, and others are not held up."""
    clients = [connect(url, "127.0.0.3") for _ in range(256)]
    one_more = connect(url, "127.0.0.3")
    answer = b"".join(iter(lambda: one_more.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 429") and b"client_limit" in answer, answer
    assert requests.get(f"{url}/health", timeout=60).status_code == 200
    with connect(url, "127.0.0.4") as other:
        other.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert other.recv(65536).startswith(b"HTTP/1.1 200")
    for client in clients + [one_more]:
        client.close()


def check_slow_uploads(command):
    """Below the least rate, or over the time for an upload: 408, and the study's time: 422."""
    for options in (["--min-upload-rate", "1mb", "--idle-timeout", "1"], ["--body-timeout", "1"]):
        with Service(command + options) as service, connect(service.url) as client:
            client.sendall(FORM)
            while not select.select([client], [], [], 0.2)[0]:
                client.sendall(b"x" * 100)
            answer = client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408") and b"upload_too_slow" in answer, answer
    with Service(command + ["--study-timeout", "0.001"]) as service:
        answer = predict(service.url)
        assert answer.status_code == 422 and answer.json()["error_code"] == "study_timeout", answer.text
        assert requests.get(f"{service.url}/health", timeout=60).status_code == 200


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * (IDLE + TRICKLING) + 1024
    if hard != resource.RLIM_INFINITY and hard < wanted:
        print(f"a process may have {hard} descriptors here; {wanted} are needed")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main():
    ctclip = sys.argv[1]
    raise_descriptor_limit()
    with tempfile.TemporaryDirectory() as name:
        spool = pathlib.Path(name) / "spool"
        command = [ctclip, "serve", "--models", MODELS, "--port", "0", "--spool", spool]
        many = ["--max-connections", "4000", "--client-connections", "3000", "--idle-timeout", "600"]
        with Service(command + many) as service:
            left = Left(service, spool)
            predict(service.url)
            before = left.count()
            check_crowd_of_slow(service.url)
            left.expect(before, "slow clients")
        with Service(command) as service:
            left = Left(service, spool)
            predict(service.url)
            before = left.count()
            for check in (check_crowd_of_uploads, check_gone, check_share_of_connections):
                check(service.url)
                left.expect(before, check.__name__)
        check_slow_uploads(command)


if __name__ == "__main__":
    main()
