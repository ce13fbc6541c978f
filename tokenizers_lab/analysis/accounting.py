"""Byte accounting: the one gate that every figure "per byte" passes through.

The field's most repeated bug is a byte count that does not belong to the tokens it divides. So a stream is
*tokenised* here, its tokens' bytes are added up and the ids decoded; only if the sum and the bytes are the
raw ones may bits per byte be computed from it, else :class:`AccountingError`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array
from tokenizers_lab.errors import AccountingError


@dataclass
class Tokenised:
    """One file under one codec. ``offsets``: int64 (tokens+1,). ``problem``: None, or why bytes do not add
    up."""

    codec: Codec
    name: str
    raw: bytes
    ids: np.ndarray
    offsets: np.ndarray
    problem: str | None

    def require(self) -> Tokenised:
        """Itself, if the bytes add up; else :class:`AccountingError`."""
        if self.problem:
            raise AccountingError(
                f"{self.codec.spelling} on {self.name}: {self.problem}; bits per byte would be wrong"
            )
        return self

    @property
    def tokens(self) -> int:
        return len(self.ids)


def tokenise(codec: Codec, data, name: str = "data") -> Tokenised:
    """Encode ``data`` and check that Σ token bytes = raw bytes and that the ids decode to them."""
    raw = as_bytes_array(data).tobytes()
    ids = codec.encode(raw)
    offsets = codec.offsets(raw, ids)
    return Tokenised(codec, name, raw, ids, offsets, check(codec, raw, ids, offsets))


def check(codec: Codec, raw: bytes, ids: np.ndarray, offsets: np.ndarray | None = None) -> str | None:
    """None if the bytes of ``ids`` add up to ``raw``, else the difference in words."""
    lengths = codec.token_lengths()
    if lengths is not None:
        total = int(lengths[ids].sum())
        if total != len(raw):
            return f"the tokens' bytes sum to {total}, the data has {len(raw)}"
    offsets = codec.offsets(raw, ids) if offsets is None else offsets
    if (
        len(offsets) != len(ids) + 1
        or offsets[0] != 0
        or (np.diff(offsets) < 0).any()
        or offsets[-1] != len(raw)
    ):
        return "the tokens' byte offsets do not cover the data"
    decoded = codec.decode(ids)
    if decoded != raw:
        at = next((i for i, (a, b) in enumerate(zip(decoded, raw)) if a != b), min(len(decoded), len(raw)))
        return f"decoding gives other bytes (from byte {at} on; {len(decoded)} against {len(raw)})"
    return None


def bits_per_byte(nats: float, scored_bytes: int) -> float:
    """BPB = Σ nats over the scored tokens / (ln 2 · bytes of exactly those tokens)."""
    if scored_bytes <= 0:
        raise AccountingError("no bytes were scored")
    return nats / (math.log(2) * scored_bytes)


def flops_per_byte(
    nonembedding: int,
    width: int,
    vocab: int,
    tokens: int,
    raw_bytes: int,
    m1_parameters: int = 0,
    output_layer: bool = True,
) -> float:
    """FLOPs/byte = 2·(N_nonemb + d·V) / (B/T) + 2·N_M1. The output layer d·V counts unless ``output_layer``
    is false (the papers' habit); M1 runs once a byte where it cannot be compiled away."""
    per_token = 2 * (nonembedding + (width * vocab if output_layer else 0))
    return per_token * tokens / raw_bytes + 2 * m1_parameters
