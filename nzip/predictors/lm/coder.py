"""One token of one lane through the range coder, under the adapted model: one interval a token.

The line of a distribution is laid out as: the candidates' shares, then all other tokens in rank order with
their frequencies, then the escape, after which a byte that no token can spell follows in eight flat bits.
"""

from __future__ import annotations

import numpy as np

from nzip.coding.symbol_kernel import decode_interval, decode_target, encode_interval
from nzip.exact.jit import njit
from nzip.predictors.lm import adapt

_BLOCK = 256
# Bytes that one symbol may add to the output: an interval and an escaped byte.
ROOM = 16


@njit(nogil=True, cache=True)
def _escape_share(state, mass):
    return max(np.int64(1), np.int64(mass * state.escape[0]))


@njit(nogil=True, cache=True)
def learn_escape(state, escaped):
    """The escape's chance follows what is seen: quickly up, slowly down."""
    if escaped:
        state.escape[0] += (1.0 - state.escape[0]) * 0.0625
    else:
        state.escape[0] = max(state.escape[0] - state.escape[0] * 0.015625, 2.0**-20)


@njit(nogil=True, cache=True)
def encode_token(state, lane, f, total, symbol, coder, out):
    """Code one symbol (a rank, or the vocabulary's size + an escaped byte) and learn from it. ``f``,
    ``total``: the lane's frequencies; ``coder``, ``out``: see :mod:`nzip.coding.symbols`, with ``ROOM`` bytes
    free."""
    count, shares, left = adapt.propose(state, lane, f, total)
    escape = _escape_share(state, shares + left)
    whole = np.uint64(shares + left + escape)
    if symbol >= f.size:
        encode_interval(coder, out, np.uint64(shares + left), np.uint64(escape), whole)
        encode_interval(coder, out, np.uint64(symbol - f.size), np.uint64(1), np.uint64(256))
        learn_escape(state, True)
        return
    start, freq, before = np.int64(0), np.int64(0), np.int64(0)
    for i in range(count):
        token = state.candidates[lane, i]
        if token == symbol:
            start, freq = before, state.shares[lane, i]
        before += state.shares[lane, i]
    if freq == 0:
        freq = np.int64(f[symbol])
        start = shares
        for i in range(symbol):
            start += np.int64(f[i])
        for i in range(count):
            if state.candidates[lane, i] < symbol:
                start -= np.int64(f[state.candidates[lane, i]])
    encode_interval(coder, out, np.uint64(start), np.uint64(freq), whole)
    learn_escape(state, False)
    adapt.learn(state, lane, symbol)


@njit(nogil=True, cache=True)
def _insert(ranks, chances, rank, chance):
    """Among the likeliest, which fall, and from which the last one goes."""
    i = ranks.size - 1
    if i < 0 or chance <= chances[i]:
        return
    while i > 0 and chances[i - 1] < chance:
        ranks[i], chances[i] = ranks[i - 1], chances[i - 1]
        i -= 1
    ranks[i], chances[i] = rank, chance


@njit(nogil=True, cache=True)
def likeliest(state, lane, f, total, ranks, chances):
    """The tokens that are likeliest next, by falling chance, before one is coded: ``ranks`` int32 (k,), -1
    where there are no more, ``chances`` float32 (k,). ``f``, ``total``: as for :func:`encode_token`, which
    finds all as it was."""
    ranks[:], chances[:] = -1, np.float32(0.0)
    count, shares, left = adapt.propose(state, lane, f, total)
    whole = np.float64(shares + left + _escape_share(state, shares + left))
    for i in range(count):
        _insert(ranks, chances, state.candidates[lane, i], np.float32(state.shares[lane, i] / whole))
    for rank in range(f.size):
        chance = np.float32(f[rank] / whole)
        if ranks.size and chance > chances[-1]:
            proposed = False
            for i in range(count):
                proposed |= state.candidates[lane, i] == rank
            if not proposed:
                _insert(ranks, chances, rank, chance)


@njit(nogil=True, cache=True)
def decode_token(state, lane, f, total, coder, data):
    """The inverse of :func:`encode_token`. Always a valid symbol."""
    count, shares, left = adapt.propose(state, lane, f, total)
    escape = _escape_share(state, shares + left)
    whole = np.uint64(shares + left + escape)
    target = np.int64(decode_target(coder, whole))
    if target >= shares + left:
        decode_interval(coder, data, np.uint64(shares + left), np.uint64(escape), whole)
        byte = decode_target(coder, np.uint64(256))
        decode_interval(coder, data, byte, np.uint64(1), np.uint64(256))
        learn_escape(state, True)
        return np.int64(f.size) + np.int64(byte)
    start = np.int64(0)
    symbol = np.int64(-1)
    freq = np.int64(0)
    if target < shares:
        for i in range(count):
            if target < start + state.shares[lane, i]:
                symbol, freq = state.candidates[lane, i], state.shares[lane, i]
                break
            start += state.shares[lane, i]
    else:
        kept = np.empty(count, np.uint32)
        for i in range(count):
            kept[i] = f[state.candidates[lane, i]]
            f[state.candidates[lane, i]] = 0
        start = shares
        block = np.int64(0)
        while True:
            part = np.int64(0)
            for value in f[block : block + _BLOCK]:
                part += np.int64(value)
            if target < start + part:
                break
            start += part
            block += _BLOCK
        symbol = block
        while target >= start + np.int64(f[symbol]):
            start += np.int64(f[symbol])
            symbol += 1
        freq = np.int64(f[symbol])
        for i in range(count):
            f[state.candidates[lane, i]] = kept[i]
    decode_interval(coder, data, np.uint64(start), np.uint64(freq), whole)
    learn_escape(state, False)
    adapt.learn(state, lane, symbol)
    return symbol
