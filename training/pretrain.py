"""Trains one encoder with dense supervision, so that few volumes teach it much.

Two auxiliary heads, neither of which is shipped, read the tokens before quantisation by their angle to
learned prototypes: tokens within the body say which findings touch them; tokens at the front and back
edge of the grid, which always lie in air, say which findings the study has, so that attention carries
the evidence of the whole volume there. What the codebook later keeps are these angles.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ct_vit import CtVit, Linear
from data import IGNORED, Split, augmented
from metrics import auroc, mean_auroc
from optimise import Both, descend
from settings import BATCH, SEED, VIT

RATE, FURTHER_RATE = 1.5e-3, 4e-4  # of a first training, and of one that goes on from it


class Prototypes(nn.Module):
    """Logits of the classes from a token's direction."""

    def __init__(self, dim: int, classes: int, prior: float) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.randn(classes, dim))
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.bias = nn.Parameter(torch.full((classes,), prior))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.scale * F.linear(F.normalize(tokens, dim=-1), F.normalize(self.rows, dim=-1)) + self.bias


class DenseModel(nn.Module):
    """`classes`: the findings, and "anything" behind them."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.vit = CtVit(VIT)
        self.inside = Prototypes(VIT.dim, classes, -4.0)
        self.edge = Prototypes(VIT.dim, classes, -2.0)

    def forward(self, volume: Tensor) -> tuple[Tensor, Tensor]:
        """Logits inside (B, T, h, w-2, classes) and at the edge (B, tokens, classes)."""
        tokens = self.vit(volume).unflatten(2, VIT.grid[1:])
        edge = tokens[:, :, :, [0, -1]].flatten(1, 3)
        return self.inside(tokens[:, :, :, 1:-1]), self.edge(edge)


def with_anything(tokens: Tensor) -> Tensor:
    """(B, kinds, T, h, w) -> one more: touched by any finding."""
    any_one = (tokens == 1).any(dim=1, keepdim=True)
    any_sliver = (tokens == IGNORED).any(dim=1, keepdim=True) & ~any_one
    return torch.cat([tokens, (any_one + IGNORED * any_sliver).to(tokens.dtype)], dim=1)


def inside_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """A small finding's few tokens weigh as much as a large one's many."""
    target = with_anything(tokens)[..., 1:-1].permute(0, 2, 3, 4, 1)
    positive = (target == 1).float()
    count = positive.sum(dim=(1, 2, 3), keepdim=True)
    weight = torch.where(target == 1, (200 / count.clamp(min=1)).clamp(0.5, 20), torch.ones(()))
    weight = weight * (target != IGNORED)
    losses = F.binary_cross_entropy_with_logits(logits, positive, weight, reduction="sum")
    return losses / (logits.shape[0] * 100)


def edge_loss(logits: Tensor, labels: Tensor) -> Tensor:
    target = torch.cat([labels, labels.amax(dim=1, keepdim=True)], dim=1)
    target = target[:, None].expand_as(logits)
    weight = torch.where(target > 0, 4.0, 1.0)
    return F.binary_cross_entropy_with_logits(logits, target, weight) * logits.shape[-1]


def batches(load: Callable[[], Split], random: np.random.Generator):
    """Shuffled, without end. Each round takes the studies that there are by then, so that training can begin
    while the last ones are still being made."""
    while True:
        split = load()
        order = random.permutation(len(split))
        for begin in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[begin : begin + BATCH]
            tokens = torch.from_numpy(split.tokens[rows])
            pairs = [augmented(v, t, random) for v, t in zip(split.volumes(rows), tokens)]
            volumes, tokens = (torch.stack(part) for part in zip(*pairs))
            yield volumes, tokens, torch.from_numpy(split.labels[rows])


def learning_rate(largest: float, share: float) -> float:
    """Rises over the first 4 %, then falls as a cosine. `share` of the training that is done."""
    if share < 0.04:
        return largest * (share / 0.04 + 0.02)
    return largest * (0.5 * (1 + np.cos(np.pi * (share - 0.04) / 0.96)) + 0.01)


@torch.no_grad()
def edge_scores(model: DenseModel, split: Split) -> np.ndarray:
    """(N, classes): mean logit of the tokens at the edge."""
    model.eval()
    scores = []
    for begin in range(0, len(split), 8):
        scores.append(model(split.volumes(slice(begin, begin + 8)))[1].mean(dim=1).numpy())
    model.train()
    return np.concatenate(scores)


def report(model: DenseModel, split: Split, at: str) -> None:
    scores = edge_scores(model, split)
    each = " ".join(
        f"{kind['name']}={auroc(split.labels[:, i], scores[:, i]):.2f}"
        for i, kind in enumerate(split.kinds)
    )
    overall = auroc(split.abnormal, scores[:, -1])
    print(f"{at}: any {overall:.3f} mean {mean_auroc(split.labels, scores[:, :-1]):.3f} {each}", flush=True)


def names_of(split: Split) -> list[str]:
    return [kind["name"] for kind in split.kinds]


def save(model: DenseModel, split: Split, out: Path) -> None:
    torch.save({"kinds": names_of(split), "model": model.state_dict()}, out)


def adapted(saved: dict, split: Split) -> dict[str, Tensor]:
    """A saved model's weights with the prototypes of the findings of `split` alone."""
    kept = [*(saved["kinds"].index(name) for name in names_of(split)), len(saved["kinds"])]
    state = dict(saved["model"])
    for head in ("inside", "edge"):
        for name in (f"{head}.rows", f"{head}.bias"):
            state[name] = state[name][kept]
    return state


def pretrain(
    load: Callable[[], Split], tune_of: Callable[[], Split], out: Path, seconds: float, start: Path | None = None
) -> None:
    """Writes the encoder and its heads to `out`; `start`: weights to go on from."""
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED + (start is not None))
    rate = RATE if start is None else FURTHER_RATE
    tune = tune_of()
    model = DenseModel(len(tune.kinds) + 1)
    if start is not None:
        model.load_state_dict(adapted(torch.load(start), tune))
    hidden = [layer.weight for layer in model.vit.modules() if isinstance(layer, Linear)]
    optimiser = Both(model, hidden, 0.05)
    began, mean = time.time(), np.zeros(2)
    for step, (volumes, tokens, labels) in enumerate(batches(load, random)):
        share = (time.time() - began) / seconds
        if share >= 1:
            break
        inside, edge = model(volumes)
        losses = inside_loss(inside, tokens), edge_loss(edge, labels)
        descend(optimiser, sum(losses), learning_rate(rate, share), clipped=model)
        mean += [float(x.detach()) for x in losses]
        if (step + 1) % 50 == 0:
            print(f"step {step + 1} {time.time() - began:.0f} s: {mean / 50}", flush=True)
            mean[:] = 0
        if (step + 1) % 400 == 0:
            report(model, tune_of(), f"step {step + 1}")
            save(model, tune, out.with_suffix(".part"))
    save(model, tune, out)
    report(model, tune_of(), "at the end")
