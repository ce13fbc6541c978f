"""Words to codes and back, compiled.

The coded stream: codes (dictionary.py) for known words; 40 makes the next letter a capital, 07 all letters
up to the first byte that is none; other bytes below 80 stand for themselves. 0C says that a whole sequence
of UTF-8 follows as it is, 06 that one byte does: so 06, 07, 0C, 40 and bytes that belong to no sequence are
written. A word is a longest run of small letters, with or without one capital before it, or a run of at
least two capitals (less its last one where a small letter follows); unknown words are spelled in small
letters.

Both ways take any bytes. The decoder reads and writes within its arrays whatever it is given, and refuses
what no encoder writes: unknown codes, marks before what is no letter, capitals, sequences cut short. It
stops where a code is not all there yet, so that it can be fed piecemeal. Concession: a few streams that no
encoder writes decode (a known word spelled); a hash above says what is damaged."""

from __future__ import annotations

import numpy as np

from nzip.errors import CorruptError
from nzip.exact.jit import lean
from nzip.predictors.mix.words.dictionary import ONE, TAG, TWO, Dictionary, keyed, mixed
from nzip.predictors.mix.words.lines import read_only

CAPITAL, CAPITALS, BYTE, SEQUENCE = 0x40, 7, 6, 12
# State of the decoder: bytes of the coded and of the raw stream that are done, which letters to raise.
IN, OUT, RAISING = range(3)
NONE, FIRST, ALL, GOING = range(4)  # GOING: ALL, and a letter was raised already
DONE, FULL, BAD = 0, 1, 2
SLACK = 64  # a token writes less
_PLAIN, _MARK, _CAPITAL, _SMALL, _HIGH = range(5)
_KIND = np.zeros(256, np.uint8)
_KIND[65:91], _KIND[97:123], _KIND[128:] = _CAPITAL, _SMALL, _HIGH
_KIND[[CAPITAL, CAPITALS, BYTE, SEQUENCE]] = _MARK


def encode(raw: np.ndarray, dictionary: Dictionary) -> np.ndarray:
    """``raw`` (uint8, any bytes) coded, an array of its own."""
    coded = np.empty(2 * len(raw) + SLACK, np.uint8)
    return coded[: _encode(read_only(raw), coded, dictionary.tables)].copy()


def decode(coded: np.ndarray, size: int, dictionary: Dictionary) -> np.ndarray:
    """The ``size`` bytes (uint8) that ``coded`` was made from. :class:`CorruptError` where no encoder made it
    from so many."""
    raw = np.empty(size, np.uint8)
    state = np.zeros(3, np.int64)
    answer = decode_part(read_only(coded), len(coded), raw, size, state, dictionary.tables)
    if answer != DONE or state[IN] != len(coded) or state[OUT] != size or is_open(state):
        raise CorruptError("a stream of words that no encoder wrote")
    return raw


def is_open(state: np.ndarray) -> bool:
    """Whether a mark waits for its letter."""
    return bool(state[RAISING] == FIRST or state[RAISING] == ALL)


@lean
def sequence_length(data, i, end):
    """Bytes of the UTF-8 sequence of more than one byte that begins at ``data[i]``; 1 where none does, -1
    where ``end`` comes before one can be told."""
    lead = data[i]
    need = 1 if lead < 0xC2 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4 if lead < 0xF5 else 1
    for k in range(1, need):
        if i + k >= end:
            return -1
        if data[i + k] & 0xC0 != 0x80:
            return 1
    return need


@lean
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


@lean
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


@lean
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


@lean
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


@lean
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


@lean
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
def _encode(raw, out, tables):
    """Bytes written to ``out``, at most twice those of ``raw`` (and a word's room more)."""
    i = o = 0
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


@lean
def _write_raised(letters, first, size, out, o, raising, upper):
    """Write a word with its first letter (``raising`` FIRST) or all raised; -1 where one has no capital."""
    k = 0
    while k < size:
        b = letters[first + k]
        step = 1 if b < 128 else 2
        if raising != FIRST or k == 0:
            point = (
                np.int64(b) if step == 1 else np.int64(b & 31) << 6 | np.int64(letters[first + 1 + k] & 63)
            )
            point = np.int64(upper[point])
            if not point:
                return -1
            if step == 1:
                out[o + k] = point
            else:
                out[o + k] = 0xC0 | point >> 6
                out[o + k + 1] = 0x80 | point & 63
        else:
            out[o + k] = b
            if step == 2:
                out[o + k + 1] = letters[first + k + 1]
        k += step
    return o + size


@lean
def decode_part(coded, upto, out, limit, state, tables):
    """Decode on from ``state`` as far as ``coded[:upto]`` is there and whole and ``out[:limit]`` has room.
    DONE when no more can be told from what is there, FULL where room is lacking, BAD."""
    i, o, raising = state[IN], state[OUT], state[RAISING]
    words = len(tables.starts) - 1
    answer = DONE
    while i < upto:
        b = np.int64(coded[i])
        if b >= 128:
            used, word = 1, b & 63
            if b >= 0xC0:
                if i + 1 >= upto:
                    break
                used, word = 2, word << 6 | np.int64(coded[i + 1] & 63)
                if coded[i + 1] < 128:
                    answer = BAD
                    break
                if coded[i + 1] < 0xC0:
                    word += ONE
                else:
                    if i + 2 >= upto:
                        break
                    used, word = 3, (word << 6 | np.int64(coded[i + 2] & 63)) + ONE + TWO
                    if coded[i + 2] & 0xC0 != 0x80:
                        answer = BAD
                        break
            if word >= words:
                answer = BAD
                break
            first = np.int64(tables.starts[word])
            size = np.int64(tables.starts[word + 1]) - first
            if o + size > limit:
                answer = FULL
                break
            if raising:
                if _write_raised(tables.letters, first, size, out, o, raising, tables.upper) < 0:
                    answer = BAD
                    break
                raising = NONE if raising == FIRST else GOING
            else:
                for k in range(size):
                    out[o + k] = tables.letters[first + k]
            i, o = i + used, o + size
        elif 97 <= b <= 122:
            if o >= limit:
                answer = FULL
                break
            out[o] = b - 32 if raising else b
            if raising:
                raising = NONE if raising == FIRST else GOING
            i, o = i + 1, o + 1
        elif raising == FIRST or raising == ALL or 65 <= b <= 90:
            answer = BAD
            break
        elif b == CAPITAL:
            raising = FIRST
            i += 1
        elif b == CAPITALS:
            raising = ALL
            i += 1
        elif b == SEQUENCE or b == BYTE:
            raising = NONE
            if i + 1 >= upto:
                break
            size = np.int64(1)
            if b == SEQUENCE:
                size = sequence_length(coded, i + 1, upto)
                if size < 0:
                    break
                if size == 1:
                    answer = BAD
                    break
            if o + size > limit:
                answer = FULL
                break
            for k in range(size):
                out[o + k] = coded[i + 1 + k]
            i, o = i + 1 + size, o + size
        else:
            if o >= limit:
                answer = FULL
                break
            out[o] = b
            i, o, raising = i + 1, o + 1, NONE
    state[IN], state[OUT], state[RAISING] = i, o, raising
    return answer
