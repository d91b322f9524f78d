"""Reads a Dockerfile of the simple kind that this project has: no build arguments, no heredocs."""

import json
import re
import shlex

KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "EXPOSE", "USER", "HEALTHCHECK", "ENTRYPOINT",
         "CMD"}


def stages(path):
    """[[(instruction, rest), ...], ...], a list for each FROM."""
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
    found = []
    for line in filter(str.strip, text.splitlines()):
        instruction, rest = line.split(None, 1)
        assert instruction in KNOWN, f"{path}: the test knows no {instruction}"
        if instruction == "FROM":
            found.append([])
        found[-1].append((instruction, rest.strip()))
    return found


def only(stage, instruction):
    matching = [rest for name, rest in stage if name == instruction]
    assert len(matching) == 1, f"expected one {instruction}, found {matching}"
    return matching[0]


def environment(stage):
    words = [word for name, rest in stage if name == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words)


def command(stage):
    """What the container runs: ENTRYPOINT and CMD, both in their JSON form."""
    return json.loads(only(stage, "ENTRYPOINT")) + json.loads(only(stage, "CMD"))


def health(stage):
    """(options, command) of HEALTHCHECK."""
    match = re.fullmatch(r"(?P<options>(?:--\S+ )*)CMD (?P<command>.*)", only(stage, "HEALTHCHECK"))
    return dict(word[2:].split("=", 1) for word in match["options"].split()), match["command"]


def copies(stage):
    """[(from stage or None, [sources], target)]"""
    found = []
    for rest in (rest for name, rest in stage if name == "COPY"):
        words = rest.split()
        source = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
        assert not any(word.startswith("--") for word in words), rest
        found.append((source, words[:-1], words[-1]))
    return found
