"""API keys on the real service: made, sent, scoped, taken up again on SIGHUP, asked for by the page; shares of a client; CORS.

Usage: keys_test.py CTCLIP, the program that was built.
"""

import base64
import hashlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

import requests

from service import GOLDEN, ROOT, Service

MODELS = ROOT / "tests/data/tiny"
STUDY = GOLDEN / "dicom/s01_base.zip"
VIEWER = "https://viewer.example.org"


class Keys:
    """`ctclip keys` on one file."""

    def __init__(self, ctclip, file):
        self.ctclip, self.file = ctclip, file

    def run(self, *words, status=0):
        done = subprocess.run([self.ctclip, "keys", *words, "--api-keys", self.file], capture_output=True, text=True,
                              check=False)
        assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip() if status == 0 else done.stderr

    def add(self, name, scopes):
        return self.run("add", name, "--scopes", scopes)


def predict(url, key=None, **headers):
    if key:
        headers["Authorization"] = f"Bearer {key}"
    with open(STUDY, "rb") as file:
        return requests.post(f"{url}/predict?any_anatomy=true", files={"file": file}, headers=headers, timeout=300)


def expect(answer, status, code=None):
    assert answer.status_code == status, f"expected {status}, found {answer.status_code}: {answer.text}"
    if code:
        assert answer.json()["error_code"] == code, answer.text
    return answer


def check_command(keys):
    """What is written is no key; what makes no sense is refused by name."""
    made = keys.add("ward-3", "submit,read")
    text = keys.file.read_text(encoding="utf-8")
    assert re.fullmatch(r"ctclip_[0-9a-f]{64}", made) and made not in text
    assert f"ward-3 submit,read sha256:{hashlib.sha256(made.encode()).hexdigest()}" in text, text
    assert keys.file.stat().st_mode & 0o777 == 0o600
    assert "already" in keys.run("add", "ward-3", status=2)
    assert "found 'write'" in keys.run("add", "x", "--scopes", "read,write", status=2)
    assert "A-Z" in keys.run("add", "Ivan Ivanov", status=2)
    assert "no key" in keys.run("remove", "nobody", status=2)
    keys.file.write_text("# of the clinic\n" + text, encoding="utf-8")
    keys.file.chmod(0o640)
    keys.add("gone", "read")
    keys.run("remove", "gone")
    assert keys.run("list") == "ward-3 submit,read"
    assert keys.file.read_text(encoding="utf-8").startswith("# of the clinic\n")
    assert keys.file.stat().st_mode & 0o777 == 0o640, "the mode changed"
    keys.file.chmod(0o644)
    assert "0644" in keys.run("list", status=2)
    keys.file.chmod(0o600)
    return made


def check_out(keys):
    """`--out` makes a file that nobody else can read, whatever the umask, and appends to one that is so already."""
    out = keys.file.parent / "ward.key"
    old = os.umask(0)
    try:
        assert keys.run("add", "ward-8", "--out", out) == "", "the key was printed as well"
    finally:
        os.umask(old)
    assert out.stat().st_mode & 0o777 == 0o600 and re.fullmatch(r"ctclip_[0-9a-f]{64}\n", out.read_text(encoding="utf-8"))
    keys.run("add", "ward-9", "--out", out)
    lines = out.read_text(encoding="utf-8").split()
    text = keys.file.read_text(encoding="utf-8")
    assert [hashlib.sha256(key.encode()).hexdigest() in text for key in lines] == [True, True], text
    fifo = keys.file.parent / "fifo"
    os.mkfifo(fifo, 0o600)
    out.chmod(0o640)
    for wrong, reason in ((out, "0640"), (fifo, "no regular file"), (keys.file, "is the file of API keys"),
                          (keys.file.parent / "nowhere/key", "No such file")):
        assert reason in keys.run("add", "ward-10", "--out", wrong, status=2), wrong
    assert out.read_text(encoding="utf-8").split() == lines and "ward-10" not in keys.run("list"), "a key that nobody has"
    out.chmod(0o600)
    for name in ("ward-8", "ward-9"):
        keys.run("remove", name)


def check_scopes(url, submit, read):
    answer = expect(predict(url), 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ctclip"'
    expect(predict(url, "ctclip_" + "0" * 64), 401, "unauthenticated")
    expect(predict(url, submit[:-1]), 401, "unauthenticated")
    expect(predict(url, read), 403, "forbidden")
    expect(predict(url, submit), 200)
    expect(predict(url, **{"X-API-Key": submit}), 200)
    expect(predict(url, **{"X-API-Key": submit, "Authorization": "Basic eDp5"}), 200)
    for route in ("/health", "/ready", "/openapi.json", "/"):
        expect(requests.get(url + route, timeout=60), 200)


def check_studies(url, submit, read, admin):
    """Whose a study is, is the key's affair: nobody else sees or cancels it, but admins."""
    def ask(method, path, key, **options):
        return requests.request(method, f"{url}/v1/studies{path}", headers={"X-API-Key": key}, timeout=300, **options)

    with open(STUDY, "rb") as file:
        expect(ask("POST", "", read, files={"file": file}), 403, "forbidden")
    with open(STUDY, "rb") as file:
        accepted = ask("POST", "", submit, files={"file": file}, params={"fresh": "true"})
    assert accepted.status_code == 202, accepted.text
    path = "/" + accepted.json()["id"]
    expect(requests.get(f"{url}/v1/studies{path}", timeout=60), 401, "unauthenticated")
    for key, status in ((submit, 200), (admin, 200), (read, 404)):
        assert ask("GET", path, key).status_code == status, key
        assert (accepted.json()["id"] in ask("GET", "", key).text) == (status == 200)
    expect(ask("GET", path + "/events", read), 404, "not_found")
    expect(ask("DELETE", path, read), 403, "forbidden")
    wait_for(lambda: ask("GET", path, submit).json()["finished"], "the study has no end")


def check_metrics(url, submit, admin):
    """This machine reads them without a key; with one, it is the key that counts."""
    for headers, status in (({}, 200), ({"X-API-Key": admin}, 200), ({"X-API-Key": submit}, 403)):
        assert requests.get(f"{url}/metrics", headers=headers, timeout=60).status_code == status, status


def check_guessing(url, submit):
    """Wrong keys soon get 429; a right one from the same address is still taken."""
    found = [predict(url, f"ctclip_{n:064x}").status_code for n in range(12)]
    assert found[-1] == 429 and set(found) == {401, 429}, found
    answer = expect(predict(url, "guess"), 429, "too_many_attempts")
    assert int(answer.headers["Retry-After"]) >= 1
    expect(predict(url, submit), 200)


def check_page(url):
    """A browser is asked for the key, by the one script that its policy lets run."""
    answer = requests.get(url, headers={"Accept": "text/html"}, timeout=60)
    script = re.search(r"<script>(.*?)</script>", answer.text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert f"script-src 'sha256-{digest}'" in policy and "connect-src 'self'" in policy, policy
    assert "frame-ancestors 'none'" in policy and "unsafe-inline'; script" not in policy, policy
    field = re.search(r"<input[^>]*id=\"key\"[^>]*>", answer.text).group()
    assert "name=" not in field and "Ключ API" in answer.text and "localStorage" not in answer.text


def check_reload(service, keys, submit):
    late = keys.add("late", "submit")
    expect(predict(service.url, late), 401, "unauthenticated")
    service.reload()
    service.says('reloaded read=["API keys"]')
    expect(predict(service.url, late), 200)
    good = keys.file.read_text(encoding="utf-8")
    keys.file.write_text("nonsense\n", encoding="utf-8")
    service.reload()
    service.says('reload_failed what=API keys')
    expect(predict(service.url, submit), 200)
    keys.file.write_text(good, encoding="utf-8")
    keys.run("remove", "late")
    service.reload()
    wait_for(lambda: predict(service.url, late).status_code in (401, 429), "the removed key still works")
    assert submit not in "".join(service.log) and late not in "".join(service.log)


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def begin_upload(url, key):
    host, port = url.removeprefix("http://").split(":")
    upload = socket.create_connection((host, int(port)))
    upload.sendall(f"POST /predict HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 10000\r\n"
                   "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode())
    return upload


def check_share(url, one, other):
    """Two studies of a key are all that it may have; another key is not held up by them."""
    with begin_upload(url, one), begin_upload(url, one):
        wait_for(lambda: predict(url, one).status_code == 429, "one key has every place")
        answer = expect(predict(url, one), 429, "client_limit")
        assert int(answer.headers["Retry-After"]) >= 1
        expect(predict(url, other), 200)
    wait_for(lambda: predict(url, one).status_code == 200, "a share was not given back")


def check_cors(url, key):
    asked = {"Origin": VIEWER, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = expect(requests.options(f"{url}/predict", headers=asked, timeout=60), 204)
    assert answer.headers["Access-Control-Allow-Origin"] == VIEWER and answer.headers["Vary"] == "Origin"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"] and answer.content == b""
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    for answer in (predict(url, key, Origin=VIEWER), predict(url, Origin=VIEWER)):  # a refusal can be read, too
        assert answer.headers["Access-Control-Allow-Origin"] == VIEWER, answer.headers
    stranger = asked | {"Origin": "https://elsewhere.example.org"}
    answer = expect(requests.options(f"{url}/predict", headers=stranger, timeout=60), 405)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in predict(url, key, Origin="https://viewer.example.org.evil.com").headers


def check_refused_starts(ctclip, folder, keys):
    """What the service cannot do as it was told, it does not begin."""
    def start(*options):
        done = subprocess.run([ctclip, "serve", "--models", MODELS, "--port", "0", "--state", "none", *options],
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2, f"{options}: {done.returncode}"
        return done.stderr
    assert "no such file" in start("--api-keys", folder / "nothing")
    keys.file.chmod(0o604)
    assert "0604" in start("--api-keys", keys.file)
    keys.file.chmod(0o600)
    assert "origin" in start("--cors-origin", "*")


def check_batch(ctclip, folder, url, key):
    """The batch client sends the key that its environment has."""
    studies = folder / "studies"
    studies.mkdir()
    (studies / "one.zip").write_bytes(STUDY.read_bytes())
    command = [ctclip, "batch", "--input-dir", studies, "--api-url", url, "--any-anatomy", "--output"]
    bare = {name: value for name, value in os.environ.items() if name != "CTCLIP_API_KEY"}
    done = subprocess.run([*command, folder / "a.csv"], env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "API key" in done.stderr, done.stderr
    done = subprocess.run([*command, folder / "b.csv"], env=bare | {"CTCLIP_API_KEY": key}, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0 and key not in done.stderr + done.stdout, done.stderr
    client = [sys.executable, ROOT / "api/batch_inference_client.py", *command[2:], folder / "c.csv", "--api-key", key]
    subprocess.run(client, env=bare | {"CTCLIP": str(ctclip)}, capture_output=True, check=True)


def check_open_door(command, keys):
    """Without keys nobody is asked for one, and whoever opens that to other machines is warned."""
    warning = "asks nobody for a key"
    with Service(command + ["127.0.0.1"]) as service:
        expect(predict(service.url), 200)
        expect(predict(service.url, "whatever"), 200)
        expect(requests.options(f"{service.url}/predict", headers={"Origin": VIEWER}, timeout=60), 405)
        assert not any(warning in line for line in service.log)
    for options, warned in ((["0.0.0.0"], True), (["0.0.0.0", "--api-keys", keys.file], False)):
        service = Service(command + options)
        service.says("listening on http://0.0.0.0:")
        service.stop()
        assert any(warning in line for line in service.log) == warned, service.log


def main():
    ctclip = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        keys = Keys(ctclip, folder / "keys")
        submit = check_command(keys)
        check_out(keys)
        read, admin = keys.add("archive", "read"), keys.add("head", "admin")
        command = [ctclip, "serve", "--models", MODELS, "--port", "0", "--api-keys", keys.file]
        with Service(command + ["--client-studies", "2", "--cors-origin", VIEWER]) as service:
            check_scopes(service.url, submit, read)
            expect(predict(service.url, admin), 200)
            check_studies(service.url, submit, read, admin)
            check_metrics(service.url, submit, admin)
            check_page(service.url)
            check_cors(service.url, submit)
            check_share(service.url, submit, admin)
            check_batch(ctclip, folder, service.url, submit)
            check_reload(service, keys, submit)
            check_guessing(service.url, submit)
        check_refused_starts(ctclip, folder, keys)
        check_open_door([ctclip, "serve", "--models", MODELS, "--port", "0", "--host"], keys)


if __name__ == "__main__":
    main()
