"""Two vocabularies side by side: Jaccard of token sets, the same weighted by use, F1 of where they cut.

Jaccard |A ∩ B| / |A ∪ B| over tokens as byte strings; weighted: Σ min(p, q) / Σ max(p, q) over token
frequencies on the same text; boundary F1: precision and recall of one segmentation's inner cuts against the
other's."""

from __future__ import annotations

import itertools

import numpy as np

from tokenizers_lab.bits_per_byte import Tokenised


def jaccard(a: set, b: set) -> float:
    """|A ∩ B| / |A ∪ B|; 1 for two empty sets."""
    both = len(a & b)
    return both / (len(a) + len(b) - both) if a or b else 1.0


def vocabulary(codec) -> set[bytes] | None:
    """The byte strings of a codec's tokens, or None where tokens have none."""
    strings = codec.token_strings()
    return None if strings is None else set(strings) - {b""}


def weighted_jaccard(a: Tokenised, b: Tokenised) -> float:
    """Σ min(p, q) / Σ max(p, q) over the byte strings that the two streams' tokens cover."""
    p, q = _frequencies(a), _frequencies(b)
    keys = p.keys() | q.keys()
    top = sum(max(p.get(k, 0.0), q.get(k, 0.0)) for k in keys)
    return sum(min(p.get(k, 0.0), q.get(k, 0.0)) for k in keys) / top if top else 1.0


def every_pair(streams: list[Tokenised]) -> tuple[np.ndarray, np.ndarray]:
    """:func:`weighted_jaccard` and :func:`segmentation_f1` of every two of some streams of one text, each
    stream looked at once: float64 of shape (streams, streams), twice."""
    n = len(streams)
    numbers: dict[bytes, int] = {}
    found = []
    for stream in streams:
        shares = _frequencies(stream)
        found.append((np.array([numbers.setdefault(k, len(numbers)) for k in shares], np.int64), shares))
    use = np.zeros((n, len(numbers)))
    # offsets of a codec whose accounting is wrong may lie behind the text
    behind = max(int(stream.offsets.max(initial=0)) for stream in streams)
    cuts = np.zeros((n, max(behind, len(streams[0].raw)) + 1), np.bool_)
    for i, (columns, shares) in enumerate(found):
        use[i, columns] = list(shares.values())
        cuts[i, streams[i].offsets[1:-1]] = True
    weighted, borders = np.ones((n, n)), np.ones((n, n))
    sizes = np.count_nonzero(cuts, axis=1)
    for i in range(n):
        for j in range(i, n):
            top = np.maximum(use[i], use[j]).sum()
            if top:
                weighted[i, j] = weighted[j, i] = np.minimum(use[i], use[j]).sum() / top
            if sizes[i] + sizes[j]:
                hit = int(np.count_nonzero(cuts[i] & cuts[j]))
                borders[i, j] = borders[j, i] = 2 * hit / int(sizes[i] + sizes[j])
    return weighted, borders


def _frequencies(stream: Tokenised) -> dict[bytes, float]:
    counts: dict[bytes, float] = {}
    if stream.codec.token_bytes(0) is not None:
        often = np.bincount(stream.ids)
        for i in np.flatnonzero(often).tolist():
            token = stream.codec.token_bytes(i) or b""
            counts[token] = counts.get(token, 0.0) + float(often[i])
    else:
        bounds = stream.offsets.tolist()
        for x, y in itertools.pairwise(bounds):
            token = stream.raw[x:y]
            counts[token] = counts.get(token, 0.0) + 1.0
    total = sum(counts.values())
    return {k: v / total for k, v in counts.items()}


def boundary_scores(cuts, gold) -> dict:
    """Precision, recall and F1 of the set ``cuts`` against ``gold`` (inner boundaries)."""
    cuts, gold = set(cuts), set(gold)
    hit = len(cuts & gold)
    precision = hit / len(cuts) if cuts else float(not gold)
    recall = hit / len(gold) if gold else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def segmentation_f1(a: Tokenised, b: Tokenised) -> float:
    """F1 of the two segmentations' inner cuts on the same bytes (symmetric)."""
    cuts_a, cuts_b = np.unique(a.offsets[1:-1]), np.unique(b.offsets[1:-1])
    hit = len(np.intersect1d(cuts_a, cuts_b, assume_unique=True))
    both = len(cuts_a) + len(cuts_b)
    return 2 * hit / both if both else 1.0
