"""Forward and backward of the recurrent network's elementwise parts, fused over whole batches for the CPU.

``torch`` does the matrix products; what lies between them would cost it a dozen passes over memory. Each
function here is one pass. The activation is algebraic, s(x) = x / sqrt(1 + x²), sigma(x) = (1 + s(x)) / 2:
bounded, cheap, without libm, and exactly what the coded path computes from tables or from correctly rounded
operations.

Concession: float32 with ``fastmath``, so sums may be reordered: this trains weights, it never codes.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

CLIP = 8.0  # bound of a normalised activation
EPSILON = 1e-4

_fast: dict[str, Any] = {"fastmath": True, "nogil": True, "cache": True, "error_model": "numpy"}


@numba.njit(**_fast)
def norm_forward(x, u, inverse):
    """u = clip(x / rms(x)); x, u float32 (n, d), inverse (n,) gets 1 / rms."""
    n, d = x.shape
    for i in range(n):
        s = np.float32(0.0)
        for j in range(d):
            s += x[i, j] * x[i, j]
        r = np.float32(1.0) / np.sqrt(s / np.float32(d) + np.float32(EPSILON))
        inverse[i] = r
        for j in range(d):
            u[i, j] = min(max(x[i, j] * r, np.float32(-CLIP)), np.float32(CLIP))


@numba.njit(**_fast)
def norm_backward(du, u, inverse, dx):
    """The gradient of :func:`norm_forward` (the clip passes gradients straight through)."""
    n, d = u.shape
    for i in range(n):
        s = np.float32(0.0)
        for j in range(d):
            s += du[i, j] * u[i, j]
        s /= np.float32(d)
        r = inverse[i]
        for j in range(d):
            dx[i, j] = (du[i, j] - u[i, j] * s) * r


@numba.njit(**_fast)
def scan_forward(pre, first, h, y):
    """The gated linear recurrence. ``pre`` (b, t, 3 d): update gate a, candidate c, output gate o.

    h_t = h_{t-1} + sigma(a) (s(c) - h_{t-1}), y = h * o * sigma(o); ``first`` (b, d) is the state before and
    becomes the state after; h, y (b, t, d).
    """
    b, t, d = y.shape
    one, half = np.float32(1.0), np.float32(0.5)
    for i in range(b):
        for k in range(t):
            for j in range(d):
                a = pre[i, k, j]
                c = pre[i, k, d + j]
                o = pre[i, k, 2 * d + j]
                z = half + half * a / np.sqrt(one + a * a)
                p = first[i, j]
                p += z * (c / np.sqrt(one + c * c) - p)
                first[i, j] = p
                h[i, k, j] = p
                y[i, k, j] = p * o * (half + half * o / np.sqrt(one + o * o))


@numba.njit(**_fast)
def scan_backward(dy, pre, first, h, dpre, carry):
    """Gradient of :func:`scan_forward`: ``first`` the state before, ``carry`` (b, d) zeroed, ``dpre`` like
    ``pre``."""
    b, t, d = dy.shape
    one, half = np.float32(1.0), np.float32(0.5)
    for i in range(b):
        for k in range(t - 1, -1, -1):
            before = first[i] if k == 0 else h[i, k - 1]
            a, c, o = pre[i, k, :d], pre[i, k, d : 2 * d], pre[i, k, 2 * d :]
            da, dc, do = dpre[i, k, :d], dpre[i, k, d : 2 * d], dpre[i, k, 2 * d :]
            for j in range(d):
                ra = one / np.sqrt(one + a[j] * a[j])
                rc = one / np.sqrt(one + c[j] * c[j])
                ro = one / np.sqrt(one + o[j] * o[j])
                z = half + half * a[j] * ra
                g = half + half * o[j] * ro
                dh = carry[i, j] + dy[i, k, j] * o[j] * g
                do[j] = dy[i, k, j] * h[i, k, j] * (g + half * o[j] * ro * ro * ro)
                da[j] = dh * (c[j] * rc - before[j]) * half * ra * ra * ra
                dc[j] = dh * z * rc * rc * rc
                carry[i, j] = dh * (one - z)
