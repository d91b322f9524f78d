"""Training of the class-conditional denoiser that reconstructs slices."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from data import Split
from optimise import descend, warm_cosine
from settings import DENOISER, SEED
from slices import Drawer, Schedule
from unet import DiffusionUnet

BATCH = 8
HIGHEST_STEP = 500  # a reconstruction goes no further (settings.RECONSTRUCTION)


def train_denoiser(train: Split, out: Path, seconds: float) -> None:
    """Mean squared error of the noise; the variance channel, which no deterministic step reads, is left at 0."""
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED + 2)
    schedule, draw = Schedule(), Drawer(lambda: train, random)
    model = DiffusionUnet(DENOISER)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    began, step, mean = time.time(), 0, 0.0
    while (share := (time.time() - began) / seconds) < 1:
        drawn = draw(BATCH)
        t = torch.from_numpy(random.integers(0, HIGHEST_STEP, BATCH))
        noise = torch.randn_like(drawn.planes)
        out_channels = model(schedule.noised(drawn.planes, t, noise), t, drawn.labels.amax(dim=1).long())
        loss = F.mse_loss(out_channels[:, :1], noise)
        descend(optimiser, loss, warm_cosine(1e-3, step, share))
        mean, step = mean + float(loss.detach()), step + 1
        if step % 50 == 0:
            print(f"step {step} {time.time() - began:.0f} s: {mean / 50:.4f}", flush=True)
            mean = 0.0
    torch.save(model.state_dict(), out)
