"""What the kernel writes down where it is asked to: the bits of every byte, what each group of inputs was
worth to it, the bytes it thought likeliest, and its whole distribution.

The kernel has three forms of one source (kernel.py, ``make``). Coding takes the one that watches nothing, and
its mix is a :class:`nzip.predictors.mix.state.Mix`. The others are given a :class:`Watched`, the same arrays
and those to write to. A byte's bits are the coder's own: how far its interval has narrowed, so that they sum
to the payload. The other three look at nodes that are never coded (:func:`look`): they read the mix as it is
before the byte, and change nothing.

Concessions: a byte's distribution is that of the weights before its first bit, while coding goes on learning
from bit to bit, so that it differs a little from what the byte cost. What a group is worth is the price with
its inputs at zero and the weights as they are: groups that stand in for each other both look worth little."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from nzip.exact.jit import later
from nzip.predictors.mix import apm as apm_maps
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import last_stage, match
from nzip.predictors.mix.bit_history import run_cell, second_half, slot_of
from nzip.predictors.mix.compiled import clamp, helper, i64, inlined, u32, u64
from nzip.predictors.mix.constants import FINAL_WIDTH, MAX_CONTEXTS, MAX_FINALS, MAX_SETS, MAX_WIDTH
from nzip.predictors.mix.expert_inputs import bit_probability, fine_stretch
from nzip.predictors.mix.state import Mix
from nzip.predictors.mix.weight_sets import (
    BY_BIT,
    BY_EXPERT,
    BY_HITS,
    BY_MATCH,
    BY_MATCH_HITS,
    BY_PARTIAL,
    CHOICES,
)  # fmt: skip

(dot,) = later("nzip.predictors.mix.intrinsics.vector", "dot")

# What a kernel watches: nothing; prices; all that a Watched has room for; what the last stage sees.
NOTHING, PRICES, EVERYTHING, STAGE = range(4)
MAX_GROUPS = 20  # of inputs; the last one is the APMs, which are no inputs
APMS = MAX_GROUPS - 1
_OPEN = 256  # bytes and beginnings of bytes that a search for the likeliest has before it, at most
_NOT_THERE = u64(1 << 63)  # in place of a slot that no context has
_ONE = 1 << at.PROBABILITY_BITS
_BIAS, _HALF = 256, 512
_MAP_WIDEST, _WIDEST = 2047, 4095
_ROW = 1 << 24  # what a distribution sums to

_FIELDS = (
    "setting", "slots", "direct", "runs", "state_map", "run_map", "match_map", "weights", "final_weights",
    "apm", "stretch", "two_inputs", "squash", "cumulative", "last", "last_layer",
)  # fmt: skip
EXTRA = ("prices", "unlike", "watch")
# A Mix that is watched. ``prices`` float32, by place in the kernel's ``data``: bits of its byte. ``unlike``
# int64 (1,): how often looking at a node gave another probability than coding it; 0, or this file is wrong.
Watched: Any = namedtuple("Watched", Mix._fields + EXTRA)
# And one whose last stage is. ``stage`` int16 (bits of the lane, last_stage.NOTED).
Staged: Any = namedtuple("Staged", (*Mix._fields, "stage"))
# What looking needs of a mix, fewer arrays to hand from function to function, and where it writes. ``window``
# int64 (1,): the place of the first row of those that follow, each of which may have no rows: it is then not
# looked for. ``groups`` uint8 (MAX_WIDTH,): of each input its group. ``worth`` float32 (n, MAX_GROUPS): bits
# that the byte would cost more without the group. ``guesses`` uint8 and ``chances`` float32 (n, k): the
# likeliest bytes, most likely first. ``rows`` uint32 (n, 256): the distribution, summing to 2**24. The rest
# is scratch: inputs and outputs of the first layer, outputs without a group; sums by set and group; slots of
# second halves, by first half; numbers and fractions, laid out below.
_SCRATCH = ("x", "y2", "units", "units2", "others", "y3", "sums", "high_slots", "numbers", "fractions")
View: Any = namedtuple(
    "View", (*_FIELDS, "window", "groups", "worth", "guesses", "chances", "rows", *_SCRATCH)
)  # fmt: skip
# Places in ``numbers``: a bit's choices, then the vectors of sets, then final ones; what the mixer made of
# them, and by how many final vectors; P(1) by node; known slots of each second half; a search's nodes.
_SETS = CHOICES
_FINALS = _SETS + MAX_SETS
_MIXED = _FINALS + MAX_FINALS + 4
_VECTORS, _SEEN, _HITS, _NODES = _MIXED + 1, _MIXED + 2, _MIXED + 18, _MIXED + 34
# And in ``fractions``: by group how much likelier a byte was with it; a search's chances; a byte's tree.
_RATIOS, _CHANCES, _TREE = 0, MAX_GROUPS, MAX_GROUPS + _OPEN


def watched(
    mix: Mix,
    places: int,
    rows: int = 0,
    groups: np.ndarray | None = None,
    guesses: int = 0,
    whole: bool = False,
) -> Any:
    """``mix``, watched: ``places`` bytes of the kernel's data are priced. ``rows``: of the window, where more
    is wanted: ``groups`` (uint8) for what inputs are worth, so many ``guesses``, ``whole`` distributions."""
    of_inputs = np.zeros(MAX_WIDTH, np.uint8)
    if groups is not None:
        of_inputs[: len(groups)] = groups
    fractions = np.zeros(_TREE + 512, np.float64)
    fractions[_RATIOS : _RATIOS + MAX_GROUPS] = 1.0
    view = View(
        *(getattr(mix, field) for field in _FIELDS),
        window=np.zeros(1, np.int64),
        groups=of_inputs,
        worth=np.zeros((rows if groups is not None else 0, MAX_GROUPS), np.float32),
        guesses=np.zeros((rows if guesses else 0, max(guesses, 1)), np.uint8),
        chances=np.zeros((rows if guesses else 0, max(guesses, 1)), np.float32),
        rows=np.zeros((rows if whole else 0, 256), np.uint32),
        x=np.zeros(MAX_WIDTH, np.int16),
        y2=np.zeros(last_stage.INPUTS, np.int16),
        units=np.zeros(last_stage.UNITS, np.int16),
        units2=np.zeros(last_stage.UNITS, np.int16),
        others=np.zeros(2, np.int64),
        y3=np.zeros(FINAL_WIDTH, np.int16),
        sums=np.zeros((MAX_SETS, MAX_GROUPS), np.int64),
        high_slots=np.zeros((16, MAX_CONTEXTS), np.uint64),
        numbers=np.zeros(_NODES + _OPEN, np.int64),
        fractions=fractions,
    )
    return Watched(*mix, prices=np.zeros(places, np.float32), unlike=np.zeros(1, np.int64), watch=view)


@inlined
def spent(low, high, position):
    """Bits that the coder has spent, less a constant: where it is in its buffer, and how narrow its interval
    is."""
    return 8.0 * np.float64(position) - math.log2(np.float64(high - low))


@helper
def look(
    view, lane, slot, run_slot, first_node, last_node, half, predicted, set_base, set_source, final_base,
    final_source, base1, base2, base3, hits, c1, match_level, young,
):  # fmt: skip
    """P(1) in 22 bits of the bit at each node of a half of a byte, from ``first_node`` to ``last_node``, into
    ``seen``; returns the last. ``half``: a one, and in a byte's second half the first. As kernel.py has it,
    but from slots that may not be there. Leaves in the scratch, of the last node, the inputs, the first
    layer's outputs, and in ``numbers``, behind the choices, where each set's and final vector begins, and
    what the mixer made of them."""
    setting, x, y2, numbers = view.setting, view.x, view.y2, view.numbers
    slots, state_map, two_inputs = view.slots, view.state_map, view.two_inputs
    stretch, squash, apm = view.stretch, view.squash, view.apm
    contexts, width, sets = i64(setting[at.S_CONTEXTS]), i64(setting[at.S_WIDTH]), i64(setting[at.S_SETS])
    finals, experts = i64(setting[at.S_FINALS]), i64(setting[at.S_EXPERTS])
    matches, apms = i64(setting[at.S_MATCHES]), i64(setting[at.S_APMS])
    third_apm = i64(setting[at.S_THIRD_APM])
    widest = _WIDEST if experts else _MAP_WIDEST
    direct_from, direct_to = i64(setting[at.S_DIRECT_FROM]), i64(setting[at.S_DIRECT_TO])
    runs_from, runs_to = i64(setting[at.S_RUNS_FROM]), i64(setting[at.S_RUNS_TO])
    third = view.final_weights.size > (at.FINAL_ROWS + finals * at.SET_SIZE) * FINAL_WIDTH
    vectors = 2 + finals + i64(third)
    place = u64(_FINALS)
    refined = experts > 0 and view.last.size > 0
    best, sure, shape, age, opinion, away = 0, 0, 0, 0, 0, 0
    if refined:
        best, weight = last_stage.likeliest(view.cumulative)
        sure = last_stage.sureness(view.cumulative, weight, squash)
        shape = i64(lane[at.L_SHAPE] & u64(0xFF))
        age = last_stage.age_of(i64(lane[at.L_POSITION]) - i64(lane[at.L_START]))
    p = 0
    for number in range(first_node, last_node + 1):
        node = u64(number)
        deep = i64(number > 1) + i64(number > 3) + i64(number > 7)
        bit = deep + (4 if half > 1 else 0)
        c0 = half << deep | (number - (1 << deep))
        # --- inputs
        j = u64(0)
        for i in range(contexts):
            s = u64(0)
            if slot[i] != _NOT_THERE:
                s = u64(slots[slot[i] + node])
            both = two_inputs[state_map[(u64(i) << u64(8)) | s] >> u32(20)]
            x[j] = np.int16(both & u32(0xFFFF))
            x[j + u64(1)] = np.int16(both >> u32(16))
            j += u64(2)
        for i in range(direct_from, direct_to):
            cell = at.NO_DIRECT
            if slot[i] != _NOT_THERE:
                cell = i64(view.direct[slot[i] + node])
            x[j] = stretch[u64(cell >> 4)]
            j += u64(1)
        for i in range(runs_from, runs_to):
            k = run_cell(i, i64(view.runs[run_slot[i]]), c0, bit)
            x[j] = stretch[view.run_map[k] >> u32(20)]
            j += u64(1)
        expected = 0
        for m in range(matches):
            x[j] = 0
            x[j + u64(1)] = 0
            if predicted[m] > 0 and (predicted[m] >> (8 - bit)) == c0:
                want = (predicted[m] >> (7 - bit)) & 1
                cell = i64(view.match_map[match.cell_of(m, i64(lane[at.L_MATCH_LENGTH0 + m]), want)])
                x[j] = stretch[u64(cell >> 20)]
                x[j + u64(1)] = np.int16((cell >> 22) - _HALF)
                if m == 0:
                    expected = 1 + want
            j += u64(2)
        confidence = 0
        for e in range(experts):
            p22 = bit_probability(view.cumulative, e, c0, bit)
            its = fine_stretch(squash, min(_ONE - 2, max(2, p22)))
            x[j] = np.int16(its)
            x[j + u64(1)] = np.int16((p22 >> 12) - _HALF)
            if e == 0:
                opinion, away = its, (p22 >> 12) - _HALF
                confidence = (clamp(its, _MAP_WIDEST) + _MAP_WIDEST + 1) >> 7
            elif e <= 2:
                view.others[e - 1] = its
            j += u64(2)
        x[j] = _BIAS
        # --- mixers
        numbers[BY_BIT] = bit
        numbers[BY_PARTIAL] = c0
        numbers[BY_MATCH] = (match_level * 2 + expected - 1) if expected else 0
        numbers[BY_HITS] = hits * 8 + bit
        numbers[BY_MATCH_HITS] = numbers[BY_MATCH] * 16 + min(hits, 15)
        numbers[BY_EXPERT] = confidence * 8 + bit
        for k in range(sets):
            begin = (set_base[k] + numbers[set_source[k]]) * width
            numbers[u64(_SETS + k)] = begin
            y2[u64(k)] = np.int16(clamp(i64(dot(view.weights, begin, x, width)) >> 14, widest))
        numbers[place] = c0 * FINAL_WIDTH
        numbers[place + u64(1)] = (at.FINAL_BYTES + c1) * FINAL_WIDTH
        for k in range(finals):
            numbers[place + u64(2 + k)] = (final_base[k] + numbers[final_source[k]]) * FINAL_WIDTH
        if third:
            sure = confidence * 16 + (match_level if expected else 0)
            begin = (at.FINAL_ROWS + finals * at.SET_SIZE + sure) * FINAL_WIDTH
            numbers[place + u64(2 + finals)] = begin
        d = _final(view.final_weights, numbers, y2, sets, vectors)
        mixed = i64(squash[u64(d + at.SQUASH_ZERO)])
        # --- refined
        p = mixed
        p1, p2, p3 = 0, 0, 0
        if apms:
            beside = apm_maps.place_of(d)
            p2 = apm_maps.refined(apm, apm_maps.cell_of(base2, node, beside), beside)
            p1 = apm_maps.refined(apm, apm_maps.cell_of(base1, node, beside), beside)
            if third_apm:
                at3 = apm_maps.cell_of(base3, u64(c0) if expected else u64(0), beside)
                p3 = apm_maps.refined(apm, at3, beside)
                p = (mixed + p1 + p2 + p3 + 2) >> 2
            elif experts == 0:
                p = (mixed + p1 + 2 * p2 + 2) >> 2
            elif young:
                p = (6 * mixed + p1 + p2 + 4) >> 3
            else:
                p = (2 * mixed + p1 + p2 + 2) >> 2
        numbers[u64(_MIXED)] = mixed
        numbers[u64(_VECTORS)] = vectors
        if refined:
            p = last_stage.refine(
                view.last, view.last_layer, x, y2, view.units, view.units2, squash, stretch, d, p1, p2, p3,
                p, opinion, away, view.others, expected, match_level, hits, c0, c1, bit, best, sure, shape,
                age,
            )  # fmt: skip
        p = min(_ONE - 1, max(1, p))
        numbers[u64(_SEEN) + node] = p
    return p


@inlined
def _final(weights, numbers, outputs, sets, vectors):
    """The stretch that the final mixer makes of the first layer's ``outputs``, by the vectors in
    ``numbers``."""
    if sets == 1:
        return i64(outputs[0])
    d = i64(0)
    for k in range(vectors):
        d += i64(dot(weights, numbers[u64(_FINALS + k)], outputs, FINAL_WIDTH))
    return clamp(d * 2 // vectors >> 15, _WIDEST)


@helper
def weigh(view, y, p):
    """After :func:`look` at a bit that turns out to be ``y`` under ``p``: multiply into ``ratios`` how much
    likelier it was than without each group of inputs, and than without the APMs."""
    setting, x, numbers, sums, groups = view.setting, view.x, view.numbers, view.sums, view.groups
    fractions = view.fractions
    width, sets = i64(setting[at.S_WIDTH]), i64(setting[at.S_SETS])
    widest = _WIDEST if setting[at.S_EXPERTS] else _MAP_WIDEST
    vectors, mixed = numbers[_VECTORS], numbers[_MIXED]
    for k in range(sets):
        sums[k, :] = 0
        first = numbers[_SETS + k]
        for j in range(width):
            sums[k, groups[j]] += i64(view.weights[first + j]) * i64(x[j])
    have = np.float64(mixed if y else _ONE - mixed)
    for g in range(MAX_GROUPS - 1):
        there = False
        for k in range(sets):
            there = there or sums[k, g] != 0
        if not there:
            continue
        for k in range(sets):
            whole = i64(0)
            for other in range(MAX_GROUPS):
                whole += sums[k, other]
            view.y3[k] = np.int16(clamp((whole - sums[k, g]) >> 14, widest))
        without = i64(
            view.squash[u64(_final(view.final_weights, numbers, view.y3, sets, vectors) + at.SQUASH_ZERO)]
        )
        without = min(_ONE - 1, max(1, without))
        fractions[_RATIOS + g] *= have / np.float64(without if y else _ONE - without)
    fractions[_RATIOS + APMS] *= np.float64(p if y else _ONE - p) / max(have, 1.0)


@helper
def settle(view, position):
    """A byte is over: what its groups were worth, in bits, where that is wanted."""
    if view.worth.shape[0] == 0:
        return
    row = position - view.window[0]
    for g in range(MAX_GROUPS):
        view.worth[row, g] = np.float32(math.log2(view.fractions[_RATIOS + g]))
        view.fractions[_RATIOS + g] = 1.0


@helper
def _known_slot(slots, h, groups):
    """As ``find_slot``, but nothing makes room: _NOT_THERE where it is not there."""
    check = np.uint8(h >> u64(56))
    a = slot_of(h, groups)
    for z in range(3):
        place = a ^ u64(z * at.SLOT)
        if slots[place] == check and slots[place + u64(1)] != 0:
            return place
    return _NOT_THERE


@helper
def _second_half(view, context, half):
    """Find the slots of a byte's second half after the first one, ``half`` with a one before it; how many of
    those that count are known."""
    contexts, found = i64(view.setting[at.S_CONTEXTS]), view.high_slots[half & 15]
    hit_from, hit_to = i64(view.setting[at.S_HIT_FROM]), i64(view.setting[at.S_HIT_TO])
    beside_from, beside_to = i64(view.setting[at.S_BESIDE_FROM]), i64(view.setting[at.S_BESIDE_TO])
    groups = u64(view.slots.size // at.SLOT_GROUP)
    hits = 0
    for i in range(contexts):
        h = second_half(context[i], u64(half), beside_from <= i < beside_to)
        found[i] = _known_slot(view.slots, h, groups)
        if hit_from <= i < hit_to and found[i] != _NOT_THERE:
            hits += 1
    return hits


@helper
def _look_in(
    view, lane, context, slot, run_slot, half, first_node, last_node, predicted, set_base, set_source,
    final_base, final_source, base1, base2, base3, hits, c1, two_bytes, match_level, young,
):  # fmt: skip
    """:func:`look` in any half of a byte, before its first bit: where ``half`` is more than a one, the slots
    are looked up."""
    if half == 1:
        return look(
            view, lane, slot, run_slot, first_node, last_node, half, predicted, set_base, set_source,
            final_base, final_source, base1, base2, base3, hits, c1, match_level, young,
        )  # fmt: skip
    if view.numbers[_HITS + (half & 15)] < 0:
        view.numbers[_HITS + (half & 15)] = _second_half(view, context, half)
    nibble = u64(half & 15) + u64(1)
    base2 = apm_maps.base_by_two_bytes(two_bytes, nibble)
    return look(
        view, lane, view.high_slots[half & 15], run_slot, first_node, last_node, half, predicted,
        set_base, set_source, final_base, final_source, apm_maps.base_by_byte(c1, nibble), base2, base3,
        view.numbers[_HITS + (half & 15)], c1, match_level, young,
    )  # fmt: skip


@helper
def look_ahead(
    view, lane, position, context, slot, run_slot, predicted, set_base, set_source, final_base, final_source,
    base1, base2, base3, hits, c1, two_bytes, match_level, young,
):  # fmt: skip
    """Before a byte's first bit: its whole distribution, or its likeliest bytes, best first, by opening the
    likeliest beginning again and again."""
    row = position - view.window[0]
    for half in range(16):
        view.numbers[_HITS + half] = -1
    if view.rows.shape[0]:
        tree = view.fractions[_TREE:]
        tree[1] = 1.0
        for number in range(17):  # the first half, then each of the second ones
            half = 1 if number == 0 else 15 + number
            _look_in(
                view, lane, context, slot, run_slot, half, 1, 15, predicted, set_base, set_source,
                final_base, final_source, base1, base2, base3, hits, c1, two_bytes, match_level, young,
            )  # fmt: skip
            for node in range(1, 16):
                deep = i64(node > 1) + i64(node > 3) + i64(node > 7)
                c0 = half << deep | (node - (1 << deep))
                one = np.float64(view.numbers[_SEEN + node]) / np.float64(_ONE)
                tree[2 * c0] = tree[c0] * (1.0 - one)
                tree[2 * c0 + 1] = tree[c0] * one
        _round(view, row)
    if view.guesses.shape[0] == 0:
        return
    nodes, chances = view.numbers[_NODES:], view.fractions[_CHANCES:_TREE]
    count, found, wanted = 1, 0, view.guesses.shape[1]
    nodes[0], chances[0] = 1, 1.0
    while found < wanted and count:
        best = 0
        for i in range(1, count):
            if chances[i] > chances[best]:
                best = i
        c0, chance = nodes[best], chances[best]
        count -= 1
        nodes[best], chances[best] = nodes[count], chances[count]
        if c0 >= 256:
            view.guesses[row, found] = np.uint8(c0 & 255)
            view.chances[row, found] = np.float32(chance)
            found += 1
            continue
        bit = 0
        while c0 >> (bit + 1):
            bit += 1
        half = 1 if bit < 4 else c0 >> (bit - 4)
        deep = bit & 3
        node = 1 << deep | (c0 & ((1 << deep) - 1))
        p = _look_in(
            view, lane, context, slot, run_slot, half, node, node, predicted, set_base, set_source,
            final_base, final_source, base1, base2, base3, hits, c1, two_bytes, match_level, young,
        )  # fmt: skip
        one = np.float64(p) / np.float64(_ONE)
        for y in range(2):
            mine = chance * (one if y else 1.0 - one)
            nodes[count], chances[count] = 2 * c0 + y, mine
            count += 1


@helper
def _round(view, row):
    """The tree's leaves as 256 whole numbers of 1 or more that sum to 2**24; the largest takes what rounding
    leaves."""
    tree = view.fractions[_TREE:]
    total, largest = i64(0), 0
    for s in range(256):
        share = 1 + i64(tree[256 + s] * (_ROW - 256))
        view.rows[row, s] = u32(share)
        total += share
        if tree[256 + s] > tree[256 + largest]:
            largest = s
    view.rows[row, largest] += u32(_ROW - total)
