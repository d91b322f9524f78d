"""A packed bundle answers what its source answers, and is refused where it is not whole.

Usage: pack_test.py CTCLIP, the program that was built.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from service import GOLDEN, ROOT

STUDY = GOLDEN / "dicom" / "s01_base.zip"
MODELS = ROOT / "tests" / "data" / "tiny"
PRECISIONS = ("f32", "bf16") if "avx512_bf16" in Path("/proc/cpuinfo").read_text() else ("f32",)


class Program:
    def __init__(self, path):
        self.path = path

    def run(self, *arguments, isa=None):
        environment = dict(os.environ)
        if isa:
            environment["ONEDNN_MAX_CPU_ISA"] = isa
        return subprocess.run([self.path, *map(str, arguments)], capture_output=True, text=True, env=environment,
                              timeout=300, check=False)

    def predict(self, models, precision="f32", isa=None):
        return self.run("predict", "--models", models, "--details", "--any-anatomy", "--precision", precision, STUDY,
                        isa=isa)

    def answer(self, *arguments, **how):
        """All that does not depend on the clock."""
        done = self.predict(*arguments, **how)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        del answer["time_of_processing"], answer["details"]["seconds"]
        return answer


def refused(done, *words, status=2):
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    for word in words:
        assert word in done.stderr, (word, done.stderr)


def same_answers(ctclip, packed):
    for precision in PRECISIONS:
        expected = ctclip.answer(MODELS, precision)
        assert ctclip.answer(packed, precision) == expected, precision
    assert len(expected["details"]["bundle"]["sha256"]) == 64


def other_processor(ctclip, packed):
    """Packed for this processor, used on an older one: it works, and says what that costs."""
    expected = ctclip.answer(MODELS, isa="AVX2")
    done = ctclip.predict(packed, isa="AVX2")
    assert done.returncode == 0, done.stderr
    if "repacked in memory" not in done.stderr:
        print("oneDNN takes the same layouts for AVX2")
    found = json.loads(done.stdout)["details"]["probabilities"]
    for model, probabilities in expected["details"]["probabilities"].items():
        for name, value in probabilities.items():
            assert abs(found[model][name] - value) < 1e-6, (model, name)


def whole(ctclip, packed):
    done = ctclip.run("models", "check", packed)
    assert done.returncode == 0 and "packed for" in done.stdout, (done.stdout, done.stderr)
    source = ctclip.run("models", "check", MODELS).stdout
    for line in source.splitlines():
        if line.startswith(("bundle ", "sha256 ", "threshold ")):
            assert line in done.stdout, line


def damaged(ctclip, packed, folder):
    copy = folder / "damaged"
    file = copy / "ctclip.pack"

    def fresh():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(packed, copy)
        return file.read_bytes()

    data = bytearray(fresh())
    data[-1000] ^= 1
    file.write_bytes(data)
    refused(ctclip.run("models", "check", copy), "ctclip.pack", "SHA-256", "pack the models again")
    data = fresh()
    for size in (0, 7, 5000, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:size])
        refused(ctclip.predict(copy), "ctclip.pack")
    fresh()
    description = json.loads((copy / "bundle.json").read_text())
    description["prompts"] = ["Pleural effusion"]
    (copy / "bundle.json").write_text(json.dumps(description))
    refused(ctclip.predict(copy), "ctclip.pack", "pack the models again")
    fresh()
    shutil.copy(copy / "supervised.pack", file)
    refused(ctclip.predict(copy), "ctclip.pack")


def main():
    ctclip = Program(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        packed = folder / "packed"
        done = ctclip.run("models", "pack", MODELS, packed, "--precision", PRECISIONS[-1])
        assert done.returncode == 0, done.stderr
        assert "packed for" in done.stdout, done.stdout
        same_answers(ctclip, packed)
        other_processor(ctclip, packed)
        whole(ctclip, packed)
        damaged(ctclip, packed, folder)
        refused(ctclip.run("models", "pack", MODELS, packed), "exists")
        refused(ctclip.run("models", "pack", packed, folder / "again"), "is a pack already")
        assert sorted(p.name for p in folder.iterdir()) == ["damaged", "packed"], "something was left behind"


if __name__ == "__main__":
    main()
