"""Slices for the anomaly detector, as ctclip cuts them, and the training of the slice classifier."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data import Split, from_bytes
from metrics import auroc
from optimise import descend, warm_cosine
from settings import CLASSIFIER, SEED, SLICE_SIZE, VIT
from unet import SliceClassifier

BATCH = 16
FIRST, BEHIND = int(0.05 * VIT.frames), int(0.95 * VIT.frames)
NOISY = 0.15  # share of slices that are diffused to a random step, for the guidance


def cut(planes: np.ndarray) -> Tensor:
    """Planes (B, H, W) as bytes -> (B, 1, S, S) in [-1, 1]; H = W in the demo's geometry."""
    x = from_bytes(torch.from_numpy(np.ascontiguousarray(planes)))[:, None]
    return F.interpolate(x, (SLICE_SIZE, SLICE_SIZE), mode="bilinear", align_corners=False)


def slice_labels(split: Split) -> np.ndarray:
    """(N, F, kinds): which findings' boxes a plane cuts."""
    labels = np.zeros((len(split), VIT.frames, len(split.kinds)), np.float32)
    names = [kind["name"] for kind in split.kinds]
    for i, findings in enumerate(split.boxes):
        for name, boxes in findings.items():
            for low, high in boxes:
                begin, end = (round(min(max(v, 0), VIT.frames)) for v in (low[0], high[0] + 1))
                labels[i, begin : max(end, begin + 1), names.index(name)] = 1
    return labels


class Schedule:
    """1,000 linear steps (arXiv:2006.11239)."""

    def __init__(self) -> None:
        betas = torch.linspace(1e-4, 2e-2, 1000, dtype=torch.float64)
        self.alpha_bar = torch.cumprod(1 - betas, 0).float()

    def noised(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        a = self.alpha_bar[t][:, None, None, None]
        return a.sqrt() * x + (1 - a).sqrt() * noise


class Drawer:
    """Random slices, half of them with a finding."""

    def __init__(self, split: Split, random: np.random.Generator) -> None:
        self.split, self.random = split, random
        self.labels = slice_labels(split)
        touched = self.labels[:, FIRST:BEHIND].any(axis=2)
        self.places = [np.argwhere(~touched), np.argwhere(touched)]

    def __call__(self, count: int, abnormal: float = 0.5) -> tuple[Tensor, Tensor]:
        """(count, 1, S, S) and (count, kinds)."""
        planes, labels = [], []
        for i in range(count):
            places = self.places[int(i < abnormal * count)]
            study, plane = places[int(self.random.integers(len(places)))]
            planes.append(self.split.file[self.split.rows[study], plane + FIRST])
            labels.append(self.labels[study, plane + FIRST])
        x = cut(np.stack(planes))
        if self.random.random() < 0.5:
            x = x.flip(2)
        x = x + torch.randn_like(x) * float(self.random.random() * 0.03)
        return x.clamp(-1, 1), torch.from_numpy(np.stack(labels))


@torch.no_grad()
def slice_scores(model: SliceClassifier, split: Split, step: int = 1) -> np.ndarray:
    """(N, slices): probability of pathology of every `step`-th slice that ctclip classifies."""
    model.eval()
    scores = []
    for i in range(len(split)):
        x = cut(split.file[split.rows[i], FIRST:BEHIND:step])
        scores.append(model(x, torch.zeros(len(x)))[:, :2].softmax(dim=1)[:, 1].numpy())
    model.train()
    return np.stack(scores)


def report(model: SliceClassifier, tune: Split, at: str) -> None:
    scores = slice_scores(model, tune, 4)
    mean, top = (auroc(tune.abnormal, s) for s in (scores.mean(axis=1), scores.max(axis=1)))
    print(f"{at}: study AUROC of the mean {mean:.3f}, of the maximum {top:.3f}", flush=True)


def train_classifier(
    train: Split, tune: Split, out: Path, seconds: float, start: Path | None = None
) -> None:
    """Two classes, and an output for each finding that teaches it what to look for and isn't shipped. `start`:
    weights to go on from."""
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    schedule, draw = Schedule(), Drawer(train, random)
    model = SliceClassifier(CLASSIFIER, classes=2 + len(train.kinds))
    if start is not None:
        model.load_state_dict(torch.load(start))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    began, step, mean = time.time(), 0, 0.0
    while (share := (time.time() - began) / seconds) < 1:
        x, labels = draw(BATCH)
        noisy = torch.from_numpy(random.random(BATCH) < NOISY)
        t = torch.where(noisy, torch.from_numpy(random.integers(0, 500, BATCH)), torch.zeros(()).long())
        x = torch.where(noisy[:, None, None, None], schedule.noised(x, t, torch.randn_like(x)), x)
        logits = model(x, t)
        abnormal = labels.amax(dim=1).long()
        aside = F.binary_cross_entropy_with_logits(logits[:, 2:], labels)
        loss = F.cross_entropy(logits[:, :2], abnormal) + 3 * aside
        descend(optimiser, loss, warm_cosine(1e-3, step, share), clipped=model)
        mean, step = mean + float(loss.detach()), step + 1
        if step % 50 == 0:
            print(f"step {step} {time.time() - began:.0f} s: {mean / 50:.3f}", flush=True)
            mean = 0.0
    torch.save(model.state_dict(), out)
    report(model, tune, f"after {step} steps")
