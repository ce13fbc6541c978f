"""What a language model learns from the file at hand: a logit bias, and token n-grams mixed in as candidates.

The model's distribution over the vocabulary is turned into integer frequencies (:func:`frequencies`), with an
online *bias* per token added to its logits: after each step ``bias += rate * (seen - probability)``. Then a few
*candidates* – tokens that followed the same 1 to 5 tokens before, or that continue a long match – each pass
a binary question, "is it this one?", whose answer mixes the model's stretched probability with what adaptive
maps say of the n-gram's counts, in a small gated logistic mixer that learns. The rest of the vocabulary shares
what remains in the model's proportions, so only the candidates' frequencies change: one CDF, one coder call.

All lanes share this state. The bias changes once a step, when all lanes have coded theirs (so their
frequencies can be computed in parallel); tables, maps and mixers change at once, in lane order. Arithmetic:
float32 in written order (numerics.exp2 and log2), float64 division for the shares, integers for the rest.

Concession: a candidate costs about 0.3 µs; the passes over the vocabulary dominate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip import numerics
from nzip.jit import njit

exp2, log2 = numerics.exp2, numerics.log2
_LOG2E = np.float32(numerics.LOG2E)

ORDERS = 5
WAYS = 6
MAX_CANDIDATES = 10
# Inputs of the mixer: the model, one per order, the long match, a constant.
INPUTS = ORDERS + 3
MATCH_MIN = 6
MATCH_LENGTHS = 32
STATES = 8 * 8 * 2
SETS = 4 * (ORDERS + 2)
# Frequencies of one distribution sum to about 2**TOTAL_BITS before candidates.
TOTAL_BITS = 30
_TOTAL = np.float32(2.0**TOTAL_BITS)
_2_28 = np.float32(2.0**28)
_LEAST = np.float32(2.0**-20)
_MOST = np.float32(1.0 - 2.0**-12)
_REST = np.float32(2.0**-14)
_CLIP = np.float32(14.0)
_ONE, _HALF = np.float32(1.0), np.float32(0.5)
BIAS_RATE = np.float32(0.2)
MIXER_RATE = np.float32(0.004)
MAP_LIMIT = 255


class Adapt(NamedTuple):
    """All adaptive state. ``table_*`` (ORDERS, slots[, WAYS]): n-gram contexts, followers most recent first.
    ``map_*`` (ORDERS + 1, ·): probability and count per n-gram state, the last row for match lengths.
    ``weights`` (SETS, INPUTS). ``history`` int32 (lanes, longest), ``length`` int64 (lanes,). ``match`` int64
    (lanes, 3): lane and place that the match predicts from, and its length. ``heads`` int64 (slots,): where a
    context of MATCH_MIN tokens last ended, as lane << 40 | place, + 1. ``candidates`` to ``slots``, (lanes, ·): the
    questions asked of each lane's next token, kept until it is known; ``count`` how many. ``escape`` float64 (1,): chance of an escaped byte."""

    bias: np.ndarray
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


def new_state(vocabulary: int, lanes: int, longest: int, slot_bits: int = 17) -> Adapt:
    """A fresh state for ``lanes`` lanes of at most ``longest`` tokens."""
    slots = 1 << slot_bits
    map_p = np.empty((ORDERS + 1, max(STATES, 2 * MATCH_LENGTHS)), np.float32)
    for n in range(8):
        for others in range(8):
            for recent in range(2):
                map_p[:ORDERS, (n * 8 + others) * 2 + recent] = (n + 0.15 + 0.25 * recent) / (n + others + 1.5)
    for length in range(MATCH_LENGTHS):
        map_p[ORDERS, length] = (length + 4) / (length + 8)
        map_p[ORDERS, MATCH_LENGTHS + length] = 1 / (length + 4)
    weights = np.zeros((SETS, INPUTS), np.float32)
    weights[:, 0] = 0.9
    weights[:, 1 : ORDERS + 2] = 0.12
    return Adapt(
        bias=np.zeros(vocabulary, np.float32),
        table_check=np.zeros((ORDERS, slots), np.uint32),
        table_token=np.full((ORDERS, slots, WAYS), -1, np.int32),
        table_count=np.zeros((ORDERS, slots, WAYS), np.uint8),
        map_p=map_p, map_n=np.full(map_p.shape, 6, np.int32), weights=weights,
        history=np.zeros((lanes, longest), np.int32), length=np.zeros(lanes, np.int64),
        match=np.zeros((lanes, 3), np.int64), heads=np.zeros(slots, np.int64),
        candidates=np.zeros((lanes, MAX_CANDIDATES), np.int64), inputs=np.zeros((lanes, MAX_CANDIDATES, INPUTS), np.float32),
        states=np.zeros((lanes, MAX_CANDIDATES, ORDERS + 1), np.int64), sets=np.zeros((lanes, MAX_CANDIDATES), np.int64),
        chances=np.zeros((lanes, MAX_CANDIDATES), np.float32), shares=np.zeros((lanes, MAX_CANDIDATES), np.int64),
        slots=np.zeros((lanes, ORDERS), np.int64), count=np.zeros(lanes, np.int64), escape=np.full(1, 2.0**-14, np.float64))


@njit(nogil=True, cache=True, error_model="numpy")
def frequencies(logits, bias, e, f):
    """``f`` uint32 (V,): softmax of logits + bias as integers ≥ 1 that sum to about 2**30; returns the sum.

    logits float32 (≥ V,), of which the first V count; ``e`` float32 (V,) is scratch."""
    n = bias.size
    top = np.int32(-(2**31))
    for i in range(n):
        v = np.float32(np.float32(logits[i] + bias[i]) * _LOG2E)
        e[i] = v
        b = v.view(np.int32)
        top = max(top, np.int32(b ^ ((b >> np.int32(31)) & np.int32(0x7FFFFFFF))))
    peak = np.int32(top ^ ((top >> np.int32(31)) & np.int32(0x7FFFFFFF))).view(np.float32)
    total = np.int64(0)
    for i in range(n):
        v = exp2(np.float32(e[i] - peak))
        e[i] = v
        total += np.int32(np.float32(v * _2_28))
    scale = np.float32(_TOTAL / np.float32(np.float32(total) / _2_28))
    total = np.int64(0)
    for i in range(n):
        v = np.int32(np.float32(e[i] * scale)) + np.int32(1)
        f[i] = v
        total += v
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def settle_bias(bias, f, lanes, symbols, first, last):
    """For tokens first..last-1: take BIAS_RATE times each lane's probability off the bias and add BIAS_RATE for
    the token it saw. ``f`` uint32 (all lanes, V), ``lanes`` and ``symbols`` int64 (n,); escapes change nothing."""
    step = np.float32(BIAS_RATE / _TOTAL)
    mine = bias[first:last]
    for k in range(lanes.size):
        if symbols[k] >= bias.size:
            continue
        seen = f[lanes[k], first:last]
        for i in range(mine.size):
            mine[i] = mine[i] - np.float32(np.float32(np.int32(seen[i])) * step)
    for k in range(lanes.size):
        if first <= symbols[k] < last:
            bias[symbols[k]] = bias[symbols[k]] + BIAS_RATE


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
def _find_match(A, lane):
    """Extend or look up the lane's match; returns the predicted token or -1."""
    n = A.length[lane]
    if A.match[lane, 2] == 0 and n >= MATCH_MIN:
        head = A.heads[_context(A, lane, MATCH_MIN) % np.uint64(A.heads.size)] - 1
        if head >= 0:
            other, place = head >> 40, head & ((1 << 40) - 1)
            length = 0
            while (length < MATCH_LENGTHS and place - 1 - length >= 0 and n - 1 - length >= 0
                   and A.history[other, place - 1 - length] == A.history[lane, n - 1 - length]):
                length += 1
            if length >= MATCH_MIN // 2:
                A.match[lane, 0], A.match[lane, 1], A.match[lane, 2] = other, place, length
    if A.match[lane, 2] > 0 and A.match[lane, 1] < A.length[A.match[lane, 0]]:
        return np.int64(A.history[A.match[lane, 0], A.match[lane, 1]])
    return np.int64(-1)


@njit(nogil=True, cache=True, error_model="numpy")
def propose(A, lane, f, total):
    """Choose candidates for the lane's next token and give them shares. Returns (count, sum of shares, rest):
    candidate i owns ``A.shares[lane, i]``, the others together ``rest``, each in proportion to its f."""
    count = 0
    predicted = _find_match(A, lane)
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
    for order in range(ORDERS - 1, -1, -1):
        for way in range(WAYS):
            token = A.table_token[order, A.slots[lane, order], way]
            if token < 0 or count == MAX_CANDIDATES:
                break
            known = False
            for i in range(count):
                known = known or A.candidates[lane, i] == token
            if not known:
                A.candidates[lane, count] = token
                count += 1
    left, rest = total, _ONE
    chance_of = np.empty(MAX_CANDIDATES, np.float64)
    length = min(A.match[lane, 2], MATCH_LENGTHS - 1)
    for i in range(count):
        token = A.candidates[lane, i]
        x = A.inputs[lane, i]
        p = np.float32(np.float32(np.int32(f[token])) / np.float32(left))
        p = min(max(p, _LEAST), np.float32(_ONE - _LEAST))
        left -= np.int64(f[token])
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
        x[2 + ORDERS] = _HALF
        chosen = min(i, 3) * (ORDERS + 2) + highest
        A.sets[lane, i] = chosen
        w = A.weights[chosen]
        dot = np.float32(0.0)
        for k in range(INPUTS):
            dot = np.float32(dot + np.float32(w[k] * x[k]))
        dot = min(max(dot, -_CLIP), _CLIP)
        p = np.float32(_ONE / np.float32(_ONE + exp2(np.float32(-dot))))
        p = min(max(p, _LEAST), _MOST)
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
    for i in range(A.count[lane]):
        hit = A.candidates[lane, i] == token
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
    if n + 1 >= MATCH_MIN:
        A.heads[_context(A, lane, MATCH_MIN) % np.uint64(A.heads.size)] = (lane << 40 | (n + 1)) + 1
