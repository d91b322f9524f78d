"""The figures of docs/accuracy.md, with nothing but Python's own library."""

from __future__ import annotations

import bisect
import random


def auroc(positive: list[float], negative: list[float]) -> float:
    """Probability that a positive scores above a negative, ties a half."""
    ordered = sorted(negative)
    total = 0.0
    for score in positive:
        below = bisect.bisect_left(ordered, score)
        total += below + (bisect.bisect_right(ordered, score) - below) / 2
    return total / (len(positive) * len(negative))


def auroc_interval(positive: list[float], negative: list[float], rounds: int = 2000) -> tuple[float, float]:
    """95 %, by a stratified bootstrap (Carpenter & Bithell, Stat Med 2000), percentiles."""
    draw = random.Random(1)
    found = sorted(
        auroc(draw.choices(positive, k=len(positive)), draw.choices(negative, k=len(negative)))
        for _ in range(rounds)
    )
    return found[int(0.025 * rounds)], found[int(0.975 * rounds) - 1]


def share_interval(successes: int, count: int) -> tuple[float, float]:
    """95 %, Wilson's (J Am Stat Assoc 1927)."""
    z = 1.96
    centre = (successes + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * (successes * (count - successes) / count + z * z / 4) ** 0.5
    return centre - half, centre + half


def probability(row: dict) -> float:
    return row["answer"]["probability_of_pathology"]


def abnormal(row: dict) -> bool:
    return bool(row["findings"])


def probabilities(row: dict, detector: str) -> dict[str, float]:
    return row["answer"]["details"]["probabilities"][detector]


def slices(row: dict, statistic: str) -> float | None:
    """Of the slice classifier: from the features, by the fusion's or the report's spelling."""
    features = row["answer"]["details"]["features"]
    return features.get(f"diffusion_classifier_{statistic}_probability")


def split(rows: list[dict], score) -> tuple[list[float], list[float]]:
    """Scores of those with and without a finding."""
    return [score(r) for r in rows if abnormal(r)], [score(r) for r in rows if not abnormal(r)]


def reliability(rows: list[dict], bins: int = 10) -> list[tuple[float, float, int, float, float]]:
    """(from, to, studies, mean probability, share with a finding) of the bins that aren't empty."""
    table = []
    for i in range(bins):
        inside = [r for r in rows if min(int(probability(r) * bins), bins - 1) == i]
        if inside:
            mean = sum(map(probability, inside)) / len(inside)
            share = sum(map(abnormal, inside)) / len(inside)
            table.append((i / bins, (i + 1) / bins, len(inside), mean, share))
    return table


def brier(rows: list[dict]) -> float:
    return sum((probability(r) - abnormal(r)) ** 2 for r in rows) / len(rows)


def expected_calibration_error(rows: list[dict]) -> float:
    return sum(n * abs(mean - share) for _, _, n, mean, share in reliability(rows)) / len(rows)


def named_pathology(row: dict) -> tuple[str, str]:
    """("supervised" or "ctclip", pathology) that most_dangerous_pathology_type stands for: the largest positive SHAP
    value, else the highest probability (docs/models.md)."""
    names = {
        f"{detector}_{name}".replace(" ", "_"): (detector, name)
        for detector in ("supervised", "ctclip")
        for name in probabilities(row, detector)
    }
    shap = {k.replace(" ", "_"): v for k, v in row["answer"]["details"]["shap"].items()}
    used = {k: v for k, v in shap.items() if k in names}
    best = max(used, key=used.get)
    if used[best] > 0:
        return names[best]
    return max(((d, n) for k, (d, n) in names.items() if k in used), key=lambda dn: probabilities(row, dn[0])[dn[1]])


def is_there(row: dict, named: tuple[str, str]) -> bool:
    key = "supervised" if named[0] == "supervised" else "prompt"
    return any(finding[key] == named[1] for finding in row["findings"])
