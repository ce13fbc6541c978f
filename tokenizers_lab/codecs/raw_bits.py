"""Tokens that are raw bits of a compressed stream, 8 or 16 each: what gzip's and arithmetic coding's ids
are."""

from __future__ import annotations

import numpy as np


def pack(data: bytes, bits: int) -> np.ndarray:
    """Bytes as uint32 tokens of 8 or 16 bits (big end first, zero-padded)."""
    if bits == 8:
        return np.frombuffer(data, dtype=np.uint8).astype(np.uint32)
    return np.frombuffer(data + b"\0" * (len(data) % 2), dtype=">u2").astype(np.uint32)


def unpack(ids: np.ndarray, bits: int) -> bytes:
    """The inverse of :func:`pack`, padding included."""
    return ids.astype(np.uint8 if bits == 8 else ">u2").tobytes()
