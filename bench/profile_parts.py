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
from nzip.predictors.mix import apm as apm_maps
from nzip.predictors.mix import constants as at
from nzip.predictors.mix.bit_history import adapt, adapt_direct, find_slot, run_cell, slot_of
from nzip.predictors.mix.compiled import K1, K2, K3, clamp, i64, u32, u64
from nzip.predictors.mix.history import CLASSES, advance, fill_registers
from nzip.predictors.mix.intrinsics.vector import dot, prefetch, train
from nzip.predictors.mix.match import find_matches, hash_matches

_MASK = u64(4095)  # made-up bit histories lie in 4096 slots, which the second cache holds


@njit
def contexts(state, data, hashes, with_matches):
    """Context registers and the hashes of both nibbles, kept in ``hashes`` (bytes, 2, contexts), and the
    match models with ``with_matches``."""
    count = i64(state.setting[at.S_CONTEXTS])
    registers = np.zeros(at.REGISTERS, np.uint64)
    match_slot = np.zeros(2, np.uint64)
    predicted = np.zeros(2, np.int64)
    lane = state.lanes[0]
    for n in range(data.size):
        if with_matches:
            hash_matches(data, lane, state.setting, state.match_table, match_slot)
        fill_registers(data, registers, lane, state.setting, state.history1, state.history2)
        half = u64(16 | data[n] >> 4) * K3
        for i in range(count):
            h = u64(i + 1) * K3
            for k in range(0, 6, 2):
                r = state.recipes[i, k]
                if r == u64(at.R_NONE):
                    break
                h = (h + (registers[r] & state.recipes[i, k + 1])) * K1
                h ^= h >> u64(31)
            h *= K2
            hashes[n, 0, i] = h
            h = (h + half) * K1
            hashes[n, 1, i] = h ^ (h >> u64(32))
        if with_matches:
            find_matches(data, lane, state.setting, state.lanes, state.match_table, match_slot, predicted)
        advance(lane, i64(data[n]), CLASSES[data[n]], state.history1, state.history2)


@njit
def lookups(state, hashes):
    """Find or make the slot of every context of every nibble, asked for in groups as the kernel does. Returns
    how many were known."""
    slots = state.slots
    groups = u64(slots.size // 64)
    all_known = 0
    for n in range(hashes.shape[0]):
        for half in range(2):
            for i in range(hashes.shape[2]):
                prefetch(slots, slot_of(hashes[n, half, i], groups))
            for i in range(hashes.shape[2]):
                found, known = find_slot(slots, hashes[n, half, i], groups)
                place = found + u64(1)
                slots[place] = min(255, slots[place] + 1)
                all_known += known
    return all_known


@njit
def random_accesses(state, size, count):
    """As many random slots, read and written, prefetched in the same groups: nothing but memory."""
    slots = state.slots
    groups = u64(slots.size // 64)
    places = np.zeros(count, np.uint64)
    number = u64(1)
    for n in range(2 * size):
        for i in range(count):
            number = number * u64(6364136223846793005) + u64(1442695040888963407)
            places[i] = slot_of(number >> u64(20), groups)
            prefetch(slots, places[i])
        for i in range(count):
            slots[places[i]] += 1


@njit
def inputs(state, data):
    """For every bit and context: bit history, state map, stretch, and the updates of all once the bit is
    known; direct probabilities and runs where the level has them."""
    count = i64(state.setting[at.S_CONTEXTS])
    limit = i64(state.setting[at.S_STATE_LIMIT])
    direct_from, direct_to = i64(state.setting[at.S_DIRECT_FROM]), i64(state.setting[at.S_DIRECT_TO])
    runs_from, runs_to = i64(state.setting[at.S_RUNS_FROM]), i64(state.setting[at.S_RUNS_TO])
    run_map = state.run_map
    slots = np.zeros(1 << 16, np.uint8)
    direct = np.full(1 << 16, at.NO_DIRECT, np.uint16)
    runs = np.zeros(1 << 12, np.uint16)
    state_map, next_state, stretch, reciprocal = (
        state.state_map,
        state.next_state,
        state.stretch,
        state.reciprocal,
    )
    x = np.zeros(i64(state.setting[at.S_WIDTH]), np.int16)
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
                both = state.two_inputs[state_map[k] >> u32(20)]
                x[j] = np.int16(both & u32(0xFFFF))
                x[j + u64(1)] = np.int16(both >> u32(16))
                j += u64(2)
            if direct_to > direct_from:
                for i in range(direct_from, direct_to):
                    x[j] = stretch[direct[slot[i] + node] >> 4]
                    j += u64(1)
            if runs_to > runs_from:
                for i in range(runs_from, runs_to):
                    k = run_cell(i, i64(runs[slot[i] >> u64(4)]), c0, bit)
                    run_at[i] = k
                    x[j] = stretch[run_map[k] >> u32(20)]
                    j += u64(1)
            y = (byte >> (7 - bit)) & 1
            target = y << at.PROBABILITY_BITS
            for i in range(count):
                k = cell[i]
                s = k & u64(0xFF)
                slots[slot[i] + node] = next_state[s * u64(2) + u64(y)]
                adapt(state_map, k, target, limit, reciprocal)
                state_map[u64(i) << u64(8)] = u32(at.HALF_CELL)
            if direct_to > direct_from:
                for i in range(direct_from, direct_to):
                    adapt_direct(direct, slot[i] + node, y, reciprocal)
            if runs_to > runs_from:
                for i in range(runs_from, runs_to):
                    adapt(run_map, run_at[i], target, 1023, reciprocal)
            c0 = (c0 << 1) | y
            node = (node << u64(1)) | u64(y)
        if runs_to > runs_from:
            for i in range(runs_from, runs_to):
                runs[slot[i] >> u64(4)] = np.uint16(256 | byte)
        before = u64(byte)


@njit
def mixing(state, data, resident):
    """Dot products and training of every weight set and of the final mixer. Weights are chosen by the bytes
    before, a different one for each set; with ``resident`` each set always takes the same ones."""
    width, sets = i64(state.setting[at.S_WIDTH]), i64(state.setting[at.S_SETS])
    final_rate = i64(state.setting[at.S_FINAL_RATE])
    rate = i64(state.lanes[0, at.L_RATE])
    weights, final_weights, squash, x, y2 = (
        state.weights,
        state.final_weights,
        state.squash,
        np.zeros(width, np.int16),
        np.zeros(at.FINAL_WIDTH, np.int16),
    )
    for j in range(width):
        x[j] = (j * 7919) % 512 - 256
    set_at = np.zeros(at.MAX_SETS, np.int64)
    set_p = np.zeros(at.MAX_SETS, np.int64)
    history = u64(0)
    for n in range(data.size):
        byte = i64(data[n])
        c0 = 1
        for bit in range(8):
            for k in range(sets):
                if resident:
                    first = 0
                elif k == 0:
                    first = c0
                else:
                    first = i64((history >> u64(8 * ((k - 1) & 3))) & u64(255)) * 8 + bit
                first = (k * at.SET_SIZE + first) * width
                set_at[k] = first
                d = clamp(i64(dot(weights, first, x, width)) >> 14, 2047)
                y2[u64(k)] = np.int16(d)
                set_p[k] = i64(squash[u64(d + at.SQUASH_ZERO)])
            final0 = (0 if resident else c0) * at.FINAL_WIDTH
            final1 = (at.FINAL_BYTES + (0 if resident else i64(history & u64(255)))) * at.FINAL_WIDTH
            mixed = set_p[0]
            if sets > 1:
                d = (
                    i64(dot(final_weights, final0, y2, at.FINAL_WIDTH))
                    + i64(dot(final_weights, final1, y2, at.FINAL_WIDTH))
                ) >> 15
                mixed = i64(squash[u64(clamp(d, 4095) + at.SQUASH_ZERO)])
            y = (byte >> (7 - bit)) & 1
            target = y << at.PROBABILITY_BITS
            if sets > 1:
                error = clamp(((target - mixed) * final_rate) >> 14, 32767)
                train(final_weights, final0, y2, at.FINAL_WIDTH, error)
                train(final_weights, final1, y2, at.FINAL_WIDTH, error)
            for k in range(sets):
                error = clamp(((target - set_p[k]) * rate) >> 14, 32767)
                train(weights, set_at[k], x, width, error)
            c0 = (c0 << 1) | y
        history = (history << u64(8)) | u64(byte)


@njit
def apms(state, data):
    """Both adaptive probability maps, rows chosen and prefetched as in the kernel, buckets by the byte
    before; nothing where the level has none."""
    if not state.setting[at.S_APMS]:
        return
    apm, rate = state.apm, i64(state.setting[at.S_APM_RATE])
    c1 = u64(0)
    c12 = u64(0)
    for n in range(data.size):
        byte = i64(data[n])
        c0 = 1
        d = (i64(c1) - 128) * 14
        for bit in range(8):
            if bit == 0 or bit == 4:
                nibble = u64(0) if bit == 0 else u64(c0 & 15) + u64(1)
                base1 = apm_maps.base_by_byte(c1, nibble)
                base2 = apm_maps.base_by_two_bytes(c12 << u64(8), nibble)
                apm_maps.ask_for(apm, base1, u64(1))
                apm_maps.ask_for(apm, base2, u64(1))
                node = u64(1)
            apm_maps.ask_for_next(apm, base1, node)
            apm_maps.ask_for_next(apm, base2, node)
            place = apm_maps.place_of(d)
            a1 = apm_maps.cell_of(base1, node, place)
            a2 = apm_maps.cell_of(base2, node, place)
            p1 = apm_maps.refined(apm, a1, place)
            p2 = apm_maps.refined(apm, a2, place)
            d = ((p1 + 2 * p2) >> 12) - 1536  # so that neither is left out by the compiler
            a1 = apm_maps.nearer(a1, place)
            a2 = apm_maps.nearer(a2, place)
            y = (byte >> (7 - bit)) & 1
            target = y << at.PROBABILITY_BITS
            apm_maps.learn(apm, a1, target, rate)
            apm_maps.learn(apm, a2, target, rate)
            c0 = (c0 << 1) | y
            node = (node << u64(1)) | u64(y)
        c12 = (c12 << u64(8) | u64(byte)) & u64(0xFFFF)
        c1 = u64(byte)


@njit
def coder(data, out):
    """Every bit at a probability that is right more often than not."""
    own = np.zeros(STATE_SIZE, np.uint64)
    start_encoder(own, out.size)
    for n in range(data.size):
        byte = i64(data[n])
        for bit in range(8):
            y = (byte >> (7 - bit)) & 1
            p = (1 << 21) + (y * 2 - 1) * (((n * 37 + bit * 11) & 63) << 14)
            encode_bit(own, out, y, p)
    return finish_encoder(own, out)
