"""A guess whether a stream of text is better coded as words, and how: cheap, from samples of its bytes.

What it asks: how much of the text a dictionary's words cover, how many bytes the coded sample has, and at
what width lines were wrapped. Concession: it does not ask the mix; whoever codes may try both."""

from __future__ import annotations

import numpy as np

from nzip.predictors.mix.words import lines, transform
from nzip.predictors.mix.words.dictionary import NAMES, named
from nzip.predictors.mix.words.options import Words

_SAMPLE, _SAMPLES = 1 << 13, 8
SHORTER = 0.80  # a stream is coded where this many bytes are left of one


def choose(raw: np.ndarray) -> Words | None:
    """How to transform ``raw`` (uint8, text); None: not at all."""
    if len(raw) < 64:
        return None
    crlf = lines.find_crlf(raw)
    samples = _samples(raw)
    if crlf:
        samples = [sample[sample != 13] for sample in samples]
    sample = np.concatenate(samples)
    shares = [len(transform.encode(sample, named(i + 1))) / len(sample) for i in range(len(NAMES))]
    best = int(np.argmin(shares))
    dictionary = named(best + 1) if shares[best] < SHORTER else None
    width = lines.find_width(lines.remove_cr(raw) if crlf else raw)
    words = Words(dictionary, width, crlf)
    return words if words != (None, 0, False) else None


def _samples(raw: np.ndarray) -> list[np.ndarray]:
    if len(raw) <= _SAMPLES * _SAMPLE:
        return [raw]
    starts = np.linspace(0, len(raw) - _SAMPLE, _SAMPLES).astype(np.int64)
    return [raw[s : s + _SAMPLE] for s in starts]
