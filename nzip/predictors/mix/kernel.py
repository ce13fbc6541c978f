"""The mix, bit by bit: one numba function that both encodes and decodes.

For every byte it fills the context registers, hashes one context per recipe, and walks eight binary
decisions. For every bit each context's bit history gives a probability (through an adaptive state map),
which enters a gated logistic mixer: several weight sets, each chosen by its own small context, then a
final mixer over their outputs, then two adaptive probability maps (APM, also called SSE), then the coder.

Everything is integer and every shift and clamp is written out, because the format is what this file
computes; ``nzip/reference.py`` says the same in plain Python, slowly. Stretch units are nats × 256;
probabilities have 22 bits. Concession: one function does all, long and flat, because numba compiles it
once for both directions and every level, and inlining is what makes it fast.
"""

from collections import namedtuple

import numpy as np

from nzip.coding.binary import CODE, END, HIGH, LOW, POSITION
from nzip.jit import njit
from nzip.predictors.mix.registers import *  # noqa: F403  (the kernel speaks in these names)
from nzip.predictors.mix.sizes import APM1_ROWS, FINAL_ROWS, FINAL_WIDTH, SET_SIZE
from nzip.predictors.mix.vector import dot, prefetch, train

# All arrays of a running mix. Sizes in model.py, meaning beside each use below.
Mix = namedtuple(
    "Mix",
    "setting recipes set_kinds slots direct runs state_map match_map run_map weights final_weights apm match_table "
    "history1 history2 next_state stretch squash reciprocal lanes inputs outputs",
)

MAX_SETS = 16
u64 = np.uint64
u32 = np.uint32
i64 = np.int64
_K1 = u64(0x9E3779B97F4A7C15)
_K2 = u64(0xD6E8FEB86659FD93)
_K3 = u64(0xCA5A826395121157)


# Helpers serve only ``run``: without wrappers of their own they compile in half the time, and without reference
# counting (they own no memory, but take the whole Mix) level 1 runs 1.7 times as fast.
_helper = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)


@_helper
def _clamp(x, bound):
    return min(bound, max(-bound, x))


@_helper
def _fine_stretch(squash, p22):
    """Where squash reaches a 22-bit probability, by bisection: ±16 nats, where the table of 12 bits ends at 8."""
    low = 1
    high = 8191
    while low < high:
        middle = (low + high) >> 1
        if i64(squash[u64(middle)]) < p22:
            low = middle + 1
        else:
            high = middle
    return i64(low - 4096)


@_helper
def _slot(h, groups):
    """Where a context hash's slot would lie: one of four slots of 16 bytes in one of ``groups`` cache lines, so
    that tables need not be powers of two."""
    return ((((h & u64(0xFFFFFFFF)) * groups) >> u64(32)) << u64(6)) | (((h >> u64(32)) & u64(3)) << u64(4))


@_helper
def _find_slot(slots, h, groups):
    """Slot (16 bytes: check, then 15 bit histories) of a nibble's context; (offset, known already)."""
    check = np.uint8(h >> u64(56))
    a = _slot(h, groups)
    if slots[a] == check and slots[a + u64(1)] != 0:
        return a, 1
    b = a ^ u64(16)
    if slots[b] == check and slots[b + u64(1)] != 0:
        return b, 1
    c = a ^ u64(32)
    if slots[c] == check and slots[c + u64(1)] != 0:
        return c, 1
    # None: the one whose first history is youngest makes room.
    first, second, third = slots[a + u64(1)], slots[b + u64(1)], slots[c + u64(1)]
    if second < first:
        a = b
        first = second
    if third < first:
        a = c
    for z in range(16):
        slots[a + u64(z)] = 0
    slots[a] = check
    return a, 0


@_helper
def _adapt(table, k, target, limit, reciprocal):
    """Move a 22-bit probability with a 10-bit count towards target (0 or 2**22)."""
    v = i64(table[k])
    count = v & 1023
    p = v >> 10
    p += ((target - p) * i64(reciprocal[u64(count)])) >> 16
    table[k] = u32((p << 10) | (count + (count < limit)))


@_helper
def _registers(data, R, lane, M):
    """Fill the context registers for the byte at the lane's position."""
    position = i64(lane[L_POSITION])
    start = i64(lane[L_START])
    history = lane[L_HISTORY]
    R[R_HISTORY] = history
    R[R_WORD] = lane[L_WORD]
    R[R_WORD1] = lane[L_WORD1]
    R[R_WORD2] = lane[L_WORD2]
    R[R_SHAPE] = lane[L_SHAPE]
    R[R_WORD_POSITION] = lane[L_WORD_POSITION]
    R[R_LINE] = lane[L_LINE]
    R[R_DNA] = lane[L_DNA]
    R[R_TAG] = lane[L_TAG]
    R[R_NUMBERLESS] = lane[L_NUMBERLESS]
    line_start = i64(lane[L_LINE_START])
    column = position - line_start
    R[R_COLUMN] = u64(min(column, 255))
    above = u64(10)
    place = i64(lane[L_LINE_BEFORE]) + column
    if place < line_start - 1:
        above = u64(data[place]) | (u64(data[place + 1]) << u64(8))
        if place > start:
            above |= u64(data[place - 1]) << u64(16)
    R[R_ABOVE] = above
    R[R_AFTER1] = u64(M.history1[history & u64(0xFF)])
    R[R_AFTER2] = u64(M.history2[history & u64(0xFFFF)])
    if M.setting[S_LONG]:
        v = u64(0)
        w = u64(0)
        if position - start >= 16:
            for k in range(9, 17):
                v = (v << u64(8)) | u64(data[position - k])
        if position - start >= 24:
            for k in range(17, 25):
                w = (w << u64(8)) | u64(data[position - k])
        R[R_LONG1] = v
        R[R_LONG2] = w
    stride = i64(M.setting[S_STRIDE])
    if stride > 0:
        pixel = i64(M.setting[S_PIXEL])
        seen = position - start
        west = i64(data[position - pixel]) if seen >= pixel else 0
        west2 = i64(data[position - 2 * pixel]) if seen >= 2 * pixel else 0
        north = i64(data[position - stride]) if seen >= stride else 0
        northwest = i64(data[position - stride - pixel]) if seen >= stride + pixel else 0
        northeast = i64(data[position - stride + pixel]) if seen >= stride and pixel < stride else 0
        north2 = i64(data[position - 2 * stride]) if seen >= 2 * stride else 0
        beside = i64(data[position - 1]) if seen >= 1 else 0
        beside2 = i64(data[position - 2]) if seen >= 2 else 0
        R[R_NEIGHBOURS] = u64(west | north << 8 | northwest << 16 | northeast << 24 | west2 << 32 | north2 << 40
                              | beside << 48 | beside2 << 56)
        gradient = min(255, max(0, west + north - northwest))
        slope = min(255, max(0, west + northeast - north))
        ahead = min(255, max(0, 2 * west - west2))
        down = min(255, max(0, 2 * north - north2))
        # the neighbour plane's own error at this pixel, a hint for colour images
        plane_west = i64(data[position - 1 - pixel]) if seen >= pixel + 1 else 0
        plane_north = i64(data[position - 1 - stride]) if seen >= stride + 1 else 0
        across_west = min(255, max(0, west + beside - plane_west))
        across_north = min(255, max(0, north + beside - plane_north))
        R[R_PREDICTED] = u64(gradient | slope << 8 | ahead << 16 | down << 24 | across_west << 32
                             | across_north << 40 | ((west + north) >> 1) << 48
                             | (seen % stride & 255) << 56)
        R[R_PLANE] = u64(seen % pixel)
        if pixel >= 2:
            # 16-bit samples: linear predictions of the whole sample, given its low byte once known
            a = 0
            b = 0
            c = 0
            even = seen & ~1
            if even >= 3 * pixel:
                a = np.int16(u64(data[start + even - pixel]) | u64(data[start + even - pixel + 1]) << u64(8))
                b = np.int16(u64(data[start + even - 2 * pixel]) | u64(data[start + even - 2 * pixel + 1]) << u64(8))
                c = np.int16(u64(data[start + even - 3 * pixel]) | u64(data[start + even - 3 * pixel + 1]) << u64(8))
            first = 2 * i64(a) - i64(b)
            second = 3 * i64(a) - 3 * i64(b) + i64(c)
            if seen & 1:
                first = ((first - beside + 128) >> 8) & 0xFF
                second = ((second - beside + 128) >> 8) & 0xFF
                third = ((i64(a) - beside + 128) >> 8) & 0xFF
                R[R_SAMPLE] = u64(1 << 48 | first | second << 8 | third << 16)
            else:
                R[R_SAMPLE] = u64((first & 0xFFFF) | (second & 0xFFFF) << 16 | (i64(a) & 0xFFFF) << 32)


@_helper
def _advance(lane, byte, M):
    """Take a byte into the lane's registers once it is known."""
    history = lane[L_HISTORY]
    k1 = history & u64(0xFF)
    k2 = history & u64(0xFFFF)
    M.history1[k1] = ((M.history1[k1] << u32(8)) | u32(byte)) & u32(0xFFFFFF)
    M.history2[k2] = ((M.history2[k2] << u32(8)) | u32(byte)) & u32(0xFFFFFF)
    lane[L_HISTORY] = (history << u64(8)) | u64(byte)
    position = lane[L_POSITION]
    lane[L_POSITION] = position + u64(1)
    lower = byte + 32 if 65 <= byte <= 90 else byte
    letter = 97 <= lower <= 122 or byte >= 128
    if letter:
        word = (lane[L_WORD] + u64(lower)) * _K1
        lane[L_WORD] = word ^ (word >> u64(30))
        if lane[L_WORD_POSITION] < u64(31):
            lane[L_WORD_POSITION] += u64(1)
    else:
        if lane[L_WORD] != u64(0):
            lane[L_WORD2] = lane[L_WORD1]
            lane[L_WORD1] = lane[L_WORD]
            lane[L_WORD] = u64(0)
        lane[L_WORD_POSITION] = u64(0)
    column = position - lane[L_LINE_START]
    if byte == 10:
        lane[L_LINE_BEFORE] = lane[L_LINE_START]
        lane[L_LINE_START] = position + u64(1)
        lane[L_LINE] = u64(0)
    elif column < u64(4):
        lane[L_LINE] = (lane[L_LINE] << u64(8)) | u64(byte)
    if 97 <= byte <= 122:
        kind = 1
    elif 65 <= byte <= 90:
        kind = 8
    elif 48 <= byte <= 57:
        kind = 2
    elif byte == 32:
        kind = 3
    elif byte == 10 or byte == 13:
        kind = 4
    elif byte >= 128:
        kind = 5
    elif byte == 46 or byte == 44 or byte == 59 or byte == 58 or byte == 33 or byte == 63:
        kind = 6
    elif byte == 34 or byte == 39 or byte == 61 or byte == 45:
        kind = 9
    elif byte == 60 or byte == 91 or byte == 123 or byte == 40:
        kind = 7
    elif byte == 62 or byte == 93 or byte == 125 or byte == 41:
        kind = 10
    elif byte < 32:
        kind = 11
    else:
        kind = 0
    lane[L_SHAPE] = (lane[L_SHAPE] << u64(4)) | u64(kind)
    # history with digits folded to one class: numbers change, the text around them stays
    folded = u64(48) if kind == 2 else u64(byte)
    if not (kind == 2 and (lane[L_NUMBERLESS] & u64(0xFF)) == u64(48)):
        lane[L_NUMBERLESS] = (lane[L_NUMBERLESS] << u64(8)) | folded
    # innermost bracket or tag, a stack of eight kinds with the byte after the opening one
    if byte == 60 or byte == 91 or byte == 123 or byte == 40:
        lane[L_TAG] = (lane[L_TAG] << u64(8)) | u64(byte)
    elif byte == 62 or byte == 93 or byte == 125 or byte == 41:
        lane[L_TAG] = lane[L_TAG] >> u64(8)
    if byte == 65 or byte == 67 or byte == 71 or byte == 84:
        code = u64(0) if byte == 65 else u64(1) if byte == 67 else u64(2) if byte == 71 else u64(3)
        lane[L_DNA] = (lane[L_DNA] << u64(2)) | code


@_helper
def _region(M, at):
    """Start of the stretch of known bytes in which ``at`` lies, or -1 where the decoder does not know that byte
    yet: the primer, or what a lane has coded so far."""
    if at < M.setting[S_PRIMED]:
        return 0
    for l in range(M.lanes.shape[0]):
        if i64(M.lanes[l, L_START]) <= at < i64(M.lanes[l, L_POSITION]):
            return i64(M.lanes[l, L_START])
    return -1


@_helper
def _hash_matches(data, lane, M, match_slot):
    """Where each match model keeps the last place of this context; asked for early, needed late."""
    position = i64(lane[L_POSITION])
    history = lane[L_HISTORY]
    for m in range(i64(M.setting[S_MATCHES])):
        minimum = i64(M.setting[S_MATCH_MIN0 + m])
        if minimum <= 8:
            h = history & (~u64(0) >> u64(64 - 8 * minimum))
        else:
            h = history
            v = u64(0)
            if position >= minimum:
                for k in range(9, minimum + 1):
                    v = (v << u64(8)) | u64(data[position - k])
            h = h + v * _K3
        match_slot[m] = (h * _K1) >> u64(64 - M.setting[S_MATCH_BITS])
        prefetch(M.match_table[m], match_slot[m])


@_helper
def _find_matches(data, lane, M, match_slot, predicted):
    """Follow or look up the match models; predicted[m] = 256 | next byte, or 0."""
    position = i64(lane[L_POSITION])
    start = i64(lane[L_START])
    seen = position - start
    history = lane[L_HISTORY]
    for m in range(i64(M.setting[S_MATCHES])):
        at = i64(lane[L_MATCH_AT0 + m])
        length = i64(lane[L_MATCH_LENGTH0 + m])
        if length > 0 and data[at] == np.uint8(history & u64(0xFF)) and _region(M, at + 1) >= 0:
            length = min(length + 1, 65535)
            at += 1
        else:
            length = 0
        minimum = i64(M.setting[S_MATCH_MIN0 + m])
        if seen >= minimum:
            slot = match_slot[m]
            if length == 0:
                at = i64(M.match_table[m, slot])
                origin = _region(M, at) if at > 0 else -1
                if origin >= 0:
                    most = min(400, min(at - origin, seen))
                    while length < most and data[at - length - 1] == data[position - length - 1]:
                        length += 1
                    if length < minimum:
                        length = 0
            M.match_table[m, slot] = u32(position)
        lane[L_MATCH_AT0 + m] = u64(at)
        lane[L_MATCH_LENGTH0 + m] = u64(length)
        predicted[m] = i64(data[at]) | 256 if length > 0 else 0


@njit(cache=True, nogil=True, no_cfunc_wrapper=True)
def run(M, data, ends, steps, decoding, coder, buffer, experts):
    """Code ``steps`` bytes of every lane, lanes in turn within a step.

    data: uint8, all lanes' bytes, one region after another (written when decoding); ends: int64, where
    each lane's region ends; a lane that is there is skipped. coder, buffer: see coding/binary.py. experts: uint32 (steps, lanes, experts, 256), or of length 0 without experts.
    The buffer must have room for 22 bytes a byte coded."""
    setting = M.setting
    contexts = i64(setting[S_CONTEXTS])
    width = i64(setting[S_WIDTH])
    sets = i64(setting[S_SETS])
    matches = i64(setting[S_MATCHES])
    expert_count = i64(setting[S_EXPERTS])
    third = M.final_weights.size > FINAL_ROWS * FINAL_WIDTH
    widest = 4095 if expert_count else 2047  # experts may be surer than the maps ever are
    limit = i64(setting[S_STATE_LIMIT])
    final_rate = i64(setting[S_FINAL_RATE])
    rate_min = i64(setting[S_RATE_MIN])
    apm_rate = i64(setting[S_APM_RATE])
    hit_from = i64(setting[S_HIT_FROM])
    hit_to = i64(setting[S_HIT_TO])
    apms = i64(setting[S_APMS])
    use_direct = i64(setting[S_DIRECT])
    use_runs = i64(setting[S_RUNS])
    direct = M.direct
    runs = M.runs
    run_map = M.run_map
    slots = M.slots
    groups = u64(slots.size // 64)
    state_map = M.state_map
    match_map = M.match_map
    weights = M.weights
    final_weights = M.final_weights
    apm = M.apm
    stretch = M.stretch
    squash = M.squash
    next_state = M.next_state
    reciprocal = M.reciprocal
    x = M.inputs
    y2 = M.outputs
    R = np.zeros(REGISTERS, np.uint64)
    context = np.zeros(contexts, np.uint64)
    slot = np.zeros(contexts, np.uint64)
    cell = np.zeros(contexts, np.uint64)
    run_slot = np.zeros(contexts, np.uint64)
    run_at = np.zeros(contexts, np.uint64)
    set_base = np.zeros(MAX_SETS, np.int64)
    set_source = np.zeros(MAX_SETS, np.uint64)
    for k in range(sets):  # which of the choices of a bit selects the set's weights
        kind = M.set_kinds[k]
        set_source[k] = u64(1 if kind == 0 else 2 if kind == 2 else 3 if kind == 4 else 4 if kind == 11 else 0)
    chosen = np.zeros(5, np.int64)
    set_at = np.zeros(MAX_SETS, np.int64)
    set_p = np.zeros(MAX_SETS, np.int64)
    predicted = np.zeros(2, np.int64)
    match_slot = np.zeros(2, np.uint64)
    match_at = np.zeros(2, np.uint64)
    cumulative = np.zeros((max(expert_count, 1), 257), np.uint64)
    lane_count = M.lanes.shape[0]
    low, high, code, place = coder[LOW], coder[HIGH], coder[CODE], coder[POSITION]

    # What a bit teaches is learnt at the beginning of the next bit, so that the memory asked for in between has time
    # to come: ``waiting`` is 1 where a bit waits to be learnt, 2 where it ended a byte.
    turns = steps * lane_count
    step = 0
    l = -1
    lane = M.lanes[0]
    position = 0
    c0 = 1
    c1 = 0
    byte = 0
    ended = 0
    y = 0
    mixed = 0
    final0 = 0
    final1 = 0
    final2 = 0
    a1 = u64(0)
    a2 = u64(0)
    learnt = u64(1)
    node = u64(1)
    rate = 0
    hits = 0
    match_level = 0
    apm1_base = u64(0)
    apm2_base = u64(0)
    apm2 = u64(0)
    waiting = 0
    for turn in range(turns + 1):
        if turn < turns:
            l += 1
            if l == lane_count:
                l = 0
                step += 1
            lane = M.lanes[l]
            position = i64(lane[L_POSITION])
            if position >= ends[l]:
                continue
            _hash_matches(data, lane, M, match_slot)
            _registers(data, R, lane, M)
            for i in range(contexts):
                h = u64(i + 1) * _K3
                for k in range(0, 6, 2):
                    r = M.recipes[i, k]
                    if r == u64(R_NONE):
                        break
                    h = (h + (R[r] & M.recipes[i, k + 1])) * _K1
                    h ^= h >> u64(31)
                h *= _K2
                context[i] = h
                prefetch(slots, _slot(h, groups))
            _find_matches(data, lane, M, match_slot, predicted)
            match_level = 0
            length = i64(lane[L_MATCH_LENGTH0])
            while length > 0 and match_level < 15:
                match_level += 1
                length >>= 1
            history = lane[L_HISTORY]
            c1 = i64(history & u64(0xFF))
            c2 = i64((history >> u64(8)) & u64(0xFF))
            for k in range(sets):
                kind = M.set_kinds[k]
                base = 0
                if kind == 1:
                    base = c1 * 8
                elif kind == 3:
                    base = c2 * 8
                elif kind == 5:
                    base = i64(lane[L_SHAPE] & u64(0xFF)) * 8
                elif kind == 6:
                    base = (min(i64(R[R_COLUMN]), 63) + (64 if R[R_ABOVE] == u64(10) else 0)) * 8
                elif kind == 7:
                    base = i64(lane[L_WORD_POSITION]) * 8
                elif kind == 8:
                    base = i64(R[R_ABOVE] & u64(0xFF)) * 8
                elif kind == 9:
                    base = i64((history >> u64(16)) & u64(0xFF)) * 8
                elif kind == 12:
                    edge = abs(i64(R[R_NEIGHBOURS] & u64(0xFF)) - i64((R[R_NEIGHBOURS] >> u64(8)) & u64(0xFF)))
                    base = (min(edge >> 1, 31) * 4 + i64(R[R_PLANE] & u64(3))) * 8
                elif kind == 10:
                    base = i64(R[R_PREDICTED] >> u64(56)) * 8
                set_base[k] = k * SET_SIZE + base
            apm2 = (history & u64(0xFFFF)) << u64(8)
            for e in range(expert_count):
                total = u64(0)
                for s in range(256):
                    cumulative[e, s] = total
                    total += u64(experts[step, l, e, s])
                cumulative[e, 256] = total
            byte = i64(data[position])
            c0 = 1
            node = u64(1)
            apm1_base = u64(0)
            apm2_base = u64(0)
            hits = 0
        for bit in range(8):
            if waiting:
                # --- learn
                target = y << 22
                if apms:
                    apm[a1] += np.int32((target - i64(apm[a1])) >> apm_rate)
                    apm[a2] += np.int32((target - i64(apm[a2])) >> apm_rate)
                if sets > 1:
                    error = _clamp(((target - mixed) * final_rate) >> 14, 32767)
                    train(final_weights, final0, y2, FINAL_WIDTH, error)
                    train(final_weights, final1, y2, FINAL_WIDTH, error)
                    if third:
                        train(final_weights, final2, y2, FINAL_WIDTH, error)
                for k in range(sets):
                    error = _clamp(((target - set_p[k]) * rate) >> 14, 32767)
                    train(weights, set_at[k], x, width, error)
                for i in range(contexts):
                    k = cell[i]
                    s = k & u64(0xFF)
                    slots[slot[i] + learnt] = next_state[s * u64(2) + u64(y)]
                    if s > u64(0):
                        _adapt(state_map, k, target, limit, reciprocal)
                if use_direct:
                    for i in range(contexts):
                        k = slot[i] + learnt
                        v = i64(direct[k])
                        count = v & 15
                        v >>= 4
                        v += ((y << 12) - y - v) * i64(reciprocal[u64(count)]) >> 16
                        direct[k] = np.uint16((v << 4) | (count + (count < 15)))
                if use_runs:
                    for i in range(contexts):
                        if run_at[i] > u64(0):
                            _adapt(run_map, run_at[i], target, 1023, reciprocal)
                for m in range(matches):
                    if match_at[m] > u64(0):
                        _adapt(match_map, match_at[m], target, 1023, reciprocal)
                if use_runs and waiting == 2:
                    for i in range(contexts):
                        v = i64(runs[run_slot[i]])
                        if v and (v & 255) == ended:
                            if v < 0xFF00:
                                v += 256
                        else:
                            v = 256 | ended
                        runs[run_slot[i]] = np.uint16(v)
                waiting = 0
            if turn == turns:
                break
            if bit == 0 or bit == 4:
                if apms:
                    prefix = u64(0) if bit == 0 else u64(c0 & 15) + u64(1)
                    apm1_base = (u64(c1) * u64(17) + prefix) << u64(4)
                    apm2_base = (((apm2 | prefix) * _K1) >> u64(52) << u64(4)) + u64(APM1_ROWS)
                    prefetch(apm, (apm1_base + u64(1)) << u64(4))
                    prefetch(apm, (apm2_base + u64(1)) << u64(4))
                hits = 0
                for i in range(contexts):
                    found, known = _find_slot(slots, context[i], groups)
                    slot[i] = found
                    if known == 0:
                        if use_direct:
                            for z in range(16):
                                direct[found + u64(z)] = 1 << 15
                        if use_runs:
                            runs[found >> u64(4)] = 0
                    if hit_from <= i < hit_to:
                        hits += known
                if use_runs and bit == 0:
                    for i in range(contexts):
                        run_slot[i] = slot[i] >> u64(4)
                node = u64(1)
            # --- inputs
            if apms:  # the rows of both possible next bits lie side by side
                prefetch(apm, (apm1_base + node * u64(2)) << u64(4))
                prefetch(apm, ((apm1_base + node * u64(2)) << u64(4)) + u64(16))
                prefetch(apm, (apm2_base + node * u64(2)) << u64(4))
                prefetch(apm, ((apm2_base + node * u64(2)) << u64(4)) + u64(16))
            j = u64(0)
            for i in range(contexts):
                s = slots[slot[i] + node]
                k = (u64(i) << u64(8)) | u64(s)
                cell[i] = k
                if s == 0:
                    x[j] = 0
                    x[j + u64(1)] = 0
                else:
                    p = state_map[k]
                    x[j] = stretch[p >> u32(20)]
                    x[j + u64(1)] = np.int16(np.int32(p >> u32(22)) - np.int32(512))
                j += u64(2)
            if use_direct:
                for i in range(contexts):
                    x[j] = stretch[direct[slot[i] + node] >> 4]
                    j += u64(1)
            if use_runs:
                for i in range(contexts):
                    v = i64(runs[run_slot[i]])
                    run_at[i] = u64(0)
                    x[j] = 0
                    if v and ((v & 255 | 256) >> (8 - bit)) == c0:
                        k = u64((i << 7) | (min(v >> 8, 31) << 1) | ((v >> (7 - bit)) & 1)) + u64(1)
                        run_at[i] = k
                        x[j] = stretch[run_map[k] >> u32(20)]
                    j += u64(1)
            expected = 0
            for m in range(matches):
                match_at[m] = u64(0)
                x[j] = 0
                x[j + u64(1)] = 0
                if predicted[m] > 0:
                    if (predicted[m] >> (8 - bit)) == c0:
                        want = (predicted[m] >> (7 - bit)) & 1
                        length = i64(lane[L_MATCH_LENGTH0 + m])
                        if length < 16:
                            level = length
                        elif length < 32:
                            level = 16 + ((length - 16) >> 2)
                        elif length < 512:
                            level = 20 + ((length - 32) >> 5)
                        else:
                            level = 35
                        k = u64(m * 128 + level * 2 + want)
                        match_at[m] = k
                        p = match_map[k]
                        x[j] = stretch[p >> u32(20)]
                        x[j + u64(1)] = np.int16(np.int32(p >> u32(22)) - np.int32(512))
                        if m == 0:
                            expected = 1 + want
                    else:
                        predicted[m] = 0
                j += u64(2)
            confidence = 0
            for e in range(expert_count):
                first = c0 << (8 - bit) & 255
                size = 128 >> bit
                whole = cumulative[e, first + 2 * size] - cumulative[e, first]
                ones = cumulative[e, first + 2 * size] - cumulative[e, first + size]
                p22 = i64((ones << u64(22)) // max(whole, u64(1)))
                st = _fine_stretch(squash, min((1 << 22) - 2, max(2, p22)))
                x[j] = np.int16(st)
                x[j + u64(1)] = np.int16((p22 >> 12) - 512)
                if e == 0:
                    confidence = (_clamp(st, 2047) + 2048) >> 7
                j += u64(2)
            x[j] = 256
            # --- first layer
            chosen[0] = bit
            chosen[1] = c0
            chosen[2] = (match_level * 2 + expected - 1) if expected else 0
            chosen[3] = hits * 8 + bit
            chosen[4] = confidence * 8 + bit
            for k in range(sets):
                at = (set_base[k] + chosen[set_source[k]]) * width
                set_at[k] = at
                d = _clamp(i64(dot(weights, at, x, width)) >> 14, widest)
                y2[u64(k)] = np.int16(d)
                set_p[k] = i64(squash[u64(d + 4096)])
            # --- final mixer
            final0 = c0 * FINAL_WIDTH
            final1 = (256 + c1) * FINAL_WIDTH
            if sets > 1:
                d = (i64(dot(final_weights, final0, y2, FINAL_WIDTH))
                     + i64(dot(final_weights, final1, y2, FINAL_WIDTH)))
                if third:  # a third opinion, by what the first expert and the match model say
                    final2 = (512 + confidence * 16 + (match_level if expected else 0)) * FINAL_WIDTH
                    d = (d + i64(dot(final_weights, final2, y2, FINAL_WIDTH))) * 2 // 3
                d = _clamp(d >> 15, 4095)
            else:
                d = i64(y2[0])
            mixed = i64(squash[u64(d + 4096)])
            p = mixed
            a1 = u64(0)
            a2 = u64(0)
            if apms:
                # interpolate between the two buckets beside d, 15 steps of a nat
                part = _clamp(d, 1919) + 1920
                a1 = ((apm1_base + node) << u64(4)) + u64(part >> 8)
                a2 = ((apm2_base + node) << u64(4)) + u64(part >> 8)
                part &= 255
                p1 = (i64(apm[a1]) * (256 - part) + i64(apm[a1 + u64(1)]) * part) >> 8
                p2 = (i64(apm[a2]) * (256 - part) + i64(apm[a2 + u64(1)]) * part) >> 8
                a1 += u64(part >> 7)
                a2 += u64(part >> 7)
                p = (mixed + p1 + 2 * p2 + 2) >> 2
            p = min((1 << 22) - 1, max(1, p))
            # --- code
            # (coding/binary.py, its state held in registers)
            middle = low + ((high - low) >> u64(22)) * u64(p)
            y = (1 if code <= middle else 0) if decoding else (byte >> (7 - bit)) & 1
            if y:
                high = middle
            else:
                low = middle + u64(1)
            while ((low ^ high) >> u64(56)) == u64(0):
                if decoding:
                    code <<= u64(8)
                    if place < coder[END]:
                        code |= u64(buffer[place])
                else:
                    buffer[place] = np.uint8(high >> u64(56))
                place += u64(1)
                low <<= u64(8)
                high = (high << u64(8)) | u64(255)
            if bit == 3:  # ask for the next nibble's slots before learning from this bit
                nibble = u64(c0 << 1 | y) * _K3
                for i in range(contexts):
                    h = (context[i] + nibble) * _K1
                    h ^= h >> u64(32)
                    context[i] = h
                    prefetch(slots, _slot(h, groups))
            c0 = (c0 << 1) | y
            learnt = node
            node = (node << u64(1)) | u64(y)
            rate = i64(lane[L_RATE])
            waiting = 1
        if turn == turns:
            break
        byte = c0 & 255
        if decoding:
            data[position] = np.uint8(byte)
        _advance(lane, byte, M)
        ended = byte
        waiting = 2
        if rate > rate_min and (position & 15) == 0:
            lane[L_RATE] = u64(rate - max(1, (rate - rate_min) >> setting[S_RATE_DECAY]))
    coder[LOW], coder[HIGH], coder[CODE], coder[POSITION] = low, high, code, place
