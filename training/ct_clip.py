"""CT-CLIP and the supervised model around a CT-ViT, with the tensor names of their checkpoints."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bert import Bert
from ct_vit import CtVit, VitShape


def pooled(rows: Tensor) -> Tensor:
    """Quantised tokens (B, T, h*w, D) -> image embedding (B, h*w*D)."""
    return rows.mean(dim=1).flatten(1)


class CtClip(nn.Module):
    def __init__(self, shape: VitShape, latent: int, text: Bert | None, text_dim: int = 0) -> None:
        super().__init__()
        self.visual_transformer = CtVit(shape)
        self.to_visual_latent = nn.Linear(shape.embedding_size, latent, bias=False)
        if text is not None:
            self.temperature = nn.Parameter(torch.tensor(1.0))
            self.text_transformer = text
            self.to_text_latent = nn.Linear(text_dim, latent, bias=False)

    def image_latent(self, volume: Tensor) -> Tensor:
        vit = self.visual_transformer
        codebook = vit.vq._codebook
        rows = codebook.embed[0][codebook.indices(vit(volume))]
        return F.normalize(self.to_visual_latent(pooled(rows)), dim=-1)

    def text_latent(self, ids: Tensor, mask: Tensor) -> Tensor:
        states = self.text_transformer(ids, mask)
        return F.normalize(self.to_text_latent(states[:, 0]), dim=-1)


class Supervised(nn.Module):
    def __init__(self, shape: VitShape, latent: int, pathologies: int) -> None:
        super().__init__()
        self.ct_clip = CtClip(shape, latent, None)
        self.pre_head_norm = nn.LayerNorm(latent, 1e-5)
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(latent, pathologies))

    def logits(self, volume: Tensor) -> Tensor:
        return self.classifier(self.pre_head_norm(self.ct_clip.image_latent(volume)))
