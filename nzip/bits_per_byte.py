"""Bits per byte, and what is divided by what: every such figure that nzip, the lab or the benchmarks print
comes from here.

Compressed bits for each *raw* byte: of the bytes before any transform, tokenizer or cut, and of exactly those
that the bits pay for. Headers, hashes and embedded models count as compressed. No bytes have no such figure:
NaN, which a caller shows as it likes, and which cannot pass for a good result.
"""

from __future__ import annotations

import math

NONE = float("nan")


def bits_per_byte(compressed_bytes: float, raw_bytes: int) -> float:
    """Of ``compressed_bytes`` that hold ``raw_bytes``; NaN for no raw bytes."""
    return 8 * compressed_bytes / raw_bytes if raw_bytes else NONE


def from_bits(bits: float, raw_bytes: int) -> float:
    """Of a model's Σ −log2 p over the tokens of ``raw_bytes``; NaN for no raw bytes."""
    return bits / raw_bytes if raw_bytes else NONE


def from_nats(nats: float, raw_bytes: float) -> float:
    """Of a model's Σ −ln p, a loss as torch sums it; NaN for no raw bytes. Fractions of a byte are for means:
    a mean loss a token over the mean bytes a token."""
    return nats / (math.log(2) * raw_bytes) if raw_bytes else NONE
