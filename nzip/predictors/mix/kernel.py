"""The mix, bit by bit: one numba function that both encodes and decodes, for every plan or for one.

For every byte it fills the context registers (history.py), follows the match models (match.py), hashes one
context per recipe, and walks eight binary decisions. For every bit each context's bit history
(bit_history.py) gives a probability through an adaptive state map, which enters a gated logistic mixer:
several weight sets (weight_sets.py), each chosen by its own small context, then a final mixer over their
outputs, then two adaptive probability maps (apm.py), then the coder.

Everything is integer and every shift and clamp is written out, because the format is what this file computes;
twin/ says the same in plain Python, slowly. Stretch units are nats × 256; probabilities have 22 bits.

``run`` serves any plan, with experts and lanes. ``TEXTS[level]``, ``CODED_TEXTS`` and ``BINARIES`` are the
same function made for one plan (told.py), all it says constant: loops over contexts unroll and the inputs
stay in registers, which makes it 1.1 (-5) to 1.6 times (-1) as fast for a second of LLVM's once. Concession:
one function does all, long and flat, because inlining is what makes it fast."""

import numpy as np

from nzip.coding.binary import CODE, END, HIGH, LOW, POSITION
from nzip.exact.jit import later, njit, specialised
from nzip.predictors.content import BINARY, TEXT
from nzip.predictors.mix import apm as apm_maps
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import fast_kernel, last_stage, match, watching
from nzip.predictors.mix.bit_history import (
    adapt,
    adapt_direct,
    find_slot,
    run_after,
    run_cell,
    second_half,
    slot_of,
)
from nzip.predictors.mix.compiled import K1, K2, K3, clamp, i64, u32, u64
from nzip.predictors.mix.constants import (
    CODED,
    FINAL_WIDTH,
    MAX_CONTEXTS,
    MAX_FINALS,
    MAX_SETS,
    MAX_WIDTH,
    REGISTERS,
)  # fmt: skip
from nzip.predictors.mix.expert_inputs import bit_probability, fine_stretch, sum_up
from nzip.predictors.mix.history import CLASSES, CODED_CLASSES, advance, fill_registers
from nzip.predictors.mix.last_stage import INPUTS as STAGE_INPUTS
from nzip.predictors.mix.last_stage import UNITS as STAGE_UNITS
from nzip.predictors.mix.plan import LEVELS, Plan, plan
from nzip.predictors.mix.told import FINAL_KINDS, LANES, RECIPES, SET_KINDS, SETTING, values_of
from nzip.predictors.mix.weight_sets import (
    BY_BIT,
    BY_EXPERT,
    BY_HITS,
    BY_MATCH,
    BY_MATCH_HITS,
    BY_PARTIAL,
    CHOICES,
    base_of,
    choice_of,
)  # fmt: skip

(told,) = later("nzip.exact.told", "told")
dot, train, prefetch, local_i16, local_i64, local_u64 = later(
    "nzip.predictors.mix.intrinsics.vector", "dot", "train", "prefetch", "local_i16", "local_i64", "local_u64"
)
# What waits to be learnt when the next bit begins.
NOTHING, BIT, LAST_BIT = range(3)
CONFIDENT = 1023  # counts of run and match maps end here
MOST_P = (1 << at.PROBABILITY_BITS) - 1
BIAS = 256  # the last input
# From a map's cell to what enters the mixer: 12 bits of probability, which the table stretch knows, and 10,
# whose distance from one half is an input of its own.
TO_STRETCH, TO_DISTANCE, HALF = u32(20), u32(22), 512
MOST_ERROR = 32767
# Bounds of stretch: what the maps' table gives, and what the mixers' sums may be.
MAP_WIDEST, WIDEST = 2047, 4095


def make(name: str = "run", cache: bool = True, watch: int = watching.NOTHING):
    """A kernel for any plan. ``watch``: what it writes down (watching.py) of what it encodes; its ``state``
    is then a ``Watched``.

    What is written in capitals is constant; branches that such a name rules out are not compiled at all."""
    PRICED, WATCHED = watch in (watching.PRICES, watching.EVERYTHING), watch == watching.EVERYTHING
    STAGED = watch == watching.STAGE

    def run(state, data, ends, steps, decoding, coder, buffer, experts):
        """Code ``steps`` bytes of every lane, lanes in turn within a step.

        data: uint8, all lanes' bytes, one region after another (written when decoding); ends: int64, where
        each lane's region ends; a lane that is there is skipped. coder, buffer: see coding/binary.py.
        experts: uint32 (steps, lanes, experts, 256), or of length 0 without experts.
        The buffer must have room for 22 bytes a byte coded."""
        setting, lanes, match_table = state.setting, state.lanes, state.match_table
        history1, history2 = state.history1, state.history2
        contexts, width = (
            told(SETTING, at.S_CONTEXTS, setting[at.S_CONTEXTS]),
            told(SETTING, at.S_WIDTH, setting[at.S_WIDTH]),
        )
        sets, matches = (
            told(SETTING, at.S_SETS, setting[at.S_SETS]),
            told(SETTING, at.S_MATCHES, setting[at.S_MATCHES]),
        )
        apms, third_apm = (
            told(SETTING, at.S_APMS, setting[at.S_APMS]),
            told(SETTING, at.S_THIRD_APM, setting[at.S_THIRD_APM]),
        )
        direct_from, direct_to = (
            told(SETTING, at.S_DIRECT_FROM, setting[at.S_DIRECT_FROM]),
            told(SETTING, at.S_DIRECT_TO, setting[at.S_DIRECT_TO]),
        )
        runs_from, runs_to = (
            told(SETTING, at.S_RUNS_FROM, setting[at.S_RUNS_FROM]),
            told(SETTING, at.S_RUNS_TO, setting[at.S_RUNS_TO]),
        )
        limit, final_rate = (
            told(SETTING, at.S_STATE_LIMIT, setting[at.S_STATE_LIMIT]),
            told(SETTING, at.S_FINAL_RATE, setting[at.S_FINAL_RATE]),
        )
        apm_rate = told(SETTING, at.S_APM_RATE, setting[at.S_APM_RATE])
        hit_from, hit_to = (
            told(SETTING, at.S_HIT_FROM, setting[at.S_HIT_FROM]),
            told(SETTING, at.S_HIT_TO, setting[at.S_HIT_TO]),
        )
        recipes, set_kinds = state.recipes, state.set_kinds
        finals, final_kinds = told(SETTING, at.S_FINALS, setting[at.S_FINALS]), state.final_kinds
        expert_count = told(SETTING, at.S_EXPERTS, setting[at.S_EXPERTS])
        coded, fixed = (
            told(SETTING, at.S_CODED, setting[at.S_CODED]) > 0,
            told(SETTING, at.S_FIXED, setting[at.S_FIXED]) > 0,
        )
        beside_from, beside_to = (
            told(SETTING, at.S_BESIDE_FROM, setting[at.S_BESIDE_FROM]),
            told(SETTING, at.S_BESIDE_TO, setting[at.S_BESIDE_TO]),
        )
        final_size = (at.FINAL_ROWS + finals * at.SET_SIZE) * FINAL_WIDTH
        third = expert_count > 0 and state.final_weights.size > final_size
        refined = expert_count > 0 and state.last.size > 0
        lane_count = told(LANES, 0, lanes.shape[0])
        widest = WIDEST if expert_count else MAP_WIDEST  # experts may be surer than the maps ever are
        rate_min = i64(setting[at.S_RATE_MIN])
        use_direct, use_runs = direct_from < direct_to, runs_from < runs_to
        direct = state.direct
        runs = state.runs
        run_map = state.run_map
        slots = state.slots
        groups = u64(slots.size // at.SLOT_GROUP)
        state_map = state.state_map
        match_map = state.match_map
        weights = state.weights
        final_weights = state.final_weights
        apm = state.apm
        stretch = state.stretch
        squash = state.squash
        next_state = state.next_state
        reciprocal = state.reciprocal
        x = local_i16(MAX_WIDTH)
        # the first layer's outputs; behind them the last stage's other inputs
        y2 = local_i16(STAGE_INPUTS)
        units = local_i16(STAGE_UNITS)
        units2 = local_i16(STAGE_UNITS)
        others = local_i64(2)  # what the second and the third expert say of a bit
        two_inputs = state.two_inputs
        registers = local_u64(REGISTERS)
        context = local_u64(MAX_CONTEXTS)
        slot = local_u64(MAX_CONTEXTS)
        cell = local_u64(MAX_CONTEXTS)
        run_slot = local_u64(MAX_CONTEXTS)
        run_at = local_u64(MAX_CONTEXTS)
        set_base = local_i64(MAX_SETS)
        set_source = local_u64(MAX_SETS)
        for k in range(sets):
            set_source[k] = u64(choice_of(told(SET_KINDS, k, set_kinds[k])))
        final_base = local_i64(MAX_FINALS)
        final_source = local_u64(MAX_FINALS)
        final_at = local_i64(MAX_FINALS)
        for k in range(finals):
            final_source[k] = u64(choice_of(told(FINAL_KINDS, k, final_kinds[k])))
        chosen = local_i64(CHOICES)
        set_at = local_i64(MAX_SETS)
        set_p = local_i64(MAX_SETS)
        predicted = local_i64(2)
        match_slot = local_u64(2)
        match_at = local_u64(2)
        cumulative = state.cumulative
        low, high, code, coded_to = coder[LOW], coder[HIGH], coder[CODE], coder[POSITION]
        if PRICED:
            spent = watching.spent(low, high, coded_to)

        # What a bit teaches is learnt at the beginning of the next bit, so that the memory asked for in
        # between has time to come: ``waiting`` says what is still to be learnt.
        turns = steps * lane_count
        step = 0
        number = -1
        lane = lanes[0]
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
        a3 = u64(0)
        learnt = u64(1)
        node = u64(1)
        looked = 0
        rate = 0
        hits = 0
        match_level = 0
        base1 = u64(0)
        base2 = u64(0)
        base3 = u64(0)
        two_bytes = u64(0)
        young = False
        best = 0
        sure = 0
        shape = 0
        age = 0
        opinion = 0
        away = 0
        final = 0
        learnt_c0 = 1
        p1 = 0
        p2 = 0
        p3 = 0
        waiting = NOTHING
        for turn in range(turns + 1):
            if turn < turns:
                number += 1
                if number == lane_count:
                    number = 0
                    step += 1
                lane = lanes[number]
                position = i64(lane[at.L_POSITION])
                if position >= ends[number]:
                    continue
                match.hash_matches(data, lane, setting, match_table, match_slot)
                fill_registers(data, registers, lane, setting, history1, history2)
                for i in range(contexts):
                    h = u64(i + 1) * K3
                    for k in range(0, 8, 2):
                        r = u64(told(RECIPES, 8 * i + k, i64(recipes[i, k])))
                        if r == u64(at.R_NONE):
                            break
                        mask = u64(told(RECIPES, 8 * i + k + 1, i64(recipes[i, k + 1])))
                        h = (h + (registers[r] & mask)) * K1
                        h ^= h >> u64(31)
                    h *= K2
                    context[i] = h
                    place = slot_of(h, groups)
                    prefetch(slots, place)
                    if runs_from <= i < runs_to:
                        prefetch(runs, place >> u64(4))
                    if direct_from <= i < direct_to:
                        prefetch(direct, place)
                        prefetch(direct, place ^ u64(2 * at.SLOT))
                match.find_matches(data, lane, setting, lanes, match_table, match_slot, predicted)
                registers[at.R_EXPECTED] = u64(predicted[0] & 255)
                base3 = apm_maps.base_by_expected(registers[at.R_EXPECTED])
                match_level = match.magnitude(i64(lane[at.L_MATCH_LENGTH0]))
                history = lane[at.L_HISTORY]
                c1 = i64(history & u64(0xFF))
                for k in range(sets):
                    set_base[k] = k * at.SET_SIZE + base_of(told(SET_KINDS, k, set_kinds[k]), registers, lane)
                for k in range(finals):
                    final_base[k] = (
                        at.FINAL_ROWS
                        + k * at.SET_SIZE
                        + base_of(told(FINAL_KINDS, k, final_kinds[k]), registers, lane)
                    )
                two_bytes = (history & u64(0xFFFF)) << u64(8)
                young = position - i64(lane[at.L_START]) < at.YOUNG
                for e in range(expert_count):
                    sum_up(cumulative, e, experts[step, number, e])
                if refined:
                    best, weight = last_stage.likeliest(cumulative)
                    sure = last_stage.sureness(cumulative, weight, squash)
                    shape = i64(lane[at.L_SHAPE] & u64(0xFF))
                    age = last_stage.age_of(position - i64(lane[at.L_START]))
                byte = i64(data[position])
                c0 = 1
                node = u64(1)
                base1 = u64(0)
                base2 = u64(0)
                hits = 0
            for bit in range(8):
                if waiting != NOTHING:
                    # --- learn
                    target = y << at.PROBABILITY_BITS
                    if apms:
                        apm_maps.learn(apm, a1, target, apm_rate)
                        apm_maps.learn(apm, a2, target, apm_rate)
                        if third_apm:
                            apm_maps.learn(apm, a3, target, apm_rate)
                    if refined:
                        last_stage.learn(state.last_layer, learnt_c0, units2, target - final)
                    if sets > 1:
                        error = clamp(((target - mixed) * final_rate) >> 14, MOST_ERROR)
                        train(final_weights, final0, y2, FINAL_WIDTH, error)
                        train(final_weights, final1, y2, FINAL_WIDTH, error)
                        for k in range(finals):
                            train(final_weights, final_at[k], y2, FINAL_WIDTH, error)
                        if third:
                            train(final_weights, final2, y2, FINAL_WIDTH, error)
                    for k in range(sets):
                        error = clamp(((target - set_p[k]) * rate) >> 14, MOST_ERROR)
                        train(weights, set_at[k], x, width, error)
                    for i in range(contexts):
                        k = cell[i]
                        s = k & u64(0xFF)
                        slots[slot[i] + learnt] = next_state[s * u64(2) + u64(y)]
                        if not fixed:
                            adapt(state_map, k, target, limit, reciprocal)
                        # An empty history says nothing: its cell is put back at one half, cheaper than a
                        # branch.
                        state_map[u64(i) << u64(8)] = u32(at.HALF_CELL)
                    if use_direct:
                        for i in range(direct_from, direct_to):
                            adapt_direct(direct, slot[i] + learnt, y, reciprocal)
                    if use_runs:
                        for i in range(runs_from, runs_to):
                            adapt(run_map, run_at[i], target, CONFIDENT, reciprocal)
                        run_map[0] = u32(at.HALF_CELL)  # of all that have nothing to say, as above
                    for m in range(matches):
                        if match_at[m] > u64(0):
                            adapt(match_map, match_at[m], target, CONFIDENT, reciprocal)
                    if use_runs and waiting == LAST_BIT:
                        for i in range(runs_from, runs_to):
                            runs[run_slot[i]] = run_after(i64(runs[run_slot[i]]), ended)
                    waiting = NOTHING
                if turn == turns:
                    break
                if bit == 0 or bit == 4:
                    if apms:
                        nibble = u64(0) if bit == 0 else u64(c0 & 15) + u64(1)
                        base1 = apm_maps.base_by_byte(c1, nibble)
                        apm_maps.ask_for(apm, base1, u64(1))
                        base2 = apm_maps.base_by_two_bytes(two_bytes, nibble)
                        apm_maps.ask_for(apm, base2, u64(1))
                    hits = 0
                    for i in range(contexts):
                        found, known = find_slot(slots, context[i], groups)
                        slot[i] = found
                        if known == 0:
                            if direct_from <= i < direct_to:
                                for z in range(at.SLOT):
                                    direct[found + u64(z)] = at.NO_DIRECT
                            if runs_from <= i < runs_to:
                                runs[found >> u64(4)] = 0
                        if hit_from <= i < hit_to:
                            hits += known
                    if use_runs and bit == 0:
                        for i in range(runs_from, runs_to):
                            run_slot[i] = slot[i] >> u64(4)
                    node = u64(1)
                if WATCHED:
                    if bit == 0 and (state.watch.guesses.shape[0] or state.watch.rows.shape[0]):
                        watching.look_ahead(
                            state.watch, lane, position, context, slot, run_slot, predicted, set_base,
                            set_source, final_base, final_source, base1, base2, base3, hits, c1, two_bytes,
                            match_level, young,
                        )  # fmt: skip
                    if state.watch.worth.shape[0]:
                        begun = 1 if bit < 4 else c0 >> (bit - 4)
                        looked = watching.look(
                            state.watch, lane, slot, run_slot, i64(node), i64(node), begun, predicted,
                            set_base, set_source, final_base, final_source, base1, base2, base3, hits, c1,
                            match_level, young,
                        )  # fmt: skip
                        watching.weigh(state.watch, (byte >> (7 - bit)) & 1, looked)
                # --- inputs
                if apms:
                    apm_maps.ask_for_next(apm, base1, node)
                    apm_maps.ask_for_next(apm, base2, node)
                    if third_apm:
                        apm_maps.ask_for_next(apm, base3, u64(c0))
                j = u64(0)
                for i in range(contexts):
                    s = slots[slot[i] + node]
                    k = (u64(i) << u64(8)) | u64(s)
                    cell[i] = k
                    both = two_inputs[state_map[k] >> TO_STRETCH]
                    x[j] = np.int16(both & u32(0xFFFF))
                    x[j + u64(1)] = np.int16(both >> u32(16))
                    j += u64(2)
                if use_direct:
                    for i in range(direct_from, direct_to):
                        x[j] = stretch[direct[slot[i] + node] >> 4]
                        j += u64(1)
                if use_runs:
                    for i in range(runs_from, runs_to):
                        k = run_cell(i, i64(runs[run_slot[i]]), c0, bit)
                        run_at[i] = k
                        x[j] = stretch[run_map[k] >> TO_STRETCH]
                        j += u64(1)
                expected = 0
                for m in range(matches):
                    match_at[m] = u64(0)
                    x[j] = 0
                    x[j + u64(1)] = 0
                    if predicted[m] > 0:
                        if (predicted[m] >> (8 - bit)) == c0:
                            want = (predicted[m] >> (7 - bit)) & 1
                            k = match.cell_of(m, i64(lane[at.L_MATCH_LENGTH0 + m]), want)
                            match_at[m] = k
                            p = match_map[k]
                            x[j] = stretch[p >> TO_STRETCH]
                            x[j + u64(1)] = np.int16(np.int32(p >> TO_DISTANCE) - np.int32(HALF))
                            if m == 0:
                                expected = 1 + want
                        else:
                            predicted[m] = 0
                    j += u64(2)
                confidence = 0
                for e in range(expert_count):
                    p22 = bit_probability(cumulative, e, c0, bit)
                    its = fine_stretch(squash, min(MOST_P - 1, max(2, p22)))
                    x[j] = np.int16(its)
                    x[j + u64(1)] = np.int16((p22 >> 12) - HALF)
                    if e == 0:
                        opinion, away = its, (p22 >> 12) - HALF
                        confidence = (clamp(its, MAP_WIDEST) + MAP_WIDEST + 1) >> 7
                    elif e <= 2:
                        others[e - 1] = its
                    j += u64(2)
                x[j] = BIAS
                # --- first layer
                chosen[BY_BIT] = bit
                chosen[BY_PARTIAL] = c0
                chosen[BY_MATCH] = (match_level * 2 + expected - 1) if expected else 0
                chosen[BY_HITS] = hits * 8 + bit
                chosen[BY_MATCH_HITS] = chosen[BY_MATCH] * 16 + min(hits, 15)
                chosen[BY_EXPERT] = confidence * 8 + bit
                for k in range(sets):
                    first = (set_base[k] + chosen[set_source[k]]) * width
                    set_at[k] = first
                    d = clamp(i64(dot(weights, first, x, width)) >> 14, widest)
                    y2[u64(k)] = np.int16(d)
                    set_p[k] = i64(squash[u64(d + at.SQUASH_ZERO)])
                # --- final mixer
                final0 = c0 * FINAL_WIDTH
                final1 = (at.FINAL_BYTES + c1) * FINAL_WIDTH
                if sets > 1:
                    d = i64(dot(final_weights, final0, y2, FINAL_WIDTH)) + i64(
                        dot(final_weights, final1, y2, FINAL_WIDTH)
                    )
                    for k in range(finals):
                        final_at[k] = (final_base[k] + chosen[final_source[k]]) * FINAL_WIDTH
                        d += i64(dot(final_weights, final_at[k], y2, FINAL_WIDTH))
                    if third:  # one more opinion, by what the first expert and the match model say
                        sure = confidence * 16 + (match_level if expected else 0)
                        final2 = (at.FINAL_ROWS + finals * at.SET_SIZE + sure) * FINAL_WIDTH
                        d += i64(dot(final_weights, final2, y2, FINAL_WIDTH))
                    # each vector as if there were two
                    d = clamp(d * 2 // (2 + finals + i64(third)) >> 15, WIDEST)
                else:
                    d = i64(y2[0])
                mixed = i64(squash[u64(d + at.SQUASH_ZERO)])
                p = mixed
                a1 = u64(0)
                a2 = u64(0)
                if apms:
                    beside = apm_maps.place_of(d)
                    a2 = apm_maps.cell_of(base2, node, beside)
                    p2 = apm_maps.refined(apm, a2, beside)
                    a2 = apm_maps.nearer(a2, beside)
                    a1 = apm_maps.cell_of(base1, node, beside)
                    p1 = apm_maps.refined(apm, a1, beside)
                    a1 = apm_maps.nearer(a1, beside)
                    if third_apm:
                        a3 = apm_maps.cell_of(base3, u64(c0) if expected else u64(0), beside)
                        p3 = apm_maps.refined(apm, a3, beside)
                        a3 = apm_maps.nearer(a3, beside)
                        p = (mixed + p1 + p2 + p3 + 2) >> 2
                    elif expert_count == 0:
                        p = (mixed + p1 + 2 * p2 + 2) >> 2
                    elif young:  # the APMs know what came before the experts, and must learn what these leave
                        p = (6 * mixed + p1 + p2 + 4) >> 3
                    else:
                        p = (2 * mixed + p1 + p2 + 2) >> 2
                if refined:
                    learnt_c0 = c0
                    p = last_stage.refine(
                        state.last, state.last_layer, x, y2, units, units2, squash, stretch, d, p1, p2, p3,
                        p, opinion, away, others, expected, match_level, hits, c0, c1, bit, best, sure,
                        shape, age,
                    )  # fmt: skip
                p = min(MOST_P, max(1, p))
                final = p
                if WATCHED:
                    state.unlike[0] += state.watch.worth.shape[0] > 0 and looked != p
                if STAGED:
                    last_stage.note(
                        state.stage, 8 * (position - i64(lane[at.L_START])) + bit, y2, c0, c1, bit, best,
                        match_level, expected, shape, (byte >> (7 - bit)) & 1,
                    )  # fmt: skip
                # --- code
                # (coding/binary.py, its state held in registers)
                middle = low + ((high - low) >> u64(at.PROBABILITY_BITS)) * u64(p)
                y = (1 if code <= middle else 0) if decoding else (byte >> (7 - bit)) & 1
                if y:
                    high = middle
                else:
                    low = middle + u64(1)
                while ((low ^ high) >> u64(56)) == u64(0):
                    if decoding:
                        code <<= u64(8)
                        if coded_to < coder[END]:
                            code |= u64(buffer[coded_to])
                    else:
                        buffer[coded_to] = np.uint8(high >> u64(56))
                    coded_to += u64(1)
                    low <<= u64(8)
                    high = (high << u64(8)) | u64(255)
                if bit == 2:  # ask for the next nibble's slots a bit early, whichever way that bit goes
                    for guess in range(2):
                        half = u64(c0 << 2 | y << 1 | guess) * K3
                        for i in range(contexts):
                            h = (context[i] + half) * K1
                            prefetch(slots, slot_of(h ^ (h >> u64(32)), groups))
                if bit == 3:
                    half = u64(c0 << 1 | y)
                    for i in range(contexts):
                        h = second_half(context[i], half, beside_from <= i < beside_to)
                        context[i] = h
                        if direct_from <= i < direct_to:
                            place = slot_of(h, groups)
                            prefetch(direct, place)
                            prefetch(direct, place ^ u64(2 * at.SLOT))
                c0 = (c0 << 1) | y
                learnt = node
                node = (node << u64(1)) | u64(y)
                rate = i64(lane[at.L_RATE])
                waiting = BIT
            if turn == turns:
                break
            byte = c0 & 255
            if PRICED:
                so_far = watching.spent(low, high, coded_to)
                state.prices[position] += np.float32(so_far - spent)
                spent = so_far
            if WATCHED:
                watching.settle(state.watch, position)
            if decoding:
                data[position] = np.uint8(byte)
            advance(lane, byte, CODED_CLASSES[byte] if coded else CLASSES[byte], history1, history2)
            ended = byte
            waiting = LAST_BIT
            if rate > rate_min and (position & 15) == 0:
                lane[at.L_RATE] = u64(rate - max(1, (rate - rate_min) >> setting[at.S_RATE_DECAY]))
        coder[LOW], coder[HIGH], coder[CODE], coder[POSITION] = low, high, code, coded_to

    run.__qualname__ = name  # by which its machine code is kept
    return njit(cache=cache, nogil=True, no_cfunc_wrapper=True, _nrt=False)(run)


run = make()


def _for_plan(name: str, level: int, kind: int):
    return specialised(run, name, values_of(plan(level, kind)))


# For one plan each, without experts and with one lane: of text, of words as codes, of what else is fast
# enough for it to count.
TEXTS = {level: _for_plan(f"text{level}", level, TEXT) for level in LEVELS if level}
CODED_TEXTS = {level: _for_plan(f"coded{level}", level, CODED) for level in LEVELS if level}
BINARIES = {1: _for_plan("binary1", 1, BINARY)}

# The fastest level has a kernel of its own.
FASTEST = {
    kind: fast_kernel.make(plan(0, kind), name)
    for kind, name in ((TEXT, "text0"), (CODED, "coded0"), (BINARY, "binary0"))
}

# What prices, and what watches everything, for any plan: one wait for a compiler serves all levels.
PRICING = make("priced", watch=watching.PRICES)
WATCHING = make("watched", watch=watching.EVERYTHING)


def best(chosen: Plan, experts: int = 0):
    """The fastest kernel for a plan, number of experts and one lane."""
    if not experts:
        for kind, kernel in FASTEST.items():
            if chosen == plan(0, kind):
                return kernel
        for kind, kernels in ((TEXT, TEXTS), (CODED, CODED_TEXTS), (BINARY, BINARIES)):
            for level, kernel in kernels.items():
                if chosen == plan(level, kind):
                    return kernel
    return run
