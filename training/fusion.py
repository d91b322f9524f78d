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
    "num_leaves": 2,
    "learning_rate": 0.05,
    "min_data_in_leaf": 12,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 2,
    "deterministic": True,
    "seed": SEED,
    "verbosity": -1,
}
TREES = 120
SPLITTINGS = 6  # ways of cutting the folds; scores are averaged over them
DETECTORS = ("supervised_", "ctclip_", "diffusion_classifier_")


@dataclass
class Table:
    names: list[str]
    rows: np.ndarray  # (N, features)
    abnormal: np.ndarray  # (N)

    def only(self, prefix: str) -> Table:
        columns = [i for i, name in enumerate(self.names) if name.startswith(prefix)]
        return Table([self.names[i] for i in columns], self.rows[:, columns], self.abnormal)


def feature_names(prompts: list[str]) -> list[str]:
    """Each pathology's probability and the slice classifier's statistics. Means and maxima over pathologies are left
    out: they'd take the credit by which the answer names a pathology (SHAP), and cross-fitting gains nothing by
    them. So are reconstructions: each answer would wait some seconds for them."""
    names = [f"supervised_{t}" for t in TARGETS] + [f"ctclip_{p}" for p in prompts]
    return names + [f"diffusion_classifier_{s}_probability" for s in ("mean", "max", "std")]


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
    """(N): each study's probability by models that were fitted to the other folds."""
    scores = np.zeros(len(table.rows))
    for splitting in range(SPLITTINGS):
        fold = np.random.default_rng(SEED + splitting).permutation(len(table.rows)) % FOLDS
        for i in range(FOLDS):
            rest = fold != i
            model = train(Table(table.names, table.rows[rest], table.abnormal[rest]))
            scores[~rest] += model.predict(table.rows[~rest]) / SPLITTINGS
    return scores


def best_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The lowest at which sensitivity + specificity is within 0.03 of its largest: a miss is worse than a call."""
    middles = np.arange(0.05, 0.951, 0.01)
    gains = [(scores[labels > 0] >= m).mean() - (scores[labels == 0] >= m).mean() for m in middles]
    near = [m for m, gain in zip(middles, gains) if gain >= max(gains) - 0.03]
    return round(float(near[0]), 2)


def fit_fusion(table: Table, out: Path) -> dict:
    """Writes the model; returns what was found on the way, all of it cross-fitted."""
    scores = cross_fitted(table)
    found = {
        "studies": len(table.rows),
        "auroc": round(auroc(table.abnormal, scores), 4),
        "threshold": best_threshold(table.abnormal, scores),
    }
    for prefix in DETECTORS:
        found[f"auroc_{prefix}alone"] = round(auroc(table.abnormal, cross_fitted(table.only(prefix))), 4)
    train(table).save_model(str(out))
    return found
