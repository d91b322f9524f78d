"""What the training loops share: which weights decay, how the rate goes, and one step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


def has_quick_bfloat16() -> bool:
    """Whether PyTorch convolves bfloat16 by the processor's own instructions, which Debian's 1.13 doesn't say of itself."""
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return ask is not None and ask()


def mixed_precision() -> torch.autocast:
    """Convolutions and products in bfloat16 where that is quicker; weights stay in float32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=has_quick_bfloat16())


def weight_groups(model: nn.Module, decay: float) -> list[dict]:
    """Matrices decay; biases, gains and scales don't."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    return [{"params": decayed, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def orthogonalised(matrix: Tensor) -> Tensor:
    """The nearest matrix with singular values of about 1, by five steps of a Newton-Schulz iteration (the quintic of
    https://kellerjordan.github.io/posts/muon)."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.t() if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.t()
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.t() if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose direction is orthogonalised, for the matrices of a transformer: fewer steps to the same loss than
    AdamW takes, which matters where steps are few. An update's entries are as large as AdamW's (a root mean square of
    0.2, arXiv:2502.16982), so that both go by one rate."""

    def __init__(self, matrices: list[nn.Parameter], decay: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": 0.0, "weight_decay": decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                velocity = self.state[p].setdefault("velocity", torch.zeros_like(p))
                velocity.mul_(group["momentum"]).add_(p.grad)
                ahead = p.grad + group["momentum"] * velocity
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(orthogonalised(ahead), alpha=-0.2 * max(p.shape) ** 0.5 * group["lr"])


class Both:
    """Muon for hidden matrices, AdamW for everything else, as one optimiser."""

    def __init__(self, model: nn.Module, hidden: list[nn.Parameter], decay: float) -> None:
        chosen = {id(p) for p in hidden}
        groups = [
            {**group, "params": [p for p in group["params"] if id(p) not in chosen]}
            for group in weight_groups(model, decay)
        ]
        self.parts = [Muon(hidden, decay), torch.optim.AdamW(groups, betas=(0.9, 0.98))]
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad()

    def step(self) -> None:
        for part in self.parts:
            part.step()


def warm_cosine(rate: float, step: int, share: float) -> float:
    """50 steps up, then down a cosine to a hundredth with the share of the time that is gone."""
    return rate * min(1.0, (step + 1) / 50) * (0.5 * (1 + np.cos(np.pi * share)) + 0.01)


def descend(optimiser: torch.optim.Optimizer | Both, loss: Tensor, rate: float, clipped: nn.Module | None = None) -> None:
    """One step at `rate`; the gradient of `clipped` is kept to a norm of 1."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    if clipped is not None:
        nn.utils.clip_grad_norm_(clipped.parameters(), 1.0)
    optimiser.step()
