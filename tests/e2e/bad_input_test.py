"""What is no good study gets its status, its error_code and a sentence, and the service goes on.

Usage: bad_input_test.py CTCLIP, the program that was built.
"""

import io
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import zipfile

import requests

from service import GOLDEN, ROOT, Service

MODELS = ROOT / "tests" / "data" / "tiny"
STUDIES = GOLDEN / "dicom"
LIMIT = 40_000_000
FAILURE = ["study_uid", "series_uid", "probability_of_pathology", "pathology",
           "most_dangerous_pathology_type", "processing_status", "time_of_processing", "error",
           "error_code", "request_id"]
WARNING_HEADER = "X-CTCLIP-Warning"


def slices(name="s01_base"):
    with zipfile.ZipFile(STUDIES / f"{name}.zip") as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def packed(files, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def changed(old, new, name="s01_base"):
    """The study with the same bytes replaced in every slice: old and new of one length."""
    assert len(old) == len(new)
    files = slices(name)
    assert all(old in data for data in files.values()), f"{old} is not in every slice of {name}"
    return packed({entry: data.replace(old, new, 1) for entry, data in files.items()})


def encrypted(folder):
    (folder / "slice.dcm").write_bytes(next(iter(slices().values())))
    subprocess.run(["zip", "-q", "-P", "secret", "locked.zip", "slice.dcm"], cwd=folder, check=True)
    return (folder / "locked.zip").read_bytes()


def flat_bomb():
    """One entry that inflates to 400 MB of a DICOM file's beginning and zeros."""
    head = next(iter(slices().values()))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("bomb.dcm", "w") as entry:
            entry.write(head)
            for _ in range(400):
                entry.write(bytes(1_000_000))
    return out.getvalue()


def nested_bomb():
    inner = flat_bomb()
    for _ in range(3):
        inner = packed({f"{i}.zip": inner for i in range(4)})
    return inner


def uneven_rows():
    return changed(b"\x28\x00\x10\x00US\x02\x00\x40\x00", b"\x28\x00\x10\x00US\x02\x00\xff\xff")


def named_by_patient():
    """Every StudyInstanceUID is a name."""
    def renamed(data):
        at = data.index(b"\x20\x00\x0d\x00UI")
        end = at + 8 + int.from_bytes(data[at + 6:at + 8], "little")
        return data[:at + 6] + b"\x0c\x00Golden^Chest" + data[end:]
    return packed({name: renamed(data) for name, data in slices().items()})


def cases(folder):
    """name, bytes of the upload, status, error_code."""
    good = (STUDIES / "s01_base.zip").read_bytes()
    one = slices()
    yield "empty file", b"", 400, "empty_upload"
    yield "text", b"This is no study.\n" * 10, 400, "unsupported_format"
    yield "truncated ZIP", good[: len(good) // 2], 400, "damaged_archive"
    yield "encrypted ZIP", encrypted(folder), 400, "encrypted_archive"
    yield "flat bomb", flat_bomb(), 413, "inflated_too_large"
    yield "nested bomb", nested_bomb(), 422, "no_dicom"
    yield "19 slices", (STUDIES / "s20_19_slices.zip").read_bytes(), 422, "too_few_slices"
    yield "DICOMDIR only", packed({"DICOMDIR": next(iter(one.values()))}), 422, "no_dicom"
    yield "no DICOM", packed({"a.txt": b"text", "b.jpg": b"\xff\xd8\xff"}), 422, "no_dicom"
    yield "MR", changed(b"\x08\x00\x60\x00CS\x02\x00CT", b"\x08\x00\x60\x00CS\x02\x00MR"), 422, "not_ct"
    yield "localizer only", changed(b"ORIGINAL\\PRIMARY\\AXIAL", b"ORIGINAL\\PRI\\LOCALIZER"), 422, "no_axial_series"
    yield "sagittal", (STUDIES / "s16_sagittal.zip").read_bytes(), 422, "no_axial_series"
    yield "tilted", (STUDIES / "s12_gantry_tilt.zip").read_bytes(), 422, "gantry_tilt"
    yield "no lungs", good, 422, "no_lungs"
    yield "a name for a UID", named_by_patient(), 422, "missing_uid"
    cut = packed({name: data[:-500] for name, data in one.items()})
    yield "truncated pixels", cut, 422, "undecodable_pixels"
    yield "absurd rows", uneven_rows(), None, None
    yield "over the limit", bytes(LIMIT + 1), 413, "upload_too_large"


def check_failure(name, answer, status, code):
    body = answer.json()
    assert answer.status_code == status, f"{name}: {answer.status_code} {body}"
    assert list(body) == FAILURE, f"{name}: {body}"
    assert body["error_code"] == code, f"{name}: {body}"
    assert body["processing_status"] == "Failure", f"{name}: {body}"
    assert body["error"].endswith(".") and len(body["error"]) > 20, f"{name}: {body}"
    assert "Golden" not in answer.text, f"{name}: the patient's name is in {body}"


def check_any_refusal(name, answer):
    assert answer.status_code in (413, 422), f"{name}: {answer.status_code} {answer.text}"
    assert list(answer.json()) == FAILURE, answer.text


def predict(url, data, name="study.zip", **query):
    return requests.post(f"{url}/predict", files={"file": (name, data)}, params=query, timeout=300)


def check_cases(service, folder):
    for name, data, status, code in cases(folder):
        answer = predict(service.url, data)
        if status is None:
            check_any_refusal(name, answer)
        else:
            check_failure(name, answer, status, code)
        assert requests.get(f"{service.url}/health", timeout=10).json() == {"status": "healthy"}
        print(f"{name}: {answer.status_code} {answer.json()['error_code']}")
    good = (STUDIES / "s01_base.zip").read_bytes()
    for parameter in ("series_uid", "study_uid"):
        check_failure(parameter, predict(service.url, good, **{parameter: "Golden^Chest"}), 400, "bad_parameter")


def check_harmless_name(service, folder):
    """An entry called ../../x is a slice like any other, and makes no file."""
    files = {f"../../{name}": data for name, data in slices().items()}
    answer = predict(service.url, packed(files), any_anatomy="true", details="true")
    assert answer.status_code == 200, answer.text
    assert not list(folder.parent.glob("IM00*")), "an entry's name became a file"
    assert WARNING_HEADER in answer.headers, answer.headers
    details = answer.json()["details"]
    assert "radiologist" in details["warning"], details
    assert details["bundle"]["clinical"] is False, details


def check_form(service):
    answer = requests.post(f"{service.url}/predict", files={"study": b"x"}, timeout=60)
    check_failure("no file field", answer, 400, "missing_file_field")


def check_chunked(service):
    """Over the limit without Content-Length."""
    def body():
        yield b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n"
        for _ in range(LIMIT // 1_000_000 + 2):
            yield bytes(1_000_000)
        yield b"\r\n--b--\r\n"

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    try:
        answer = requests.post(f"{service.url}/predict", data=body(), headers=kind, timeout=60)
        check_failure("chunked", answer, 413, "upload_too_large")
    except requests.exceptions.ConnectionError:
        pass  # it may close while the client still sends


def check_cut(service):
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                     b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
    assert requests.get(f"{service.url}/health", timeout=10).status_code == 200


def check_spool(spool):
    """Nothing is left of any upload; that of a client who went away is gone when that was noticed."""
    deadline = time.monotonic() + 30
    while [file for file in spool.rglob("*") if file.is_file()]:
        assert time.monotonic() < deadline, "uploads were left behind"
        time.sleep(0.1)


def check_models(ctclip, folder):
    """A model file cut in the middle, and a pickle that wants to run something: named at start, exit 2."""
    def refused(bundle, words):
        done = subprocess.run([ctclip, "models", "check", bundle], capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == 2, f"{words}: {done.returncode} {done.stdout}{done.stderr}"
        assert all(word in done.stderr for word in words), f"{words}: {done.stderr}"
        print(done.stderr.strip())

    def bundle(name, **replaced):
        target = folder / name
        target.mkdir()
        configuration = json.loads((MODELS / "bundle.json").read_text())
        for role, file in configuration["files"].items():
            del file["sha256"]
            data = replaced.get(role, (MODELS / file["path"]).read_bytes())
            (target / file["path"]).write_bytes(data)
        (target / "bundle.json").write_text(json.dumps(configuration))
        return target

    whole = (MODELS / "CT_VocabFine_v2.pt").read_bytes()
    refused(bundle("cut", ctclip=whole[: len(whole) // 2]), ["CT_VocabFine_v2.pt"])
    refused(bundle("hostile", fusion=b"cos\nsystem\n(S'touch /tmp/owned'\ntR."),
            ["lightgbm_model.pkl", "system"])
    refused(bundle("swapped", supervised=whole), ["supervised_model.pt"])
    changed_hash = bundle("hash")
    configuration = json.loads((changed_hash / "bundle.json").read_text())
    configuration["files"]["fusion"]["sha256"] = "0" * 64
    (changed_hash / "bundle.json").write_text(json.dumps(configuration))
    refused(changed_hash, ["SHA-256", "lightgbm_model.pkl"])


def main():
    ctclip = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        spool = folder / "spool"
        command = [ctclip, "serve", "--models", MODELS, "--port", "0", "--spool", spool,
                   "--max-upload", str(LIMIT), "--max-inflated", "300000000"]
        with Service(command) as service:
            check_cases(service, folder)
            check_harmless_name(service, spool)
            check_form(service)
            check_chunked(service)
            check_cut(service)
            log = "".join(service.log)
            assert "Golden" not in log and "IM00" not in log, log
            check_spool(spool)
        check_models(ctclip, folder)


if __name__ == "__main__":
    main()
