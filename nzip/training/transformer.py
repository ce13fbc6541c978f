"""A byte-level Llama in torch, as it is trained for the expert ``transformer``: M1 of "Training LLMs over Neurally
Compressed Text" (Lester et al. 2024) in size, Llama blocks so that the exact engine runs it.

RMSNorm, rotary positions, SiLU-gated feed-forward, no biases; float32 master weights, bfloat16 products. The file is
one safetensors file with Hugging Face's tensor names and the shape in its metadata.

Concession: each span is read from an empty context, so a span must be as long as the context that is wanted.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from nzip.predictors.transformer.byte_file import write
from nzip.predictors.transformer.model import Shape

REACH = 1024


def shape_of(width: int | None = None, layers: int | None = None) -> Shape:
    """A byte-level shape: by default width 256, 4 heads, 3 layers, 2.4 million parameters."""
    width = width or 256
    hidden = width * 5 // 64 * 32
    return Shape(layers=layers or 3, width=width, heads=width // 64, kv_heads=width // 64, head_size=64, hidden=hidden,
                 vocabulary=256, theta=10000.0, eps=1e-5).check("the transformer")


class Llama(nn.Module):
    """Next-byte logits. ``forward(bytes (b, t) int64, None, None)``."""

    reach = REACH

    def __init__(self, shape: Shape, half: bool = True):
        super().__init__()
        self.shape, self.half = shape, half
        s, std = shape, 1 / math.sqrt(shape.width)
        self.embed = nn.Parameter(torch.randn(s.vocabulary, s.width) * 0.5)
        self.head = nn.Parameter(torch.randn(s.vocabulary, s.width) * 0.3 * std)
        self.norm = nn.Parameter(torch.ones(s.width))
        own = s.heads * s.head_size
        rows = {
            "qkv": (3 * own, s.width), "out": (s.width, own), "gate_up": (2 * s.hidden, s.width), "down": (s.width, s.hidden),
        }  # fmt: skip
        shrink = {"out": 1 / math.sqrt(2 * s.layers), "down": 1 / math.sqrt(2 * s.layers)}
        self.layers = nn.ModuleList(
            nn.ParameterDict({
                **{n: nn.Parameter(torch.randn(r) / math.sqrt(r[1]) * shrink.get(n, 1)) for n, r in rows.items()},
                "before": nn.Parameter(torch.ones(s.width)), "between": nn.Parameter(torch.ones(s.width)),
            }) for _ in range(s.layers)
        )  # fmt: skip

    def start(self, lanes: int) -> None:
        """No state: see the concession."""

    def rows(self, streams: np.ndarray, hashes: np.ndarray) -> None:
        """No tables."""

    def table_parameters(self) -> list[nn.Parameter]:
        """None."""
        return []

    def matrix_parameters(self) -> int:
        """Weights that every byte is multiplied with."""
        return sum(p.numel() for n, p in self.named_parameters() if p.dim() == 2 and n != "embed")

    def _product(self, x, weight):
        if not self.half:
            return x @ weight.T
        return nn.functional.linear(x.bfloat16(), weight.bfloat16()).float()

    def _norm(self, x, weight):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.shape.eps) * weight

    def forward(self, symbols, rows, states):
        s, (b, t) = self.shape, symbols.shape
        half = s.head_size // 2
        angles = torch.arange(t)[:, None] * s.theta ** (-torch.arange(half) / half)
        cos, sin = angles.cos(), angles.sin()

        def rotated(x):  # the pairs (i, i + half), as Hugging Face keeps them
            a, c = x[..., :half], x[..., half:]
            return torch.cat([a * cos - c * sin, c * cos + a * sin], dim=-1)

        x = self.embed[symbols]
        for layer in self.layers:
            qkv = self._product(self._norm(x, layer["before"]), layer["qkv"]).view(b, t, 3, s.heads, s.head_size)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            kind = torch.bfloat16 if self.half else torch.float32
            q, k, v = rotated(q).to(kind), rotated(k).to(kind), v.to(kind)
            seen = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self._product(seen.float().transpose(1, 2).reshape(b, t, -1), layer["out"])
            gate, up = self._product(self._norm(x, layer["between"]), layer["gate_up"]).chunk(2, dim=-1)
            x = x + self._product(nn.functional.silu(gate) * up, layer["down"])
        return self._product(self._norm(x, self.norm), self.head)


def tensors_of(net: Llama) -> dict[str, torch.Tensor]:
    """Float32 tensors by Hugging Face's names."""
    own = net.shape.heads * net.shape.head_size
    found = {"model.embed_tokens.weight": net.embed, "lm_head.weight": net.head, "model.norm.weight": net.norm}
    for i, layer in enumerate(net.layers):
        b = f"model.layers.{i}."
        q, k, v = layer["qkv"].split(own)
        gate, up = layer["gate_up"].chunk(2)
        found |= {
            b + "self_attn.q_proj.weight": q, b + "self_attn.k_proj.weight": k, b + "self_attn.v_proj.weight": v,
            b + "self_attn.o_proj.weight": layer["out"], b + "mlp.gate_proj.weight": gate, b + "mlp.up_proj.weight": up,
            b + "mlp.down_proj.weight": layer["down"], b + "input_layernorm.weight": layer["before"],
            b + "post_attention_layernorm.weight": layer["between"],
        }  # fmt: skip
    return {name: tensor.detach().float().contiguous() for name, tensor in found.items()}


def export(net: Llama, made: dict) -> bytes:
    """The expert's file (:mod:`nzip.predictors.transformer.byte_file`)."""
    tensors = {name: tensor.numpy() for name, tensor in tensors_of(net).items()}
    return write(net.shape, made, tensors)
