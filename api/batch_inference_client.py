#!/usr/bin/env python3
"""Answers a folder of chest CT studies: the batch client of the user guide, under its old path.

    python api/batch_inference_client.py --input-dir DIR --output results.xlsx --api-url URL

Hands over to `ctclip batch`, whose options are its own (docs/batch.md; --help tells them). The
program is CTCLIP where that is set, else build/release/ctclip beside this folder, else the one on
PATH. For diagnostic support only: every result must be checked by a qualified radiologist.
"""

import os
import pathlib
import shutil
import sys


def find_program():
    """Path of ctclip, or None."""
    if named := os.environ.get("CTCLIP"):
        return shutil.which(named)
    built = pathlib.Path(__file__).resolve().parent.parent / "build" / "release" / "ctclip"
    return shutil.which(built) or shutil.which("ctclip")


def main():
    program = find_program()
    if program is None:
        where = os.environ.get("CTCLIP")
        found = f"CTCLIP={where} is no program" if where else "it is neither built nor on PATH"
        print(f"batch_inference_client: ctclip is needed, and {found}; build it with `make`, or set "
              "CTCLIP to its path", file=sys.stderr)
        return 2
    # In the place of this process, so that signals and the exit status are the program's.
    os.execv(program, [program, "batch", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
