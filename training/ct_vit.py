"""CT-ViT, the image encoder of CT-CLIP (arXiv:2403.17834), with the reference's tensor names.

Quirks that trained weights rely on are kept: keys and values come from the un-normalised stream, and
the temporal transformer's position generator reads the memory of ((h w), t, D) as (T, H, W, D).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-5
SCORE_SCALE = 8


@dataclass(frozen=True)
class VitShape:
    """Sizes of a CT-ViT. Axes of a volume: (frames, height, width)."""

    frames: int
    height: int
    width: int
    patch_frames: int
    patch: int
    dim: int
    codes: int
    depth: int
    temporal_depth: int
    heads: int
    dim_head: int

    @property
    def grid(self) -> tuple[int, int, int]:
        return (self.frames // self.patch_frames, self.height // self.patch, self.width // self.patch)

    @property
    def tokens(self) -> int:
        t, h, w = self.grid
        return t * h * w

    @property
    def embedding_size(self) -> int:
        _, h, w = self.grid
        return h * w * self.dim


class Linear(nn.Linear):
    """In bfloat16 while it trains, which is more than twice as fast; the residual stream stays float32."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        bias = None if self.bias is None else self.bias.bfloat16()
        return F.linear(x.bfloat16(), self.weight.bfloat16(), bias)


class TokenNorm(nn.LayerNorm):
    """LayerNorm in float32 of whatever comes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float())


class Norm(nn.Module):
    """LayerNorm whose parameters are called gamma and beta; beta is a buffer that stays 0."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))
        self.register_buffer("beta", torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.gamma, self.beta, EPSILON)


class PositionGenerator(nn.Module):
    """Depthwise 3x3x3 convolution over the token grid, causal along its first axis."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dsconv = nn.Conv3d(dim, dim, 3, groups=dim)
        nn.init.zeros_(self.dsconv.weight)
        nn.init.zeros_(self.dsconv.bias)

    def forward(self, x: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """x (B * tokens of any order, D), read as (B, T, H, W, D)."""
        t, h, w = grid
        image = x.reshape(-1, t, h, w, x.shape[-1]).permute(0, 4, 1, 2, 3)
        image = F.pad(image, (1, 1, 1, 1, 2, 0))
        return self.dsconv(image).permute(0, 2, 3, 4, 1).reshape(x.shape)


class Attention(nn.Module):
    """Cosine attention; only the query sees the LayerNorm."""

    def __init__(self, dim: int, heads: int, dim_head: int) -> None:
        super().__init__()
        inner = heads * dim_head
        self.heads = heads
        self.norm = Norm(dim)
        self.q_scale = nn.Parameter(torch.ones(dim_head))
        self.k_scale = nn.Parameter(torch.ones(dim_head))
        self.to_q = Linear(dim, inner, bias=False)
        self.to_kv = Linear(dim, 2 * inner, bias=False)
        self.to_out = Linear(inner, dim, bias=False)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x (sequences, length, D); bias (heads, length, length)."""
        q = self.split(self.to_q(self.norm(x)))
        k, v = (self.split(part) for part in self.to_kv(x).chunk(2, dim=-1))
        q = (F.normalize(q.float(), dim=-1) * (SCORE_SCALE * self.q_scale)).to(v.dtype)
        k = (F.normalize(k.float(), dim=-1) * self.k_scale).to(v.dtype)
        scores = (q @ k.transpose(-1, -2)).float()
        if bias is not None:
            scores = scores + bias
        out = scores.softmax(dim=-1).to(v.dtype) @ v
        return self.to_out(out.transpose(1, 2).flatten(2))


class Gate(nn.Module):
    """Second half of the channels gates the first: gelu(g) * u."""

    def forward(self, x: Tensor) -> Tensor:
        u, g = x.chunk(2, dim=-1)
        return F.gelu(g) * u


def feed_forward(dim: int) -> nn.Sequential:
    inner = dim * 4 * 2 // 3
    return nn.Sequential(
        nn.LayerNorm(dim, EPSILON),
        Linear(dim, 2 * inner, bias=False),
        Gate(),
        nn.Identity(),
        Linear(inner, dim, bias=False),
    )


class Transformer(nn.Module):
    def __init__(self, shape: VitShape, depth: int) -> None:
        super().__init__()
        self.grid = shape.grid
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    PositionGenerator(shape.dim),
                    Attention(shape.dim, shape.heads, shape.dim_head),
                    nn.Identity(),
                    feed_forward(shape.dim),
                ]
            )
            for _ in range(depth)
        )
        self.norm_out = Norm(shape.dim)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x (sequences, length, D), sequences of one volume behind one another."""
        for position, attention, _, feed in self.layers:
            x = position(x, self.grid) + x
            x = attention(x, bias) + x
            x = feed(x) + x
        return self.norm_out(x)


class PositionBias(nn.Module):
    """Continuous relative position bias (arXiv:2111.09883) as CT-ViT has it."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.net = nn.ModuleList(
            [
                nn.ModuleList([nn.Linear(2, dim), nn.LeakyReLU(0.1)]),
                nn.ModuleList([nn.Linear(dim, dim), nn.LeakyReLU(0.1)]),
                nn.Linear(dim, heads),
            ]
        )

    def forward(self, height: int, width: int) -> Tensor:
        """(heads, h*w, h*w)."""
        down = torch.arange(1 - height, height, dtype=torch.float32)
        across = torch.arange(1 - width, width, dtype=torch.float32)
        offsets = torch.stack(torch.meshgrid(down, across, indexing="ij"), dim=-1)
        x = offsets.sign() * torch.log(offsets.abs() + 1)
        for linear, relu in self.net[:2]:
            x = relu(linear(x))
        table = self.net[2](x)
        i = torch.arange(height * width)
        rows = (i // width)[:, None] - (i // width)[None, :] + height - 1
        columns = (i % width)[:, None] - (i % width)[None, :] + width - 1
        return table[rows, columns].permute(2, 0, 1)


class Codebook(nn.Module):
    """Cosine codebook: a token becomes the stored row that is nearest in angle."""

    def __init__(self, codes: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("embed", F.normalize(torch.randn(1, codes, dim), dim=-1))

    def indices(self, tokens: Tensor) -> Tensor:
        """(..., D) -> (...)."""
        rows = F.normalize(self.embed[0], dim=-1)
        return (F.normalize(tokens, dim=-1) @ rows.t()).argmax(dim=-1)


class Quantiser(nn.Module):
    def __init__(self, codes: int, dim: int) -> None:
        super().__init__()
        self._codebook = Codebook(codes, dim)


class CtVit(nn.Module):
    def __init__(self, shape: VitShape) -> None:
        super().__init__()
        self.shape = shape
        values = shape.patch_frames * shape.patch**2
        self.to_patch_emb = nn.Sequential(
            nn.Identity(),
            nn.LayerNorm(values, EPSILON),
            Linear(values, shape.dim),
            TokenNorm(shape.dim, EPSILON),
        )
        self.spatial_rel_pos_bias = PositionBias(shape.dim, shape.heads)
        self.enc_spatial_transformer = Transformer(shape, shape.depth)
        self.enc_temporal_transformer = Transformer(shape, shape.temporal_depth)
        self.vq = Quantiser(shape.codes, shape.dim)

    def patches(self, volume: Tensor) -> Tensor:
        """(B, F, H, W) -> (B, T, h*w, values of a patch)."""
        t, h, w = self.shape.grid
        pt, p = self.shape.patch_frames, self.shape.patch
        x = volume.reshape(-1, t, pt, h, p, w, p).permute(0, 1, 3, 5, 2, 4, 6)
        return x.reshape(-1, t, h * w, pt * p * p)

    def forward(self, volume: Tensor) -> Tensor:
        """(B, F, H, W) in [-1, 1] -> tokens before quantisation (B, T, h*w, D)."""
        t, h, w = self.shape.grid
        x = self.to_patch_emb(self.patches(volume))
        x = self.enc_spatial_transformer(x.flatten(0, 1), self.spatial_rel_pos_bias(h, w))
        x = x.reshape(-1, t, h * w, x.shape[-1]).transpose(1, 2)
        x = self.enc_temporal_transformer(x.flatten(0, 1))
        return x.reshape(-1, h * w, t, x.shape[-1]).transpose(1, 2)
