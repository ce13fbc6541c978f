"""What a Llama-architecture model is, before anything is packed: its shape and its quantised weights.

Loaders (:mod:`.gguf_loader`, :mod:`.safetensors_loader`, :mod:`nzip.predictors.transformer.byte_file`) make a
:class:`Weights`; :class:`.engine.Engine` packs it for the kernels; :mod:`.twin` runs it as it stands.

Concession: one shape for all layers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nzip.errors import NzipError
from nzip.predictors.llama.packed import GROUP
from nzip.predictors.llama.quantised import QuantMatrix

MAX_VOCABULARY = 1 << 20


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama: ``width`` d_model, ``hidden`` the FFN's, ``theta`` RoPE's base, ``eps`` RMSNorm's."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_size: int
    hidden: int
    vocabulary: int
    theta: float
    eps: float

    def check(self, where: str) -> Shape:
        """Raise :class:`NzipError` with one line if the engine cannot run such a model."""
        wrong = None
        whole = (
            self.layers, self.width, self.heads, self.kv_heads, self.head_size, self.hidden, self.vocabulary,
        )  # fmt: skip
        if not all(type(n) is int and 0 < n < 1 << 31 for n in whole):
            wrong = f"sizes {str(whole)[:100]} that are no positive whole numbers"
        elif self.width % GROUP or self.hidden % GROUP or self.heads * self.head_size % GROUP:
            wrong = (
                f"width {self.width}, hidden {self.hidden} and heads*size {self.heads * self.head_size} "
                f"must be multiples of {GROUP}"
            )
        elif self.head_size % 16 or not 16 <= self.head_size <= 256:
            wrong = f"head size {self.head_size} is not a multiple of 16 up to 256"
        elif self.kv_heads < 1 or self.heads % self.kv_heads or self.heads // self.kv_heads > 32:
            wrong = f"{self.heads} heads cannot share {self.kv_heads} key-value heads"
        elif not (0 < self.layers <= 256 and 0 < self.width <= 1 << 15 and 0 < self.hidden <= 1 << 17):
            wrong = (
                f"{self.layers} layers of width {self.width} and hidden size {self.hidden} are out of range"
            )
        elif not 1 < self.vocabulary <= MAX_VOCABULARY:
            wrong = f"a vocabulary of {self.vocabulary} is out of range"
        elif not (1.0 <= self.theta < 1e12 and 0 < self.eps < 1):
            wrong = f"RoPE base {self.theta} or epsilon {self.eps} is out of range"
        if wrong:
            raise NzipError(f"{where}: not a model this engine runs: {wrong}")
        return self


@dataclass
class Weights:
    """Quantised weights. ``embedding`` int8 (V, width) times ``embedding_scale`` float32 (V, width/32);
    ``head`` (V, width); per layer ``qkv`` (heads*size + 2*kv*size, width) with the pairs that RoPE rotates
    adjacent, ``attention_out``, ``gate_up`` (2*hidden, width), ``down``; ``norms`` float32 (layers, 2,
    width)."""

    shape: Shape
    embedding: np.ndarray
    embedding_scale: np.ndarray
    head: QuantMatrix
    final_norm: np.ndarray
    norms: np.ndarray
    qkv: list[QuantMatrix] = field(default_factory=list)
    attention_out: list[QuantMatrix] = field(default_factory=list)
    gate_up: list[QuantMatrix] = field(default_factory=list)
    down: list[QuantMatrix] = field(default_factory=list)

    def reorder_vocabulary(self, order: np.ndarray) -> None:
        """Token i becomes what was token order[i] (the coders want the vocabulary sorted by its bytes)."""
        self.embedding = self.embedding[order]
        self.embedding_scale = self.embedding_scale[order]
        self.head = self.head.take(order)


def embedding_of(table: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """float32 (V, width) → int8 codes and float32 scales per group of 32."""
    groups = table.reshape(table.shape[0], -1, GROUP)
    peak = np.abs(groups).max(2)
    if not np.isfinite(peak).all():
        raise NzipError(f"tensor {name} holds values that are not finite; is the model file damaged?")
    scale = (peak / np.float32(127)).astype(np.float32)
    safe = np.where(scale > 0, scale, np.float32(1))
    codes = np.clip(np.rint(groups / safe[:, :, None]), -127, 127).astype(np.int8)
    return codes.reshape(table.shape), scale


def pair_rope_rows(rows: int, heads: int) -> np.ndarray:
    """Hugging Face keeps RoPE's pairs (i, i + half) apart; the order of rows, int64 (rows,), that brings each
    head's to (2i, 2i + 1), as GGUF does."""
    return np.arange(rows).reshape(heads, 2, rows // heads // 2).swapaxes(1, 2).reshape(rows)
