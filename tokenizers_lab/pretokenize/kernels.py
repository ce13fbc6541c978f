"""The fast splitters: GPT-2's and GPT-4's patterns as hand-written scanners over bytes, compiled by numba.

Each is a state machine that returns the end of the pre-token starting at ``i``; its slow, readable twin is
the regular expression itself (``twin.py``), and a test says they agree. On bytes that are not UTF-8 each bad
byte counts as one character of class OTHER, so any file can be split; on text the result is Hugging Face's.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.pretokenize.classes import LETTER, NUMBER, OTHER, SPACE

NONE, GPT2, GPT4 = 0, 1, 2
# A pre-token's end can depend on no byte further than this behind it (a contraction, one character looked
# at).
LOOKAHEAD = 16


@njit(cache=True, nogil=True)
def char_at(data, i, n, table):
    """(class, bytes) of the character at ``i`` < n; a byte that starts no valid UTF-8 character is (OTHER,
    1)."""
    b = data[i]
    if b < 0x80:
        return table[b], 1
    if 0xC2 <= b < 0xE0:
        if i + 1 < n and data[i + 1] & 0xC0 == 0x80:
            return table[(b & 0x1F) << 6 | (data[i + 1] & 0x3F)], 2
    elif 0xE0 <= b < 0xF0:
        if i + 2 < n and data[i + 1] & 0xC0 == 0x80 and data[i + 2] & 0xC0 == 0x80:
            c = np.int64(b & 0x0F) << 12 | np.int64(data[i + 1] & 0x3F) << 6 | np.int64(data[i + 2] & 0x3F)
            if c >= 0x800 and not (0xD800 <= c < 0xE000):
                return table[c], 3
    elif 0xF0 <= b < 0xF5:  # noqa: SIM102 - a case each, alike
        if (
            i + 3 < n
            and data[i + 1] & 0xC0 == 0x80
            and data[i + 2] & 0xC0 == 0x80
            and data[i + 3] & 0xC0 == 0x80
        ):
            c = (
                np.int64(b & 0x07) << 18
                | np.int64(data[i + 1] & 0x3F) << 12
                | np.int64(data[i + 2] & 0x3F) << 6
                | np.int64(data[i + 3] & 0x3F)
            )
            if 0x10000 <= c < 0x110000:
                return table[c], 4
    return np.uint8(OTHER), 1


@njit(cache=True, nogil=True)
def _run(data, i, n, table, wanted):
    """The end of the run of characters of class ``wanted`` that starts at ``i``."""
    while i < n:
        if data[i] < 0x80:
            if table[data[i]] != wanted:
                break
            i += 1
            continue
        c, k = char_at(data, i, n, table)
        if c != wanted:
            break
        i += k
    return i


@njit(cache=True, nogil=True)
def _spaces(data, i, n, table):
    r"""``\s+(?!\S)|\s+`` at ``i``: all white space, less its last character where more text follows."""
    last = i
    end = i
    while end < n:
        c, k = char_at(data, end, n, table)
        if c != SPACE:
            break
        last = end
        end += k
    if end < n and last > i:
        return last
    return end


@njit(cache=True, nogil=True)
def _contraction(data, i, n, fold):
    """Bytes of a contraction ('s 't 're 've 'm 'll 'd) that starts at ``i``, or 0. ``fold`` ignores case."""
    if data[i] != 39 or i + 1 >= n:
        return 0
    a = data[i + 1]
    if fold and 65 <= a <= 90:
        a += 32
    if a == 115 or a == 116 or a == 109 or a == 100:
        return 2
    if fold and a == 0xC5 and i + 2 < n and data[i + 2] == 0xBF:  # U+017F, long s, folds to s
        return 3
    if i + 2 < n:
        b = data[i + 2]
        if fold and 65 <= b <= 90:
            b += 32
        if (a == 114 or a == 118) and b == 101 or a == 108 and b == 108:
            return 3
    return 0


@njit(cache=True, nogil=True)
def _gpt2_end(data, i, n, table):
    k = _contraction(data, i, n, False)
    if k:
        return i + k
    if data[i] == 32 and i + 1 < n:
        if data[i + 1] < 0x80:
            c1 = table[data[i + 1]]
        else:
            c1, _ = char_at(data, i + 1, n, table)
        if c1 != SPACE:
            return _run(data, i + 1, n, table, c1)
    c, k = char_at(data, i, n, table)
    if c == SPACE:
        return _spaces(data, i, n, table)
    return _run(data, i, n, table, c)


@njit(cache=True, nogil=True)
def _gpt4_end(data, i, n, table):
    k = _contraction(data, i, n, True)
    if k:
        return i + k
    c, k = char_at(data, i, n, table)
    if c == LETTER:
        return _run(data, i, n, table, LETTER)
    c1 = np.uint8(255)
    if i + k < n:
        c1, _ = char_at(data, i + k, n, table)
    if c != NUMBER and data[i] != 10 and data[i] != 13 and c1 == LETTER:
        return _run(data, i + k, n, table, LETTER)
    if c == NUMBER:
        end = i
        for _ in range(3):
            if end >= n:
                break
            c2, k2 = char_at(data, end, n, table)
            if c2 != NUMBER:
                break
            end += k2
        return end
    if c == OTHER or data[i] == 32 and c1 == OTHER:
        end = _run(data, i if c == OTHER else i + 1, n, table, OTHER)
        while end < n and (data[end] == 10 or data[end] == 13):
            end += 1
        return end
    end = i
    newline = -1
    while end < n:
        c2, k2 = char_at(data, end, n, table)
        if c2 != SPACE:
            break
        if data[end] == 10 or data[end] == 13:
            newline = end
        end += k2
    if newline >= 0:
        return newline + 1
    return _spaces(data, i, n, table)


@njit(cache=True, nogil=True)
def next_end(data, i, n, kind, table):
    """The end of the pre-token that starts at ``i`` < n under the splitter ``kind``."""
    if kind == GPT2:
        return _gpt2_end(data, i, n, table)
    if kind == GPT4:
        return _gpt4_end(data, i, n, table)
    return n


@njit(cache=True, nogil=True)
def split_all(data, n, kind, table):
    """All ends, int64 of shape (pre-tokens,)."""
    ends = np.empty(max(16, n // 3), dtype=np.int64)
    count = 0
    i = 0
    while i < n:
        i = next_end(data, i, n, kind, table)
        if count == len(ends):
            grown = np.empty(2 * len(ends), dtype=np.int64)
            grown[:count] = ends
            ends = grown
        ends[count] = i
        count += 1
    return ends[:count].copy()
