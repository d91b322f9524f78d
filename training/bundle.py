"""The files of the bundle: checkpoints in half precision under the reference's names, and bundle.json."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from torch import Tensor

from heads import ClipHead, SupervisedHead
from phantoms import geometry
from readout import Readout
from settings import RECONSTRUCTION, SLICE_SIZE, TARGETS, TEXT_HEADS

NAME = "demo (synthetic phantoms, not for patients)"
PROVENANCE = (
    "Trained on synthetic chests of `ctclip phantom` alone, by the scripts in training/ of ctclip's source. "
    "It has seen no patient and says nothing about one."
)
FILES = {
    "ctclip": "ctclip.pt",
    "supervised": "supervised.pt",
    "vocabulary": "vocab.txt",
    "fusion": "lightgbm_model.txt",
    "diffusion_classifier": "ct_classifier.pt",
    "diffusion_unet": "diffusion_checkpoint.pt",
}

State = dict[str, Tensor]


def halved(state: State) -> State:
    return {name: tensor.detach().half().clone() for name, tensor in state.items()}


def encoder_state(vit: State, readout: Readout) -> State:
    """visual_transformer.* and to_visual_latent of a CT-CLIP."""
    state = {f"visual_transformer.{name}": tensor for name, tensor in vit.items()}
    state["visual_transformer.vq._codebook.embed"] = readout.rows()[None]
    state["to_visual_latent.weight"] = readout.weight()
    return state


def write_supervised(folder: Path, vit: State, head: SupervisedHead) -> None:
    state = {f"ct_clip.{name}": tensor for name, tensor in encoder_state(vit, head.readout).items()}
    for name in ("weight", "bias"):
        state[f"pre_head_norm.{name}"] = getattr(head.pre_head_norm, name)
        state[f"classifier.1.{name}"] = getattr(head.classifier, name)
    checkpoint = {"model_state_dict": halved(state), "target_pathologies": TARGETS}
    torch.save(checkpoint, folder / FILES["supervised"])


def write_ctclip(folder: Path, vit: State, head: ClipHead) -> None:
    state = encoder_state(vit, head.readout)
    for name, tensor in head.state_dict().items():
        if name == "temperature" or name.startswith(("text_transformer.", "to_text_latent.")):
            state[name] = tensor
    torch.save(halved(state), folder / FILES["ctclip"])
    pieces = sorted(head.tokenizer.ids, key=head.tokenizer.ids.get)
    (folder / FILES["vocabulary"]).write_text("".join(piece + "\n" for piece in pieces))


def write_classifier(folder: Path, state: State) -> None:
    """Without the outputs for single findings."""
    shipped = dict(state)
    for name in ("out.2.c_proj.weight", "out.2.c_proj.bias"):
        shipped[name] = state[name][:2]
    torch.save(halved(shipped), folder / FILES["diffusion_classifier"])


def write_denoiser(folder: Path, state: State) -> None:
    torch.save(halved(state), folder / FILES["diffusion_unet"])


def write_bundle_json(folder: Path, prompts: list[str], threshold: float) -> None:
    """Over the files that are there."""
    files = {}
    for role, name in FILES.items():
        if (folder / name).exists():
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            files[role] = {"path": name, "sha256": digest}
    root = {
        "name": NAME,
        "provenance": PROVENANCE,
        "licence": "Apache-2.0",
        "clinical": False,
        "files": files,
        "geometry": geometry(),
        "text_encoder": {"heads": TEXT_HEADS},
        "prompts": prompts,
        "threshold": threshold,
        "anomaly": {
            "image_size": SLICE_SIZE,
            "classifier_head_channels": 64,
            "unet_heads": 1,
            **RECONSTRUCTION,
        },
    }
    (folder / "bundle.json").write_text(json.dumps(root, indent=2) + "\n")
