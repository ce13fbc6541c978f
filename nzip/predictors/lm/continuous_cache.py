"""What followed when the model was in a state like now: a cache of its hidden states and the tokens seen
after them.

After each token the head's input, as int8, becomes a key with that token behind it. Before each token the
keys nearest to the present state (by cosine) vote for their tokens, and the model's distribution is
interpolated with theirs, by a trust per nearness that is learned: the continuous cache of Grave et al.
(Improving Neural Language Models with a Continuous Cache, 2017), on the line to Khandelwal et al.
(Generalization through Memorization, 2020). It sees farther than the window, and repeats what the model would
only vaguely expect.

Similarities are integer dot products (exact, by :func:`.kernels.scores`) times float32 norms. All lanes share
the keys: those of a step enter in lane order and are seen from the next step on.

Concession: only the last ``KEYS`` states are kept; a step scores them all, about 5% of the model's own work.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact import numerics
from nzip.exact.jit import njit
from nzip.predictors.llama.attention_kernels import scores
from nzip.predictors.llama.kernels import tame
from nzip.predictors.llama.packed import aligned

exp2 = numerics.exp2
KEYS = 8192
NEAREST = 32  # neighbours that vote
TOKENS = 24  # different tokens that they may vote for
BUCKETS = 16
_SHARPNESS = np.float32(50.0 * numerics.LOG2E)
# Neighbours whose cosine is 0.1 below the nearest's have no weight worth adding.
BINS = 64
_BINS_PER_UNIT = np.float32(BINS / 0.1)
_ONE, _ZERO, _127 = np.float32(1.0), np.float32(0.0), np.float32(127.0)
_TINY = np.float32(1e-25)
TRUST, TRUST_RATE = np.float32(0.05), np.float32(0.02)
LEAST_TRUST, MOST_TRUST = np.float32(0.002), np.float32(0.7)


class ContinuousCache(NamedTuple):
    """``keys`` int8 (slots/16, width/2, 16, 2) as :func:`.kernels.scores` reads them, ``norm`` float32
    (slots,) 1/|key|, ``token`` int64 (slots,), ``seen`` int64 (1,): keys ever stored. Per lane: ``query``
    int16 (lanes, width) and ``query_norm``, the present state; ``near_*`` (lanes, TOKENS), what the
    neighbours vote for, with which mass (of all votes, so they sum to at most 1), and the model's own chance
    of it; ``near`` how many; ``bucket`` how near. ``trust`` float32 (BUCKETS,)."""

    keys: np.ndarray
    norm: np.ndarray
    token: np.ndarray
    seen: np.ndarray
    query: np.ndarray
    query_norm: np.ndarray
    near_token: np.ndarray
    near_mass: np.ndarray
    near_plain: np.ndarray
    near: np.ndarray
    bucket: np.ndarray
    trust: np.ndarray


def new(lanes: int, width: int, keys: int = KEYS) -> ContinuousCache:
    """An empty cache; of ``width`` 0, one that never votes."""
    slots = keys if width else 16
    queries = aligned((lanes, width), np.int16)
    stored = aligned((slots // 16, width // 2, 16, 2), np.int8)
    queries[:] = 0
    stored[:] = 0
    return ContinuousCache(
        keys=stored,
        norm=np.zeros(slots, np.float32),
        token=np.zeros(slots, np.int64),
        seen=np.zeros(1, np.int64),
        query=queries,
        query_norm=np.zeros(lanes, np.float32),
        near_token=np.zeros((lanes, TOKENS), np.int64),
        near_mass=np.zeros((lanes, TOKENS), np.float32),
        near_plain=np.zeros((lanes, TOKENS), np.float32),
        near=np.zeros(lanes, np.int64),
        bucket=np.zeros(lanes, np.int64),
        trust=np.full(BUCKETS, TRUST, np.float32),
    )


@njit(nogil=True, cache=True, error_model="numpy")
def _take_query(cache, lane, hidden):
    """The lane's state as int8 numbers."""
    peak = _ZERO
    for i in range(hidden.size):
        v = abs(tame(hidden[i]))
        peak = v if v > peak else peak  # noqa: FURB136  # NaN is passed over, on every machine
    query = cache.query[lane]
    if peak < _TINY:
        query[:] = 0
        cache.query_norm[lane] = _ZERO
        return
    inv = _127 / peak
    squares = np.int64(0)
    for i in range(hidden.size):
        q = np.int64(np.rint(np.float32(tame(hidden[i]) * inv)))
        query[i] = q
        squares += q * q
    cache.query_norm[lane] = _ONE / np.sqrt(np.float32(squares))


@njit(nogil=True, cache=True, error_model="numpy")
def _vote(cache, lane, score, filled):
    """Choose the lane's neighbours among the ``filled`` slots, newest first, and add up their votes."""
    cache.near[lane] = 0
    slots = cache.norm.size
    norm = cache.query_norm[lane]
    near = np.empty(filled, np.float32)
    top = np.float32(-2.0)
    for s in range(filled):
        v = np.float32(np.float32(np.float32(score[s]) * cache.norm[s]) * norm)
        near[s] = v
        top = v if v > top else top  # noqa: FURB136  # as above
    nearness = np.float32(
        np.float32(top - np.float32(0.6)) * np.float32(2.5 * BUCKETS)
    )  # cosines from 0.6 to 1
    cache.bucket[lane] = min(BUCKETS - 1, max(0, np.int64(nearness)))
    # How far from the nearest the NEAREST next ones lie, to a bin's width.
    bins = np.zeros(BINS, np.int64)
    for s in range(filled):
        far = np.float32(np.float32(top - near[s]) * _BINS_PER_UNIT)
        if far < np.float32(BINS):
            bins[np.int64(far)] += 1
    last, within = 0, bins[0]
    while last + 1 < BINS and within + bins[last + 1] <= NEAREST:
        last += 1
        within += bins[last]
    tokens, mass = np.empty(2 * NEAREST, np.int64), np.empty(2 * NEAREST, np.float32)
    count, voted = 0, 0
    total = _ZERO
    slot = (cache.seen[0] - 1) % slots
    for _ in range(filled):
        away = np.float32(top - near[slot])
        if np.float32(away * _BINS_PER_UNIT) < np.float32(last + 1):
            weight = exp2(np.float32(-away * _SHARPNESS))
            i = 0
            while i < count and tokens[i] != cache.token[slot]:
                i += 1
            if i == count:
                tokens[i], mass[i] = cache.token[slot], _ZERO
                count += 1
            mass[i] = np.float32(mass[i] + weight)
            total = np.float32(total + weight)
            voted += 1
            if voted == 2 * NEAREST:
                break
        slot = slot - 1 if slot > 0 else slots - 1
    kept = min(count, TOKENS)
    for k in range(kept):
        best = k
        for i in range(k + 1, count):
            best = i if mass[i] > mass[best] else best
        cache.near_token[lane, k], cache.near_mass[lane, k] = tokens[best], np.float32(mass[best] / total)
        tokens[best], mass[best] = tokens[k], mass[k]
    cache.near[lane] = kept


@njit(nogil=True, cache=True, error_model="numpy")
def look_up(isa, cache, lanes, hidden):
    """Before a step: find which neighbours each of ``lanes`` (int64 (n,)) has. hidden float32 (n, width),
    their states."""
    slots, width = cache.norm.size, cache.query.shape[1]
    if width == 0:
        return
    filled = min(cache.seen[0], slots)
    queries = np.empty((lanes.size, width), np.int16)
    for i in range(lanes.size):
        _take_query(cache, lanes[i], hidden[i])
        queries[i] = cache.query[lanes[i]]
    score = np.empty((lanes.size, slots), np.int32)
    scores(isa, cache.keys, 0, (filled + 15) // 16, queries, lanes.size, score)
    for i in range(lanes.size):
        _vote(cache, lanes[i], score[i], filled)


@njit(nogil=True, cache=True, error_model="numpy")
def remember(cache, lane, token):
    """After a step, in lane order: learn how far to trust, and keep the lane's state with its token."""
    if cache.query.shape[1] == 0:
        return
    if cache.near[lane] > 0:
        bucket = cache.bucket[lane]
        trust = cache.trust[bucket]
        due = _ZERO
        for i in range(cache.near[lane]):
            if cache.near_token[lane, i] == token:
                own = np.float32(trust * cache.near_mass[lane, i])
                due = own / np.float32(own + np.float32(np.float32(_ONE - trust) * cache.near_plain[lane, i]))
        trust = np.float32(trust + np.float32(TRUST_RATE * np.float32(due - trust)))
        cache.trust[bucket] = min(max(trust, LEAST_TRUST), MOST_TRUST)
    slot = cache.seen[0] % cache.norm.size
    block, inside = slot // 16, slot % 16
    for i in range(cache.query.shape[1] // 2):
        cache.keys[block, i, inside, 0] = cache.query[lane, 2 * i]
        cache.keys[block, i, inside, 1] = cache.query[lane, 2 * i + 1]
    cache.norm[slot] = cache.query_norm[lane]
    cache.token[slot] = token
    cache.seen[0] += 1


def size(lanes: int, width: int) -> int:
    """Bytes of a cache and of one step's scratch, an upper bound."""
    return KEYS * (width + 16 + 4 * lanes) + lanes * (4 * width + 256)
