"""What machine this is, and how busy."""

import datetime
import os
import pathlib
import subprocess

WORTH_NAMING = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


def describe(root):
    cpu = dict(line.split(":", 1) for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines()
               if ":" in line)
    cpu = {key.strip(): value.strip() for key, value in cpu.items()}
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    commit = subprocess.run(["git", "-C", root, "rev-parse", "--short", "HEAD"], text=True, capture_output=True,
                            check=False).stdout.strip()
    return {"processor": cpu.get("model name", "unknown"), "cores": os.cpu_count(),
            "instructions": [flag for flag in WORTH_NAMING if flag in cpu.get("flags", "").split()],
            "memory_gib": round(memory, 1), "commit": commit,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "load_before": load()}


def load():
    return round(os.getloadavg()[0], 2)
