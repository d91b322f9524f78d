"""docs/limits.md against `ctclip serve --help`: every limit is in its tables, with the default that the program has, and its code.

Usage: limits_page_test.py CTCLIP, the program that was built.
"""

import re
import subprocess
import sys

from service import ROOT

UNITS = {"": 1, "B": 1, "s": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
NO_LIMITS = {"--threads", "--port", "--jobs", "--keep-uploads", "--keep-results", "--keep-audit"}  # what is a number, and yet allows nothing


def defaults_of_the_program(ctclip):
    """{"--max-upload": 1073741824}: the options that have a number."""
    text = subprocess.run([ctclip, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    entries = re.findall(r"^  (--[a-z-]+)((?:.*\n)(?: {3,}.*\n)*)", text, re.MULTILINE)
    found = {name: re.search(r"\bdefault\s+(\d+(?:\.\d+)?)[;\]]", rest) for name, rest in entries}
    return {name: float(default.group(1)) for name, default in found.items() if default and name not in NO_LIMITS}


def rows():
    """(option, default, what is beyond) of each row."""
    page = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(--[a-z-]+)` \| (\S+(?: \S+)?) \| .+? \| ([^|]+) \|$", page, re.MULTILINE)


def number(text):
    value, _, unit = text.partition(" ")
    return float(value) * UNITS[unit]


def main():
    program = defaults_of_the_program(sys.argv[1])
    page = {option: number(default) for option, default, _ in rows()}
    assert len(program) > 15, program
    assert page == program, f"docs/limits.md and --help differ in {sorted(set(page.items()) ^ set(program.items()))}"
    errors = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    for option, _, beyond in rows():
        code = re.search(r"(\d{3}) `([a-z_]+)`", beyond)
        assert not code or f"| `{code.group(2)}` | {code.group(1)} |" in errors, f"{option}: no such error as {beyond}"


if __name__ == "__main__":
    main()
