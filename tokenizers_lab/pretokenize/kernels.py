"""The fast splitters: GPT-2's, GPT-4's, Qwen 2's and GPT-4o's patterns, and lines, as hand-written scanners
over bytes, compiled by numba; DeepSeek's stands in ``deepseek.py``.

Each is a state machine that returns the end of the pre-token starting at ``i``; its slow, readable twin is
the regular expression itself (``twin.py``), and a test says they agree. On bytes that are not UTF-8 each bad
byte counts as one character of class OTHER, so any file can be split; on text the result is Hugging Face's.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.pretokenize.characters import char_at
from tokenizers_lab.pretokenize.classes import CASES, LETTER, LOWER, NUMBER, OTHER, SPACE, UPPER
from tokenizers_lab.pretokenize.deepseek import deepseek_end

NONE, GPT2, GPT4, QWEN2, O200K, DEEPSEEK, LINES = 0, 1, 2, 3, 4, 5, 6
# A pre-token's end can depend on no byte further than this behind it (a contraction, one character looked
# at); but for O200K, which goes back to its last letter without case, however far it has looked.
LOOKAHEAD = 16


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
def _gpt4_end(data, i, n, table, digits):
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
        return _numbers(data, i, n, table, digits)
    if c == OTHER or data[i] == 32 and c1 == OTHER:
        end = _run(data, i if c == OTHER else i + 1, n, table, OTHER)
        while end < n and (data[end] == 10 or data[end] == 13):
            end += 1
        return end
    return _breaks(data, i, n, table)


@njit(cache=True, nogil=True)
def _numbers(data, i, n, table, most):
    r"""``\p{N}{1,most}`` at ``i``, which is one."""
    end = i
    for _ in range(most):
        if end >= n:
            break
        c, k = char_at(data, end, n, table)
        if c != NUMBER:
            break
        end += k
    return end


@njit(cache=True, nogil=True)
def _breaks(data, i, n, table):
    r"""``\s*[\r\n]+``, else as :func:`_spaces`."""
    end = i
    newline = -1
    while end < n:
        c, k = char_at(data, end, n, table)
        if c != SPACE:
            break
        if data[end] == 10 or data[end] == 13:
            newline = end
        end += k
    if newline >= 0:
        return newline + 1
    return _spaces(data, i, n, table)


@njit(cache=True, nogil=True)
def _letters(data, i, n, cases, wanted):
    """The end of the run of letters and marks of the case ``wanted`` (UPPER or LOWER) that starts at
    ``i``."""
    while i < n:
        c, k = char_at(data, i, n, cases)
        if not c & wanted:
            break
        i += k
    return i


@njit(cache=True, nogil=True)
def _upper_lower(data, i, n, cases):
    """The end of UPPER*LOWER+ at ``i``, or -1. Letters without case are both; the longest UPPER* that leaves
    a LOWER wins."""
    at = i
    both = -1
    while at < n:
        c, k = char_at(data, at, n, cases)
        if not c & UPPER:
            break
        at += k
        if c & LOWER:
            both = at
    end = _letters(data, at, n, cases, LOWER)
    return end if end > at else both


@njit(cache=True, nogil=True)
def _o200k_word(data, i, n, cases):
    """The end of UPPER*LOWER+ and of the contraction behind it, or -1."""
    end = _upper_lower(data, i, n, cases)
    if end < 0:
        return -1
    return end + (_contraction(data, end, n, True) if end < n else 0)


@njit(cache=True, nogil=True)
def _o200k_upper(data, i, n, cases):
    """The same of UPPER+LOWER*."""
    middle = _letters(data, i, n, cases, UPPER)
    if middle == i:
        return -1
    end = _letters(data, middle, n, cases, LOWER)
    return end + (_contraction(data, end, n, True) if end < n else 0)


@njit(cache=True, nogil=True)
def _o200k_end(data, i, n, table):
    cases = table[CASES:]
    c, k = char_at(data, i, n, table)
    begin = i  # behind the one character that a word may have before it
    if c != LETTER and c != NUMBER and data[i] != 10 and data[i] != 13:
        begin = i + k
    if begin < n:
        end = _o200k_word(data, begin, n, cases)
        if end < 0 and begin > i:
            end = _o200k_word(data, i, n, cases)
        if end < 0:
            end = _o200k_upper(data, begin, n, cases)
        if end < 0 and begin > i:
            end = _o200k_upper(data, i, n, cases)
    else:
        end = _o200k_word(data, i, n, cases)
        if end < 0:
            end = _o200k_upper(data, i, n, cases)
    if end >= 0:
        return end
    if c == NUMBER:
        return _numbers(data, i, n, table, 3)
    start = i
    if c != OTHER and data[i] == 32 and i + 1 < n:
        c, k = char_at(data, i + 1, n, table)
        start = i + 1
    if c == OTHER:
        end = _run(data, start, n, table, OTHER)
        while end < n and (data[end] == 10 or data[end] == 13 or data[end] == 47):
            end += 1
        return end
    return _breaks(data, i, n, table)


@njit(cache=True, nogil=True)
def _line_end(data, i, n, table):
    """The end of the line at ``i``: behind the last line end of the white space that has one, and what
    follows of that white space but its last character (which belongs to the next word)."""
    while i < n and data[i] != 10 and data[i] != 13:
        i += 1
    end = i
    last = i
    while i < n:
        c, k = char_at(data, i, n, table)
        if c != SPACE:
            return max(end, last)
        last = i
        i += k
        if data[last] == 10 or data[last] == 13:
            end = i
    return n


@njit(cache=True, nogil=True)
def next_end(data, i, n, kind, table):
    """The end of the pre-token that starts at ``i`` < n under the splitter ``kind``."""
    if kind == GPT2:
        return _gpt2_end(data, i, n, table)
    if kind == GPT4:
        return _gpt4_end(data, i, n, table, 3)
    if kind == QWEN2:
        return _gpt4_end(data, i, n, table, 1)
    if kind == O200K:
        return _o200k_end(data, i, n, table)
    if kind == DEEPSEEK:
        return deepseek_end(data, i, n, table)
    if kind == LINES:
        return _line_end(data, i, n, table)
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


@njit(cache=True, nogil=True)
def are_whole(arena, starts, which, kind, table):
    """As :meth:`.PreTokenizer.are_whole`."""
    out = np.zeros(len(which), dtype=np.bool_)
    for i in range(len(which)):
        own = arena[starts[which[i]] : starts[which[i] + 1]]
        out[i] = next_end(own, 0, len(own), kind, table) == len(own)
    return out
