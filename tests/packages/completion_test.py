"""The completion of every shell, driven in that shell: commands, options, values and finding names; files elsewhere.

Usage: completion_test.py CTCLIP, the program that was built. Needs bash, zsh and fish.
"""

import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

from help_text import commands, help_of, options, sub_commands

# What is typed: what is offered, all of it. In each shell.
OFFERS = {
    "ctclip models ": {"check", "compare", "pack", "random"},
    "ctclip models r": {"random"},
    "ctclip help ph": {"phantom"},
    "ctclip completion ": {"bash", "zsh", "fish"},
    "ctclip predict study.zip --deta": {"--details"},
    "ctclip predict --precision ": {"auto", "f32", "bf16"},
    "ctclip predict --precision b": {"bf16"},
    "ctclip phantom --part ": {"chest", "head", "abdomen"},
    "ctclip phantom --finding pneumo": {"pneumoconiosis", "pneumomediastinum", "pneumothorax"},
    "ctclip phantom --seed 3 --transfer-syntax jpeg-l": {"jpeg-lossless", "jpeg-lossless-57"},
    "ctclip history list --status f": {"failed"},
    "ctclip predict --models fold": {"folder/"},
    "ctclip predict stu": {"study.zip"},
}


def script_of(program, shell, folder):
    done = subprocess.run([program, "completion", shell], capture_output=True, text=True, check=True)
    script = folder / f"ctclip.{shell}"
    script.write_text(done.stdout)
    subprocess.run([shell, "-n", script], check=True)
    return script


class Bash:
    """`compgen -o default` is what readline adds where the function offers nothing."""

    def __init__(self, program, folder):
        self.script, self.folder = script_of(program, "bash", folder), folder

    def offers(self, line):
        driver = f"""source {self.script}
          COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _ctclip
          ((${{#COMPREPLY[@]}})) || for file in "${{!#}}"*; do
            [[ -d $file ]] && COMPREPLY+=("$file/") || COMPREPLY+=("$file"); done
          printf '%s\\n' "${{COMPREPLY[@]}}" """
        done = subprocess.run(["bash", "-euc", driver, "bash", *line.split(" ")], cwd=self.folder / "here",
                              capture_output=True, text=True, check=True)
        assert not done.stderr, done.stderr
        return set(done.stdout.split())


class Fish:
    def __init__(self, program, folder):
        self.script, self.folder = script_of(program, "fish", folder), folder

    def offers(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {self.script}; complete -C $argv", line],
                              cwd=self.folder / "here", capture_output=True, text=True, check=True,
                              env=os.environ | {"HOME": str(self.folder)})
        assert not done.stderr, done.stderr
        return {offer.split("\t")[0] for offer in done.stdout.splitlines()}


class Zsh:
    """Its completion works in its line editor alone: on a pseudo-terminal, where ^X lists what Tab would offer."""

    def __init__(self, program, folder):
        script = script_of(program, "zsh", folder)
        child, self.terminal = pty.fork()
        if child == 0:
            os.chdir(folder / "here")
            os.execve("/usr/bin/zsh", ["zsh", "-f"], {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TERM": "dumb",
                                                     "COLUMNS": "200", "LINES": "200", "PS1": "READY"})
        self.say("autoload -Uz compinit; compinit -u -D; zmodload zsh/complist; unsetopt BEEP LIST_BEEP\r"
                 # What the completion adds is kept instead of shown.
                 "compadd() { [[ ${@[(r)-[OD]*]} == -[OD]* ]] || { local -a __hits; "
                 "builtin compadd -O __hits \"$@\"; OFFERED+=(\"${__hits[@]}\"); }; builtin compadd \"$@\" }\r"
                 "listing() { OFFERED=(); zle list-choices; BUFFER=; print -r -- \"<<${(j: :)OFFERED}>>\" }\r"
                 f"zle -N listing; bindkey '^X' listing; source {script}; print LOA''DED\r", "LOADED")

    def say(self, text, until):
        os.write(self.terminal, text.encode())
        said, deadline = "", time.monotonic() + 60
        while not re.search(until, said):
            assert time.monotonic() < deadline, said
            if select.select([self.terminal], [], [], 1)[0]:
                said += os.read(self.terminal, 65536).decode(errors="replace")
        return said

    def offers(self, line):
        said = self.say("\x15" + line + "\x18", r"<<[^>]*>>")
        return set(re.search(r"<<([^>]*)>>", said).group(1).split())


def check_offers(shell, known, program):
    for line, expected in OFFERS.items():
        found = shell.offers(line)
        assert {word.rstrip("/") for word in found} == {word.rstrip("/") for word in expected}, f"{line!r}: {found}"
    assert shell.offers("ctclip ") >= set(sub_commands(help_of(program, ()))), shell.offers("ctclip ")
    for name, expected in known.items():
        found = shell.offers(f"ctclip {name} --")
        assert found == set(expected) | {"--help"}, f"{name}: {found ^ set(expected)}"
    assert shell.offers("ctclip --") >= set(options(help_of(program, ()))) | {"--help"}


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    known = commands(program)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "here/folder").mkdir(parents=True)
        (folder / "here/study.zip").touch()
        for shell in (Bash, Fish, Zsh):
            print(shell.__name__.lower())
            check_offers(shell(program, folder), known, program)


if __name__ == "__main__":
    main()
