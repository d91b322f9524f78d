"""The anomaly detector's two networks: guided diffusion's UNet (arXiv:2105.05233) and its encoder half
with attention pooling, with that code's tensor names."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class UnetShape:
    image: int
    channels: int
    multipliers: tuple[int, ...]
    blocks: int
    attention: tuple[int, ...] = ()  # factors of down-sampling at which blocks attend
    head_channels: int = 64  # 0: one head over all channels


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels, 1e-5)


def zeroed(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def sinusoid(t: Tensor, channels: int) -> Tensor:
    half = channels // 2
    steps = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
    angles = t[:, None].float() * steps[None]
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Residual(nn.Module):
    def __init__(self, channels: int, out: int, embedding: int, down: bool = False) -> None:
        super().__init__()
        self.down = down
        self.in_layers = nn.Sequential(
            group_norm(channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * out))
        self.out_layers = nn.Sequential(
            group_norm(out), nn.SiLU(), nn.Identity(), zeroed(nn.Conv2d(out, out, 3, padding=1))
        )
        self.skip_connection = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.in_layers[1](self.in_layers[0](x))
        if self.down:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        h = self.in_layers[2](h)
        scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.out_layers[0](h) * (1 + scale) + shift
        return self.skip_connection(x) + self.out_layers[1:](h)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """(B * heads, channels of a head, places) each."""
    scale = q.shape[1] ** -0.25
    weights = torch.einsum("bct,bcs->bts", q * scale, k * scale).float().softmax(dim=-1)
    return torch.einsum("bts,bcs->bct", weights.to(v.dtype), v)


class AttentionBlock(nn.Module):
    """Channels of qkv are split by head first, then into q, k and v."""

    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.head_channels = head_channels or channels
        self.norm = group_norm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        qkv = self.qkv(self.norm(flat)).reshape(-1, 3 * self.head_channels, flat.shape[-1])
        out = attend(*qkv.chunk(3, dim=1)).reshape(flat.shape)
        return x + self.proj_out(out).reshape(x.shape)


class AttentionPool(nn.Module):
    def __init__(self, places: int, channels: int, head_channels: int, classes: int) -> None:
        super().__init__()
        self.head_channels = head_channels
        self.positional_embedding = nn.Parameter(torch.randn(channels, places + 1) / channels**0.5)
        self.qkv_proj = nn.Conv1d(channels, 3 * channels, 1)
        self.c_proj = nn.Conv1d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        flat = torch.cat([flat.mean(dim=-1, keepdim=True), flat], dim=-1) + self.positional_embedding
        parts = [
            part.reshape(-1, self.head_channels, flat.shape[-1])
            for part in self.qkv_proj(flat).chunk(3, dim=1)
        ]
        return self.c_proj(attend(*parts).reshape(flat.shape))[:, :, 0]


class Stride(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Block(nn.Sequential):
    """Layers of which only the residual ones see the time embedding."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, Residual) else layer(x)
        return x


class Encoder(nn.Module):
    """What both networks share: time embedding, input blocks and the middle."""

    def __init__(self, shape: UnetShape, pooling: bool) -> None:
        super().__init__()
        self.shape = shape
        c = shape.channels
        self.embedding = 4 * c
        self.time_embed = nn.Sequential(
            nn.Linear(c, self.embedding), nn.SiLU(), nn.Linear(self.embedding, self.embedding)
        )
        self.input_blocks = nn.ModuleList([Block(nn.Conv2d(1, c, 3, padding=1))])
        self.skips = [c]
        self.factor = 1
        width = c
        for level, multiplier in enumerate(shape.multipliers):
            for _ in range(shape.blocks):
                layers: list[nn.Module] = [Residual(width, multiplier * c, self.embedding)]
                width = multiplier * c
                if self.factor in shape.attention:
                    layers.append(AttentionBlock(width, shape.head_channels))
                self.add(layers, width)
            if level + 1 < len(shape.multipliers):
                down = Residual(width, width, self.embedding, True) if pooling else Stride(width)
                self.add([down], width)
                self.factor *= 2
        self.width = width
        self.middle_block = Block(
            Residual(width, width, self.embedding),
            AttentionBlock(width, shape.head_channels),
            Residual(width, width, self.embedding),
        )

    def add(self, layers: list[nn.Module], width: int) -> None:
        self.input_blocks.append(Block(*layers))
        self.skips.append(width)

    def time(self, t: Tensor) -> Tensor:
        return self.time_embed(sinusoid(t, self.shape.channels))

    def encode(self, x: Tensor, embedding: Tensor) -> tuple[Tensor, list[Tensor]]:
        outputs = []
        for block in self.input_blocks:
            x = block(x, embedding)
            outputs.append(x)
        return self.middle_block(x, embedding), outputs


class SliceClassifier(Encoder):
    def __init__(self, shape: UnetShape, classes: int = 2) -> None:
        super().__init__(shape, pooling=True)
        places = (shape.image // self.factor) ** 2
        self.out = nn.Sequential(
            group_norm(self.width),
            nn.SiLU(),
            AttentionPool(places, self.width, shape.head_channels, classes),
        )

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """(B, 1, S, S), (B) -> logits (B, classes)."""
        return self.out(self.encode(x, self.time(t))[0])


class DiffusionUnet(Encoder):
    def __init__(self, shape: UnetShape, classes: int = 2) -> None:
        super().__init__(shape, pooling=False)
        c, skips, width = shape.channels, list(self.skips), self.width
        self.label_emb = nn.Embedding(classes, self.embedding)
        self.output_blocks = nn.ModuleList()
        for level, multiplier in reversed(list(enumerate(shape.multipliers))):
            for i in range(shape.blocks + 1):
                layers: list[nn.Module] = [
                    Residual(width + skips.pop(), multiplier * c, self.embedding)
                ]
                width = multiplier * c
                if level > 0 and i == shape.blocks:
                    layers.append(Upsample(width))
                self.output_blocks.append(Block(*layers))
        self.out = nn.Sequential(
            group_norm(width), nn.SiLU(), zeroed(nn.Conv2d(width, 2, 3, padding=1))
        )

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """(B, 1, S, S), (B), (B) -> (B, 2, S, S): noise and variance coefficient."""
        embedding = self.time(t) + self.label_emb(label)
        x, outputs = self.encode(x, embedding)
        for block in self.output_blocks:
            x = block(torch.cat([x, outputs.pop()], dim=1), embedding)
        return self.out(x)
