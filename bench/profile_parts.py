"""The mix's parts, each a compiled loop of its own over a block's bytes; see profile.py.

Registers, hashes, matches and look-ups are the kernel's own helpers on the data's own contexts. Inputs,
mixing, APMs and coder repeat the kernel's steps with the level's counts and widths on tables of the level's
sizes, but their operands are made up (which bit history, which weights, which probability), so that no part
waits for another. Concession: they must follow kernel.py by hand when its steps change;
tests/bench/test_profile.py notices a part that has grown larger than the whole."""

from __future__ import annotations

import numpy as np
from numba import njit

from nzip.coding.binary import STATE_SIZE, encode_bit, finish_encoder, start_encoder
from nzip.predictors.mix.kernel import MAX_SETS, _adapt, _clamp, _find_slot, _slot
from nzip.predictors.mix.lane import K1, K2, K3, advance, fill_registers, find_matches, hash_matches
from nzip.predictors.mix.constants import L_RATE, R_NONE, REGISTERS, S_APM_RATE, S_APMS, S_CONTEXTS, S_DIRECT, S_FINAL_RATE, S_RUNS, S_SETS, S_STATE_LIMIT, S_WIDTH, )  # fmt: skip
from nzip.predictors.mix.constants import APM1_ROWS, FINAL_WIDTH, SET_SIZE
from nzip.predictors.mix.vector import dot, prefetch, train

u64, u32, i64 = np.uint64, np.uint32, np.int64
_MASK = u64(4095)  # made-up bit histories lie in 4096 slots, which the second cache holds


@njit
def contexts(M, data, hashes, with_matches):
    """Context registers and the hashes of both nibbles, kept in ``hashes`` (bytes, 2, contexts), and the
    match models with ``with_matches``."""
    count = i64(M.setting[S_CONTEXTS])
    R = np.zeros(REGISTERS, np.uint64)
    match_slot = np.zeros(2, np.uint64)
    predicted = np.zeros(2, np.int64)
    lane = M.lanes[0]
    for n in range(data.size):
        if with_matches:
            hash_matches(data, lane, M, match_slot)
        fill_registers(data, R, lane, M)
        half = u64(16 | data[n] >> 4) * K3
        for i in range(count):
            h = u64(i + 1) * K3
            for k in range(0, 6, 2):
                r = M.recipes[i, k]
                if r == u64(R_NONE):
                    break
                h = (h + (R[r] & M.recipes[i, k + 1])) * K1
                h ^= h >> u64(31)
            h *= K2
            hashes[n, 0, i] = h
            h = (h + half) * K1
            hashes[n, 1, i] = h ^ (h >> u64(32))
        if with_matches:
            find_matches(data, lane, M, match_slot, predicted)
        advance(lane, i64(data[n]), M)


@njit
def lookups(M, hashes):
    """Find or make the slot of every context of every nibble, asked for in groups as the kernel does. Returns
    how many were known."""
    slots = M.slots
    groups = u64(slots.size // 64)
    all_known = 0
    for n in range(hashes.shape[0]):
        for half in range(2):
            for i in range(hashes.shape[2]):
                prefetch(slots, _slot(hashes[n, half, i], groups))
            for i in range(hashes.shape[2]):
                found, known = _find_slot(slots, hashes[n, half, i], groups)
                place = found + u64(1)
                slots[place] = min(255, slots[place] + 1)
                all_known += known
    return all_known


@njit
def random_accesses(M, size, count):
    """As many random slots, read and written, prefetched in the same groups: nothing but memory."""
    slots = M.slots
    groups = u64(slots.size // 64)
    places = np.zeros(count, np.uint64)
    state = u64(1)
    for n in range(2 * size):
        for i in range(count):
            state = state * u64(6364136223846793005) + u64(1442695040888963407)
            places[i] = _slot(state >> u64(20), groups)
            prefetch(slots, places[i])
        for i in range(count):
            slots[places[i]] += 1


@njit
def inputs(M, data):
    """For every bit and context: bit history, state map, stretch, and the updates of all once the bit is
    known; direct probabilities and runs where the level has them."""
    count = i64(M.setting[S_CONTEXTS])
    limit = i64(M.setting[S_STATE_LIMIT])
    use_direct, use_runs = M.setting[S_DIRECT], M.setting[S_RUNS]
    run_map = M.run_map
    slots = np.zeros(1 << 16, np.uint8)
    direct = np.full(1 << 16, 1 << 15, np.uint16)
    runs = np.zeros(1 << 12, np.uint16)
    state_map, next_state, stretch, reciprocal = M.state_map, M.next_state, M.stretch, M.reciprocal
    x = np.zeros(i64(M.setting[S_WIDTH]), np.int16)
    cell = np.zeros(count, np.uint64)
    slot = np.zeros(count, np.uint64)
    run_at = np.zeros(count, np.uint64)
    before = u64(0)
    for n in range(data.size):
        byte = i64(data[n])
        c0 = 1
        for bit in range(8):
            if bit == 0 or bit == 4:
                node = u64(1)
                for i in range(count):
                    slot[i] = ((before * u64(31) + u64(i) * u64(97) + u64(c0)) & _MASK) << u64(4)
            j = u64(0)
            for i in range(count):
                s = slots[slot[i] + node]
                k = (u64(i) << u64(8)) | u64(s)
                cell[i] = k
                both = M.two_inputs[state_map[k] >> u32(20)]
                x[j] = np.int16(both & u32(0xFFFF))
                x[j + u64(1)] = np.int16(both >> u32(16))
                j += u64(2)
            if use_direct:
                for i in range(count):
                    x[j] = stretch[direct[slot[i] + node] >> 4]
                    j += u64(1)
            if use_runs:
                for i in range(count):
                    v = i64(runs[slot[i] >> u64(4)])
                    run_at[i] = u64(0)
                    x[j] = 0
                    if v and ((v & 255 | 256) >> (8 - bit)) == c0:
                        k = u64((i << 7) | (min(v >> 8, 31) << 1) | ((v >> (7 - bit)) & 1)) + u64(1)
                        run_at[i] = k
                        x[j] = stretch[run_map[k] >> u32(20)]
                    j += u64(1)
            y = (byte >> (7 - bit)) & 1
            target = y << 22
            for i in range(count):
                k = cell[i]
                s = k & u64(0xFF)
                slots[slot[i] + node] = next_state[s * u64(2) + u64(y)]
                _adapt(state_map, k, target, limit, reciprocal)
                state_map[u64(i) << u64(8)] = u32(1 << 31)
            if use_direct:
                for i in range(count):
                    k = slot[i] + node
                    v = i64(direct[k])
                    seen = v & 15
                    v >>= 4
                    v += ((y << 12) - y - v) * i64(reciprocal[u64(seen)]) >> 16
                    direct[k] = np.uint16((v << 4) | (seen + (seen < 15)))
            if use_runs:
                for i in range(count):
                    if run_at[i] > u64(0):
                        _adapt(run_map, run_at[i], target, 1023, reciprocal)
            c0 = (c0 << 1) | y
            node = (node << u64(1)) | u64(y)
        if use_runs:
            for i in range(count):
                runs[slot[i] >> u64(4)] = np.uint16(256 | byte)
        before = u64(byte)


@njit
def mixing(M, data, resident):
    """Dot products and training of every weight set and of the final mixer. Weights are chosen by the bytes
    before, a different one for each set; with ``resident`` each set always takes the same ones."""
    width, sets = i64(M.setting[S_WIDTH]), i64(M.setting[S_SETS])
    final_rate = i64(M.setting[S_FINAL_RATE])
    rate = i64(M.lanes[0, L_RATE])
    weights, final_weights, squash, x, y2 = (
        M.weights,
        M.final_weights,
        M.squash,
        np.zeros(width, np.int16),
        np.zeros(FINAL_WIDTH, np.int16),
    )
    for j in range(width):
        x[j] = (j * 7919) % 512 - 256
    set_at = np.zeros(MAX_SETS, np.int64)
    set_p = np.zeros(MAX_SETS, np.int64)
    history = u64(0)
    for n in range(data.size):
        byte = i64(data[n])
        c0 = 1
        for bit in range(8):
            for k in range(sets):
                if resident:
                    at = 0
                elif k == 0:
                    at = c0
                else:
                    at = i64((history >> u64(8 * ((k - 1) & 3))) & u64(255)) * 8 + bit
                at = (k * SET_SIZE + at) * width
                set_at[k] = at
                d = _clamp(i64(dot(weights, at, x, width)) >> 14, 2047)
                y2[u64(k)] = np.int16(d)
                set_p[k] = i64(squash[u64(d + 4096)])
            final0 = (0 if resident else c0) * FINAL_WIDTH
            final1 = (256 + (0 if resident else i64(history & u64(255)))) * FINAL_WIDTH
            mixed = set_p[0]
            if sets > 1:
                d = (
                    i64(dot(final_weights, final0, y2, FINAL_WIDTH))
                    + i64(dot(final_weights, final1, y2, FINAL_WIDTH))
                ) >> 15
                mixed = i64(squash[u64(_clamp(d, 4095) + 4096)])
            y = (byte >> (7 - bit)) & 1
            target = y << 22
            if sets > 1:
                error = _clamp(((target - mixed) * final_rate) >> 14, 32767)
                train(final_weights, final0, y2, FINAL_WIDTH, error)
                train(final_weights, final1, y2, FINAL_WIDTH, error)
            for k in range(sets):
                error = _clamp(((target - set_p[k]) * rate) >> 14, 32767)
                train(weights, set_at[k], x, width, error)
            c0 = (c0 << 1) | y
        history = (history << u64(8)) | u64(byte)


@njit
def apms(M, data):
    """Both adaptive probability maps, rows chosen and prefetched as in the kernel, buckets by the byte
    before; nothing where the level has none."""
    if not M.setting[S_APMS]:
        return
    apm, rate = M.apm, i64(M.setting[S_APM_RATE])
    c1 = u64(0)
    c12 = u64(0)
    for n in range(data.size):
        byte = i64(data[n])
        c0 = 1
        d = (i64(c1) - 128) * 14
        for bit in range(8):
            if bit == 0 or bit == 4:
                prefix = u64(0) if bit == 0 else u64(c0 & 15) + u64(1)
                base1 = (c1 * u64(17) + prefix) << u64(4)
                base2 = (((c12 << u64(8) | prefix) * K1) >> u64(52) << u64(4)) + u64(APM1_ROWS)
                prefetch(apm, (base1 + u64(1)) << u64(4))
                prefetch(apm, (base2 + u64(1)) << u64(4))
                node = u64(1)
            prefetch(apm, (base1 + node * u64(2)) << u64(4))
            prefetch(apm, ((base1 + node * u64(2)) << u64(4)) + u64(16))
            prefetch(apm, (base2 + node * u64(2)) << u64(4))
            prefetch(apm, ((base2 + node * u64(2)) << u64(4)) + u64(16))
            part = _clamp(d, 1919) + 1920
            a1 = ((base1 + node) << u64(4)) + u64(part >> 8)
            a2 = ((base2 + node) << u64(4)) + u64(part >> 8)
            part &= 255
            p1 = (i64(apm[a1]) * (256 - part) + i64(apm[a1 + u64(1)]) * part) >> 8
            p2 = (i64(apm[a2]) * (256 - part) + i64(apm[a2 + u64(1)]) * part) >> 8
            d = ((p1 + 2 * p2) >> 12) - 1536  # so that neither is left out by the compiler
            a1 += u64(part >> 7)
            a2 += u64(part >> 7)
            y = (byte >> (7 - bit)) & 1
            target = y << 22
            apm[a1] += np.int32((target - i64(apm[a1])) >> rate)
            apm[a2] += np.int32((target - i64(apm[a2])) >> rate)
            c0 = (c0 << 1) | y
            node = (node << u64(1)) | u64(y)
        c12 = (c12 << u64(8) | u64(byte)) & u64(0xFFFF)
        c1 = u64(byte)


@njit
def coder(data, out):
    """Every bit at a probability that is right more often than not."""
    state = np.zeros(STATE_SIZE, np.uint64)
    start_encoder(state, out.size)
    for n in range(data.size):
        byte = i64(data[n])
        for bit in range(8):
            y = (byte >> (7 - bit)) & 1
            p = (1 << 21) + (y * 2 - 1) * (((n * 37 + bit * 11) & 63) << 14)
            encode_bit(state, out, y, p)
    return finish_encoder(state, out)
