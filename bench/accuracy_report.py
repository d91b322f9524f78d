"""docs/accuracy.md from the results of bench/accuracy.py."""

from __future__ import annotations

from collections import Counter

import accuracy_figures as figures
from accuracy_figures import auroc, auroc_interval, probability, share_interval, split

FEW = 5  # a finding in fewer studies gets no figure

INTRODUCTION = """\
# What the demo bundle scores

`models/demo` was trained on synthetic chests of `ctclip phantom` and is judged here on others of them: seeds that no
training, threshold or choice has seen. **The figures say how well the program and its training work, and nothing about
patients**: a phantom has none of the variety of people, scanners and diseases. For diagnostic support only: every result
must be checked by a qualified radiologist; this bundle isn't for patients at all.

Made by `bench/accuracy.py` (it makes the phantoms, answers them by `ctclip predict --details` and writes this page).
Intervals are 95 %.
"""

AIMS = """\
## What was aimed at

An AUROC of 0.95 by the fusion: {fusion}. More than the best single score: {above}
(differences within the intervals are chance). Ten findings at 0.90: {good} of those with enough studies. What the training had,
what was tried and what to try next is in [training/README.md](../training/README.md).
"""


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def figure(value: float) -> str:
    return f"{value:.3f}"


def with_interval(positive: list[float], negative: list[float]) -> str:
    low, high = auroc_interval(positive, negative)
    return f"{auroc(positive, negative):.3f} ({low:.3f} to {high:.3f})"


def best_single(row: dict, detector: str) -> float:
    return max(figures.probabilities(row, detector).values())


def mean_single(row: dict, detector: str) -> float:
    values = figures.probabilities(row, detector).values()
    return sum(values) / len(values)


SINGLE = {
    "supervised model, highest probability": lambda r: best_single(r, "supervised"),
    "supervised model, mean probability": lambda r: mean_single(r, "supervised"),
    "CT-CLIP, highest probability": lambda r: best_single(r, "ctclip"),
    "CT-CLIP, mean probability": lambda r: mean_single(r, "ctclip"),
    "slice classifier, mean over slices": lambda r: figures.slices(r, "mean"),
    "slice classifier, highest slice": lambda r: figures.slices(r, "max"),
}


def overall(rows: list[dict], matrix: int) -> str:
    positive, negative = split(rows, probability)
    lines = [["**fusion: `probability_of_pathology`**", f"**{with_interval(positive, negative)}**"]]
    for name, score in SINGLE.items():
        if score(rows[0]) is not None:
            lines.append([name, with_interval(*split(rows, score))])
    text = f"## Is there anything?\n\n{len(rows)} phantoms with findings and scanner as "
    text += f"`ctclip phantom --random-findings --matrix {matrix}` draws them; {len(positive)} have a finding.\n\n"
    return text + table(["score", "AUROC"], lines) + "\n" + decision(rows)


def decision(rows: list[dict]) -> str:
    threshold = rows[0]["answer"]["details"]["threshold"]
    sick = [r["answer"]["pathology"] for r in rows if figures.abnormal(r)]
    well = [1 - r["answer"]["pathology"] for r in rows if not figures.abnormal(r)]
    parts = []
    for name, hits in (("sensitivity", sick), ("specificity", well)):
        low, high = share_interval(sum(hits), len(hits))
        parts.append(f"{name} {sum(hits)}/{len(hits)} = {sum(hits) / len(hits):.3f} ({low:.3f} to {high:.3f})")
    return f"At the bundle's threshold of {threshold:g}: {', '.join(parts)}.\n"


def finding_scores(rows: list[dict], name: str, key: str, detector: str, label: str) -> str:
    """AUROC of one probability: studies with this finding against those with nothing that it stands for."""
    if not label:
        return ""
    score = lambda r: figures.probabilities(r, detector)[label]  # noqa: E731
    positive = [score(r) for r in rows if any(f["name"] == name for f in r["findings"])]
    negative = [score(r) for r in rows if all(f[key] != label for f in r["findings"])]
    return figure(auroc(positive, negative))


def slice_score(rows: list[dict], name: str) -> str:
    if figures.slices(rows[0], "mean") is None:
        return ""
    positive = [figures.slices(r, "mean") for r in rows if any(f["name"] == name for f in r["findings"])]
    return figure(auroc(positive, split(rows, lambda r: figures.slices(r, "mean"))[1]))


def aims(rows: list[dict]) -> str:
    fusion = auroc(*split(rows, probability))
    single = {name: auroc(*split(rows, score)) for name, score in SINGLE.items()}
    best = max(single, key=single.get)
    return AIMS.format(
        fusion=f"{'reached' if fusion >= 0.95 else 'not reached'}, it is {fusion:.3f}",
        above=f"{'yes' if fusion > single[best] else 'no'}, {best} has {single[best]:.3f}",
        good=count_good(rows),
    )


def best_of_finding(rows: list[dict], kind: dict) -> float:
    by_detector = (
        finding_scores(rows, kind["name"], "supervised", "supervised", kind["supervised"]),
        finding_scores(rows, kind["name"], "prompt", "ctclip", kind["prompt"]),
    )
    return max(float(value or 0) for value in by_detector)


def count_good(rows: list[dict]) -> int:
    """Findings in enough studies that a detector knows at 0.90."""
    kinds = {f["name"]: f for r in rows for f in r["findings"]}
    count = Counter(f["name"] for r in rows for f in r["findings"])
    return sum(count[name] >= FEW and best_of_finding(rows, kind) >= 0.9 for name, kind in kinds.items())


def findings(rows: list[dict]) -> str:
    kinds = {f["name"]: f for r in rows for f in r["findings"]}
    count = Counter(f["name"] for r in rows for f in r["findings"])
    lines, good = [], count_good(rows)
    for name in sorted(kinds, key=lambda n: (not kinds[n]["supervised"], n)):
        if count[name] < FEW:
            lines.append([name, str(count[name]), "", "", ""])
            continue
        kind = kinds[name]
        supervised = finding_scores(rows, name, "supervised", "supervised", kind["supervised"])
        clip = finding_scores(rows, name, "prompt", "ctclip", kind["prompt"])
        lines.append([name, str(count[name]), supervised, clip, slice_score(rows, name)])
    judged = sum(count[n] >= FEW for n in kinds)
    text = f"""\
## Which finding?

AUROC of the probability that stands for the finding, in studies with it against studies with nothing that the same
probability stands for (others may have other findings). The slice classifier can't tell findings apart: its mean is compared
with healthy phantoms. With few studies a figure is rough: ten against 290 have an interval of about +-0.1. {good} of the
{judged} findings with {FEW} studies or more reach 0.90 by the supervised model or CT-CLIP.

"""
    return text + table(["finding", "studies", "supervised", "CT-CLIP", "slice classifier"], lines)


def calibration(rows: list[dict]) -> str:
    lines = [
        [f"{low:.1f} to {high:.1f}", str(n), f"{mean:.2f}", f"{share:.2f}"]
        for low, high, n, mean, share in figures.reliability(rows)
    ]
    return (
        "## Does the probability mean what it says?\n\n"
        + table(["probability", "studies", "their mean", "with a finding"], lines)
        + f"\nBrier score {figures.brier(rows):.3f}, expected calibration error "
        + f"{figures.expected_calibration_error(rows):.3f} (ten bins).\n"
    )


def most_dangerous(rows: list[dict]) -> str:
    called = [r for r in rows if figures.abnormal(r) and r["answer"]["pathology"] == 1]
    right = sum(figures.is_there(r, figures.named_pathology(r)) for r in called)
    low, high = share_interval(right, len(called))
    return (
        "## Is the named pathology there?\n\n"
        f"Of {len(called)} phantoms with a finding that were answered with pathology 1, "
        f"`most_dangerous_pathology_type` is one\nof the phantom's findings in {right} = "
        f"{right / len(called):.2f} ({low:.2f} to {high:.2f}). Named is the\n"
        "pathology whose probability has the most credit (SHAP) in the fusion's answer.\n"
    )


def scans(rows: list[dict]) -> str:
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["scan"], []).append(row)
    lines = []
    for scan, group in groups.items():
        positive, negative = split(group, probability)
        mean = [sum(v) / len(v) for v in (positive, negative)]
        lines.append([scan, with_interval(positive, negative), *(f"{m:.2f}" for m in mean)])
    patients = len(next(iter(groups.values())))
    head = ["scan", "AUROC", "mean answer, with findings", "healthy"]
    text = f"## Thickness, dose and kernel\n\nThe same {patients} phantoms, scanned in other ways; from the second row on, only what\nis named differs from the first.\n\n"
    return text + table(head, lines)


def real_study(chest: dict) -> str:
    return f"""\
## A real chest

For the one real study at hand (a screening CT of NLST, JPEG-LS), the bundle answers probability
{chest["probability_of_pathology"]:.3f}, "{chest["most_dangerous_pathology_type"]}". That means nothing: the networks have seen
nothing but phantoms, whose healthy lungs have less texture than anybody's, so every real chest lies outside of all that they know, and
an answer there, right or wrong, is chance.
"""


def document(rows: list[dict], chest: dict | None, matrix: int) -> str:
    failed = [r for r in rows if r["answer"]["processing_status"] != "Success"]
    rows = [r for r in rows if r not in failed]
    drawn, paired = [r for r in rows if not r["scan"]], [r for r in rows if r["scan"]]
    parts = [INTRODUCTION, overall(drawn, matrix), findings(drawn), calibration(drawn), most_dangerous(drawn)]
    parts.append(aims(drawn))
    if failed:
        parts.append(f"{len(failed)} phantoms were not answered: {Counter(r['answer']['error_code'] for r in failed)}.\n")
    if paired:
        parts.append(scans(paired))
    if chest is not None:
        parts.append(real_study(chest))
    return "\n".join(parts)
