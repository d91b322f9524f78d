"""A split on disk: prepared volumes as uint8, which findings each study has, and which tokens they touch."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from settings import SPACING_MM, VIT

IGNORED = 2  # a token of which a finding covers a sliver only: neither with nor without it

Box = tuple[tuple[float, float, float], tuple[float, float, float]]  # low, high; (d, h, w) in voxels


def to_bytes(volume: np.ndarray) -> np.ndarray:
    return np.rint((np.clip(volume, -1, 1) + 1) * 127.5).astype(np.uint8)


def from_bytes(volume: Tensor) -> Tensor:
    return volume.float() / 127.5 - 1


def to_voxels(position: np.ndarray, axis: int, origin: float, spacing: float, count: int) -> np.ndarray:
    """Millimetres along one axis of a series -> place in the prepared volume, as ctclip prepares it."""
    target = (VIT.frames, VIT.height, VIT.width)[axis]
    resampled = int(np.float32(count) * (np.float32(spacing) / np.float32(SPACING_MM[axis])))
    skip = max((resampled - target) // 2, 0)
    pad = (target - min(resampled, target)) // 2
    source = (position - origin) / spacing + 0.5
    return source * resampled / count - 0.5 - skip + pad


def boxes_of(finding: dict, series: dict) -> list[Box]:
    """Boxes of a finding of truth.json in voxels of the prepared volume."""
    boxes = []
    for box in finding["boxes"]:
        corners = np.array([box["low"], box["high"]])  # x, y, z in mm
        ends = [
            np.sort(to_voxels(corners[:, i], axis, series["origin"][i], series["spacing"][i], n))
            for axis, i, n in (
                (0, 2, series["slices"]),
                (1, 0, series["columns"]),
                (2, 1, series["rows"]),
            )
        ]
        boxes.append((tuple(float(e[0]) for e in ends), tuple(float(e[1]) for e in ends)))
    return boxes


def shares(box: Box, axis: int, step: float, count: int) -> np.ndarray:
    """(count): how much of each of the cells of `step` voxels along an axis a box covers, or of itself it has there."""
    low, high = box[0][axis] - 0.5, box[1][axis] + 0.5
    begin = np.arange(count) * step - 0.5
    overlap = np.minimum(begin + step, high) - np.maximum(begin, low)
    return np.clip(overlap, 0, None) / max(min(step, high - low), 1e-6)


def token_mask(boxes: list[Box]) -> np.ndarray:
    """(T, h, w) of 0, 1 and IGNORED."""
    steps = (VIT.patch_frames, VIT.patch, VIT.patch)
    mask = np.zeros(VIT.grid, np.uint8)
    for box in boxes:
        share = np.einsum("t,h,w->thw", *(shares(box, axis, steps[axis], VIT.grid[axis]) for axis in range(3)))
        mask = np.where(share > 0.2, 1, np.where((share > 0.01) & (mask == 0), IGNORED, mask))
    return mask.astype(np.uint8)


@dataclass
class Split:
    """`kinds`: names of the findings, in the order of the labels' columns."""

    kinds: list[dict]
    file: np.ndarray  # (all rows, F, H, W) uint8, memory-mapped
    rows: np.ndarray  # (N) where each study lies in it
    labels: np.ndarray  # (N, kinds) 0 or 1
    tokens: np.ndarray  # (N, kinds, T, h, w)
    boxes: list[dict[str, list[Box]]]
    sides: list[dict[str, str]]

    def __len__(self) -> int:
        return len(self.labels)

    def volumes(self, studies: np.ndarray | slice) -> Tensor:
        """(n, F, H, W) in [-1, 1]."""
        return from_bytes(torch.from_numpy(self.file[self.rows[studies]]))

    def restricted(self, targets: list[str]) -> Split:
        """Only the findings that are one of the supervised model's targets."""
        kept = [i for i, kind in enumerate(self.kinds) if kind["supervised"] in targets]
        kinds = [self.kinds[i] for i in kept]
        return replace(self, kinds=kinds, labels=self.labels[:, kept], tokens=self.tokens[:, kept])

    @property
    def abnormal(self) -> np.ndarray:
        return self.labels.any(axis=1).astype(np.float32)

    def of_targets(self, key: str, names: list[str]) -> np.ndarray:
        """(N, names): whether a study has a finding whose `key` ("supervised", "prompt") is the name."""
        columns = [[i for i, kind in enumerate(self.kinds) if kind[key] == name] for name in names]
        return np.stack([self.labels[:, c].any(axis=1) for c in columns], axis=1).astype(np.float32)

    def prompted(self) -> list[list[tuple[str, str]]]:
        """Prompt and side of each finding of each study."""
        prompts = {kind["name"]: kind["prompt"] for kind in self.kinds}
        return [[(prompts[n], side) for n, side in s.items() if prompts[n]] for s in self.sides]


def read_split(folder: Path) -> Split:
    """The studies that have been made so far."""
    kinds = json.loads((folder.parent / "kinds.json").read_text())
    names = [kind["name"] for kind in kinds]
    lines = [line for file in folder.glob("studies.*.jsonl") for line in file.read_text().splitlines()]
    studies = sorted((json.loads(line) for line in lines), key=lambda study: study["row"])
    labels = np.zeros((len(studies), len(names)), np.float32)
    tokens = np.zeros((len(studies), len(names), *VIT.grid), np.uint8)
    for i, study in enumerate(studies):
        for name, boxes in study["findings"].items():
            labels[i, names.index(name)] = 1
            tokens[i, names.index(name)] = token_mask(boxes)
    volumes = np.load(folder / "volumes.npy", mmap_mode="r")
    rows = np.array([study["row"] for study in studies])
    boxes, sides = ([study[key] for study in studies] for key in ("findings", "sides"))
    return Split(kinds, volumes, rows, labels, tokens, boxes, sides)


def augmented(volume: Tensor, tokens: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirrors, shifts by less than a third of a token, adds noise and blurs along the slices."""
    if random.random() < 0.5:
        volume, tokens = volume.flip(1), tokens.flip(2)
    shift = [int(random.integers(-n, n + 1)) for n in (1, 3, 3)]
    volume = torch.roll(volume, shift, (0, 1, 2))
    if random.random() < 0.3:
        share = 0.25 * random.random()
        volume = (1 - 2 * share) * volume + share * (volume.roll(1, 0) + volume.roll(-1, 0))
    if random.random() < 0.6:
        volume = volume + torch.randn(volume.shape) * float(random.random() * 0.03)
    return volume.clamp(-1, 1), tokens
