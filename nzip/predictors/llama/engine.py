"""A Llama-architecture model on the CPU, exact to the bit: any batch, any order of lanes, any thread count.

An :class:`Engine` holds packed weights and is immutable; a :class:`Cache` holds the attention memory of some
lanes. :meth:`Engine.forward` takes any batch of (lane, token): a long run of one lane (an encoder that knows
its text) or one token of each of many lanes (a decoder) – each token's result is a function of its lane's
history alone, in the same integers. :mod:`.twin` is the readable equal.

Concession: Llama only, RoPE without scaling, and every activation is rounded to 8 bits per group of 32 before
each product: about 0.36% more bits than float32.
"""

from __future__ import annotations

import threading

import numpy as np

from nzip.exact import cpu, numerics
from nzip.exact.jit import lean, njit
from nzip.predictors.llama import attention, rope
from nzip.predictors.llama.attention import TILE
from nzip.predictors.llama.kernels import Packed, aligned, matmul, padded_cols, quantise, tame
from nzip.predictors.llama.model import Shape, Weights
from nzip.predictors.llama.quantised import pack
from nzip.predictors.llama.team import ALONE, Team, meet, share

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


@lean
def _add(x, y, tokens):
    for t in range(tokens):
        for i in range(x.shape[1]):
            x[t, i] = tame(np.float32(x[t, i] + y[t, i]))


@lean
def _silu_product(gate_up, hidden, tokens, out):
    """out = gate * up / (1 + exp2(-gate * log2 e))"""
    for t in range(tokens):
        gate, up = gate_up[t, :hidden], gate_up[t, hidden : 2 * hidden]
        for i in range(hidden):
            g = tame(gate[i])
            out[t, i] = np.float32(g * tame(up[i])) / np.float32(
                _ONE + exp2(np.float32(np.float32(-g) * _LOG2E))
            )


@njit(nogil=True, cache=True, error_model="numpy")
def _embed(codes, scale, tokens, x):
    for t in range(tokens.size):
        row = tokens[t]
        for g in range(scale.shape[1]):
            for j in range(g * 32, g * 32 + 32):
                x[t, j] = np.float32(np.float32(codes[row, j]) * scale[row, g])


@njit(nogil=True, cache=True, error_model="numpy")
def _product(isa, point, member, members, tokens, packed, layer, a, factors, sums, scale, out):
    """The member's share of a layer's rows, when all have quantised theirs of the tokens; all meet after
    it."""
    meet(point, members)
    low, high = share(packed.codes.shape[1], member, members)
    matmul(
        isa,
        packed.bits,
        packed.codes[layer],
        packed.d[layer],
        packed.m[layer],
        packed.rs[layer],
        a,
        factors,
        sums,
        scale,
        tokens,
        out,
        low,
        high,
    )
    meet(point, members)


@lean
def _keep(
    window,
    ring,
    heads,
    kv_heads,
    size,
    score_scale,
    lane,
    t,
    n,
    h,
    projected,
    angles,
    turned,
    row,
    keys,
    values,
    key_scale,
    value_scale,
    q,
    q_sink,
    q_scale,
    q_sink_scale,
):
    """Rotate the queries of token ``t``, at position ``n``, for key-value head ``h``, and store its key and
    value."""
    group = heads // kv_heads
    for g in range(group):
        at = (h * group + g) * size
        own, sink = q[h, t, g], q_sink[h, t, g]
        attention.rotate(projected[at : at + size], angles[0], angles[1], turned)
        q_scale[h, t, g] = np.float32(attention.quantise_row(turned, np.float32(32000.0), own) * score_scale)
        if n >= window:
            attention.rotate(projected[at : at + size], angles[2], angles[3], turned)
            q_sink_scale[h, t, g] = np.float32(
                attention.quantise_row(turned, np.float32(32000.0), sink) * score_scale
            )
        else:
            q_sink_scale[h, t, g] = q_scale[h, t, g]
            for j in range(size):
                sink[j] = own[j]
    at = (heads + h) * size
    attention.rotate(projected[at : at + size], angles[0], angles[1], turned)
    at += kv_heads * size
    attention.store(
        keys,
        values,
        key_scale,
        value_scale,
        h,
        attention.slot_of(n, ring),
        turned,
        projected[at : at + size],
        row,
    )


@njit(nogil=True, cache=True, error_model="numpy")
def _run(
    point,
    member,
    members,
    isa,
    heads,
    kv_heads,
    size,
    hidden,
    eps,
    steps,
    score_scale,
    window,
    ring,
    peak,
    qkv,
    attention_out,
    gate_up,
    down,
    norms,
    final_norm,
    keys,
    values,
    key_scale,
    value_scale,
    lanes,
    positions,
    x,
    normed,
    a,
    factors,
    sums,
    scale,
    wide,
    q,
    q_sink,
    q_scale,
    q_sink_scale,
    score,
    e,
    p,
    value_sums,
    value_factors,
    ranges,
    found,
    angles,
    out,
):
    """All layers for one batch, one member's part; x float32 (T, width) in, out float32 (T, width) after the
    final norm.

    Norms and quantising are shared out by tokens, products by rows, attention by lanes and heads."""
    tokens = lanes.size
    row = np.empty(size, np.int32)
    turned = np.empty(size, np.float32)
    low, high = share(tokens, member, members)
    for t in range(low, high):
        rope.angles(steps, positions[t], angles[t, 0], angles[t, 1])
        rope.angles(steps, min(positions[t], window - 1), angles[t, 2], angles[t, 3])
    tiles = 0
    t = 0
    while t < tokens:
        t += _tile(lanes, t)
        tiles += 1
    pairs_low, pairs_high = share(tokens * kv_heads, member, members)
    heads_low, heads_high = share(tiles * kv_heads, member, members)
    for layer in range(norms.shape[0]):
        for t in range(low, high):
            rms_norm(x[t], norms[layer, 0], eps, normed[t])
        quantise(
            normed[low:high],
            high - low,
            a[0][low:high],
            factors[0][low:high],
            sums[0][low:high],
            scale[low:high],
        )
        _product(isa, point, member, members, tokens, qkv, layer, a[0], factors[0], sums[0], scale, wide[0])
        for pair in range(pairs_low, pairs_high):
            t, h = pair // kv_heads, pair % kv_heads
            lane = lanes[t]
            _keep(
                window,
                ring,
                heads,
                kv_heads,
                size,
                score_scale,
                lane,
                t,
                positions[t],
                h,
                wide[0][t],
                angles[t],
                turned,
                row,
                keys[lane, layer],
                values[lane, layer],
                key_scale[lane, layer],
                value_scale[lane, layer],
                q,
                q_sink,
                q_scale,
                q_sink_scale,
            )
        meet(point, members)
        t, first = 0, 0
        while t < tokens:
            many = _tile(lanes, t)
            if first < heads_high and first + kv_heads > heads_low:
                lane = lanes[t]
                after = 0
                if t + many < tokens and first + kv_heads < heads_high:
                    after = keys[lanes[t + many], layer, 0].ctypes.data
                attention.attend(
                    isa,
                    max(0, heads_low - first),
                    min(kv_heads, heads_high - first),
                    keys[lane, layer],
                    values[lane, layer],
                    key_scale[lane, layer],
                    value_scale[lane, layer],
                    window,
                    ring,
                    peak,
                    positions[t],
                    many,
                    t,
                    q,
                    q_sink,
                    q_scale,
                    q_sink_scale,
                    score[member],
                    e[member],
                    p[member],
                    value_sums[member],
                    value_factors[member],
                    ranges[member],
                    found[member],
                    wide[1],
                    after,
                )
            t += many
            first += kv_heads
        meet(point, members)
        quantise(
            wide[1][low:high],
            high - low,
            a[1][low:high],
            factors[1][low:high],
            sums[1][low:high],
            scale[low:high],
        )
        _product(
            isa,
            point,
            member,
            members,
            tokens,
            attention_out,
            layer,
            a[1],
            factors[1],
            sums[1],
            scale,
            normed,
        )
        _add(x[low:high], normed[low:high], high - low)
        for t in range(low, high):
            rms_norm(x[t], norms[layer, 1], eps, normed[t])
        quantise(
            normed[low:high],
            high - low,
            a[0][low:high],
            factors[0][low:high],
            sums[0][low:high],
            scale[low:high],
        )
        _product(
            isa, point, member, members, tokens, gate_up, layer, a[0], factors[0], sums[0], scale, wide[2]
        )
        _silu_product(wide[2][low:high], hidden, high - low, wide[3][low:high])
        quantise(
            wide[3][low:high],
            high - low,
            a[2][low:high],
            factors[2][low:high],
            sums[2][low:high],
            scale[low:high],
        )
        _product(isa, point, member, members, tokens, down, layer, a[2], factors[2], sums[2], scale, normed)
        _add(x[low:high], normed[low:high], high - low)
    for t in range(low, high):
        rms_norm(x[t], final_norm, eps, out[t])


@njit(nogil=True, cache=True, error_model="numpy")
def _tile(lanes, t):
    """Tokens from ``t`` on whose queries are scored together: one lane's, at most TILE."""
    many = 1
    while t + many < lanes.size and many < TILE and lanes[t + many] == lanes[t]:
        many += 1
    return many


@njit(nogil=True, cache=True, error_model="numpy")
def _head(point, member, members, isa, tokens, hidden, packed, a, factors, sums, scale, out):
    """One member's part of the head; rows of a Packed with one layer."""
    low, high = share(tokens, member, members)
    quantise(hidden[low:high], high - low, a[low:high], factors[low:high], sums[low:high], scale[low:high])
    _product(isa, point, member, members, tokens, packed, 0, a, factors, sums, scale, out)


class Cache:
    """Attention memory of ``lanes`` lanes: int8 keys and values of the last ``window`` positions, sinks
    included.

    ``chunk`` is the most tokens of one lane that one :meth:`Engine.forward` may bring. ``length`` int64
    (lanes,) counts the tokens seen. Bytes: about ``2 * lanes * layers * kv_heads * head_size * (window +
    chunk)``."""

    def __init__(self, shape: Shape, lanes: int, window: int, chunk: int = 1):
        if not 2 * attention.SINKS <= window <= attention.MAX_WINDOW:
            raise ValueError(
                f"a window has {2 * attention.SINKS} to {attention.MAX_WINDOW} tokens, not {window}"
            )
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
    """Buffers of one team, for batches of at most ``tokens`` tokens."""

    def __init__(self, engine: Engine, tokens: int, slots: int, members: int = 1):
        s = engine.shape
        self.tokens, self.slots, self.members = tokens, slots, members
        attention_width = s.heads * s.head_size
        padded = [padded_cols(n) for n in (s.width, attention_width, s.hidden)]

        def floats(cols):
            return aligned((tokens, cols), np.float32)

        self.x = floats(s.width)
        self.normed = floats(-(-s.width // 16) * 16)
        self.a = tuple(aligned((tokens, n), np.int8) for n in padded)
        self.factors = tuple(aligned((tokens, n // 32), np.uint32) for n in padded)
        self.sums = tuple(aligned((tokens, n // 32), np.int16) for n in padded)
        self.scale = np.zeros(tokens, np.float32)
        qkv_rows = -(-(attention_width + 2 * s.kv_heads * s.head_size) // 16) * 16
        self.wide = (
            floats(qkv_rows),
            floats(attention_width),
            floats(-(-2 * s.hidden // 16) * 16),
            floats(s.hidden),
        )
        group = s.heads // s.kv_heads
        self.q = aligned((s.kv_heads, tokens, group, s.head_size), np.int16)
        self.q_sink = aligned((s.kv_heads, tokens, group, s.head_size), np.int16)
        self.q_scale = np.zeros((s.kv_heads, tokens, group), np.float32)
        self.q_sink_scale = np.zeros((s.kv_heads, tokens, group), np.float32)
        self.score = aligned((members, TILE * group, slots), np.int32)
        self.e = aligned((members, slots), np.float32)
        self.p = aligned((members, TILE * group, slots), np.int16)
        self.value_sums = aligned((members, TILE * group, s.head_size), np.int32)
        self.value_factors = aligned((members, TILE * group), np.float32)
        self.ranges, self.found = np.zeros((members, 2, 3), np.int64), np.zeros((members, 2), np.int32)
        self.angles = aligned((tokens, 4, s.head_size // 2), np.float32)


class Engine:
    """Runs a model. Immutable after construction and safe to share between threads.

    ``isa``: :data:`.cpu.PORTABLE`, ``AVX2`` or ``AVX512``; by default the best this machine has. Same bits.
    """

    def __init__(self, weights: Weights, isa: int | None = None):
        s = self.shape = weights.shape
        self.isa = cpu.detect() if isa is None else isa
        self.embedding, self.embedding_scale = weights.embedding, weights.embedding_scale
        self.norms = np.ascontiguousarray(weights.norms, np.float32)
        self.final_norm = np.ascontiguousarray(weights.final_norm, np.float32)
        self._layers = tuple(
            pack(m) for m in (weights.qkv, weights.attention_out, weights.gate_up, weights.down)
        )
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

    def _scratch(self, tokens: int, slots: int, members: int) -> _Scratch:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None or scratch.tokens < tokens or scratch.slots < slots or scratch.members < members:
            scratch = self._local.scratch = _Scratch(self, tokens, slots, members)
        return scratch

    def forward(self, cache: Cache, lanes, tokens, out=None, team: Team = ALONE) -> np.ndarray:
        """Feed ``tokens[i]`` to lane ``lanes[i]`` (integers (T,)); tokens of one lane are consecutive, oldest
        first, at most ``cache.chunk`` of them. Returns float32 (T, width): the head's inputs.

        Lanes of one cache may run in several threads at once, each lane in one; or ``team`` runs them
        together."""
        if out is None:
            out = np.empty((len(lanes), self.shape.width), np.float32)
        if len(lanes):
            team.run(self.forward_job(cache, lanes, tokens, out, team.members))
        return out

    def forward_job(self, cache: Cache, lanes, tokens, out, members: int = 1):
        """:meth:`forward` for at least one token, as a job that a team of ``members`` runs; ``cache`` counts
        the tokens at once."""
        lanes = np.ascontiguousarray(lanes, np.int64)
        tokens = np.ascontiguousarray(tokens, np.int64)
        count = lanes.size
        if (
            tokens.min() < 0
            or tokens.max() >= self.vocabulary
            or lanes.min() < 0
            or lanes.max() >= cache.lanes
        ):
            raise ValueError("a token or a lane is out of range")
        starts = np.concatenate([[0], np.flatnonzero(np.diff(lanes)) + 1])
        runs = np.diff(np.append(starts, count))
        if runs.max() > cache.chunk or np.unique(lanes[starts]).size != starts.size:
            raise ValueError(f"tokens of one lane are consecutive and at most {cache.chunk}")
        positions = cache.length[lanes] + np.arange(count) - np.repeat(starts, runs)
        s = self.shape
        k = self._scratch(count, attention.SINK_SLOTS + cache.ring, members)
        _embed(self.embedding, self.embedding_scale, tokens, k.x)
        cache.length[lanes[starts]] += runs
        return _run, (self.isa, s.heads, s.kv_heads, s.head_size, s.hidden, np.float32(s.eps), self._steps, self._score_scale,
                      cache.window, cache.ring, attention.weight_peak(cache.window), *self._layers, self.norms, self.final_norm,
                      cache.keys, cache.values, cache.key_scale, cache.value_scale, lanes, positions, k.x,
                      k.normed, k.a, k.factors, k.sums, k.scale, k.wide, k.q, k.q_sink, k.q_scale, k.q_sink_scale,
                      k.score, k.e, k.p, k.value_sums, k.value_factors, k.ranges, k.found, k.angles, out)  # fmt: skip

    def logits(self, hidden, out=None, team: Team = ALONE) -> np.ndarray:
        """Head: float32 (T, width) → (T, logit_columns); columns from ``vocabulary`` on are padding (zeros).
        Without ``out`` the result stands until this thread's next call: fresh pages for each token cost some
        systems more than the product."""
        job, out = self.logits_job(hidden, out)
        team.run(job)
        return out

    def logits_job(self, hidden, out=None):
        """:meth:`logits` as a team's job, and where its result will stand."""
        count = hidden.shape[0]
        kept = getattr(self._local, "head", None)
        if kept is None or len(kept[0]) < count or out is None and len(kept[4]) < count:
            cols = padded_cols(self.shape.width)
            kept = self._local.head = (
                aligned((count, cols), np.int8),
                aligned((count, cols // 32), np.uint32),
                aligned((count, cols // 32), np.int16),
                np.zeros(count, np.float32),
                aligned((count if out is None else 0, self.logit_columns), np.float32),
            )
        a, factors, sums, scale, own = kept
        if out is None:
            out = own[:count]
        return (_head, (self.isa, count, hidden, self.head, a, factors, sums, scale, out)), out
