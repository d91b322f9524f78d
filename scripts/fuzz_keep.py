#!/usr/bin/env python3
"""Takes over what libFuzzer's -merge=1 left. Usage: fuzz_keep.py MERGED SEEDS

Seeds whose bytes are in MERGED keep their names; those that are not go, unless their name begins with "regression":
they show that a fault is mended, not that code is reached. New ones are named after their SHA-1, as libFuzzer does.
"""

import hashlib
import pathlib
import sys


def main():
    merged, seeds = (pathlib.Path(argument) for argument in sys.argv[1:3])
    wanted = {hashlib.sha1(file.read_bytes()).hexdigest(): file for file in merged.iterdir() if file.is_file()}
    removed = 0
    for seed in sorted(seeds.iterdir()):
        digest = hashlib.sha1(seed.read_bytes()).hexdigest()
        if wanted.pop(digest, None) is None and not seed.name.startswith("regression"):
            seed.unlink()
            removed += 1
    for digest, file in wanted.items():
        (seeds / digest).write_bytes(file.read_bytes())
    size = sum(seed.stat().st_size for seed in seeds.iterdir())
    print(f"{seeds.name}: {len(wanted)} new, {removed} removed, {len(list(seeds.iterdir()))} seeds of {size} bytes")


main()
