"""What the training loops share: which weights decay, how the rate goes, and one step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


def weight_groups(model: nn.Module, decay: float) -> list[dict]:
    """Matrices decay; biases, gains and scales don't."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    return [{"params": decayed, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def warm_cosine(rate: float, step: int, share: float) -> float:
    """50 steps up, then down a cosine to a hundredth with the share of the time that is gone."""
    return rate * min(1.0, (step + 1) / 50) * (0.5 * (1 + np.cos(np.pi * share)) + 0.01)


def descend(optimiser: torch.optim.Optimizer, loss: Tensor, rate: float, clipped: nn.Module | None = None) -> None:
    """One step at `rate`; the gradient of `clipped` is kept to a norm of 1."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    if clipped is not None:
        nn.utils.clip_grad_norm_(clipped.parameters(), 1.0)
    optimiser.step()
