"""Exact matrix products of quantised weights (:mod:`.packed`) and activations, and how those are quantised.

Every function takes ``isa`` (:func:`.cpu.detect`) and gives the same bits whatever it is: results are int32
sums that wrap at 2**32, an order-free and machine-free definition, followed by float32 operations that are
written out one by one. :mod:`.twin` explains all of it in plain int64 NumPy.

Quantised activations of T tokens: ``a`` int8 (T, K), ``factors`` uint32 (T, K/32), the group's integer scale
f in 1..32, twice (f | f << 16), ``sums`` int16 (T, K/32) = f * sum of the group's a, ``scale`` float32 (T,).
activation = a * f * scale.

Bounds: a group's u4 x s8 sums are below 2**15 per 16 columns; d <= 255 (4 bits) or 31 (7 bits), so d*f fits
int16. A row's total may pass 2**31 in theory and wraps then; in models it stays five times below and more.
"""

from __future__ import annotations

import numpy as np

from nzip.exact import cpu, x86
from nzip.exact.bits import bits_of, float_of
from nzip.exact.jit import njit
from nzip.predictors.llama.packed import GROUP, ROWS

# The largest factor of a token's groups: the first of these with which every group's sum fits int16. The last
# always does.
FACTORS = (32, 16, 8)

(_m4_8, _m4_6, _m4_5, _m4_4, _m4_3, _m4_2, _m4_1) = (x86.matmul4_512[t] for t in (8, 6, 5, 4, 3, 2, 1))
(_m7_8, _m7_6, _m7_5, _m7_4, _m7_3, _m7_2, _m7_1) = (x86.matmul7_512[t] for t in (8, 6, 5, 4, 3, 2, 1))
(_n4_4, _n4_2, _n4_1) = (x86.matmul4_256[t] for t in (4, 2, 1))
(_n7_4, _n7_2, _n7_1) = (x86.matmul7_256[t] for t in (4, 2, 1))

# Activations are kept inside this, so that no float ever becomes infinite or NaN, whatever the weights.
_LIMIT = np.float32(1e15)
_MIN_SCALE = np.float32(1e-25)
_1, _127 = np.float32(1.0), np.float32(127.0)


@njit(inline="always")
def tame(x):
    """x within ±1e15; NaN becomes 1e15, the same on every machine."""
    x = x if x < _LIMIT else _LIMIT  # noqa: FURB136  # what NaN becomes is written here
    return x if x > -_LIMIT else -_LIMIT  # noqa: FURB136  # as above


@njit(nogil=True, cache=True, error_model="numpy")
def _quantise_groups(x, inv, limit, a, factors, sums):
    """The groups of one token, float32 (columns,), in steps of 1/``inv`` times a factor of at most ``limit``;
    whether all sums fit."""
    fits = True
    for g in range(x.size // GROUP):
        most = np.int32(0)
        for j in range(GROUP):
            most = max(most, bits_of(abs(tame(x[g * GROUP + j]))))
        top = np.float32(np.float32(float_of(most) * inv) / _127)
        f = np.int32(top)
        f = f + np.int32(1) if np.float32(f) < top else f
        f = min(max(f, np.int32(1)), np.int32(limit))
        part = _1 / np.float32(f)
        total = np.int32(0)
        for j in range(GROUP):
            v = np.float32(np.float32(tame(x[g * GROUP + j]) * inv) * part)
            q = np.int32(np.rint(v))
            total += q
            a[g * GROUP + j] = q
        total *= f
        fits = fits and -32768 <= total <= 32767
        factors[g] = f | f << 16
        sums[g] = total
    return fits


@njit(nogil=True, cache=True, error_model="numpy")
def quantise(x, tokens, a, factors, sums, scale):
    """Block-float int8 activations of x[:tokens], float32 (T, columns); the arrays' layout is above, columns
    beyond x's are zero. Each group takes the least factor that keeps it within int8."""
    cols = x.shape[1]
    for t in range(tokens):
        # As bits, which sort as floats do where none is negative: LLVM vectorises the maximum of integers
        # alone.
        most = np.int32(0)
        for i in range(cols):
            most = max(most, bits_of(abs(tame(x[t, i]))))
        peak = float_of(most)
        if peak < _MIN_SCALE:
            scale[t] = np.float32(0.0)
            a[t, :] = 0
            factors[t, :] = 0
            sums[t, :] = 0
            continue
        for limit in FACTORS:
            steps = np.float32(127 * limit)
            scale[t] = peak / steps
            if _quantise_groups(x[t], steps / peak, limit, a[t], factors[t], sums[t]):
                break
        for g in range(cols // GROUP, factors.shape[1]):
            a[t, g * GROUP : (g + 1) * GROUP] = 0
            factors[t, g] = 0
            sums[t, g] = 0


@njit(nogil=True, cache=True, error_model="numpy")
def _matmul_portable(bits, codes, d, m, rs, a, factors, sums, scale, tokens, out, first, last):
    groups = factors.shape[1]
    acc = np.empty(ROWS, np.int32)
    part = np.empty(ROWS, np.int32)
    for block in range(first, last):
        for t in range(tokens):
            acc[:] = 0
            for g in range(groups):
                part[:] = 0
                code = codes[block, g]
                if bits == 4:
                    for c in range(4):
                        for r in range(ROWS):
                            for j in range(4):
                                byte = np.int32(code[64 * c + 4 * r + j])
                                part[r] += (byte & 15) * np.int32(a[t, g * GROUP + 8 * c + j])
                                part[r] += (byte >> 4) * np.int32(a[t, g * GROUP + 8 * c + 4 + j])
                else:
                    for c in range(8):
                        for r in range(ROWS):
                            for j in range(4):
                                part[r] += np.int32(code[64 * c + 4 * r + j]) * np.int32(
                                    a[t, g * GROUP + 4 * c + j]
                                )
                f = np.int32(factors[t, g] & np.uint32(0xFFFF))
                s = np.int32(sums[t, g])
                for r in range(ROWS):
                    acc[r] += np.int32(part[r] * np.int32(np.int32(d[block, g, r]) * f))
                    acc[r] += np.int32(m[block, g >> 1, r, g & 1]) * s
            for r in range(ROWS):
                out[t, block * ROWS + r] = np.float32(np.float32(acc[r]) * rs[block * ROWS + r]) * scale[t]


@njit(nogil=True, cache=True, error_model="numpy")
def matmul(isa, bits, codes, d, m, rs, a, factors, sums, scale, tokens, out, first, last):
    """``out[t, r] = (float32(sum over columns) * rs[r]) * scale[t]``, float32 (T, blocks*16), for t < tokens
    and the row blocks first..last-1.

    ``codes`` … ``rs`` are one layer of a :class:`Packed`; ``a`` … ``scale`` come from :func:`quantise`.
    """
    if isa == cpu.PORTABLE:
        _matmul_portable(bits, codes, d, m, rs, a, factors, sums, scale, tokens, out, first, last)
        return
    cols, groups = a.shape[1], factors.shape[1]
    stride = out.shape[1] * 4
    half = groups * (128 if bits == 4 else 256)
    for block in range(first, last):
        pc, pd, pm = codes[block].ctypes.data, d[block].ctypes.data, m[block].ctypes.data
        pr = rs.ctypes.data + block * 64
        po = out.ctypes.data + block * 64
        # The first two rounds each ask memory for one half of the next block.
        after = pc + 2 * half if block + 1 < last else pc
        t = 0
        while t < tokens:
            pa = a.ctypes.data + t * cols
            ph = factors.ctypes.data + t * groups * 4
            ps = sums.ctypes.data + t * groups * 2
            px = scale.ctypes.data + t * 4
            args = (pc, pd, pm, pr, pa, ph, ps, px, po + t * stride, cols, groups, stride, after)
            after = after + half if after > pc and t == 0 else pc
            left = tokens - t
            if isa == cpu.AVX512:
                if left >= 8:
                    if bits == 4:
                        _m4_8(args)
                    else:
                        _m7_8(args)
                    t += 8
                elif left >= 6:
                    if bits == 4:
                        _m4_6(args)
                    else:
                        _m7_6(args)
                    t += 6
                elif left >= 5:
                    if bits == 4:
                        _m4_5(args)
                    else:
                        _m7_5(args)
                    t += 5
                elif left >= 4:
                    if bits == 4:
                        _m4_4(args)
                    else:
                        _m7_4(args)
                    t += 4
                elif left >= 3:
                    if bits == 4:
                        _m4_3(args)
                    else:
                        _m7_3(args)
                    t += 3
                elif left >= 2:
                    if bits == 4:
                        _m4_2(args)
                    else:
                        _m7_2(args)
                    t += 2
                else:
                    if bits == 4:
                        _m4_1(args)
                    else:
                        _m7_1(args)
                    t += 1
            else:
                if left >= 4:
                    if bits == 4:
                        _n4_4(args)
                    else:
                        _n7_4(args)
                    t += 4
                elif left >= 2:
                    if bits == 4:
                        _n4_2(args)
                    else:
                        _n7_2(args)
                    t += 2
                else:
                    if bits == 4:
                        _n4_1(args)
                    else:
                        _n7_1(args)
                    t += 1
