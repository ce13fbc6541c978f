"""Glitch candidates: tokens that a model will hardly learn.

A token is *unreachable* if the encoder does not give it back for its own bytes (encode(decode(id)) ≠ [id]),
and
*rare* if a stream of training text holds it at most ``rare`` times. Special tokens (zero bytes) are left out.
"""

from __future__ import annotations

import numpy as np

from tokenizers_lab.codec import Codec


def candidates(codec: Codec, ids: np.ndarray | None = None, rare: int = 0, most: int = 50) -> dict | None:
    """Counts and the first ``most`` of each kind, as ids; ``rare`` needs a stream. None for codecs whose
    tokens have no bytes of their own."""
    strings = codec.token_strings()
    if strings is None:
        return None
    lengths = np.array([len(token) for token in strings])
    unreachable = codec.unreachable(np.flatnonzero(lengths > 0)).tolist()
    out: dict = {"unreachable": len(unreachable), "unreachable_ids": unreachable[:most]}
    if ids is not None:
        counts = np.bincount(ids, minlength=codec.vocab_size)
        seldom = np.flatnonzero((counts <= rare) & (lengths > 0))
        out |= {"rare": len(seldom), "rare_at_most": rare, "rare_ids": seldom[:most].tolist()}
    return out
