"""A Llama-architecture model on the CPU, exact to the bit: any batch, any order of lanes, any thread count.

An :class:`Engine` holds packed weights and is immutable; a :class:`.kv_cache.Cache` holds the attention
memory of some lanes. :meth:`Engine.forward` takes any batch of (lane, token): a long run of one lane (an
encoder that knows its text) or one token of each of many lanes (a decoder) – each token's result is a
function of its lane's history alone, in the same integers. :mod:`.twin` is the readable equal.

Concession: Llama only, RoPE without scaling, and every activation is rounded to 8 bits per group of 32 before
each product: about 0.36% more bits than float32.
"""

from __future__ import annotations

import threading

import numpy as np

from nzip.exact import cpu, numerics
from nzip.predictors.llama import layers, rope
from nzip.predictors.llama.attention_softmax import weight_peak
from nzip.predictors.llama.elementwise import embed
from nzip.predictors.llama.kv_cache import SINK_SLOTS, Cache
from nzip.predictors.llama.model import Weights
from nzip.predictors.llama.packed import Packed, aligned, padded_cols
from nzip.predictors.llama.quantised import pack
from nzip.predictors.llama.scratch import Scratch
from nzip.predictors.llama.team import ALONE, Team

_LOG2E = np.float32(numerics.LOG2E)


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
        # Of every layer: queries, keys and values; attention's output; gate and up; down.
        self.layers: tuple[Packed, Packed, Packed, Packed] = (
            pack(weights.qkv),
            pack(weights.attention_out),
            pack(weights.gate_up),
            pack(weights.down),
        )
        self.head: Packed = pack([weights.head])
        self.vocabulary = s.vocabulary
        self.logit_columns = self.head.rs.shape[1]
        self.phase_steps = rope.phase_steps(s.theta, s.head_size)
        # log2(e) / sqrt(head size), so that softmax is a power of two; sqrt is correctly rounded everywhere.
        self.score_scale = np.float32(_LOG2E / np.sqrt(np.float32(s.head_size)))
        self._local = threading.local()

    def bytes(self) -> int:
        """Memory of the weights."""
        parts = [self.embedding, self.embedding_scale, self.norms]
        for packed in (*self.layers, self.head):
            parts += [packed.codes, packed.d, packed.m, packed.rs]
        return sum(p.nbytes for p in parts)

    def multiplications_per_token(self) -> int:
        """Multiply-accumulates of the layers' matrices for one token, attention and head not counted."""
        return sum(p.codes.shape[0] * p.rows * p.cols for p in self.layers)

    def _scratch(self, tokens: int, slots: int, members: int) -> Scratch:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None or scratch.tokens < tokens or scratch.slots < slots or scratch.members < members:
            scratch = self._local.scratch = Scratch(self.shape, tokens, slots, members)
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
        k = self._scratch(count, SINK_SLOTS + cache.ring, members)
        embed(self.embedding, self.embedding_scale, tokens, k.x)
        cache.length[lanes[starts]] += runs
        args = (
            self.isa, s.heads, s.kv_heads, s.head_size, s.hidden, np.float32(s.eps), self.phase_steps,
            self.score_scale, cache.window, cache.ring, weight_peak(cache.window), *self.layers, self.norms,
            self.final_norm, cache.keys, cache.values, cache.key_scale, cache.value_scale, lanes, positions,
            k.x, k.normed, k.a, k.factors, k.sums, k.scale, k.wide, k.q, k.q_sink, k.q_scale, k.q_sink_scale,
            k.score, k.e, k.p, k.value_sums, k.value_factors, k.ranges, k.found, k.angles, out,
        )  # fmt: skip
        return layers.run, args

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
        return (layers.head, (self.isa, count, hidden, self.head, a, factors, sums, scale, out)), out
