"""The mix in plain Python: twin of kernel.py, with whole numbers, lists and one class for each part.

It equals the compiled mix bit for bit (tests/nzip/predictors/mix/test_twin.py). Read it from
``Mix.code_byte`` on: everything else serves that. Plans, constants, sizes, tables and primers are data that
both share; everything that is *done* with them is written twice, each part in the file named like the one
that it is the twin of.

Concession: one lane and no experts, two or three milliseconds a byte at -3.
"""

from __future__ import annotations

from collections.abc import Callable

from nzip.predictors.mix import constants as at
from nzip.predictors.mix import sizes
from nzip.predictors.mix.plan import Plan
from nzip.predictors.mix.twin.apm import Apm
from nzip.predictors.mix.twin.bit_history import BitHistories, StateMap
from nzip.predictors.mix.twin.history import Registers
from nzip.predictors.mix.twin.match import MatchModel
from nzip.predictors.mix.twin.mixer import WeightVectors
from nzip.predictors.mix.twin.numbers import (
    MASK,
    NEXT_STATE,
    RECIPROCAL,
    RUN_START,
    STATE_START,
    STRETCH,
    clamp,
    squash,
)  # fmt: skip

NextBit = Callable[[int], int]  # given P(1), the bit that comes: decoded, or known


class Mix:
    """One block's model. ``data`` holds the primer, if any, and then what has been decoded of the block."""

    def __init__(self, plan: Plan, size: int, stride: int = 0, pixel: int = 1):
        self.plan, self.stride, self.pixel = plan, stride, pixel
        contexts = len(plan.recipes)
        self.data = bytearray()
        self.slots = BitHistories(sizes.slot_bytes(plan, size), sizes.has(plan.direct), sizes.has(plan.runs))
        self.state_maps = [StateMap(STATE_START, plan.state_limit) for _ in range(contexts)]
        self.run_maps = [StateMap(RUN_START) for _ in range(*plan.runs)]
        self.matches = [MatchModel(minimum, sizes.match_bits(size), plan.sampled) for minimum in plan.matches]
        inputs = sizes.context_inputs(plan) + 2 * len(plan.matches) + 1
        self.layer = [WeightVectors(sizes.first_weights(plan)[:inputs]) for _ in plan.sets]
        self.final = WeightVectors([at.ONE // len(plan.sets)] * len(plan.sets))
        self.apm1, self.apm2, self.apm3 = (Apm(plan.apm_rate) for _ in range(3))
        # The three bytes that last followed one byte, two bytes.
        self.after1, self.after2 = [0] * 256, [0] * 65536
        self.begin(0)

    def begin(self, start: int) -> None:
        """A text begins at ``start``: the registers and the learning rate start afresh."""
        self.registers = Registers(start, self.stride, self.pixel, self.plan.coded)
        self.rate = self.plan.rate
        self.misses = 0  # of the last eight bytes, one bit each: whether one of its bits was not the likelier
        for match in self.matches:
            match.restart()

    def read_primer(self, text: bytes) -> None:
        """Learn ``text``, then let the maps' counts forget how sure they are."""
        for known in text:
            self.code_byte(_bits_of(known))
        for learnt in (*self.state_maps, *self.run_maps, *(m.map for m in self.matches)):
            learnt.count = [min(count, at.COUNT_AFTER) for count in learnt.count]
        self.begin(len(text))
        self.rate = self.plan.warm_rate

    def forget_words(self) -> None:
        """Keep what a primer taught the weights and maps, and forget every context that it has."""
        self.slots = BitHistories(
            len(self.slots.state), sizes.has(self.plan.direct), sizes.has(self.plan.runs)
        )
        self.after1, self.after2 = [0] * 256, [0] * 65536
        self.data.clear()
        for match in self.matches:
            match.last.clear()
        self.begin(0)
        self.rate = self.plan.warm_rate

    def hashes(self, values: list[int]) -> list[int]:
        """One hash a context."""
        found = []
        for i, recipe in enumerate(self.plan.recipes):
            h = (i + 1) * at.K3
            for register, mask in recipe:
                h = (h + (values[register] & mask)) * at.K1 & MASK
                h ^= h >> 31
            found.append(h * at.K2 & MASK)
        return found

    def second_half(self, h: int, c0: int, context: int) -> int:
        """The hash of a byte's second half, where ``h`` is that of its first."""
        other = (h + c0 * at.K3) * at.K1 & MASK
        if context in range(*self.plan.beside):  # in the same cache line
            return other >> 32 << 32 | h & 0xFFFFFFFF
        return other ^ other >> 32

    def code_byte(self, next_bit: NextBit) -> None:
        """Eight times predict a bit, ask for it, learn it; then append the byte to ``data``."""
        registers, data, plan = self.registers, self.data, self.plan
        position = registers.position
        self.values = registers.values(data, self.after1, self.after2)
        contexts = self.hashes(self.values)
        for match in self.matches:
            match.find(data, position, registers.start)
        self.values[at.R_EXPECTED] = self.matches[0].byte & 255
        self.match_level = min(15, self.matches[0].length.bit_length())
        self.last_byte = registers.history & 0xFF
        c0, nibble = 1, 0
        self.run_slots: list[int] = []
        for bit in range(8):
            if bit in (0, 4):
                if bit == 4:
                    nibble = (c0 & 15) + 1
                    contexts = [self.second_half(h, c0, i) for i, h in enumerate(contexts)]
                found = [
                    self.slots.find(h, i in range(*plan.direct), i in range(*plan.runs))
                    for i, h in enumerate(contexts)
                ]
                self.places = [place for place, _ in found]
                self.hits = sum(known for _, known in found[slice(*plan.hits)])
                if bit == 0:
                    self.run_slots = [place >> 4 for place in self.places[slice(*plan.runs)]]
                node = 1
            y = self.code_bit(next_bit, c0, bit, node, nibble)
            c0, node = c0 << 1 | y, node << 1 | y
        new = c0 & 255
        self.update_runs(new)
        data.append(new)
        for table, key in (
            (self.after1, registers.history & 0xFF),
            (self.after2, registers.history & 0xFFFF),
        ):
            table[key] = (table[key] << 8 | new) & 0xFFFFFF
        registers.advance(new)
        if self.rate > plan.rate_min and position % 16 == 0:
            self.rate -= max(1, (self.rate - plan.rate_min) >> at.RATE_DECAY)

    def code_bit(self, next_bit: NextBit, c0: int, bit: int, node: int, nibble: int) -> int:
        """``c0``: a one and the byte's bits so far. ``node``: the same within its half. ``nibble``: 0 in the
        byte's first half, else 1 + the first half."""
        plan, slots = self.plan, self.slots
        # Inputs, and which cells they came from.
        cells = [slots.state[place + node] for place in self.places]
        inputs: list[int] = []
        for state, state_map in zip(cells, self.state_maps, strict=True):
            inputs += two_inputs(state_map.p[state]) if state else (0, 0)
        with_direct = self.places[slice(*plan.direct)]
        inputs += [STRETCH[slots.direct[place + node] >> 4] for place in with_direct]
        run_keys = [self.run_key(place, c0, bit) for place in self.run_slots]
        for key, run_map in zip(run_keys, self.run_maps, strict=True):
            inputs.append(0 if key is None else STRETCH[run_map.p[key] >> 10])
        match_keys = []
        for match in self.matches:
            want = match.expected(c0, bit)
            key = None if want is None else 2 * match.level() + want
            match_keys.append(key)
            inputs += (0, 0) if key is None else two_inputs(match.map.p[key])
        inputs.append(256)
        # First layer: each set picks a weight vector by its own small context.
        expected = 0 if match_keys[0] is None else 1 + match_keys[0] % 2
        chosen = [self.select(kind, c0, bit, expected) for kind in plan.sets]
        outputs = [clamp(w.dot(n, inputs) >> 14, 2047) for w, n in zip(self.layer, chosen, strict=True)]
        # Final mixer: twice the mean of a vector that knows the bits so far, one that knows the byte before,
        # and the plan's further ones.
        final = [c0, at.FINAL_BYTES + self.last_byte]
        for k, kind in enumerate(plan.finals):
            final.append(at.FINAL_ROWS + k * at.SET_SIZE + self.select(kind, c0, bit, expected))
        x = outputs[0]
        if len(outputs) > 1:
            x = clamp(sum(self.final.dot(n, outputs) for n in final) * 2 // len(final) >> 15, 4095)
        mixed = p = squash(x)
        if plan.apms:
            two_bytes = (self.registers.history & 0xFFFF) << 8 | nibble
            p1 = self.apm1.refine(x, (self.last_byte * 17 + nibble) * 16 + node)
            p2 = self.apm2.refine(x, ((two_bytes * at.K1 & MASK) >> 52) * 16 + node)
            p = (mixed + p1 + 2 * p2 + 2) >> 2
            if plan.third_apm:
                p3 = self.apm3.refine(x, self.values[at.R_EXPECTED] * 256 + (c0 if expected else 0))
                p = (mixed + p1 + p2 + p3 + 2) >> 2
        p = min((1 << at.PROBABILITY_BITS) - 1, max(1, p))
        y = next_bit(p)
        # Learn.
        target = y << at.PROBABILITY_BITS
        if plan.apms:
            self.apm1.update(y)
            self.apm2.update(y)
            if plan.third_apm:
                self.apm3.update(y)
        if len(outputs) > 1:
            error = clamp((target - mixed) * plan.final_rate >> 14, 32767)
            for n in final:
                self.final.train(n, outputs, error)
        for weights, n, output in zip(self.layer, chosen, outputs, strict=True):
            weights.train(n, inputs, clamp((target - squash(output)) * self.rate >> 14, 32767))
        for place, state, state_map in zip(self.places, cells, self.state_maps, strict=True):
            slots.state[place + node] = NEXT_STATE[2 * state + y]
            if state and not plan.fixed:
                state_map.update(state, y)
        for place in with_direct:
            self.update_direct(place + node, y)
        for key, run_map in zip(run_keys, self.run_maps, strict=True):
            if key is not None:
                run_map.update(key, y)
        for key, match in zip(match_keys, self.matches, strict=True):
            if key is not None:
                match.map.update(key, y)
        return y

    def select(self, kind: int, c0: int, bit: int, expected: int) -> int:
        """The number of the weight vector that a set of this ``kind`` uses."""
        history, values = self.registers.history, self.values
        if kind == at.SET_PARTIAL:
            return c0
        if kind == at.SET_PARTIAL_MATCH:
            length = self.matches[0].length
            tier = (length > 0) + (length >= 16) + (length >= 32)
            return (4 * (self.registers.shape & 0xF == at.SHAPE_FINAL) + tier) * 256 + c0
        by_match = self.match_level * 2 + expected - 1 if expected else 0
        if kind == at.SET_MATCH:
            return by_match
        if kind == at.SET_MATCH_HITS:
            return by_match * 16 + min(self.hits, 15)
        near = values[at.R_NEIGHBOURS]
        edge = abs((near & 0xFF) - (near >> 8 & 0xFF))  # west against north
        base = {
            at.SET_C1: history & 0xFF,
            at.SET_C2: history >> 8 & 0xFF,
            at.SET_C3: history >> 16 & 0xFF,
            at.SET_HITS: self.hits,
            at.SET_CLASS1: self.registers.classes & 0xFF,
            at.SET_EXPECTED: values[at.R_EXPECTED],
            at.SET_SHAPE: self.registers.shape & 0xFF,
            at.SET_SHAPES: _hashed(self.registers.shape & 0xFFFF),
            at.SET_FOLDED: _hashed(self.registers.folded & 0xFFFFFFFF),
            at.SET_SIGNS: _hashed(self.registers.signs & 0xFFFF),
            at.SET_COLUMN: min(values[at.R_COLUMN], 63) + 64 * (values[at.R_ABOVE] == at.NEWLINE),
            at.SET_WORD_POSITION: self.registers.word_position,
            at.SET_ABOVE: values[at.R_ABOVE] & 0xFF,
            at.SET_FIELD: values[at.R_PREDICTED] >> 56,
            at.SET_EDGE: min(edge >> 1, 31) * 4 + values[at.R_PLANE] % 4,
        }[kind]
        return base * 8 + bit

    def run_key(self, place: int, c0: int, bit: int) -> int | None:
        """Which cell predicts that the byte which came here the last times comes again; None if it cannot."""
        run = self.slots.runs[place]
        if not run or (run & 255 | 256) >> (8 - bit) != c0:
            return None
        return min(run >> 8, 31) << 1 | run >> (7 - bit) & 1

    def update_runs(self, new: int) -> None:
        for place in self.run_slots:
            run = self.slots.runs[place]
            if run and run & 255 == new:
                self.slots.runs[place] = run + 256 if run < 0xFF00 else run
            else:
                self.slots.runs[place] = 256 | new

    def update_direct(self, k: int, y: int) -> None:
        p, count = self.slots.direct[k] >> 4, self.slots.direct[k] & 15
        p += ((y << 12) - y - p) * RECIPROCAL[count] >> 16
        self.slots.direct[k] = p << 4 | min(15, count + 1)


def _bits_of(byte: int) -> NextBit:
    """What is asked for the bits of a byte that is known."""
    bits = iter([byte >> 7 - i & 1 for i in range(8)])
    return lambda p: next(bits)


def _hashed(value: int) -> int:
    """``value`` in eight bits."""
    return (value * at.K1 & MASK) >> 56


def two_inputs(p: int) -> tuple[int, int]:
    """What a probability says to the mixer: its stretch, and how far it is from one half."""
    return STRETCH[p >> 10], (p >> 12) - 512
