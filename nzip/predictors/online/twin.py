"""The online network in plain NumPy, float32, in the order that the format demands; slowly.

Read this to learn what :mod:`.kernel` computes. Every sum runs in rising order of its index (a NumPy row for
every term), so the bits agree with the compiled loops.

Concession: it works on a run's own arrays (:class:`.network.Online`) and shares their start and the hashing
of contexts."""

from __future__ import annotations

from typing import Any

import numpy as np

from nzip.exact.numerics import softmax_weights
from nzip.predictors import distribution
from nzip.predictors.online.network import Online
from nzip.predictors.online.products import BETA1, BETA2, EPSILON
from nzip.predictors.ssm import contexts, counts
from nzip.predictors.ssm.kernel import FEED_UNIT

F = np.float32
HALF, ONE = F(0.5), F(1)


def _product(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """x · matrix over the last axis of x, its terms added one after another."""
    total = np.zeros((*x.shape[:-1], matrix.shape[1]), F)
    for k in range(matrix.shape[0]):
        total = total + x[..., k, None] * matrix[k]
    return total


def _sum(rows: np.ndarray) -> np.ndarray:
    total = np.zeros(rows.shape[1:], F)
    for row in rows:
        total = total + row
    return total


def _bend(x):
    return ONE / np.sqrt(ONE + x * x)


def _near(matrix: np.ndarray) -> np.ndarray:
    """Rounded to bfloat16: eight significant bits, ties to even."""
    bits = matrix.view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)).view(F)


class Twin:
    """``step(byte)`` gives uint32 (256,); ``n`` is a fresh run that nothing else uses."""

    def __init__(self, n: Online):
        self.n, self.layers, self.width, self.span = n, n.mix.shape[0], n.x.size, n.symbols.size
        self.state = [n.h[l, 0].copy() for l in range(self.layers)]
        self.kept: list[dict] = []
        self.counts = counts.Twin() if n.counts.rows.size else None
        self.steps = 0

    def step(self, byte: int) -> np.ndarray:
        if self.kept:
            self.kept[-1]["error"][byte] -= ONE
        if len(self.kept) == self.span:
            self.learn()
            self.kept = []
        return self.predict(byte)

    def predict(self, byte: int) -> np.ndarray:
        """Forward: everything that learning needs is kept."""
        n, rows = self.n, np.zeros(contexts.TABLES, np.int64)
        contexts.take(n.hashes, byte)
        contexts.rows(n.hashes, n.bits, rows)
        at = n.first + rows
        grams = np.zeros(n.grams.shape[1], F)
        grams[: n.tables.shape[1] * contexts.TABLES] = n.tables[at].reshape(-1)
        if self.counts:
            f = self.counts.take(byte).astype(F)
            grams[-256:] = f * F(FEED_UNIT)
        x = _product(grams, _near(n.project)) + n.bytes[byte]
        kept: dict[str, Any] = {"byte": byte, "at": at, "grams": grams, "layers": []}
        for l in range(self.layers):
            x, u, r = self.normalise(x)
            pre = _product(u, _near(n.mix[l])) + n.bias[l]
            a, c, o = pre.reshape(3, -1)
            z, g = HALF + HALF * (a * _bend(a)), HALF + HALF * (o * _bend(o))
            before = self.state[l]
            self.state[l] = h = before + z * (c * _bend(c) - before)
            y = h * o * g
            x = x + _product(y, _near(n.out[l]))
            kept["layers"].append({"u": u, "r": r, "a": a, "c": c, "o": o, "before": before, "h": h, "y": y})
        _, kept["u"], kept["r"] = self.normalise(x)
        logits = _product(kept["u"], _near(n.head)) + n.head_bias
        if self.counts:
            logits = logits + n.gain * f
        shares = distribution.twin(logits)
        weights = np.empty(256, np.int32)
        softmax_weights(logits, weights)
        kept["error"] = weights.astype(F) / F(int(weights.sum(dtype=np.int64)))
        self.kept.append(kept)
        return shares

    def normalise(self, x):
        x = np.clip(x, F(-1e4), F(1e4))
        r = ONE / np.sqrt(_sum(x * x) / F(x.size) + F(1e-4))
        return x, x * r, r

    def learn(self) -> None:
        """Backpropagation through the span, then Adam and Adagrad."""
        n, kept = self.n, self.kept
        self.steps += 1
        self.factors = [ONE / (ONE - p) for p in (_power(BETA1, self.steps), _power(BETA2, self.steps))]
        error = np.stack([k["error"] for k in kept])
        du = _product(error, n.head.T)
        self.adam(n.head, n.head_m, n.head_v, _outer([k["u"] for k in kept], error))
        self.adam(n.head_bias, n.head_bias_m, n.head_bias_v, _sum(error))
        dx = np.zeros((self.span, self.width), F)
        self.norm_back(dx, du, kept)
        for l in range(self.layers - 1, -1, -1):
            own = [k["layers"][l] for k in kept]
            dy = _product(dx, n.out[l].T)
            self.adam(n.out[l], n.out_m[l], n.out_v[l], _outer([k["y"] for k in own], dx))
            dpre = self.scan_back(own, dy)
            du = _product(dpre, n.mix[l].T)
            self.adam(n.mix[l], n.mix_m[l], n.mix_v[l], _outer([k["u"] for k in own], dpre))
            self.adam(n.bias[l], n.bias_m[l], n.bias_v[l], _sum(dpre))
            self.norm_back(dx, du, own)
        dgrams, own = _product(dx, n.project.T), n.tables.shape[1] * contexts.TABLES
        self.adam(n.project, n.project_m, n.project_v, _outer([k["grams"] for k in kept], dx))
        for t, k in enumerate(kept):
            self.touch(n.bytes, n.bytes_v, k["byte"], dx[t])
            for at, gradient in zip(k["at"], dgrams[t][:own].reshape(contexts.TABLES, -1), strict=True):
                self.touch(n.tables, n.tables_v, at, gradient)

    def adam(self, w, m, v, g) -> None:
        m[...] = BETA1 * m + (ONE - BETA1) * g
        v[...] = BETA2 * v + (ONE - BETA2) * (g * g)
        w[...] = w - self.n.rates[0] * (m * self.factors[0] / (np.sqrt(v * self.factors[1]) + EPSILON))

    def touch(self, table, seen, at, g) -> None:
        seen[at] = seen[at] + g * g
        table[at] = table[at] - self.n.rates[1] * (g / (np.sqrt(seen[at]) + F(1e-6)))

    def norm_back(self, dx, du, kept) -> None:
        for t, k in enumerate(kept):
            s = _sum(du[t] * k["u"]) / F(self.width)
            dx[t] = dx[t] + (du[t] - k["u"] * s) * k["r"]

    def scan_back(self, own, dy) -> np.ndarray:
        dpre, carry = np.zeros((self.span, 3 * self.width), F), np.zeros(self.width, F)
        for t in range(self.span - 1, -1, -1):
            k = own[t]
            a, c, o, d = k["a"], k["c"], k["o"], dy[t]
            ra, rc, ro = _bend(a), _bend(c), _bend(o)
            z, g = HALF + HALF * (a * ra), HALF + HALF * (o * ro)
            dh = carry + d * o * g
            dpre[t] = np.concatenate([
                dh * (c * rc - k["before"]) * (HALF * (ra * (ra * ra))), dh * z * (rc * (rc * rc)),
                d * k["h"] * (g + HALF * o * (ro * (ro * ro))),
            ])  # fmt: skip
            carry = dh * (ONE - z)
        return dpre


def _outer(inputs: list[np.ndarray], outputs: np.ndarray) -> np.ndarray:
    return _sum(np.stack(inputs)[:, :, None] * outputs[:, None, :])


def _power(base, exponent: int):
    value = ONE
    for _ in range(exponent):
        value = value * base
    return value
