"""Words to codes: the encoder's kernel. transform.py says what the coded stream is.

A word of up to sixteen letters of ASCII is read, lowered and looked up in one pass, in place; all others
(more letters, several capitals, letters beyond ASCII) go through functions of their own, which say the same
more plainly. Concession: text in capitals codes at half the speed."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import inner, lean
from nzip.predictors.mix.words.dictionary import ONE, TAG, TWO, keyed, mixed
from nzip.predictors.mix.words.marks import BYTE, CAPITAL, CAPITALS, SEQUENCE, sequence_length

_PLAIN, _MARK, _CAPITAL, _SMALL, _HIGH = range(5)
_KIND = np.zeros(256, np.uint8)
_KIND[65:91], _KIND[97:123], _KIND[128:] = _CAPITAL, _SMALL, _HIGH
_KIND[[CAPITAL, CAPITALS, BYTE, SEQUENCE]] = _MARK


@inner
def _letter(data, i, lower):
    """(bytes, code point) of the letter at ``data[i]``, (0, 0) where none is."""
    b = data[i]
    if b < 128:
        return (1, np.int64(b)) if lower[b] else (0, np.int64(0))
    if 0xC2 <= b < 0xE0 and i + 1 < len(data) and data[i + 1] & 0xC0 == 0x80:
        point = np.int64(b & 31) << 6 | np.int64(data[i + 1] & 63)
        if lower[point]:
            return 2, point
    return 0, np.int64(0)


@inner
def _end_of_small(data, i, lower):
    """Where the run of small letters that begins at ``i`` ends."""
    while i < len(data):
        if _KIND[data[i]] == _SMALL:
            i += 1
            continue
        if data[i] < 128:
            break
        size, point = _letter(data, i, lower)
        if not size or lower[point] != point:
            break
        i += size
    return i


@inner
def _end_of_capitals(data, i, lower):
    """(end, letters) of the run of capitals that begins at ``i``, less its last where a small letter follows
    and one is left."""
    count, before = 0, i
    while i < len(data):
        size, point = _letter(data, i, lower)
        if not size:
            break
        if lower[point] == point:
            if count > 1:
                return before, count - 1
            break
        count, before = count + 1, i
        i += size
    return i, count


@inner
def _write_code(out, o, word):
    if word < ONE:
        out[o] = 0x80 + word
        return o + 1
    word -= ONE
    if word < TWO:
        out[o] = 0xC0 + (word >> 6)
        out[o + 1] = 0x80 + (word & 63)
        return o + 2
    word -= TWO
    out[o] = 0xC0 + (word >> 12)
    out[o + 1] = 0xC0 + (word >> 6 & 63)
    out[o + 2] = 0x80 + (word & 63)
    return o + 3


@inner
def _find(data, start, end, tables):
    """The word that ``data[start:end]`` is, -1 if it is none."""
    first, second, h = keyed(data, start, end)
    mask = np.uint64(len(tables.slots) - 1)
    slot, tag = (h >> np.uint64(20)) & mask, h >> np.uint64(64 - TAG)
    while tables.slots[slot]:
        entry = np.uint64(tables.slots[slot])
        if entry >> np.uint64(32 - TAG) == tag:
            word = np.int64(entry & np.uint64((1 << (32 - TAG)) - 1)) - 1
            # No byte of a word is zero, so that shorter words differ in these already.
            same = tables.firsts[word] == first and tables.seconds[word] == second
            if same and end - start > 16:
                begin = np.int64(tables.starts[word])
                same = np.int64(tables.starts[word + 1]) - begin == end - start
                k = 16
                while same and k < end - start:
                    same = tables.letters[begin + k] == data[start + k]
                    k += 1
            if same:
                return word
        slot = (slot + np.uint64(1)) & mask
    return np.int64(-1)


@inner
def _write_word(raw, start, end, out, o, tables):
    """Write the letters ``raw[start:end]`` as a code or spelled, without marks."""
    # In small letters first, where they would be spelled: no letter grows by this, so there is room.
    small, i, plain = o, start, True
    while i < end:
        if raw[i] < 128:
            out[small] = raw[i] | 32
            small, i = small + 1, i + 1
        else:
            plain = False
            point = np.int64(tables.lower[np.int64(raw[i] & 31) << 6 | np.int64(raw[i + 1] & 63)])
            out[small] = 0xC0 | point >> 6
            out[small + 1] = 0x80 | point & 63
            small, i = small + 2, i + 2
    word = _find(out, o, small, tables)
    if word >= 0:
        return _write_code(out, o, word)
    if plain:
        return small
    i = o
    while i < small:  # a letter's code is not longer than the letter
        if out[i] < 128:
            out[o] = out[i]
            o, i = o + 1, i + 1
        else:
            point = np.int64(out[i] & 31) << 6 | np.int64(out[i + 1] & 63)
            o, i = _write_code(out, o, np.int64(tables.spelled[point])), i + 2
    return o


@lean
def encode_all(raw, out, tables):
    """Bytes written to ``out``, at most twice those of ``raw`` (and a word's room more)."""
    # Of one type from the beginning: numba compiles what is called for each that it meets on the way.
    i, o = np.int64(0), np.int64(0)
    lower, slots, starts = tables.lower, tables.slots, tables.starts
    firsts, seconds = tables.firsts, tables.seconds
    mask = np.uint64(len(slots) - 1)
    while i < len(raw):
        b = raw[i]
        kind = _KIND[b]
        if kind == _PLAIN:
            out[o] = b
            i, o = i + 1, o + 1
            continue
        if kind == _SMALL or (kind == _CAPITAL and i + 1 < len(raw) and _KIND[raw[i + 1]] != _CAPITAL):
            # A word of up to sixteen letters of ASCII, the usual one: as below, but in place and in one pass.
            small, end = o, i
            first = second = np.uint64(0)
            if kind == _CAPITAL:
                out[o] = CAPITAL
                out[o + 1] = b | 32
                first = np.uint64(b | 32)
                small, end = o + 1, i + 1
            stop = min(len(raw), i + 8)
            while end < stop and _KIND[raw[end]] == _SMALL:
                out[small + end - i] = raw[end]
                first = first << np.uint64(8) | np.uint64(raw[end])
                end += 1
            if end == i + 8:
                stop = min(len(raw), i + 16)
                while end < stop and _KIND[raw[end]] == _SMALL:
                    out[small + end - i] = raw[end]
                    second = second << np.uint64(8) | np.uint64(raw[end])
                    end += 1
            if end == len(raw) or _KIND[raw[end]] < _SMALL:
                h = mixed(mixed(np.uint64(0), first), second)
                slot, tag = (h >> np.uint64(20)) & mask, h >> np.uint64(64 - TAG)
                word = np.int64(-1)
                while slots[slot]:
                    entry = np.uint64(slots[slot])
                    if entry >> np.uint64(32 - TAG) == tag:
                        found = np.int64(entry & np.uint64((1 << (32 - TAG)) - 1)) - 1
                        size = np.int64(starts[found + 1]) - np.int64(starts[found])
                        if firsts[found] == first and seconds[found] == second and size <= 16:
                            word = found
                            break
                    slot = (slot + np.uint64(1)) & mask
                if word < 0:
                    o = small + end - i
                elif word < ONE:
                    out[small] = 0x80 + word
                    o = small + 1
                elif word < ONE + TWO:
                    out[small] = 0xC0 + ((word - ONE) >> 6)
                    out[small + 1] = 0x80 + ((word - ONE) & 63)
                    o = small + 2
                else:
                    word -= ONE + TWO
                    out[small] = 0xC0 + (word >> 12)
                    out[small + 1] = 0xC0 + (word >> 6 & 63)
                    out[small + 2] = 0x80 + (word & 63)
                    o = small + 3
                i = end
                continue
        size, point = _letter(raw, i, lower)
        if size and lower[point] == point:
            end = _end_of_small(raw, i, lower)
            o = _write_word(raw, i, end, out, o, tables)
            i = end
        elif size:
            end, count = _end_of_capitals(raw, i, lower)
            if count == 1:
                end = _end_of_small(raw, i + size, lower)
            out[o] = CAPITAL if count == 1 else CAPITALS
            o = _write_word(raw, i, end, out, o + 1, tables)
            i = end
        elif b >= 128:
            size = max(1, sequence_length(raw, i, len(raw)))
            out[o] = SEQUENCE if size > 1 else BYTE
            for k in range(size):
                out[o + 1 + k] = raw[i + k]
            i, o = i + size, o + 1 + size
        else:
            out[o] = BYTE
            out[o + 1] = b
            i, o = i + 1, o + 2
    return o
