"""What a language model learns from the file at hand: a logit bias, and candidates from its own past.

To the model's logits an online *bias* per token is added (:mod:`.softmax`). Then a few *candidates* – tokens
that
:mod:`.recall` finds after like states, that followed the same 1 to 5 tokens before, or that continue a long
match – have their frequencies changed. What is recalled is interpolated with the model. The candidates that
n-grams or a match propose each pass a binary question, "is it this one?", whose answer mixes the stretched
probability with what adaptive maps say of the n-gram's counts, in a small gated logistic mixer that learns.
The rest of the vocabulary shares what remains in the model's proportions, so there is one CDF and one coder
call.

All lanes share this state. The bias changes once a step, when all lanes have coded theirs (so their
frequencies can be computed in parallel); tables, maps and mixers change at once, in lane order. Arithmetic:
float32 in written order (numerics.exp2 and log2), float64 division for the shares, integers for the rest.

Concession: a candidate costs about 0.3 µs; the passes over the vocabulary dominate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact import numerics
from nzip.exact.jit import njit
from nzip.predictors.lm import continuous_cache, softmax

exp2, log2 = numerics.exp2, numerics.log2

ORDERS = 5
WAYS = 6
MAX_QUESTIONS = 10  # candidates that are asked for; what is recalled beside them is believed as it is
MAX_CANDIDATES = MAX_QUESTIONS + continuous_cache.TOKENS
# Inputs of the mixer: the model, one per order, the long match, what is recalled, a constant.
INPUTS = ORDERS + 4
MATCH_MIN = 4
MATCH_LENGTHS = 32
STATES = 8 * 8 * 2
SETS = 4 * (ORDERS + 2)
_LEAST = np.float32(2.0**-20)
_MOST = np.float32(1.0 - 2.0**-12)
_REST = np.float32(2.0**-14)
_CLIP = np.float32(14.0)
_ONE, _HALF = np.float32(1.0), np.float32(0.5)
MIXER_RATE = np.float32(0.004)
MAP_LIMIT = 255
# What the mixer learnt on train texts (prose, code, markup), rounded: the first question's weights by the
# highest order that knows its candidate, one row for all later questions.
_FIRST_WEIGHTS = np.array([
    [0.97, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.00, 0.00],
    [0.85, 0.10, 0.05, 0.05, 0.05, 0.05, 0.05, 0.04, 0.03],
    [0.84, -0.03, 0.12, 0.05, 0.05, 0.05, 0.05, 0.08, 0.05],
    [0.85, -0.06, 0.05, 0.09, 0.05, 0.05, 0.05, 0.00, 0.03],
    [0.85, -0.06, 0.05, 0.09, 0.09, 0.05, 0.05, 0.00, 0.03],
    [0.85, -0.06, 0.05, 0.09, 0.09, 0.09, 0.05, 0.00, 0.03],
    [0.83, -0.11, 0.03, 0.06, 0.13, 0.13, 0.12, 0.02, 0.04],
], np.float32)  # fmt: skip
_LATER_WEIGHTS = np.array([0.94, 0.00, 0.02, 0.01, 0.02, 0.03, 0.02, -0.01, 0.01], np.float32)


class Adapt(NamedTuple):
    """All adaptive state. ``table_*`` (ORDERS, slots[, WAYS]): n-gram contexts, followers most recent first.
    ``map_*`` (ORDERS + 1, ·): probability and count per n-gram state, the last row for match lengths.
    ``weights`` (SETS, INPUTS). ``history`` int32 (lanes, longest), ``length`` int64 (lanes,). ``match`` int64
    (lanes, 3): lane and place that the match predicts from, and its length. ``heads`` int64 (slots,): where a
    context of MATCH_MIN tokens last ended, as lane << 40 | place, + 1. ``candidates`` to ``slots``, (lanes,
    ·): the questions asked of each lane's next token, kept until it is known; ``count`` how many. ``escape``
    float64 (1,): chance of an escaped byte. ``recall``: see :mod:`.recall`."""

    bias: softmax.Bias
    table_check: np.ndarray
    table_token: np.ndarray
    table_count: np.ndarray
    map_p: np.ndarray
    map_n: np.ndarray
    weights: np.ndarray
    history: np.ndarray
    length: np.ndarray
    match: np.ndarray
    heads: np.ndarray
    candidates: np.ndarray
    inputs: np.ndarray
    states: np.ndarray
    sets: np.ndarray
    chances: np.ndarray
    shares: np.ndarray
    slots: np.ndarray
    count: np.ndarray
    escape: np.ndarray
    continuous_cache: continuous_cache.Recall


def new_state(vocabulary: int, lanes: int, longest: int, width: int, slot_bits: int = 17) -> Adapt:
    """A fresh state for ``lanes`` lanes of at most ``longest`` tokens and a model of ``width`` (0: nothing is
    recalled)."""
    slots = 1 << slot_bits
    map_p = np.empty((ORDERS + 1, max(STATES, 2 * MATCH_LENGTHS)), np.float32)
    for n in range(8):
        for others in range(8):
            for recent in range(2):
                map_p[:ORDERS, (n * 8 + others) * 2 + recent] = (n + 0.15 + 0.25 * recent) / (
                    n + others + 1.5
                )
    for length in range(MATCH_LENGTHS):
        map_p[ORDERS, length] = (length + 4) / (length + 8)
        map_p[ORDERS, MATCH_LENGTHS + length] = 1 / (length + 4)
    weights = np.empty((SETS, INPUTS), np.float32)
    weights[:] = _LATER_WEIGHTS
    weights[: ORDERS + 2] = _FIRST_WEIGHTS
    return Adapt(
        bias=softmax.new_bias(vocabulary),
        table_check=np.zeros((ORDERS, slots), np.uint32),
        table_token=np.full((ORDERS, slots, WAYS), -1, np.int32),
        table_count=np.zeros((ORDERS, slots, WAYS), np.uint8),
        map_p=map_p,
        map_n=np.full(map_p.shape, 6, np.int32),
        weights=weights,
        history=np.zeros((lanes, longest), np.int32),
        length=np.zeros(lanes, np.int64),
        match=np.zeros((lanes, 3), np.int64),
        heads=np.zeros(slots, np.int64),
        candidates=np.zeros((lanes, MAX_CANDIDATES), np.int64),
        inputs=np.zeros((lanes, MAX_CANDIDATES, INPUTS), np.float32),
        states=np.zeros((lanes, MAX_CANDIDATES, ORDERS + 1), np.int64),
        sets=np.zeros((lanes, MAX_CANDIDATES), np.int64),
        chances=np.zeros((lanes, MAX_CANDIDATES), np.float32),
        shares=np.zeros((lanes, MAX_CANDIDATES), np.int64),
        slots=np.zeros((lanes, ORDERS), np.int64),
        count=np.zeros(lanes, np.int64),
        escape=np.full(1, 2.0**-14, np.float64),
        recall=continuous_cache.new(lanes, width),
    )


@njit(inline="always")
def _stretch(p):
    return np.float32(log2(p) - log2(np.float32(_ONE - p)))


@njit(inline="always")
def _context(A, lane, order):
    """Hash of the lane's last ``order`` tokens."""
    h = np.uint64(order + 1) * np.uint64(0x9E3779B97F4A7C15)
    n = A.length[lane]
    for k in range(order):
        token = A.history[lane, n - 1 - k] if n - 1 - k >= 0 else -1
        h = (h ^ np.uint64(token + 2)) * np.uint64(0xD6E8FEB86659FD93)
        h ^= h >> np.uint64(32)
    return h


@njit(nogil=True, cache=True)
def _predicted(A, lane):
    """The token that the lane's match predicts, or -1."""
    if A.match[lane, 2] > 0 and A.match[lane, 1] < A.length[A.match[lane, 0]]:
        return np.int64(A.history[A.match[lane, 0], A.match[lane, 1]])
    return np.int64(-1)


@njit(inline="always")
def _add(A, lane, token, count):
    """Make the token a candidate unless it is one; how many there are."""
    for i in range(count):
        if A.candidates[lane, i] == token:
            return count
    A.candidates[lane, count] = token
    return count + 1


@njit(nogil=True, cache=True, error_model="numpy")
def _ask(A, lane, i, token, predicted, p, mass):
    """The chance that the lane's i-th candidate is the next token, given that none before it is; ``p`` is the
    model's own (with what is recalled), ``mass`` what the recalled neighbours give it."""
    x = A.inputs[lane, i]
    length = min(A.match[lane, 2], MATCH_LENGTHS - 1)
    x[0] = _stretch(p)
    highest = 0
    for order in range(ORDERS):
        slot = A.slots[lane, order]
        n, others, recent = 0, 0, 0
        for way in range(WAYS):
            if A.table_token[order, slot, way] == token:
                n = np.int64(A.table_count[order, slot, way])
                recent = 1 if way == 0 else 0
            else:
                others += np.int64(A.table_count[order, slot, way])
        if n + others == 0:
            A.states[lane, i, order] = -1
            x[1 + order] = np.float32(0.0)
        else:
            state = (min(n, 7) * 8 + min(others, 7)) * 2 + recent
            A.states[lane, i, order] = state
            x[1 + order] = _stretch(A.map_p[order, state])
            if n > 0:
                highest = order + 1
    if predicted >= 0:
        state = length if token == predicted else MATCH_LENGTHS + length
        A.states[lane, i, ORDERS] = state
        x[1 + ORDERS] = _stretch(A.map_p[ORDERS, state])
        if token == predicted:
            highest = ORDERS + 1
    else:
        A.states[lane, i, ORDERS] = -1
        x[1 + ORDERS] = np.float32(0.0)
    x[2 + ORDERS] = np.float32(0.0)
    if mass > np.float32(0.0):
        x[2 + ORDERS] = _stretch(np.float32(np.float32(mass * np.float32(0.9)) + np.float32(0.05)))
    x[3 + ORDERS] = _HALF
    chosen = min(i, 3) * (ORDERS + 2) + highest
    A.sets[lane, i] = chosen
    w = A.weights[chosen]
    dot = np.float32(0.0)
    for k in range(INPUTS):
        dot = np.float32(dot + np.float32(w[k] * x[k]))
    dot = min(max(dot, -_CLIP), _CLIP)
    p = np.float32(_ONE / np.float32(_ONE + exp2(np.float32(-dot))))
    p = min(max(p, _LEAST), _MOST)
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def propose(A, lane, f, total):
    """Choose candidates for the lane's next token and give them shares. Returns (count, sum of shares, rest):
    candidate i owns ``A.shares[lane, i]``, the others together ``rest``, each in proportion to its f."""
    count = 0
    predicted = _predicted(A, lane)
    for order in range(1, ORDERS + 1):
        h = _context(A, lane, order)
        slot = np.int64((h >> np.uint64(33)) % np.uint64(A.table_check.shape[1]))
        check = np.uint32(h & np.uint64(0xFFFFFFFF)) | np.uint32(1)
        A.slots[lane, order - 1] = slot
        if A.table_check[order - 1, slot] != check:
            A.table_check[order - 1, slot] = check
            A.table_token[order - 1, slot, :] = -1
            A.table_count[order - 1, slot, :] = 0
    if predicted >= 0:
        A.candidates[lane, 0] = predicted
        count = 1
    R = A.recall
    trust = R.trust[R.bucket[lane]] if R.near[lane] > 0 else np.float32(0.0)
    for i in range(R.near[lane]):
        token = R.near_token[lane, i]
        R.near_plain[lane, i] = np.float32(np.int32(f[token])) / np.float32(total)
    for order in range(ORDERS - 1, -1, -1):
        for way in range(WAYS):
            token = A.table_token[order, A.slots[lane, order], way]
            if token < 0 or count == MAX_QUESTIONS:
                break
            count = _add(A, lane, token, count)
    asked = count
    for i in range(R.near[lane]):
        count = _add(A, lane, R.near_token[lane, i], count)
    left, rest = total, _ONE
    # The odds of what is recalled against the model, on the scale of f.
    recalled = np.float32(np.float32(trust / np.float32(_ONE - trust)) * np.float32(total))
    mixed_left = np.float32(np.float32(total) + recalled)
    chance_of = np.empty(MAX_CANDIDATES, np.float64)
    for i in range(count):
        token = A.candidates[lane, i]
        mass = np.float32(0.0)
        for k in range(R.near[lane]):
            if R.near_token[lane, k] == token:
                mass = R.near_mass[lane, k]
        own = np.float32(np.float32(np.int32(f[token])) + np.float32(recalled * mass))
        p = np.float32(own / mixed_left) if mixed_left > own else _ONE
        p = min(max(p, _LEAST), np.float32(_ONE - _LEAST))
        left -= np.int64(f[token])
        mixed_left = max(np.float32(mixed_left - own), np.float32(1.0))
        A.sets[lane, i] = -1
        if i < asked:
            p = _ask(A, lane, i, token, predicted, p, mass)
        A.chances[lane, i] = p
        chance_of[i] = np.float64(rest) * np.float64(p)
        rest = np.float32(rest * np.float32(_ONE - p))
        if rest < _REST:
            count = i + 1
            break
    shares = np.int64(0)
    if count > 0:
        whole = np.float64(left) / np.float64(rest)
        for i in range(count):
            A.shares[lane, i] = max(np.int64(1), np.int64(chance_of[i] * whole))
            shares += A.shares[lane, i]
    A.count[lane] = count
    return count, shares, left


@njit(nogil=True, cache=True, error_model="numpy")
def learn(A, lane, token):
    """The lane's token is known: train the questions that were asked, then the tables, match and history."""
    continuous_cache.remember(A.recall, lane, token)
    for i in range(A.count[lane]):
        hit = A.candidates[lane, i] == token
        if A.sets[lane, i] < 0:
            break
        target = _ONE if hit else np.float32(0.0)
        error = np.float32(np.float32(target - A.chances[lane, i]) * MIXER_RATE)
        w = A.weights[A.sets[lane, i]]
        x = A.inputs[lane, i]
        for k in range(INPUTS):
            w[k] = np.float32(w[k] + np.float32(error * x[k]))
        for k in range(ORDERS + 1):
            state = A.states[lane, i, k]
            if state >= 0:
                n = A.map_n[k, state]
                p = A.map_p[k, state]
                p = np.float32(p + np.float32(np.float32(target - p) / np.float32(np.float32(n) + _HALF)))
                A.map_p[k, state] = min(max(p, np.float32(0.0005)), np.float32(0.9995))
                A.map_n[k, state] = min(n + 1, MAP_LIMIT)
        if hit:
            break
    for order in range(ORDERS):
        slot = A.slots[lane, order]
        tokens, counts = A.table_token[order, slot], A.table_count[order, slot]
        way = 0
        while way < WAYS - 1 and tokens[way] != token and tokens[way] >= 0:
            way += 1
        n = counts[way] if tokens[way] == token else np.uint8(0)
        while way > 0:
            tokens[way], counts[way] = tokens[way - 1], counts[way - 1]
            way -= 1
        tokens[0] = token
        counts[0] = n + np.uint8(1)
        if n >= 200:
            for k in range(WAYS):
                counts[k] = (counts[k] + np.uint8(1)) >> np.uint8(1)
    m = A.match[lane]
    if m[2] > 0:
        if m[1] < A.length[m[0]] and A.history[m[0], m[1]] == token:
            m[1] += 1
            m[2] = min(m[2] + 1, 1 << 20)
        else:
            m[2] = 0
    n = A.length[lane]
    A.history[lane, n] = token
    A.length[lane] = n + 1
    n += 1
    if n >= MATCH_MIN:
        slot = _context(A, lane, MATCH_MIN) % np.uint64(A.heads.size)
        head = A.heads[slot] - 1
        A.heads[slot] = (lane << 40 | n) + 1
        if m[2] == 0 and head >= 0:
            other, place = head >> 40, head & ((1 << 40) - 1)
            length = 0
            while (
                length < MATCH_LENGTHS
                and place - 1 - length >= 0
                and n - 1 - length >= 0
                and A.history[other, place - 1 - length] == A.history[lane, n - 1 - length]
            ):
                length += 1
            if length >= MATCH_MIN // 2:
                m[0], m[1], m[2] = other, place, length
