"""A Llama's layers over one batch, and its head, in compiled code: what each member of a team does.

Norms and quantising are shared out by tokens, products by rows, attention by lanes and heads; all meet
between (:mod:`.team`). Who does what never shows in the result.

Concession: arguments by the dozen, because compiled code takes arrays faster than objects that hold them;
:class:`.engine.Engine` spells them out once, :mod:`nzip.predictors.transformer.stream` again.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import lean, njit
from nzip.predictors.llama import attention, rope
from nzip.predictors.llama.attention import TILE
from nzip.predictors.llama.elementwise import add, rms_norm, silu_product
from nzip.predictors.llama.kernels import matmul, quantise
from nzip.predictors.llama.kv_cache import quantise_row, slot_of, store
from nzip.predictors.llama.team import meet, share

_QUERY_PEAK = np.float32(32000.0)


@njit(nogil=True, cache=True, error_model="numpy")
def product(isa, point, member, members, tokens, packed, layer, a, factors, sums, scale, out):
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
def keep(
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
    rotated,
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
        rope.rotate(projected[at : at + size], angles[0], angles[1], rotated)
        q_scale[h, t, g] = np.float32(quantise_row(rotated, _QUERY_PEAK, own) * score_scale)
        if n >= window:
            rope.rotate(projected[at : at + size], angles[2], angles[3], rotated)
            q_sink_scale[h, t, g] = np.float32(quantise_row(rotated, _QUERY_PEAK, sink) * score_scale)
        else:
            q_sink_scale[h, t, g] = q_scale[h, t, g]
            for j in range(size):
                sink[j] = own[j]
    at = (heads + h) * size
    rope.rotate(projected[at : at + size], angles[0], angles[1], rotated)
    at += kv_heads * size
    store(
        keys,
        values,
        key_scale,
        value_scale,
        h,
        slot_of(n, ring),
        rotated,
        projected[at : at + size],
        row,
    )


@njit(nogil=True, cache=True, error_model="numpy")
def run(
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
    rotated = np.empty(size, np.float32)
    low, high = share(tokens, member, members)
    for t in range(low, high):
        rope.angles(steps, positions[t], angles[t, 0], angles[t, 1])
        rope.angles(steps, min(positions[t], window - 1), angles[t, 2], angles[t, 3])
    tiles = 0
    t = 0
    while t < tokens:
        t += tile(lanes, t)
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
        product(isa, point, member, members, tokens, qkv, layer, a[0], factors[0], sums[0], scale, wide[0])
        for pair in range(pairs_low, pairs_high):
            t, h = pair // kv_heads, pair % kv_heads
            lane = lanes[t]
            keep(
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
                rotated,
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
            many = tile(lanes, t)
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
        product(
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
        add(x[low:high], normed[low:high], high - low)
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
        product(
            isa, point, member, members, tokens, gate_up, layer, a[0], factors[0], sums[0], scale, wide[2]
        )
        silu_product(wide[2][low:high], hidden, high - low, wide[3][low:high])
        quantise(
            wide[3][low:high],
            high - low,
            a[2][low:high],
            factors[2][low:high],
            sums[2][low:high],
            scale[low:high],
        )
        product(isa, point, member, members, tokens, down, layer, a[2], factors[2], sums[2], scale, normed)
        add(x[low:high], normed[low:high], high - low)
    for t in range(low, high):
        rms_norm(x[t], final_norm, eps, out[t])


@njit(nogil=True, cache=True, error_model="numpy")
def tile(lanes, t):
    """Tokens from ``t`` on whose queries are scored together: one lane's, at most TILE."""
    many = 1
    while t + many < lanes.size and many < TILE and lanes[t + many] == lanes[t]:
        many += 1
    return many


@njit(nogil=True, cache=True, error_model="numpy")
def head(point, member, members, isa, tokens, hidden, packed, a, factors, sums, scale, out):
    """One member's part of the head; rows of a Packed with one layer."""
    low, high = share(tokens, member, members)
    quantise(hidden[low:high], high - low, a[low:high], factors[low:high], sums[low:high], scale[low:high])
    product(isa, point, member, members, tokens, packed, 0, a, factors, sums, scale, out)
