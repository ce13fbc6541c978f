"""How well a vocabulary is used: capacity utilisation, redundancy, distance from uniform, Rényi efficiencies.

η = H₁ / log₂ V; redundancy 1 − η; KL(p ‖ uniform) = log₂ V − H₁. Rényi: H_α = log₂ Σ p^α / (1 − α),
efficiency H_α / log₂ V (α = 2.5 in Zouhar et al. 2023, 2 in arXiv 2601.09039). V is always the *true*
vocabulary, never the number of types that happen to be observed: tools that take the latter flatter large
vocabularies."""

from __future__ import annotations

import math

import numpy as np

from tokenizers_lab.analysis.entropy import miller_madow, plug_in
from tokenizers_lab.analysis.estimate import groups_of, interval

ALPHAS = (2.0, 2.5, 3.0)


def renyi(counts, alpha: float) -> float:
    """H_α in bits; α = 1 gives Shannon's entropy, α = ∞ the min-entropy."""
    counts = np.asarray(counts, dtype=np.float64)
    p = counts[counts > 0] / counts.sum()
    if not len(p):
        return 0.0
    if alpha == 1:
        return plug_in(counts)
    if math.isinf(alpha):
        return float(-np.log2(p.max()))
    return float(np.log2((p**alpha).sum()) / (1 - alpha))


def efficiency(ids: np.ndarray, vocab: int, used_vocab: int | None = None) -> dict:
    """η, redundancy, KL from uniform and Rényi efficiencies of a stream, with intervals; ``corrected`` is
    from the Miller–Madow entropy, ``held_out`` from the cross-entropy of one half under the other's counts
    (+1 smoothed). ``used_vocab``: ids that can occur at all; where it differs, η over it is given beside."""
    counts = np.bincount(ids, minlength=vocab).astype(np.float64)
    group = groups_of(len(ids))
    each = [np.bincount(ids[group == g], minlength=vocab) for g in range(int(group.max(initial=0)) + 1)]
    rest = [counts - c for c in each]
    top = math.log2(vocab) if vocab > 1 else 1.0
    h1 = plug_in(counts)
    shares = [plug_in(r) / top for r in rest]
    out = {
        "vocab": vocab,
        "used_vocab": used_vocab or vocab,
        "observed_types": int((counts > 0).sum()),
        "h1": h1,
        "utilisation": {
            **interval(h1 / top, shares),
            "corrected": miller_madow(counts) / top,
            "held_out": _held_out_unigram(each, vocab) / top,
        },
        "redundancy": interval(1 - h1 / top, [1 - s for s in shares]),
        "kl_uniform": interval(top - h1, [top - s * top for s in shares]),
        "renyi": {
            str(a): interval(renyi(counts, a) / top, [renyi(r, a) / top for r in rest]) for a in ALPHAS
        },
    }
    if used_vocab and used_vocab != vocab and used_vocab > 1:
        out["utilisation_of_used"] = h1 / math.log2(used_vocab)
    return out


def _held_out_unigram(each: list[np.ndarray], vocab: int) -> float:
    """Bits a token of the odd groups under the even groups' counts, one added to each of the V ids."""
    learned, scored = sum(each[0::2], np.zeros(vocab)), sum(each[1::2], np.zeros(vocab))
    if not scored.sum():
        return float("nan")
    p = (learned + 1) / (learned.sum() + vocab)
    return float(-(scored * np.log2(p)).sum() / scored.sum())
