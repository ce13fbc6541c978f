"""M1: a static model of bytes, the small predictor under arithmetic coding and Equal-Info Windows.

A model answers one question: given the bytes before (since the last reset), which integers divide 2**bits
among the next byte's 256 values? :class:`ByteModel` is the contract; ``order_n.py`` is the model that needs
no network;
:class:`ExpertModel` wraps any exact expert of nzip (the bundled transformer).
"""

from __future__ import annotations

import abc

import numpy as np


class ByteModel(abc.ABC):
    """Immutable and static: equal contexts give equal integers, for ever and on every machine."""

    spelling: str

    @abc.abstractmethod
    def cdf(self, context, bits: int = 16) -> np.ndarray:
        """Cumulative counts after ``context`` (bytes-like; b"" right after a reset): int64 of shape (257,),
        from 0 to 2**bits, strictly rising. ``bits`` is 9..20."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """A hash of all that determines the integers."""

    def walk(self, bits: int = 16) -> Walk:
        """A run over one text, byte by byte; models with a state of their own override it for speed."""
        return Walk(self, bits)

    def cdfs(self, contexts: list[bytes], bits: int = 16) -> np.ndarray:
        """:meth:`cdf` after each of many contexts: int64 of shape (len(contexts), 257)."""
        return np.stack([self.cdf(context, bits) for context in contexts])

    def code_length(self, data, bits: int = 16) -> float:
        """Bits that an ideal coder spends on ``data`` under these integers, never reset (for measuring)."""
        walk, total = self.walk(bits), 0.0
        for byte in bytes(data):
            cdf = walk.cdf()
            total += bits - float(np.log2(cdf[byte + 1] - cdf[byte]))
            walk.push(byte)
        return total


class Walk:
    """One run: ``cdf()`` for the next byte, ``push(byte)`` to go on."""

    def __init__(self, model: ByteModel, bits: int):
        self._model, self._bits, self._context = model, bits, bytearray()

    def cdf(self) -> np.ndarray:
        return self._model.cdf(self._context, self._bits)

    def push(self, byte: int) -> None:
        self._context.append(byte)


def quantise(weights: np.ndarray, bits: int) -> np.ndarray:
    """Whole weights (int64 of shape (256,), ≥ 0, sum ≤ 2**30) as a CDF over 2**bits: every byte gets one
    unit, the rest is shared in proportion and rounded down, and what is left goes to the heaviest byte (the
    first)."""
    total = max(int(weights.sum()), 1)
    counts = 1 + weights * ((1 << bits) - 256) // total
    counts[int(np.argmax(weights))] += (1 << bits) - int(counts.sum())
    cdf = np.zeros(257, dtype=np.int64)
    np.cumsum(counts, out=cdf[1:])
    return cdf
