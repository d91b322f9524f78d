"""What who runs the service relies on: metrics, logs, request ids, languages, signals, readiness.

Usage: operation_test.py CTCLIP, the program that was built.
"""

import concurrent.futures
import contextlib
import csv
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import requests

import exposition
from readers import await_reader, stopped
from service import KEEPS_NOTHING, ROOT, Service, free_port

MODELS = ROOT / "tests/data/tiny"
TIMEOUT = 300
SEVEN = ["study_uid", "series_uid", "probability_of_pathology", "pathology", "most_dangerous_pathology_type",
         "processing_status", "time_of_processing"]


def serve(ctclip, *options, environment=None):
    return Service([ctclip, "serve", "--models", MODELS, "--port", "0", *options], environment=environment)


def make_study(ctclip, path, matrix=128, thickness=5):
    subprocess.run([ctclip, "phantom", path, "--matrix", str(matrix), "--thickness", str(thickness), "--kernel", "soft"],
                   check=True, capture_output=True)
    return path


def predict(url, study, headers=None, **query):
    with open(study, "rb") as file:
        return requests.post(f"{url}/predict", files={"file": ("Ivanov Ivan.zip", file)}, params=query,
                             headers=headers, timeout=TIMEOUT)


def metrics(url):
    answer = requests.get(f"{url}/metrics", timeout=TIMEOUT)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", answer.headers
    return exposition.parse(answer.text)


def wait_for(condition, what):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


def told():
    """{(name, type, labels)} of docs/metrics.md."""
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*?)\| ", page, re.MULTILINE)
    return {(name, kind, tuple(sorted(re.findall(r"`(\w+)`", labels)))) for name, kind, labels in rows}


def check_metrics(url, study):
    """Every metric of the page is served and no other; they count what happened."""
    before = metrics(url)
    assert predict(url, study).status_code == 200
    assert requests.post(f"{url}/predict", timeout=TIMEOUT).status_code == 400
    requests.get(f"{url}/Ivanov?name=Ivanov", timeout=TIMEOUT)
    after = metrics(url)
    assert told() == {(one.name, one.type, tuple(sorted(one.label_names()))) for one in after.values()}

    def more(name, **labels):
        return after[name].value(**labels) - (before[name].value(**labels) if name in before else 0)

    assert more("ctclip_http_requests_total", route="/predict", status="200") == 1
    assert more("ctclip_http_requests_total", route="(unknown)", status="404") == 1
    assert more("ctclip_failures_total", error_code="missing_file_field") == 1
    assert more("ctclip_studies_total", outcome="answered") == 1
    assert more("ctclip_http_received_bytes_total") >= study.stat().st_size
    for network in ("ctclip", "supervised"):
        assert more("ctclip_network_operations_total", network=network) > 1e6
        assert after["ctclip_network_gflops"].value(network=network) > 0
        assert after["ctclip_stage_seconds"].count(stage=network) >= 1
    assert after["ctclip_ready"].value() == 1 and after["ctclip_spool_files"].value() == 0
    assert after["process_open_fds"].value() <= after["process_max_fds"].value()
    (_, bundle), = after["ctclip_bundle_info"].samples
    assert re.fullmatch(r"[0-9a-f]{64}", dict(bundle)["sha256"]) and dict(bundle)["clinical"] == "false", bundle
    everything = requests.get(f"{url}/metrics", timeout=TIMEOUT).text
    assert "Ivanov" not in everything


def check_ids(url, study, log):
    """The client's id, or a new one: in the header, in what the body may hold it, and in the log."""
    answer = predict(url, study, {"X-Request-ID": "order-17.a"}, details="true")
    assert answer.headers["X-Request-ID"] == "order-17.a" == answer.json()["details"]["request_id"]
    assert list(predict(url, study).json())[:7] == SEVEN
    assert "request_id" not in predict(url, study).json()
    refused = requests.post(f"{url}/predict", headers={"X-Request-ID": "bad id\tof Ivanov"}, timeout=TIMEOUT)
    given = refused.headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", given) and refused.json()["request_id"] == given
    assert requests.get(f"{url}/health", timeout=TIMEOUT).headers["X-Request-ID"] != given
    wait_for(lambda: any(given in line for line in log), "the line of a refused request")
    lines = [json.loads(line) for line in log]
    about = [line for line in lines if line.get("request_id") == "order-17.a"]
    assert sorted(line["event"] for line in about) == ["request", "study"], about
    access = next(line for line in about if line["event"] == "request")
    assert access["route"] == "/predict" and access["status"] == 200 and access["received"] > study.stat().st_size
    assert {"time", "level", "event"} <= set.intersection(*(set(line) for line in lines)), lines
    assert not any("Ivanov" in line for line in log)
    assert not any(line.get("route") == "/health" for line in lines), "a monitor's requests at level info"


def check_languages(url):
    path = f"{url}/nothing"
    english = requests.get(path, timeout=TIMEOUT)
    russian = requests.get(path, headers={"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}, timeout=TIMEOUT)
    assert english.headers["Content-Language"] == "en" and russian.headers["Content-Language"] == "ru"
    assert english.headers["Vary"] == russian.headers["Vary"] == "Accept-Language"
    assert english.json()["error_code"] == russian.json()["error_code"] == "not_found"
    assert english.json()["error"].isascii() and english.json()["error"] in russian.json()["error"]
    assert re.match(r"[А-Яа-яё ,]+\.", russian.json()["error"]), russian.json()


@contextlib.contextmanager
def crowd(service, study, count):
    """So many clients at once, whose studies the service has, and has not done with."""
    pool = concurrent.futures.ThreadPoolExecutor(count)
    answers = [pool.submit(predict, service.url, study) for _ in range(count)]

    def accepted():
        done = sum(one.done() for one in answers)
        now = metrics(service.url)
        return done + now["ctclip_studies_waiting"].value() + now["ctclip_studies_running"].value()

    with stopped(await_reader(service.pid, sealed=True)):
        wait_for(lambda: accepted() >= count, "a full queue")
        yield answers


def check_stop(ctclip, slow, study):
    """Told to stop, it answers what it has accepted, /health until the end, and refuses what comes."""
    with serve(ctclip, "--queue", "8") as service:
        with crowd(service, slow, 8) as answers:
            service.send(signal.SIGTERM)
            wait_for(lambda: any("stopping" in line for line in service.log), "the line of a stop")
            late = predict(service.url, study, {"Accept-Language": "ru"})
        assert (late.status_code, late.json()["error_code"]) == (503, "shutting_down"), late.text
        assert late.json()["error"].startswith("Сервис останавливается") and late.headers["Retry-After"]
        assert service.wait() == 0
    assert [one.result().status_code for one in answers] == [200] * 8


def check_deadline(ctclip, study):
    """What is not answered by the deadline is answered with 503, and the exit status says so."""
    service = serve(ctclip, "--queue", "8", "--stop-timeout", "0").__enter__()
    try:
        with crowd(service, study, 8) as answers:
            status = service.stop()
    finally:
        service.stop()
    codes = [one.result().status_code for one in answers]
    assert set(codes) <= {200, 503} and 503 in codes and status == 1, (codes, status)
    cut = next(one.result() for one in answers if one.result().status_code == 503)
    assert cut.json()["error_code"] == "shutting_down" and cut.json()["request_id"], cut.text


def check_manager(ctclip, folder):
    """The datagrams of sd_notify: ready when the models are, at a reload, when it stops; the watchdog."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = str(folder / "notify")
        manager.bind(path)
        manager.settimeout(120)

        def next_but_watchdog():
            while (state := manager.recv(4096).decode()) == "WATCHDOG=1":
                pass
            return state

        service = serve(ctclip, environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})
        with service:
            assert next_but_watchdog().startswith("READY=1\nSTATUS="), "not ready"
            assert manager.recv(4096) == b"WATCHDOG=1"
            service.send(signal.SIGHUP)
            assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", next_but_watchdog())
            assert next_but_watchdog() == "READY=1"
            wait_for(lambda: any("reloaded" in line for line in service.log), "the line of a reload")
            assert requests.get(f"{service.url}/ready", timeout=TIMEOUT).status_code == 200, "SIGHUP ended it"
        assert next_but_watchdog().startswith("STOPPING=1"), "not stopping"


def check_ready(ctclip):
    with serve(ctclip) as service:
        assert requests.get(f"{service.url}/ready", timeout=TIMEOUT).json()["ready"] is True
    service = serve(ctclip, "--disk-reserve", str(2**60))
    answer = requests.get(f"{service.address()}/ready", timeout=TIMEOUT)
    wait_for(lambda: requests.get(f"{service.url}/ready", timeout=TIMEOUT).json()["reason"] == "disk_full",
             "a full disk's reason")
    service.stop()
    assert answer.status_code == 503 and answer.json()["reason"] in ("starting", "disk_full"), answer.text


def answered_in_the_end(url, study):
    """A client with patience; every answer that it got on the way."""
    seen = []
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        try:
            seen.append(predict(url, study).status_code)
        except requests.ConnectionError:  # nobody listens for a moment
            time.sleep(0.1)
            continue
        if seen[-1] == 200:
            break
        time.sleep(0.1)
    return seen


def check_restart(ctclip, study):
    """Restarted under load, twice: whoever asks again is answered, and nobody gets anything but 200, 429, 503."""
    port = free_port()
    command = [ctclip, "serve", "--models", MODELS, "--port", str(port), "--queue", "4"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        clients = []
        for _ in range(3):
            with Service(command) as service:
                clients += [pool.submit(answered_in_the_end, service.url, study) for _ in range(4)]
                wait_for(lambda: metrics(service.url)["ctclip_http_requests_in_flight"].value() > 1
                         or all(one.done() for one in clients), "load")
        with Service(command):
            for one in clients:
                seen = one.result()
                assert seen and seen[-1] == 200 and set(seen) <= {200, 429, 503}, seen


def refused(ctclip, *options, **variables):
    """What is said of a service that does not start so."""
    done = subprocess.run([ctclip, "serve", "--models", MODELS, "--port", "0", *options], text=True, capture_output=True,
                          env=os.environ | KEEPS_NOTHING | variables, timeout=TIMEOUT, check=False)
    assert done.returncode == 2, f"{options} {variables}: {done.returncode}\n{done.stderr}"
    return done.stderr


def check_environment(ctclip):
    """No misspelt variable is passed over, and no value that its option does not take, by a variable or by the option."""
    seconds, rate = "from 0.001 to 604800", "from 0 to "
    for variable, values, allowed in (
            ("CTCLIP_HEADER_TIMEOUT", ("nan", "inf", "-1", "0", "604801", "30s", "1e999", " 30", "30 "), seconds),
            ("CTCLIP_MIN_UPLOAD_RATE", ("-1", "nan", "1.5", "10q", "k", "99999999999T"), rate),
            ("CTCLIP_PORT", ("65536", "-1", "tcp://10.0.0.1:8000", "0x50"), "from 0 to 65535"),
            ("CTCLIP_THREADS", ("1025", "two"), "from 0 to 1024"),
            ("CTCLIP_TRUSTED_PROXY", ("10.0.0.1,proxy",), "an address or a network")):
        option = "--" + variable.removeprefix("CTCLIP_").lower().replace("_", "-")
        for value in values:
            told = refused(ctclip, **{variable: value})
            assert variable in told and allowed in told, told
            told = refused(ctclip, f"{option}={value}")
            assert option in told and allowed in told, told
    for value in ("", " ", "\t"):
        assert "CTCLIP_API_KEYS: expected a value" in refused(ctclip, CTCLIP_API_KEYS=value)
    assert "CTCLIP_ANY_ANATOMY: expected true or false" in refused(ctclip, CTCLIP_ANY_ANATOMY="2")
    told = refused(ctclip, CTCLIP_MAX_UPLAOD="1G")
    assert "CTCLIP_MAX_UPLAOD" in told and "did you mean CTCLIP_MAX_UPLOAD?" in told, told
    done = subprocess.run([ctclip, "serve", "--help"], env=os.environ | {"CTCLIP_PORT": "nan"}, capture_output=True, text=True,
                          check=True)
    assert "--port" in done.stdout
    with serve(ctclip, environment={"CTCLIP_API_KEY": "for batch", "CTCLIP_MODEL_PATH": "", "CTCLIP_MIN_UPLOAD_RATE": "2kB"}):
        pass


def check_addresses(ctclip, folder):
    """Whom the log, the audit and the limits mean: the client that a trusted proxy names, and nobody that a client names."""
    keys, state, table = folder / "keys", folder / "state", folder / "audit.csv"
    key = subprocess.run([ctclip, "keys", "add", "ward-3", "--scopes", "read", "--api-keys", keys], capture_output=True,
                         text=True, check=True).stdout.strip()
    wrong = "ctclip_" + "0" * 64

    def ask(method="GET", path="/v1/studies", key=None, **headers):
        headers |= {"X-API-Key": key} if key else {}
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, url + path, headers=fields, timeout=TIMEOUT).status_code

    with serve(ctclip, "--api-keys", keys, "--state", state, "--log-format", "json", "--trusted-proxy", "127.0.0.1,fd00::/8",
               "--trusted-proxy", "10.0.0.0/8") as service:
        url = service.url
        assert ask(key=key, X_Forwarded_For="6.6.6.6, 203.0.113.9, 10.1.1.1") == 200
        assert ask("POST", "/predict", key, Forwarded='for="[2001:db8::1]:443"') == 403
        assert ask(key=wrong, X_Forwarded_For="203.0.113.10") == 401
        assert ask(X_Forwarded_For="203.0.113.11") == 401  # without a key there is none to be refused
        assert ask(key=key, X_Forwarded_For="203.0.113.12", Forwarded="for=6.6.6.6") == 200
        assert ask(path="/metrics", X_Forwarded_For="203.0.113.13") == 401 and ask(path="/metrics") == 200
        guesses = [ask(key=wrong, X_Forwarded_For="203.0.113.14") for _ in range(11)]
        assert guesses == [401] * 10 + [429], guesses
        assert ask(key=wrong, X_Forwarded_For="203.0.113.15") == 401, "one client's guesses count for another"
    lines = [json.loads(line) for line in service.log]
    named = [(line["client"], line.get("key"), line["status"]) for line in lines if line["event"] == "request"]
    assert named[:5] == [("203.0.113.9", "ward-3", 200), ("2001:db8::1", "ward-3", 403), ("203.0.113.10", None, 401),
                         ("203.0.113.11", None, 401), ("127.0.0.1", "ward-3", 200)], named
    assert key not in "".join(service.log) and wrong not in "".join(service.log)
    assert next(line for line in lines if line["event"] == "state")["folder"] == str(state)
    subprocess.run([ctclip, "history", "export", "--state", state, table, "--audit"], check=True, capture_output=True)
    with open(table, encoding="utf-8", newline="") as file:
        found = [(row["client"], row["detail"]) for row in csv.DictReader(file) if row["event"] == "refused"]
    studies = "/v1/studies"
    assert found == [("203.0.113.10", studies)] + [("203.0.113.14", studies)] * 10 + [("203.0.113.15", studies)], found
    with serve(ctclip, "--log-format", "json", "--trusted-proxy", "10.0.0.0/8") as service:
        url = service.url
        assert ask(X_Forwarded_For="203.0.113.9", Forwarded="for=203.0.113.9") == 200
    assert [line["client"] for line in map(json.loads, service.log) if line["event"] == "request"] == ["127.0.0.1"]


def main():
    ctclip = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        study = make_study(ctclip, folder / "chest.zip")
        with serve(ctclip, "--log-format", "json") as service:
            check_metrics(service.url, study)
            check_ids(service.url, study, service.log)
            check_languages(service.url)
        check_environment(ctclip)
        check_addresses(ctclip, folder)
        slow = make_study(ctclip, folder / "slow.zip", 384, 1.5)  # so that there is a queue to be stopped
        check_stop(ctclip, slow, study)
        check_deadline(ctclip, slow)
        check_manager(ctclip, folder)
        check_ready(ctclip)
        check_restart(ctclip, study)


if __name__ == "__main__":
    main()
