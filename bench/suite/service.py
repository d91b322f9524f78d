"""Studies an hour and latencies of a real `ctclip serve`, by HTTP, with so many clients at once."""

import http.client
import socket
import statistics
import subprocess
import threading
import time

BOUNDARY = "ctclip-bench"
START_LIMIT = 300


class Service:
    def __init__(self, assets, precision):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [assets.program, "serve", "--models", assets.models, "--port", str(self.port), "--precision", precision,
             "--state", "none"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start_seconds = self._until_ready()
        self.body = form(assets.study())

    def _until_ready(self):
        while time.monotonic() - self.began < START_LIMIT and self.process.poll() is None:
            try:
                if self.ask("GET", "/ready")[0] == 200:
                    return time.monotonic() - self.began
            except OSError:
                pass
            time.sleep(0.05)
        self.process.kill()
        raise RuntimeError("ctclip serve did not become ready")

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def predict(self):
        """Seconds of one study, upload to answer."""
        began = time.monotonic()
        status, answer = self.ask("POST", "/predict", self.body,
                                  {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
        if status != 200 or b'"Success"' not in answer:
            raise RuntimeError(f"the service answered {status}: {answer[:300]!r}")
        return time.monotonic() - began

    def end(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            memory = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 2**20
        self.process.terminate()
        self.process.wait()
        return memory


def form(study):
    head = (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"study.zip\"\r\n"
            "Content-Type: application/zip\r\n\r\n")
    return head.encode() + study.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def with_clients(service, clients, studies):
    """`studies` from each of `clients`, each sending the next when it has the answer to the last."""
    latencies, failures = [], []

    def client():
        try:
            for _ in range(studies):
                latencies.append(service.predict())
        except (OSError, RuntimeError) as failure:
            failures.append(failure)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    spent = time.monotonic() - began
    return {"clients": clients, "studies": len(latencies), "studies_an_hour": 3600 * len(latencies) / spent,
            "p50": statistics.median(latencies), "p95": percentile(latencies, 0.95)}


def percentile(values, share):
    """The smallest value that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def measure(assets, precision, studies_by_clients):
    service = Service(assets, precision)
    try:
        service.predict()  # warm
        loads = [with_clients(service, clients, studies) for clients, studies in studies_by_clients]
    finally:
        memory = service.end()
    return {"precision": precision, "start_seconds": service.start_seconds, "peak_memory_gib": memory,
            "loads": loads}
