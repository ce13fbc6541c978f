"""The only home of exp, log, softmax and their kin on a coded path: equal bits on every machine.

libm, NumPy and torch round these functions differently from one version, processor or thread count to the
next, and one differing bit turns the rest of a file into noise. Here each is a written sequence of IEEE-754
operations (+ − × and rint, all correctly rounded by the standard), never fused, with coefficients kept as
stored bits. Sums are integer sums, whose order cannot matter. tests/nzip/exact/test_numerics.py pins the
outputs by hash and compares them with a NumPy twin.

Concession: this is accurate to about 2⁻²³, not correctly rounded.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit

# 2**f on |f| <= 1/2, relative error 1.9e-9 before rounding; bits of float32, lowest power first.
_EXP2_BITS = (0x3F800000, 0x3F317218, 0x3E75FDED, 0x3D63576A, 0x3C1D96DE, 0x3AAFA2B5, 0x3920E99A)
EXP2_COEFFICIENTS = np.array(_EXP2_BITS, np.uint32).view(np.float32)
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = EXP2_COEFFICIENTS
_LOW, _HIGH = np.float32(-126.0), np.float32(127.0)
_BIAS, _MANTISSA_BITS = np.int32(127), np.int32(23)

LOG2E = np.array([0x3FB8AA3B], np.uint32).view(np.float32)[0]
WEIGHT_BITS = 28
_WEIGHT_SCALE = np.float32(2.0**WEIGHT_BITS)


@njit("float32(float32)", cache=True)
def exp2(x):
    """2**x as float32, relative error below 1.1e-7. x is clamped to [-126, 127]; NaN is not allowed."""
    x = min(max(x, _LOW), _HIGH)
    whole = np.float32(np.rint(x))
    f = np.float32(x - whole)  # exact
    p = np.float32(_C6 * f) + _C5
    p = np.float32(p * f) + _C4
    p = np.float32(p * f) + _C3
    p = np.float32(p * f) + _C2
    p = np.float32(p * f) + _C1
    p = np.float32(p * f) + _C0
    power = np.int32((np.int32(whole) + _BIAS) << _MANTISSA_BITS)  # the bits of 2**whole
    return np.float32(p * power.view(np.float32))


@njit("void(float32[::1], int32[::1])", cache=True)
def softmax_weights(logits, out):
    """Unnormalised softmax in integers: ``out[i] = int(exp2((logits[i] - max) * log2 e) * 2**28) + 1``.

    ``logits`` float32 (n,), nats, no NaN and no +inf (-inf is a forbidden symbol and still gets weight 1);
    ``out`` int32 (n,). The largest weight is 2**28 + 1, the smallest 1.
    """
    # The maximum does not depend on the order; four chains let the processor overlap them.
    a = b = c = d = logits[0]
    for i in range(0, logits.size - 3, 4):
        a = max(a, logits[i])
        b = max(b, logits[i + 1])
        c = max(c, logits[i + 2])
        d = max(d, logits[i + 3])
    for i in range(logits.size // 4 * 4, logits.size):
        a = max(a, logits[i])
    peak = max(max(a, b), max(c, d))
    for i in range(logits.size):
        e = exp2(np.float32(np.float32(logits[i] - peak) * LOG2E))
        out[i] = np.int32(np.float32(e * _WEIGHT_SCALE)) + np.int32(1)


# log2(1 + f) = f * P(f) on -1/3 <= f <= 1/3, error 2.2e-8; bits of float32, lowest power first.
_LOG2_BITS = (
    0x3FB8AA3B,
    0xBF38AA2B,
    0x3EF637FA,
    0xBEB8B969,
    0x3E93D2E2,
    0xBE727832,
    0x3E4E8A2F,
    0xBE638DC9,
    0x3E501D69,
)
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8 = np.array(_LOG2_BITS, np.uint32).view(np.float32)
_TWO_THIRDS = np.int32(0x3F2AAAAB)


@njit("float32(float32)", cache=True)
def log2(x):
    """log2 of a positive normal float32, absolute error below 2e-7 near 1 and one ulp elsewhere."""
    bits = np.float32(x).view(np.int32)
    whole = np.int32((bits - _TWO_THIRDS) >> _MANTISSA_BITS)
    f = np.float32(np.int32(bits - np.int32(whole << _MANTISSA_BITS)).view(np.float32) - np.float32(1.0))
    p = np.float32(_L8 * f) + _L7
    p = np.float32(p * f) + _L6
    p = np.float32(p * f) + _L5
    p = np.float32(p * f) + _L4
    p = np.float32(p * f) + _L3
    p = np.float32(p * f) + _L2
    p = np.float32(p * f) + _L1
    p = np.float32(p * f) + _L0
    return np.float32(np.float32(whole) + np.float32(p * f))
