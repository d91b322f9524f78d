"""Section "bf16 against f32" of docs/accuracy.md, from the results of bench/precision.py."""

from __future__ import annotations

import array
import ast
import math
import sys
from pathlib import Path

from accuracy_figures import auroc, share_interval
from accuracy_report import table

BEGIN, END = "<!-- bf16 against f32 -->", "<!-- end of bf16 against f32 -->"
GOAL_FLIPS = 0.005  # of the decisions
GOAL_AUROC = 0.002
ENCODERS = {"ctclip": "CT-CLIP", "supervised": "supervised model"}
DETECTORS = {**ENCODERS, "slices": "slice classifier, by slice"}

INTRODUCTION = """\
## bf16 against f32

`--precision bf16` rounds what the image encoders and the slice classifier multiply to 8 significant bits: weights, inputs, queries,
keys and values, and the tiles of F(2x2, 3x3). Sums, norms, the softmax and the residual stream stay in float32, and the quantiser
chooses what float32 would choose for its input (in f32, too, it looks for candidates in bfloat16 where the processor has it). GELU and
SiLU in front of a rounding are computed to some 2e-4. The denoiser and gradients are of float32. The same studies were answered in both by
`bench/precision.py`, which writes this section: {count} phantoms of seeds that nothing was trained on or chosen by{chest}.
`bench/precision.py --count 200` makes more of them; it goes on where an earlier run stopped, and wants a new `--work` folder for
another bundle.
"""


def read_npy(path: Path) -> list[float]:
    """A float32 array of any shape, as `ctclip export` writes it."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[8:10], "little")
    header = ast.literal_eval(raw[10 : 10 + size].decode("latin-1"))
    if raw[:8] != b"\x93NUMPY\x01\x00" or header["descr"] != "<f4" or sys.byteorder != "little":
        raise ValueError(f"{path}: no little-endian float32 array of format 1")
    values = array.array("f", raw[10 + size :])
    if len(values) != math.prod(header["shape"]):
        raise ValueError(f"{path}: {len(values)} values, expected the shape {header['shape']}")
    return values.tolist()


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that such a share does not exceed."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def number(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}" if value < 0.001 else f"{value:.4f}"


def spread(differences: list[float]) -> list[str]:
    """Count, mean, percentiles and largest of the differences' sizes."""
    ordered = sorted(map(abs, differences))
    figures = [sum(ordered) / len(ordered), *(percentile(ordered, p) for p in (0.5, 0.95, 0.99)), ordered[-1]]
    return [str(len(ordered)), *map(number, figures)]


HEAD = ["", "values", "mean", "median", "95 %", "99 %", "largest"]


def differences(row: dict, detector: str) -> list[float]:
    one, other = (row[precision]["probabilities"][detector] for precision in ("f32", "bf16"))
    if one.keys() != other.keys():
        raise ValueError(f"{detector}: other probabilities in bf16 than in f32")
    return [other[name] - one[name] for name in one]


def fusion_difference(row: dict) -> float:
    return row["bf16"]["probability_of_pathology"] - row["f32"]["probability_of_pathology"]


def probabilities(rows: list[dict]) -> str:
    lines = [["fusion: `probability_of_pathology`", *spread([fusion_difference(row) for row in rows])]]
    for detector, title in DETECTORS.items():
        lines.append([title, *spread([d for row in rows for d in differences(row, detector)])])
    return "Size of the difference of every probability:\n\n" + table(HEAD, lines)


def changed(rows: list[dict], field: str) -> int:
    return sum(row["f32"][field] != row["bf16"][field] for row in rows)


def aurocs(rows: list[dict]) -> dict[str, float]:
    """By precision; empty where no phantom, or every phantom, has a finding."""
    found = {}
    for precision in ("f32", "bf16"):
        sick = [r[precision]["probability_of_pathology"] for r in rows if r["findings"]]
        well = [r[precision]["probability_of_pathology"] for r in rows if not r["findings"]]
        if not sick or not well:
            return {}
        found[precision] = auroc(sick, well)
    return found


def decisions(rows: list[dict]) -> str:
    flips = changed(rows, "pathology")
    high = share_interval(flips, len(rows))[1]
    named = changed(rows, "most_dangerous_pathology_type")
    text = (f"The decision (`pathology`) flips in {flips} of {len(rows)} studies (95 %: at most {100 * high:.1f} %); the goal is "
            f"{100 * GOAL_FLIPS:.1f} % at most: {'reached' if flips <= GOAL_FLIPS * len(rows) else 'not reached'}. "
            f"`most_dangerous_pathology_type` is another in {named}.\n")
    if found := aurocs(rows):
        apart = abs(found["bf16"] - found["f32"])
        text += (f"AUROC {found['f32']:.4f} in f32, {found['bf16']:.4f} in bf16; the goal is a difference of {GOAL_AUROC} at most: "
                 f"{'reached' if apart <= GOAL_AUROC else 'not reached'}, it is {apart:.4f}.\n")
    return text


def angle(one: list[float], other: list[float]) -> float:
    """Degrees between two vectors; by the chord, which is exact where they are nearly the same."""
    lengths = [math.sqrt(sum(v * v for v in vector)) for vector in (one, other)]
    chord = math.sqrt(sum((a / lengths[0] - b / lengths[1]) ** 2 for a, b in zip(one, other, strict=True)))
    return math.degrees(2 * math.asin(min(chord / 2, 1)))


def latents(rows: list[dict]) -> str:
    pairs = {d: [[row["latents"][p][d] for p in ("f32", "bf16")] for row in rows] for d in ENCODERS}
    lines, angles = [], []
    for detector, title in ENCODERS.items():
        lines.append([title, *spread([b - a for one, other in pairs[detector] for a, b in zip(one, other, strict=True)])])
        angles += [angle(one, other) for one, other in pairs[detector]]
    text = f"""\
Size of the difference of every value of the image latents (512 values, of length 1: one is about 0.04), by random weights of the
clinical size, {len(rows)} phantom{"s" * (len(rows) != 1)}:

"""
    return text + table(HEAD, lines) + f"\nThe latents are at most {max(angles):.2f} degrees apart.\n"


def real_study(chest: dict) -> str:
    found = {d: max(map(abs, differences(chest, d))) for d in DETECTORS}
    return (f"The real study: `probability_of_pathology` {chest['f32']['probability_of_pathology']:.4f} in f32, "
            f"{chest['bf16']['probability_of_pathology']:.4f} in bf16; the largest difference of a probability of CT-CLIP is "
            f"{number(found['ctclip'])}, of the supervised model {number(found['supervised'])}, of the slice classifier "
            f"{number(found['slices'])}. "
            "What the bundle says of it means nothing, see above.\n")


def section(rows: list[dict], chest: dict | None) -> str:
    beside = "" if chest is None else ", and one real study"
    parts = [INTRODUCTION.format(count=len(rows), chest=beside), probabilities(rows), decisions(rows)]
    if chest is not None:
        parts.append(real_study(chest))
    if with_latents := [row for row in rows if "latents" in row]:
        parts.append(latents(with_latents))
    return f"{BEGIN}\n\n" + "\n".join(parts) + f"\n{END}\n"


def kept(text: str) -> str:
    """The section that a page holds, markers included; empty where it holds none."""
    if BEGIN not in text:
        return ""
    return text[text.index(BEGIN) : text.index(END) + len(END)] + "\n"


def put(text: str, new: str) -> str:
    """The page with the section in the place of the old one, or at its end."""
    if not new:
        return text
    if old := kept(text):
        return text.replace(old.rstrip("\n"), new.rstrip("\n"))
    return f"{text.rstrip()}\n\n{new}" if text.strip() else new
