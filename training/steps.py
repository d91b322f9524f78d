"""The steps of make_bundle, in their order."""

from __future__ import annotations

import json
import shutil
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import bundle
import fusion
from codebook import first_lengths, fit_codebook, indices_of, tokens_of
from ct_vit import CtVit
from data import Split, read_split
from denoise import train_denoiser
from heads import Studies, fit_clip, fit_supervised
from phantoms import SplitMaker, make_study, read_truth
from pretrain import pretrain
from readout import histograms
from reports import Tokenizer, make_vocabulary
from settings import (
    HEAD_STEPS,
    SECONDS,
    SPLITS,
    TARGETS,
    VIT,
)
from slices import train_classifier

STUDIES_AT_ONCE = 20  # on disk while their features are computed
WEIGHT_OF_TUNE = 3.0  # a head sees these studies as it will see a user's: the encoder doesn't know them


def joined(a: Studies, b: Studies) -> Studies:
    tensors = [torch.cat([getattr(a, n), getattr(b, n)]) for n in ("histograms", "labels", "weights")]
    return Studies(*tensors, a.texts + b.texts)


def chunks(items: range, size: int) -> list[list[int]]:
    return [list(items[i : i + size]) for i in range(0, len(items), size)]


class Run:
    def __init__(self, program: Path, work: Path, out: Path, threads: int) -> None:
        self.program, self.work, self.out, self.threads = program, work, out, threads

    @cached_property
    def train(self) -> Split:
        return read_split(self.work / "data" / "train")

    @cached_property
    def tune(self) -> Split:
        return read_split(self.work / "data" / "tune")

    @property
    def prompts(self) -> list[str]:
        """Of the findings that a phantom can show."""
        return list(dict.fromkeys(k["prompt"] for k in self.train.kinds if k["prompt"]))

    def data(self) -> None:
        for name in ("tune", "train"):
            SplitMaker(self.program, self.work, name, *SPLITS[name]).run(self.threads)

    def pretrain(self) -> None:
        out = self.work / "pretrained.pt"
        if not out.exists():
            train, tune = (self.work / "data" / name for name in ("train", "tune"))
            pretrain(lambda: read_split(train), lambda: read_split(tune), out, SECONDS["pretrain"])

    def encoder(self, file: str) -> dict[str, Tensor]:
        """Weights of a trained encoder, rounded as they are shipped."""
        state = torch.load(self.work / file)["model"]
        names = [name for name in state if name.startswith("vit.")]
        return {name[4:]: state[name].half().float() for name in names}

    @staticmethod
    def studies(split: Split, indices: np.ndarray, labels: np.ndarray, weight: float) -> Studies:
        weights = torch.full((len(split),), weight)
        return Studies(histograms(indices), torch.from_numpy(labels), weights, split.prompted())

    def coded(self, file: str, labels: dict[str, np.ndarray]) -> tuple[dict, Tensor, Tensor, Studies, Studies]:
        """Encoder, codebook, its rows' first lengths, and both splits as a head sees them."""
        state = self.encoder(file)
        cache = self.work / f"{file}.codes"
        if not cache.exists():
            vit = CtVit(VIT)
            vit.load_state_dict(state)
            tokens = [tokens_of(vit, split) for split in (self.train, self.tune)]
            touched = np.concatenate([self.train.tokens, self.tune.tokens])
            codebook = fit_codebook(torch.cat(tokens), touched)
            torch.save((codebook, *(indices_of(part, codebook) for part in tokens)), cache)
        codebook, of_train, of_tune = torch.load(cache, weights_only=False)
        train = self.studies(self.train, of_train, labels["train"], 1.0)
        tune = self.studies(self.tune, of_tune, labels["tune"], WEIGHT_OF_TUNE)
        lengths = first_lengths(codebook, torch.load(self.work / file)["model"])
        return state, codebook, lengths, train, tune

    def supervised(self) -> None:
        """Goes on from the common encoder with the fifteen targets alone, so that the two detectors differ."""
        encoder = self.work / "supervised_encoder.pt"
        if not encoder.exists():
            train, tune = (split.restricted(TARGETS) for split in (self.train, self.tune))
            start = self.work / "pretrained.pt"
            pretrain(lambda: train, lambda: tune, encoder, SECONDS["supervised"], start)
        labels = {name: getattr(self, name).of_targets("supervised", TARGETS) for name in ("train", "tune")}
        state, codebook, lengths, train, tune = self.coded("supervised_encoder.pt", labels)
        print("fitted to train, tried on tune:")
        fit_supervised(codebook, lengths, train, tune, HEAD_STEPS)
        print("fitted to both, as shipped:")
        head = fit_supervised(codebook, lengths, joined(train, tune), tune, HEAD_STEPS)
        bundle.write_supervised(self.out, state, head)

    def ctclip(self) -> None:
        prompts = self.prompts
        labels = {name: getattr(self, name).of_targets("prompt", prompts) for name in ("train", "tune")}
        state, codebook, lengths, train, tune = self.coded("pretrained.pt", labels)
        tokenizer = Tokenizer(make_vocabulary(prompts))
        print("fitted to train, tried on tune:")
        fit_clip(codebook, lengths, tokenizer, prompts, train, tune, HEAD_STEPS)
        print("fitted to both, as shipped:")
        head = fit_clip(codebook, lengths, tokenizer, prompts, joined(train, tune), tune, HEAD_STEPS)
        bundle.write_ctclip(self.out, state, head)

    def slices(self) -> None:
        out = self.work / "slices.pt"
        if not out.exists():
            train_classifier(lambda: self.train, lambda: self.tune, out, SECONDS["slices"])
        bundle.write_classifier(self.out, torch.load(out))

    def denoiser(self) -> None:
        out = self.work / "denoiser.pt"
        if not out.exists():
            train_denoiser(self.train, out, SECONDS["denoiser"])
        bundle.write_denoiser(self.out, torch.load(out))

    def features(self) -> None:
        """Of studies that no detector has seen, as ctclip computes them; a few studies exist at a time."""
        out = self.work / "features.jsonl"
        names = fusion.feature_names(self.prompts)
        fusion.write_placeholder(self.out / bundle.FILES["fusion"], names)
        bundle.write_bundle_json(self.out, self.prompts, 0.5)
        first, count = SPLITS["fusion"]
        done = len(out.read_text().splitlines()) if out.exists() else 0
        with out.open("a") as lines:
            for seeds in chunks(range(first + done, first + count), STUDIES_AT_ONCE):
                for answer in self.answered(seeds):
                    lines.write(json.dumps(answer) + "\n")
                lines.flush()

    def answered(self, seeds: list[int]) -> list[dict]:
        """Patients as a user makes them: findings and scanner drawn from the seed."""
        folders = [self.work / "fusion" / str(seed) for seed in seeds]
        for seed, folder in zip(seeds, folders):
            if not (folder / "truth.json").exists():
                make_study(self.program, folder, seed, ["--random-findings", "--matrix", 256])
        truths = [read_truth(folder) for folder in folders]
        features = fusion.features_of(self.program, self.out, folders)
        for folder in folders:
            shutil.rmtree(folder)
        return [
            {"seed": seed, "findings": [f["name"] for f in truth["findings"]], "features": row}
            for seed, truth, row in zip(seeds, truths, features)
        ]

    def present(self, findings: list[str], names: list[str]) -> list[float]:
        """For each feature, whether a study with these findings has what a pathology's probability stands for."""
        kinds = [kind for kind in self.train.kinds if kind["name"] in findings]
        found = {f"supervised_{k['supervised']}" for k in kinds} | {f"ctclip_{k['prompt']}" for k in kinds}
        return [float(name in found) for name in names]

    def fusion(self) -> None:
        rows = [json.loads(line) for line in (self.work / "features.jsonl").read_text().splitlines()]
        names = fusion.feature_names(self.prompts)
        values = np.array([[row["features"][name] for name in names] for row in rows])
        abnormal = np.array([bool(row["findings"]) for row in rows], np.float64)
        present = np.array([self.present(row["findings"], names) for row in rows])
        found = fusion.fit_fusion(fusion.Table(names, values, abnormal, present), self.out / bundle.FILES["fusion"])
        bundle.write_bundle_json(self.out, self.prompts, found["threshold"])
        (self.work / "fusion.json").write_text(json.dumps(found, indent=2) + "\n")
        print(json.dumps(found, indent=2))
