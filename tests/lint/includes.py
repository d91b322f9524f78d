"""Who may include whom: data goes one way through the rooms of src/, and nothing points back.

Usage: includes.py SOURCE_DIR; prints each violation as file:line, exit status 1 when there is one.
"""

import pathlib
import re
import sys

# Room -> what it may include besides itself: a whole room, or one header of it.
ALLOWED = {
    "base": [],
    "drawing": ["base"],
    "study": ["base"],
    "checkpoint": ["base", "study/source.h"],
    "nn": ["base"],
    "models": ["base", "checkpoint", "nn"],
    "detectors": ["base", "checkpoint/checkpoint.h", "checkpoint/layouts.h", "models", "nn",
                  "study/volume.h"],
    "fusion": ["base", "checkpoint", "detectors/scores.h"],
    # The study's reading in a process of its own: StudyLoader is what it makes.
    "isolation": ["base", "study"],
    "pipeline": ["base", "checkpoint", "detectors", "drawing", "fusion", "nn", "study"],
    "history": ["base"],
    # Of the study only what pipeline/analyser.h shows, and what an upload is.
    "server": ["base", "history", "pipeline", "study/limits.h", "study/source.h", "study/study.h"],
    # The names of the guide's bands and the warning are the fusion's.
    "batch": ["base", "fusion/names.h", "pipeline", "study"],
    "phantom": ["base", "checkpoint/zip_writer.h", "drawing", "study/dcmtk_setup.h"],
    "app": ["base", "batch", "checkpoint", "detectors", "fusion", "history", "isolation", "models",
            "nn", "phantom", "pipeline", "server", "study"],
}
# Library header -> the only rooms that may include it.
LIBRARIES = {r"(oneapi/dnnl/)?dnnl\w*\.": ["nn"], r"CLI/": ["app"], r"boost/": ["server"],
             r"dcmtk/": ["study", "phantom"], r"curl/": ["batch"], r"xlsxwriter": ["batch"],
             r"SQLiteCpp/": ["batch", "history"], r"sqlite3\.": ["history"],
             r"(ft2build|png)\.": ["drawing"], r"seccomp": ["isolation"], r"prometheus/": ["server"]}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def includes_of(file):
    """(line number, "project header" or None, "library header" or None) of each include."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match.group(1), match.group(2)


def judge_project(room, header, source):
    """Why a room may not include a project header; None when it may."""
    target = header.split("/")[0]
    if "/" not in header or target not in ALLOWED or not (source / header).is_file():
        return f'"{header}" is no header of the project, named from src/'
    if target == room or target in ALLOWED[room] or header in ALLOWED[room]:
        return None
    return f'{room} may not include "{header}"'


def judge_library(room, header):
    """Why a room may not include a library's header; None when it may."""
    for pattern, owners in LIBRARIES.items():
        if re.match(pattern, header) and room not in owners:
            return f"only src/{' and src/'.join(owners)} includes <{header}>"
    return None


def find_cycle(graph):
    """A path of names that ends where it began, or an empty list."""
    done = set()

    def visit(name, path):
        if name in path:
            return path[path.index(name):] + [name]
        if name not in done:
            for target in sorted(graph.get(name, ())):
                if cycle := visit(target, path + [name]):
                    return cycle
            done.add(name)
        return []

    for name in sorted(graph):
        if cycle := visit(name, []):
            return cycle
    return []


def violations(root):
    """Every violation under root/src, as "file:line: reason"."""
    source = root / "src"
    found = []
    rooms, headers = {}, {}
    for file in sorted(p for p in source.rglob("*") if p.suffix in (".h", ".cc")):
        name = file.relative_to(source).as_posix()
        room = name.split("/")[0]
        if room not in ALLOWED:
            found.append(f"src/{name}:1: there is no room '{room}'")
            continue
        for number, header, library in includes_of(file):
            reason = (judge_project(room, header, source) if header
                      else judge_library(room, library))
            if reason:
                found.append(f"src/{name}:{number}: {reason}")
            if header:
                headers.setdefault(name, set()).add(header)
                rooms.setdefault(room, set()).update({header.split("/")[0]} - {room})
    for graph in (rooms, headers):
        if cycle := find_cycle(graph):
            found.append(f"src: a cycle: {' -> '.join(cycle)}")
    return found


def main():
    found = violations(pathlib.Path(sys.argv[1]))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
