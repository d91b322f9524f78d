"""LightGBM over the three detectors' features, as `ctclip predict` itself computes them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from metrics import auroc
from settings import SEED, TARGETS

FOLDS = 5
PARAMETERS = {
    "objective": "binary",
    "num_leaves": 4,
    "learning_rate": 0.05,
    "min_data_in_leaf": 12,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 2,
    "deterministic": True,
    "seed": SEED,
    "verbosity": -1,
}
TREES = 150
DETECTORS = ("supervised_", "ctclip_", "diffusion_classifier_", "diffusion_reconstruction_")


@dataclass
class Table:
    names: list[str]
    rows: np.ndarray  # (N, features)
    abnormal: np.ndarray  # (N)

    def only(self, prefixes: tuple[str, ...]) -> Table:
        columns = [i for i, name in enumerate(self.names) if name.startswith(prefixes)]
        return Table([self.names[i] for i in columns], self.rows[:, columns], self.abnormal)


def feature_names(prompts: list[str], groups: dict, reconstruction: bool) -> list[str]:
    names = [f"supervised_{t}" for t in TARGETS] + [f"ctclip_{p}" for p in prompts]
    for model in ("supervised", "ctclip"):
        names += [f"{model}_{s}" for s in ("mean_probability", "max_probability", "top3_mean")]
    names += [f"diffusion_classifier_{s}_probability" for s in ("mean", "max", "std")]
    if reconstruction:
        names += [f"diffusion_reconstruction_{s}" for s in ("mean", "max", "std")]
    for group in groups:
        names += [f"ctclip_group_{group}_{s}" for s in ("max", "mean", "count_high", "std")]
    return names


def write_placeholder(path: Path, names: list[str]) -> None:
    """A model that asks for every feature, so that ctclip computes them all; its answers mean nothing."""
    random = np.random.default_rng(SEED)
    rows, labels = random.random((200, len(names))), random.integers(0, 2, 200)
    data = lightgbm.Dataset(rows, labels, feature_name=names)
    lightgbm.train({**PARAMETERS, "feature_fraction": 1.0}, data, 2).save_model(str(path))


def features_of(program: Path, bundle: Path, studies: list[Path]) -> list[dict[str, float]]:
    command = [program, "predict", "--details", "--models", bundle, *studies]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [a.get("error") for a in answers if a["processing_status"] != "Success"]
    if failed or len(answers) != len(studies):
        raise SystemExit(f"ctclip did not answer: {failed or done.stderr[-500:]}")
    return [a["details"]["features"] for a in answers]


def train(table: Table) -> lightgbm.Booster:
    """A pathology's probability may only raise the answer: with few studies that keeps noise out."""
    rising = [int(name.startswith(("supervised_", "ctclip_"))) for name in table.names]
    data = lightgbm.Dataset(table.rows, table.abnormal, feature_name=table.names)
    return lightgbm.train({**PARAMETERS, "monotone_constraints": rising}, data, TREES)


def cross_fitted(table: Table) -> np.ndarray:
    """(N): each study's probability by a model that was fitted to the other folds."""
    fold = np.random.default_rng(SEED).permutation(len(table.rows)) % FOLDS
    scores = np.zeros(len(table.rows))
    for i in range(FOLDS):
        rest = fold != i
        model = train(Table(table.names, table.rows[rest], table.abnormal[rest]))
        scores[~rest] = model.predict(table.rows[~rest])
    return scores


def best_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """Where sensitivity + specificity is largest, midway to the next score; 0.05 at least from the ends."""
    values = np.unique(scores)
    middles = (values[1:] + values[:-1]) / 2
    middles = middles[(middles > 0.05) & (middles < 0.95)]
    gains = [(scores[labels > 0] >= m).mean() - (scores[labels == 0] >= m).mean() for m in middles]
    return round(float(middles[int(np.argmax(gains))]), 3)


def fit_fusion(table: Table, out: Path) -> dict:
    """Writes the model; returns what was found on the way. The reconstruction's features are used where they
    raise the cross-fitted AUROC by 0.005, because each answer then waits for them."""
    everything = auroc(table.abnormal, cross_fitted(table))
    without = table.only(DETECTORS[:3])
    plain_scores = cross_fitted(without)
    plain = auroc(table.abnormal, plain_scores)
    found = {
        "studies": len(table.rows),
        "auroc_with_reconstruction": round(everything, 4),
        "auroc_without_reconstruction": round(plain, 4),
        "reconstruction_used": everything > plain + 0.005,
    }
    for prefix in DETECTORS:
        part = table.only((prefix,))
        if part.names:
            found[f"auroc_{prefix}alone"] = round(auroc(table.abnormal, cross_fitted(part)), 4)
    chosen = table if found["reconstruction_used"] else without
    scores = cross_fitted(chosen) if found["reconstruction_used"] else plain_scores
    found["threshold"] = best_threshold(chosen.abnormal, scores)
    train(chosen).save_model(str(out))
    return found
