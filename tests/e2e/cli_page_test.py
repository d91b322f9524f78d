"""docs/cli.md against --help: every command and option of the program is there, and no other.

Usage: cli_page_test.py CTCLIP, the program that was built.
"""

import re
import subprocess
import sys

from service import ROOT

OPTION = re.compile(r"--[a-z][a-z0-9-]*")
EVERYWHERE = {"--help", "--version"}


def help_of(ctclip, *command):
    return subprocess.run([ctclip, *command, "--help"], capture_output=True, text=True, check=True).stdout


def commands_in(text):
    """Names in the list of sub-commands that --help closes with."""
    listed = re.search(r"^Subcommands:\n((?:[ \t].*\n?|\n)+)", text, re.MULTILINE)
    return set(re.findall(r"^  ([a-z][a-z-]*)\b", listed.group(1), re.MULTILINE)) if listed else set()


def options_of(ctclip, command):
    """Every option that a command and its sub-commands take."""
    text = help_of(ctclip, command)
    options = set(re.findall(r"^  (?:-\w,)?(--[a-z][a-z0-9-]*)", text, re.MULTILINE))
    for inner in commands_in(text):
        inside = help_of(ctclip, command, inner)
        options |= set(re.findall(r"^  (?:-\w,)?(--[a-z][a-z0-9-]*)", inside, re.MULTILINE))
    return options - EVERYWHERE


def sections():
    """The page's text before its first command, and a section for each command."""
    parts = re.split(r"^## (.+)\n", (ROOT / "docs/cli.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return parts[0], dict(zip(parts[1::2], parts[2::2]))


def main():
    ctclip = sys.argv[1]
    shared, told = sections()
    commands = commands_in(help_of(ctclip))
    assert set(told) == commands, f"docs/cli.md has {sorted(told)}, the program {sorted(commands)}"
    common = set(OPTION.findall(shared)) - EVERYWHERE
    wrong = []
    for command in sorted(commands):
        real, here = options_of(ctclip, command), set(OPTION.findall(told[command])) - EVERYWHERE
        wrong += [f"{command} has {option}, which docs/cli.md does not tell" for option in sorted(real - here - common)]
        wrong += [f"{command} has no {option}" for option in sorted(here - real)]
    assert not wrong, "\n".join(wrong)


if __name__ == "__main__":
    main()
