"""docs/openapi.json is true: what every route really answers validates against it, and docs/api.md is made from it.

Usage: api_test.py CTCLIP, the program that was built.
"""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import jsonschema
import requests

from service import GOLDEN, ROOT, Service

MODELS = ROOT / "tests/data/tiny"
STUDY = GOLDEN / "dicom/s01_base.zip"
API = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
BEYOND_ROUTES = (404, 405)  # said in docs/api.md; OpenAPI has no place for them
FAILURE = {"$ref": "#/components/schemas/Failure"}
METHODS = ("get", "post", "put", "delete", "patch")
NOBODY = "0" * 32  # what stands for the parameters of a path
SEEN = set()  # (path, method, status) that were answered and checked
# Described, and not made by this test.
UPLOADS = ("/predict", "/v1/studies")
STUDY_PATHS = ("/v1/studies/{id}", "/v1/studies/{id}/events")
UNSEEN = {
    **{(path, "post", "500"): "the program has no known error" for path in UPLOADS},
    **{(path, "post", "408"): "made by hostile_clients_test.py" for path in UPLOADS},
    **{(path, method, "400"): "met by check_bad_http, which no client library sends"
       for path, methods in API["paths"].items() for method in methods
       if method == "get" and path != "/v1/studies" or method == "delete"},
    **{(path, method, status): "made by keys_test.py: here are no keys"
       for path, methods in API["paths"].items() for method in methods for status in ("401", "403", "429")
       if status in methods[method]["responses"] and (path, method, status) != ("/predict", "post", "429")},
    ("/predict", "post", "409"): "made by server_studies_test",
    ("/v1/studies", "post", "413"): "the same as of /predict",
    ("/v1/studies", "post", "503"): "the same as of /predict",
    **{(path, method, "503"): "made by state_faults_test.py" for path in ("/v1/studies", *STUDY_PATHS)
       for method in API["paths"][path] if method != "post"},
}


def validator(schema):
    return jsonschema.Draft202012Validator({"components": API["components"]} | schema)


def resolved(node):
    if "$ref" not in node:
        return node
    target = API
    for key in node["$ref"].removeprefix("#/").split("/"):
        target = target[key]
    return target


def check_body(answer, schema):
    if answer.headers["Content-Type"].startswith("application/json"):
        validator(schema).validate(answer.json())
    else:
        validator(schema).validate(answer.text)


def check_headers(answer, response):
    for name, header in response.get("headers", {}).items():
        if name not in answer.headers and resolved(header).get("required") is False:
            continue
        assert name in answer.headers, f"{answer.request.url} {answer.status_code}: no header {name}"
        validator(resolved(header)["schema"]).validate(answer.headers[name])


def described_path(answer):
    """The document's path that an answer's request took: "/v1/studies/{id}" for "/v1/studies/nobody"."""
    parts = answer.request.path_url.split("?")[0].split("/")
    for path in API["paths"]:
        pattern = path.split("/")
        if len(pattern) == len(parts) and all(
                one.startswith("{") or one == part for one, part in zip(pattern, parts)):
            return path
    return "/".join(parts)


def check(answer):
    """Validates status, headers and body of an answer by its route's description; returns the answer."""
    path, method, status = described_path(answer), answer.request.method.lower(), str(answer.status_code)
    described = API["paths"].get(path, {}).get(method, {"responses": {}})["responses"]
    if status not in described and answer.status_code in BEYOND_ROUTES:
        check_headers(answer, resolved(API["components"]["responses"]["BadRequest"]))
        check_body(answer, FAILURE)
        return answer
    assert status in described, f"{method} {path}: {status} is not described: {answer.text[:500]}"
    SEEN.add((path, method, status))
    response = resolved(described[status])
    check_headers(answer, response)
    check_body(answer, response["content"][answer.headers["Content-Type"].split(";")[0]]["schema"])
    return answer


def predict(url, study=STUDY, **query):
    with open(study, "rb") as file:
        return check(requests.post(f"{url}/predict", files={"file": file}, params=query, timeout=300))


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def check_document(ctclip):
    """Every schema is one, every reference leads somewhere, nothing is left over, the version is the program's."""
    for schema in API["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    told = {"#/components/schemas/" + name for name in API["components"]["schemas"]}
    used = set(references(API))
    assert all(resolved({"$ref": one}) for one in used)
    assert told <= used, f"schemas that nothing uses: {told - used}"
    version = subprocess.run([ctclip, "--version"], capture_output=True, text=True, check=True).stdout
    assert version == f"ctclip {API['info']['version']}\n", version
    subprocess.run([sys.executable, ROOT / "scripts/make_api_docs.py", "--check"], check=True)


def check_routes(url):
    assert check(requests.get(f"{url}/openapi.json", timeout=60)).json() == API
    assert check(requests.get(f"{url}/health", timeout=60)).status_code == 200
    ready = check(requests.get(f"{url}/ready", timeout=60)).json()
    assert ready["ready"] is True and ready["precision"] in ("f32", "bf16"), ready
    assert ready["precision_reason"].startswith("auto: "), ready
    check(requests.get(f"{url}/", timeout=60))
    page = check(requests.get(f"{url}/", headers={"Accept": "text/html"}, timeout=60))
    assert "radiologist" in page.text
    assert check(requests.get(f"{url}/nothing", timeout=60)).status_code == 404
    assert check(requests.put(f"{url}/predict", timeout=60)).headers["Allow"] == "POST"
    assert check(requests.get(f"{url}/health", data=b"x" * 100_000, timeout=60)).status_code in (200, 400)


def url_of(url, path):
    return url + "/".join(NOBODY if part.startswith("{") else part for part in path.split("/"))


def check_method(url, path, method):
    """Nothing but the method is sent: whatever comes of it is described; a failure in Russian, too."""
    for language in ("en", "ru"):
        answer = check(requests.request(method, url_of(url, path), headers={"Accept-Language": language}, timeout=60))
        if answer.status_code >= 400 and "error_code" in answer.text:
            assert answer.headers["Content-Language"] == language, answer.headers
            assert answer.json()["request_id"] == answer.headers["X-Request-ID"], answer.text
    assert answer.status_code != 405, f"{method} {path} is described, but not answered"


def check_described_routes(url):
    """Every path of the document takes its methods, HEAD where it takes GET, and no other."""
    for path, methods in API["paths"].items():
        for method in METHODS:
            if method in methods:
                check_method(url, path, method)
                continue
            answer = check(requests.request(method, url_of(url, path), timeout=60))
            assert answer.status_code == 405, f"{method} {path}: {answer.status_code}"
            allowed = {one.strip().lower() for one in answer.headers["Allow"].split(",")} - {"head", "options"}
            assert allowed == set(methods) & set(METHODS), f"{path}: Allow {answer.headers['Allow']}"
        if "get" in methods:
            check_head(url_of(url, path))


def check_head(address):
    head, get = requests.head(address, timeout=60), requests.get(address, timeout=60)
    assert not head.content and head.status_code == get.status_code, address
    assert head.headers["Content-Type"] == get.headers["Content-Type"] and head.headers["X-Request-ID"], address


def check_bad_http(url):
    """What is no HTTP, and a header over the limit: a failure as everywhere, and the connection ends."""
    host, port = url.removeprefix("http://").split(":")
    for request in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
                    b"POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=60) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        head, body = answer.split(b"\r\n\r\n", 1)
        assert re.match(rb"HTTP/1.1 40[05] ", head) and b"\r\nX-Request-ID: " in head, answer
        validator(FAILURE).validate(json.loads(body))


def check_all_was_seen():
    """Every status that the document has for a route was answered; UNSEEN says why one was not."""
    described = {(path, method, status) for path, methods in API["paths"].items() for method in methods
                 for status in methods[method]["responses"]}
    missing = described - SEEN - set(UNSEEN)
    assert not missing, f"described, but never answered here: {sorted(missing)}"
    assert set(UNSEEN) <= described, f"UNSEEN is not current: {set(UNSEEN) - described}"


def check_answers(url, folder, ctclip):
    assert predict(url, any_anatomy="true").status_code == 200
    answer = predict(url, any_anatomy="true", details="true").json()
    assert answer["details"]["anomaly"]["classifier"]["planes"], "the slice classifier did not run"
    subprocess.run([ctclip, "export", STUDY, "--any-anatomy", "--volume", folder / "volume.nii.gz"],
                   check=True, capture_output=True)
    chest = folder / "chest.zip"
    subprocess.run([ctclip, "phantom", chest, "--matrix", "128", "--thickness", "5"], check=True, capture_output=True)
    study = predict(url, chest, details="true").json()["details"]["study"]
    assert study["lungs"]["present"] and [one["chosen"] for one in study["series"]].count(True) == 1, study
    nifti = predict(url, folder / "volume.nii.gz", any_anatomy="true", details="true").json()
    assert nifti["details"]["study"]["format"] == "nifti" and nifti["study_uid"] == ""


def check_refusals(url, folder):
    (folder / "text.zip").write_text("This is no ZIP archive.\n")
    (folder / "large.zip").write_bytes(bytes(21_000_000))
    assert predict(url, folder / "text.zip").status_code == 400
    assert predict(url, threshold="2").json()["error_code"] == "bad_parameter"
    assert predict(url, folder / "large.zip").status_code == 413
    assert predict(url).json()["error_code"] == "no_lungs"


def check_studies(url):
    """/v1/studies: every route, and every state that a study can be seen in here."""
    def post(data, key):
        return check(requests.post(f"{url}/v1/studies", files={"file": data}, params={"any_anatomy": "true"},
                                   headers={"Idempotency-Key": key}, timeout=300))

    data = STUDY.read_bytes()
    study = post(data, "a").json()["id"]
    stream = check(requests.get(f"{url}/v1/studies/{study}/events", timeout=300))
    for line in stream.text.splitlines():
        if line.startswith("data: "):
            validator({"$ref": "#/components/schemas/StudyState"}).validate(json.loads(line.removeprefix("data: ")))
    assert post(data, "a").status_code == 200 and post(data + b"x", "a").status_code == 422
    assert check(requests.get(f"{url}/v1/studies/{study}", timeout=60)).json()["result"]["processing_status"] == "Success"
    failed = post(b"no study", "b").json()["id"]
    list(requests.get(f"{url}/v1/studies/{failed}/events", timeout=300).iter_lines())
    assert check(requests.get(f"{url}/v1/studies/{failed}", timeout=60)).json()["error_code"] == "unsupported_format"
    assert check(requests.delete(f"{url}/v1/studies/{study}", timeout=60)).json()["state"] == "done"
    page = check(requests.get(f"{url}/v1/studies", params={"limit": 1}, timeout=60)).json()
    assert page["studies"][0]["id"] == failed and page["next"] == failed
    assert check(requests.get(f"{url}/v1/studies?state=new", timeout=60)).status_code == 400
    assert check(requests.get(f"{url}/v1/studies/{'0' * 32}", timeout=60)).status_code == 404


def check_full_queue(url):
    """One place, and an upload that goes on for a while is in it."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                     b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
        deadline = time.monotonic() + 30
        while predict(url).status_code != 429:
            assert time.monotonic() < deadline, "the queue was never full"


def check_full_disk(command):
    """Such a service never is ready, and says why as soon as its models are loaded."""
    service = Service(command + ["--disk-reserve", str(2**60)])
    try:
        url = service.address()
        deadline = time.monotonic() + 120
        while check(requests.get(f"{url}/ready", timeout=60)).json() != {"ready": False, "reason": "disk_full"}:
            assert time.monotonic() < deadline, "the disk was never full"
            time.sleep(0.1)
        assert predict(url).json()["error_code"] == "disk_full"
    finally:
        service.stop()


def check_starting(ctclip, models):
    """A service that has 16 GB of nothing to hash before it is ready."""
    with open(models / "hole.pt", "wb") as file:
        file.truncate(16_000_000_000)
    edit_bundle(models, lambda bundle: bundle["files"].update(diffusion_unet={"path": "hole.pt"}))
    service = Service([ctclip, "serve", "--models", models, "--port", "0"])
    try:
        url = service.address()
        ready = check(requests.get(f"{url}/ready", timeout=60))
        assert ready.status_code == 503 and ready.json() == {"ready": False, "reason": "starting"}
        assert predict(url).json()["error_code"] == "starting"
        assert check(requests.get(f"{url}/health", timeout=60)).status_code == 200
    finally:
        service.stop()


def edit_bundle(folder, edit):
    bundle = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    edit(bundle)
    (folder / "bundle.json").write_text(json.dumps(bundle), encoding="utf-8")


def with_slice_classifier(folder):
    """The tiny bundle with the anomaly detector's slice classifier."""
    shutil.copytree(MODELS, folder)
    shutil.copy(GOLDEN / "diffusion_classifier_tiny/classifier_tiny.pt", folder)

    def edit(bundle):
        bundle["files"]["diffusion_classifier"] = {"path": "classifier_tiny.pt"}
        bundle["anomaly"] = {"image_size": 64}

    edit_bundle(folder, edit)
    return folder


def main():
    ctclip = sys.argv[1]
    check_document(ctclip)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        models = with_slice_classifier(folder / "models")
        command = [ctclip, "serve", "--models", models, "--port", "0", "--max-upload", "20000000"]
        with Service(command) as service:
            check_routes(service.url)
            check_described_routes(service.url)
            check_bad_http(service.url)
            check_answers(service.url, folder, ctclip)
            check_refusals(service.url, folder)
            check_studies(service.url)
        with Service(command + ["--queue", "0"]) as service:
            check_full_queue(service.url)
        check_full_disk(command)
        check_starting(ctclip, models)
    check_all_was_seen()


if __name__ == "__main__":
    main()
