"""`ctclip models compare` from end to end: a bundle's own studies in both precisions, the record, and what follows
from it: `auto`, the service's /ready and details, `models check`, a pack.

Usage: compare_test.py CTCLIP, the program that was built.
"""

import array
import gzip
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import urllib.request

from service import GOLDEN, ROOT, Service

TINY = ROOT / "tests/data/tiny"
STUDY = GOLDEN / "dicom" / "s01_base.zip"
FEWEST = 30
RADIOLOGIST = "must be checked by a qualified radiologist"


def has_bf16():
    """As the program asks: of the processor."""
    return "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text()


def write_volume(path, number):
    """A small NIfTI volume of its own; nobody's chest."""
    size, slices = 48, 24
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, size, size, slices, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)  # int16
    struct.pack_into("<8f", header, 76, 1, 6, 6, 6, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, 352, 1, 0)
    header[123] = 2  # mm
    struct.pack_into("<2h", header, 252, 0, 1)
    for row, at in enumerate((280, 296, 312)):
        struct.pack_into("<4f", header, at, *(6.0 if column == row else 0.0 for column in range(4)))
    header[344:348] = b"n+1\0"
    voxels = array.array("h", ((x * (7 + number) + y * 11 + z * (3 + number)) % 1200 - 900
                               for z in range(slices) for y in range(size) for x in range(size)))
    path.write_bytes(gzip.compress(bytes(header) + voxels.tobytes(), 1))


class Bench:
    def __init__(self, ctclip, folder):
        self.ctclip, self.folder = ctclip, folder
        self.models = folder / "models"
        shutil.copytree(TINY, self.models)
        self.json = self.models / "bundle.json"
        self.studies = [folder / f"Ivanova {number}.nii.gz" for number in range(FEWEST)]
        for number, study in enumerate(self.studies):
            write_volume(study, number)

    def run(self, *arguments, isa=None):
        environment = os.environ | ({"ONEDNN_MAX_CPU_ISA": isa} if isa else {})
        return subprocess.run([self.ctclip, *map(str, arguments)], capture_output=True, text=True, env=environment,
                              timeout=600, check=False)

    def compare(self, *arguments, **how):
        return self.run("models", "compare", self.models, "--any-anatomy", *arguments, **how)

    def details(self, *arguments):
        done = self.run("predict", "--models", self.models, "--details", "--any-anatomy", *arguments, STUDY)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["details"]

    def bundle(self):
        return json.loads(self.json.read_text())


def refused(done, *words, status=2):
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    for word in words:
        assert word in done.stderr, (word, done.stderr)


def is_f32_by_default(bench):
    details = bench.details()
    assert details["precision"] == "f32", details["precision"]
    assert "comparison" not in details and details["precision_reason"].startswith("auto: "), details["precision_reason"]
    assert details["features"] == bench.details("--precision", "f32")["features"]


def is_refused_before_any_work(bench):
    refused(bench.compare("--accept", *bench.studies[:3]), "expected at least 30 studies, found 3")
    refused(bench.compare(bench.studies[0], isa="AVX2"), "AVX512-BF16")
    refused(bench.compare("--allow-flips", "1", bench.studies[0]), "--accept", status=2)
    bare = bench.folder / "bare"
    shutil.copytree(TINY, bare)
    (bare / "bundle.json").unlink()
    refused(bench.run("models", "compare", bare, "--accept", *bench.studies), "has no bundle.json", "ctclip models pack")


def tells_failures_and_goes_on(bench):
    """A study that fails is named as it was typed, is not counted, and does not end it; one that comes twice counts once."""
    broken, missing = bench.folder / "broken.zip", bench.folder / "missing.zip"
    broken.write_bytes(b"PK\3\4 nothing")
    done = bench.compare(broken, bench.studies[0], missing, bench.studies[1], bench.studies[0])
    assert done.returncode != 0, "two studies failed"
    for study in (broken, missing):
        assert f"{study}: not compared: " in done.stderr, done.stderr
    assert f"{bench.studies[0]}: the same study as one before" in done.stderr, done.stderr
    assert "2 compared, 2 failed" in done.stdout and RADIOLOGIST in done.stdout, done.stdout
    assert "flipped decisions: " in done.stdout and "ctclip_latent, degrees" in done.stdout, done.stdout
    assert "comparison" not in bench.bundle(), "nobody accepted"


def is_recorded(bench):
    before = bench.bundle()
    same = [bench.studies[0]] * FEWEST
    refused(bench.compare("--accept", *same), "expected at least 30 different studies", "found 1")
    assert bench.bundle() == before, "refused, and nothing is written"
    done = bench.compare("--accept", "--json", "--allow-flips", FEWEST, *bench.studies)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert RADIOLOGIST in told["warning"] and told["failed"] == 0
    assert [row["study"] for row in told["studies"]] == list(map(str, bench.studies))
    after = bench.bundle()
    recorded = after.pop("comparison")
    assert after == before and list(after) == list(before), "the rest of the file"
    assert recorded == told["comparison"] and recorded["studies"] == FEWEST
    flipped = sum(row["f32"]["pathology"] != row["bf16"]["pathology"] for row in told["studies"])
    moved = [abs(row["f32"]["probability_of_pathology"] - row["bf16"]["probability_of_pathology"]) for row in told["studies"]]
    assert recorded["flipped_decisions"] == flipped
    fused = recorded["differences"]["probability_of_pathology"]
    assert fused["values"] == FEWEST and abs(fused["largest"] - max(moved)) < 1e-12
    latent = recorded["differences"]["ctclip_latent"]
    assert latent["unit"] == "degree" and 0 < latent["largest"] < 30, "something was rounded"
    assert "Ivanova" not in bench.json.read_text(), "nothing of a study is recorded"
    return recorded


def is_used(bench, recorded):
    details = bench.details()
    assert details["precision"] == "bf16" and details["comparison"] == recorded, details["precision_reason"]
    assert details["bundle"]["sha256"] == recorded["bundle_sha256"]
    assert f"compared with f32 on {recorded['date']}" in details["precision_reason"], details["precision_reason"]
    assert details["features"] == bench.details("--precision", "bf16")["features"]
    asked = bench.details("--precision", "f32")
    assert asked["precision"] == "f32" and asked["bundle"] == details["bundle"], "the bundle's identity stays"
    check = bench.run("models", "check", bench.models)
    assert check.returncode == 0 and "precision   bf16 (auto: compared with f32" in check.stdout, check.stdout
    assert "flipped decisions: " in check.stdout, check.stdout
    older = bench.run("models", "check", bench.models, isa="AVX2")
    assert "precision   f32 (auto: this processor does not multiply bfloat16" in older.stdout, older.stdout
    command = [bench.ctclip, "serve", "--models", bench.models, "--port", "0", "--threads", "1"]
    with Service(list(map(str, command))) as service, urllib.request.urlopen(f"{service.url}/ready", timeout=60) as answer:
        ready = json.load(answer)
    assert ready == {"ready": True, **{name: details[name] for name in ("precision", "precision_reason", "comparison")}}, ready


def travels_in_a_pack(bench, recorded):
    packed = bench.folder / "packed"
    done = bench.run("models", "pack", bench.models, packed)
    assert done.returncode == 0 and "f32 and bf16" in done.stdout, (done.stdout, done.stderr)
    assert json.loads((packed / "bundle.json").read_text())["comparison"] == recorded
    check = bench.run("models", "check", packed)
    assert "precision   bf16" in check.stdout, check.stdout


def ends_with_the_models(bench):
    """Another threshold, another bundle: what was measured is not said of it. A damaged record is no record."""
    whole = bench.bundle()
    bench.json.write_text(json.dumps(whole | {"threshold": 0.123}))
    details = bench.details()
    assert details["precision"] == "f32" and "compare again" in details["precision_reason"], details["precision_reason"]
    bench.json.write_text(json.dumps(whole | {"comparison": whole["comparison"] | {"studies": "many"}}))
    refused(bench.run("predict", "--models", bench.models, STUDY), "bundle.json", "comparison.studies")


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(sys.argv[1], pathlib.Path(folder))
        is_f32_by_default(bench)
        if not has_bf16():
            refused(bench.compare(bench.studies[0]), "AVX512-BF16")
            print("this processor has no bf16: nothing to compare")
            return
        is_refused_before_any_work(bench)
        tells_failures_and_goes_on(bench)
        recorded = is_recorded(bench)
        is_used(bench, recorded)
        travels_in_a_pack(bench, recorded)
        ends_with_the_models(bench)


if __name__ == "__main__":
    main()
