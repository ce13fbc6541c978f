"""Do tokens respect characters? UTF-8 completeness of the vocabulary and of the stream, and how often a
character is split.

A token is *complete* if its bytes are valid UTF-8 by themselves. The split rate is the share of multi-byte
characters of the text inside which a token ends."""

from __future__ import annotations

import numpy as np

from tokenizers_lab.analysis.estimate import groups_of, ratio
from tokenizers_lab.bits_per_byte import Tokenised


def is_complete(token: bytes) -> bool:
    """Whether the bytes are UTF-8 on their own."""
    try:
        token.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def completeness(stream: Tokenised) -> dict | None:
    """Shares of complete tokens: of the vocabulary, and of the running tokens with an interval; and the split
    rate of multi-byte characters. None for codecs whose tokens have no bytes of their own."""
    codec = stream.codec
    strings = codec.token_strings()
    if strings is None:
        return None
    flags = np.array([is_complete(token) for token in strings])
    real = np.array([len(token) > 0 for token in strings])
    group = groups_of(len(stream.ids))
    running = flags[stream.ids]
    groups = int(group.max(initial=0)) + 1
    raw = np.frombuffer(stream.raw, dtype=np.uint8)
    text = stream.raw.decode("utf-8", "replace")
    multi = (
        int((raw >= 0xC2).sum())
        if "\ufffd" not in text
        else sum(ord(c) > 127 and c != "\ufffd" for c in text)
    )
    inside = stream.offsets[1:-1]
    inside = inside[inside < len(raw)]
    # A cut before a continuation byte splits the character that the byte belongs to; count characters, not
    # cuts.
    cut = inside[(raw[inside] & 0xC0) == 0x80] if len(raw) else inside
    starts = np.flatnonzero((raw & 0xC0) != 0x80)
    characters = np.unique(np.searchsorted(starts, cut, side="right")) if len(cut) else cut
    return {
        "vocabulary_complete": float(flags[real].mean()) if real.any() else None,
        "stream_complete": ratio(
            np.bincount(group, weights=running, minlength=groups), np.bincount(group, minlength=groups)
        ),
        "multi_byte_characters": multi,
        "split_characters": len(characters),
        "split_rate": len(characters) / multi if multi else 0.0,
    }
