"""Every command that README.md shows is run as it stands there, and answers what README.md says.

Usage: readme_test.py CTCLIP, the program that was built.
"""

import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

from service import ROOT, Service, real_study

FIELDS = ["study_uid", "series_uid", "probability_of_pathology", "pathology",
          "most_dangerous_pathology_type", "processing_status", "time_of_processing"]


def blocks():
    """The sh blocks of README.md, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(block, folder):
    """Standard output of a block that must succeed."""
    done = subprocess.run(["sh", "-euc", block], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, f"{block}ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def check_answer(answer):
    """The seven fields in their order; more only where the weights are no clinical ones."""
    assert list(answer)[:7] == FIELDS, f"expected the fields {FIELDS}, found {list(answer)}"
    assert set(answer) - set(FIELDS) <= {"bundle", "details"}, f"unknown fields: {list(answer)}"
    assert answer["processing_status"] == "Success", answer
    assert 0 <= answer["probability_of_pathology"] <= 1, answer


def without_time(answer):
    return {key: value for key, value in answer.items() if key != "time_of_processing"}


def check_scripts(block):
    for line in block.splitlines():
        script = ROOT / line.split()[0]
        assert script.stat().st_mode & 0o111, f"{script} is not executable"


def main():
    program, study = pathlib.Path(sys.argv[1]).resolve(), real_study()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "build/release").mkdir(parents=True)
        (folder / "build/release/ctclip").symlink_to(program)
        (folder / "tests").symlink_to(ROOT / "tests")
        (folder / "study.zip").symlink_to(study)

        scripts, predict, inspect, serve, curl = blocks()
        check_scripts(scripts)
        predicted = json.loads(run(predict, folder))
        check_answer(predicted)
        assert predicted["series_uid"] in run(inspect, folder)

        # Another port than README's, which may be in use here.
        assert "--port 8000" in serve and "localhost:8000" in curl
        with Service(shlex.split(serve.replace("--port 8000", "--port 0")), folder) as service:
            told = run(curl.replace("http://localhost:8000", service.url), folder)
        assert '"healthy"' in told, told
        answered = json.loads((folder / "result.json").read_text())
        check_answer(answered)
        assert without_time(answered) == without_time(predicted), (answered, predicted)
        details = json.loads((folder / "details.json").read_text())
        assert "radiologist" in details.pop("details")["warning"]
        assert without_time(details) == without_time(predicted)


if __name__ == "__main__":
    main()
