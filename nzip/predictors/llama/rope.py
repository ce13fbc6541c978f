"""Rotary position angles (Su et al., RoFormer) as integers, for positions without end.

An angle is a uint64 phase, 2**64 to the turn: position n of frequency i has phase n * step[i], wrapping as
angles do. The steps come from :mod:`decimal`, whose results are correctly rounded everywhere; sine and
cosine are integer polynomials. So no table grows with the text, and no libm is asked.

Rotation itself is elementwise float32 with sine and cosine at 2**-22 (exact in float32).

Concession: no scaling of positions (YaRN and its like); the loaders refuse models that want it.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np

from nzip.exact.jit import lean, njit

SCALE_BITS = 22
_UNIT = np.float32(2.0**-SCALE_BITS)

# sin(pi/2 * x) = x * P(x**2) on [0, 1], coefficients at 2**30 (least squares, error 1e-9).
SINE = (1686629713, -693598664, 85569267, -5026859, 172039, -3673)

_PI = "3.14159265358979323846264338327950288419716939937510582097494"


def phase_steps(theta: float, head_size: int) -> np.ndarray:
    """uint64 (head_size / 2,): theta**(-2i / head_size) radians, as parts of 2**64 to the turn."""
    steps = []
    with localcontext() as context:
        context.prec = 50
        turn = 2 * Decimal(_PI)
        base = Decimal(float(theta))
        for i in range(head_size // 2):
            frequency = (-(base.ln()) * 2 * i / head_size).exp()
            steps.append(int((frequency / turn * 2**64).to_integral_value()) % 2**64)
    return np.array(steps, np.uint64)


@njit(inline="always")
def _sine_quarter(x):
    """sin(pi/2 * x / 2**30) at 2**30, x int64 in 0 .. 2**30."""
    y = (x * x) >> 30
    p = np.int64(SINE[5])
    p = ((p * y) >> 30) + np.int64(SINE[4])
    p = ((p * y) >> 30) + np.int64(SINE[3])
    p = ((p * y) >> 30) + np.int64(SINE[2])
    p = ((p * y) >> 30) + np.int64(SINE[1])
    p = ((p * y) >> 30) + np.int64(SINE[0])
    return (p * x) >> 30


@njit(nogil=True, cache=True)
def sine_cosine(phase):
    """(sin, cos) of ``phase`` (uint64, 2**64 to the turn) as integers at 2**22."""
    quadrant = np.int64(phase >> np.uint64(62))
    x = np.int64((phase >> np.uint64(32)) & np.uint64(0x3FFFFFFF))
    half = np.int64(1 << (30 - SCALE_BITS - 1))
    s = (_sine_quarter(x) + half) >> (30 - SCALE_BITS)
    c = (_sine_quarter((1 << 30) - x) + half) >> (30 - SCALE_BITS)
    if quadrant == 0:
        return s, c
    if quadrant == 1:
        return c, -s
    if quadrant == 2:
        return -s, -c
    return -c, s


@njit(nogil=True, cache=True)
def angles(steps, position, cos, sin):
    """Fill float32 ``cos`` and ``sin`` (head/2,) for one position (int64, not negative)."""
    for i in range(steps.size):
        s, c = sine_cosine(steps[i] * np.uint64(position))
        cos[i] = np.float32(c) * _UNIT
        sin[i] = np.float32(s) * _UNIT


@lean
def rotate(x, cos, sin, out):
    """Rotate the pairs (x[2i], x[2i+1]) of one head by the i-th angle."""
    for i in range(cos.size):
        x0, x1 = x[2 * i], x[2 * i + 1]
        out[2 * i] = np.float32(x0 * cos[i]) - np.float32(x1 * sin[i])
        out[2 * i + 1] = np.float32(x0 * sin[i]) + np.float32(x1 * cos[i])
