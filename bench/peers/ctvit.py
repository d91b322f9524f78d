"""CT-ViT of CT-CLIP for the peers: prepared volume -> codebook indices.

Written from the description in tests/golden/ctclip_tiny/README.md in the form that suits the peers
best: the position bias and unit codebook are computed once, patches are one linear layer, attention
is the framework's own fused operator, and codes are compared a frame at a time.
"""

import torch
from torch import nn
from torch.nn import functional as F

HEADS = 8
SCORE_SCALE = 8.0


def position_bias(weights, prefix, height, width):
    """(heads, h*w, h*w): a small network's answer for every offset between two places."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([rows.flatten(), columns.flatten()], -1).float()
    offsets = places[:, None] - places[None]
    x = offsets.sign() * torch.log(offsets.abs() + 1)
    for name in ("net.0.0", "net.1.0"):
        x = F.leaky_relu(F.linear(x, weights[f"{prefix}.{name}.weight"], weights[f"{prefix}.{name}.bias"]), 0.1)
    x = F.linear(x, weights[f"{prefix}.net.2.weight"], weights[f"{prefix}.net.2.bias"])
    return x.permute(2, 0, 1).contiguous()


class Block(nn.Module):
    """x += PEG(x); x += attention(x); x += feed-forward(x)."""

    def __init__(self, weights, prefix):
        super().__init__()
        self.weights = nn.ParameterDict()
        for short, name in {
            "peg": "0.dsconv.weight", "peg_bias": "0.dsconv.bias",
            "gamma": "1.norm.gamma", "beta": "1.norm.beta", "to_q": "1.to_q.weight",
            "to_kv": "1.to_kv.weight", "q_scale": "1.q_scale", "k_scale": "1.k_scale",
            "to_out": "1.to_out.weight", "norm": "3.0.weight", "norm_bias": "3.0.bias",
            "up": "3.1.weight", "down": "3.4.weight",
        }.items():
            self.weights[short] = nn.Parameter(weights[f"{prefix}.{name}"].clone(), False)

    def forward(self, x, grid, bias):
        w = self.weights
        sequences, length, dim = x.shape
        # The temporal transformer, too, reads its memory as if it were (T, H, W, D).
        image = x.reshape(1, *grid, dim).permute(0, 4, 1, 2, 3)
        image = F.conv3d(F.pad(image, (1, 1, 1, 1, 2, 0)), w["peg"], w["peg_bias"], groups=dim)
        x = x + image.permute(0, 2, 3, 4, 1).reshape(sequences, length, dim)

        def heads(y):
            return y.reshape(sequences, length, HEADS, -1).transpose(1, 2)

        q = heads(F.linear(F.layer_norm(x, (dim,), w["gamma"], w["beta"]), w["to_q"]))
        k, v = (heads(part) for part in F.linear(x, w["to_kv"]).chunk(2, -1))
        q = F.normalize(q, dim=-1) * w["q_scale"]
        k = F.normalize(k, dim=-1) * w["k_scale"]
        mask = None if bias is None else bias.to(q.dtype)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=SCORE_SCALE)
        x = x + F.linear(y.transpose(1, 2).reshape(sequences, length, -1), w["to_out"])

        up, gate = F.linear(F.layer_norm(x, (dim,), w["norm"], w["norm_bias"]), w["up"]).chunk(2, -1)
        return x + F.linear(F.gelu(gate) * up, w["down"])


class Transformer(nn.Module):
    def __init__(self, weights, prefix):
        super().__init__()
        depth = 0
        while f"{prefix}.layers.{depth}.1.to_q.weight" in weights:
            depth += 1
        self.blocks = nn.ModuleList(Block(weights, f"{prefix}.layers.{i}") for i in range(depth))
        self.gamma = nn.Parameter(weights[f"{prefix}.norm_out.gamma"].clone(), False)
        self.beta = nn.Parameter(weights[f"{prefix}.norm_out.beta"].clone(), False)

    def forward(self, x, grid, bias=None):
        for block in self.blocks:
            x = block(x, grid, bias)
        return F.layer_norm(x, x.shape[-1:], self.gamma, self.beta)


class CtVit(nn.Module):
    """volume (1, 240, 480, 480) -> indices (T, h*w)."""

    def __init__(self, weights, patch=(10, 20, 20), grid=(24, 24, 24), prefix="visual_transformer"):
        super().__init__()
        weights = {name.removeprefix(prefix + "."): value.float()
                   for name, value in weights.items() if name.startswith(prefix + ".")}
        self.patch, self.grid = patch, grid
        for name in ("1.weight", "1.bias", "2.weight", "2.bias", "3.weight", "3.bias"):
            self.register_parameter("embed_" + name.replace(".", "_"),
                                    nn.Parameter(weights[f"to_patch_emb.{name}"].clone(), False))
        self.register_buffer("bias", position_bias(weights, "spatial_rel_pos_bias", *grid[1:])[None])
        self.spatial = Transformer(weights, "enc_spatial_transformer")
        self.temporal = Transformer(weights, "enc_temporal_transformer")
        codebook = F.normalize(weights["vq._codebook.embed"][0], dim=-1)
        self.register_buffer("codebook", codebook)

    def forward(self, volume):
        (t, h, w), (frames, side, _) = self.grid, self.patch
        x = volume.reshape(t, frames, h, side, w, side).permute(0, 2, 4, 1, 3, 5).reshape(t, h * w, -1)
        x = F.layer_norm(x, x.shape[-1:], self.embed_1_weight, self.embed_1_bias)
        x = F.linear(x, self.embed_2_weight, self.embed_2_bias)
        x = F.layer_norm(x, x.shape[-1:], self.embed_3_weight, self.embed_3_bias)
        x = self.spatial(x, self.grid, self.bias)
        x = self.temporal(x.transpose(0, 1).contiguous(), self.grid).transpose(0, 1)
        # Of unit tokens and not: the length of a token does not change which code is the nearest.
        return torch.stack([F.linear(frame, self.codebook).argmax(-1) for frame in x.unbind(0)])
