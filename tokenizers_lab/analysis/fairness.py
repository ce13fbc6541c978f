"""Fairness over languages, on aligned translations: parity and the Gini coefficient.

Parity of language l is T(l) / T(reference) on the same passages. The Gini coefficient of the costs c_l is Σ_i
Σ_j |c_i − c_j| / (2 n² μ): 0 where every language costs the same. The cost is tokens a passage (the same
content in every language); tokens a byte is given beside it, since scripts differ in bytes."""

from __future__ import annotations

import numpy as np

from tokenizers_lab.analysis.estimate import GROUPS, interval, ratio
from tokenizers_lab.codec import Codec
from tokenizers_lab.errors import LabError


def gini(costs) -> float:
    """Σ|cᵢ − cⱼ| / (2 n² μ) of non-negative costs."""
    c = np.sort(np.asarray(costs, dtype=float))
    n = len(c)
    if n == 0 or c.sum() == 0:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ c / (n * c.sum()))


def parity(codec: Codec, passages: dict[str, dict[str, str]], reference: str) -> dict:
    """``passages[language][identifier]`` = text. Only identifiers that every language has are counted."""
    if reference not in passages or len(passages) < 2:
        raise LabError(f"parity needs the reference {reference!r} and at least one other language")
    common = sorted(set.intersection(*(set(p) for p in passages.values())))
    if not common:
        raise LabError("the translations share no identifier; are they of the same .po file or Bible?")
    groups = np.array_split(np.arange(len(common)), min(GROUPS, len(common)))
    tokens, sizes = {}, {}
    for language, texts in passages.items():
        raw = [texts[i].encode("utf-8") for i in common]
        tokens[language] = np.array([sum(len(codec.encode(raw[i])) for i in g) for g in groups], dtype=float)
        sizes[language] = np.array([sum(len(raw[i]) for i in g) for g in groups], dtype=float)
    names = list(passages)
    matrix = np.array([tokens[n] for n in names])
    sums = matrix.sum(axis=1)
    loo = [gini(sums - matrix[:, g]) for g in range(matrix.shape[1])]
    per_byte = [tokens[n].sum() / max(sizes[n].sum(), 1) for n in names]
    return {
        "reference": reference,
        "passages": len(common),
        "languages": {
            n: {
                "tokens": int(tokens[n].sum()),
                "bytes": int(sizes[n].sum()),
                "parity": ratio(tokens[n], tokens[reference]),
                "tokens_per_byte": ratio(tokens[n], sizes[n]),
            }
            for n in names
        },
        "gini": {**interval(gini(sums), loo), "without": loo},
        "gini_tokens_per_byte": gini(per_byte),
    }
