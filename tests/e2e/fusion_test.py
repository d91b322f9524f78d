"""A table of `batch --details` goes through `fusion` again: the same probabilities, to the last digit.

Usage: fusion_test.py CTCLIP, the program that was built.
"""

import csv
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import batch_studies
from service import ROOT

DEMO = ROOT / "models/demo"
FUSION = DEMO / "lightgbm_model.txt"


def run(*command, status=0):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def batch(ctclip, studies, models, table):
    run(ctclip, "batch", "--input-dir", studies, "--models", models, "--output", table, "--details", "--any-anatomy", status=1)
    return table


def merge(ctclip, output, table, *options):
    """The same result in another form. 1: a study failed."""
    run(ctclip, "batch", "merge", output, table, *options, status=1)


def rows_of(table):
    with open(table, encoding="utf-8", newline="") as file:
        if table.suffix == ".jsonl":
            return [json.loads(line) for line in file]
        return list(csv.DictReader(file))


def check_round_trip(ctclip, table, model):
    expected = rows_of(table)
    done = run(ctclip, "fusion", model, table, status=1)
    answers = list(csv.DictReader(done.stdout.splitlines()))
    assert "1 of 3 studies failed in the batch" in done.stderr and "radiologist" in done.stderr, done.stderr
    assert [row["path_to_study"] for row in answers] == [row["path_to_study"] for row in expected]
    for answer, row in zip(answers, expected):
        if row["processing_status"] == "Failure":
            assert answer["probability"] == "", answer
        else:
            assert answer["study_uid"] == row["study_uid"]
            assert float(answer["probability"]) == float(row["probability_of_pathology"]), (answer, row)
    good = [float(answer["probability"]) for answer in answers if answer["probability"]]
    assert len(good) == 2 and good[0] != good[1], good


def check_missing_feature(ctclip, table, folder):
    """Without --details there are no features: refused, every one by name."""
    plain = folder / "plain.csv"
    merge(ctclip, plain, table)
    done = run(ctclip, "fusion", FUSION, plain, status=1)
    assert done.stdout == "" and "have no column: " in done.stderr and "ctclip_Pneumothorax" in done.stderr, done.stderr


def check_workbook(ctclip, table, folder):
    """The refusal names a command that works, from the journal beside the workbook."""
    workbook, other = folder / "book.xlsx", folder / "other.csv"
    merge(ctclip, workbook, table, "--details")
    shutil.copy(f"{table}.journal.jsonl", f"{workbook}.journal.jsonl")
    assert "batch merge" in run(ctclip, "fusion", FUSION, workbook, status=1).stderr
    merge(ctclip, other, workbook, "--details")
    check_round_trip(ctclip, other, FUSION)


def write_bundle_of_every_kind(models):
    """The demo bundle with a group, and a fusion of one split for each kind of feature."""
    shutil.copytree(DEMO, models)
    names = ["ctclip_Pleural_effusion", "supervised_covid", "ctclip_mean_probability", "supervised_top3_mean",
             "diffusion_classifier_std_probability", "ctclip_group_pleura_max", "ctclip_group_pleura_mean",
             "ctclip_group_pleura_count_high", "ctclip_group_pleura_std"]
    trees = [f"Tree={i}\nnum_leaves=2\nsplit_feature={i}\nthreshold=0.1\nleft_child=-1\nright_child=-2\n"
             f"leaf_value=-0.{i + 1} 0.{i + 1}\nleaf_count=1 1\ninternal_count=2\n\n\n" for i in range(len(names))]
    (models / "every.txt").write_text(
        f"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx={len(names) - 1}\n"
        f"objective=binary sigmoid:1\nfeature_names={' '.join(names)}\n\n{''.join(trees)}end of trees\n", encoding="utf-8")
    bundle = json.loads((models / "bundle.json").read_text(encoding="utf-8"))
    bundle["groups"] = {"pleura": ["Pleural effusion", "Pneumothorax"]}
    bundle["files"]["fusion"] = {"path": "every.txt",
                                 "sha256": hashlib.sha256((models / "every.txt").read_bytes()).hexdigest()}
    (models / "bundle.json").write_text(json.dumps(bundle), encoding="utf-8")
    return models / "every.txt"


def main():
    ctclip = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        studies = folder / "studies"
        studies.mkdir()
        batch_studies.make_phantom(ctclip, studies / "a.zip", "--seed", "1")
        batch_studies.make_phantom(ctclip, studies / "b.zip", "--seed", "2", "--finding", "pneumothorax")
        (studies / "c.zip").write_text("This is no study.\n", encoding="utf-8")
        table = batch(ctclip, studies, DEMO, folder / "table.csv")
        check_round_trip(ctclip, table, FUSION)
        lines = folder / "table.jsonl"
        merge(ctclip, lines, table, "--details")
        check_round_trip(ctclip, lines, FUSION)
        check_workbook(ctclip, table, folder)
        check_missing_feature(ctclip, table, folder)
        every = write_bundle_of_every_kind(folder / "models")
        check_round_trip(ctclip, batch(ctclip, studies, folder / "models", folder / "every.csv"), every)


if __name__ == "__main__":
    main()
