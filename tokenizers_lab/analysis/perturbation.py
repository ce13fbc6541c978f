"""How far does a change at the beginning of a text reach into its tokens? Prefix perturbation (Lester et al.
2024).

Passages of 1 KiB are tokenised twice, the second time with one byte changed, inserted or deleted near their
beginning; the edit (Levenshtein) distance of the two token sequences, divided by the longer's length, goes
into a histogram. A tokenizer that finds its step again stays near 0; arithmetic coding that never resets goes
to nearly 1."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.codec import Codec

PASSAGE = 1024
PASSAGES = 32
BINS = 20
EDITS = ("change", "insert", "delete")


@njit(cache=True, nogil=True)
def levenshtein(a, b):
    """Insertions, deletions and substitutions that lead from a to b."""
    row = np.arange(len(b) + 1)
    for i in range(len(a)):
        corner = row[0]
        row[0] = i + 1
        for j in range(len(b)):
            best = min(corner + (a[i] != b[j]), row[j] + 1, row[j + 1] + 1)
            corner = row[j + 1]
            row[j + 1] = best
    return row[len(b)]


def _edited(passage: bytes, edit: str, at: int, letter: int) -> bytes:
    if edit == "delete":
        return passage[:at] + passage[at + 1 :]
    return passage[:at] + bytes([letter]) + passage[at + (edit == "change") :]


def perturbation(codec: Codec, raw: bytes, passages: int = PASSAGES) -> dict | None:
    """``{"passages", "edits": {edit: {"mean", "median", "histogram"}}}``, the histogram over [0, 1] in 20
    bins; None for data too short to draw from. The same data gives the same draw."""
    if len(raw) < 2 * PASSAGE:
        return None
    rng = np.random.default_rng(0)
    distances: dict = {edit: [] for edit in EDITS}
    for start in rng.integers(0, len(raw) - PASSAGE, passages).tolist():
        passage = raw[start : start + PASSAGE]
        before = codec.encode(passage).astype(np.int64)
        for edit in EDITS:
            at = int(rng.integers(0, 32))
            letter = (
                passage[at] - 97 + int(rng.integers(1, 26))
            ) % 26 + 97  # another small letter than the one there, if it is one
            after = codec.encode(_edited(passage, edit, at, letter)).astype(np.int64)
            distances[edit].append(levenshtein(before, after) / max(len(before), len(after)))
    return {
        "passages": passages,
        "edits": {
            edit: {
                "mean": float(np.mean(d)),
                "median": float(np.median(d)),
                "histogram": np.histogram(d, BINS, (0, 1))[0].tolist(),
            }
            for edit, d in distances.items()
        },
    }
