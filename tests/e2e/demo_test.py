"""scripts/demo: two phantoms, both ways of asking, the truth beside the answers; and a study of the user's own.

Usage: demo_test.py CTCLIP, the program that was built: the release build's, which the demo builds by itself.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from service import ROOT, SKIPPED, default_models

OUT = ROOT / "build/demo"


def demo(*arguments):
    environment = os.environ | {"CTCLIP_DEMO_MODELS": str(default_models())}
    return subprocess.run([ROOT / "scripts/demo", *arguments], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=800, check=False)


def shown_of(done, study):
    """What the demo's last table says of a study: {"truth": ..., "predict": ..., ...}."""
    assert done.returncode == 0, done.stdout + done.stderr
    table = re.search(rf"^{study}\n((?:  .*\n)+)", done.stdout, re.MULTILINE)
    assert table, done.stdout
    return dict(line.strip().split(maxsplit=1) for line in table.group(1).splitlines())


def check_table(shown, study):
    answer = json.loads((OUT / f"{study}.http.json").read_text(encoding="utf-8"))
    assert shown["predict"] == shown["service"], shown
    assert f"pathology {answer['pathology']}: {answer['most_dangerous_pathology_type']}" in shown["predict"], shown
    for detector in ("ctclip", "supervised"):
        probabilities = answer["details"]["probabilities"][detector]
        first = max(probabilities, key=probabilities.get).replace("_", " ")
        assert shown["CT-CLIP" if detector == "ctclip" else detector].startswith(first), shown
    return answer


def check_phantoms():
    done = demo()
    healthy, findings = shown_of(done, "healthy"), shown_of(done, "findings")
    assert healthy["truth"] == "healthy", healthy
    assert "pleural effusion" in findings["truth"] and "fibrosis" in findings["truth"], findings
    answers = [check_table(healthy, "healthy"), check_table(findings, "findings")]
    assert f"Models: {answers[0]['bundle']}\n" in done.stdout, done.stdout
    assert "mean nothing for a patient" in done.stdout and "radiologist" in done.stdout, done.stdout
    if default_models().name == "demo":  # random weights may say anything
        assert [answer["pathology"] for answer in answers] == [0, 1], done.stdout


def check_own_study(folder):
    shutil.unpack_archive(OUT / "healthy.zip", folder / "study")
    shown = shown_of(demo(folder / "study"), "study")
    assert shown["truth"] == "not known", shown
    check_table(shown, "study")


def check_refusals(folder):
    done = demo(folder / "nothing.zip")
    assert done.returncode == 2 and "there is no" in done.stderr, done.stderr
    (folder / "text.zip").write_text("This is no ZIP archive.\n")
    done = demo(folder / "text.zip")
    assert done.returncode == 1 and "predict failed" in done.stderr, done.stdout + done.stderr


def main():
    if pathlib.Path(sys.argv[1]).resolve() != ROOT / "build/release/ctclip":
        print("the demo is about the release build")
        sys.exit(SKIPPED)
    check_phantoms()
    with tempfile.TemporaryDirectory() as name:
        check_own_study(pathlib.Path(name))
        check_refusals(pathlib.Path(name))


if __name__ == "__main__":
    main()
