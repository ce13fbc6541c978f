"""One byte of the online network: predict with the weights as they are, and every SPAN bytes learn from the
span.

Forward as in :mod:`nzip.predictors.ssm.kernel`, in float32, with the matrices rounded to bfloat16. Learning
is backpropagation through the span (the state before it is a constant), then Adam on the matrices and Adagrad
on the rows of the embeddings that the span touched, once for every touch. StateSMix's scheme (an update every
32 tokens) with another network.

Concession: a matrix learns as soon as its input's gradient is known, so the order of the steps is part of the
format."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import later, njit
from nzip.predictors.distribution import distribution
from nzip.predictors.online.products import BETA1, BETA2, adam, backward, forward, learn, transpose
from nzip.predictors.ssm import contexts
from nzip.predictors.ssm.counts import take
from nzip.predictors.ssm.kernel import FEED_UNIT

gates, gates_back, prefetch = later("nzip.predictors.online.vector_code", "gates", "gates_back", "prefetch")
f32 = np.float32
_ONE, _TINY = f32(1), f32(1e-4)
_FEED = f32(FEED_UNIT)
_LIMIT, _SOFT = f32(1e4), f32(1e-6)
DONE, WAITING = 0, 1


@njit(nogil=True, cache=True, error_model="numpy")
def _normalise(x, u):
    """u = x / rms(x); x held inside ±10⁴. Returns 1 / rms."""
    s = f32(0)
    for j in range(x.size):
        x[j] = min(max(x[j], -_LIMIT), _LIMIT)
        s = f32(s + f32(x[j] * x[j]))
    r = f32(_ONE / f32(np.sqrt(f32(f32(s / f32(x.size)) + _TINY))))
    for j in range(x.size):
        u[j] = f32(x[j] * r)
    return r


@njit(nogil=True, cache=True, error_model="numpy")
def _predict(n, t, out):
    """Position ``t`` of the span: from its byte to the distribution of the next."""
    byte = n.symbols[t]
    width, row = n.x.size, n.tables.shape[1]
    for i in range(contexts.TABLES):
        at = n.first[i] + n.rows[t, i]
        for j in range(row):
            n.grams[t, i * row + j] = n.tables[at, j]
    fed = n.counts.rows.shape[0] > 0
    if fed:
        take(n.counts, byte, n.f)
        own = n.grams.shape[1] - 256
        for j in range(256):
            n.grams[t, own + j] = f32(f32(n.f[j]) * _FEED)
    forward(n.project_near, n.grams[t], n.x)
    for j in range(width):
        n.x[j] = f32(n.x[j] + n.bytes[byte, j])
    layers = n.mix.shape[0]
    for l in range(layers):
        n.r[l, t] = _normalise(n.x, n.u[l, t])
        pre = n.pre[l, t]
        forward(n.mix_near[l], n.u[l, t], pre)
        bias, before, after, y = n.bias[l], n.h[l, t], n.h[l, t + 1], n.y[l, t]
        gates((
            pre.ctypes.data, bias.ctypes.data, before.ctypes.data, after.ctypes.data, y.ctypes.data,
            4 * width,
        ))  # fmt: skip
        forward(n.out_near[l], y, n.row[:width])
        for j in range(width):
            n.x[j] = f32(n.x[j] + n.row[j])
    n.r[layers, t] = _normalise(n.x, n.u[layers, t])
    forward(n.head_near, n.u[layers, t], n.logits)
    for j in range(256):
        n.logits[j] = f32(n.logits[j] + n.head_bias[j])
    if fed:
        for j in range(256):
            n.logits[j] = f32(n.logits[j] + f32(n.gain[0] * f32(n.f[j])))
    distribution(n.logits, n.weights, out)
    total = np.int64(0)
    for j in range(256):
        total += np.int64(n.weights[j])
    whole = f32(total)
    for j in range(256):
        n.error[t, j] = f32(f32(n.weights[j]) / whole)


@njit(nogil=True, cache=True, error_model="numpy")
def _norm_back(n, layer, du, into):
    """Add the gradient of :func:`_normalise` to ``into`` (t, width); du transposed (width, t)."""
    span, width = into.shape
    rows = n.transposed
    transpose(du, rows)
    for t in range(span):
        u, d, to = n.u[layer, t], rows[t], into[t]
        s = f32(0)
        for j in range(width):
            s = f32(s + f32(d[j] * u[j]))
        s = f32(s / f32(width))
        r = n.r[layer, t]
        for j in range(width):
            to[j] = f32(to[j] + f32(f32(d[j] - f32(u[j] * s)) * r))


@njit(nogil=True, cache=True, error_model="numpy")
def _scan_back(n, l, dy, carry, dpre):
    """Gradients of the layer's pre-activations, dpre (t, 3 width), from those of y, dy transposed (width,
    t)."""
    span, width = dpre.shape[0], n.x.size
    rows = n.transposed
    transpose(dy, rows)
    for j in range(width):
        carry[j] = f32(0)
    for t in range(span - 1, -1, -1):
        gates_back((
            n.pre[l, t].ctypes.data, n.h[l, t].ctypes.data, n.h[l, t + 1].ctypes.data, rows[t].ctypes.data,
            carry.ctypes.data, dpre[t].ctypes.data, 4 * width,
        ))  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def _sum_rows(a, out):
    for j in range(a.shape[1]):
        out[j] = f32(0)
    for t in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[j] = f32(out[j] + a[t, j])


@njit(nogil=True, cache=True, error_model="numpy")
def _touch(row, seen, gradient, rate):
    """Adagrad on one row of an embedding."""
    for j in range(row.size):
        g = gradient[j]
        seen[j] = f32(seen[j] + f32(g * g))
        row[j] = f32(row[j] - f32(rate * f32(g / f32(f32(np.sqrt(seen[j])) + _SOFT))))


@njit(nogil=True, cache=True, error_model="numpy")
def learn_span(n):
    """Learn from a span all of whose targets are known: ``n.error`` holds dloss/dlogits, the span's mean left
    out."""
    width, row, layers, span = n.x.size, n.tables.shape[1], n.mix.shape[0], n.symbols.size
    n.powers[0], n.powers[1] = f32(n.powers[0] * BETA1), f32(n.powers[1] * BETA2)
    first = f32(_ONE / f32(_ONE - n.powers[0]))
    second = f32(_ONE / f32(_ONE - n.powers[1]))
    rate = n.rates[0]
    across, back, dx = n.across, n.back, n.dx
    transpose(n.error, across[:256])
    backward(n.head, across[:256], back[:width])
    learn(n.head, n.head_near, n.head_m, n.head_v, n.u[layers], n.error, across, rate, first, second)
    _sum_rows(n.error, n.row[:256])
    adam(n.head_bias, n.head_bias_m, n.head_bias_v, n.row[:256], rate, first, second)
    dx[:] = f32(0)
    _norm_back(n, layers, back[:width], dx)
    for l in range(layers - 1, -1, -1):
        transpose(dx, across[:width])
        backward(n.out[l], across[:width], back[:width])
        learn(n.out[l], n.out_near[l], n.out_m[l], n.out_v[l], n.y[l], dx, across, rate, first, second)
        _scan_back(n, l, back[:width], n.row[:width], n.wide)
        transpose(n.wide, across[: 3 * width])
        backward(n.mix[l], across[: 3 * width], back[:width])
        learn(
            n.mix[l],
            n.mix_near[l],
            n.mix_m[l],
            n.mix_v[l],
            n.u[l],
            n.wide,
            across,
            rate,
            first,
            second,
        )
        _sum_rows(n.wide, n.row[: 3 * width])
        adam(n.bias[l], n.bias_m[l], n.bias_v[l], n.row[: 3 * width], rate, first, second)
        _norm_back(n, l, back[:width], dx)
        for j in range(width):  # assigning rows would make an array, and native.py calls nothing that does
            n.h[l, 0, j] = n.h[l, span, j]
    transpose(dx, across[:width])
    grams = n.grams.shape[1] - (256 if n.counts.rows.shape[0] > 0 else 0)
    backward(n.project[:grams], across[:width], back[:grams])
    learn(n.project, n.project_near, n.project_m, n.project_v, n.grams, dx, across, rate, first, second)
    for t in range(span):
        for i in range(contexts.TABLES if t + 2 < span else 0):
            at = n.first[i] + n.rows[t + 2, i]
            prefetch(n.tables[at].ctypes.data)
            prefetch(n.tables_v[at].ctypes.data)
        _touch(n.bytes[n.symbols[t]], n.bytes_v[n.symbols[t]], dx[t], n.rates[1])
        for j in range(grams):
            n.row[j] = back[j, t]
        for i in range(contexts.TABLES):
            at = n.first[i] + n.rows[t, i]
            _touch(n.tables[at], n.tables_v[at], n.row[i * row : (i + 1) * row], n.rates[1])


@njit(nogil=True, cache=True, error_model="numpy")
def step(n, byte, out):
    """The run has seen ``byte``: perhaps learn, then write the next byte's distribution to ``out`` uint32
    (256,)."""
    if n.place[WAITING]:
        n.error[n.place[DONE], byte] = f32(n.error[n.place[DONE], byte] - _ONE)
        n.place[DONE] += 1
        if n.place[DONE] == n.symbols.size:
            learn_span(n)
            n.place[DONE] = 0
    t = n.place[DONE]
    contexts.take(n.hashes, byte)
    contexts.rows(n.hashes, n.bits, n.rows[t])
    n.symbols[t] = byte
    _predict(n, t, out)
    n.place[WAITING] = 1


@njit(nogil=True, cache=True, error_model="numpy")
def steps(n, data, out):
    """:func:`step` for every byte of ``data`` (uint8 (n,)); ``out`` uint32 (n, 256)."""
    for i in range(data.size):
        step(n, data[i], out[i])
