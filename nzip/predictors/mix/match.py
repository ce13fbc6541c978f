"""Match models: they find the last place where the bytes before were the same, and expect what came then.

A model keeps a table from the hash of the last ``minimum`` bytes to the place behind their last occurrence. A
match at hand is followed as long as it is right. Where a plan says so (``sampled``), one place in so many,
told by the hash, is kept and looked up, and a long match that was wrong goes on behind the byte that
differed, as a short one. Matches reach back into the primer and into other lanes, but never into what a
decoder does not know yet (``region``). Helpers of kernel.py; the readable twin is twin/match.py.
"""

import numpy as np

from nzip.exact.jit import later
from nzip.predictors.mix import constants as at
from nzip.predictors.mix.compiled import K1, K3, helper, i64, inlined, u32, u64

MOST_VERIFIED = 400  # bytes that a new match is compared backwards over
LONGEST = 65535
LONG = 16  # a match that may go on behind a byte that differed
(prefetch,) = later("nzip.predictors.mix.intrinsics.vector", "prefetch")
EXPECTING = 256  # beside the byte that a model expects; 0 where it expects none


@helper
def region(setting, lanes, place):
    """Start of the stretch of known bytes in which ``place`` lies, or -1 where the decoder does not know that
    byte yet: the primer, or what a lane has coded so far."""
    if place < setting[at.S_PRIMED]:
        return 0
    for n in range(lanes.shape[0]):
        if i64(lanes[n, at.L_START]) <= place < i64(lanes[n, at.L_POSITION]):
            return i64(lanes[n, at.L_START])
    return -1


@inlined
def hash_matches(data, lane, setting, match_table, match_slot):
    """Where each match model keeps the last place of this context; asked for early, needed late."""
    position = i64(lane[at.L_POSITION])
    history = lane[at.L_HISTORY]
    for m in range(i64(setting[at.S_MATCHES])):
        minimum = i64(setting[at.S_MATCH_MIN0 + m])
        if minimum <= 8:
            h = history & (~u64(0) >> u64(64 - 8 * minimum))
        else:
            h = history
            v = u64(0)
            if position >= minimum:
                for k in range(9, minimum + 1):
                    v = (v << u64(8)) | u64(data[position - k])
            h = h + v * K3
        match_slot[m] = (h * K1) >> u64(64 - setting[at.S_MATCH_BITS])
        prefetch(match_table[m], match_slot[m])


@inlined
def find_matches(data, lane, setting, lanes, match_table, match_slot, predicted):
    """Follow or look up the match models; predicted[m] = EXPECTING | next byte, or 0."""
    position = i64(lane[at.L_POSITION])
    start = i64(lane[at.L_START])
    seen = position - start
    history = lane[at.L_HISTORY]
    sampled = i64(setting[at.S_SAMPLED])
    for m in range(i64(setting[at.S_MATCHES])):
        place = i64(lane[at.L_MATCH_AT0 + m])
        length = i64(lane[at.L_MATCH_LENGTH0 + m])
        right = length > 0 and data[place] == np.uint8(history & u64(0xFF))
        if right and region(setting, lanes, place + 1) >= 0:
            length = min(length + 1, LONGEST)
            place += 1
        elif sampled and length >= LONG and region(setting, lanes, place + 1) >= 0:
            length = 1
            place += 1
        else:
            length = 0
        minimum = i64(setting[at.S_MATCH_MIN0 + m])
        slot = match_slot[m]
        if seen >= minimum and not i64(slot) & sampled:
            if length == 0:
                place = i64(match_table[m, slot])
                origin = region(setting, lanes, place) if place > 0 else -1
                if origin >= 0:
                    most = min(MOST_VERIFIED, min(place - origin, seen))
                    while length < most and data[place - length - 1] == data[position - length - 1]:
                        length += 1
                    if length < minimum:
                        length = 0
            match_table[m, slot] = u32(position)
        lane[at.L_MATCH_AT0 + m] = u64(place)
        lane[at.L_MATCH_LENGTH0 + m] = u64(length)
        predicted[m] = i64(data[place]) | EXPECTING if length > 0 else 0


@helper
def magnitude(length):
    """A match's length in 16 steps, for weight sets: its number of binary digits, at most 15."""
    found = 0
    while length > 0 and found < 15:
        found += 1
        length >>= 1
    return found


@inlined
def cell_of(m, length, want):
    """The cell of model ``m``'s map for a match of ``length`` (in 36 steps) that expects the bit ``want``."""
    if length < 16:
        step = length
    elif length < 32:
        step = 16 + ((length - 16) >> 2)
    elif length < 512:
        step = 20 + ((length - 32) >> 5)
    else:
        step = 35
    return u64(m * at.MATCH_CELLS + step * 2 + want)
