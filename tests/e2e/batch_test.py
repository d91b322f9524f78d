"""200 studies, 10 of them broken, by a service that is restarted and often full, by a client that is
killed: every study has its row, once, and the right one.

Usage: batch_test.py CTCLIP, the program that was built. Needs pandas, openpyxl, LibreOffice, pdftoppm.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import openpyxl
import pandas

import batch_studies
from readers import await_reader, children, write_large_study
from service import GOLDEN, ROOT, Service, free_port

MODELS = ROOT / "tests" / "data" / "tiny"
COLUMNS = ["path_to_study", "study_uid", "series_uid", "probability_of_pathology", "pathology",
           "processing_status", "time_of_processing", "most_dangerous_pathology_type", "error",
           "error_code", "warnings"]
NUMBERS = ["probability_of_pathology", "pathology", "time_of_processing"]
GOOD, SEEDS = 190, (1, 2, 3)


def rows_in(journal):
    """Whole rows of a journal that may be written at this moment."""
    if not journal.exists():
        return []
    lines = journal.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines[1:] if '"row"' in line]


def run(ctclip, *options, status=0, cwd=None):
    done = subprocess.run([ctclip, "batch", *options], capture_output=True, text=True, timeout=300,
                          cwd=cwd, check=False)
    assert done.returncode == status, f"{options}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Client:
    """`ctclip batch` that can be killed once its journal has some more rows."""

    def __init__(self, ctclip, output, *options):
        self.journal = pathlib.Path(f"{output}.journal.jsonl")
        self.process = subprocess.Popen([ctclip, "batch", "--output", output, *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_for_rows(self, count):
        deadline = time.monotonic() + 120
        while len(rows_in(self.journal)) < count:
            assert self.process.poll() is None, self.process.stdout.read()
            assert time.monotonic() < deadline, f"{len(rows_in(self.journal))} rows in two minutes"
            time.sleep(0.02)

    def kill(self, with_signal=signal.SIGKILL):
        assert self.process.poll() is None, self.process.stdout.read()
        self.process.send_signal(with_signal)
        said = self.process.communicate(timeout=120)[0]
        return self.process.returncode, said

    def end(self):
        said = self.process.communicate(timeout=300)[0]
        return self.process.returncode, said


def serve(ctclip, port):
    """One study at a time and one that waits: four clients make it answer 429."""
    return Service([ctclip, "serve", "--models", MODELS, "--port", str(port), "--queue", "1"])


def interrupted_batch(ctclip, studies, output):
    """Two kills, two restarts of the service, 429 in between. What the last client said."""
    port = free_port()
    options = ["--input-dir", studies, "--api-url", f"http://127.0.0.1:{port}", "--jobs", "4",
               "--retries", "30"]
    with serve(ctclip, port) as first:
        client = Client(ctclip, output, *options)
        client.wait_for_rows(15)
        client.kill()
    survived = rows_in(client.journal)
    with open(client.journal, "a", encoding="utf-8") as torn:
        torn.write('{"path":"half a li')
    client = Client(ctclip, output, *options, "--resume")  # the service is not there yet
    with serve(ctclip, port):
        client.wait_for_rows(len(survived) + 15)
        client.kill()
        client = Client(ctclip, output, *options, "--resume")
        client.wait_for_rows(len(survived) + 45)
    with serve(ctclip, port) as last:  # restarted under the client
        status, said = client.end()
    assert "status=429" in "".join(first.log + last.log), "the service was never full"
    assert rows_in(client.journal)[: len(survived)] == survived, "a row was written anew"
    assert status == 1, f"expected 1, as studies failed, found {status}:\n{said}"
    return said


def expected_answers(ctclip, archives):
    done = subprocess.run([ctclip, "predict", "--models", MODELS, *archives], capture_output=True,
                          text=True, check=True, timeout=120)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({answer["probability_of_pathology"] for answer in answers}) == len(answers), answers
    return answers


def check_row(row, uid, answer):
    assert row["processing_status"] == "Success", row
    assert row["study_uid"] == uid and row["series_uid"] == answer["series_uid"], row
    for name in ("probability_of_pathology", "pathology", "most_dangerous_pathology_type"):
        assert row[name] == answer[name], (row, answer)
    assert row["time_of_processing"] > 0 and row["error"] is None, row


def check_rows(table, studies, good, broken, answers):
    """`table`: records with None for what is empty."""
    paths = [batch_studies.path_of(studies, row) for row in table]
    assert len(paths) == len(good) + len(broken) == 200, len(paths)
    assert sorted(paths) == sorted([*good, *broken]), set(paths) ^ {*good, *broken}
    assert paths == sorted(paths, key=str.encode), "expected the rows in the order of their paths"
    for path, row in zip(paths, table):
        if path in good:
            uid, base = good[path]
            check_row(row, uid, answers[base])
        else:
            assert row["processing_status"] == "Failure" and row["error"] and row["error_code"] == broken[path], row
            assert all(row[name] is None for name in NUMBERS), row


def check_journal(journal, studies, broken):
    rows = rows_in(journal)
    paths = [row["path"] for row in rows]
    assert len(paths) == len(set(paths)) == 200, "a study was answered twice"
    codes = {row["path"]: row["error_code"] for row in rows if row["path"] in broken}
    assert codes == broken, codes
    tries = sum(row["tries"] for row in rows)
    assert tries > 200, "the service was never full nor away"
    print(f"{tries} tries for 200 studies")


def records(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def in_a_workbook(answer):
    """libxlsxwriter writes 16 significant digits, of up to 17 that a double has."""
    probability = float(f"{answer['probability_of_pathology']:.16G}")
    return {**answer, "probability_of_pathology": probability}


def check_workbook(output, studies, good, broken, answers):
    frame = pandas.read_excel(output)
    assert list(frame.columns) == COLUMNS, list(frame.columns)
    check_rows(records(frame), studies, good, broken, [in_a_workbook(answer) for answer in answers])
    book = openpyxl.load_workbook(output)
    assert book.sheetnames == ["Results", "Summary"], book.sheetnames
    sheet, summary = book.worksheets
    assert sheet.freeze_panes == "B2" and sheet.auto_filter.ref == "A1:K201", sheet.auto_filter.ref
    fills = {}
    for row in range(2, 202):
        cell = sheet.cell(row, 4)
        assert cell.number_format == "0.0%" or cell.value is None, cell.number_format
        if cell.value is not None:
            band = sum(cell.value >= bound for bound in (0.3, 0.5)) + (cell.value > 0.7)
            fills.setdefault(band, set()).add(cell.fill.start_color.rgb)
    assert all(len(colours) == 1 for colours in fills.values()), fills
    text = "\n".join(str(cell.value) for row in summary.iter_rows() for cell in row if cell.value)
    assert "radiologist" in text and "рентгенологом" in text and "not for patients" in text, text
    assert "radiologist" in sheet.oddHeader.center.text, sheet.oddHeader.center.text
    assert len(summary._charts) == 1, "expected a chart"


def check_libreoffice(output, folder):
    """Opens headless; the CSV of its first sheet has every row, the PDF its pages."""
    profile = f"-env:UserInstallation=file://{folder}/profile"
    for kind in ("csv", "pdf"):
        subprocess.run(["soffice", profile, "--headless", "--convert-to", kind, "--outdir", folder,
                        output], check=True, capture_output=True, timeout=180)
    assert len(pandas.read_csv(folder / f"{output.stem}.csv")) == 200
    pdf = folder / f"{output.stem}.pdf"
    subprocess.run(["pdftoppm", "-r", "40", "-png", pdf, folder / "page"], check=True)
    pages = len(list(folder.glob("page*.png")))
    assert 3 <= pages <= 12, f"{pages} pages: expected the table in the width of a page, and the summary"
    said = subprocess.run(["pdftotext", pdf, "-"], check=True, capture_output=True, text=True).stdout
    assert "radiologist" in said and "рентгенологом" in said, said[-500:]


def check_said(said, output):
    assert f"Total: 200\nSuccess: {GOOD}\nFailed: 10\n" in said, said[-800:]
    assert f"Results saved to: {output}\n" in said, said[-800:]
    assert "study000" not in said and "Phantom" not in said, "a file's or patient's name was logged"


def check_in_process(ctclip, studies, folder, good, broken, answers):
    """The same rows without a service, in shards put together; stopped by SIGTERM between."""
    parts = []
    for i in (1, 2):
        parts.append(folder / f"part{i}.csv")
        options = ["--input-dir", studies, "--models", MODELS, "--shard", f"{i}/2", "--resume"]
        if i == 1:
            client = Client(ctclip, parts[0], *options)
            client.wait_for_rows(5)
            status, said = client.kill(signal.SIGTERM)
            assert status == 128 + signal.SIGTERM and "--resume" in said, said
            assert len(pandas.read_csv(parts[0])) == len(rows_in(client.journal)) < 150
        run(ctclip, "--output", parts[-1], *options, status=1)
    merged = folder / "merged.jsonl"
    run(ctclip, "merge", merged, parts[0], status=2)
    run(ctclip, "merge", merged, *parts, "--details", status=1)
    table = [json.loads(line) for line in merged.read_text(encoding="utf-8").splitlines()]
    check_rows(table, studies, good, broken, answers)
    details = [name for name in table[-1] if name not in COLUMNS]
    assert {"ctclip_Pneumonia", "supervised_covid", "ctclip_max_probability"} <= set(details), details
    assert all(0 <= table[-1][name] <= 1 for name in details), table[-1]


def check_crash(ctclip, folder):
    """A study whose reading crashes is a row; those before and behind it have theirs."""
    studies, output = folder / "crash", folder / "crash.csv"
    studies.mkdir()
    write_large_study(studies / "large.nii.gz")
    for name in ("a.zip", "z.zip"):
        (studies / name).write_bytes((GOLDEN / "dicom/s01_base.zip").read_bytes())
    client = Client(ctclip, output, "--input-dir", studies, "--models", MODELS, "--threads", "1", "--any-anatomy")
    large, deadline = None, time.monotonic() + 120
    while large is None:  # the others are read within moments
        assert time.monotonic() < deadline and client.process.poll() is None, "its reader was not met"
        reader = await_reader(client.process.pid, sealed=True)
        time.sleep(0.05)
        large = reader if reader in children(client.process.pid) else None
    os.kill(large, signal.SIGSEGV)
    client.process.wait(120)
    rows = {pathlib.Path(row["path_to_study"]).name: row for row in records(pandas.read_csv(output))}
    assert "signal 11" in rows["large.nii.gz"]["error"], rows["large.nii.gz"]
    assert {rows[name]["processing_status"] for name in ("a.zip", "z.zip")} == {"Success"}, rows


def check_refusals(ctclip, studies, folder, output):
    """What would lose or mix rows is refused with status 2, and says how to go on."""
    def refused(words, *options):
        said = run(ctclip, *options, status=2).stderr
        assert all(word in said for word in words), said

    before = output.read_bytes()
    there = ["--input-dir", studies, "--output", output]
    refused(["--resume", "--overwrite"], *there, "--api-url", "http://127.0.0.1:9")
    refused(["in process", "service"], *there, "--resume")
    refused(["--shard"], *there, "--resume", "--api-url", "http://127.0.0.1:9", "--shard", "1/2")
    refused(["--input-dir"], "--input-dir", studies / "broken", "--output", output, "--resume",
            "--api-url", "http://127.0.0.1:9")
    refused([".xlsx"], "--input-dir", studies, "--output", folder / "r.pdf")
    refused(["no study"], "--input-dir", ROOT / "api", "--output", folder / "r.csv")
    assert output.read_bytes() == before
    gone = run(ctclip, "--input-dir", studies, "--output", folder / "gone.csv", "--retries", "1",
               "--api-url", f"http://127.0.0.1:{free_port()}", status=1)
    assert "cannot be reached" in gone.stderr and "0 of 200" in gone.stderr, gone.stderr


def check_client(ctclip, studies, folder):
    """api/batch_inference_client.py is `ctclip batch` by another name, exit status and all."""
    client = ROOT / "api" / "batch_inference_client.py"
    options = ["--input-dir", studies / "broken", "--output", folder / "c.csv", "--models", MODELS]
    with_program = {**os.environ, "CTCLIP": str(ctclip)}
    done = subprocess.run([sys.executable, client, *options], env=with_program, capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 1 and "Failed: 10\n" in done.stdout, done
    without = {**os.environ, "CTCLIP": "/nowhere/ctclip"}
    done = subprocess.run([sys.executable, client, *options], env=without, capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 2 and "CTCLIP=/nowhere/ctclip" in done.stderr, done


def main():
    ctclip = pathlib.Path(sys.argv[1]).resolve()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        studies = folder / "studies"
        studies.mkdir()
        archives = [batch_studies.make_phantom(ctclip, folder / f"{seed}.zip", "--seed", str(seed))
                    for seed in SEEDS]
        bases = [batch_studies.slices(archive) for archive in archives]
        good = batch_studies.write_good(bases, studies, GOOD)
        broken = batch_studies.write_broken(ctclip, bases[0], studies, folder)
        answers = expected_answers(ctclip, archives)

        output = folder / "results.xlsx"
        check_said(interrupted_batch(ctclip, studies, output), output)
        check_journal(pathlib.Path(f"{output}.journal.jsonl"), studies, broken)
        check_workbook(output, studies, good, broken, answers)
        check_libreoffice(output, folder)
        check_in_process(ctclip, studies, folder, good, broken, answers)
        check_crash(ctclip, folder)
        check_refusals(ctclip, studies, folder, output)
        check_client(ctclip, studies, folder)


if __name__ == "__main__":
    main()
