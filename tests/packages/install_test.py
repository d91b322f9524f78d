"""`make install` lays out a tree that works from anywhere, with its own demo models.

Usage: install_test.py CTCLIP, the program that was built.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from service import real_study  # noqa: E402

DEPLOYED = ("CTCLIP_MODEL_PATH", "SUPERVISED_MODEL_PATH", "LIGHTGBM_MODEL_PATH", "CTCLIP_MODELS")


def run(program, *arguments, status=0, **variables):
    environment = {key: value for key, value in os.environ.items() if key not in DEPLOYED}
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300,
                          env={**environment, **variables}, check=False)
    assert done.returncode == status, f"{done.args}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def install(build, prefix, destdir=""):
    run("cmake", "--install", build, "--prefix", prefix, "--strip", DESTDIR=str(destdir))


def check_moved_tree(build, folder):
    install(build, folder / "first")
    # The source tree is out of sight: what is found is what was installed.
    (folder / "first").rename(folder / "moved")
    program = folder / "moved/bin/ctclip"
    assert str(ROOT).encode() not in program.read_bytes(), "the program names its source tree"
    answer = json.loads(run(program, "predict", real_study()).stdout)
    assert answer["processing_status"] == "Success" and "not for patients" in answer["bundle"]
    for shell, name in (("bash", "bash-completion/completions/ctclip"), ("zsh", "zsh/site-functions/_ctclip"),
                        ("fish", "fish/vendor_completions.d/ctclip.fish")):
        installed = (folder / "moved/share" / name).read_text()
        assert installed == run(program, "completion", shell).stdout and "pleural_effusion" in installed, name
    unit = (folder / "moved/lib/systemd/system/ctclip.service").read_text()
    assert f"{folder}/first/bin/ctclip serve" in unit, unit
    (folder / "moved/share/ctclip").rename(folder / "elsewhere")
    refused = run(program, "predict", "/", status=2).stderr
    assert "bad_model" in refused and "CTCLIP_MODELS" in refused, refused
    elsewhere = str(folder / "elsewhere/models/demo")
    named = run(program, "predict", real_study(), CTCLIP_MODELS=elsewhere)
    assert json.loads(named.stdout)["study_uid"] == answer["study_uid"]


def check_deployments(program):
    """Variables that name clinical files are never filled up from the demo bundle."""
    for variable in DEPLOYED[:3]:
        refused = run(program, "predict", "/", status=2, **{variable: program}).stderr
        assert "bad_model" in refused and "demo" not in refused, refused


def check_destdir(build, folder):
    install(build, "/usr", folder / "stage")
    assert (folder / "stage/etc/default/ctclip").is_file()
    unit = (folder / "stage/usr/lib/systemd/system/ctclip.service").read_text()
    assert "ExecStart=/usr/bin/ctclip serve" in unit and "@ETC@" not in unit, unit


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        check_moved_tree(program.parent, pathlib.Path(name))
        check_deployments(program)
        check_destdir(program.parent, pathlib.Path(name))


if __name__ == "__main__":
    main()
