"""The two networks with a bundle's weights, their inputs, and how an answer is read."""

import json
import pathlib

import numpy
import torch

from ctvit import CtVit
from slices import SliceClassifier

torch.set_grad_enabled(False)


def checkpoint(models, role):
    bundle = json.loads((models / "bundle.json").read_text(encoding="utf-8"))
    state = torch.load(models / bundle["files"][role]["path"], map_location="cpu", mmap=True, weights_only=True)
    return state.get("model_state_dict", state)


def build(network, models):
    if network == "encoder":
        return CtVit(checkpoint(models, "ctclip")).eval()
    return SliceClassifier(checkpoint(models, "diffusion_classifier")).eval()


def example(network, batch):
    """An input of the right shape, for tracing."""
    return torch.zeros((1, 240, 480, 480) if network == "encoder" else (batch, 1, 256, 256))


def batches(network, cache, batch):
    """What one round computes, as float32 arrays."""
    if network == "encoder":
        return [numpy.load(cache / "volume.npy")[None]]
    slices = numpy.load(cache / "slices.npy")[:, None]
    return [numpy.ascontiguousarray(slices[i:i + batch]) for i in range(0, len(slices), batch)]


def answer(network, outputs):
    """Codes, or probabilities of pathology, of the outputs of all batches."""
    joined = numpy.concatenate([numpy.asarray(output) for output in outputs])
    if network == "encoder":
        return joined.flatten()
    return 1 / (1 + numpy.exp(joined[:, 0].astype(float) - joined[:, 1]))


def exported(network, models, cache, batch):
    """The network as an ONNX file in `cache`, made where it is missing."""
    path = pathlib.Path(cache) / f"{network}_{batch}.onnx"
    if not path.exists():
        part = path.with_suffix(".part")
        torch.onnx.export(build(network, models), (example(network, batch),), str(part), dynamo=False,
                          opset_version=20, input_names=["x"], output_names=["y"])
        part.rename(path)
    return path
