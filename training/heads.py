"""Fits what comes behind an encoder's codes: the supervised head, or CT-CLIP's projections and text encoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bert import Bert
from metrics import mean_auroc
from optimise import descend, weight_groups
from readout import Readout
from reports import Tokenizer, prompt_pair, report
from settings import LATENT, SEED, TEXT_DIM, TEXT_HEADS, TEXT_INNER, TEXT_LAYERS, TEXT_POSITIONS

BATCH = 128
DROPPED = 0.3  # share of the codes that a study is fitted without, each time others


@dataclass
class Studies:
    """Training data of a head. `weights`: studies that the encoder has not seen count more, since its
    tokens look like those of a user's study."""

    histograms: Tensor  # (N, functions, codes)
    labels: Tensor  # (N, pathologies)
    weights: Tensor  # (N)
    texts: list[list[tuple[str, str]]]  # prompt and side of each finding


class SupervisedHead(nn.Module):
    def __init__(self, codebook: Tensor, lengths: Tensor, studies: Studies) -> None:
        super().__init__()
        self.readout = Readout(codebook, lengths, studies.histograms, LATENT)
        self.pre_head_norm = nn.LayerNorm(LATENT, 1e-5)
        self.classifier = nn.Linear(LATENT, studies.labels.shape[1])

    def forward(self, histograms: Tensor) -> Tensor:
        return self.classifier(self.pre_head_norm(self.readout(histograms)))


class ClipHead(nn.Module):
    def __init__(self, codebook: Tensor, lengths: Tensor, studies: Studies, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.readout = Readout(codebook, lengths, studies.histograms, LATENT)
        self.text_transformer = Bert(
            len(tokenizer), TEXT_DIM, TEXT_LAYERS, TEXT_HEADS, TEXT_INNER, TEXT_POSITIONS
        )
        self.to_text_latent = nn.Linear(TEXT_DIM, LATENT, bias=False)
        self.temperature = nn.Parameter(torch.tensor(2.0))

    def texts(self, texts: list[str]) -> Tensor:
        """Unit text latents."""
        ids, mask = self.tokenizer.padded(texts)
        return F.normalize(self.to_text_latent(self.text_transformer(ids, mask)[:, 0]), dim=-1)

    def forward(self, image: Tensor, pathologies: list[str]) -> Tensor:
        """Unit image latents -> (N, pathologies): logit of "is present" against "is not present"."""
        pairs = [text for p in pathologies for text in prompt_pair(p)]
        text = self.texts(pairs).reshape(len(pathologies), 2, -1)
        return self.temperature.exp() * image @ (text[:, 0] - text[:, 1]).t()


def contrast(model: ClipHead, image: Tensor, texts: list[str], labels: Tensor) -> Tensor:
    """Image against report and back; studies with the same findings are each other's match, too."""
    same = (labels[:, None] == labels[None]).all(dim=-1).float()
    target = same / same.sum(dim=1, keepdim=True)
    logits = model.temperature.exp() * image @ model.texts(texts).t()
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.t(), target)) / 2


def fit(model: nn.Module, studies: Studies, loss_of, steps: int, rate: float, score) -> None:
    random = np.random.default_rng(SEED)
    optimiser = torch.optim.AdamW(weight_groups(model, 3.0), lr=rate)
    for step in range(steps):
        rows = torch.from_numpy(random.choice(len(studies.labels), BATCH))
        loss = loss_of(rows, random)
        descend(optimiser, loss, rate * min(1.0, (step + 1) / 20) * (1 - step / steps))
        if (step + 1) % 100 == 0:
            with torch.no_grad():
                print(f"  step {step + 1}: loss {float(loss.detach()):.3f}, {score()}", flush=True)


def thinned(histograms: Tensor) -> Tensor:
    kept = torch.rand(len(histograms), 1, histograms.shape[2]) > DROPPED
    return histograms * kept / (1 - DROPPED)


def weighted_bce(logits: Tensor, studies: Studies, rows: Tensor) -> Tensor:
    losses = F.binary_cross_entropy_with_logits(logits, studies.labels[rows], reduction="none")
    weights = studies.weights[rows]
    return (losses.mean(dim=1) * weights).sum() / weights.sum()


def fit_supervised(
    codebook: Tensor, lengths: Tensor, studies: Studies, held: Studies, steps: int
) -> SupervisedHead:
    torch.manual_seed(SEED)
    model = SupervisedHead(codebook, lengths, studies)

    def loss_of(rows: Tensor, _: np.random.Generator) -> Tensor:
        return weighted_bce(model(thinned(studies.histograms[rows])), studies, rows)

    def score() -> str:
        return f"held out {mean_auroc(held.labels.numpy(), model(held.histograms).numpy()):.3f}"

    fit(model, studies, loss_of, steps, 4e-3, score)
    return model.eval()


def fit_clip(
    codebook: Tensor,
    lengths: Tensor,
    tokenizer: Tokenizer,
    prompts: list[str],
    studies: Studies,
    held: Studies,
    steps: int,
) -> ClipHead:
    torch.manual_seed(SEED + 1)
    model = ClipHead(codebook, lengths, studies, tokenizer)

    def loss_of(rows: Tensor, random: np.random.Generator) -> Tensor:
        image = model.readout(thinned(studies.histograms[rows]))
        prompted = weighted_bce(model(image, prompts), studies, rows)
        part = slice(0, 64)  # the text encoder's time goes with the reports
        texts = [report(studies.texts[int(i)], prompts, random) for i in rows[part]]
        return prompted + 0.05 * contrast(model, image[part], texts, studies.labels[rows[part]])

    def score() -> str:
        logits = model(model.readout(held.histograms), prompts)
        return f"held out {mean_auroc(held.labels.numpy(), logits.numpy()):.3f}"

    fit(model, studies, loss_of, steps, 4e-3, score)
    return model.eval()
