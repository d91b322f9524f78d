"""Every real study is answered or refused as its INDEX says, by predict and by the service alike.

Usage: real_studies_test.py CTCLIP, the program that was built.
"""

import io
import json
import subprocess
import sys
import zipfile

import requests

from service import ROOT, Service, real_study

MODELS = ROOT / "tests" / "data" / "tiny"
# What INDEX.md expects. Folders travel to the service as archives.
ANSWERED = ["chest_nlst_jpegls.zip", "chest_nlst_multiframe_jpegls.dcm"]
REFUSED = {"head_tilted_uneven.zip": "gantry_tilt",
           "transfer_syntaxes": "too_few_slices",
           "multiframe": "too_few_slices",
           "malformed": "too_few_slices"}


def upload(study):
    if study.is_file():
        return study.read_bytes()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(study.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(study))
    return out.getvalue()


def without_times(answer):
    answer = dict(answer)
    del answer["time_of_processing"]
    for only_one_says in ("request_id", "input", "warnings"):  # the service says warnings in a header
        answer.pop(only_one_says, None)
    if "details" in answer:
        answer["details"] = {key: value for key, value in answer["details"].items()
                             if key not in ("seconds", "request_id")}
        answer["details"]["study"] = dict(answer["details"]["study"], format="")
    return answer


def main():
    folder = real_study().parent
    names = ANSWERED + list(REFUSED)
    command = [sys.argv[1], "predict", "--models", MODELS, "--details", *(folder / name for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1, f"some are refused: exit 1 expected, found {done.returncode} {done.stderr}"
    predicted = dict(zip(names, map(json.loads, done.stdout.splitlines()), strict=True))

    with Service([sys.argv[1], "serve", "--models", MODELS, "--port", "0"]) as service:
        for name in names:
            answer = requests.post(f"{service.url}/predict?details=true",
                                   files={"file": upload(folder / name)}, timeout=300)
            expected = 200 if name in ANSWERED else 422
            assert answer.status_code == expected, f"{name}: {answer.status_code} {answer.text}"
            assert without_times(answer.json()) == without_times(predicted[name]), \
                f"{name}: predict and the service differ:\n{predicted[name]}\n{answer.text}"
            print(name, answer.json()["probability_of_pathology"], answer.json().get("error_code"))

    for name, code in REFUSED.items():
        assert predicted[name]["error_code"] == code, predicted[name]
        assert predicted[name]["probability_of_pathology"] is None, predicted[name]
    series, multiframe = (predicted[name] for name in ANSWERED)
    for field in ("study_uid", "probability_of_pathology", "pathology", "most_dangerous_pathology_type"):
        assert series[field] == multiframe[field], f"{field}: {series[field]} and {multiframe[field]}"
    assert series["details"]["features"] == multiframe["details"]["features"]


if __name__ == "__main__":
    main()
