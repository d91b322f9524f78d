"""clang-tidy 14 over every source of a build, two at a time.

Usage: tidy.py SOURCE_DIR BUILD_DIR; exit status 1 when a file has a finding.
A file without one leaves a stamp in BUILD_DIR/tidy, named by the hash of all that could change that:
its text, the project's headers that it reaches, its command, .clang-tidy and clang-tidy itself.
"""

import concurrent.futures
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import time

TIDY = "clang-tidy-14"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
NOISE = re.compile(r"^(\d+ warnings? (and \d+ errors? )?generated\.|Suppressed .*|Use -header-filter=.*"
                   r"|\d+ warnings? treated as errors?|)$")


def reached(file, folders):
    """`file` and every project header that it includes, directly or not."""
    found, waiting = set(), [file]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for name in INCLUDE.findall(current.read_text(encoding="utf-8")):
            for folder in (current.parent, *folders):
                if (folder / name).is_file():
                    waiting.append((folder / name).resolve())
                    break
    return sorted(found)


def stamp_name(file, command, root, version):
    """Hash of everything of ours that the verdict on a file depends on."""
    digest = hashlib.sha256(f"{version}\n{command}\n".encode())
    configurations = [root / ".clang-tidy", root / "tests" / ".clang-tidy"]
    for path in [*filter(pathlib.Path.exists, configurations), *reached(file, (root / "src", root / "tests"))]:
        digest.update(f"{path}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def tidy(file, build):
    """What clang-tidy has to say about a file; empty when it is content."""
    # The build is GCC's, whose warnings clang does not all know by name.
    run = subprocess.run([TIDY, "--quiet", "--extra-arg=-Wno-unknown-warning-option", "-p", build, file],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if run.returncode == 0:
        return ""
    lines = (run.stdout + run.stderr).splitlines()
    return "\n".join(line for line in lines if not NOISE.match(line)) or f"{file}: {TIDY} failed"


def check(root, build, out=sys.stdout):
    """Number of files with a finding."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    stamps = build / "tidy"
    stamps.mkdir(exist_ok=True)
    waiting = {}
    known = 0
    for entry in commands:
        file = pathlib.Path(entry["file"]).resolve()
        if root not in file.parents or build in file.parents:
            continue
        stamp = stamps / stamp_name(file, entry["command"], root, version)
        if stamp.exists():
            known += 1
        else:
            waiting[file] = stamp

    def judge(file):
        began = time.monotonic()
        finding = tidy(file, build)
        if not finding:
            waiting[file].touch()
        return file, finding, time.monotonic() - began

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for file, finding, seconds in pool.map(judge, waiting):
            print(f"{seconds:6.1f} s  {file.relative_to(root)}", file=out, flush=True)
            if finding:
                bad += 1
                print(finding, file=out, flush=True)
    print(f"{len(waiting)} files checked, {known} unchanged since they were, {bad} with findings",
          file=out)
    return bad


def main():
    root, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    return 1 if check(root, build) else 0


if __name__ == "__main__":
    sys.exit(main())
