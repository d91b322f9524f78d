"""A file that a command names is read in a process of its own: a crash there is that study's answer, and the next one comes.

Usage: reading_test.py CTCLIP, the program that was built.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from readers import await_reader, children, status_of, write_large_study
from service import GOLDEN, ROOT

MODELS = ROOT / "tests/data/tiny"
SECONDS = 240


class Command:
    """`ctclip` at work."""

    def __init__(self, *words):
        self._process = subprocess.Popen(list(map(str, words)), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def kill_reader(self, number):
        """One that reads a study: the first one only shows that readers can be started, and ends at once."""
        tried = []
        while True:
            tried.append(await_reader(self._process.pid, sealed=True, but=tried))
            time.sleep(0.1)
            if tried[-1] in children(self._process.pid) and status_of(tried[-1])["State"].strip()[0] != "Z":
                os.kill(tried[-1], number)
                return self

    def end(self):
        """Exit status and output."""
        out, errors = self._process.communicate(timeout=SECONDS)
        assert "terminate" not in errors, errors
        return self._process.returncode, out


def check_predict(ctclip, large, study):
    predict = Command(ctclip, "predict", "--models", MODELS, "--any-anatomy", "--threads", "1", large, study)
    status, out = predict.kill_reader(signal.SIGSEGV).end()
    answers = [json.loads(line) for line in out.splitlines()]  # both are being read at the same time
    assert sorted(answer["processing_status"] for answer in answers) == ["Failure", "Success"], answers
    assert [answer["error_code"] for answer in answers if "error_code" in answer] == ["read_crashed"], answers
    assert status == 1, status


def check_inspect(ctclip, large):
    inspect = Command(ctclip, "inspect", "--json", "--any-anatomy", "--threads", "1", large)
    status, out = inspect.kill_reader(signal.SIGSEGV).end()
    assert json.loads(out)["error_code"] == "read_crashed" and status == 1, out


def check_export(ctclip, large, folder):
    volume = folder / "volume.nii"
    export = Command(ctclip, "export", "--any-anatomy", "--threads", "1", "--volume", volume, large)
    status, _ = export.kill_reader(signal.SIGSEGV).end()
    assert status == 1 and not volume.exists(), status


def check_statuses(ctclip):
    """A reader finds what reading in the same process would."""
    base = GOLDEN / "dicom/s01_base.zip"
    for options, expected, word in (
            (["--any-anatomy"], 0, "30 images"), ([], 1, "no_lungs"),
            (["--any-anatomy", "--series", "1.2.3"], 1, "series_not_found")):
        status, out = Command(ctclip, "inspect", *options, base).end()
        assert status == expected and word in out, out


def main():
    ctclip = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        large, study = folder / "large.nii.gz", folder / "study.zip"
        write_large_study(large)
        subprocess.run([ctclip, "phantom", study, "--matrix", "64", "--thickness", "10", "--increment", "10",
                        "--kernel", "soft"], check=True, capture_output=True)
        check_predict(ctclip, large, study)
        check_inspect(ctclip, large)
        check_export(ctclip, large, folder)
        check_statuses(ctclip)


if __name__ == "__main__":
    main()
