"""The engine of superword training: merges over a text of tokens, exact, in memory that does not grow with
it.

The text lies on disk as *cells*: a token's id, or -1 between lines. Where tokens were merged, the first cell
holds the new id and the second, the last, and the cell where the right one began hold minus the number of
cells, so that both neighbours of a token are found without links. A *round* knows all pairs that occur at
least ``floor`` times, with their places, and merges them as plain BPE would: a pair that is not known occurs
less often, and while a round lasts none can rise but through a merge that spells an older token again; what
such a pair could have come to at most is kept (UNSURE), and a round ends where that would matter. Then cells
are compacted and counted anew (``superwords.py``).

Pairs, chains of places, the heap and the spellings of tokens are those of ``merger.py`` and ``state.py``.
Concession: a chain keeps the places where its pair is no more until it is merged or the round ends.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.training.merger import _chain, _find, _pair, token_for
from tokenizers_lab.training.state import (
    ARENA,
    FREE,
    FREE_COUNT,
    HEAP,
    MAX_LENGTH,
    MERGES,
    PAIRS,
    SPECIAL,
    STAMP,
    TOKENS,
    pop,
    push,
)

BORDER = np.int32(-1)
# What ``run`` answers.
DONE, ROUND_OVER, NO_ROOM, GROW_TOKENS = range(4)
FLOOR, UNSURE = (
    12,
    13,
)  # further scalars in ``meta``; ``merge_count`` holds what a token's pairs may have risen


@njit(cache=True, nogil=True)
def lines(ids, lengths, ends, out):
    """``ids`` as cells with borders at the byte offsets ``ends``; lines of one token are left out. Returns
    the cells written; ``out`` has room for ids and ends."""
    n = 0
    at = 0
    first = 0
    line = 0
    for i in range(len(ids)):
        out[n] = ids[i]
        n += 1
        at += lengths[ids[i]]
        if at == ends[line]:
            line += 1
            if n - first < 2:
                n = first
            else:
                out[n] = BORDER
                n += 1
                first = n
    return n


@njit(cache=True, nogil=True)
def _cell(key, bits):
    return np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits))


@njit(cache=True, nogil=True)
def sketch_pairs(cells, n, sizes, longest, sketch, bits):
    """Add every pair of the compact ``cells[:n]`` to its place in ``sketch`` (2 ** bits counters), which
    thereby holds no less than its count."""
    left = np.int64(-1)
    for i in range(n):
        c = np.int64(cells[i])
        if c >= 0 and left >= 0 and (longest == 0 or sizes[left] + sizes[c] < longest):
            sketch[_cell(left << 32 | c, bits)] += 1
        left = c


@njit(cache=True, nogil=True)
def reaching(sketch, floor):
    """How many counters reach ``floor``, and their sum."""
    n = np.int64(0)
    total = np.int64(0)
    for i in range(len(sketch)):
        if sketch[i] >= floor:
            n += 1
            total += sketch[i]
    return n, total


@njit(cache=True, nogil=True)
def count_pairs(s, n, sketch, bits, chained):
    """Count the pairs of compact cells whose sketch reaches the floor, with their places if ``chained``;
    whether there was room."""
    room = min(len(s.key), len(s.slots) // 2)
    longest = s.meta[MAX_LENGTH]
    floor = s.meta[FLOOR]
    left = np.int64(-1)
    for i in range(n):
        c = np.int64(s.symbol[i])
        if (
            c >= 0
            and left >= 0
            and (longest == 0 or s.token_size[left] + s.token_size[c] < longest)
            and sketch[_cell(left << 32 | c, bits)] >= floor
        ):
            if s.meta[PAIRS] >= room or (chained and s.meta[FREE_COUNT] == 0):
                return False
            p = _pair(s, left << 32 | c)
            s.count[p] += 1
            if chained:
                _chain(s, p, i - 1)
        left = c
    return True


@njit(cache=True, nogil=True)
def heap_of_pairs(s):
    """The heap of all pairs that reach the floor."""
    s.meta[HEAP] = 0
    for p in range(s.meta[PAIRS]):
        if s.count[p] >= s.meta[FLOOR]:
            push(s, s.count[p], p)


@njit(cache=True, nogil=True)
def best(s):
    """The most frequent pair, or -1 where what is known does not tell which that is. Not removed."""
    while s.meta[HEAP] > 0:
        p = s.heap_pair[0]
        if s.heap_count[0] != s.count[p]:
            pop(s)
            if s.count[p] >= s.meta[FLOOR]:
                push(s, s.count[p], p)
            continue
        if s.count[p] <= s.meta[UNSURE]:
            return -1
        return p
    return -1


@njit(cache=True, nogil=True)
def _after(cells, i):
    return i + 1 if cells[i + 1] >= BORDER else i - cells[i + 1]


@njit(cache=True, nogil=True)
def _before(cells, i):
    c = cells[i - 1]
    if c >= 0:
        return i - 1
    return np.int64(-1) if c == BORDER else np.int64(i + c)


@njit(cache=True, nogil=True)
def _touch(s, key, place, touched):
    p = _pair(s, key)
    s.count[p] += 1
    _chain(s, p, place)
    if s.seen[p] != s.meta[STAMP]:
        s.seen[p] = s.meta[STAMP]
        s.touched[touched] = p
        touched += 1
    return touched


@njit(cache=True, nogil=True)
def _less(s, key):
    p = _find(s, key)
    if p >= 0:
        s.count[p] -= 1


@njit(cache=True, nogil=True)
def _free(s, p):
    """Give a pair's chain back."""
    if s.head[p] >= 0:
        s.link[s.tail[p]] = s.meta[FREE]
        s.meta[FREE] = s.head[p]
        s.meta[FREE_COUNT] += s.size[p]
        s.head[p] = -1
        s.size[p] = 0


@njit(cache=True, nogil=True)
def _forget_rare(s, base, new, again):
    """Of the pairs from ``base`` on, which the last merge made, keep those that reach the floor; where the
    merge spelled an older token (``again``) none can be kept, for some of its places may never have been
    known. They are the last that went into the slots, so they can be taken out in turn."""
    floor = s.meta[FLOOR]
    mask = np.int64(len(s.slots) - 1)
    end = s.meta[PAIRS]
    most = np.int64(0)
    for p in range(end - 1, base - 1, -1):
        most = max(most, s.count[p])
        at = np.int64((np.uint64(s.key[p]) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & mask
        while s.slots[at] != p:
            at = (at + 1) & mask
        s.slots[at] = -1
    s.meta[PAIRS] = base
    if again:  # each unknown pair of ``new`` may have risen by so much, and before this by what stands there
        s.merge_count[new] += most
    for p in range(base, end):
        if again:
            risen = s.merge_count[s.key[p] >> 32] + s.merge_count[s.key[p] & 0xFFFFFFFF]
            s.meta[UNSURE] = max(s.meta[UNSURE], floor - 1 + risen)
        if again or s.count[p] < floor:
            _free(s, p)
            continue
        key, count, head, tail, size = s.key[p], s.count[p], s.head[p], s.tail[p], s.size[p]
        q = _pair(s, key)
        s.count[q], s.head[q], s.tail[q], s.size[q] = count, head, tail, size
        push(s, count, q)


@njit(cache=True, nogil=True)
def apply(s, p, new, again):
    """Merge the pair ``p`` into the token ``new`` at all its places; ``again``: an older token's spelling."""
    cells = s.symbol
    key = s.key[p]
    a = np.int64(key >> 32)
    b = np.int64(key & 0xFFFFFFFF)
    places = np.empty(s.size[p], dtype=s.place.dtype)
    node = s.head[p]
    for k in range(len(places)):
        places[k] = s.place[node]
        node = s.link[node]
    if a == b:  # in a run the leftmost are merged
        places = np.sort(places)
    _free(s, p)
    s.meta[STAMP] += 1
    base = s.meta[PAIRS]
    touched = 0
    longest = s.meta[MAX_LENGTH]
    new_size = s.token_size[new]
    for k in range(len(places)):
        i = np.int64(places[k])
        if cells[i] != a:
            continue
        j = _after(cells, i)
        if cells[j] != b:
            continue
        end = _after(cells, j)
        x = _before(cells, i)
        if x >= 0:
            left = np.int64(cells[x])
            _less(s, left << 32 | a)
            if longest == 0 or s.token_size[left] + new_size < longest:
                touched = _touch(s, left << 32 | new, x, touched)
        if cells[end] >= 0:
            right = np.int64(cells[end])
            _less(s, b << 32 | right)
            if longest == 0 or s.token_size[right] + new_size < longest:
                touched = _touch(s, new << 32 | right, i, touched)
        cells[i] = new
        cells[i + 1] = i - end
        cells[j] = i - end
        cells[end - 1] = i - end
    s.count[p] = 0
    for k in range(touched):
        q = s.touched[k]
        if q < base and s.count[q] >= s.meta[FLOOR]:
            push(s, s.count[q], q)
    _forget_rare(s, base, new, again)
    m = s.meta[MERGES]
    s.merge_a[m] = a
    s.merge_b[m] = b
    s.merge_id[m] = new
    s.meta[MERGES] = m + 1


@njit(cache=True, nogil=True)
def has_room(s, p):
    """Whether the pair may be merged now."""
    fresh = min(2 * s.size[p], 2 * s.meta[TOKENS] + 2)
    if s.meta[FREE_COUNT] < 2 * s.size[p] or s.meta[PAIRS] + fresh > min(len(s.key), len(s.slots) // 2):
        return False
    if s.meta[HEAP] + fresh > len(s.heap_pair):
        heap_of_pairs(s)
    return s.meta[HEAP] + fresh <= len(s.heap_pair)


@njit(cache=True, nogil=True)
def short_of_tokens(s, a, b):
    """Whether the arrays of tokens and merges must grow before a and b may be merged."""
    size = s.token_size[a] + s.token_size[b]
    return (
        s.meta[ARENA] + size > len(s.arena)
        or s.meta[MERGES] + 1 >= len(s.merge_a)
        or s.meta[TOKENS] + 1 >= min(len(s.token_start), len(s.token_slots) // 2)
    )


@njit(cache=True, nogil=True)
def run(s, target_tokens, most_merges):
    """Merge the most frequent pair until there are ``target_tokens`` tokens or ``most_merges`` merges were
    made (DONE), or the round knows no more (ROUND_OVER, NO_ROOM)."""
    made = 0
    while s.meta[TOKENS] < target_tokens and made < most_merges:
        p = best(s)
        if p < 0:
            return ROUND_OVER
        if not has_room(s, p):
            return NO_ROOM
        if short_of_tokens(s, s.key[p] >> 32, s.key[p] & 0xFFFFFFFF):
            return GROW_TOKENS
        p = best(s)
        pop(s)
        before = s.meta[TOKENS]
        new = np.int64(token_for(s, s.key[p] >> 32, s.key[p] & 0xFFFFFFFF, True))
        if new < s.meta[SPECIAL]:
            continue  # it spells a special token: set aside
        apply(s, p, new, new < before)
        made += 1
    return DONE


@njit(cache=True, nogil=True)
def compact(cells, n, a, b, new):
    """The cells of the text as it is now, one a token, and, if ``a`` >= 0, with that pair merged; lines of
    one token are left out. In place; returns how many there are."""
    out = 1
    first = 1
    i = np.int64(1)
    while i < n:
        if cells[i] == BORDER:
            if out - first < 2:
                out = first
            else:
                cells[out] = BORDER
                out += 1
                first = out
            i += 1
            continue
        following = _after(cells, i)
        c = cells[i]
        if c == a and cells[following] == b:
            following = _after(cells, following)
            c = new
        cells[out] = c
        out += 1
        i = following
    return out
