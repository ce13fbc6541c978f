"""The mix, bit by bit: one numba function that both encodes and decodes, for every plan or for one.

For every byte it fills the context registers, hashes one context per recipe, and walks eight binary
decisions. For every bit each context's bit history gives a probability (through an adaptive state map),
which enters a gated logistic mixer: several weight sets, each chosen by its own small context, then a
final mixer over their outputs, then two adaptive probability maps (APM, also called SSE), then the coder.

Everything is integer and every shift and clamp is written out, because the format is what this file
computes; ``nzip/reference.py`` says the same in plain Python, slowly. Stretch units are nats × 256;
probabilities have 22 bits.

``run`` serves any plan, with experts and lanes. ``TEXTS[level]`` is the same source compiled for one plan,
all it says constant: loops over contexts unroll and the inputs stay in registers, which makes it 1.1 (-5) to
1.6 times (-1) as fast for some seconds of compiling once. Concession: one function does all, long and flat,
because inlining is what makes it fast."""

from collections import namedtuple

import numpy as np

from nzip.coding.binary import CODE, END, HIGH, LOW, POSITION
from nzip.exact.jit import njit
from nzip.predictors.mix.contexts import LEVELS, TEXT, Plan, plan
from nzip.predictors.mix.lane import (
    K1,
    K2,
    K3,
    advance,
    fill_registers,
    find_matches,
    hash_matches,
    helper,
    i64,
    u32,
    u64,
)
from nzip.predictors.mix.registers import *
from nzip.predictors.mix.sizes import APM1_ROWS, FINAL_ROWS, FINAL_WIDTH, SET_SIZE, YOUNG, input_width
from nzip.predictors.mix.vector import dot, local_i16, local_i64, local_u64, prefetch, train

# All arrays of a running mix. Sizes in model.py, meaning beside each use below.
Mix = namedtuple(
    "Mix",
    "setting recipes set_kinds slots direct runs state_map match_map run_map weights final_weights apm match_table "
    "history1 history2 next_state stretch two_inputs squash reciprocal lanes",
)

MAX_SETS, MAX_CONTEXTS, MAX_WIDTH = 16, 64, 256


def recipe_table(chosen: Plan) -> np.ndarray:
    """uint64 (contexts, 6): registers and masks in turn, ``R_NONE`` where there is none."""
    table = np.full((len(chosen.recipes), 6), R_NONE, np.uint64)
    for i, recipe in enumerate(chosen.recipes):
        for k, pair in enumerate(recipe):
            table[i, 2 * k : 2 * k + 2] = pair
    return table


@helper
def _clamp(x, bound):
    return min(bound, max(-bound, x))


@helper
def _fine_stretch(squash, p22):
    """Where squash reaches a 22-bit probability, by bisection: ±16 nats, where the table of 12 bits ends at
    8."""
    low = 1
    high = 8191
    while low < high:
        middle = (low + high) >> 1
        if i64(squash[u64(middle)]) < p22:
            low = middle + 1
        else:
            high = middle
    return i64(low - 4096)


@helper
def _slot(h, groups):
    """Where a context hash's slot would lie: one of four slots of 16 bytes in one of ``groups`` cache lines,
    so that tables need not be powers of two."""
    return ((((h & u64(0xFFFFFFFF)) * groups) >> u64(32)) << u64(6)) | (((h >> u64(32)) & u64(3)) << u64(4))


@helper
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


@helper
def _adapt(table, k, target, limit, reciprocal):
    """Move a 22-bit probability with a 10-bit count towards target (0 or 2**22)."""
    v = i64(table[k])
    count = v & 1023
    p = v >> 10
    p += ((target - p) * i64(reciprocal[u64(count)])) >> 16
    table[k] = u32((p << 10) | (count + (count < limit)))


def make(known: Plan | None = None, name: str = "run", cache: bool = True):
    """A kernel for the one plan ``known``, without experts and with one lane; with None for any plan.

    What is written in capitals is constant; branches that such a name rules out are not compiled at all."""
    ANY = known is None
    ONE = not ANY
    chosen = known or plan(1, TEXT)  # constants of some plan, where they are not used
    CONTEXTS, SETS, MATCHES = len(chosen.recipes), len(chosen.sets), len(chosen.matches)
    WIDTH = input_width(chosen)
    APMS, DIRECT, RUNS = int(chosen.apms), int(chosen.direct), int(chosen.runs)
    MAYBE_DIRECT, MAYBE_RUNS, MAYBE_APMS = ANY or chosen.direct, ANY or chosen.runs, ANY or chosen.apms
    LIMIT, FINAL_RATE, APM_RATE = chosen.state_limit, chosen.final_rate, chosen.apm_rate
    HIT_FROM, HIT_TO = chosen.hits
    RECIPES, SET_KINDS = recipe_table(chosen), np.array(chosen.sets, np.int64)
    INPUTS = MAX_WIDTH if ANY else WIDTH

    def run(M, data, ends, steps, decoding, coder, buffer, experts):
        """Code ``steps`` bytes of every lane, lanes in turn within a step.

        data: uint8, all lanes' bytes, one region after another (written when decoding); ends: int64, where
        each lane's region ends; a lane that is there is skipped. coder, buffer: see coding/binary.py.
        experts: uint32 (steps, lanes, experts, 256), or of length 0 without experts.
        The buffer must have room for 22 bytes a byte coded."""
        setting = M.setting
        if ONE:
            contexts, width, sets, matches = CONTEXTS, WIDTH, SETS, MATCHES
            apms, use_direct, use_runs = APMS, DIRECT, RUNS
            limit, final_rate, apm_rate, hit_from, hit_to = LIMIT, FINAL_RATE, APM_RATE, HIT_FROM, HIT_TO
            recipes, set_kinds = RECIPES, SET_KINDS
            expert_count = 0
            third = False
            lane_count = 1
        else:
            contexts, width = i64(setting[S_CONTEXTS]), i64(setting[S_WIDTH])
            sets, matches = i64(setting[S_SETS]), i64(setting[S_MATCHES])
            apms, use_direct, use_runs = i64(setting[S_APMS]), i64(setting[S_DIRECT]), i64(setting[S_RUNS])
            limit, final_rate = i64(setting[S_STATE_LIMIT]), i64(setting[S_FINAL_RATE])
            apm_rate = i64(setting[S_APM_RATE])
            hit_from, hit_to = i64(setting[S_HIT_FROM]), i64(setting[S_HIT_TO])
            recipes, set_kinds = M.recipes, M.set_kinds
            expert_count = i64(setting[S_EXPERTS])
            third = M.final_weights.size > FINAL_ROWS * FINAL_WIDTH
            lane_count = M.lanes.shape[0]
        widest = 4095 if expert_count else 2047  # experts may be surer than the maps ever are
        rate_min = i64(setting[S_RATE_MIN])
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
        x = local_i16(INPUTS)
        y2 = local_i16(FINAL_WIDTH)
        two_inputs = M.two_inputs
        R = local_u64(REGISTERS)
        context = local_u64(MAX_CONTEXTS)
        slot = local_u64(MAX_CONTEXTS)
        cell = local_u64(MAX_CONTEXTS)
        run_slot = local_u64(MAX_CONTEXTS)
        run_at = local_u64(MAX_CONTEXTS)
        set_base = local_i64(MAX_SETS)
        set_source = local_u64(MAX_SETS)
        for k in range(sets):  # which of the choices of a bit selects the set's weights
            kind = set_kinds[k]
            set_source[k] = u64(
                1 if kind == 0 else 2 if kind == 2 else 3 if kind == 4 else 4 if kind == 11 else 0
            )
        chosen = local_i64(5)
        set_at = local_i64(MAX_SETS)
        set_p = local_i64(MAX_SETS)
        predicted = local_i64(2)
        match_slot = local_u64(2)
        match_at = local_u64(2)
        if ANY:
            cumulative = np.zeros((max(expert_count, 1), 257), np.uint64)
        low, high, code, place = coder[LOW], coder[HIGH], coder[CODE], coder[POSITION]

        # What a bit teaches is learnt at the beginning of the next bit, so that the memory asked for in
        # between has time to come: ``waiting`` is 1 where a bit waits to be learnt, 2 where it ended a byte.
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
        young = False
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
                hash_matches(data, lane, M, match_slot)
                fill_registers(data, R, lane, M)
                for i in range(contexts):
                    h = u64(i + 1) * K3
                    for k in range(0, 6, 2):
                        r = recipes[i, k]
                        if r == u64(R_NONE):
                            break
                        h = (h + (R[r] & recipes[i, k + 1])) * K1
                        h ^= h >> u64(31)
                    h *= K2
                    context[i] = h
                    prefetch(slots, _slot(h, groups))
                find_matches(data, lane, M, match_slot, predicted)
                match_level = 0
                length = i64(lane[L_MATCH_LENGTH0])
                while length > 0 and match_level < 15:
                    match_level += 1
                    length >>= 1
                history = lane[L_HISTORY]
                c1 = i64(history & u64(0xFF))
                c2 = i64((history >> u64(8)) & u64(0xFF))
                for k in range(sets):
                    kind = set_kinds[k]
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
                        edge = abs(
                            i64(R[R_NEIGHBOURS] & u64(0xFF)) - i64((R[R_NEIGHBOURS] >> u64(8)) & u64(0xFF))
                        )
                        base = (min(edge >> 1, 31) * 4 + i64(R[R_PLANE] & u64(3))) * 8
                    elif kind == 10:
                        base = i64(R[R_PREDICTED] >> u64(56)) * 8
                    set_base[k] = k * SET_SIZE + base
                apm2 = (history & u64(0xFFFF)) << u64(8)
                young = position - i64(lane[L_START]) < YOUNG
                if ANY:
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
                    if MAYBE_APMS and apms:
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
                        _adapt(state_map, k, target, limit, reciprocal)
                        # An empty history says nothing: its cell is put back at one half, cheaper than a
                        # branch.
                        state_map[u64(i) << u64(8)] = u32(1 << 31)
                    if MAYBE_DIRECT and use_direct:
                        for i in range(contexts):
                            k = slot[i] + learnt
                            v = i64(direct[k])
                            count = v & 15
                            v >>= 4
                            v += ((y << 12) - y - v) * i64(reciprocal[u64(count)]) >> 16
                            direct[k] = np.uint16((v << 4) | (count + (count < 15)))
                    if MAYBE_RUNS and use_runs:
                        for i in range(contexts):
                            if run_at[i] > u64(0):
                                _adapt(run_map, run_at[i], target, 1023, reciprocal)
                    for m in range(matches):
                        if match_at[m] > u64(0):
                            _adapt(match_map, match_at[m], target, 1023, reciprocal)
                    if MAYBE_RUNS and use_runs and waiting == 2:
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
                    if MAYBE_APMS and apms:
                        prefix = u64(0) if bit == 0 else u64(c0 & 15) + u64(1)
                        apm1_base = (u64(c1) * u64(17) + prefix) << u64(4)
                        apm2_base = (((apm2 | prefix) * K1) >> u64(52) << u64(4)) + u64(APM1_ROWS)
                        prefetch(apm, (apm1_base + u64(1)) << u64(4))
                        prefetch(apm, (apm2_base + u64(1)) << u64(4))
                    hits = 0
                    for i in range(contexts):
                        found, known = _find_slot(slots, context[i], groups)
                        slot[i] = found
                        if known == 0:
                            if MAYBE_DIRECT and use_direct:
                                for z in range(16):
                                    direct[found + u64(z)] = 1 << 15
                            if MAYBE_RUNS and use_runs:
                                runs[found >> u64(4)] = 0
                        if hit_from <= i < hit_to:
                            hits += known
                    if MAYBE_RUNS and use_runs and bit == 0:
                        for i in range(contexts):
                            run_slot[i] = slot[i] >> u64(4)
                    node = u64(1)
                # --- inputs
                if MAYBE_APMS and apms:  # the rows of both possible next bits lie side by side
                    prefetch(apm, (apm1_base + node * u64(2)) << u64(4))
                    prefetch(apm, ((apm1_base + node * u64(2)) << u64(4)) + u64(16))
                    prefetch(apm, (apm2_base + node * u64(2)) << u64(4))
                    prefetch(apm, ((apm2_base + node * u64(2)) << u64(4)) + u64(16))
                j = u64(0)
                for i in range(contexts):
                    s = slots[slot[i] + node]
                    k = (u64(i) << u64(8)) | u64(s)
                    cell[i] = k
                    both = two_inputs[state_map[k] >> u32(20)]
                    x[j] = np.int16(both & u32(0xFFFF))
                    x[j + u64(1)] = np.int16(both >> u32(16))
                    j += u64(2)
                if MAYBE_DIRECT and use_direct:
                    for i in range(contexts):
                        x[j] = stretch[direct[slot[i] + node] >> 4]
                        j += u64(1)
                if MAYBE_RUNS and use_runs:
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
                if ANY:
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
                    d = i64(dot(final_weights, final0, y2, FINAL_WIDTH)) + i64(
                        dot(final_weights, final1, y2, FINAL_WIDTH)
                    )
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
                if MAYBE_APMS and apms:
                    # interpolate between the two buckets beside d, 15 steps of a nat
                    part = _clamp(d, 1919) + 1920
                    a1 = ((apm1_base + node) << u64(4)) + u64(part >> 8)
                    a2 = ((apm2_base + node) << u64(4)) + u64(part >> 8)
                    part &= 255
                    p1 = (i64(apm[a1]) * (256 - part) + i64(apm[a1 + u64(1)]) * part) >> 8
                    p2 = (i64(apm[a2]) * (256 - part) + i64(apm[a2 + u64(1)]) * part) >> 8
                    a1 += u64(part >> 7)
                    a2 += u64(part >> 7)
                    if expert_count == 0:
                        p = (mixed + p1 + 2 * p2 + 2) >> 2
                    elif (
                        young
                    ):  # the APMs know what came before the experts: they must learn what these leave to them
                        p = (6 * mixed + p1 + p2 + 4) >> 3
                    else:
                        p = (2 * mixed + p1 + p2 + 2) >> 2
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
                if bit == 2:  # ask for the next nibble's slots a bit early, whichever way that bit goes
                    for guess in range(2):
                        nibble = u64(c0 << 2 | y << 1 | guess) * K3
                        for i in range(contexts):
                            h = (context[i] + nibble) * K1
                            prefetch(slots, _slot(h ^ (h >> u64(32)), groups))
                if bit == 3:
                    nibble = u64(c0 << 1 | y) * K3
                    for i in range(contexts):
                        h = (context[i] + nibble) * K1
                        h ^= h >> u64(32)
                        context[i] = h
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
            advance(lane, byte, M)
            ended = byte
            waiting = 2
            if rate > rate_min and (position & 15) == 0:
                lane[L_RATE] = u64(rate - max(1, (rate - rate_min) >> setting[S_RATE_DECAY]))
        coder[LOW], coder[HIGH], coder[CODE], coder[POSITION] = low, high, code, place

    run.__qualname__ = name  # by which its machine code is kept
    return njit(cache=cache, nogil=True, no_cfunc_wrapper=True)(run)


run = make()
TEXTS = {level: make(plan(level, TEXT), f"text{level}") for level in LEVELS}  # text without experts


def best(chosen: Plan, experts: int = 0):
    """The fastest kernel for a plan, number of experts and one lane."""
    for level, kernel in TEXTS.items():
        if not experts and chosen == plan(level, TEXT):
            return kernel
    return run
