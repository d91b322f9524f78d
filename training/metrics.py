"""Areas under ROC curves."""

from __future__ import annotations

import numpy as np


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties a half. NaN where either is absent."""
    labels = np.asarray(labels) > 0.5
    positive, negative = int(labels.sum()), int((~labels).sum())
    if positive == 0 or negative == 0:
        return float("nan")
    scores = np.asarray(scores, np.float64)
    values, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    return float((ranks[labels].sum() - positive * (positive + 1) / 2) / (positive * negative))


def mean_auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Over the columns that have both classes."""
    return float(np.nanmean([auroc(labels[:, i], scores[:, i]) for i in range(labels.shape[1])]))
