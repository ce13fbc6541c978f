"""A Llama-architecture model on the CPU, exact to the bit: any batch, any order of lanes, any thread count.

An :class:`Engine` holds packed weights and is immutable; a :class:`Cache` holds the attention memory of some
lanes. :meth:`Engine.forward` takes any batch of (lane, token): a long run of one lane (an encoder that knows
its text) or one token of each of many lanes (a decoder) – each token's result is a function of its lane's
history alone, in the same integers. :mod:`.twin` is the readable equal.

Concession: Llama only, RoPE without scaling, and every activation is rounded to 8 bits per group of 32 before
each product: about 0.3% more bits than float32.
"""

from __future__ import annotations

import threading

import numpy as np

from nzip import numerics
from nzip.jit import njit
from nzip.predictors.transformer import attention, kernels, rope, x86
from nzip.predictors.transformer.attention import TILE
from nzip.predictors.transformer.kernels import Packed, aligned, matmul, padded_cols, quantise, tame
from nzip.predictors.transformer.model import Shape, Weights
from nzip.predictors.transformer.quantised import concatenate, pack

exp2 = numerics.exp2
_LOG2E = np.float32(numerics.LOG2E)
_ONE = np.float32(1.0)
LANES = 16


@njit(nogil=True, cache=True, error_model="numpy")
def rms_norm(x, weight, eps, out):
    """out = (x * 1/sqrt(mean(x²) + eps)) * weight, the sum in 16 lanes that are added in order."""
    acc = np.zeros(LANES, np.float32)
    rows = x.reshape(-1, LANES)
    for i in range(rows.shape[0]):
        for j in range(LANES):
            v = tame(rows[i, j])
            acc[j] = acc[j] + np.float32(v * v)
    total = np.float32(0.0)
    for j in range(LANES):
        total = total + acc[j]
    r = _ONE / np.sqrt(np.float32(np.float32(total / np.float32(x.size)) + eps))
    for i in range(x.size):
        out[i] = np.float32(np.float32(tame(x[i]) * r) * weight[i])


@njit(nogil=True, cache=True, error_model="numpy")
def _add(x, y, tokens):
    for t in range(tokens):
        for i in range(x.shape[1]):
            x[t, i] = tame(np.float32(x[t, i] + y[t, i]))


@njit(nogil=True, cache=True, error_model="numpy")
def _silu_product(gate_up, hidden, tokens, out):
    """out = gate * up / (1 + exp2(-gate * log2 e))"""
    for t in range(tokens):
        gate, up = gate_up[t, :hidden], gate_up[t, hidden : 2 * hidden]
        for i in range(hidden):
            g = tame(gate[i])
            out[t, i] = np.float32(g * tame(up[i])) / np.float32(_ONE + exp2(np.float32(np.float32(-g) * _LOG2E)))


@njit(nogil=True, cache=True, error_model="numpy")
def _embed(codes, scale, tokens, x):
    for t in range(tokens.size):
        row = tokens[t]
        for g in range(scale.shape[1]):
            for j in range(g * 32, g * 32 + 32):
                x[t, j] = np.float32(np.float32(codes[row, j]) * scale[row, g])


@njit(nogil=True, cache=True, error_model="numpy")
def _run(isa, heads, kv_heads, size, hidden, eps, steps, score_scale, window, ring, peak,
         qkv, attention_out, gate_up, down, norms, final_norm,
         keys, values, key_scale, value_scale, lanes, positions, x,
         normed, a, shifts, sums, scale, wide, q, q_sink, q_scale, q_sink_scale, score, e, p, value_sums, angles, out):
    """All layers for one batch; x float32 (T, width) in, out float32 (T, width) after the final norm."""
    tokens = lanes.size
    group = heads // kv_heads
    row = np.empty(size, np.int32)
    turned = np.empty(size, np.float32)
    for t in range(tokens):
        rope.angles(steps, positions[t], angles[t, 0], angles[t, 1])
        rope.angles(steps, min(positions[t], window - 1), angles[t, 2], angles[t, 3])
    for layer in range(norms.shape[0]):
        for t in range(tokens):
            rms_norm(x[t], norms[layer, 0], eps, normed[t])
        quantise(normed, tokens, a[0], shifts[0], sums[0], scale)
        matmul(isa, qkv.bits, qkv.codes[layer], qkv.d[layer], qkv.m[layer], qkv.rs[layer], a[0], shifts[0], sums[0], scale,
               tokens, wide[0], 0, qkv.codes.shape[1])
        for t in range(tokens):
            lane, n = lanes[t], positions[t]
            slot = attention.slot_of(n, ring)
            for h in range(kv_heads):
                for g in range(group):
                    at = (h * group + g) * size
                    attention.rotate(wide[0][t, at : at + size], angles[t, 0], angles[t, 1], turned)
                    q_scale[h, t, g] = np.float32(attention.quantise_row(turned, np.float32(32000.0), row) * score_scale)
                    for j in range(size):
                        q[h, t, g, j] = row[j]
                    if n >= window:
                        attention.rotate(wide[0][t, at : at + size], angles[t, 2], angles[t, 3], turned)
                        q_sink_scale[h, t, g] = np.float32(
                            attention.quantise_row(turned, np.float32(32000.0), row) * score_scale)
                    else:
                        q_sink_scale[h, t, g] = q_scale[h, t, g]
                    for j in range(size):
                        q_sink[h, t, g, j] = row[j]
                at = (heads + h) * size
                attention.rotate(wide[0][t, at : at + size], angles[t, 0], angles[t, 1], turned)
                at += kv_heads * size
                attention.store(keys[lane, layer], values[lane, layer], key_scale[lane, layer], value_scale[lane, layer],
                                h, slot, turned, wide[0][t, at : at + size], row)
        t = 0
        while t < tokens:
            many = 1
            while t + many < tokens and many < TILE and lanes[t + many] == lanes[t]:
                many += 1
            lane = lanes[t]
            attention.attend(isa, keys[lane, layer], values[lane, layer], key_scale[lane, layer], value_scale[lane, layer],
                             window, ring, peak, positions[t], many, t, q, q_sink, q_scale, q_sink_scale, score, e, p,
                             value_sums, wide[1])
            t += many
        quantise(wide[1], tokens, a[1], shifts[1], sums[1], scale)
        matmul(isa, attention_out.bits, attention_out.codes[layer], attention_out.d[layer], attention_out.m[layer],
               attention_out.rs[layer], a[1], shifts[1], sums[1], scale, tokens, normed, 0, attention_out.codes.shape[1])
        _add(x, normed, tokens)
        for t in range(tokens):
            rms_norm(x[t], norms[layer, 1], eps, normed[t])
        quantise(normed, tokens, a[0], shifts[0], sums[0], scale)
        matmul(isa, gate_up.bits, gate_up.codes[layer], gate_up.d[layer], gate_up.m[layer], gate_up.rs[layer],
               a[0], shifts[0], sums[0], scale, tokens, wide[2], 0, gate_up.codes.shape[1])
        _silu_product(wide[2], hidden, tokens, wide[3])
        quantise(wide[3], tokens, a[2], shifts[2], sums[2], scale)
        matmul(isa, down.bits, down.codes[layer], down.d[layer], down.m[layer], down.rs[layer],
               a[2], shifts[2], sums[2], scale, tokens, normed, 0, down.codes.shape[1])
        _add(x, normed, tokens)
    for t in range(tokens):
        rms_norm(x[t], final_norm, eps, out[t])


class Cache:
    """Attention memory of ``lanes`` lanes: int8 keys and values of the last ``window`` positions, sinks included.

    ``chunk`` is the most tokens of one lane that one :meth:`Engine.forward` may bring. ``length`` int64 (lanes,)
    counts the tokens seen. Bytes: about ``2 * lanes * layers * kv_heads * head_size * (window + chunk)``.
    """

    def __init__(self, shape: Shape, lanes: int, window: int, chunk: int = 1):
        if window < 2 * attention.SINKS:
            raise ValueError(f"a window of {window} tokens is too short for {attention.SINKS} sinks")
        self.window, self.chunk, self.lanes = window, chunk, lanes
        self.ring = attention.ring_size(window, chunk)
        slots = attention.SINK_SLOTS + self.ring
        head, kv = shape.head_size, shape.kv_heads
        self.keys = np.zeros((lanes, shape.layers, kv, slots // 16, head // 2, 16, 2), np.int8)
        self.values = np.zeros((lanes, shape.layers, kv, slots // 2, head, 2), np.int8)
        self.key_scale = np.zeros((lanes, shape.layers, kv, slots), np.float32)
        self.value_scale = np.zeros((lanes, shape.layers, kv, slots), np.float32)
        self.length = np.zeros(lanes, np.int64)

    @staticmethod
    def bytes(shape: Shape, lanes: int, window: int, chunk: int = 1) -> int:
        """What such a cache takes."""
        slots = attention.SINK_SLOTS + attention.ring_size(window, chunk)
        return lanes * shape.layers * shape.kv_heads * slots * (2 * shape.head_size + 8)


class _Scratch:
    """Buffers of one thread, for batches of at most ``tokens`` tokens."""

    def __init__(self, engine: "Engine", tokens: int, slots: int):
        s = engine.shape
        self.tokens, self.slots = tokens, slots
        attention_width = s.heads * s.head_size
        padded = [padded_cols(n) for n in (s.width, attention_width, s.hidden)]

        def floats(cols):
            return aligned((tokens, cols), np.float32)

        self.x = floats(s.width)
        self.normed = floats(-(-s.width // 16) * 16)
        self.a = tuple(aligned((tokens, n), np.int8) for n in padded)
        self.shifts = tuple(aligned((tokens, n // 32), np.uint8) for n in padded)
        self.sums = tuple(aligned((tokens, n // 32), np.int16) for n in padded)
        self.scale = np.zeros(tokens, np.float32)
        qkv_rows = -(-(attention_width + 2 * s.kv_heads * s.head_size) // 16) * 16
        self.wide = (floats(qkv_rows), floats(attention_width), floats(-(-2 * s.hidden // 16) * 16), floats(s.hidden))
        group = s.heads // s.kv_heads
        self.q = aligned((s.kv_heads, tokens, group, s.head_size), np.int16)
        self.q_sink = aligned((s.kv_heads, tokens, group, s.head_size), np.int16)
        self.q_scale = np.zeros((s.kv_heads, tokens, group), np.float32)
        self.q_sink_scale = np.zeros((s.kv_heads, tokens, group), np.float32)
        self.score = aligned((TILE * group, slots), np.int32)
        self.e = aligned((slots,), np.float32)
        self.p = aligned((TILE * group, slots), np.int16)
        self.value_sums = aligned((TILE * group, s.head_size), np.int32)
        self.angles = aligned((tokens, 4, s.head_size // 2), np.float32)


class Engine:
    """Runs a model. Immutable after construction and safe to share between threads.

    ``isa``: :data:`.x86.PORTABLE`, ``AVX2`` or ``AVX512``; by default the best this machine has. Same bits.
    """

    def __init__(self, weights: Weights, isa: int | None = None):
        s = self.shape = weights.shape
        self.isa = x86.detect() if isa is None else isa
        self.embedding, self.embedding_scale = weights.embedding, weights.embedding_scale
        self.norms = np.ascontiguousarray(weights.norms, np.float32)
        self.final_norm = np.ascontiguousarray(weights.final_norm, np.float32)
        self._layers = tuple(pack(m) for m in (weights.qkv, weights.attention_out, weights.gate_up, weights.down))
        self.head: Packed = pack([weights.head])
        self.vocabulary = s.vocabulary
        self.logit_columns = self.head.rs.shape[1]
        self._steps = rope.phase_steps(s.theta, s.head_size)
        # log2(e) / sqrt(head size), so that softmax is a power of two; sqrt is correctly rounded everywhere.
        self._score_scale = np.float32(_LOG2E / np.sqrt(np.float32(s.head_size)))
        self._local = threading.local()

    def bytes(self) -> int:
        """Memory of the weights."""
        parts = [self.embedding, self.embedding_scale, self.norms]
        for packed in (*self._layers, self.head):
            parts += [packed.codes, packed.d, packed.m, packed.rs]
        return sum(p.nbytes for p in parts)

    def multiplications_per_token(self) -> int:
        """Multiply-accumulates of the layers' matrices for one token, attention and head not counted."""
        return sum(p.codes.shape[0] * p.rows * p.cols for p in self._layers)

    def _scratch(self, tokens: int, slots: int) -> _Scratch:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None or scratch.tokens < tokens or scratch.slots < slots:
            scratch = self._local.scratch = _Scratch(self, tokens, slots)
        return scratch

    def forward(self, cache: Cache, lanes, tokens, out=None) -> np.ndarray:
        """Feed ``tokens[i]`` to lane ``lanes[i]`` (integers (T,)); tokens of one lane are consecutive, oldest
        first, at most ``cache.chunk`` of them. Returns float32 (T, width): the head's inputs.

        Lanes of one cache may run in several threads at once, each lane in one.
        """
        lanes = np.ascontiguousarray(lanes, np.int64)
        tokens = np.ascontiguousarray(tokens, np.int64)
        count = lanes.size
        if not count:
            return np.empty((0, self.shape.width), np.float32)
        if tokens.min() < 0 or tokens.max() >= self.vocabulary or lanes.min() < 0 or lanes.max() >= cache.lanes:
            raise ValueError("a token or a lane is out of range")
        starts = np.concatenate([[0], np.flatnonzero(np.diff(lanes)) + 1])
        runs = np.diff(np.append(starts, count))
        if runs.max() > cache.chunk or np.unique(lanes[starts]).size != starts.size:
            raise ValueError(f"tokens of one lane are consecutive and at most {cache.chunk}")
        positions = cache.length[lanes] + np.arange(count) - np.repeat(starts, runs)
        if out is None:
            out = np.empty((count, self.shape.width), np.float32)
        s = self.shape
        k = self._scratch(count, attention.SINK_SLOTS + cache.ring)
        _embed(self.embedding, self.embedding_scale, tokens, k.x)
        _run(self.isa, s.heads, s.kv_heads, s.head_size, s.hidden, np.float32(s.eps), self._steps, self._score_scale,
             cache.window, cache.ring, attention.weight_peak(cache.window), *self._layers, self.norms, self.final_norm,
             cache.keys, cache.values, cache.key_scale, cache.value_scale, lanes, positions, k.x,
             k.normed, k.a, k.shifts, k.sums, k.scale, k.wide, k.q, k.q_sink, k.q_scale, k.q_sink_scale,
             k.score, k.e, k.p, k.value_sums, k.angles, out)
        cache.length[lanes[starts]] += runs
        return out

    def logits(self, hidden, out=None) -> np.ndarray:
        """Head: float32 (T, width) → (T, logit_columns); columns from ``vocabulary`` on are padding (zeros). Without ``out`` the
        result stands until this thread's next call: fresh pages for each token cost some systems more than the product."""
        count = hidden.shape[0]
        kept = getattr(self._local, "head", None)
        if kept is None or len(kept[0]) < count or out is None and len(kept[4]) < count:
            cols = padded_cols(self.shape.width)
            kept = self._local.head = (
                aligned((count, cols), np.int8), aligned((count, cols // 32), np.uint8), aligned((count, cols // 32), np.int16),
                np.zeros(count, np.float32), aligned((count if out is None else 0, self.logit_columns), np.float32))
        a, shifts, sums, scale, own = kept
        if out is None:
            out = own[:count]
        quantise(hidden, count, a, shifts, sums, scale)
        h = self.head
        matmul(self.isa, h.bits, h.codes[0], h.d[0], h.m[0], h.rs[0], a, shifts, sums, scale, count, out, 0, h.codes.shape[1])
        return out
