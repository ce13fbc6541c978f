"""The hashed contexts of the recurrent expert: which rows of its n-gram tables a position reads.

Seven contexts look at the bytes before a position. In raw text: the last 2, 3, 4 and 6 bytes; the word so
far; the word so far and the one before; the column. Letters are A-Z (folded to a-z), a-z and every byte from
128 up. In text coded as words, where a word is one to three bytes, the contexts of 2 and 6 bytes give way to
words further back: the word so far and the last but one; the word so far and the last two; marks of capitals
belong to no word. All arithmetic is on 64-bit unsigned integers that wrap; the multipliers below are part of
the format (docs/FORMAT.md, "The recurrent expert"). The same function serves training and coding, so the two
cannot drift apart.

Concession: rows are not checked for collisions; a table is a hash without tags, and training lives with it.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit

TABLES = 7
ORDER2, ORDER3, ORDER4, ORDER6, WORD, WORDS, COLUMN = range(TABLES)
COLUMN_ROWS = 256
SKIP, TRIPLE = ORDER2, ORDER6  # what stands in their places where text is coded as words
# Running state: the last eight bytes (the newest lowest), hash of the word so far, of the word before,
# column, hash of the word before that one, and 1 where text is coded as words.
LAST, NOW, BEFORE, PLACE, EARLIER, CODED = range(6)
STATE = 6

CAPITAL, CAPITALS = 0x40, 7  # the marks of text coded as words (nzip/predictors/mix/words/marks.py)

_u64 = np.uint64
_K = np.uint64(0x9E3779B97F4A7C15)
_K3 = np.uint64(0xC2B2AE3D27D4EB4F)
_K4 = np.uint64(0x165667B19E3779F9)
_K6 = np.uint64(0xD6E8FEB86659FD93)
_KW = np.uint64(0xA0761D6478BD642F)
_KV = np.uint64(0xE7037ED1A0B428DB)


def begin(coded: bool) -> np.ndarray:
    """The running state before the first byte, uint64 (6,); ``coded``: the text is coded as words."""
    state = np.zeros(STATE, np.uint64)
    state[CODED] = coded
    return state


@njit(nogil=True, cache=True)
def take(state, byte):
    """Move the running state (uint64 (6,)) past one byte (int)."""
    c = _u64(byte)
    state[LAST] = (state[LAST] << _u64(8)) | c
    if state[CODED] and (c == _u64(CAPITAL) or c == _u64(CAPITALS)):
        state[PLACE] += _u64(1)
        return
    if _u64(65) <= c <= _u64(90):
        c += _u64(32)
    if (_u64(97) <= c <= _u64(122)) or c >= _u64(128):
        state[NOW] = (state[NOW] + c + _u64(1)) * _KW
    elif state[NOW] != _u64(0):
        state[EARLIER] = state[BEFORE]
        state[BEFORE] = state[NOW]
        state[NOW] = _u64(0)
    state[PLACE] = _u64(0) if c == _u64(10) else state[PLACE] + _u64(1)


@njit(nogil=True, cache=True)
def rows(state, bits, out):
    """Fill ``out`` (int64 (7,)) with the row of every table; ``bits`` int64 (7,): log2 of the tables'
    rows."""
    w = state[LAST]
    newest = w & _u64(0xFF)
    out[ORDER3] = np.int64(((w & _u64(0xFFFFFF)) * _K3) >> _u64(64 - bits[ORDER3]))
    out[ORDER4] = np.int64(((w & _u64(0xFFFFFFFF)) * _K4) >> _u64(64 - bits[ORDER4]))
    word = state[NOW] * _K + newest
    if state[CODED]:
        skip = (word ^ (state[EARLIER] * _K3)) * _K
        triple = (word ^ (state[BEFORE] * _KV) ^ (state[EARLIER] * _K3)) * _K6
    else:
        skip = (w & _u64(0xFFFF)) * _K
        triple = (w & _u64(0xFFFFFFFFFFFF)) * _K6
    out[SKIP] = np.int64(skip >> _u64(64 - bits[SKIP]))
    out[TRIPLE] = np.int64(triple >> _u64(64 - bits[TRIPLE]))
    out[WORD] = np.int64((word * _K3) >> _u64(64 - bits[WORD]))
    out[WORDS] = np.int64(((word ^ (state[BEFORE] * _KV)) * _K4) >> _u64(64 - bits[WORDS]))
    out[COLUMN] = np.int64(min(state[PLACE], _u64(COLUMN_ROWS - 1)))


@njit(nogil=True, cache=True)
def rows_of_text(data, state, bits, out):
    """The rows at every position of ``data`` (uint8 (n,)), each after its byte: ``out`` int64 (n, 7). Moves
    ``state``."""
    for t in range(data.size):
        take(state, data[t])
        rows(state, bits, out[t])
