"""Causal grouped-query attention over an int8 cache that slides and never forgets its first four tokens.

A query at position n sees the last W-4 positions and the *sinks*, positions 0 to 3 (Xiao et al., Efficient
Streaming Language Models with Attention Sinks): W keys in all. Keys keep the rotation of their own position;
once the sinks have left the recent window, they are seen by a query rotated for position W-1, so that no
distance exceeds W-1. Nothing is recomputed when the window slides.

The cache of one lane and layer: ``keys`` int8 (kv heads, slots/16, head/2, 16, 2), ``values`` int8 (kv heads,
slots/2, head, 2), ``key_scale``, ``value_scale`` float32 (kv heads, slots). Slots 0 to 3 hold the sinks (4 to
15 stay empty), position p >= 4 lies in slot 16 + (p-4) % ring. Which slot holds what never shows in the
result: scores are integer sums of one slot, the maximum has no order, and all else is integer sums over
slots.

Softmax: e = exp2(score - max); denominator sum(rint(e * 2**15)) in int64; each slot's weight is
rint(e * value_scale * peak / max(e * value_scale)) as int16, with peak such that W * peak * 127 < 2**31.
"""

from __future__ import annotations

import numpy as np

from nzip.exact import cpu, numerics, x86_softmax
from nzip.exact.bits import bits_of, float_of
from nzip.exact.jit import lean, njit
from nzip.predictors.llama.kernels import add_values, scores, tame

exp2 = numerics.exp2
SINKS = 4
SINK_SLOTS = 16
BLOCK = 16
# Tokens of one lane whose queries are scored together.
TILE = 8

# Scores are kept inside ±1e29, so that what is hidden is below all of them.
_HIDDEN, _SCORE_LIMIT = x86_softmax.HIDDEN, np.float32(1e29)
_QUERY_PEAK, _KEY_PEAK = np.float32(32000.0), np.float32(127.0)
_MIN_SCALE = np.float32(1e-25)
_2_15 = np.float32(32768.0)
MAX_WINDOW = 1 << 15  # the softmax's denominator is below 2**15 times as much
(_w0, _w5, _w6), (_n0, _n2, _n3) = (
    x86_softmax.exponentials_512.values(),
    x86_softmax.exponentials_256.values(),
)


def ring_size(window: int, chunk: int) -> int:
    """Slots that let ``chunk`` tokens of one lane enter before the first of them attends."""
    return -(-(window - SINKS + chunk - 1) // BLOCK) * BLOCK


def weight_peak(window: int) -> int:
    """The largest int16 weight of a value, such that a sum over the window stays below 2**31."""
    return min(8191, (2**31 - 1) // (127 * window))


@njit(inline="always")
def ordered_bits(i):
    """Between a float's bits and integers that sort as the floats do; its own inverse."""
    return np.int32(i ^ ((i >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@njit(inline="always")
def ordered(x):
    """float32 → int32 in the same order. LLVM vectorises the maximum of integers, not that of floats."""
    return ordered_bits(bits_of(x))


@njit(inline="always")
def slot_of(position, ring):
    """Where a position's key and value lie."""
    return position if position < SINKS else SINK_SLOTS + (position - SINKS) % ring


@lean
def quantise_row(x, peak_to, out):
    """``out`` = x scaled to integers of at most ``peak_to``; returns the scale that undoes it. x float32
    (n,)."""
    most = np.int32(0)
    for i in range(x.size):
        most = max(most, bits_of(abs(tame(x[i]))))
    peak = float_of(most)
    if peak < _MIN_SCALE:
        out[:] = 0
        return np.float32(0.0)
    inv = peak_to / peak
    for i in range(x.size):
        out[i] = np.int32(np.rint(np.float32(tame(x[i]) * inv)))
    return np.float32(peak / peak_to)


@lean
def rotate(x, cos, sin, out):
    """Rotate the pairs (x[2i], x[2i+1]) of one head by the i-th angle."""
    for i in range(cos.size):
        x0, x1 = x[2 * i], x[2 * i + 1]
        out[2 * i] = np.float32(x0 * cos[i]) - np.float32(x1 * sin[i])
        out[2 * i + 1] = np.float32(x0 * sin[i]) + np.float32(x1 * cos[i])


@lean
def store(keys, values, key_scale, value_scale, head, slot, k, v, row):
    """Write one token's rotated key and its value (float32 (head size,)) into the cache; ``row`` is scratch
    int32."""
    size = k.size
    key_scale[head, slot] = quantise_row(k, _KEY_PEAK, row)
    to_key, inside = keys[head, slot // BLOCK], slot % BLOCK
    for i in range(size // 2):
        to_key[i, inside, 0] = row[2 * i]
        to_key[i, inside, 1] = row[2 * i + 1]
    value_scale[head, slot] = quantise_row(v, _KEY_PEAK, row)
    to_value, inside = values[head, slot // 2], slot % 2
    for i in range(size):
        to_value[i, inside] = row[i]


@lean
def _points_to_floats(points, query_scale, ks, place, start, length, ring, e):
    """e = (points * query_scale) * ks where ring place ``place + i`` is within ``length`` of ``start``, else
    hidden. Returns the largest as ordered bits (see :func:`ordered`)."""
    top = np.int32(-(2**31))
    for i in range(points.size):
        off = np.int32(np.int32(i) + np.int32(place - start))
        off = np.int32(off + ring) if off < 0 else off
        v = np.float32(np.float32(np.float32(points[i]) * query_scale) * ks[i])
        v = v if v < _SCORE_LIMIT else _SCORE_LIMIT
        v = v if v > -_SCORE_LIMIT else -_SCORE_LIMIT
        v = v if off < length else _HIDDEN
        e[i] = v
        top = max(top, ordered(v))
    return top


@lean
def _exponentials(e, top, vs):
    """e = exp2(e - top) * vs. Returns the sum of rint(exp2 * 2**15) and the largest e as bits (none is
    negative)."""
    total = np.int32(0)  # of 32 bits, or LLVM works on half as many floats at a time
    heavy = np.int32(0)
    for i in range(e.size):
        v = exp2(np.float32(e[i] - top))
        v = v if e[i] > _HIDDEN else np.float32(0.0)
        total += np.int32(np.rint(np.float32(v * _2_15)))
        v = np.float32(v * vs[i])
        e[i] = v
        heavy = max(heavy, ordered(v))
    return total, heavy


@lean
def exponentials(isa, e, top, vs, query, after, found):
    """:func:`_exponentials` by the instructions of ``isa``, its results in ``found`` int32 (2,); e.size is a
    multiple of 16. Queries 0 to 2 ask memory for a third each of the e.size lines at the address ``after``,
    unless that is 0."""
    if isa == cpu.PORTABLE:
        found[0], found[1] = _exponentials(e, top, vs)
        return
    rounds = e.size // 16 if isa == cpu.AVX512 else e.size // 8
    third = query if after else 3
    if isa == cpu.AVX512:
        done = 0 if third == 0 else 6 if third == 1 else 11
        args = (
            e.ctypes.data,
            vs.ctypes.data,
            rounds,
            np.int64(bits_of(top)),
            found.ctypes.data,
            after + rounds * 64 * done,
        )
        if third == 0:
            _w6(args)
        elif third <= 2:
            _w5(args)
        else:
            _w0(args)
    else:
        args = (
            e.ctypes.data,
            vs.ctypes.data,
            rounds,
            np.int64(bits_of(top)),
            found.ctypes.data,
            after + rounds * 192 * third,
        )
        if third <= 1:
            _n3(args)
        elif third == 2:
            _n2(args)
        else:
            _n0(args)


@lean
def _round_all(e, up, p):
    for i in range(e.size):
        p[i] = np.int32(np.rint(np.float32(e[i] * up)))


@lean
def _weights(
    isa,
    points,
    query_scale,
    sink_scale,
    ks,
    vs,
    first,
    last,
    sinks,
    start,
    length,
    ring,
    peak,
    query,
    values,
    size,
    e,
    found,
    p,
):
    """Softmax of one query over the block ranges first[r]..last[r]-1, of which range 0 is the sink block.

    ``points`` int32 are the integer scores, ``ks``, ``vs`` the key and value scales, ``e`` scratch, ``p``
    int16 the result: all (slots,). ``sinks`` says how many sinks are seen, ``start`` and ``length`` which
    ring places. ``query`` counts the queries, ``values`` is where the values lie, of ``size`` bytes a slot:
    see :func:`exponentials`, as for ``found``. Returns the factor that turns the integer sum of values into
    floats."""
    end = SINK_SLOTS
    zero = np.int32(0)
    top = _points_to_floats(
        points[:end], sink_scale, ks[:end], zero, zero, np.int32(sinks), np.int32(end), e[:end]
    )
    for r in range(1, 3):
        a, b = first[r] * BLOCK, last[r] * BLOCK
        if a == b:
            continue
        top = max(
            top,
            _points_to_floats(
                points[a:b],
                query_scale,
                ks[a:b],
                np.int32(a - SINK_SLOTS),
                np.int32(start),
                np.int32(length),
                np.int32(ring),
                e[a:b],
            ),
        )
    peak_score = float_of(ordered_bits(top))
    total = np.int64(0)
    heavy = zero
    for r in range(3):
        a, b = first[r] * BLOCK, last[r] * BLOCK
        if a == b:
            continue
        exponentials(isa, e[a:b], peak_score, vs[a:b], query, values + a * size, found)
        total += found[0]
        heavy = max(heavy, found[1])
    most = float_of(heavy)
    up = np.float32(peak) / most if most >= _MIN_SCALE else np.float32(0.0)
    for r in range(3):
        a, b = first[r] * BLOCK, last[r] * BLOCK
        if a == b:
            continue
        _round_all(e[a:b], up, p[a:b])
    if most < _MIN_SCALE:
        return np.float32(0.0)
    return np.float32(np.float32(most / np.float32(peak)) / np.float32(np.float32(total) / _2_15))


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
                factors[i] = _weights(
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
