"""The peers' networks are the reference's: they replay its golden data. Skipped where they are not installed.

Usage: peers_test.py [GOLDEN_DIR]
"""

import os
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = pathlib.Path(sys.argv.pop()) if len(sys.argv) > 1 else ROOT / "build" / "release" / "golden"
PYTHON = ROOT / "build" / "peers-venv" / "bin" / "python"

if pathlib.Path(sys.prefix) != PYTHON.parents[1]:  # Debian's PyTorch, too, would be too old
    if not PYTHON.exists():
        print("no peers: bench/peers/install installs them")
        sys.exit(77)
    os.execv(PYTHON, [str(PYTHON), "-B", __file__, str(GOLDEN)])

import numpy  # noqa: E402
import torch  # noqa: E402

sys.path.insert(0, str(ROOT / "bench" / "peers"))
import ctvit  # noqa: E402
import slices  # noqa: E402

torch.set_grad_enabled(False)


def load(folder, name):
    return torch.from_numpy(numpy.load(GOLDEN / folder / f"{name}.npy"))


def weights(folder, name):
    return torch.load(GOLDEN / folder / name, map_location="cpu", weights_only=True)


class Peers(unittest.TestCase):
    def test_the_encoder_gives_the_references_codes(self):
        ctvit.HEADS = 4
        network = ctvit.CtVit(weights("ctclip_tiny", "ctclip_tiny.pt"), (10, 20, 20), (4, 4, 4))
        self.assertEqual(network(load("ctclip_tiny", "input_volume")[0]).flatten().tolist(),
                         load("ctclip_tiny", "vq_indices").flatten().tolist())

    def test_the_slice_classifier_gives_the_references_logits(self):
        folder = "diffusion_classifier_256"
        network = slices.SliceClassifier(weights(folder, "classifier_256.pt"))
        difference = network(load(folder, "input_slices")) - load(folder, "logits_t0")
        self.assertLess(difference.abs().max().item(), 1e-4)


if __name__ == "__main__":
    unittest.main()
