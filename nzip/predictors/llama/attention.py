"""Causal grouped-query attention over an int8 cache that slides and never forgets its first four tokens.

A query at position n sees the last W-4 positions and the *sinks*, positions 0 to 3 (Xiao et al., Efficient
Streaming Language Models with Attention Sinks): W keys in all. Keys keep the rotation of their own position;
once the sinks have left the recent window, they are seen by a query rotated for position W-1, so that no
distance exceeds W-1. Nothing is recomputed when the window slides.

Keys and values lie in a cache (:mod:`.kv_cache`). Which slot holds what never shows in the result: scores are
integer sums of one slot (:mod:`.attention_kernels`), the maximum has no order, and all else is integer sums
over slots (:mod:`.attention_softmax`).

Concession: nothing here checks a bound; :mod:`.engine` owns the shapes.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import lean
from nzip.predictors.llama.attention_kernels import add_values, scores
from nzip.predictors.llama.attention_softmax import softmax_weights
from nzip.predictors.llama.kv_cache import BLOCK, SINKS

# Tokens of one lane whose queries are scored together.
TILE = 8


@lean
def attend(
    isa,
    first_head,
    last_head,
    keys,
    values,
    key_scale,
    value_scale,
    window,
    ring,
    peak,
    position,
    tokens,
    t0,
    q,
    q_sink,
    q_scale,
    q_sink_scale,
    score,
    e,
    p,
    sums,
    factors,
    ranges,
    found,
    out,
    after=0,
):
    """Attention of ``tokens`` <= TILE consecutive tokens of one lane, the first at ``position``, by the
    key-value heads first_head..last_head-1; they lie at t0.. in ``q`` and ``q_sink`` int16 (kv heads, T,
    group, head), ``q_scale`` and ``q_sink_scale`` float32 (kv heads, T, group) and ``out`` float32 (T, heads
    * head). ``after``: the address of the keys that are read next, or 0. Scratch: ``score`` int32 and ``p``
    int16 (TILE * group, slots), ``e`` float32 (slots,), ``sums`` int32 (TILE * group, head), ``factors``
    float32 (TILE * group,), ``ranges`` int64 (2, 3), ``found`` int32 (2,)."""
    group, size = q.shape[2], q.shape[3]
    recent = window - SINKS
    first, last = ranges[0], ranges[1]
    first[:] = 0
    last[:] = 0
    last[0] = 1
    end = position + tokens - 1
    if end >= SINKS:
        a = (max(SINKS, position - recent + 1) - SINKS) % ring
        b = (end - SINKS) % ring
        whole = ring // BLOCK
        if a <= b:
            first[1], last[1] = 1 + a // BLOCK, 2 + b // BLOCK
        elif b // BLOCK >= a // BLOCK:
            first[1], last[1] = 1, 1 + whole
        else:
            first[1], last[1] = 1, 2 + b // BLOCK
            first[2], last[2] = 1 + a // BLOCK, 1 + whole
    count = tokens * group
    for h in range(first_head, last_head):
        rows = q[h, t0 : t0 + tokens].reshape(count, size)
        scores(isa, keys[h], 0, 1, q_sink[h, t0 : t0 + tokens].reshape(count, size), count, score)
        scores(isa, keys[h], first[1], last[1], rows, count, score)
        scores(isa, keys[h], first[2], last[2], rows, count, score)
        for t in range(tokens):
            n = position + t
            low = max(SINKS, n - recent + 1)
            for g in range(group):
                i = t * group + g
                factors[i] = softmax_weights(
                    isa,
                    score[i],
                    q_scale[h, t0 + t, g],
                    q_sink_scale[h, t0 + t, g],
                    key_scale[h],
                    value_scale[h],
                    first,
                    last,
                    min(n + 1, SINKS),
                    (low - SINKS) % ring,
                    max(0, n - low + 1),
                    ring,
                    peak,
                    i,
                    values[h].ctypes.data,
                    size,
                    e,
                    found,
                    p[i],
                )
        sums[:count] = 0
        add_values(isa, values[h], 0, SINKS // 2, p, count, sums)
        following = keys[h + 1].ctypes.data if h + 1 < last_head else after
        for r in range(1, 3):
            add_values(isa, values[h], first[r] * 8, last[r] * 8, p, count, sums, following)
        for t in range(tokens):
            for g in range(group):
                i = t * group + g
                at = (h * group + g) * size
                for j in range(size):
                    out[t0 + t, at + j] = np.float32(np.float32(sums[i, j]) * factors[i])
