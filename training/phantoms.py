"""Makes the studies of a split with `ctclip phantom` and keeps what training needs of each: the tensor that
`ctclip export` prepares, as bytes, and the boxes of its findings. The DICOM files are deleted at once."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from data import boxes_of, to_bytes
from settings import SPACING_MM, VIT


def geometry() -> dict:
    return {
        "spacing_mm": SPACING_MM,
        "frames": VIT.frames,
        "height": VIT.height,
        "width": VIT.width,
        "patch": {"temporal": VIT.patch_frames, "spatial": VIT.patch},
    }


def write_geometry_bundle(folder: Path) -> None:
    """A bundle of empty files: exporting a tensor asks it for the geometry only."""
    folder.mkdir(parents=True, exist_ok=True)
    roles = ("ctclip", "supervised", "vocabulary", "fusion")
    for role in roles:
        (folder / role).touch()
    bundle = {"name": "geometry", "geometry": geometry(), "files": {r: {"path": r} for r in roles}}
    (folder / "bundle.json").write_text(json.dumps(bundle))


def call(*command: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def read_truth(study: Path) -> dict:
    return json.loads((study / "truth.json").read_text())


def finding_kinds(program: Path, work: Path) -> list[dict]:
    """Name, target and prompt of everything that a phantom can show: from the truth of one that shows it all."""
    names = [line.split()[0] for line in call(program, "phantom", "--list-findings").splitlines()[1:] if line]
    folder = work / "everything"
    shutil.rmtree(folder, ignore_errors=True)
    wanted = [option for name in names for option in ("--finding", name)]
    call(program, "phantom", folder, "--matrix", 64, "--thickness", 5, "--no-localizer", *wanted)
    found = {f["name"]: f for f in read_truth(folder)["findings"]}  # some come twice, as parts of others
    shutil.rmtree(folder)
    return [{key: f[key] for key in ("name", "supervised", "prompt")} for f in found.values()]


def options_of(seed: int, names: list[str]) -> list[object]:
    """Scanner and findings of a training study: made quickly, with the lung series that the program prefers
    more often than not, and with more findings than a user's patient has, so that each is seen often."""
    draw = random.Random(seed)
    thickness = draw.choice([2.0, 2.5, 3.0, 4.0, 5.0])
    options = ["--thickness", thickness, "--kernel", "lung" if draw.random() < 0.75 else "soft"]
    options += ["--matrix", 512 if draw.random() < 0.05 else 256]
    if draw.random() < 0.7:
        for name in draw.sample(names, draw.choice([1, 2, 3, 4, 5])):
            options += ["--finding", name]
    return options


def make_study(program: Path, out: Path, seed: int, options: list[object]) -> dict:
    """Its truth."""
    shutil.rmtree(out, ignore_errors=True)
    call(program, "phantom", out, "--seed", seed, "--no-localizer", "--threads", 1, *options)
    return read_truth(out)


def export_tensor(program: Path, bundle: Path, study: Path, out: Path) -> np.ndarray:
    call(program, "export", study, "--models", bundle, "--tensor", out, "--threads", 1)
    return np.load(out)


def record(row: int, truth: dict) -> dict:
    series = truth["series"][0]
    return {
        "row": row,
        "seed": truth["seed"],
        "acquisition": truth["acquisition"],
        "findings": {f["name"]: boxes_of(f, series) for f in truth["findings"]},
        "sides": {f["name"]: f["side"] for f in truth["findings"]},
    }


class SplitMaker:
    """Several workers; each has its own list of the studies that it made, so that a run goes on where an
    earlier one stopped."""

    def __init__(self, program: Path, work: Path, name: str, first: int, count: int) -> None:
        self.program, self.work, self.first, self.count = program, work, first, count
        self.folder = work / "data" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        write_geometry_bundle(work / "geometry")
        kinds_file = work / "data" / "kinds.json"
        if not kinds_file.exists():
            kinds_file.write_text(json.dumps(finding_kinds(program, work), indent=1))
        self.names = [kind["name"] for kind in json.loads(kinds_file.read_text())]
        file = self.folder / "volumes.npy"
        shape = (count, VIT.frames, VIT.height, VIT.width)
        if not file.exists():
            np.lib.format.open_memmap(file, "w+", np.uint8, shape)
        self.volumes = np.lib.format.open_memmap(file, "r+")

    def rows_done(self) -> set[int]:
        lists = self.folder.glob("studies.*.jsonl")
        return {json.loads(line)["row"] for file in lists for line in file.read_text().splitlines()}

    def work_on(self, worker: int, rows: list[int]) -> None:
        study, tensor = self.folder / f"study.{worker}", self.folder / f"tensor.{worker}.npy"
        with (self.folder / f"studies.{worker}.jsonl").open("a") as studies:
            for row in rows:
                seed = self.first + row
                truth = make_study(self.program, study, seed, options_of(seed, self.names))
                self.volumes[row] = to_bytes(
                    export_tensor(self.program, self.work / "geometry", study, tensor)
                )
                studies.write(json.dumps(record(row, truth)) + "\n")
                studies.flush()
        shutil.rmtree(study, ignore_errors=True)

    def run(self, workers: int) -> None:
        done = self.rows_done()
        rows = [row for row in range(self.count) if row not in done]
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(self.work_on, range(workers), [rows[i::workers] for i in range(workers)]))
