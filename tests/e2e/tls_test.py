"""TLS on the real service: certificates that are checked, changed while it runs, or no good; who speaks something else.

Usage: tls_test.py CTCLIP, the program that was built. openssl makes the certificates, curl and the batch client are the clients.
"""

import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from service import GOLDEN, ROOT, Service

MODELS = ROOT / "tests/data/tiny"
STUDY = GOLDEN / "dicom/s01_base.zip"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


class Authority:
    """One that a hospital might have: it signs a certificate for 127.0.0.1 under each name that is asked for."""

    def __init__(self, folder):
        self.folder, self.pem, self._key = folder, folder / "authority.pem", folder / "authority.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=test authority", "-keyout", self._key, "-out", self.pem)

    def sign(self, name):
        """Paths of a certificate with this common name, and of its key."""
        key, request, pem = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request)
        extension = self.folder / "san.ext"
        extension.write_text("subjectAltName=IP:127.0.0.1\n", encoding="utf-8")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self._key, "-CAcreateserial",
            "-days", "2", "-extfile", extension, "-out", pem)
        return pem, key

    def context(self):
        return ssl.create_default_context(cafile=self.pem)


def connect(url, context):
    host, port = url.removeprefix("https://").split(":")
    return context.wrap_socket(socket.create_connection((host, int(port)), timeout=30), server_hostname=host)


def name_served(url, authority):
    with connect(url, authority.context()) as client:
        return dict(pair[0] for pair in client.getpeercert()["subject"])["commonName"]


def ask(client, path="/health"):
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"}\n"):
        piece = client.recv(65536)
        assert piece, f"the connection ended: {answer}"
        answer += piece
    return answer


def check_curl(url, authority):
    answer = run("curl", "-sS", "-i", "--cacert", authority.pem, "-F", f"file=@{STUDY}", f"{url}/predict?any_anatomy=true")
    assert answer.startswith("HTTP/1.1 200 OK") and '"Success"' in answer, answer
    assert re.search(r"^Strict-Transport-Security: max-age=\d+", answer, re.MULTILINE), answer
    stranger = subprocess.run(["curl", "-sS", f"{url}/health"], capture_output=True, text=True, check=False)
    assert stranger.returncode == 60, "curl took a certificate of an unknown authority"


def check_versions(url, authority):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = authority.context()
        context.minimum_version = context.maximum_version = version
        with connect(url, context) as client:
            assert b"healthy" in ask(client)
            assert "GCM" in client.cipher()[0] or "CHACHA20" in client.cipher()[0], client.cipher()
    done = subprocess.run(["openssl", "s_client", "-connect", url.removeprefix("https://"), "-tls1_1", "-cipher",
                           "ALL:@SECLEVEL=0"], input="", capture_output=True, text=True, check=False, timeout=60)
    assert "Cipher is (NONE)" in done.stdout, done.stdout


def check_others(url):
    """Plain HTTP and noise get an orderly end, no reset; who says nothing is let go after the handshake's time."""
    host, port = url.removeprefix("https://").split(":")
    for said in (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", bytes(range(200)), b""):
        with socket.create_connection((host, int(port)), timeout=30) as client:
            client.sendall(said)
            began = time.monotonic()
            while client.recv(65536):
                pass
            assert time.monotonic() - began < 20, f"{said[:10]!r} was kept for long"


def check_cut_short(url, authority):
    """A client that leaves in the middle of an upload harms nobody."""
    with connect(url, authority.context()) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
                       b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n" + bytes(100_000))
    with connect(url, authority.context()) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000000\r\n"
                       b"Content-Type: multipart/form-data; boundary=b\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 413"), "a refusal is read while there is more to send"
    with connect(url, authority.context()) as client:
        assert b"healthy" in ask(client) and b"healthy" in ask(client), "two requests on one connection"


def check_reload(service, authority, served):
    """A new pair is for new connections; an old connection goes on; a bad pair changes nothing and is told."""
    certificate, key = served
    with connect(service.url, authority.context()) as old:
        ask(old)
        for fresh, place in zip(authority.sign("second"), served):
            shutil.copy(fresh, place)
        service.reload()
        service.says('reloaded read=["TLS certificate and key"]')
        assert name_served(service.url, authority) == "second"
        assert b"healthy" in ask(old)
        shutil.copy(authority.sign("third")[0], certificate)  # without its key
        service.reload()
        service.says("key values mismatch")
        assert name_served(service.url, authority) == "second"
        key.write_text("nonsense", encoding="utf-8")
        service.log.clear()
        service.reload()
        service.says(f"TLS key {key}")
        assert name_served(service.url, authority) == "second"
        assert b"healthy" in ask(old)


def check_batch(ctclip, folder, url, authority):
    studies = folder / "studies"
    studies.mkdir()
    shutil.copy(STUDY, studies)
    command = [ctclip, "batch", "--input-dir", studies, "--api-url", url, "--any-anatomy", "--output"]
    run(*command, folder / "a.csv", "--ca-bundle", authority.pem)
    done = subprocess.run([*command, folder / "b.csv"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "No safe connection" in done.stderr, done.stderr


def check_refused_starts(ctclip, authority, folder):
    """A pair that is of no use is told at start."""
    first, second = authority.sign("a"), authority.sign("b")
    locked = folder / "locked.key"
    run("openssl", "ec", "-in", first[1], "-out", locked, "-aes128", "-passout", "pass:secret")
    for certificate, key, reason in ((first[0], second[1], "key values mismatch"), (folder / "none", first[1], "none"),
                                     (first[0], locked, "locked.key")):
        done = subprocess.run([ctclip, "serve", "--models", MODELS, "--port", "0", "--state", "none",
                               "--tls-certificate", certificate, "--tls-key", key], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2 and reason in done.stderr, done.stderr


def main():
    ctclip = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        authority = Authority(folder)
        served = tuple(shutil.copy(path, folder / f"served.{kind}")
                       for path, kind in zip(authority.sign("first"), ("pem", "key")))
        command = [ctclip, "serve", "--models", MODELS, "--port", "0", "--tls-certificate", served[0], "--tls-key", served[1],
                   "--handshake-timeout", "2"]
        with Service(command, authority=authority.pem) as service:
            assert service.url.startswith("https://")
            assert name_served(service.url, authority) == "first"
            check_curl(service.url, authority)
            check_versions(service.url, authority)
            check_others(service.url)
            check_cut_short(service.url, authority)
            check_batch(ctclip, folder, service.url, authority)
            check_reload(service, authority, served)
        check_refused_starts(ctclip, authority, folder)


if __name__ == "__main__":
    main()
