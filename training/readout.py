"""The projection `to_visual_latent` with few parameters, fitted to cached code indices.

The image embedding is the mean over T of codebook rows, flattened (h, w, D). A full projection has more
weights than there are studies, so it is held to a small basis of smooth functions of (h, w) and the two
edges of the grid. A row's length, which its choice does not depend on, is learned with it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from settings import VIT

WAVES = (3, 3)  # cosines along h and w


def basis() -> Tensor:
    """(functions, h, w)."""
    _, h, w = VIT.grid
    inside = torch.ones(h, w)
    inside[:, [0, -1]] = 0
    functions = []
    for column in (0, w - 1):
        edge = torch.zeros(h, w)
        edge[:, column] = 1
        functions.append(edge)
    y, x = (torch.arange(n) + 0.5 for n in (h, w))
    for i in range(WAVES[0]):
        for j in range(WAVES[1]):
            wave = torch.cos(math.pi * i * y / h)[:, None] * torch.cos(math.pi * j * x / w)[None]
            functions.append(wave * inside)
    return torch.stack(functions)


def histograms(indices: np.ndarray) -> Tensor:
    """Code indices (N, T, h, w) -> (N, functions, codes): how often each code, weighted by each function."""
    weights = basis().flatten(1)  # (B, h*w)
    t = indices.shape[1]
    out = torch.zeros(len(indices), len(weights), VIT.codes)
    for i, study in enumerate(indices):
        codes = torch.from_numpy(study.astype(np.int64)).flatten()
        out[i].index_add_(1, codes, weights.repeat(1, t) / t)
    return out


class Readout(nn.Module):
    """`histograms` set the scale of each input of the projection, so that rare tokens are heard at once."""

    def __init__(self, codebook: Tensor, lengths: Tensor, histograms: Tensor, latent: int) -> None:
        super().__init__()
        functions = len(basis())
        self.register_buffer("directions", F.normalize(codebook, dim=-1))
        self.lengths = nn.Parameter(lengths.log())
        deviation = (histograms @ self.rows().detach()).std(dim=0)  # (functions, D)
        self.register_buffer("scales", 1 / deviation.clamp(min=1e-3))
        self.coefficients = nn.Parameter(torch.randn(latent, functions, codebook.shape[1]) * 0.02)

    @property
    def projection(self) -> Tensor:
        """(latent, functions, D)."""
        return self.coefficients * self.scales

    def rows(self) -> Tensor:
        """The codebook as it is stored."""
        return self.directions * self.lengths.clamp(-6, 2).exp()[:, None]

    def forward(self, histogram: Tensor) -> Tensor:
        """(N, functions, codes) -> unit latents (N, latent)."""
        embedding = histogram @ self.rows()  # (N, functions, D)
        return F.normalize(torch.einsum("nbd,lbd->nl", embedding, self.projection), dim=-1)

    def weight(self) -> Tensor:
        """to_visual_latent.weight (latent, h*w*D)."""
        return torch.einsum("lbd,bhw->lhwd", self.projection, basis()).flatten(1)
