r"""DeepSeek's splitter (V2.5, V3, R1) as a compiled scanner over bytes.

Its tokenizer.json cuts in three steps (``PATTERNS``): numbers by threes, runs of ideographs and kana, and in
each piece between them a pattern; so the pattern sees an end of the text wherever a number or such a run
begins. What it does not match (control and format characters, unassigned ones) is a pre-token, too, up to the
next match. The slow, readable twin is the `tokenizers` library's own run of the steps (``library.py``); a
test says they agree."""

from __future__ import annotations

from nzip.exact.jit import njit
from tokenizers_lab.pretokenize.characters import char_at
from tokenizers_lab.pretokenize.classes import ANY, EAST_ASIAN, LETTER, MARK, NUMBER, PARTS, SIGN, SPACE

PATTERNS = (
    r"\p{N}{1,3}",
    "[一-龥\u3040-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"""| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""".replace(r"\r\n", "\r\n"),
)
_END = 7  # of the piece, or of the text


@njit(cache=True, nogil=True)
def _at(data, i, n, parts, inside):
    """(class, bytes) at ``i``; (_END, 0) where the piece ends. ``inside``: whether it is one of
    ideographs."""
    if i >= n:
        return _END, 0
    c, k = char_at(data, i, n, parts)
    if c & 7 == NUMBER or c & EAST_ASIAN != inside:
        return _END, 0
    return c & 7, k


@njit(cache=True, nogil=True)
def _word(data, i, n, parts, inside):
    r"""The end of ``[\p{L}\p{M}]*`` at ``i``."""
    while True:
        c, k = _at(data, i, n, parts, inside)
        if c != LETTER and c != MARK:
            return i
        i += k


@njit(cache=True, nogil=True)
def _is_ascii_letter(b):
    return 97 <= b | 32 <= 122


@njit(cache=True, nogil=True)
def _number(data, i, n, parts):
    end = i
    for _ in range(3):
        if end >= n:
            break
        c, k = char_at(data, end, n, parts)
        if c & 7 != NUMBER:
            break
        end += k
    return end


@njit(cache=True, nogil=True)
def _white(data, i, n, parts, inside):
    r"""``\s*[\r\n]+|\s+(?!\S)|\s+`` at white space."""
    end = i
    last = i
    newline = -1
    c, k = _at(data, i, n, parts, inside)
    while c == SPACE:
        if data[end] == 10 or data[end] == 13:
            newline = end
        last = end
        end += k
        c, k = _at(data, end, n, parts, inside)
    if newline >= 0:
        return newline + 1
    return last if c != _END and last > i else end


@njit(cache=True, nogil=True)
def deepseek_end(data, i, n, table):
    """The end of the pre-token that starts at ``i`` < n."""
    parts = table[PARTS:]
    c, k = char_at(data, i, n, parts)
    inside = c & EAST_ASIAN
    c = c & 7
    if c == NUMBER:
        return _number(data, i, n, parts)
    after, width = _at(data, i + k, n, parts, inside)
    if c == SIGN:
        if data[i] < 0x80 and after == LETTER and _is_ascii_letter(data[i + 1]):
            end = i + 2
            while end < n and _is_ascii_letter(data[end]):
                end += 1
            return end
    elif c == LETTER or c == MARK:
        return _word(data, i, n, parts, inside)
    elif data[i] != 10 and data[i] != 13 and (after == LETTER or after == MARK):
        return _word(data, i + k, n, parts, inside)
    if c == SIGN or data[i] == 32 and after == SIGN:
        end = i + k
        c, k = after, width
        while c == SIGN:
            end += k
            c, k = _at(data, end, n, parts, inside)
        while not inside and end < n and (data[end] == 10 or data[end] == 13):
            end += 1
        return end
    if c == SPACE:
        return _white(data, i, n, parts, inside)
    # Matched by nothing: as far as nothing matches.
    end = i + k
    while after == ANY:
        following, k = _at(data, end + width, n, parts, inside)
        if following == LETTER or following == MARK:
            break
        end += width
        after, width = following, k
    return end
