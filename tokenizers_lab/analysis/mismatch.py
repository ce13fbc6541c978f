"""Domain mismatch: what a vocabulary trained on one domain costs on another.

M[i, j] = tokens a byte on domain j of the codec trained on domain i (or another cost); shown as M[i, j] /
M[j, j] − 1, zero on the diagonal: the offset that no amount of training data of the wrong domain removes
(arXiv 2601.09039)."""

from __future__ import annotations

import numpy as np

from tokenizers_lab.analysis.entropy import plug_in
from tokenizers_lab.bits_per_byte import tokenise
from tokenizers_lab.errors import LabError

COSTS = ("tokens", "entropy")


def mismatch(codecs: dict, texts: dict[str, bytes], cost: str = "tokens") -> dict:
    """``codecs[domain]`` on ``texts[domain]`` (held out). ``cost``: ``tokens`` (tokens a byte) or ``entropy``
    (plug-in H₁ · T/B, bits a byte). A cost is None where a codec's bytes do not add up, the excess also where
    the domain's own cost is zero."""
    if list(codecs) != list(texts):
        raise LabError("mismatch needs one codec and one text for each domain, in the same order")
    if cost not in COSTS:
        raise LabError(f"unknown cost {cost!r}; known: {', '.join(COSTS)}")
    names = list(codecs)
    matrix = [[_cost(codecs[trained], texts[domain], domain, cost) for domain in names] for trained in names]
    own = [matrix[i][i] for i in range(len(names))]
    return {
        "domains": names,
        "cost": cost,
        "matrix": matrix,
        "excess": [[None if a is None or not b else a / b - 1 for a, b in zip(row, own)] for row in matrix],
    }


def _cost(codec, text: bytes, domain: str, cost: str) -> float | None:
    stream = tokenise(codec, text, domain)
    if stream.problem:
        return None
    value = len(stream.ids) / len(stream.raw)
    return value * plug_in(np.bincount(stream.ids)) if cost == "entropy" else value
