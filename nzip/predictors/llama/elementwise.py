"""What lies between a Llama's matrix products: embedding, norm, addition, gate; float32 in a written order.

Concession: nothing here checks a bound; :mod:`.engine` owns the shapes.
"""

from __future__ import annotations

import numpy as np

from nzip.exact import numerics
from nzip.exact.jit import lean, njit
from nzip.predictors.llama.kernels import tame

exp2 = numerics.exp2
_LOG2E = np.float32(numerics.LOG2E)
_ONE = np.float32(1.0)
# A norm's squares are added up in so many sums side by side, which are then added in order.
SUMS = 16


@njit(nogil=True, cache=True, error_model="numpy")
def rms_norm(x, weight, eps, out):
    """out = (x * 1/sqrt(mean(x²) + eps)) * weight, the squares in 16 sums that are then added in order."""
    acc = np.zeros(SUMS, np.float32)
    rows = x.reshape(-1, SUMS)
    for i in range(rows.shape[0]):
        for j in range(SUMS):
            v = tame(rows[i, j])
            acc[j] = acc[j] + np.float32(v * v)
    total = np.float32(0.0)
    for j in range(SUMS):
        total = total + acc[j]
    r = _ONE / np.sqrt(np.float32(np.float32(total / np.float32(x.size)) + eps))
    for i in range(x.size):
        out[i] = np.float32(np.float32(tame(x[i]) * r) * weight[i])


@lean
def add(x, y, tokens):
    """x += y, for the first ``tokens`` rows."""
    for t in range(tokens):
        for i in range(x.shape[1]):
            x[t, i] = tame(np.float32(x[t, i] + y[t, i]))


@lean
def silu_product(gate_up, hidden, tokens, out):
    """out = gate * up / (1 + exp2(-gate * log2 e))"""
    for t in range(tokens):
        gate, up = gate_up[t, :hidden], gate_up[t, hidden : 2 * hidden]
        for i in range(hidden):
            g = tame(gate[i])
            out[t, i] = np.float32(g * tame(up[i])) / np.float32(
                _ONE + exp2(np.float32(np.float32(-g) * _LOG2E))
            )


@njit(nogil=True, cache=True, error_model="numpy")
def embed(codes, scale, tokens, x):
    """x[t] = the token's codes int8 (V, width) times their groups' scales float32 (V, width / 32)."""
    for t in range(tokens.size):
        row = tokens[t]
        for g in range(scale.shape[1]):
            for j in range(g * 32, g * 32 + 32):
                x[t, j] = np.float32(np.float32(codes[row, j]) * scale[row, g])
