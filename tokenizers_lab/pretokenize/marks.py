"""Case and spaces as marks: one spelling a word, so that ``The``, ``the``, ``THE`` and ``(the`` are a mark or
two and `` the``. Any bytes come back.

``case``: a capital is written small behind a mark, a run of capitals behind one mark for all. ``space``:
every word has one space before it. At the start of a text or a line it is implied; behind punctuation a mark
says that it is not there, and at the start of a line that it is. Marks stand before the white space before a
word, beside the punctuation there, with which they make one token. With ^ for a capital, & for capitals, <
for no space:

    He said: "Stop!        ^ he said: "<^ stop!
    the NASA of Québec      the& nasa of^ québec

Marks are control characters that texts hardly have; where a text has them, an escape stands before each. What
is written is defined by :func:`twin`; what is read by :func:`_undo`, which makes text of any bytes.

Concession: case is that of letters of one or two bytes (Latin, Greek, Cyrillic, Armenian; pairs that every
Unicode version since 2006 has); Vietnamese's capitals of three bytes stay as they are. Words that follow a
digit, an apostrophe or a tab keep what stands before them: a mark there would be a token of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize.characters import char_at
from tokenizers_lab.pretokenize.classes import CASES, OTHER, class_table

NO_SPACE, CAPITAL, CAPITALS, ESCAPE = (
    0x08,
    0x0E,
    0x0F,
    0x10,
)  # backspace, shift out, shift in, data link escape
KINDS = ("case", "space")
_CARRY = 64 << 20
_WIDE = 0x800  # code points of up to two bytes
_UPPER, _LOWER = 1, 2
# First and last capital, step, what makes it small: one-to-one, both ways, of one length in UTF-8.
_PAIRS = (
    (0x41, 0x5A, 1, 32), (0xC0, 0xD6, 1, 32), (0xD8, 0xDE, 1, 32), (0x100, 0x12E, 2, 1), (0x132, 0x136, 2, 1),
    (0x139, 0x147, 2, 1), (0x14A, 0x176, 2, 1), (0x178, 0x178, 1, -121), (0x179, 0x17D, 2, 1),
    (0x1CD, 0x1DB, 2, 1), (0x1DE, 0x1EE, 2, 1), (0x1F8, 0x21E, 2, 1), (0x222, 0x232, 2, 1),
    (0x386, 0x386, 1, 38), (0x388, 0x38A, 1, 37), (0x38C, 0x38C, 1, 64), (0x38E, 0x38F, 1, 63),
    (0x391, 0x3A1, 1, 32), (0x3A3, 0x3AB, 1, 32), (0x3D8, 0x3EE, 2, 1), (0x400, 0x40F, 1, 80),
    (0x410, 0x42F, 1, 32), (0x460, 0x480, 2, 1), (0x48A, 0x4BE, 2, 1), (0x4C0, 0x4C0, 1, 15),
    (0x4C1, 0x4CD, 2, 1), (0x4D0, 0x4FE, 2, 1), (0x531, 0x556, 1, 48),
)  # fmt: skip


@lru_cache(maxsize=1)
def letters() -> np.ndarray:
    """int16 of shape (2, 0x800): of each code point whether it is a capital (1) or a small letter (2) of a
    pair, and its other. Read-only."""
    out = np.zeros((2, _WIDE), np.int16)
    for first, last, step, offset in _PAIRS:
        for capital in range(first, last + 1, step):
            out[:, capital] = _UPPER, capital + offset
            out[:, capital + offset] = _LOWER, capital
    out.setflags(write=False)
    return out


@njit(cache=True, nogil=True)
def _letter(data, i, n, pairs):
    """(code point, bytes, capital 1 or small 2) of the letter at ``i`` < n, (0, 0, 0) where is none."""
    b = np.int64(data[i])
    if b < 0x80:
        return b, 1, np.int64(pairs[0, b])
    if 0xC2 <= b < 0xE0 and i + 1 < n and data[i + 1] & 0xC0 == 0x80:
        c = (b & 0x1F) << 6 | np.int64(data[i + 1] & 0x3F)
        return c, 2, np.int64(pairs[0, c])
    return np.int64(0), 0, np.int64(0)


@njit(cache=True, nogil=True)
def _put(out, n, c):
    """Write a code point of one or two bytes; returns the new length."""
    if c < 0x80:
        out[n] = c
        return n + 1
    out[n] = 0xC0 | c >> 6
    out[n + 1] = 0x80 | c & 0x3F
    return n + 2


@njit(cache=True, nogil=True)
def _is_space(b):
    return b == 32 or 9 <= b <= 13


@njit(cache=True, nogil=True)
def _capitals(data, i, n, pairs):
    """How many letters the mark of the capital at ``i`` is for: a run of capitals, less the last where a
    small letter follows it."""
    count = 0
    kind = np.int64(_UPPER)
    while i < n:
        _, k, kind = _letter(data, i, n, pairs)
        if kind != _UPPER:
            break
        count += 1
        i += k
    if i < n and kind == _LOWER:
        count -= 1
    return max(1, count)


@njit(cache=True, nogil=True)
def _mark(data, begins, case, space, pairs, table, out):
    """Write ``data`` with marks to ``out``, which has room for 3 bytes each; returns the length.
    ``begins``: ``data`` begins a text, else it begins behind what is no white space."""
    n = len(data)
    cases = table[CASES:]
    m = 0
    i = 0
    plain = False  # the character before is punctuation, a symbol, or no character at all
    while i < n:
        start = i
        while i < n and _is_space(data[i]):
            i += 1
        c, k, kind = np.int64(0), 0, np.int64(0)
        if i < n:
            c, k, kind = _letter(data, i, n, pairs)
        if kind == 0:
            out[m : m + i - start] = data[start:i]
            m += i - start
            if i == n:
                break
            b = data[i]
            if space and b == NO_SPACE or case and (b == CAPITAL or b == CAPITALS) or b == ESCAPE:
                out[m] = ESCAPE
                m += 1
            own, k = char_at(data, i, n, table)
            other, k = char_at(data, i, n, cases)
            plain = own == OTHER and other == 0 and b != 39
            if (
                k == 3 and b == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0x99
            ):  # the apostrophe of print
                plain = False
            out[m : m + k] = data[i : i + k]
            m += k
            i += k
            continue
        added = False
        if space:
            if i == start:
                added = plain or i == 0 and begins
                marked = plain and i > 0
            else:
                last = data[i - 1]
                added = last == 10 or last == 13
                first = begins and start == 0
                line = data[i - 2] == 10 or data[i - 2] == 13 if i - 2 >= start else first
                marked = last == 32 and line
            if marked:
                out[m] = NO_SPACE
                m += 1
        run = 1
        if case and kind == _UPPER:
            run = _capitals(data, i, n, pairs)
            out[m] = CAPITAL if run == 1 else CAPITALS
            m += 1
        out[m : m + i - start] = data[start:i]
        m += i - start
        if added:
            out[m] = 32
            m += 1
        for _ in range(run):
            c, k, kind = _letter(data, i, n, pairs)
            m = _put(out, m, np.int64(pairs[1, c]) if case and kind == _UPPER else c)
            i += k
        plain = False
    return m


@njit(cache=True, nogil=True)
def _undo(data, case, space, pairs, out, at):
    """Write the text of ``data``, any bytes, to ``out``, which has room for as many; returns the length.
    ``at``: where it has len(data) + 1 places, the bytes written before each byte of ``data``."""
    n = len(data)
    known = len(at) > n
    m = 0
    i = 0
    mode = 0  # 1: the next letter is a capital; 2: letters are, as far as they go
    begun = False
    marked = False
    while i < n:
        b = data[i]
        if known:
            at[i] = m
        k = 1
        if b == ESCAPE:
            if i + 1 < n:
                if known:
                    at[i + 1] = m
                out[m] = data[i + 1]
                m += 1
                k = 2
            mode = 0
            marked = False
        elif space and b == NO_SPACE:
            marked = True
        elif case and (b == CAPITAL or b == CAPITALS):
            mode = 1 if b == CAPITAL else 2
            begun = False
        elif _is_space(b):
            if begun:
                mode = 0
            drop = False
            if space and b == 32 and i + 1 < n and _letter(data, i + 1, n, pairs)[2]:
                drop = marked != (m == 0 or out[m - 1] == 10 or out[m - 1] == 13)
            if not drop:
                out[m] = b
                m += 1
        else:
            marked = False
            c, size, kind = _letter(data, i, n, pairs)
            if mode and kind == _LOWER:
                m = _put(out, m, np.int64(pairs[1, c]))
                begun = mode == 2
                mode = mode if begun else 0
            else:
                mode = 0
                size = max(1, size)
                out[m : m + size] = data[i : i + size]
                m += size
            k = size
            if known and k == 2:
                at[i + 1] = m - 1
        i += k
    if known:
        at[n] = m
    return m


class Marks:
    """``name``: ``case``, ``space`` or ``case+space``. Raises :class:`LabError` for others."""

    def __init__(self, name: str):
        parts = name.split("+")
        if not set(parts) <= set(KINDS) or len(set(parts)) != len(parts):
            raise LabError(f"marks are case, space or case+space, not {name!r}")
        self.case, self.space = (kind in parts for kind in KINDS)
        self.name = "+".join(kind for kind in KINDS if kind in parts)

    def mark(self, data, begins: bool = True) -> np.ndarray:
        """``data`` (bytes-like) with marks: uint8. ``begins``: it is the start of a text."""
        data = np.frombuffer(data, np.uint8)
        out = np.empty(3 * len(data) + 3, np.uint8)
        return out[: _mark(data, begins, self.case, self.space, letters(), class_table(), out)].copy()

    def undo(self, data) -> bytes:
        """The text of marked ``data`` (bytes-like), the inverse of :meth:`mark`; defined for any bytes."""
        data = np.frombuffer(data, np.uint8)
        out = np.empty(len(data), np.uint8)
        none = np.empty(0, np.int64)
        return out[: _undo(data, self.case, self.space, letters(), out, none)].tobytes()

    def certain(self, data: bytes) -> bytes:
        """What :meth:`undo` makes of ``data`` whatever follows it."""
        if data and 0xC2 <= data[-1] < 0xE0:  # of half a letter nothing is known
            data = data[:-1]
        a, b = self.undo(data + b"e"), self.undo(data + b"7")
        same = (
            len(a)
            if a == b
            else next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        )
        return a[:same]

    def places(self, data: np.ndarray) -> np.ndarray:
        """Of each byte of marked ``data``, how many bytes of the text stand before it: int64 of shape
        (len(data) + 1,), the text's length at the end."""
        at = np.empty(len(data) + 1, np.int64)
        _undo(data, self.case, self.space, letters(), np.empty(len(data), np.uint8), at)
        return at

    def blocks(self, blocks) -> Iterator[np.ndarray]:
        """A text that comes in ``blocks`` (bytes-like), marked, in blocks whose end is an end of a word. Text
        without white space for 64 MiB is cut there."""
        carry, begins = b"", True
        for block in blocks:
            carry += bytes(block)
            cut = _last_word(np.frombuffer(carry, np.uint8))
            if not cut and len(carry) > _CARRY:
                cut = len(carry)
            if cut:
                yield self.mark(carry[:cut], begins)
                carry, begins = carry[cut:], False
        if carry:
            yield self.mark(carry, begins)


@njit(cache=True, nogil=True)
def _last_word(data):
    """The last place where white space begins behind something else, or 0."""
    for i in range(len(data) - 1, 0, -1):
        if _is_space(data[i]) and not _is_space(data[i - 1]):
            return i
    return 0


def twin(text: bytes, case: bool, space: bool) -> bytes:
    """What :meth:`Marks.mark` writes, by regular expressions."""
    capitals, small = ("".join(map(chr, np.flatnonzero(letters()[0] == k))) for k in (_UPPER, _LOWER))
    parts = rf"(?P<all>[{capitals}]{{2,}}(?![{small}]))|(?P<one>[{capitals}])|(?P<rest>[{small}]+)"
    word = (
        rf"(?P<before>[\t-\r ]*)(?:{parts})"
        if case
        else rf"(?P<before>[\t-\r ]*)(?P<rest>[{capitals}{small}]+)"
    )
    own = ([NO_SPACE] if space else []) + ([CAPITAL, CAPITALS] if case else []) + [ESCAPE]
    table, chars = class_table(), text.decode("utf-8", "surrogateescape")

    def is_plain(c: str) -> bool:
        lone = 0xDC80 <= ord(c) < 0xDD00
        return lone or c not in "'\u2019" and table[ord(c)] == OTHER and not table[CASES + ord(c)]

    def write(match) -> str:
        if match["other"]:
            return chr(ESCAPE) + match["other"] if ord(match["other"]) in own else match["other"]
        before, start = match["before"], match.start()
        marks, added = "", ""
        line = not before[:-1] and not start or before[-2:-1] in ("\n", "\r") and bool(before[-2:-1])
        if space and not before and start and is_plain(chars[start - 1]):
            marks, added = chr(NO_SPACE), " "
        elif space and (before[-1:] in ("\n", "\r") and before or not before and not start):
            added = " "
        elif space and before[-1:] == " " and line:
            marks = chr(NO_SPACE)
        kind = match.lastgroup
        marks += {"all": chr(CAPITALS), "one": chr(CAPITAL)}.get(kind, "")
        found = match[kind]
        return (
            marks
            + before
            + added
            + ("".join(chr(letters()[1, ord(c)]) for c in found) if kind != "rest" else found)
        )

    return re.sub(rf"{word}|(?P<other>(?s:.))", write, chars).encode("utf-8", "surrogateescape")
