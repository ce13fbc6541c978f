"""Tokens that change with the text: merges made anew for each batch, over the tokens of any codec (dynamic
tokenization, arXiv 2411.18553; batch-level BPE).

A batch of ids is merged as BPE merges, most frequent pair first, until so many merges are made or no pair
occurs twice; the merges travel with the batch, so the ids come back: :func:`undo`. What is told is how much
shorter the batch is, and what is left of that when the merges' own ids (two each) are counted.

Concession: merges may cross documents within a batch, and no model is asked what it makes of the new tokens.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from tokenizers_lab.training import superword_kernel as k
from tokenizers_lab.training.superwords import Cells, Grower

BATCHES = (4096, 32768, 262144)
MERGES = (64, 512, 4096)


def merge_batch(ids: np.ndarray, vocab_size: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """``ids`` (of a vocabulary) merged at most ``most`` times: (ids, uint32; merges, int32 of shape
    (merges, 3), numbered from ``vocab_size`` on)."""
    cells = Cells()
    try:
        cells.add(np.append(ids.astype(np.int32), k.BORDER))
        cells.map()
        # Each id is spelt in four bytes, so a token's spelling says which ids it stands for.
        names = [i.to_bytes(4, "big") for i in range(vocab_size)]
        grower = Grower(
            SimpleNamespace(tokens=names, special={}), cells, vocab_size + most, 1 << 30, min_frequency=2
        )
        made = 0
        while made < most:
            if not grower.grow(grower.tokens + most - made):
                break
            if grower.merged == made:
                break
            made = grower.merged
        out = cells.array[1 : cells.n]
        return out[out >= 0].astype(np.uint32), grower.merges()
    finally:
        cells.close()


def undo(ids: np.ndarray, merges: np.ndarray) -> np.ndarray:
    """The ids that :func:`merge_batch` was given: uint32."""
    inside: dict[int, list[int]] = {}
    for a, b, new in merges.tolist():
        inside.setdefault(new, [*inside.get(a, [a]), *inside.get(b, [b])])
    return np.array([i for token in ids.tolist() for i in inside.get(token, [token])], np.uint32)


def dynamic(ids: np.ndarray, vocab_size: int, batches=BATCHES, merges=MERGES) -> list[dict]:
    """For each size of a batch and number of merges: the share of ``ids`` that is left, without and with the
    merges' own ids. Batches are whole ones of ``ids``, up to eight, evenly spaced; sizes that ``ids`` do not
    fill are left out."""
    rows = []
    for size in batches:
        count = len(ids) // size
        if not count:
            continue
        chosen = [ids[i * size : (i + 1) * size] for i in sorted({j * count // 8 for j in range(8)})]
        for most in merges:
            left = told = 0
            for batch in chosen:
                out, made = merge_batch(batch, vocab_size, most)
                if not np.array_equal(undo(out, made), batch):
                    raise AssertionError("dynamic merges did not come back")
                left += len(out)
                told += len(out) + 2 * len(made)
            whole = size * len(chosen)
            rows.append({"batch": size, "merges": most, "left": left / whole, "with_merges": told / whole})
    return rows
