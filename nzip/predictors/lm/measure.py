"""Bits per byte, character and token of a bare model over text, nothing adapted.

Two ways of giving context: ``windows``, the protocol of "Compression Represents Intelligence Linearly" (Huang
et al., 2024): windows of ``block`` tokens, each starting ``stride`` after the one before, of which only
tokens not yet scored count; and ``sliding``, the coder's own context with sinks. Logits are the exact
engine's; the logarithms of this report are ordinary floats, since nothing is coded with them.

Concession: escaped bytes are counted as 8 bits plus nothing for the escape itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nzip.bits_per_byte import from_bits
from nzip.predictors.llama.kv_cache import Cache
from nzip.predictors.lm.source import LanguageModel

BLOCK, STRIDE = 1900, 512
PROTOCOLS = ("windows", "sliding")
_CHUNK = 128


class Measured(NamedTuple):
    """Σ −log2 p over a text, and what it is divided by."""

    bits: float
    bytes: int
    characters: int
    tokens: int

    @property
    def bits_per_byte(self) -> float:
        """0 for an empty text."""
        return from_bits(self.bits, self.bytes) if self.bytes else 0.0

    @property
    def bits_per_character(self) -> float:
        """Characters of UTF-8; a byte outside it counts as one."""
        return self.bits / self.characters if self.characters else 0.0

    @property
    def bits_per_token(self) -> float:
        """Escaped bytes count as tokens."""
        return self.bits / self.tokens if self.tokens else 0.0

    def __add__(self, other: Measured) -> Measured:  # type: ignore[override]  # a tuple adds by appending
        """Both texts together."""
        return Measured(
            self.bits + other.bits,
            self.bytes + other.bytes,
            self.characters + other.characters,
            self.tokens + other.tokens,
        )


def by_windows(tokens: int, block: int, stride: int, costs: Callable[[int, int, int], float]) -> float:
    """The sum of ``costs(start, end, skip)`` over the protocol's windows: bits of the tokens start + skip ..
    end - 1, each predicted from start on. Every one of ``tokens`` tokens is counted once."""
    if not 0 < stride <= block:
        raise ValueError(f"a stride of {stride} does not fit windows of {block}")
    bits = 0.0
    done = start = 0
    while done < tokens:
        end = min(start + block, tokens)
        bits += costs(start, end, done - start)
        done = end
        start += stride
    return bits


def _costs(model: LanguageModel, cache: Cache, inputs: np.ndarray, targets: np.ndarray, skip: int) -> float:
    """Bits of targets[skip:], each predicted after inputs up to its place, in a fresh lane 0 of ``cache``."""
    total = 0.0
    cache.length[:] = 0
    for at in range(0, len(inputs), _CHUNK):
        part = inputs[at : at + _CHUNK]
        hidden = model.engine.forward(cache, np.zeros(len(part), np.int64), part)
        first = max(0, skip - at)
        if first >= len(part):
            continue
        logits = model.engine.logits(hidden[first:])[:, : model.vocabulary.size].astype(np.float64)
        peak = logits.max(1)
        seen = logits[np.arange(len(logits)), targets[at + first : at + len(part)]]
        total += float((np.log(np.exp(logits - peak[:, None]).sum(1)) + peak - seen).sum())
    return total / np.log(2)


def measure(
    model: LanguageModel, data: bytes, *, window: int | None = None, block: int = BLOCK, stride: int = STRIDE
) -> Measured:
    """Measure ``data``: with ``window``, sliding with sinks; without, in windows of ``block`` tokens by
    ``stride``."""
    symbols = model.vocabulary.encode(data)
    tokens = symbols[symbols < model.vocabulary.size]
    sequence = np.concatenate([[model.vocabulary.start], tokens])
    if window is not None:
        bits = _costs(model, Cache(model.engine.shape, 1, window, _CHUNK), sequence[:-1], tokens, 0)
    else:
        cache = Cache(model.engine.shape, 1, max(8, block), _CHUNK)
        bits = by_windows(
            len(tokens),
            block,
            stride,
            lambda start, end, skip: _costs(model, cache, sequence[start:end], tokens[start:end], skip),
        )
    bits += 8.0 * (len(symbols) - len(tokens))
    characters = len(bytes(data).decode("utf-8", "surrogateescape"))
    return Measured(bits, len(data), characters, len(symbols))
