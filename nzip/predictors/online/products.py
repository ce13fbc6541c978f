"""Matrix products and Adam of the online network in float32 with a written order: no two machines differ.

Each sum runs over its index in rising order, one multiplication and one addition at a time; what is vectorised is
the other index, whose elements do not meet. So LLVM may use any vector width and the bits stay the same.

Concession: four terms a pass over the accumulators, written out by hand, because LLVM must not reorder float sums
and does not keep a row of accumulators in registers by itself.
"""

from __future__ import annotations

import numpy as np

from nzip.jit import njit

f32 = np.float32
BETA1, BETA2, EPSILON = f32(0.9), f32(0.99), f32(1e-8)
_ONE = f32(1)


@njit(nogil=True, cache=True)
def forward(weight, x, out):
    """out[n] = Σ_k x[k] weight[k, n], k rising; ``weight`` (K, N), K a multiple of 4, x (K,), out (N,); float32."""
    k_all, n_all = weight.shape
    for n in range(n_all):
        out[n] = f32(0)
    for k in range(0, k_all, 4):
        a, b, c, d = x[k], x[k + 1], x[k + 2], x[k + 3]
        w0, w1, w2, w3 = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
        for n in range(n_all):
            s = f32(out[n] + f32(a * w0[n]))
            s = f32(s + f32(b * w1[n]))
            s = f32(s + f32(c * w2[n]))
            out[n] = f32(s + f32(d * w3[n]))


@njit(nogil=True, cache=True)
def backward(weight, dy, dx):
    """dx[k, t] = Σ_n weight[k, n] dy[n, t], n rising; dy (N, T), dx (K, T), N a multiple of 4."""
    k_all, n_all = weight.shape
    t_all = dy.shape[1]
    for k in range(k_all):
        out, w = dx[k], weight[k]
        for t in range(t_all):
            out[t] = f32(0)
        for n in range(0, n_all, 4):
            a, b, c, d = w[n], w[n + 1], w[n + 2], w[n + 3]
            y0, y1, y2, y3 = dy[n], dy[n + 1], dy[n + 2], dy[n + 3]
            for t in range(t_all):
                s = f32(out[t] + f32(a * y0[t]))
                s = f32(s + f32(b * y1[t]))
                s = f32(s + f32(c * y2[t]))
                out[t] = f32(s + f32(d * y3[t]))


@njit(nogil=True, cache=True)
def adam(weight, m, v, gradient, rate, first, second):
    """One step of Adam on float32 vectors; ``first`` and ``second``: 1 / (1 - beta**steps)."""
    for n in range(weight.size):
        g = gradient[n]
        mn = f32(f32(BETA1 * m[n]) + f32(f32(_ONE - BETA1) * g))
        vn = f32(f32(BETA2 * v[n]) + f32(f32(_ONE - BETA2) * f32(g * g)))
        m[n], v[n] = mn, vn
        weight[n] = f32(weight[n] - f32(rate * f32(f32(mn * first) / f32(np.sqrt(f32(vn * second)) + EPSILON))))


@njit(nogil=True, cache=True)
def learn(weight, m, v, x, dy, row, rate, first, second):
    """Adam on ``weight`` (K, N) from its gradient Σ_t x[t, k] dy[t, n], t rising; x (T, K), dy (T, N), T a multiple
    of 4; ``row``: scratch (N,)."""
    k_all, n_all = weight.shape
    for k in range(k_all):
        for n in range(n_all):
            row[n] = f32(0)
        for t in range(0, x.shape[0], 4):
            a, b, c, d = x[t, k], x[t + 1, k], x[t + 2, k], x[t + 3, k]
            y0, y1, y2, y3 = dy[t], dy[t + 1], dy[t + 2], dy[t + 3]
            for n in range(n_all):
                s = f32(row[n] + f32(a * y0[n]))
                s = f32(s + f32(b * y1[n]))
                s = f32(s + f32(c * y2[n]))
                row[n] = f32(s + f32(d * y3[n]))
        adam(weight[k], m[k], v[k], row, rate, first, second)
