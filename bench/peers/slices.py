"""The anomaly detector's slice classifier for the peers: slices (N, 1, 256, 256) -> logits (N, 2).

Written from the description in tests/golden/diffusion_classifier_tiny/README.md; the time step is
always 0, so the time embedding's part in every block is computed once.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

HEAD_SIZE = 64


def time_embedding(weights, channels, t=0):
    half = channels // 2
    angles = t * torch.exp(-math.log(10000) * torch.arange(half) / half)
    x = torch.cat([angles.cos(), angles.sin()])
    x = F.linear(x, weights["time_embed.0.weight"], weights["time_embed.0.bias"])
    x = F.linear(F.silu(x), weights["time_embed.2.weight"], weights["time_embed.2.bias"])
    return F.silu(x)


def convolution(weights, name):
    """A convolution with these weights; a kernel of one axis becomes one of two."""
    weight = weights[name + ".weight"]
    weight = weight[..., None] if weight.dim() == 3 else weight
    out, into, side, _ = weight.shape
    layer = nn.Conv2d(into, out, side, padding=side // 2)
    layer.weight.data, layer.bias.data = weight.clone(), weights[name + ".bias"].clone()
    return layer


def group_norm(weight, bias):
    layer = nn.GroupNorm(32, len(weight))
    layer.weight.data, layer.bias.data = weight.clone(), bias.clone()
    return layer


class Residual(nn.Module):
    def __init__(self, weights, name, embedding, down):
        super().__init__()
        self.down = down
        self.norm_1 = group_norm(weights[name + ".in_layers.0.weight"], weights[name + ".in_layers.0.bias"])
        self.convolve_1 = convolution(weights, name + ".in_layers.2")
        scale, shift = F.linear(embedding, weights[name + ".emb_layers.1.weight"],
                                weights[name + ".emb_layers.1.bias"]).chunk(2)
        weight, bias = weights[name + ".out_layers.0.weight"], weights[name + ".out_layers.0.bias"]
        # norm(h) (1 + scale) + shift is a norm with other weights.
        self.norm_2 = group_norm(weight * (1 + scale), bias * (1 + scale) + shift)
        self.convolve_2 = convolution(weights, name + ".out_layers.3")
        skip = name + ".skip_connection"
        self.skip = convolution(weights, skip) if skip + ".weight" in weights else nn.Identity()

    def forward(self, x):
        h = F.silu(self.norm_1(x))
        if self.down:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        h = self.convolve_2(F.silu(self.norm_2(self.convolve_1(h))))
        return h + self.skip(x)


class Attention(nn.Module):
    """Of all places of an image to all; qkv is split by head first."""

    def __init__(self, weights, name):
        super().__init__()
        self.norm = group_norm(weights[name + ".norm.weight"], weights[name + ".norm.bias"])
        self.qkv = convolution(weights, name + ".qkv")
        self.out = convolution(weights, name + ".proj_out")

    def forward(self, x):
        count, channels, height, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(count, channels // HEAD_SIZE, 3, HEAD_SIZE, height * width)
        q, k, v = qkv.transpose(-1, -2).unbind(2)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(y.transpose(-1, -2).reshape(count, channels, height, width))


class Pool(nn.Module):
    """Attention of the mean over all places to every place."""

    def __init__(self, weights, name):
        super().__init__()
        self.place = nn.Parameter(weights[name + ".positional_embedding"].clone(), False)
        self.qkv = nn.Parameter(weights[name + ".qkv_proj.weight"][..., 0].clone(), False)
        self.qkv_bias = nn.Parameter(weights[name + ".qkv_proj.bias"].clone(), False)
        self.out = nn.Parameter(weights[name + ".c_proj.weight"][..., 0].clone(), False)
        self.out_bias = nn.Parameter(weights[name + ".c_proj.bias"].clone(), False)

    def forward(self, x):
        count, channels = x.shape[:2]
        x = x.flatten(2)
        x = (torch.cat([x.mean(-1, keepdim=True), x], -1) + self.place).transpose(1, 2)
        qkv = F.linear(x, self.qkv, self.qkv_bias)
        q, k, v = qkv.reshape(count, -1, 3, channels // HEAD_SIZE, HEAD_SIZE).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q[:, :, :1], k, v)
        return F.linear(y.reshape(count, channels), self.out, self.out_bias)


class SliceClassifier(nn.Module):
    def __init__(self, weights):
        super().__init__()
        weights = {name: value.float() for name, value in weights.items()}
        stem = convolution(weights, "input_blocks.0.0")
        embedding = time_embedding(weights, stem.out_channels)
        layers = [stem]
        count = sum(name.endswith("in_layers.2.weight") and name.startswith("input_blocks")
                    for name in weights)
        levels = 1 + round(math.log2(256 / math.sqrt(weights["out.2.positional_embedding"].shape[-1] - 1)))
        for i in range(1, count + 1):
            layers.append(Residual(weights, f"input_blocks.{i}.0", embedding, i % ((count + 1) // levels) == 0))
            if f"input_blocks.{i}.1.norm.weight" in weights:
                layers.append(Attention(weights, f"input_blocks.{i}.1"))
        layers += [Residual(weights, "middle_block.0", embedding, False), Attention(weights, "middle_block.1"),
                   Residual(weights, "middle_block.2", embedding, False)]
        self.body = nn.Sequential(*layers, group_norm(weights["out.0.weight"], weights["out.0.bias"]), nn.SiLU())
        self.pool = Pool(weights, "out.2")

    def forward(self, slices):
        return self.pool(self.body(slices))
