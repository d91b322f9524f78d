"""An archive with a pneumothorax and a healthy chest: nothing that answers is silent about the one that it did not look at.

Usage: several_studies_test.py CTCLIP, the program that was built.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import pandas
import requests

import batch_studies
from service import ROOT, Service
from studies import ended, submit

MODELS = ROOT / "tests" / "data" / "tiny"
FIELDS = ["study_uid", "series_uid", "probability_of_pathology", "pathology", "most_dangerous_pathology_type",
          "processing_status", "time_of_processing", "bundle"]


class Archive:
    """Two studies in one ZIP, and what each is answered by itself. `first`: which one is taken where nobody chooses."""

    def __init__(self, ctclip, folder):
        self.ctclip, self.folder = ctclip, folder
        self.path = folder / "both.zip"
        alone = [batch_studies.make_phantom(ctclip, folder / "pneumothorax.zip", "--finding", "pneumothorax", "--seed", "5"),
                 batch_studies.make_phantom(ctclip, folder / "healthy.zip", "--seed", "6")]
        parts = [batch_studies.slices(path) for path in alone]
        self.files = {f"{i}/{name}": data for i, part in enumerate(parts) for name, data in part.items()}
        self.path.write_bytes(batch_studies.packed(self.files))
        self.uids = [batch_studies.study_uid(part) for part in parts]
        self.answers = {uid: json.loads(self.predict(path).stdout) for uid, path in zip(self.uids, alone)}
        probabilities = {answer["probability_of_pathology"] for answer in self.answers.values()}
        assert set(self.answers) == {answer["study_uid"] for answer in self.answers.values()} and len(probabilities) == 2

    def predict(self, path, *options, status=0):
        done = subprocess.run([self.ctclip, "predict", "--models", MODELS, path, *options], capture_output=True, text=True,
                              check=False, timeout=300)
        assert done.returncode == status, done
        return done

    def warning(self, answered):
        """What is said with the answer about one of them."""
        other, = set(self.uids) - {answered}
        return f"The archive holds 1 more study, which was not looked at: {other}."

    def check_answer(self, answer):
        """The numbers are those of the study that is named."""
        alone = self.answers[answer["study_uid"]]
        for name in ("series_uid", "probability_of_pathology", "pathology", "most_dangerous_pathology_type"):
            assert answer[name] == alone[name], (answer, alone)


def check_predict(archive):
    loose = archive.folder / "mixed"
    loose.mkdir()
    for name, data in archive.files.items():
        (loose / name.replace("/", "-")).write_bytes(data)
    for path in (archive.path, loose):
        done = archive.predict(path)
        answer = json.loads(done.stdout)
        warning = archive.warning(answer["study_uid"])
        assert f"ctclip: warning: {path}: {warning}\n" in done.stderr, done.stderr
        assert answer["warnings"] == [warning], answer
        archive.check_answer(answer)
    for uid in archive.uids:
        done = archive.predict(archive.path, "--study", uid)
        answer = json.loads(done.stdout)
        assert answer["study_uid"] == uid and "warnings" not in answer and "warning: " not in done.stderr, done
        archive.check_answer(answer)
    failed = json.loads(archive.predict(archive.path, "--study", "1.2.3", status=1).stdout)
    assert failed["error_code"] == "series_not_found" and failed["study_uid"] == "", failed


def check_other_warnings(archive):
    """No warning is in the details alone: of a success, nor of a failure."""
    done = archive.predict(archive.folder / "healthy.zip", "--any-anatomy")
    assert "lungs check was left out" in done.stderr and json.loads(done.stdout)["warnings"], done
    head = batch_studies.make_phantom(archive.ctclip, archive.folder / "head.zip", "--part", "head", "--seed", "7")
    few = dict(list(batch_studies.slices(archive.folder / "healthy.zip").items())[:5])
    few = {f"few/{name}": data for name, data in few.items()}
    (archive.folder / "failing.zip").write_bytes(batch_studies.packed({**batch_studies.slices(head), **few}))
    done = archive.predict(archive.folder / "failing.zip", status=1)
    failed = json.loads(done.stdout)
    assert failed["error_code"] == "no_lungs" and archive.uids[1] in failed["warnings"][0], failed
    assert failed["warnings"][0] in done.stderr, done.stderr


def strings_of(notice):
    """A List of Strings (RFC 8941)."""
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"(?:, "(?:[^"\\]|\\.)*")*', notice) and notice.isascii(), notice
    return [re.sub(r"\\(.)", r"\1", text) for text in re.findall(r'"((?:[^"\\]|\\.)*)"', notice)]


def post(url, path, **query):
    return requests.post(f"{url}/predict", files={"file": path.read_bytes()}, params=query, timeout=300)


def check_service(archive, url):
    for details in (False, True):
        reply = post(url, archive.path, details=str(details).lower())
        answer = reply.json()
        assert list(answer) == FIELDS + ["details"] * details, answer
        assert strings_of(reply.headers["X-CTCLIP-Notice"]) == [archive.warning(answer["study_uid"])], reply.headers
        archive.check_answer(answer)
    for uid in archive.uids:
        reply = post(url, archive.path, study_uid=uid)
        assert reply.json()["study_uid"] == uid and "X-CTCLIP-Notice" not in reply.headers, reply.headers
        archive.check_answer(reply.json())
    failed = post(url, archive.folder / "failing.zip", details="true")
    assert failed.status_code == 422 and archive.uids[1] in failed.headers["X-CTCLIP-Notice"], failed.headers
    named = {series["study_uid"] for series in failed.json()["details"]["study"]["series"]}
    assert archive.uids[1] in named and len(named) == 2, failed.text
    again = post(url, archive.path, fresh="false")
    assert again.headers["X-CTCLIP-From-History"] == "true" and "X-CTCLIP-Notice" in again.headers, again.headers


def check_studies(archive, url):
    data = archive.path.read_bytes()
    now = ended(url, submit(url, data, fresh="true"))
    assert list(now["result"]) == FIELDS and now["warnings"] == [archive.warning(now["study_uid"])], now
    for uid in archive.uids:
        now = ended(url, submit(url, data, fresh="true", study_uid=uid))
        assert now["study_uid"] == uid and now["warnings"] == [] and now["options"]["study_uid"] == uid, now
        archive.check_answer(now["result"])


def rows_of(output):
    """(path in the folder, StudyInstanceUID) of each row, with the row."""
    lines = output.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    keys = [(pathlib.PurePath(row["path_to_study"]).name, row["study_uid"]) for row in rows]
    assert len(set(keys)) == len(keys), keys
    return dict(zip(keys, rows))


def cut_after(journal, path):
    """What a kill -9 leaves after the first row of a path: half of the next line is there. How many rows are whole."""
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if json.loads(line).get("path") == path)
    journal.write_text("".join(lines[:first + 1]) + lines[first + 1][:40], encoding="utf-8")
    return first


def check_batch(archive, folder, name, *backend):
    """Every study of an archive and of a folder has its row, before and after an interruption between two of them."""
    output, journal = folder / f"{name}.jsonl", folder / f"{name}.jsonl.journal.jsonl"

    def run(*options, status=0):
        done = subprocess.run([archive.ctclip, "batch", *map(str, options)], capture_output=True, text=True, check=False,
                              timeout=300)
        assert done.returncode == status, done
        return done.stdout + done.stderr

    studies = ["--input-dir", folder / "studies", "--output", output, *backend]
    first = run(*studies)
    assert "Total: 4\nSuccess: 4\nFailed: 0\nModels" in first, first
    whole = rows_of(output)
    assert {uid for path, uid in whole if path == "both.zip"} == set(archive.uids), whole.keys()
    assert {uid for path, uid in whole if path != "both.zip"} == set(archive.uids), whole.keys()
    for row in whole.values():
        archive.check_answer(row)
        assert row["warnings"] == [] and row["error_code"] is None, row

    kept = cut_after(journal, "both.zip")
    partial = folder / f"{name}-partial.csv"
    said = run("merge", partial, journal, "--partial", status=1)
    assert f"Total: {kept}\n" in said and "With warnings: 1\nNot looked at: 1\n" in said, said
    table = pandas.read_csv(partial)
    assert list(table.columns)[9:] == ["error_code", "warnings"], table.columns
    table = table[table.path_to_study.str.endswith("both.zip")]
    assert list(table.warnings) == [archive.warning(table.study_uid.item())], table
    run(*studies, "--resume")
    for key, row in rows_of(output).items():
        assert {**row, "time_of_processing": 0} == {**whole[key], "time_of_processing": 0}, row
    assert len(rows_of(output)) == 4
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()[1:-1]]
    assert len(lines) == 4, "a study was answered twice"

    broken = ["--input-dir", folder / "broken", "--output", folder / f"{name}-broken.xlsx", *backend]
    said = run(*broken, status=1)
    assert "Total: 2\nSuccess: 0\nFailed: 2\n  no_lungs: 1\n  too_few_slices: 1\n" in said, said
    table = pandas.read_excel(folder / f"{name}-broken.xlsx")
    assert sorted(table.error_code) == ["no_lungs", "too_few_slices"], table
    assert table.study_uid[table.error_code == "too_few_slices"].item() == archive.uids[1], table


def put_studies(archive, folder):
    for name in ("studies", "broken"):
        (folder / name).mkdir()
    archive.path.rename(folder / "studies" / "both.zip")
    (archive.folder / "mixed").rename(folder / "studies" / "mixed")
    (archive.folder / "failing.zip").rename(folder / "broken" / "failing.zip")


def main():
    ctclip = pathlib.Path(sys.argv[1]).resolve()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1"
    with tempfile.TemporaryDirectory() as name:
        archive = Archive(ctclip, pathlib.Path(name))
        check_predict(archive)
        check_other_warnings(archive)
        with Service([ctclip, "serve", "--models", MODELS, "--port", "0"]) as service:
            check_service(archive, service.url)
            check_studies(archive, service.url)
            folder = pathlib.Path(name)
            put_studies(archive, folder)
            check_batch(archive, folder, "service", "--api-url", service.url)
        check_batch(archive, folder, "process", "--models", MODELS)


if __name__ == "__main__":
    main()
