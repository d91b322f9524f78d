"""The same study in every precision, and on processors with less: oneDNN's own limit, which the program's kernels
follow, stands for them.

Usage: precision_test.py CTCLIP, the program that was built.
"""

import json
import os
import subprocess
import sys

from service import GOLDEN, ROOT

STUDY = GOLDEN / "dicom" / "s01_base.zip"
MODELS = ROOT / "tests" / "data" / "tiny"
# float32 products of other summation order: 1e-5 in a latent (models_ct_vit_test), and a logit is at
# most a few times that.
CLOSE = 1e-4


def predict(ctclip, precision, isa=None):
    """`precision` None: whatever the program does by itself."""
    environment = dict(os.environ)
    chosen = ["--precision", precision] if precision else []
    if isa:
        environment["ONEDNN_MAX_CPU_ISA"] = isa
    return subprocess.run(
        [ctclip, "predict", "--models", MODELS, "--details", "--any-anatomy", *chosen, STUDY],
        capture_output=True, text=True, env=environment, timeout=300, check=False)


def details(run):
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)["details"]


def close(one, other):
    for model, found in one["probabilities"].items():
        expected = other["probabilities"][model]
        assert found.keys() == expected.keys(), model
        for name, probability in found.items():
            assert abs(probability - expected[name]) < CLOSE, (model, name)


def main():
    ctclip = sys.argv[1]
    full = details(predict(ctclip, "f32"))
    assert full["precision"] == "f32", full["precision"]
    for isa in ("AVX2", "SSE41"):
        older = details(predict(ctclip, "auto", isa=isa))
        assert older["precision"] == "f32", f"{isa} does not multiply bfloat16"
        assert older["features"] != full["features"], f"{isa}: nothing was limited"
        close(older, full)
    refused = predict(ctclip, "bf16", isa="AVX2")
    assert refused.returncode == 2 and "AVX512-BF16" in refused.stderr, refused.stderr
    # Nobody compared bf16 with f32 for this bundle; compare_test.py is about one for which somebody did.
    for default in (details(predict(ctclip, "auto")), details(predict(ctclip, None))):
        assert (default["precision"], default["features"]) == ("f32", full["features"]), "auto is f32 and the default"
    rounded = predict(ctclip, "bf16")
    if rounded.returncode != 0:
        assert "AVX512-BF16" in rounded.stderr, rounded.stderr
        print("this processor has no bf16")
        return
    assert details(rounded)["precision"] == "bf16"
    assert details(rounded)["features"] != full["features"], "nothing was rounded"


if __name__ == "__main__":
    main()
