"""The language model: a Llama in one file. RMSNorm, rotary positions, SiLU-gated feed-forward, no biases.

Written to be read and to be exported: :func:`Llama.tensors` gives Hugging Face's names, and nzip's exact
integer engine runs what comes out. Sizes are counted as the field counts them, without embedding and output
layer, because the vocabulary is what is being compared; the cost of the output layer is counted in
:meth:`Shape.flops`.

Concession: every sequence starts from an empty context, and generation reads its whole context again for each
token."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from nzip.training.attention import causal_attention
from tokenizers_lab.errors import LabError

SIZES = {
    "tiny": (2, 32, 2, 96),
    "100k": (3, 64, 2, 128),
    "1M": (5, 128, 2, 352),
    "4M": (5, 256, 4, 704),
    "25M": (8, 512, 8, 1376),
}
"""Name → layers, width, heads, hidden size of the feed-forward."""


@dataclass(frozen=True)
class Shape:
    """``vocabulary`` counts the dataset's ids, the end of sequence among them; ``context`` is in tokens."""

    layers: int
    width: int
    heads: int
    hidden: int
    vocabulary: int
    context: int = 512
    theta: float = 10000.0
    eps: float = 1e-5

    @classmethod
    def named(cls, size: str, vocabulary: int, context: int = 512) -> Shape:
        """One of :data:`SIZES`. Raises :class:`LabError` for other names."""
        if size not in SIZES:
            raise LabError(f"size {size!r}: known are {', '.join(SIZES)}")
        return cls(*SIZES[size], vocabulary, context)

    def __post_init__(self):
        counts = (self.layers, self.width, self.heads, self.hidden, self.vocabulary, self.context)
        if not all(type(n) is int and 0 < n < 1 << 31 for n in counts) or self.context > 1 << 20:
            raise LabError(f"a model's sizes are whole numbers above 0, its context 2**20 at most: {counts}")
        if not all(math.isfinite(x) and x > 0 for x in (self.theta, self.eps)):
            raise LabError(f"theta {self.theta} and eps {self.eps} must be numbers above 0")
        if self.width % self.heads or self.width // self.heads % 16 or self.width % 32 or self.hidden % 32:
            raise LabError(
                f"width {self.width} and hidden size {self.hidden} must be multiples of 32, and each of "
                f"{self.heads} heads one of 16"
            )
        if self.context < 2 or self.vocabulary < 2 or self.layers < 1:
            raise LabError("a model needs a layer, a context of two tokens and a vocabulary of two")

    @property
    def parameters(self) -> int:
        """Without embedding and output layer."""
        return self.layers * (4 * self.width**2 + 3 * self.width * self.hidden + 2 * self.width) + self.width

    def weights(self) -> dict[str, tuple[int, ...]]:
        """The shapes of a model's weights by their names in :class:`Llama`."""
        w = self.width
        out: dict[str, tuple[int, ...]] = {"embed.weight": (self.vocabulary, w)}
        parts: dict[str, tuple[int, ...]] = {
            "before": (w,),
            "between": (w,),
            "qkv": (3 * w, w),
            "out": (w, w),
        }
        parts |= {"gate_up": (2 * self.hidden, w), "down": (w, self.hidden)}
        for i in range(self.layers):
            out |= {f"layers.{i}.{name}.weight": shape for name, shape in parts.items()}
        return {**out, "norm.weight": (w,), "head.weight": (self.vocabulary, w)}

    @property
    def head_parameters(self) -> int:
        """Of the output layer alone."""
        return self.vocabulary * self.width

    def flops(self, output: bool = True) -> float:
        """Of one token forward: two for each weight, attention over half the context on average; ``output``:
        with the output layer, which a larger vocabulary pays for. Training costs three times this."""
        attention = 4 * self.layers * self.width * (self.context / 2)
        return 2 * self.parameters + attention + (2 * self.head_parameters if output else 0)

    def json(self) -> dict:
        return asdict(self)


class Block(nn.Module):
    """Attention and feed-forward, each added to the stream behind a norm."""

    def __init__(self, s: Shape):
        super().__init__()
        self.heads = s.heads
        self.before, self.between = nn.RMSNorm(s.width, s.eps), nn.RMSNorm(s.width, s.eps)
        self.qkv, self.out = (
            nn.Linear(s.width, 3 * s.width, bias=False),
            nn.Linear(s.width, s.width, bias=False),
        )
        self.gate_up, self.down = (
            nn.Linear(s.width, 2 * s.hidden, bias=False),
            nn.Linear(s.hidden, s.width, bias=False),
        )

    def forward(self, x, cos, sin):
        b, t, width = x.shape
        q, k, v = self.qkv(self.before(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = causal_attention(rotated(q, cos, sin), rotated(k, cos, sin), v)
        x = x + self.out(seen.transpose(1, 2).reshape(b, t, width))
        gate, up = self.gate_up(self.between(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


def rotated(x, cos, sin):
    """Turn the pairs (i, i + half) of each head by their angles, as Hugging Face keeps them."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x.dtype)


class Llama(nn.Module):
    """``model(tokens)``: int64 (batch, time ≤ context) → logits (batch, time, vocabulary). ``model(tokens,
    targets)``, int64 of the same shape → the sum of their losses in nats; a target of -100 has none."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = s = shape
        self.embed = nn.Embedding(s.vocabulary, s.width)
        self.layers = nn.ModuleList(Block(s) for _ in range(s.layers))
        self.norm = nn.RMSNorm(s.width, s.eps)
        self.head = nn.Linear(s.width, s.vocabulary, bias=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                inward = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / (2 * s.layers) ** 0.5 if inward else 0.02)
        half = s.width // s.heads // 2
        angles = torch.arange(s.context)[:, None] * s.theta ** (-torch.arange(half) / half)
        self.cos: torch.Tensor
        self.sin: torch.Tensor
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def hidden(self, tokens):
        """What the output layer reads: (batch, time, width)."""
        x = self.embed(tokens)
        cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)

    def forward(self, tokens, targets=None):
        logits = self.head(self.hidden(tokens))
        if targets is None:
            return logits
        return F.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), reduction="sum"
        )  # in here, so that compiling fuses it

    def tensors(self) -> dict[str, torch.Tensor]:
        """Float32 tensors on the CPU by Hugging Face's Llama names."""
        found = {
            "model.embed_tokens.weight": self.embed.weight,
            "model.norm.weight": self.norm.weight,
            "lm_head.weight": self.head.weight,
        }
        for i, layer in enumerate(cast("list[Block]", self.layers)):
            b = f"model.layers.{i}."
            for name, part in zip(("q_proj", "k_proj", "v_proj"), layer.qkv.weight.chunk(3)):
                found[f"{b}self_attn.{name}.weight"] = part
            gate, up = layer.gate_up.weight.chunk(2)
            found |= {
                b + "self_attn.o_proj.weight": layer.out.weight,
                b + "mlp.gate_proj.weight": gate,
                b + "mlp.up_proj.weight": up,
                b + "mlp.down_proj.weight": layer.down.weight,
                b + "input_layernorm.weight": layer.before.weight,
                b + "post_attention_layernorm.weight": layer.between.weight,
            }
        return {name: t.detach().float().cpu().clone() for name, t in found.items()}
