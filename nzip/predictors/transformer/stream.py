"""One lane of a byte-level transformer in compiled code: from bytes to distributions, with no Python between.

The engine's own functions in the engine's own order (:mod:`nzip.predictors.llama.layers`); here they are
called from compiled code, so that :mod:`nzip.predictors.mix.fused` can ask once a byte. An encoder reads
CHUNK bytes ahead, which the weights pass through the processor once for; a decoder reads one. Both give equal
integers.

Concession: one lane, so a decoder moves all weights for every byte.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact.jit import njit
from nzip.predictors.distribution import distribution
from nzip.predictors.llama import layers
from nzip.predictors.llama.attention import TILE
from nzip.predictors.llama.attention_softmax import weight_peak
from nzip.predictors.llama.elementwise import embed
from nzip.predictors.llama.engine import Engine
from nzip.predictors.llama.kernels import matmul, quantise
from nzip.predictors.llama.kv_cache import SINK_SLOTS, Cache, ring_size
from nzip.predictors.llama.packed import Packed, aligned, padded_cols
from nzip.predictors.llama.scratch import Scratch
from nzip.predictors.llama.team import ALONE

CHUNK = 128
SEEN, AT, AHEAD = range(3)


class Stream(NamedTuple):
    """A lane that has seen nothing yet: the model (read only), the lane's memory, and scratch for CHUNK
    bytes."""

    point: np.ndarray  # where a team would meet: this is one thread
    isa: int
    heads: int
    kv_heads: int
    size: int
    hidden: int
    eps: np.float32
    score_scale: np.float32
    window: int
    ring: int
    peak: int
    steps: np.ndarray
    qkv: Packed
    attention_out: Packed
    gate_up: Packed
    down: Packed
    head: Packed
    norms: np.ndarray
    final_norm: np.ndarray
    embedding: np.ndarray
    embedding_scale: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    key_scale: np.ndarray
    value_scale: np.ndarray
    place: np.ndarray  # int64 (3,): bytes read; which of the rows ahead is next, and how many there are
    tokens: np.ndarray  # int64 (CHUNK,)
    lanes: np.ndarray  # int64 (CHUNK,), zeros
    positions: np.ndarray
    x: np.ndarray
    normed: np.ndarray
    a: tuple
    factors: tuple
    sums: tuple
    scale: np.ndarray
    wide: tuple
    q: np.ndarray
    q_sink: np.ndarray
    q_scale: np.ndarray
    q_sink_scale: np.ndarray
    score: np.ndarray
    e: np.ndarray
    p: np.ndarray
    value_sums: np.ndarray
    value_factors: np.ndarray
    ranges: np.ndarray
    found: np.ndarray
    angles: np.ndarray
    out: np.ndarray
    logits: np.ndarray
    weights: np.ndarray
    ahead: np.ndarray  # uint32 (CHUNK, 256)


def new_stream(engine: Engine, window: int) -> Stream:
    """A lane with a context of ``window`` bytes."""
    s = engine.shape
    cache = Cache(s, 1, window, CHUNK)
    k = Scratch(s, CHUNK, SINK_SLOTS + cache.ring)
    return Stream(
        ALONE.point, engine.isa, s.heads, s.kv_heads, s.head_size, s.hidden, np.float32(s.eps),
        engine.score_scale, window, cache.ring, weight_peak(window), engine.phase_steps, *engine.layers,
        engine.head, engine.norms, engine.final_norm, engine.embedding, engine.embedding_scale, cache.keys,
        cache.values, cache.key_scale, cache.value_scale, np.zeros(3, np.int64), np.zeros(CHUNK, np.int64),
        np.zeros(CHUNK, np.int64), np.zeros(CHUNK, np.int64), k.x, k.normed, k.a, k.factors, k.sums, k.scale,
        k.wide, k.q, k.q_sink, k.q_scale, k.q_sink_scale, k.score, k.e, k.p, k.value_sums, k.value_factors,
        k.ranges, k.found, k.angles, np.zeros((CHUNK, s.width), np.float32),
        aligned((CHUNK, engine.logit_columns), np.float32), np.zeros(256, np.int32),
        np.zeros((CHUNK, 256), np.uint32),
    )  # fmt: skip


def stream_bytes(engine: Engine, window: int) -> int:
    """Memory of a lane, scratch included; an upper bound."""
    s = engine.shape
    slots = SINK_SLOTS + ring_size(window, CHUNK)
    floats = 8 * padded_cols(s.width) + 4 * s.heads * s.head_size + 4 * padded_cols(s.hidden) + 1024
    return (
        Cache.bytes(s, 1, window, CHUNK)
        + CHUNK * 6 * floats
        + 8 * TILE * (s.heads // s.kv_heads) * slots
        + (1 << 20)
    )


@njit(nogil=True, cache=True, error_model="numpy")
def read(s, data, out):
    """The lane has seen ``data`` uint8 (n,), n ≤ CHUNK; ``out`` uint32 (n, 256) gets the distribution after
    each byte."""
    count = data.size
    for t in range(count):
        s.tokens[t] = data[t]
        s.positions[t] = s.place[SEEN] + t
    embed(s.embedding, s.embedding_scale, s.tokens[:count], s.x)
    layers.run(
        s.point,
        0,
        1,
        s.isa,
        s.heads,
        s.kv_heads,
        s.size,
        s.hidden,
        s.eps,
        s.steps,
        s.score_scale,
        s.window,
        s.ring,
        s.peak,
        s.qkv,
        s.attention_out,
        s.gate_up,
        s.down,
        s.norms,
        s.final_norm,
        s.keys,
        s.values,
        s.key_scale,
        s.value_scale,
        s.lanes[:count],
        s.positions[:count],
        s.x,
        s.normed,
        s.a,
        s.factors,
        s.sums,
        s.scale,
        s.wide,
        s.q,
        s.q_sink,
        s.q_scale,
        s.q_sink_scale,
        s.score,
        s.e,
        s.p,
        s.value_sums,
        s.value_factors,
        s.ranges,
        s.found,
        s.angles,
        s.out,
    )
    quantise(s.out, count, s.a[0], s.factors[0], s.sums[0], s.scale)
    matmul(
        s.isa,
        s.head.bits,
        s.head.codes[0],
        s.head.d[0],
        s.head.m[0],
        s.head.rs[0],
        s.a[0],
        s.factors[0],
        s.sums[0],
        s.scale,
        count,
        s.logits,
        0,
        s.head.codes.shape[1],
    )
    for t in range(count):
        distribution(s.logits[t, :256], s.weights, out[t])
    s.place[SEEN] += count


@njit(nogil=True, cache=True, error_model="numpy")
def steps(s, data, out):
    """:func:`read` for any number of bytes."""
    for at in range(0, data.size, CHUNK):
        read(s, data[at : at + CHUNK], out[at : at + CHUNK])


@njit(nogil=True, cache=True, error_model="numpy")
def step(s, data, position, decoding, out):
    """The lane has seen ``data[position]``, of which all before was told; ``out`` uint32 (256,). An encoder's
    is read ahead, so all its ``data`` must be there."""
    if decoding:
        read(s, data[position : position + 1], s.ahead)
        s.place[AT] = 0
    elif s.place[AT] == s.place[AHEAD]:
        part = data[position : position + CHUNK]
        read(s, part, s.ahead)
        s.place[AT], s.place[AHEAD] = 0, part.size
    row = s.ahead[s.place[AT]]
    for i in range(256):
        out[i] = row[i]
    s.place[AT] += 1
