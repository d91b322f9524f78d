#!/usr/bin/env python3
"""Runs the user guide's own examples, unchanged, against a real server on port 8000.

    guide_examples.py --server build/release/ctclip --models BUNDLE [--serve-option=--any-anatomy]
                      GUIDE.md STUDY.zip [STUDY.zip ...]

Every Python block of the guide, and every curl command to localhost in it, is extracted and run in a
folder that holds what it asks for: study.zip, patient_001.zip, archives/*.zip. The blocks that are
fragments get the variables they speak of from real answers. Needs requests, pandas and tqdm.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

URL = "http://localhost:8000"
FIELDS = ["study_uid", "series_uid", "probability_of_pathology", "pathology",
          "most_dangerous_pathology_type", "processing_status", "time_of_processing"]
FAILURE_FIELDS = FIELDS + ["error", "error_code"]


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def blocks(guide, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)


def curl_commands(guide):
    """The commands of the guide that go to localhost, continued lines joined."""
    lines = "\n".join(blocks(guide, "bash")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("curl ") and "localhost" in line]


def the_block(found, text):
    matching = [block for block in found if text in block]
    check(len(matching) == 1, f"expected one block of the guide with {text!r}, found {len(matching)}")
    return matching[0]


def run(block, **variables):
    """Runs a block in a namespace of its own; returns what it printed and what it defined."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, "<guide>", "exec"), variables)  # noqa: S102 - it is the guide's code
    return printed.getvalue(), variables


class Server:
    """`ctclip serve` on port 8000, from ready to its orderly end."""

    def __init__(self, binary, models, options):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", 8000))
            except OSError as error:
                sys.exit(f"FAILED: the guide's examples need port 8000, and it is taken: {error}")
        self.process = subprocess.Popen(
            [binary, "serve", "--models", models, "--port", "8000", *options])

    def wait_until_ready(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            check(self.process.poll() is None, f"the server ended with {self.process.poll()}")
            try:
                with urllib.request.urlopen(URL + "/ready", timeout=5) as answer:
                    if json.load(answer) == {"ready": True}:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)
        sys.exit(f"FAILED: the server is not ready after {seconds} s")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        try:
            status = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "no end within 60 s of SIGTERM"
        if kind is None:
            check(status == 0, f"the server's end after SIGTERM: {status}")


def lay_out(folder, studies):
    """What the examples find in their folder. Returns how many archives are good."""
    shutil.copy(studies[0], folder / "study.zip")
    shutil.copy(studies[0], folder / "patient_001.zip")
    (folder / "archives").mkdir()
    for number, study in enumerate(studies):
        shutil.copy(study, folder / "archives" / f"{number:03}.zip")
    (folder / "archives" / "no_study.zip").write_text("This is no ZIP archive.\n")
    return len(studies)


def check_curl(guide, folder):
    commands = curl_commands(guide)
    check(len(commands) == 2, f"expected two curl commands to localhost, found {commands}")
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
        check(done.returncode == 0, f"{command}: {done.stderr}")
        if "/health" in command:
            check(json.loads(done.stdout) == {"status": "healthy"}, done.stdout)
    answer = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    # An answer of test models has one field more, which says so.
    check(list(answer)[:7] == FIELDS and set(answer) - set(FIELDS) <= {"bundle"},
          f"expected the guide's seven fields in order, found {answer}")
    check(answer["processing_status"] == "Success", answer)
    check(0 <= answer["probability_of_pathology"] <= 1, answer)
    return answer


def check_single(python, expected):
    probability = f"{expected['probability_of_pathology']:.2%}"
    printed, _ = run(the_block(python, "# Выберите URL"))
    check(f"Probability: {probability}\n" in printed, printed)
    check(f"Most dangerous: {expected['most_dangerous_pathology_type']}\n" in printed, printed)

    printed, defined = run(the_block(python, "def analyze_ct_study"))
    check(defined["result"] is not None, printed)
    check(f"Study UID: {expected['study_uid']}\n" in printed, printed)

    printed, defined = run(the_block(python, "def analyze_single_study"))
    check(defined["result"] is not None, printed)
    check(f"Probability of pathology: {probability}\n" in printed, printed)

    printed, defined = run(the_block(python, "def analyze_with_retry"))
    check(defined["result"] is not None, printed)


def check_saving(python, folder, expected):
    printed, _ = run(the_block(python, "def analyze_and_save"))
    saved = folder / "results" / (expected["study_uid"].replace(".", "_") + ".json")
    check(saved.exists(), printed)
    check(json.loads(saved.read_text())["study_uid"] == expected["study_uid"], saved)


def check_batch(python, folder, good):
    printed, defined = run(the_block(python, "def batch_analysis"))
    table = defined["df"].set_index("filename")
    check(len(table) == good + 1, printed)
    check((table["status"] == "Success").sum() == good, printed)
    check(table.loc["no_study.zip", "status"] == "HTTP Error 400", printed)
    check((folder / "results.csv").exists(), printed)


def check_fragments(python, folder):
    import requests

    with open(folder / "archives" / "no_study.zip", "rb") as file:
        failed = requests.post(URL + "/predict", files={"file": file}, timeout=300)
    check(failed.headers["Content-Type"] == "application/json", failed.headers)
    check(list(failed.json()) == FAILURE_FIELDS, failed.text)
    printed, _ = run(the_block(python, "if response.status_code != 200:\n    print"),
                     response=failed)
    check("HTTP Error: 400" in printed, printed)
    printed, _ = run(the_block(python, 'if result.get("processing_status") == "Failure":'),
                     response=failed)
    check(f"Processing failed: {failed.json()['error']}" in printed, printed)
    with open(folder / "study.zip", "rb") as file:
        printed, defined = run(the_block(python, "files=files"), requests=requests,
                               api_url=URL + "/predict", files={"file": file})
    check(defined["response"].status_code == 200, printed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--models", required=True)
    parser.add_argument("--serve-option", action="append", default=[])
    parser.add_argument("--ready-seconds", type=float, default=300)
    parser.add_argument("guide", type=pathlib.Path)
    parser.add_argument("studies", nargs="+", type=pathlib.Path)
    options = parser.parse_args()

    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost"
    guide = options.guide.read_text(encoding="utf-8")
    python = blocks(guide, "python")
    check(len(python) == 9, f"expected nine Python blocks in the guide, found {len(python)}")
    server = os.path.abspath(options.server)
    models = os.path.abspath(options.models)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        good = lay_out(folder, options.studies)
        os.chdir(folder)
        with Server(server, models, options.serve_option) as running:
            running.wait_until_ready(options.ready_seconds)
            expected = check_curl(guide, folder)
            check_single(python, expected)
            check_saving(python, folder, expected)
            check_batch(python, folder, good)
            check_fragments(python, folder)
        os.chdir("/")
    print("the guide's nine Python blocks and two curl commands: all as it says")


if __name__ == "__main__":
    main()
