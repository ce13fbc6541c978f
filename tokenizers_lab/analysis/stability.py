"""Does a token always stand for the same text? Stability of token → text, by the token's position in its
window.

A language model can learn a vocabulary whose tokens mean something by themselves. A token's text is what
becomes certain once it is read: the bytes that every continuation shares and that were not certain before it.
Stability of a position is the chance that two of its tokens with the same id have the same text: Σ over ids
and texts of c(c−1), divided by Σ over ids of n(n−1). It is 1 for a BPE, and for ``equal-info[b=16,v=65k]``.

Concession: at most the first ``MOST`` bytes are looked at, because windows are walked in Python.
"""

from __future__ import annotations

from collections import Counter
from os.path import commonprefix

import numpy as np

from tokenizers_lab.codec import Codec
from tokenizers_lab.codecs.equal_info import CDF_BITS, Follower, PairCodec, WindowCodec
from tokenizers_lab.windows.interval import FRACTION, child, root

MOST = 1 << 17


def token_texts(codec: Codec, raw: bytes) -> list[tuple[int, int, bytes]]:
    """(position, id, text) of every token; literals of Equal-Info Windows are left out."""
    if isinstance(codec, PairCodec):
        return list(_pairs(codec, raw))
    if isinstance(codec, WindowCodec):
        return list(_windows(codec, raw))
    ids = codec.encode(raw)
    ends = codec.offsets(raw, ids).tolist()
    return [(0, i, raw[a:b]) for i, a, b in zip(ids.tolist(), ends, ends[1:])]


def _pairs(codec: PairCodec, raw: bytes):
    cells, literals, _ = codec.parse(codec.encode(raw))
    text = [codec.strings[i] for i in codec.owner.tolist()]
    certain = [commonprefix(text[high << 8 : (high + 1) << 8]) for high in range(256)]
    for cell, literal in zip(cells[:, 0].tolist(), literals.tolist()):
        if not literal:
            first = certain[cell >> 8]
            yield 0, cell >> 8, first
            yield 1, cell & 255, text[cell][len(first) :]


def _windows(codec: WindowCodec, raw: bytes):
    data = np.frombuffer(raw, np.uint8)
    cells, sizes = codec.windows(data)
    model, width, bits = Follower(codec.model, CDF_BITS), codec.width, codec.token_bits
    at = origin = 0
    for w, (limbs, size) in enumerate(zip(cells.tolist(), sizes.tolist())):
        origin = at if codec.reset and w % codec.reset == 0 else origin
        path, interval = [], root(width)
        for i in range(at, at + size):
            cdf = model(raw[origin:i])
            interval = child(interval, cdf[raw[i]], cdf[raw[i] + 1], CDF_BITS)
            path.append(interval)
        cell = sum(limb << 32 * i for i, limb in enumerate(limbs))
        known = 0
        for position in range(width // bits if size else 0):
            left = width - bits * (position + 1)
            start = cell >> left << left
            low, high = start << FRACTION, (start + (1 << left)) << FRACTION
            depth = known
            while depth < size and path[depth].low <= low and high <= path[depth].high:
                depth += 1
            yield position, cell >> left & (1 << bits) - 1, raw[at + known : at + depth]
            known = depth
        at += max(size, 1)


def stability(codec: Codec, raw: bytes) -> list[dict]:
    """For each position: ``{"position", "tokens", "bytes" (mean length of a text), "empty" (share of tokens
    that add no certain byte), "stability" (None where no id occurs twice)}``."""
    counts: dict[int, Counter] = {}
    for position, token, text in token_texts(codec, raw[:MOST]):
        counts.setdefault(position, Counter())[token, text] += 1
    out = []
    for position in sorted(counts):
        pairs = counts[position]
        of_id: Counter = Counter()
        for (token, _), c in pairs.items():
            of_id[token] += c
        total, chances = sum(of_id.values()), sum(n * (n - 1) for n in of_id.values())
        out.append(
            {
                "position": position,
                "tokens": total,
                "bytes": sum(len(t) * c for (_, t), c in pairs.items()) / total,
                "empty": sum(c for (_, t), c in pairs.items() if not t) / total,
                "stability": sum(c * (c - 1) for c in pairs.values()) / chances if chances else None,
            }
        )
    return out
