"""The cosine codebook of a trained encoder: spherical k-means over its tokens, and code indices of studies.

Most tokens of a chest are ordinary, so those that a finding touches and those at the edge of the grid
(which carry what the whole study shows, see pretrain.py) get shares of the codes of their own.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ct_vit import CtVit
from data import Split
from settings import SEED, VIT

SHARES = {"edge": 0.15, "finding": 0.6, "ordinary": 0.25}  # of the codes
SAMPLE = 60_000  # tokens of each kind
ROUNDS = 12


@torch.no_grad()
def tokens_of(vit: CtVit, split: Split) -> Tensor:
    """(N, T, h, w, D) before quantisation, float16. In the precision of training: near enough to fit to."""
    vit.train()
    out = torch.empty(len(split), *VIT.grid, VIT.dim, dtype=torch.float16)
    for begin in range(0, len(split), 8):
        volumes = split.volumes(slice(begin, begin + 8))
        out[begin : begin + 8] = vit(volumes).unflatten(2, VIT.grid[1:]).half()
    return out


def kinds_of_tokens(touched: np.ndarray) -> np.ndarray:
    """(N, findings, T, h, w) -> (N, T, h, w): 0 ordinary, 1 touched by a finding, 2 at the edge."""
    kinds = (touched == 1).any(axis=1).astype(np.uint8)
    kinds[..., [0, -1]] = 2
    return kinds


def spherical_k_means(rows: Tensor, count: int, random: np.random.Generator) -> Tensor:
    """(count, D) unit centres; one that loses all its rows is put on a random row."""
    rows = F.normalize(rows, dim=-1)
    centres = rows[torch.from_numpy(random.choice(len(rows), count, replace=len(rows) < count))]
    for _ in range(ROUNDS):
        nearest = torch.cat([(part @ centres.t()).argmax(dim=1) for part in rows.split(16384)])
        sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
        empty = torch.bincount(nearest, minlength=count) == 0
        sums[empty] = rows[torch.from_numpy(random.choice(len(rows), int(empty.sum())))]
        centres = F.normalize(sums, dim=-1)
    return centres


def fit_codebook(tokens: Tensor, touched: np.ndarray) -> Tensor:
    """(codes, D), unit rows. `touched`: which findings touch each token (Split.tokens)."""
    random = np.random.default_rng(SEED)
    kinds = torch.from_numpy(kinds_of_tokens(touched)).flatten()
    flat = tokens.flatten(0, 3)
    parts, left = [], VIT.codes
    for kind, share in ((2, "edge"), (1, "finding"), (0, "ordinary")):
        count = left if share == "ordinary" else round(VIT.codes * SHARES[share])
        left -= count
        places = torch.nonzero(kinds == kind)[:, 0].numpy()
        chosen = random.choice(places, min(SAMPLE, len(places)), replace=False)
        parts.append(spherical_k_means(flat[torch.from_numpy(chosen)].float(), count, random))
    return torch.cat(parts)


def first_lengths(codebook: Tensor, model: dict[str, Tensor]) -> Tensor:
    """(codes): length to begin with, the probability that a code's token is touched by any finding, as the
    auxiliary head of pretrain.py has it: ordinary tokens are thousands and would drown the others."""
    angles = F.normalize(codebook, dim=-1) @ F.normalize(model["inside.rows"], dim=-1).t()
    logits = model["inside.scale"] * angles + model["inside.bias"]
    return 0.01 + torch.sigmoid(logits.amax(dim=1))


def indices_of(tokens: Tensor, codebook: Tensor) -> np.ndarray:
    """(N, T, h, w) int16."""
    rows = F.normalize(codebook, dim=-1)
    out = [
        (F.normalize(study.float(), dim=-1) @ rows.t()).argmax(dim=-1).to(torch.int16).numpy()
        for study in tokens
    ]
    return np.stack(out)
