"""The mix's kernel for level 0: what kernel.py computes for such a plan, bit for bit, in less than half the
time.

Two things cost time at the fastest levels. Waiting for memory: so a byte's second half lies in the cache line
of its first (``beside``), one place in sixteen is looked up for matches, and the encoder, who knows what
comes, asks for the next byte's slots a byte ahead. And what is done for contexts nobody has: so only the last
eight bytes and two words are known here, what bit histories mean is looked up and not learnt (``fixed``), and
the one vector of inputs never leaves the registers (intrinsics/pairs.py).

The twin is the mix's (twin/), and so is all that looks into a mix: it is a plan like any other. Concession:
plans with one lane, one weight set, one match model and up to six contexts of the last bytes and words, with
nothing beside them (:func:`serves`)."""

from __future__ import annotations

import numpy as np

from nzip.coding.binary import CODE, END, HIGH, LOW, POSITION
from nzip.exact.jit import later, njit
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import match
from nzip.predictors.mix.bit_history import adapt, find_slot, second_half, slot_of
from nzip.predictors.mix.compiled import K1, K2, K3, clamp, helper, i64, inlined, u32, u64
from nzip.predictors.mix.constants import REGISTERS
from nzip.predictors.mix.history import CLASSES, CODED_CLASSES, LETTER_CASE
from nzip.predictors.mix.plan import Plan
from nzip.predictors.mix.sizes import has, input_width
from nzip.predictors.mix.state import recipe_table
from nzip.predictors.mix.weight_sets import tier

prefetch, local_u64 = later("nzip.predictors.mix.intrinsics.vector", "prefetch", "local_u64")
dot_pairs, train_pairs, local_u32 = later(
    "nzip.predictors.mix.intrinsics.pairs", "dot_pairs", "train_pairs", "local_u32"
)
CONTEXTS = 6  # at most
MEANINGS = 256 * CONTEXTS
# From which bit on all ways a byte may end in are followed.
GUESS_AT = 6
GUESSES = 1 << (7 - GUESS_AT)
FOLLOWING = GUESSES * CONTEXTS
WIDTH = 16  # inputs: two of each context, two of the match model, the bias and nothing
BIAS = 256
WIDEST, MOST_ERROR, CONFIDENT = 2047, 32767, 1023  # as in kernel.py
TO_INPUTS = u32(20)
# The registers that recipes may name here.
KNOWN = (at.R_HISTORY, at.R_WORD, at.R_WORD1)


def serves(plan: Plan) -> bool:
    """Whether :func:`make` knows a kernel for ``plan``."""
    registers = {register for recipe in plan.recipes for register, _ in recipe}
    return (
        plan.fixed
        and plan.sampled > 0
        and plan.sets == (at.SET_PARTIAL_MATCH,)
        and len(plan.matches) == 1
        and plan.matches[0] <= 8
        and len(plan.recipes) <= CONTEXTS
        and registers <= set(KNOWN)
        and not (plan.apms or has(plan.direct) or has(plan.runs))
        and plan.beside[1] == len(plan.recipes)
    )


def make(plan: Plan, name: str):
    """A kernel for ``plan``, called as kernel.py's; ``experts`` are none."""
    if not serves(plan):
        raise ValueError("a plan that the fast kernel has not")
    # Inputs stand where kernel.py has them: the match model's behind those of contexts.
    assert input_width(plan) == WIDTH
    encode, decode = _walk(plan, False), _walk(plan, True)

    def run(state, data, ends, steps, decoding, coder, buffer, experts):
        if decoding:
            decode(state, data, ends, steps, coder, buffer)
        else:
            encode(state, data, ends, steps, coder, buffer)

    run.__qualname__ = name  # by which its machine code is kept
    return njit(cache=True, nogil=True, no_cfunc_wrapper=True)(run)


def _hashing(plan: Plan):
    """A helper that hashes a plan's contexts, into ``context`` from ``first`` on, and asks for their
    slots."""
    count = len(plan.recipes)
    recipes = recipe_table(plan.recipes)

    @inlined
    def hash_contexts(registers, context, first, slots, groups):
        for i in range(count):
            h = u64(i + 1) * K3
            for k in range(0, 8, 2):
                r = recipes[i, k]
                if r == u64(at.R_NONE):
                    break
                h = (h + (registers[r] & recipes[i, k + 1])) * K1
                h ^= h >> u64(31)
            h *= K2
            context[first + i] = h
            prefetch(slots, slot_of(h, groups))

    return hash_contexts


@inlined
def _advance(registers, byte, kind):
    """Take a byte of the class ``kind`` into the registers; as history.py's."""
    registers[at.R_HISTORY] = (registers[at.R_HISTORY] << u64(8)) | u64(byte)
    word = registers[at.R_WORD]
    if (
        kind == at.SHAPE_LOWER
        or kind == at.SHAPE_UPPER
        or kind == at.SHAPE_HIGH
        or kind == at.SHAPE_LEAD
        or kind == at.SHAPE_FINAL
    ):
        lower = byte + LETTER_CASE if kind == at.SHAPE_UPPER else byte
        word = (word + u64(lower)) * K1
        registers[at.R_WORD] = word ^ (word >> u64(30))
    elif kind != at.SHAPE_FLAG and word != u64(0):
        registers[at.R_WORD1] = word
        registers[at.R_WORD] = u64(0)


def _walk(plan: Plan, decoding: bool):
    """The kernel one way."""
    contexts = len(plan.recipes)
    apart = plan.beside[0]  # contexts from there on have a byte's second half beside the first
    minimum = plan.matches[0]
    newest = u64((1 << 8 * minimum) - 1)
    sampled = u64(plan.sampled)
    rate_min = plan.rate_min
    kinds = CODED_CLASSES if plan.coded else CLASSES
    match_pair, bias_pair = contexts, contexts + 1
    hash_contexts = _hashing(plan)

    @helper
    def walk(state, data, ends, steps, coder, buffer):
        lane = state.lanes[0]
        position, start = i64(lane[at.L_POSITION]), i64(lane[at.L_START])
        end = min(position + steps, i64(ends[0]))
        if position >= end:
            return
        place, length = i64(lane[at.L_MATCH_AT0]), i64(lane[at.L_MATCH_LENGTH0])
        kind = i64(lane[at.L_SHAPE] & u64(15))
        rate = i64(lane[at.L_RATE])
        primed = i64(state.setting[at.S_PRIMED])
        match_shift = u64(64 - state.setting[at.S_MATCH_BITS])
        decay = i64(state.setting[at.S_RATE_DECAY])
        slots, match_table, weights = state.slots, state.match_table, state.weights
        match_map, two_inputs, squash = state.match_map, state.two_inputs, state.squash
        next_state, reciprocal = state.next_state, state.reciprocal
        groups = u64(slots.size // at.SLOT_GROUP)
        low, high, code, coded_to = coder[LOW], coder[HIGH], coder[CODE], coder[POSITION]
        last = coder[END]
        registers = local_u64(REGISTERS)
        registers[at.R_HISTORY] = lane[at.L_HISTORY]
        registers[at.R_WORD], registers[at.R_WORD1] = lane[at.L_WORD], lane[at.L_WORD1]
        guessed = local_u64(REGISTERS)
        context, following = local_u64(CONTEXTS), local_u64(FOLLOWING)
        slot, history = local_u64(CONTEXTS), local_u64(CONTEXTS)
        pair = local_u32(8)
        pair[bias_pair] = u32(BIAS)
        # What each bit history says, a word of two inputs; an empty one says nothing.
        meaning = local_u32(MEANINGS)
        for k in range(contexts * 256):
            meaning[k] = two_inputs[state.state_map[k] >> TO_INPUTS]
        for i in range(contexts):
            meaning[i * 256] = u32(0)
        hash_contexts(registers, context, 0, slots, groups)
        while position < end:
            # --- match (match.py)
            hashed = ((registers[at.R_HISTORY] & newest) * K1) >> match_shift
            looks = (hashed & sampled) == u64(0) and position - start >= minimum
            if length > 0 and u64(data[place]) == registers[at.R_HISTORY] & u64(0xFF):
                length = min(length + 1, match.LONGEST)
                place += 1
            elif length >= match.LONG:  # it goes on behind the byte that differed
                length = 1
                place += 1
            else:
                length = 0
            if looks:
                if length == 0:
                    place = i64(match_table[0, hashed])
                    if place > 0 and (place < primed or start <= place < position):
                        most = place if place < primed else place - start
                        most = min(match.MOST_VERIFIED, min(most, position - start))
                        while length < most and data[place - length - 1] == data[position - length - 1]:
                            length += 1
                        if length < minimum:
                            length = 0
                match_table[0, hashed] = u32(position)
            predicted = i64(data[place]) | match.EXPECTING if length > 0 else 0
            match_cells = match.cell_of(0, length, 0)
            base = 256 * (4 * i64(kind == at.SHAPE_FINAL) + tier(length))
            byte = 0
            if not decoding:  # what comes is known: ask for the next byte's slots
                byte = i64(data[position])
                for i in range(apart):
                    h = second_half(context[i], u64(16 | byte >> 4), False)
                    prefetch(slots, slot_of(h, groups))
                kind = i64(kinds[byte])
                _advance(registers, byte, kind)
                hash_contexts(registers, following, 0, slots, groups)
                ahead = ((registers[at.R_HISTORY] & newest) * K1) >> match_shift
                if (ahead & sampled) == u64(0):
                    prefetch(match_table, ahead)
            c0 = 1
            for half in range(2):
                for i in range(contexts):
                    slot[i] = find_slot(slots, context[i], groups)[0]
                node = u64(1)
                for b in range(4):
                    bit = half * 4 + b
                    # --- predict
                    for i in range(contexts):
                        s = u64(slots[slot[i] + node])
                        history[i] = s
                        pair[i] = meaning[i64(i * 256) + i64(s)]
                    pair[match_pair] = u32(0)
                    match_at = u64(0)
                    if predicted > 0:
                        if (predicted >> (8 - bit)) == c0:
                            match_at = match_cells + u64((predicted >> (7 - bit)) & 1)
                            pair[match_pair] = two_inputs[match_map[match_at] >> TO_INPUTS]
                        else:
                            predicted = 0
                    first = (base + c0) * WIDTH
                    d = clamp(i64(dot_pairs(weights, first, pair)) >> 14, WIDEST)
                    p = i64(squash[u64(d + at.SQUASH_ZERO)])  # never 0 or 1 within these bounds
                    # --- code (coding/binary.py)
                    middle = low + ((high - low) >> u64(at.PROBABILITY_BITS)) * u64(p)
                    if decoding:
                        # Each way has a loop of its own, which LLVM cannot make one of: the processor then
                        # guesses the bit and goes on, instead of waiting for all that it follows from.
                        if code <= middle:
                            y, high = 1, middle
                            while ((low ^ high) >> u64(56)) == u64(0):
                                code <<= u64(8)
                                if coded_to < last:
                                    code |= u64(buffer[coded_to])
                                coded_to += u64(1)
                                low <<= u64(8)
                                high = (high << u64(8)) | u64(255)
                        else:
                            y, low = 0, middle + u64(1)
                            while ((low ^ high) >> u64(56)) == u64(0):
                                code <<= u64(8)
                                if coded_to < last:
                                    code |= u64(buffer[coded_to])
                                coded_to += u64(1)
                                low <<= u64(8)
                                high = (high << u64(8)) | u64(255)
                    else:
                        y = (byte >> (7 - bit)) & 1
                        if y:
                            high = middle
                        else:
                            low = middle + u64(1)
                        while ((low ^ high) >> u64(56)) == u64(0):
                            buffer[coded_to] = np.uint8(high >> u64(56))
                            coded_to += u64(1)
                            low <<= u64(8)
                            high = (high << u64(8)) | u64(255)
                    if decoding and bit == 1:  # ask two bits early, whichever way they go
                        for guess in range(4):
                            for i in range(1, apart):
                                h = second_half(context[i], u64((c0 << 1 | y) << 2 | guess), False)
                                prefetch(slots, slot_of(h, groups))
                    if decoding and bit == GUESS_AT:  # ask for the next byte's, whatever this one ends in
                        begun = (c0 << 1 | y) * GUESSES
                        for guess in range(GUESSES):
                            for r in KNOWN:
                                guessed[r] = registers[r]
                            _advance(guessed, (begun | guess) & 255, i64(kinds[(begun | guess) & 255]))
                            hash_contexts(guessed, following, guess * CONTEXTS, slots, groups)
                    # --- learn
                    target = y << at.PROBABILITY_BITS
                    error = clamp(((target - p) * rate) >> 14, MOST_ERROR)
                    train_pairs(weights, first, pair, error)
                    for i in range(contexts):
                        slots[slot[i] + node] = next_state[history[i] * u64(2) + u64(y)]
                    if match_at > u64(0):
                        adapt(match_map, match_at, target, CONFIDENT, reciprocal)
                    c0 = (c0 << 1) | y
                    node = (node << u64(1)) | u64(y)
                if half == 0:
                    for i in range(contexts):
                        context[i] = second_half(context[i], u64(c0), i >= apart)
            if decoding:
                byte = c0 & 255
                data[position] = np.uint8(byte)
                kind = i64(kinds[byte])
                _advance(registers, byte, kind)
            ending = (byte & (GUESSES - 1)) * CONTEXTS if decoding else 0
            for i in range(contexts):
                context[i] = following[ending + i]
            if rate > rate_min and (position & 15) == 0:
                rate -= max(1, (rate - rate_min) >> decay)
            position += 1
        lane[at.L_POSITION], lane[at.L_RATE] = u64(position), u64(rate)
        lane[at.L_HISTORY] = registers[at.R_HISTORY]
        lane[at.L_WORD], lane[at.L_WORD1] = registers[at.R_WORD], registers[at.R_WORD1]
        lane[at.L_SHAPE] = u64(kind)
        lane[at.L_MATCH_AT0], lane[at.L_MATCH_LENGTH0] = u64(place), u64(length)
        coder[LOW], coder[HIGH], coder[CODE], coder[POSITION] = low, high, code, coded_to

    return walk
