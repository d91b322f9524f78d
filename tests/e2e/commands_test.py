"""What the program says to its users: help, suggestions, and which input an answer belongs to.

Usage: commands_test.py CTCLIP, the program that was built.
"""

import fcntl
import json
import os
import pathlib
import pty
import struct
import subprocess
import sys
import tempfile
import termios

from service import ROOT

MODELS = ROOT / "tests/data/tiny"


def run(*command, status=0, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                          **({"stdin": subprocess.DEVNULL} | options))
    assert done.returncode == status, f"{command[1:]}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def check_help(ctclip):
    whole = run(ctclip, "--help").stdout
    assert "Usage: ctclip [OPTIONS] SUBCOMMAND" in whole and "  predict " in whole, whole
    assert run(ctclip).stdout == whole and run(ctclip, "help").stdout == whole
    for command in (["predict"], ["models", "check"]):
        told = run(ctclip, *command, "--help").stdout
        assert f"Usage: ctclip {' '.join(command)} [OPTIONS]" in told, told
        assert run(ctclip, "help", *command).stdout == told, command


def check_suggestions(ctclip):
    for line, suggestion in {
        "predct": "no command predct; did you mean predict?",
        "help predct": "no command predct; did you mean predict?",
        "models chek": "no command chek; did you mean check?",
        "predict x.zip --detials": "no option --detials; did you mean --details?",
        "serve --prot 80": "no option --prot; did you mean --port?",
        "export x.zip --latnts f.npy": "no option --latnts; did you mean --latents?",
        "predict x.zip --precision bf61": "expected auto, f32 or bf16, found bf61; did you mean bf16?",
        "phantom x.zip --part hed": "expected chest, head or abdomen, found hed; did you mean head?",
        "phantom x.zip --finding pnemothorax": "did you mean pneumothorax?",
        "phantom x.zip --transfer-syntax jpegsl": "did you mean jpegls?",
    }.items():
        done = run(ctclip, *line.split(), status=2)
        assert suggestion in done.stderr and not done.stdout, f"{line}: {done.stdout}{done.stderr}"


def truth_of(ctclip, folder, *options):
    run(ctclip, "phantom", folder / "shown", "--matrix", "64", "--thickness", "5", "--kernel", "soft", *options)
    truth = json.loads((folder / "shown/truth.json").read_text())
    subprocess.run(["rm", "-r", folder / "shown"], check=True)
    return truth


def check_findings(ctclip, folder):
    """Case, blanks and hyphens make no difference to the study."""
    first, *others = [truth_of(ctclip, folder, "--finding", name) for name in
                      ("pleural_effusion:size=30", "pleural-effusion:size=30", "Pleural effusion:size=30")]
    assert first["findings"][0]["name"] == "pleural_effusion", first
    assert all(other == first for other in others), others


def check_enumerations(ctclip):
    told = run(ctclip, "phantom", "--help").stdout
    assert "  --part chest|head|abdomen  " in told and "  --kernel soft|lung  " in told, told
    for command in ("predict", "serve", "history list", "models pack", "phantom", "batch"):
        told = run(ctclip, *command.split(), "--help").stdout
        assert "ENUM" not in told and "{" not in told and "->" not in told, told


def help_on_terminal(ctclip, columns):
    """What `ctclip serve --help` prints on a terminal of this width."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen([ctclip, "serve", "--help"], stdout=writer, env=environment) as program:
        os.close(writer)
        said = b""
        try:
            while block := os.read(reader, 65536):
                said += block
        except OSError:  # how a pseudo-terminal ends
            pass
        os.close(reader)
        assert program.wait(60) == 0
    return said.decode().replace("\r\n", "\n")


def longest(text):
    return max(map(len, text.splitlines()))


def check_width(ctclip):
    usual = run(ctclip, "serve", "--help", env=os.environ | {"COLUMNS": ""}).stdout
    assert 70 < longest(usual) <= 80, longest(usual)
    wide = run(ctclip, "serve", "--help", env=os.environ | {"COLUMNS": "132"}).stdout
    assert 120 < longest(wide) <= 132, longest(wide)
    for columns in (50, 100):
        told = help_on_terminal(ctclip, columns)
        assert columns - 10 < longest(told) <= columns, f"{columns}: {longest(told)}\n{told}"
        assert told.split() == usual.split(), "the same words at every width"


def answers(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_inputs(ctclip, folder):
    study = folder / "a study.zip"
    run(ctclip, "phantom", study, "--matrix", "64", "--thickness", "3", "--kernel", "soft")
    typed = [os.path.relpath(study, folder), f"{folder}/./{study.name}"]
    predict = [ctclip, "predict", "--models", MODELS, "--any-anatomy"]
    named = answers(run(*predict, *typed, cwd=folder))
    assert [answer["input"] for answer in named] == typed, named
    assert list(named[0])[5:7] == ["processing_status", "time_of_processing"], "the seven fields come first"
    expected = named[0]["probability_of_pathology"]
    with study.open("rb") as opened:
        streamed = answers(run(*predict, "-", stdin=opened))
    assert streamed[0]["input"] == "-" and streamed[0]["probability_of_pathology"] == expected, streamed
    script = 'cat "$1" | "${@:2}" - <(cat "$1") "$1"; cat "$1" | "${@:2}" /dev/stdin'
    piped = answers(run("bash", "-c", script, "bash", study, *predict))
    assert [answer["input"][:8] for answer in piped] == ["-", "/dev/fd/", str(study)[:8], "/dev/std"], piped
    assert {answer["probability_of_pathology"] for answer in piped} == {expected}, piped
    seen = run("bash", "-c", 'cat "$1" | "$2" inspect --json --any-anatomy -', "bash", study, ctclip).stdout
    assert json.loads(seen)["study_uid"] == named[0]["study_uid"], seen


def check_missing(ctclip, folder):
    """Said before anything is loaded: there are no models either."""
    for command in ("predict", "inspect"):
        done = run(ctclip, command, *(["--models", folder / "none"] if command == "predict" else []),
                   folder / "absent.zip", status=2)
        assert "absent.zip: expected a study" in done.stderr and not done.stdout, done.stderr
    assert "only once" in run(ctclip, "predict", "-", "-", status=2).stderr
    _, terminal = pty.openpty()
    assert "found a terminal" in run(ctclip, "predict", "-", status=2, stdin=terminal).stderr


def main():
    ctclip = pathlib.Path(sys.argv[1]).resolve()
    check_help(ctclip)
    check_suggestions(ctclip)
    check_enumerations(ctclip)
    check_width(ctclip)
    with tempfile.TemporaryDirectory() as name:
        check_findings(ctclip, pathlib.Path(name))
        check_inputs(ctclip, pathlib.Path(name))
        check_missing(ctclip, pathlib.Path(name))


if __name__ == "__main__":
    main()
