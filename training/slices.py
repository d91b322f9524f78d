"""Slices for the anomaly detector, as ctclip cuts them, and the training of the slice classifier."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data import IGNORED, Box, Split, from_bytes, shares
from metrics import auroc
from optimise import descend, mixed_precision, warm_cosine, weight_groups
from settings import CLASSIFIER, SEED, SLICE_SIZE, VIT
from unet import SliceClassifier, group_norm

BATCH = 16
RATE = 2e-3
CELLS = SLICE_SIZE // 8  # of the finer map along an edge
FIRST, BEHIND = int(0.05 * VIT.frames), int(0.95 * VIT.frames)
NOISY = 0.15  # share of slices that are diffused to a random step, for the guidance


def cut(planes: np.ndarray) -> Tensor:
    """Planes (B, H, W) as bytes -> (B, 1, S, S) in [-1, 1]; H = W in the demo's geometry."""
    x = from_bytes(torch.from_numpy(np.ascontiguousarray(planes)))[:, None]
    return F.interpolate(x, (SLICE_SIZE, SLICE_SIZE), mode="bilinear", align_corners=False)


def slice_labels(split: Split) -> np.ndarray:
    """(N, F, kinds): which findings' boxes a plane cuts; IGNORED where it only grazes one, which may not show there."""
    labels = np.zeros((len(split), VIT.frames, len(split.kinds)), np.uint8)
    names = [kind["name"] for kind in split.kinds]
    for i, findings in enumerate(split.boxes):
        for name, boxes in findings.items():
            of_kind = labels[i, :, names.index(name)]
            for low, high in boxes:
                begin, end = (round(min(max(v, 0), VIT.frames)) for v in (low[0], high[0] + 1))
                end = max(end, begin + 1)
                edge = (end - begin) // 6
                of_kind[begin:end] = np.maximum(of_kind[begin:end], 1)
                grazed = [*range(begin, begin + edge), *range(end - edge, end)]
                of_kind[grazed] = np.where(of_kind[grazed] == 1, IGNORED, of_kind[grazed])
    return labels


def cells(boxes: list[Box], plane: int) -> np.ndarray:
    """(CELLS, CELLS): whether a box that the plane cuts covers a good part of a cell, or has a good part of itself there."""
    mask = np.zeros((CELLS, CELLS), np.float32)
    for low, high in boxes:
        if low[0] - 0.5 <= plane <= high[0] + 0.5:
            rows, columns = (shares((low, high), axis, VIT.height / CELLS, CELLS) for axis in (1, 2))
            mask = np.maximum(mask, np.outer(rows, columns) > 0.25)
    return mask


class Schedule:
    """1,000 linear steps (arXiv:2006.11239)."""

    def __init__(self) -> None:
        betas = torch.linspace(1e-4, 2e-2, 1000, dtype=torch.float64)
        self.alpha_bar = torch.cumprod(1 - betas, 0).float()

    def noised(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        a = self.alpha_bar[t][:, None, None, None]
        return a.sqrt() * x + (1 - a).sqrt() * noise


@dataclass
class Slices:
    """`planes` (B, 1, S, S); `labels` (B, kinds) of 0 and 1; `places` (B, kinds, CELLS, CELLS) where they are."""

    planes: Tensor
    labels: Tensor
    places: Tensor


class Drawer:
    """Random slices, half of them with a finding, each kind of finding equally often."""

    def __init__(self, load: Callable[[], Split], random: np.random.Generator) -> None:
        self.load, self.random = load, random
        self.take(load())

    def take(self, split: Split) -> None:
        self.split, self.names = split, [kind["name"] for kind in split.kinds]
        self.labels = slice_labels(split)[:, FIRST:BEHIND]
        self.healthy = np.argwhere(~self.labels.any(axis=2))
        touched = [np.argwhere(self.labels[:, :, k] == 1) for k in range(len(self.names))]
        self.touched = [places for places in touched if len(places)]

    def again(self) -> None:
        """Takes the studies that there are by now."""
        if len(split := self.load()) > len(self.split):
            self.take(split)

    def place(self, abnormal: bool) -> tuple[int, int]:
        places = self.touched[int(self.random.integers(len(self.touched)))] if abnormal else self.healthy
        study, plane = places[int(self.random.integers(len(places)))]
        return int(study), int(plane)

    def cells_of(self, study: int, plane: int) -> np.ndarray:
        masks = np.zeros((len(self.names), CELLS, CELLS), np.float32)
        for name, boxes in self.split.boxes[study].items():
            masks[self.names.index(name)] = cells(boxes, plane + FIRST)
        return masks

    def __call__(self, count: int) -> Slices:
        places = [self.place(i < count // 2) for i in range(count)]
        planes = np.stack([self.split.file[self.split.rows[s], p + FIRST] for s, p in places])
        labels = torch.from_numpy(np.stack([self.labels[s, p] == 1 for s, p in places]).astype(np.float32))
        masks = torch.from_numpy(np.stack([self.cells_of(s, p) for s, p in places]))
        x = cut(planes)
        mirrored = torch.from_numpy(self.random.random(count) < 0.5)[:, None, None, None]
        x, masks = torch.where(mirrored, x.flip(2), x), torch.where(mirrored, masks.flip(2), masks)
        shift = [int(self.random.integers(-3, 4)) for _ in range(2)]
        x = x.roll(shift, (2, 3)) + torch.randn_like(x) * float(self.random.random() * 0.03)
        return Slices(x.clamp(-1, 1), labels, masks)


class DenseClassifier(nn.Module):
    """The slice classifier with what teaches it and isn't shipped: an output for each kind of finding, and at two
    scales a map of where each kind, and anything at all, is."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.net = SliceClassifier(CLASSIFIER, classes=2 + kinds)
        self.fine = self.head(self.net.skips[-3], kinds)
        self.coarse = self.head(self.net.width, kinds)

    @staticmethod
    def head(width: int, kinds: int) -> nn.Sequential:
        out = nn.Conv2d(width, kinds + 1, 1)
        nn.init.constant_(out.bias, -4.0)
        return nn.Sequential(group_norm(width), nn.SiLU(), out)

    def forward(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the slice (B, 2 + kinds), and maps (B, kinds + 1, S / 8, S / 8) and at half of that."""
        middle, outputs = self.net.encode(x, self.net.time(t))
        return self.net.out(middle), self.fine(outputs[-3]), self.coarse(middle)


def map_loss(logits: Tensor, places: Tensor) -> Tensor:
    """A small finding's few places weigh as much as a large one's many."""
    target = torch.cat([places, places.amax(dim=1, keepdim=True)], dim=1)
    share = target.mean(dim=(2, 3), keepdim=True).clamp(min=1e-6)
    weight = torch.where(target > 0, (0.04 / share).clamp(0.2, 10), torch.ones(()))
    return F.binary_cross_entropy_with_logits(logits, target, weight) * 20


def slice_loss(model: DenseClassifier, drawn: Slices, planes: Tensor, t: Tensor) -> Tensor:
    with mixed_precision():
        outputs = model(planes, t)
    logits, fine, coarse = (out.float() for out in outputs)
    abnormal = drawn.labels.amax(dim=1).long()
    aside = F.binary_cross_entropy_with_logits(logits[:, 2:], drawn.labels) * 10
    maps = map_loss(fine, drawn.places) + map_loss(coarse, F.max_pool2d(drawn.places, 2))
    return F.cross_entropy(logits[:, :2], abnormal) + aside + maps


@torch.no_grad()
def slice_scores(model: SliceClassifier, split: Split, step: int = 1) -> np.ndarray:
    """(N, slices): probability of pathology of every `step`-th slice that ctclip classifies."""
    model.eval()
    scores = []
    for i in range(len(split)):
        x = cut(split.file[split.rows[i], FIRST:BEHIND:step])
        with mixed_precision():
            logits = model(x, torch.zeros(len(x))).float()
        scores.append(logits[:, :2].softmax(dim=1)[:, 1].numpy())
    model.train()
    return np.stack(scores)


def report(model: SliceClassifier, tune: Split, at: str) -> None:
    scores = slice_scores(model, tune, 4)
    touched = (slice_labels(tune)[:, FIRST:BEHIND:4] == 1).any(axis=2)
    mean, top = (auroc(tune.abnormal, s) for s in (scores.mean(axis=1), scores.max(axis=1)))
    single = auroc(touched.ravel().astype(np.float32), scores.ravel())
    print(f"{at}: AUROC of a slice {single:.3f}, study by the mean {mean:.3f}, by the maximum {top:.3f}", flush=True)


def train_classifier(
    load: Callable[[], Split], tune_of: Callable[[], Split], out: Path, seconds: float, start: Path | None = None
) -> None:
    """Writes the classifier to `out`; `start`: weights to go on from (the maps' heads begin anew)."""
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED + (start is not None))
    schedule, draw = Schedule(), Drawer(load, random)
    model = DenseClassifier(len(draw.names))
    if start is not None:
        model.net.load_state_dict(torch.load(start))
    optimiser = torch.optim.AdamW(weight_groups(model, 0.02), betas=(0.9, 0.98))
    began, mean = time.time(), 0.0
    for step in itertools.count(1):
        share = (time.time() - began) / seconds
        if share >= 1:
            break
        drawn = draw(BATCH)
        noisy = torch.from_numpy(random.random(BATCH) < NOISY)
        t = torch.where(noisy, torch.from_numpy(random.integers(0, 500, BATCH)), torch.zeros(()).long())
        noised = schedule.noised(drawn.planes, t, torch.randn_like(drawn.planes))
        planes = torch.where(noisy[:, None, None, None], noised, drawn.planes)
        loss = slice_loss(model, drawn, planes, t)
        descend(optimiser, loss, warm_cosine(RATE, step, share), clipped=model)
        mean += float(loss.detach())
        if step % 100 == 0:
            print(f"step {step} {time.time() - began:.0f} s: {mean / 100:.3f}", flush=True)
            mean = 0.0
        if step % 1000 == 0:
            draw.again()
            report(model.net, tune_of(), f"step {step}")
            torch.save(model.net.state_dict(), out.with_suffix(".part"))
    torch.save(model.net.state_dict(), out)
    report(model.net, tune_of(), f"after {step - 1} steps")
