"""What a lane of the mix knows between two bytes: context registers, and the match models that follow it.

Compiled helpers of kernel.py, which calls them once a byte: ``fill_registers`` says what the bytes so far
look like, ``advance`` takes one more byte in, ``hash_matches`` and ``find_matches`` look up where the last
bytes came before. The names of registers and of a lane's state are registers.py's; twin_parts.py says the
same readably. Concession: they take the whole ``Mix`` of kernel.py and serve nothing else."""

import numpy as np

from nzip.exact.jit import njit
from nzip.predictors.mix.registers import *
from nzip.predictors.mix.vector import prefetch

u64 = np.uint64
u32 = np.uint32
i64 = np.int64
K1 = u64(0x9E3779B97F4A7C15)
K2 = u64(0xD6E8FEB86659FD93)
K3 = u64(0xCA5A826395121157)

# Helpers serve only the kernel: without wrappers of their own they compile in half the time, and without
# reference counting (they own no memory, but take the whole Mix) level 1 runs 1.7 times as fast.
helper = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)


@helper
def fill_registers(data, R, lane, M):
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
        R[R_NEIGHBOURS] = u64(
            west
            | north << 8
            | northwest << 16
            | northeast << 24
            | west2 << 32
            | north2 << 40
            | beside << 48
            | beside2 << 56
        )
        gradient = min(255, max(0, west + north - northwest))
        slope = min(255, max(0, west + northeast - north))
        ahead = min(255, max(0, 2 * west - west2))
        down = min(255, max(0, 2 * north - north2))
        # the neighbour plane's own error at this pixel, a hint for colour images
        plane_west = i64(data[position - 1 - pixel]) if seen >= pixel + 1 else 0
        plane_north = i64(data[position - 1 - stride]) if seen >= stride + 1 else 0
        across_west = min(255, max(0, west + beside - plane_west))
        across_north = min(255, max(0, north + beside - plane_north))
        R[R_PREDICTED] = u64(
            gradient
            | slope << 8
            | ahead << 16
            | down << 24
            | across_west << 32
            | across_north << 40
            | ((west + north) >> 1) << 48
            | (seen % stride & 255) << 56
        )
        R[R_PLANE] = u64(seen % pixel)
        if pixel >= 2:
            # 16-bit samples: linear predictions of the whole sample, given its low byte once known
            a = 0
            b = 0
            c = 0
            even = seen & ~1
            if even >= 3 * pixel:
                a = np.int16(u64(data[start + even - pixel]) | u64(data[start + even - pixel + 1]) << u64(8))
                b = np.int16(
                    u64(data[start + even - 2 * pixel]) | u64(data[start + even - 2 * pixel + 1]) << u64(8)
                )
                c = np.int16(
                    u64(data[start + even - 3 * pixel]) | u64(data[start + even - 3 * pixel + 1]) << u64(8)
                )
            first = 2 * i64(a) - i64(b)
            second = 3 * i64(a) - 3 * i64(b) + i64(c)
            if seen & 1:
                first = ((first - beside + 128) >> 8) & 0xFF
                second = ((second - beside + 128) >> 8) & 0xFF
                third = ((i64(a) - beside + 128) >> 8) & 0xFF
                R[R_SAMPLE] = u64(1 << 48 | first | second << 8 | third << 16)
            else:
                R[R_SAMPLE] = u64((first & 0xFFFF) | (second & 0xFFFF) << 16 | (i64(a) & 0xFFFF) << 32)


@helper
def advance(lane, byte, M):
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
        word = (lane[L_WORD] + u64(lower)) * K1
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


@helper
def region(M, at):
    """Start of the stretch of known bytes in which ``at`` lies, or -1 where the decoder does not know that
    byte yet: the primer, or what a lane has coded so far."""
    if at < M.setting[S_PRIMED]:
        return 0
    for l in range(M.lanes.shape[0]):
        if i64(M.lanes[l, L_START]) <= at < i64(M.lanes[l, L_POSITION]):
            return i64(M.lanes[l, L_START])
    return -1


@helper
def hash_matches(data, lane, M, match_slot):
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
            h = h + v * K3
        match_slot[m] = (h * K1) >> u64(64 - M.setting[S_MATCH_BITS])
        prefetch(M.match_table[m], match_slot[m])


@helper
def find_matches(data, lane, M, match_slot, predicted):
    """Follow or look up the match models; predicted[m] = 256 | next byte, or 0."""
    position = i64(lane[L_POSITION])
    start = i64(lane[L_START])
    seen = position - start
    history = lane[L_HISTORY]
    for m in range(i64(M.setting[S_MATCHES])):
        at = i64(lane[L_MATCH_AT0 + m])
        length = i64(lane[L_MATCH_LENGTH0 + m])
        if length > 0 and data[at] == np.uint8(history & u64(0xFF)) and region(M, at + 1) >= 0:
            length = min(length + 1, 65535)
            at += 1
        else:
            length = 0
        minimum = i64(M.setting[S_MATCH_MIN0 + m])
        if seen >= minimum:
            slot = match_slot[m]
            if length == 0:
                at = i64(M.match_table[m, slot])
                origin = region(M, at) if at > 0 else -1
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
