"""What `ctclip --help` tells, of every command: options and the variables that they are read from."""

import os
import re
import subprocess


def help_of(program, path):
    done = subprocess.run([program, *path, "--help"], capture_output=True, text=True, check=True,
                          env=os.environ | {"COLUMNS": "80"})
    return done.stdout


def sub_commands(text):
    section = re.search(r"^Subcommands:\n((?:  .*\n)*)", text, re.MULTILINE)
    return re.findall(r"^  ([a-z][a-z-]*)", section.group(1), re.MULTILINE) if section else []


def options(text):
    """{"--host": "CTCLIP_HOST" or None}, but for --help, which every command has."""
    entries = re.findall(r"^  (?:-\w,)?(--[a-z][a-z-]*)((?:.*\n)(?: {3,}.*\n)*)", text, re.MULTILINE)
    variables = {name: re.search(r"\bvariable\s+(\w+)", rest) for name, rest in entries}
    return {name: variable and variable.group(1) for name, variable in variables.items()
            if name != "--help"}


def commands(program, path=()):
    """{"models check": options, ...}: the commands that do something, at any depth."""
    text = help_of(program, path)
    deeper = sub_commands(text)
    found = {}
    for name in deeper:
        found.update(commands(program, (*path, name)))
    # A command with sub-commands may work by itself as well; --version belongs to no command.
    own = {name: value for name, value in options(text).items() if name != "--version"}
    if path and (own or not deeper):
        found[" ".join(path)] = own
    return found
