"""What a language model learns from the file at hand: a logit bias, and candidates from its own past.

To the model's logits an online *bias* per token is added (:mod:`.softmax`). Then a few *candidates* – tokens
that the continuous cache finds after like states, that followed the same 1 to 5 tokens before, or that
continue a long match – have their frequencies changed. The cache's votes are interpolated with the model. The
candidates that n-grams or a match propose each pass a binary question, "is it this one?", whose answer mixes
the stretched probability with what adaptive maps say of the n-gram's counts, in a small gated logistic mixer
that learns. The rest of the vocabulary shares what remains in the model's proportions, so there is one CDF
and one coder call.

All lanes share this state. The bias changes once a step, when all lanes have coded theirs (so their
frequencies can be computed in parallel); tables, maps and mixers change at once, in lane order. Arithmetic:
float32 in written order (numerics.exp2 and log2), float64 division for the shares, integers for the rest.

Concession: a candidate costs about 0.3 µs; the passes over the vocabulary dominate.
"""

from __future__ import annotations

import numpy as np

from nzip.exact import numerics
from nzip.exact.jit import njit
from nzip.predictors.lm import continuous_cache
from nzip.predictors.lm.adaptive_state import (
    INPUTS,
    MATCH_LENGTHS,
    MAX_CANDIDATES,
    MAX_QUESTIONS,
    ORDERS,
    WAYS,
)

exp2, log2 = numerics.exp2, numerics.log2

_LEAST = np.float32(2.0**-20)
_MOST = np.float32(1.0 - 2.0**-12)
_REST = np.float32(2.0**-14)
_CLIP = np.float32(14.0)
_ONE, _HALF = np.float32(1.0), np.float32(0.5)
MIXER_RATE = np.float32(0.004)
MAP_LIMIT = 255
MATCH_MIN = 4


@njit(inline="always")
def _stretch(p):
    return np.float32(log2(p) - log2(np.float32(_ONE - p)))


@njit(inline="always")
def _context(state, lane, order):
    """Hash of the lane's last ``order`` tokens."""
    h = np.uint64(order + 1) * np.uint64(0x9E3779B97F4A7C15)
    n = state.length[lane]
    for k in range(order):
        token = state.history[lane, n - 1 - k] if n - 1 - k >= 0 else -1
        h = (h ^ np.uint64(token + 2)) * np.uint64(0xD6E8FEB86659FD93)
        h ^= h >> np.uint64(32)
    return h


@njit(nogil=True, cache=True)
def predicted_token(state, lane):
    """The token that the lane's match predicts, or -1."""
    if state.match[lane, 2] > 0 and state.match[lane, 1] < state.length[state.match[lane, 0]]:
        return np.int64(state.history[state.match[lane, 0], state.match[lane, 1]])
    return np.int64(-1)


@njit(inline="always")
def _add(state, lane, token, count):
    """Make the token a candidate unless it is one; how many there are."""
    for i in range(count):
        if state.candidates[lane, i] == token:
            return count
    state.candidates[lane, count] = token
    return count + 1


@njit(nogil=True, cache=True, error_model="numpy")
def _ask(state, lane, i, token, predicted, p, mass):
    """The chance that the lane's i-th candidate is the next token, given that none before it is; ``p`` is the
    model's own (with the cache's), ``mass`` what the cache's neighbours give it."""
    x = state.inputs[lane, i]
    length = min(state.match[lane, 2], MATCH_LENGTHS - 1)
    x[0] = _stretch(p)
    highest = 0
    for order in range(ORDERS):
        slot = state.slots[lane, order]
        n, others, recent = 0, 0, 0
        for way in range(WAYS):
            if state.table_token[order, slot, way] == token:
                n = np.int64(state.table_count[order, slot, way])
                recent = 1 if way == 0 else 0
            else:
                others += np.int64(state.table_count[order, slot, way])
        if n + others == 0:
            state.states[lane, i, order] = -1
            x[1 + order] = np.float32(0.0)
        else:
            entry = (min(n, 7) * 8 + min(others, 7)) * 2 + recent
            state.states[lane, i, order] = entry
            x[1 + order] = _stretch(state.map_p[order, entry])
            if n > 0:
                highest = order + 1
    if predicted >= 0:
        entry = length if token == predicted else MATCH_LENGTHS + length
        state.states[lane, i, ORDERS] = entry
        x[1 + ORDERS] = _stretch(state.map_p[ORDERS, entry])
        if token == predicted:
            highest = ORDERS + 1
    else:
        state.states[lane, i, ORDERS] = -1
        x[1 + ORDERS] = np.float32(0.0)
    x[2 + ORDERS] = np.float32(0.0)
    if mass > np.float32(0.0):
        x[2 + ORDERS] = _stretch(np.float32(np.float32(mass * np.float32(0.9)) + np.float32(0.05)))
    x[3 + ORDERS] = _HALF
    chosen = min(i, 3) * (ORDERS + 2) + highest
    state.sets[lane, i] = chosen
    w = state.weights[chosen]
    dot = np.float32(0.0)
    for k in range(INPUTS):
        dot = np.float32(dot + np.float32(w[k] * x[k]))
    dot = min(max(dot, -_CLIP), _CLIP)
    p = np.float32(_ONE / np.float32(_ONE + exp2(np.float32(-dot))))
    p = min(max(p, _LEAST), _MOST)
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def propose(state, lane, f, total):
    """Choose candidates for the lane's next token and give them shares. Returns (count, sum of shares, rest):
    candidate i owns ``state.shares[lane, i]``, the others together ``rest``, each in proportion to its f."""
    count = 0
    predicted = predicted_token(state, lane)
    for order in range(1, ORDERS + 1):
        h = _context(state, lane, order)
        slot = np.int64((h >> np.uint64(33)) % np.uint64(state.table_check.shape[1]))
        check = np.uint32(h & np.uint64(0xFFFFFFFF)) | np.uint32(1)
        state.slots[lane, order - 1] = slot
        if state.table_check[order - 1, slot] != check:
            state.table_check[order - 1, slot] = check
            state.table_token[order - 1, slot, :] = -1
            state.table_count[order - 1, slot, :] = 0
    if predicted >= 0:
        state.candidates[lane, 0] = predicted
        count = 1
    cache = state.continuous_cache
    trust = cache.trust[cache.bucket[lane]] if cache.near[lane] > 0 else np.float32(0.0)
    for i in range(cache.near[lane]):
        token = cache.near_token[lane, i]
        cache.near_plain[lane, i] = np.float32(np.int32(f[token])) / np.float32(total)
    for order in range(ORDERS - 1, -1, -1):
        for way in range(WAYS):
            token = state.table_token[order, state.slots[lane, order], way]
            if token < 0 or count == MAX_QUESTIONS:
                break
            count = _add(state, lane, token, count)
    asked = count
    for i in range(cache.near[lane]):
        count = _add(state, lane, cache.near_token[lane, i], count)
    left, rest = total, _ONE
    # The odds of the cache against the model, on the scale of f.
    cached = np.float32(np.float32(trust / np.float32(_ONE - trust)) * np.float32(total))
    mixed_left = np.float32(np.float32(total) + cached)
    chance_of = np.empty(MAX_CANDIDATES, np.float64)
    for i in range(count):
        token = state.candidates[lane, i]
        mass = np.float32(0.0)
        for k in range(cache.near[lane]):
            if cache.near_token[lane, k] == token:
                mass = cache.near_mass[lane, k]
        own = np.float32(np.float32(np.int32(f[token])) + np.float32(cached * mass))
        p = np.float32(own / mixed_left) if mixed_left > own else _ONE
        p = min(max(p, _LEAST), np.float32(_ONE - _LEAST))
        left -= np.int64(f[token])
        mixed_left = max(np.float32(mixed_left - own), np.float32(1.0))
        state.sets[lane, i] = -1
        if i < asked:
            p = _ask(state, lane, i, token, predicted, p, mass)
        state.chances[lane, i] = p
        chance_of[i] = np.float64(rest) * np.float64(p)
        rest = np.float32(rest * np.float32(_ONE - p))
        if rest < _REST:
            count = i + 1
            break
    shares = np.int64(0)
    if count > 0:
        whole = np.float64(left) / np.float64(rest)
        for i in range(count):
            state.shares[lane, i] = max(np.int64(1), np.int64(chance_of[i] * whole))
            shares += state.shares[lane, i]
    state.questions[lane] = count
    return count, shares, left


@njit(nogil=True, cache=True, error_model="numpy")
def learn(state, lane, token):
    """The lane's token is known: train the questions that were asked, then the tables, match and history."""
    continuous_cache.remember(state.continuous_cache, lane, token)
    for i in range(state.questions[lane]):
        hit = state.candidates[lane, i] == token
        if state.sets[lane, i] < 0:
            break
        target = _ONE if hit else np.float32(0.0)
        error = np.float32(np.float32(target - state.chances[lane, i]) * MIXER_RATE)
        w = state.weights[state.sets[lane, i]]
        x = state.inputs[lane, i]
        for k in range(INPUTS):
            w[k] = np.float32(w[k] + np.float32(error * x[k]))
        for k in range(ORDERS + 1):
            entry = state.states[lane, i, k]
            if entry >= 0:
                n = state.map_n[k, entry]
                p = state.map_p[k, entry]
                p = np.float32(p + np.float32(np.float32(target - p) / np.float32(np.float32(n) + _HALF)))
                state.map_p[k, entry] = min(max(p, np.float32(0.0005)), np.float32(0.9995))
                state.map_n[k, entry] = min(n + 1, MAP_LIMIT)
        if hit:
            break
    for order in range(ORDERS):
        slot = state.slots[lane, order]
        tokens, counts = state.table_token[order, slot], state.table_count[order, slot]
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
    m = state.match[lane]
    if m[2] > 0:
        if m[1] < state.length[m[0]] and state.history[m[0], m[1]] == token:
            m[1] += 1
            m[2] = min(m[2] + 1, 1 << 20)
        else:
            m[2] = 0
    n = state.length[lane]
    state.history[lane, n] = token
    state.length[lane] = n + 1
    n += 1
    if n >= MATCH_MIN:
        slot = _context(state, lane, MATCH_MIN) % np.uint64(state.heads.size)
        head = state.heads[slot] - 1
        state.heads[slot] = (lane << 40 | n) + 1
        if m[2] == 0 and head >= 0:
            other, place = head >> 40, head & ((1 << 40) - 1)
            length = 0
            while (
                length < MATCH_LENGTHS
                and place - 1 - length >= 0
                and n - 1 - length >= 0
                and state.history[other, place - 1 - length] == state.history[lane, n - 1 - length]
            ):
                length += 1
            if length >= MATCH_MIN // 2:
                m[0], m[1], m[2] = other, place, length
