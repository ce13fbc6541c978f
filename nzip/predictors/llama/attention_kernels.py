"""The integer halves of attention: keys times queries, and values times weights.

Every function takes ``isa`` and gives the same bits whatever it is: results are int32 sums, whose order is
free. What lies between the two, the softmax, is :mod:`.attention_softmax`.

Concession: nothing here checks a bound; :mod:`.attention` owns the shapes.
"""

from __future__ import annotations

import numpy as np

from nzip.exact import cpu, x86
from nzip.exact.jit import lean

_s82, _s81, _s34, _s31, _s14, _s11 = (
    x86.score_512[s] for s in ((8, 2), (8, 1), (3, 4), (3, 1), (1, 4), (1, 1))
)
_t32, _t31, _t14, _t11 = (x86.score_256[s] for s in ((3, 2), (3, 1), (1, 4), (1, 1)))
_v82, _v81, _v34, _v31, _v14, _v11 = (
    x86.value_512[s] for s in ((8, 2), (8, 1), (3, 4), (3, 1), (1, 4), (1, 1))
)
_u34, _u31, _u14, _u11 = (x86.value_256[s] for s in ((3, 4), (3, 1), (1, 4), (1, 1)))


@lean
def scores(isa, keys, first, last, queries, count, out):
    """Integer scores of ``count`` queries against the keys of slot blocks first..last-1.

    ``keys`` int8 (blocks, head/2, 16, 2); ``queries`` int16 (count, head); ``out`` int32 (count, slots), of
    which the blocks' slots are written. |q| <= 32,767, so a score stays below 2**15 * 127 * head size.
    """
    pairs = keys.shape[1]
    if isa == cpu.PORTABLE:
        for block in range(first, last):
            for q in range(count):
                for s in range(16):
                    acc = np.int32(0)
                    for p in range(pairs):
                        acc += np.int32(queries[q, 2 * p]) * np.int32(keys[block, p, s, 0])
                        acc += np.int32(queries[q, 2 * p + 1]) * np.int32(keys[block, p, s, 1])
                    out[q, block * 16 + s] = acc
        return
    blocks = last - first
    if blocks <= 0:
        return
    q_stride, out_stride, block_bytes = queries.shape[1] * 2, out.shape[1] * 4, pairs * 32
    q = 0
    while q < count:
        left = count - q
        width = (8 if left >= 8 else 3 if left >= 3 else 1) if isa == cpu.AVX512 else (3 if left >= 3 else 1)
        many = (2 if width == 8 else 4) if isa == cpu.AVX512 else (2 if width == 3 else 4)
        groups = blocks // many
        pq = queries.ctypes.data + q * q_stride
        pk = keys.ctypes.data + first * block_bytes
        po = out.ctypes.data + q * out_stride + first * 64
        a = (pk, groups, pq, q_stride, pairs, po, out_stride)
        done = groups * many
        b = (pk + done * block_bytes, blocks - done, pq, q_stride, pairs, po + done * 64, out_stride)
        if isa == cpu.AVX512:
            if width == 8:
                _s82(a)
                _s81(b)
            elif width == 3:
                _s34(a)
                _s31(b)
            else:
                _s14(a)
                _s11(b)
        elif width == 3:
            _t32(a)
            _t31(b)
        else:
            _t14(a)
            _t11(b)
        q += width


@lean
def add_values(isa, values, first, last, weights, count, out, after=0):
    """``out[q] += sum of weights[q, slot] * value[slot]`` over the slot pairs first..last-1. ``after``: the
    address of what is read next, in the same places, or 0.

    ``values`` int8 (pairs, head, 2); ``weights`` int16 (count, slots); ``out`` int32 (count, head). The
    caller keeps the sum of |weights| * 127 below 2**31."""
    size = values.shape[1]
    if isa == cpu.PORTABLE:
        for q in range(count):
            for pair in range(first, last):
                w0, w1 = np.int32(weights[q, 2 * pair]), np.int32(weights[q, 2 * pair + 1])
                for i in range(size):
                    out[q, i] += w0 * np.int32(values[pair, i, 0]) + w1 * np.int32(values[pair, i, 1])
        return
    if last <= first:
        return
    w_stride, out_stride = weights.shape[1] * 2, size * 4
    words = 16 if isa == cpu.AVX512 else 8
    q = 0
    while q < count:
        left = count - q
        width = (8 if left >= 8 else 3 if left >= 3 else 1) if isa == cpu.AVX512 else (3 if left >= 3 else 1)
        many = 2 if width == 8 else 4
        wide = size % (words * many) == 0
        base = values.ctypes.data if q or after == 0 else after
        args = (
            values.ctypes.data + first * size * 2,
            last - first,
            weights.ctypes.data + q * w_stride + first * 4,
            w_stride,
            size,
            out.ctypes.data + q * out_stride,
            out_stride,
            base + first * size * 2,
        )
        if isa == cpu.AVX512:
            if width == 8:
                if wide:
                    _v82(args)
                else:
                    _v81(args)
            elif width == 3:
                if wide:
                    _v34(args)
                else:
                    _v31(args)
            elif wide:
                _v14(args)
            else:
                _v11(args)
        elif width == 3:
            if wide:
                _u34(args)
            else:
                _u31(args)
        elif wide:
            _u14(args)
        else:
            _u11(args)
        q += width
