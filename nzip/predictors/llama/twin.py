"""The engine once more, in plain NumPy and int64: its explanation and its oracle.

No packing, no blocks, no ring buffer, no vector instructions: one token after the other, every key kept by
its position. tests/nzip/predictors/llama proves that :mod:`.engine` gives the same bits. Start reading at
:func:`forward`.

Concession: hundreds of times slower. float32 here means NumPy's elementwise float32, one rounding an
operation."""

from __future__ import annotations

import numpy as np

from nzip.exact import numerics
from nzip.predictors.llama.attention_softmax import weight_peak
from nzip.predictors.llama.kv_cache import SINKS
from nzip.predictors.llama.model import Weights
from nzip.predictors.llama.quantised import GROUP, QuantMatrix
from nzip.predictors.llama.rope import SCALE_BITS, SINE, phase_steps

F = np.float32
LOG2E = F(numerics.LOG2E)


def wrap(x):
    """int64 → the value an int32 sum that wraps would hold."""
    return (x + 2**31) % 2**32 - 2**31


def tame(x):
    """Within ±1e15, NaN to 1e15."""
    x = np.where(x < F(1e15), x, F(1e15))
    return np.where(x > F(-1e15), x, F(-1e15))


def exp2(x):
    """numerics.exp2, elementwise."""
    c = np.array(numerics._EXP2_BITS, np.uint32).view(F)
    x = np.clip(np.asarray(x, F), F(-126), F(127))
    whole = np.rint(x)
    f = x - whole
    p = np.full_like(f, c[6])
    for k in range(5, -1, -1):
        p = p * f + c[k]
    return p * ((whole.astype(np.int32) + 127) << 23).view(F)


def quantise(x):
    """float32 (K,) → int8 codes, factor and scaled sum of each group of 32, and the token's scale."""
    x = tame(x).reshape(-1, GROUP)
    peak = np.abs(x).max()
    if peak < F(1e-25):
        return np.zeros(x.size, np.int64), np.zeros(len(x), np.int64), np.zeros(len(x), np.int64), F(0)
    for limit in (32, 16, 8):  # the finest steps with which every sum fits int16
        steps = F(127 * limit)
        inv = steps / peak
        factors = np.clip(np.ceil(np.abs(x).max(1) * inv / F(127)), 1, limit).astype(
            np.int64
        )  # the least that keep the groups within 127
        codes = np.rint(x * inv * (F(1) / factors.astype(F))[:, None]).astype(np.int64)
        sums = codes.sum(1) * factors
        if (-32768 <= sums).all() and (sums <= 32767).all():
            break
    return codes.reshape(-1), factors, sums, peak / steps


def matvec(w: QuantMatrix, x):
    """Quantised matrix times float32 vector: sum of code * a * (d * factor) + m * sum, as a wrapped int32."""
    a, factors, sums, scale = quantise(x)
    groups = (w.codes.astype(np.int64) * a).reshape(len(w.codes), -1, GROUP).sum(2)
    acc = (groups * (w.d.astype(np.int64) * factors)).sum(1) + (w.m.astype(np.int64) * sums).sum(1)
    return wrap(acc).astype(F) * w.rs * scale


def rms_norm(x, weight, eps):
    """Squares in 16 sums, which are added in order."""
    x = tame(x)
    sums = np.zeros(16, F)
    for row in x.reshape(-1, 16):
        sums = sums + row * row
    total = F(0)
    for part in sums:
        total = total + part
    return x * (F(1) / np.sqrt(total / F(x.size) + eps)) * weight


def sine_quarter(x):
    """sin(pi/2 * x) at 2**30, x at 2**30; Python integers."""
    y = x * x >> 30
    p = 0
    for coefficient in reversed(SINE):
        p = (p * y >> 30) + coefficient
    return p * x >> 30


def angle(step: int, position: int):
    """cos and sin of one phase as float32."""
    phase = step * position % 2**64
    quadrant, x = phase >> 62, phase >> 32 & 0x3FFFFFFF
    half, drop = 1 << 29 - SCALE_BITS, 30 - SCALE_BITS
    s, c = sine_quarter(x) + half >> drop, sine_quarter(2**30 - x) + half >> drop
    s, c = ((s, c), (c, -s), (-s, -c), (-c, s))[quadrant]
    return F(c) * F(2.0**-SCALE_BITS), F(s) * F(2.0**-SCALE_BITS)


def rotate(x, steps, position):
    """The pairs of one head, each by its angle."""
    cos, sin = np.array([angle(int(step), position) for step in steps], F).T
    out = np.empty_like(x)
    out[0::2] = x[0::2] * cos - x[1::2] * sin
    out[1::2] = x[0::2] * sin + x[1::2] * cos
    return out


def quantise_row(x, to):
    """x → integers of at most ``to`` and the scale that undoes it."""
    x = tame(x)
    peak = np.abs(x).max()
    if peak < F(1e-25):
        return np.zeros(x.size, np.int64), F(0)
    return np.rint(x * (F(to) / peak)).astype(np.int64), peak / F(to)


def attend(query, query_sink, keys, values, n, window, score_scale):
    """One head at position n. ``keys`` and ``values``: lists of (integers, scale) by position."""
    low = max(SINKS, n - (window - SINKS) + 1)
    seen = [*range(min(n + 1, SINKS)), *range(low, n + 1)]
    scores = []
    for position in seen:
        codes, scale = query_sink if position < SINKS else query
        k, k_scale = keys[position]
        scores.append(F(codes @ k) * (scale * score_scale) * k_scale)
    clipped = np.clip(np.array(scores, F), F(-1e29), F(1e29))
    e = exp2(clipped - clipped.max())
    total = np.rint(e * F(32768)).astype(np.int64).sum()
    e = e * np.array([values[position][1] for position in seen], F)
    most = e.max()
    if most < F(1e-25):
        return np.zeros(len(values[0][0]), F)
    peak = F(weight_peak(window))
    weights = np.rint(e * (peak / most)).astype(np.int64)
    acc = sum(w * values[position][0] for w, position in zip(weights, seen))
    return acc.astype(F) * (most / peak / (F(total) / F(32768)))


def forward(weights: Weights, tokens, window: int):
    """Head inputs, float32 (T, width), of one lane that reads ``tokens``."""
    s = weights.shape
    steps = phase_steps(s.theta, s.head_size)
    score_scale = F(LOG2E / np.sqrt(F(s.head_size)))
    group, size = s.heads // s.kv_heads, s.head_size
    keys: list[list[list]] = [[[] for _ in range(s.kv_heads)] for _ in range(s.layers)]
    values: list[list[list]] = [[[] for _ in range(s.kv_heads)] for _ in range(s.layers)]
    out = []
    for n, token in enumerate(tokens):
        x = (
            weights.embedding[token].astype(F).reshape(-1, GROUP) * weights.embedding_scale[token][:, None]
        ).reshape(-1)
        for layer in range(s.layers):
            qkv = matvec(weights.qkv[layer], rms_norm(x, weights.norms[layer, 0], F(s.eps)))
            q, k, v = np.split(qkv, [s.heads * size, (s.heads + s.kv_heads) * size])
            heads = []
            for h in range(s.kv_heads):
                keys[layer][h].append(quantise_row(rotate(k[h * size : (h + 1) * size], steps, n), 127))
                values[layer][h].append(quantise_row(v[h * size : (h + 1) * size], 127))
                for g in range(h * group, (h + 1) * group):
                    head = q[g * size : (g + 1) * size]
                    near = quantise_row(rotate(head, steps, n), 32000)
                    far = quantise_row(rotate(head, steps, min(n, window - 1)), 32000)
                    heads.append(attend(near, far, keys[layer][h], values[layer][h], n, window, score_scale))
            x = tame(x + matvec(weights.attention_out[layer], np.concatenate(heads)))
            gate, up = np.split(
                tame(matvec(weights.gate_up[layer], rms_norm(x, weights.norms[layer, 1], F(s.eps)))), 2
            )
            x = tame(x + matvec(weights.down[layer], gate * up / (F(1) + exp2(-gate * LOG2E))))
        out.append(rms_norm(x, weights.final_norm, F(s.eps)))
    return np.array(out, F)


def logits(weights: Weights, hidden):
    """float32 (T, vocabulary)."""
    return np.array([matvec(weights.head, h) for h in hidden], F)
