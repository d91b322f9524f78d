#!/usr/bin/env python3
"""bf16 against f32: answers the same studies in both, and writes what differs into docs/accuracy.md, section
"bf16 against f32". Phantoms and the real study by the demo bundle; the latents of some of the phantoms by random
weights of the clinical size. Goes on where an earlier run stopped.

    bench/precision.py [--count 200] [--models models/demo] [--full-size build/bench/cache/models]
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import accuracy
import precision_report
from accuracy import ROOT, Job, call, make

# Behind the seeds of bench/accuracy.py: nothing was trained on, or chosen by, any of them.
FIRST_SEED = 9_800_001
PRECISIONS = ("f32", "bf16")


def jobs_of(options: argparse.Namespace) -> list[Job]:
    how = ("--random-findings", "--no-localizer", "--matrix", str(options.matrix))
    return [Job("", FIRST_SEED + i, how) for i in range(options.count)]


def summary(line: str) -> dict:
    """What of an answer is compared."""
    answer = json.loads(line)
    if answer["processing_status"] != "Success":
        raise SystemExit(f"a study was not answered: {answer}")
    found = {name: answer[name] for name in ("probability_of_pathology", "pathology", "most_dangerous_pathology_type")}
    details = answer["details"]
    slices = details["anomaly"]["classifier"]
    by_plane = dict(zip(map(str, slices["planes"]), slices["slices"], strict=True))
    return {**found, "probabilities": {**details["probabilities"], "slices": by_plane}, "precision": details["precision"]}


def predict(options: argparse.Namespace, studies: list[Path], precision: str) -> list[dict]:
    lines = call(options.program, "predict", "--details", "--models", options.models, "--precision", precision,
                 *studies).splitlines()
    found = [summary(line) for line in lines]
    if any(answer["precision"] != precision for answer in found):
        raise SystemExit(f"{precision} was asked for, but the program computed otherwise")
    return found


def latents(options: argparse.Namespace, study: Path, precision: str) -> dict[str, list[float]]:
    file = options.work / "latents.npy"
    call(options.program, "export", study, "--models", options.full_size, "--precision", precision, "--latents", file)
    found = {"ctclip": file, "supervised": file.with_suffix(".supervised.npy")}
    values = {detector: precision_report.read_npy(path) for detector, path in found.items()}
    for path in found.values():
        path.unlink()
    return values


def both(options: argparse.Namespace, studies: list[Path]) -> list[dict]:
    """For each study, its answer by precision."""
    answers = {precision: predict(options, studies, precision) for precision in PRECISIONS}
    return [{p: answers[p][i] for p in PRECISIONS} for i in range(len(studies))]


def answer(options: argparse.Namespace, jobs: list[Job]) -> list[dict]:
    folders = [make(options, job) for job in jobs]
    rows = both(options, folders)
    for job, folder, row in zip(jobs, folders, rows, strict=True):
        truth = json.loads((folder / "truth.json").read_text())
        row |= {"seed": job.seed, "findings": [finding["name"] for finding in truth["findings"]]}
        if job.seed < FIRST_SEED + options.latents:
            row["latents"] = {precision: latents(options, folder, precision) for precision in PRECISIONS}
        shutil.rmtree(folder)
    return rows


def missing(options: argparse.Namespace, results: Path) -> list[Job]:
    """The studies that no earlier run has answered; a line that it left half written is dropped."""
    lines = results.read_text().splitlines(keepends=True) if results.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    if whole != lines:
        results.write_text("".join(whole))
    done = {json.loads(line)["seed"] for line in whole}
    return [job for job in jobs_of(options) if job.seed not in done]


def run(options: argparse.Namespace) -> list[dict]:
    options.work.mkdir(parents=True, exist_ok=True)
    results = options.work / "results.jsonl"
    jobs = missing(options, results)
    with results.open("a") as out:
        for begin in range(0, len(jobs), accuracy.AT_ONCE):
            for row in answer(options, jobs[begin : begin + accuracy.AT_ONCE]):
                out.write(json.dumps(row) + "\n")
            out.flush()
            print(f"{min(begin + accuracy.AT_ONCE, len(jobs))} of {len(jobs)}", flush=True)
    wanted = {job.seed for job in jobs_of(options)}
    rows = map(json.loads, results.read_text().splitlines())
    return sorted((row for row in rows if row["seed"] in wanted), key=lambda row: row["seed"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "build/release/ctclip")
    parser.add_argument("--models", type=Path, default=ROOT / "models/demo")
    parser.add_argument("--full-size", type=Path, default=ROOT / "build/bench/cache/models",
                        help="random weights of the clinical size (ctclip models random DIR --full-size)")
    parser.add_argument("--latents", type=int, default=4, help="phantoms whose latents by --full-size are compared")
    parser.add_argument("--work", type=Path, default=ROOT / "build/precision",
                        help="keeps the answers; one folder for each bundle")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/accuracy.md")
    parser.add_argument("--chest", type=Path, default=ROOT.parent / "shared/data/chest_nlst_jpegls.zip",
                        help="a real study, compared as well where it is there")
    parser.add_argument("--count", type=int, default=200, help="phantoms")
    parser.add_argument("--matrix", type=int, default=256)
    options = parser.parse_args()
    if options.latents and not (options.full_size / "bundle.json").exists():
        raise SystemExit(f"{options.full_size}: no bundle there; make one, or give --latents 0")
    rows = run(options)
    chest = both(options, [options.chest])[0] if options.chest.exists() else None
    text = options.out.read_text() if options.out.exists() else ""
    options.out.write_text(precision_report.put(text, precision_report.section(rows, chest)))


if __name__ == "__main__":
    main()
