"""`ctclip export`: many studies with one loading of the models, a table of latents, the standard output, refusals.

Usage: export_test.py CTCLIP, the program that was built. Needs numpy.
"""

import csv
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy

import batch_studies
from service import ROOT

MODELS = ROOT / "tests/data/tiny"
LATENTS = ("ctclip", "supervised")


def export(ctclip, *arguments, status=0, models=MODELS, stdin=None):
    command = [ctclip, "export", "--models", models, *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=300, check=False,
                          stdin=stdin)
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stderr.decode()}"
    return done


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_one(ctclip, study, folder):
    """Each file, and the same bytes on the standard output."""
    files = {"--tensor": folder / "tensor.npy", "--latents": folder / "latents.npy", "--features": folder / "features.json",
             "--volume": folder / "volume.nii"}
    export(ctclip, study, *[part for pair in files.items() for part in pair])
    for option, file in files.items():
        assert export(ctclip, study, option, "-").stdout == file.read_bytes(), option
    export(ctclip, study, "--volume", folder / "volume.nii.gz")
    assert gzip.decompress((folder / "volume.nii.gz").read_bytes()) == (folder / "volume.nii").read_bytes()
    with open(study, "rb") as piped:
        assert export(ctclip, "-", "--latents", "-", stdin=piped).stdout == files["--latents"].read_bytes()
    assert numpy.load(files["--tensor"]).ndim == 3
    assert json.loads(files["--features"].read_text(encoding="utf-8"))["features"]
    return numpy.load(folder / "latents.npy"), numpy.load(folder / "latents.supervised.npy")


def check_index(rows, studies):
    assert [row["path_to_study"] for row in rows] == [str(study) for study in studies]
    assert [row["error_code"] for row in rows] == ["", "unsupported_format", ""], rows
    assert rows[1]["error"] and not rows[0]["error"] and not rows[1]["study_uid"]
    assert rows[0]["study_uid"] and rows[0]["series_uid"] and rows[0]["study_uid"] != rows[2]["study_uid"], rows


def check_arrays(ctclip, studies, alone, folder):
    """A row is what the study alone gives, bit for bit; that of a study that failed is NaN."""
    done = export(ctclip, *studies, "--latents-table", folder / "all.npy", status=1)
    assert f"ctclip: {studies[1]}: unsupported_format" in done.stderr.decode(), done.stderr
    for suffix, latents in zip(("", ".supervised"), alone):
        table = numpy.load(folder / f"all{suffix}.npy")
        assert table.dtype == numpy.float32 and table.shape == (3, latents.size), table.shape
        assert numpy.array_equal(table[0], latents) and not numpy.array_equal(table[2], latents)
        assert numpy.isnan(table[1]).all() and numpy.isfinite(table[2]).all()
        assert abs(numpy.linalg.norm(table[2].astype(float)) - 1) < 1e-6
    index = read_csv(folder / "all.index.csv")
    assert [row["row"] for row in index] == ["0", "1", "2"]
    check_index(index, studies)


def check_table(ctclip, studies, folder):
    """The CSV holds the same numbers."""
    export(ctclip, *studies, "--latents-table", folder / "all.csv", status=1)
    rows = read_csv(folder / "all.csv")
    check_index(rows, studies)
    for name, file in zip(LATENTS, ("all.npy", "all.supervised.npy")):
        for row, expected in zip(rows, numpy.load(folder / file)):
            values = [row[f"{name}_{i}"] for i in range(expected.size)]
            if row["error"]:
                assert not any(values), row
            else:
                assert numpy.array_equal(numpy.array(values, dtype=numpy.float32), expected)


def check_folders(ctclip, studies, alone, folder):
    """The files of each study in a folder of its own; with the volume alone, without any model."""
    out = folder / "out"
    export(ctclip, *studies, "--out", out, "--latents", "latents.npy", "--features", "f.json", status=1)
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == [
        "0001/f.json", "0001/latents.npy", "0001/latents.supervised.npy",
        "0003/f.json", "0003/latents.npy", "0003/latents.supervised.npy", "index.csv"]
    assert numpy.array_equal(numpy.load(out / "0001/latents.npy"), alone[0])
    index = read_csv(out / "index.csv")
    assert [row["folder"] for row in index] == ["0001", "0002", "0003"]
    check_index(index, studies)
    again = export(ctclip, *studies, "--out", out, "--latents", "latents.npy", status=2)
    assert b"empty folder" in again.stderr, again.stderr
    export(ctclip, *studies, "--out", folder / "volumes", "--volume", "v.nii", status=1)
    assert (folder / "volumes/0001/v.nii").read_bytes() == (folder / "volume.nii").read_bytes()


def check_none_answered(ctclip, study, folder):
    export(ctclip, study, "--latents-table", folder / "none.npy", status=1)
    assert numpy.load(folder / "none.npy").shape == (1, 0)
    assert read_csv(folder / "none.index.csv")[0]["error_code"] == "unsupported_format"


def check_refusals(ctclip, study, folder):
    """Before anything is read: the models are not there, which nobody hears of."""
    for arguments, message in (
            (["--volume", "x.mha"], "--volume x.mha: expected a name that ends in .nii or .nii.gz"),
            (["--volume", "x.gz"], ".nii or .nii.gz"),
            (["--tensor", "x.npz"], "ends in .npy"),
            (["--latents", "x"], "ends in .npy"),
            (["--features", "x.csv"], "ends in .json"),
            (["--latents-table", "x.parquet"], "Parquet is not written, expected .npy or .csv"),
            (["--latents-table", "x.xlsx"], "ends in .npy or .csv"),
            (["--latents-table", "-"], "ends in .npy or .csv"),
            (["--latents", "-", "--tensor", "-"], "found - twice"),
            ([study, "--latents", "x.npy"], "--out"),
            ([study, "--latents", "-"], "--out"),
            ([study, "--latents", "../x.npy", "--out", folder / "other"], "more than a name"),
            (["--latents", "-", "--out", folder / "other"], "more than a name"),
            (["--latents-table", "x.npy", "--out", folder / "other"], "--out: expected a file")):
        done = export(ctclip, study, *arguments, status=2, models=folder / "nowhere")
        assert message in done.stderr.decode(), (arguments, done.stderr)
    assert not (folder / "other").exists() and not list(pathlib.Path().glob("x.*"))


def main():
    ctclip = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        first = batch_studies.make_phantom(ctclip, folder / "first.zip", "--seed", "1")
        second = batch_studies.make_phantom(ctclip, folder / "second.zip", "--seed", "2")
        broken = folder / "broken.zip"
        broken.write_text("This is no study.\n", encoding="utf-8")
        alone = check_one(ctclip, first, folder)
        studies = [first, broken, second]
        check_arrays(ctclip, studies, alone, folder)
        check_table(ctclip, studies, folder)
        check_folders(ctclip, studies, alone, folder)
        check_none_answered(ctclip, broken, folder)
        check_refusals(ctclip, first, folder)
        assert not list(folder.rglob("*.part"))


if __name__ == "__main__":
    main()
