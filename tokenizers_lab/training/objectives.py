"""What a merge should make small: objectives for compression-aware BPE, each a code length of an id stream.

``frequency`` is the plain BPE rule and needs no stream. ``gzip``: DEFLATE of the serialised ids.
``entropy``: the adaptive order-k code length of the ids themselves. ``likelihood``: that of a unigram model
fitted to them, so a merge is chosen by how much likelier it makes the text. ``nzip``: nzip's own predictor
over the serialised ids, the most faithful and by far the dearest, so it judges only the few candidates that
``entropy`` likes best."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.errors import LabError
from tokenizers_lab.training.nzip_bridge import compressed_size
from tokenizers_lab.training.stream import serialise

NAMES = ("frequency", "gzip", "entropy", "likelihood", "nzip")


@dataclass(frozen=True)
class Objective:
    """``cost(ids, vocab)`` gives bytes (or bits / 8). ``shortlist``: judge only this many of the candidates,
    those that ``entropy`` ranks first; 0 judges all."""

    name: str = "gzip"
    level: int = 6
    serialisation: str = "u16"
    order: int = 1
    shortlist: int = 0

    def cost(self, ids: np.ndarray, vocab: int) -> float:
        if self.name == "gzip":
            return float(len(zlib.compress(serialise(ids, self.serialisation), self.level)))
        if self.name == "entropy":
            return adaptive_bits(ids, vocab, self.order) / 8
        if self.name == "likelihood":
            return unigram_bits(ids, vocab) / 8
        return float(compressed_size(serialise(ids, self.serialisation), self.level))


def objective(name: str, level: int | None = None, serialisation: str = "u16", order: int = 1) -> Objective:
    """The objective of a name, with its own defaults: gzip level 6, nzip level 1 over a shortlist of 4."""
    if name not in NAMES:
        raise LabError(f"unknown objective {name!r}; known: {', '.join(NAMES)}")
    if name == "gzip" and not 0 <= (6 if level is None else level) <= 9:
        raise LabError(f"gzip level {level} is outside 0..9")
    if not 0 <= order <= 3:
        raise LabError(f"entropy order {order} is outside 0..3")
    default = {"gzip": 6, "nzip": 1}.get(name, 0)
    return Objective(
        name, default if level is None else level, serialisation, order, 4 if name == "nzip" else 0
    )


@njit(cache=True, nogil=True)
def unigram_bits(ids, vocab):
    """Bits of ``ids`` under the unigram model that fits them best, -log2 of its likelihood: n log2 n less the
    sum of c log2 c over the ids' counts c. What the model itself would cost is not counted."""
    counts = np.zeros(vocab, dtype=np.int64)
    for i in ids:
        counts[i] += 1
    bits = 0.0
    for c in counts:
        if c:
            bits -= c * np.log2(c)
    return bits + len(ids) * np.log2(max(1, len(ids)))


@njit(cache=True, nogil=True)
def adaptive_bits(ids, vocab, order):
    """Bits of an adaptive order-``order`` code over ``ids`` with alphabet ``vocab``: interpolated Witten–Bell
    counts, p_k = (c + T·p_(k-1)) / (N + T), learned as it goes, from the uniform distribution up. Contexts
    beyond 2 ids are hashed. Time O(order · ids)."""
    n = len(ids)
    size = 16
    while size < 2 * (order + 1) * n + 16:
        size *= 2
    mask = np.int64(size - 1)
    pair_key = np.full(size, -1, dtype=np.int64)
    pair_count = np.zeros(size, dtype=np.int32)
    context_key = np.full(size, -1, dtype=np.int64)
    context_total = np.zeros(size, dtype=np.int32)
    context_types = np.zeros(size, dtype=np.int32)
    bits = 0.0
    for i in range(n):
        p = 1.0 / vocab
        context = np.int64(0)
        for k in range(min(order, i) + 1):
            if k:
                context = (context * np.int64(0x10001F) + ids[i - k] + 1) & np.int64(0xFFFFFFFFFF)
            tagged = context << 2 | k
            at = np.int64((np.uint64(tagged) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask
            while context_key[at] >= 0 and context_key[at] != tagged:
                at = (at + 1) & mask
            key = (tagged * np.int64(0x1F0011) + ids[i]) & np.int64(0x7FFFFFFFFFFFFFFF)
            cell = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask
            while pair_key[cell] >= 0 and pair_key[cell] != key:
                cell = (cell + 1) & mask
            total = context_total[at]
            if total:
                types = context_types[at]
                p = (pair_count[cell] + types * p) / (total + types)
            context_key[at] = tagged
            context_total[at] = total + 1
            if pair_count[cell] == 0:
                context_types[at] += 1
            pair_key[cell] = key
            pair_count[cell] += 1
        bits -= np.log2(p)
    return bits
