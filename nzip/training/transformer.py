"""A byte-level Llama in torch, as it is trained for the expert ``transformer``: M1 of "Training LLMs over
Neurally Compressed Text" (Lester et al. 2024) in size, Llama blocks so that the exact engine runs it.

RMSNorm, rotary positions, SiLU-gated feed-forward, no biases; float32 master weights, bfloat16 products
(float32 ones where ``mixed`` is off). The file is one safetensors file with Hugging Face's tensor names and
the shape in its metadata.

Concession: each span is read from an empty context, so a span must be as long as the context that is wanted.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from nzip.predictors.llama.model import Shape
from nzip.predictors.llama.packed import GROUP
from nzip.predictors.transformer.byte_file import ByteFile, read, write
from nzip.training.attention import causal_attention
from nzip.training.llama_cells import Gate, Norm, Rotate

REACH = 1024


def shape_of(width: int | None = None, layers: int | None = None) -> Shape:
    """A byte-level shape: by default width 256, 4 heads, 3 layers, 2.4 million parameters."""
    width = width or 256
    hidden = width * 5 // 64 * 32
    return Shape(
        layers=layers or 3,
        width=width,
        heads=width // 64,
        kv_heads=width // 64,
        head_size=64,
        hidden=hidden,
        vocabulary=256,
        theta=10000.0,
        eps=1e-5,
    ).check("the transformer")


class Llama(nn.Module):
    """Next-byte logits. ``forward(bytes (b, t) int64, None, None)``."""

    reach = REACH

    def __init__(self, shape: Shape, mixed: bool = True):
        super().__init__()
        self.shape, self.mixed = shape, mixed
        s, std = shape, 1 / math.sqrt(shape.width)
        self.embed = nn.Parameter(torch.randn(s.vocabulary, s.width) * 0.5)
        self.head = nn.Parameter(torch.randn(s.vocabulary, s.width) * 0.3 * std)
        self.norm = nn.Parameter(torch.ones(s.width))
        own = s.heads * s.head_size
        rows = {
            "qkv": (3 * own, s.width),
            "out": (s.width, own),
            "gate_up": (2 * s.hidden, s.width),
            "down": (s.width, s.hidden),
        }
        shrink = {"out": 1 / math.sqrt(2 * s.layers), "down": 1 / math.sqrt(2 * s.layers)}
        self.layers = nn.ModuleList(
            nn.ParameterDict({
                **{
                    name: nn.Parameter(torch.randn(size) / math.sqrt(size[1]) * shrink.get(name, 1))
                    for name, size in rows.items()
                },
                "before": nn.Parameter(torch.ones(s.width)),
                "between": nn.Parameter(torch.ones(s.width)),
            })
            for _ in range(s.layers)
        )  # fmt: skip

    def blocks(self) -> list[nn.ParameterDict]:
        """The layers' parameters: ``qkv``, ``out``, ``gate_up``, ``down``, and the norms ``before`` and
        ``between``."""
        return [layer for layer in self.layers if isinstance(layer, nn.ParameterDict)]

    def start(self, lanes: int) -> None:
        """No state: see the concession."""

    words = None  # it reads raw text

    def hashes(self, lanes: int) -> None:
        """No tables."""

    def rows(self, streams: np.ndarray, hashes: None) -> None:
        """No tables."""

    def table_parameters(self) -> list[nn.Parameter]:
        """None."""
        return []

    def matrix_parameters(self) -> int:
        """Weights that every byte is multiplied with."""
        return sum(p.numel() for n, p in self.named_parameters() if p.dim() == 2 and n != "embed")

    def _angles(self, t: int) -> tuple[torch.Tensor, torch.Tensor]:
        half = self.shape.head_size // 2
        angles = torch.arange(t)[:, None] * self.shape.theta ** (-torch.arange(half) / half)
        return angles.cos(), angles.sin()

    def forward(self, symbols, rows, states):
        """See the class; without ``mixed`` by :meth:`plain`."""
        if not self.mixed:
            return self.plain(symbols)
        s, (b, t), eps = self.shape, symbols.shape, self.shape.eps
        cos, sin = self._angles(t)

        def product(x, weight):
            return nn.functional.linear(x, weight.bfloat16())

        x = self.embed[symbols]
        for layer in self.blocks():
            qkv = product(Norm.apply(x, layer["before"], eps), layer["qkv"]).view(
                b, t, 3, s.heads, s.head_size
            )
            seen = causal_attention(*Rotate.apply(qkv, cos, sin))
            x = x + product(seen.transpose(1, 2).reshape(b, t, -1), layer["out"])
            x = x + product(
                Gate.apply(product(Norm.apply(x, layer["between"], eps), layer["gate_up"])), layer["down"]
            )
        return product(Norm.apply(x, self.norm, eps), self.head).float()

    def plain(self, symbols) -> torch.Tensor:
        """The network as it is written in papers, in float32: what :meth:`forward` computes with fewer digits
        and passes."""
        s, (b, t) = self.shape, symbols.shape
        cos, sin = (angles[None, :, None] for angles in self._angles(t))
        half = s.head_size // 2

        def norm(x, weight):
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + s.eps) * weight

        def rotated(x):  # the pairs (i, i + half), as Hugging Face keeps them
            a, c = x[..., :half], x[..., half:]
            return torch.cat([a * cos - c * sin, c * cos + a * sin], dim=-1)

        x = self.embed[symbols]
        for layer in self.blocks():
            q, k, v = (
                (norm(x, layer["before"]) @ layer["qkv"].T).view(b, t, 3, s.heads, s.head_size).unbind(2)
            )
            seen = causal_attention(
                *(part.transpose(1, 2).contiguous() for part in (rotated(q), rotated(k), v))
            )
            x = x + seen.transpose(1, 2).reshape(b, t, -1) @ layer["out"].T
            gate, up = (norm(x, layer["between"]) @ layer["gate_up"].T).chunk(2, dim=-1)
            x = x + (nn.functional.silu(gate) * up) @ layer["down"].T
        return norm(x, self.norm) @ self.head.T


def tensors_of(net: Llama) -> dict[str, torch.Tensor]:
    """Float32 tensors by Hugging Face's names."""
    own = net.shape.heads * net.shape.head_size
    found = {
        "model.embed_tokens.weight": net.embed,
        "lm_head.weight": net.head,
        "model.norm.weight": net.norm,
    }
    for i, layer in enumerate(net.blocks()):
        b = f"model.layers.{i}."
        q, k, v = layer["qkv"].split(own)
        gate, up = layer["gate_up"].chunk(2)
        found |= {
            b + "self_attn.q_proj.weight": q,
            b + "self_attn.k_proj.weight": k,
            b + "self_attn.v_proj.weight": v,
            b + "self_attn.o_proj.weight": layer["out"],
            b + "mlp.gate_proj.weight": gate,
            b + "mlp.up_proj.weight": up,
            b + "mlp.down_proj.weight": layer["down"],
            b + "input_layernorm.weight": layer["before"],
            b + "post_attention_layernorm.weight": layer["between"],
        }
    return {name: tensor.detach().float().contiguous() for name, tensor in found.items()}


def from_file(path) -> tuple[Llama, dict]:
    """The network in an expert's file, to train it on, and what the file was made from. Raises
    :class:`NzipError`."""
    weights, made = read(path)
    net, file = Llama(weights.shape), ByteFile(path)
    for name, tensor in tensors_of(net).items():  # in the network's own memory: nothing was copied on the way
        name, size = name.removesuffix(".weight"), tuple(tensor.shape)
        if name == "model.embed_tokens":
            codes, scale = file.embedding(name, *size)
            values = (codes.reshape(len(codes), -1, GROUP) * scale[:, :, None]).reshape(size)
        else:
            values = (
                file.matrix(name, *size).dequantise() if len(size) == 2 else file.get(name + ".weight", size)
            )
        tensor.copy_(torch.from_numpy(np.array(values, np.float32)))
    return net, made


def export(net: Llama, made: dict) -> bytes:
    """The expert's file (:mod:`nzip.predictors.transformer.byte_file`)."""
    tensors = {name: tensor.numpy() for name, tensor in tensors_of(net).items()}
    return write(net.shape, made, tensors)
