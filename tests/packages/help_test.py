"""The man page and the service's settings name every option, and no other.

Usage: help_test.py CTCLIP, the program that was built.
"""

import pathlib
import re
import subprocess
import sys

from help_text import commands

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"


def man_page():
    """{"models check": {"--threads"}} of the page: a command is a .SS, its options are .TP entries."""
    text = (PACKAGING / "ctclip.1").read_text(encoding="utf-8").replace("\\-", "-")
    body = re.search(r"^\.SH COMMANDS\n(.*?)^\.SH ", text, re.MULTILINE | re.DOTALL).group(1)
    sections = re.split(r"^\.SS ", body, flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        title = section.split("\n", 1)[0]
        name = re.sub(r"\\f.*", "", title).strip()
        found[name] = set(re.findall(r"^\.TP\n\.BI? (--[a-z-]+)", section, re.MULTILINE))
    return found


def check_man_page(known):
    page = man_page()
    differing = sorted(set(page) ^ set(known))
    assert not differing, f"ctclip.1 and `ctclip --help` differ in the commands {differing}"
    for name, expected in known.items():
        differing = sorted(page[name] ^ set(expected))
        assert not differing, f"ctclip.1 and `ctclip {name} --help` differ in {differing}"
    done = subprocess.run(["man", "--warnings", "-l", PACKAGING / "ctclip.1"], capture_output=True,
                          text=True, check=True, env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100"})
    assert not done.stderr, done.stderr
    assert "radiologist" in done.stdout, done.stdout


def check_settings(known):
    """Every CTCLIP_ variable of the settings is one of serve's or of an existing deployment's."""
    text = (PACKAGING / "ctclip.default").read_text(encoding="utf-8")
    named = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)
    bundle = (ROOT / "src/pipeline/bundle.cc").read_text(encoding="utf-8")
    allowed = set(known["serve"].values()) | set(re.findall(r'"([A-Z]+_[A-Z_]+)"', bundle))
    assert len(named) > 10 and set(named) <= allowed, sorted(set(named) - allowed)
    assert None not in known["serve"].values(), f"an option without a variable: {known['serve']}"


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    known = commands(program)
    assert {"predict", "serve", "models check"} <= set(known), known
    check_man_page(known)
    check_settings(known)


if __name__ == "__main__":
    main()
