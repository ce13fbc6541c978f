"""The softmax between attention's two integer products: scores to int16 weights, in a written order.

e = exp2(score - max); denominator sum(rint(e * 2**15)) in int64; each slot's weight is rint(e * value_scale *
peak / max(e * value_scale)) as int16, with peak such that W * peak * 127 < 2**31, W being the window.

:func:`softmax_weights` works on one query; :func:`exponentials` is its inner loop, by plain code or by the
vectors of :mod:`nzip.exact.x86_softmax`, with equal results.

Concession: the denominator has 15 bits below one, so a key whose e is below 2**-16 counts for nothing in it.
"""

from __future__ import annotations

import numpy as np

from nzip.exact import cpu, numerics, x86_softmax
from nzip.exact.bits import bits_of, float_of
from nzip.exact.jit import lean, njit
from nzip.predictors.llama.kv_cache import BLOCK, SINK_SLOTS

exp2 = numerics.exp2
# Scores are kept inside ±1e29, so that what is hidden is below all of them.
_HIDDEN, _SCORE_LIMIT = x86_softmax.HIDDEN, np.float32(1e29)
_MIN_SCALE = np.float32(1e-25)
_2_15 = np.float32(32768.0)
(_w0, _w5, _w6), (_n0, _n2, _n3) = (
    x86_softmax.exponentials_512.values(),
    x86_softmax.exponentials_256.values(),
)


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


@lean
def _points_to_floats(points, query_scale, ks, place, start, length, ring, e):
    """e = (points * query_scale) * ks where ring place ``place + i`` is within ``length`` of ``start``, else
    hidden. Returns the largest as ordered bits (see :func:`ordered`)."""
    top = np.int32(-(2**31))
    for i in range(points.size):
        off = np.int32(np.int32(i) + np.int32(place - start))
        off = np.int32(off + ring) if off < 0 else off
        v = np.float32(np.float32(np.float32(points[i]) * query_scale) * ks[i])
        v = v if v < _SCORE_LIMIT else _SCORE_LIMIT  # noqa: FURB136  # what NaN becomes is written here
        v = v if v > -_SCORE_LIMIT else -_SCORE_LIMIT  # noqa: FURB136  # as above
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
def softmax_weights(
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
