"""Counts: bytes and characters a token, tokens a word (fertility), bit ratio, sequence length against a
reference.

Token ratio B/T; bit ratio 8B / (T · log₂ V): raw bits over the bits that fixed-width ids would take;
fertility T/W, W = words between white space; NSL = T_A / T_B against another codec on the same bytes.

Concession: fertility says little for scripts without spaces; bytes and characters a token stand beside it.
"""

from __future__ import annotations

import math

import numpy as np

from tokenizers_lab.analysis.estimate import GROUPS, ratio
from tokenizers_lab.bits_per_byte import Tokenised


def counts(stream: Tokenised, groups: int = GROUPS) -> dict:
    """The counts of one stream, ratios with intervals over contiguous stretches of the raw bytes."""
    raw = np.frombuffer(stream.raw, dtype=np.uint8)
    bounds = np.linspace(0, len(raw), min(groups, max(len(raw), 1)) + 1).astype(np.int64)
    # A token belongs to the stretch in which it begins.
    tokens = np.diff(np.searchsorted(stream.offsets[:-1], bounds))
    tokens[-1] += len(stream.ids) - tokens.sum()
    characters = np.add.reduceat((raw & 0xC0) != 0x80, bounds[:-1]) if len(raw) else np.zeros(1)
    space = np.isin(raw, np.frombuffer(b" \t\n\r\v\f", np.uint8))
    begins = ~space & np.concatenate([[True], space[:-1]]) if len(raw) else np.zeros(0, bool)
    words = np.add.reduceat(begins, bounds[:-1]) if len(raw) else np.zeros(1)
    sizes = np.diff(bounds)
    width = math.log2(stream.codec.vocab_size)
    per_token = ratio(sizes, tokens)
    return {
        "tokens": len(stream.ids),
        "bytes": len(raw),
        "characters": int(characters.sum()),
        "words": int(words.sum()),
        "bytes_per_token": per_token,
        "characters_per_token": ratio(characters, tokens),
        "bit_ratio": {k: v and 8 * v / width for k, v in per_token.items()},
        "fertility": ratio(tokens, words),
    }


def normalised_sequence_length(stream: Tokenised, reference: Tokenised) -> float:
    """NSL = T_A / T_B on the same bytes."""
    return len(stream.ids) / max(len(reference.ids), 1)
