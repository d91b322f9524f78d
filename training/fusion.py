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
    "min_data_in_leaf": 3,
    "feature_fraction": 0.1,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "num_threads": 2,
    "deterministic": True,
    "seed": SEED,
    "verbosity": -1,
}
TREES = 300
LEAST = 0.2  # a pathology's probability below this is no word for it, however healthy others are
LONE_WEIGHT, LONE_HEALTHY_WEIGHT = 0.3, 0.03
SPLITTINGS = 6  # ways of cutting the folds; scores are averaged over them
RISING = ("supervised_", "ctclip_", "diffusion_classifier_mean_", "diffusion_classifier_max_")
DETECTORS = ("supervised_", "ctclip_", "diffusion_classifier_")


AGGREGATES = ("mean_probability", "max_probability", "top3_mean")


def feature_names(prompts: list[str]) -> list[str]:
    """Each pathology's probability, their aggregates and the slice classifier's statistics. Reconstructions are left
    out: each answer would wait some seconds for them."""
    names = [f"supervised_{t}" for t in TARGETS] + [f"ctclip_{p}" for p in prompts]
    names += [f"{detector}_{a}" for detector in ("supervised", "ctclip") for a in AGGREGATES]
    return names + [f"diffusion_classifier_{s}_probability" for s in ("mean", "max", "std")]


@dataclass
class Table:
    names: list[str]
    rows: np.ndarray  # (N, features)
    abnormal: np.ndarray  # (N)
    present: np.ndarray  # (N, features): whether the study has what a pathology's probability stands for

    @property
    def pathologies(self) -> list[int]:
        """Columns of single pathologies."""
        of_pathologies = ("supervised_", "ctclip_")
        return [i for i, n in enumerate(self.names) if n.startswith(of_pathologies) and not n.endswith(AGGREGATES)]

    def part(self, kept: np.ndarray) -> Table:
        return Table(self.names, self.rows[kept], self.abnormal[kept], self.present[kept])

    def only(self, prefix: str) -> Table:
        columns = [i for i, name in enumerate(self.names) if name.startswith(prefix)]
        return Table([self.names[i] for i in columns], self.rows[:, columns], self.abnormal, self.present[:, columns])


def write_placeholder(path: Path, names: list[str]) -> None:
    """A model that asks for every feature, so that ctclip computes them all; its answers mean nothing."""
    random = np.random.default_rng(SEED)
    rows, labels = random.random((200, len(names))), random.integers(0, 2, 200)
    data = lightgbm.Dataset(rows, labels, feature_name=names)
    lightgbm.train({**PARAMETERS, "feature_fraction": 1.0}, data, 2).save_model(str(path))


def features_of(program: Path, bundle: Path, studies: list[Path]) -> list[dict[str, float]]:
    command = [program, "predict", "--details", "--precision", "f32", "--models", bundle, *studies]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [a.get("error") for a in answers if a["processing_status"] != "Success"]
    if failed or len(answers) != len(studies):
        raise SystemExit(f"ctclip did not answer: {failed or done.stderr[-500:]}")
    return [a["details"]["features"] for a in answers]


def lone_rows(table: Table, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in which one probability alone is a study's own and everything else a typical healthy one's, with label and
    weight: what it says by itself about its own pathology. Without them the probability that is the best sign of anything
    at all takes the credit (SHAP) by which an answer names a pathology."""
    typical = np.median(rows[table.abnormal == 0], axis=0)
    parts = []
    for column in table.pathologies:
        kept = (table.present[:, column] == 1) | (table.abnormal == 0)
        lone = np.repeat(typical[None], kept.sum(), axis=0)
        lone[:, column] = rows[kept, column]
        labels = table.present[kept, column]
        parts.append((lone, labels, np.where(labels == 1, LONE_WEIGHT, LONE_HEALTHY_WEIGHT)))
    return tuple(np.concatenate(part) for part in zip(*parts))


def train(table: Table) -> lightgbm.Booster:
    """A probability may only raise the answer, and a single pathology's only from LEAST on; aggregates say the rest."""
    rising = [int(name.startswith(RISING)) for name in table.names]
    rows, labels, weights = table.rows.copy(), table.abnormal, np.ones(len(table.rows))
    if table.pathologies:
        rows[:, table.pathologies] = np.maximum(rows[:, table.pathologies], LEAST)
        lone = lone_rows(table, rows)
        rows, labels, weights = (np.concatenate(pair) for pair in zip((rows, labels, weights), lone))
    data = lightgbm.Dataset(rows, labels, weight=weights, feature_name=table.names)
    return lightgbm.train({**PARAMETERS, "monotone_constraints": rising}, data, TREES)


@dataclass
class CrossFitted:
    scores: np.ndarray  # (N)
    named: np.ndarray  # (N): share of the splittings in which the study has the pathology that gets the most credit


def cross_fitted(table: Table) -> CrossFitted:
    """Each study by models that haven't seen it; the mean over several ways of cutting the folds."""
    scores, named = np.zeros(len(table.rows)), np.zeros(len(table.rows))
    for splitting in range(SPLITTINGS):
        fold = np.random.default_rng(SEED + splitting).permutation(len(table.rows)) % FOLDS
        for i in range(FOLDS):
            rest = np.nonzero(fold == i)[0]
            model = train(table.part(fold != i))
            scores[rest] += model.predict(table.rows[rest]) / SPLITTINGS
            if table.pathologies:
                credit = model.predict(table.rows[rest], pred_contrib=True)[:, table.pathologies]
                best = np.array(table.pathologies)[credit.argmax(axis=1)]
                named[rest] += table.present[rest, best] / SPLITTINGS
    return CrossFitted(scores, named)


def best_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The lowest at which sensitivity + specificity is within 0.03 of its largest: a miss is worse than a call."""
    middles = np.arange(0.05, 0.951, 0.01)
    gains = [(scores[labels > 0] >= m).mean() - (scores[labels == 0] >= m).mean() for m in middles]
    near = [m for m, gain in zip(middles, gains) if gain >= max(gains) - 0.03]
    return round(float(near[0]), 2)


def fit_fusion(table: Table, out: Path) -> dict:
    """Writes the model; returns what was found on the way, all of it cross-fitted."""
    fitted = cross_fitted(table)
    threshold = best_threshold(table.abnormal, fitted.scores)
    called = (table.abnormal == 1) & (fitted.scores >= threshold)
    found = {
        "studies": len(table.rows),
        "auroc": round(auroc(table.abnormal, fitted.scores), 4),
        "threshold": threshold,
        "named": round(float(fitted.named[called].mean()), 4),
    }
    for prefix in DETECTORS:
        scores = cross_fitted(table.only(prefix)).scores
        found[f"auroc_{prefix}alone"] = round(auroc(table.abnormal, scores), 4)
    train(table).save_model(str(out))
    return found
