"""Replays the golden tensors of the reference (the folder `golden` of tests/golden.tar.xz) with these modules.

    training/check_against_golden.py GOLDEN
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bert import Bert
from ct_clip import CtClip, Supervised, pooled
from ct_vit import VitShape
from unet import DiffusionUnet, SliceClassifier, UnetShape

TINY = VitShape(40, 80, 80, 10, 20, dim=64, codes=128, depth=2, temporal_depth=2, heads=4, dim_head=16)


def load(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Every tensor of the module must come from the file."""
    missing, _ = module.load_state_dict(state, strict=False)
    if missing:
        raise SystemExit(f"not in the checkpoint: {missing}")
    module.eval()


class Check:
    def __init__(self) -> None:
        self.failures = 0

    def close(self, name: str, found: Tensor, expected: np.ndarray, tolerance: float) -> None:
        difference = np.abs(found.detach().numpy().reshape(expected.shape) - expected).max()
        good = difference <= tolerance
        self.failures += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}: {difference:.2e} (at most {tolerance:.0e})")


def check_ct_clip(folder: Path, check: Check) -> None:
    state = torch.load(folder / "ctclip_tiny.pt")
    model = CtClip(TINY, 32, Bert(300, 48, 2, 4, 96, 512), 48)
    load(model, state)
    volume = torch.from_numpy(np.load(folder / "input_volume.npy"))[0]
    vit = model.visual_transformer
    tokens = vit(volume)
    expected = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    check.close("bias", vit.spatial_rel_pos_bias(4, 4), expected["spatial_attention_bias"], 1e-5)
    check.close("tokens", tokens, expected["vq_input"], 1e-4)
    indices = vit.vq._codebook.indices(tokens)
    check.close("codes", indices, expected["vq_indices"], 0)
    embedding = pooled(vit.vq._codebook.embed[0][indices])
    check.close("embedding", embedding, expected["image_embedding_mean_t"], 1e-6)
    image = model.image_latent(volume)
    check.close("image latent", image, expected["image_latent"], 1e-5)
    texts = []
    for prompt in json.loads((folder / "prompts.json").read_text()):
        for ids in prompt["token_ids"]:
            row = torch.tensor([ids])
            texts.append(model.text_latent(row, torch.ones_like(row, dtype=torch.bool)))
    text = torch.cat(texts)
    check.close("text latents", text, expected["text_latents"], 1e-5)
    check.close("logits", model.temperature.exp() * text @ image[0], expected["logits"], 1e-4)


def check_supervised(folder: Path, volume: np.ndarray, check: Check) -> None:
    state = torch.load(folder / "supervised_tiny.pt")["model_state_dict"]
    model = Supervised(TINY, 512, 15)
    load(model, state)
    logits = np.load(folder / "logits.npy")
    check.close("supervised logits", model.logits(torch.from_numpy(volume)[0]), logits, 1e-4)


def check_classifier(folder: Path, check: Check) -> None:
    model = SliceClassifier(UnetShape(64, 32, (1, 2, 3, 4), 1, (2, 8)))
    model.load_state_dict(torch.load(folder / "classifier_tiny.pt"))
    slices = torch.from_numpy(np.load(folder / "input_slices.npy"))
    for name, t in (("t0", [0, 0, 0]), ("t_mixed", [0, 250, 499])):
        logits = model(slices, torch.tensor(t))
        check.close(f"slice logits {name}", logits, np.load(folder / f"logits_{name}.npy"), 1e-4)


def check_unet(folder: Path, check: Check) -> None:
    model = DiffusionUnet(UnetShape(64, 32, (1, 2, 2), 2, head_channels=0))
    model.load_state_dict(torch.load(folder / "unet_tiny.pt"))
    for t in (0, 1, 250, 499, 999):
        x = torch.from_numpy(np.load(folder / f"model_input_t{t}.npy"))
        for label in (0, 1):
            out = model(x, torch.full((2,), t), torch.full((2,), label))
            expected = np.load(folder / f"model_output_t{t}_y{label}.npy")
            check.close(f"noise t={t} y={label}", out, expected, 1e-4)


def main() -> int:
    golden = Path(sys.argv[1])
    check = Check()
    with torch.no_grad():
        check_ct_clip(golden / "ctclip_tiny", check)
        volume = np.load(golden / "ctclip_tiny" / "input_volume.npy")
        check_supervised(golden / "supervised_tiny", volume, check)
        check_classifier(golden / "diffusion_classifier_tiny", check)
        check_unet(golden / "diffusion_unet_tiny", check)
    return check.failures > 0


if __name__ == "__main__":
    sys.exit(main())
