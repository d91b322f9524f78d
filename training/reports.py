"""Texts of studies, and a WordPiece vocabulary made from them."""

from __future__ import annotations

import re
import string
import unicodedata

import numpy as np
import torch
from torch import Tensor

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PRESENT = ["{} is present.", "There is {}.", "{} is seen.", "The study shows {}."]
ABSENT = ["{} is not present.", "There is no {}.", "{} is not seen.", "No {}."]
HEALTHY = ["No significant pathology.", "The chest is healthy.", "Nothing abnormal is seen."]


def prompt_pair(pathology: str) -> tuple[str, str]:
    """What ctclip asks, word for word."""
    return f"{pathology} is present.", f"{pathology} is not present."


def sentence(templates: list[str], pathology: str, random: np.random.Generator) -> str:
    text = templates[int(random.integers(len(templates)))].format(pathology)
    return text[0].upper() + text[1:]


def report(findings: list[tuple[str, str]], prompts: list[str], random: np.random.Generator) -> str:
    """A short report: what is there, with its side, and a few things that are not."""
    present = []
    for pathology, side in findings:
        where = {"both": " on both sides", "none": ""}.get(side, f" on the {side}")
        present.append(sentence(PRESENT, pathology, random).rstrip(".") + where + ".")
    if not findings:
        present.append(HEALTHY[int(random.integers(len(HEALTHY)))])
    there = {pathology for pathology, _ in findings}
    absent = [p for p in prompts if p not in there]
    chosen = random.permutation(absent)[: int(random.integers(0, 3))]
    sentences = present + [sentence(ABSENT, str(p), random) for p in chosen]
    return " ".join(str(s) for s in random.permutation(sentences))


def words_of(text: str) -> list[str]:
    """Lower case, without accents, punctuation apart."""
    text = unicodedata.normalize("NFD", text.lower())
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return re.findall(r"\w+|[^\w\s]", text)


def make_vocabulary(pathologies: list[str]) -> list[str]:
    """Special pieces, every printable character, then the words of all texts and prompts."""
    texts = [*PRESENT, *ABSENT, *HEALTHY, *pathologies, "on both sides the left right"]
    words = sorted({word for text in texts for word in words_of(text) if len(word) > 1})
    characters = [c for c in string.printable if not c.isspace() and not c.isupper()]
    return [*SPECIAL, *characters, *("##" + c for c in characters), *words]


class Tokenizer:
    """Greedy longest-match WordPiece, for texts as plain as ours (ctclip's takes any)."""

    def __init__(self, pieces: list[str]) -> None:
        self.ids = {piece: i for i, piece in enumerate(pieces)}
        self.known: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def word(self, word: str) -> list[int]:
        pieces, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self.ids:
                    break
            else:
                return [self.ids["[UNK]"]]
            pieces.append(self.ids[piece])
            start = end
        return pieces

    def __call__(self, text: str) -> list[int]:
        if text not in self.known:
            pieces = [i for word in words_of(text) for i in self.word(word)]
            self.known[text] = [self.ids["[CLS]"], *pieces, self.ids["[SEP]"]]
        return self.known[text]

    def padded(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        rows = [self(text) for text in texts]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        lengths = torch.tensor([len(row) for row in rows])
        return ids, torch.arange(ids.shape[1])[None] < lengths[:, None]
