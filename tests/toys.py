"""Small predictors and experts for tests of everything above ``codec``: fast, no compilation, no tables."""

from __future__ import annotations

import hashlib
import os
import time
import zlib

import numpy as np

from nzip.errors import CorruptError
from nzip.predictors.base import EXPERT_BITS, Expert, ExpertState, Predictor


class ToyPredictor(Predictor):
    """zlib behind the predictor contract. ``salt`` changes its predictions (by an xor) and so its probe."""

    def __init__(
        self,
        spelling: str = "toy",
        *,
        salt: int = 0,
        exact: bool = True,
        config: dict | None = None,
        memory: int = 0,
    ):
        self.spelling = spelling
        self.exact = exact
        self._salt = salt
        self._config = config or {}
        self._memory = memory
        self.decoded_blocks = 0

    def config(self) -> dict:
        return dict(self._config)

    def probe(self) -> bytes:
        return hashlib.sha256(f"toy {self._salt}".encode()).digest()[:8]

    def memory(self, block_size: int) -> int:
        return max(self._memory, 4 * block_size + (1 << 20))

    def encode(self, data):
        time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
        mixed = bytes(data).translate(bytes(i ^ self._salt for i in range(256)))
        return b"z" + bytes([self._salt]), zlib.compress(mixed, 1, -15)

    def decode(self, params, payload, size):
        time.sleep(float(os.environ.get("TOY_SLEEP_DECODING", "0")))
        self.decoded_blocks += 1
        if params != b"z" + bytes([self._salt]):
            raise CorruptError("unknown parameters")
        unpacker = zlib.decompressobj(-15)
        try:
            data = unpacker.decompress(bytes(payload), size + 1)
        except zlib.error as error:
            raise CorruptError(f"zlib: {error}") from error
        if len(data) != size or not unpacker.eof:
            raise CorruptError("zlib: the size differs")
        return data.translate(bytes(i ^ self._salt for i in range(256)))


class HandingToy(ToyPredictor):
    """Hands on as it goes: of a damaged payload, what comes before the damage. ``reached``: bytes decoded."""

    hands_on = True
    step = 20

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.reached = 0

    def decode(self, params, payload, size, sink=None):
        self.decoded_blocks += 1
        if params != b"z" + bytes([self._salt]):
            raise CorruptError("unknown parameters")
        unpacker, out = zlib.decompressobj(-15), bytearray(size)
        rest, reached = bytes(payload), 0
        try:
            while reached < size:
                part = unpacker.decompress(rest, min(self.step, size - reached))
                rest = unpacker.unconsumed_tail
                if not part:
                    raise CorruptError("zlib: the size differs")
                part = part.translate(bytes(i ^ self._salt for i in range(256)))
                out[reached : reached + len(part)] = part
                self.reached = reached + len(part)
                if sink is not None:
                    sink(reached, memoryview(part))
                reached += len(part)
        except zlib.error as error:
            raise CorruptError(f"zlib: {error}") from error
        return bytes(out)


def toy_factory(argument, experts):
    """``toy`` or ``toy:SALT``."""
    if argument is None:
        return ToyPredictor()
    return ToyPredictor(f"toy:{int(argument)}", salt=int(argument))


class CountingState(ExpertState):
    """Adaptive order-0 counts, one row a lane."""

    def __init__(self, lanes: int):
        self._counts = np.ones((lanes, 256), np.uint32)

    def distributions(self):
        counts = self._counts.astype(np.uint64)
        total = counts.sum(axis=1, keepdims=True)
        rows = counts * ((1 << EXPERT_BITS) - 256) // total + 1
        rows[:, 0] += (1 << EXPERT_BITS) - rows.sum(axis=1)
        return rows.astype(np.uint32)

    def update(self, symbols, active):
        lanes = np.flatnonzero(active)
        self._counts[lanes, symbols[lanes]] += 24


class CountingExpert(Expert):
    """Adaptive order 0."""

    spelling = "count"

    def start(self, lanes, data=None):
        return CountingState(lanes)

    def memory(self, block_size, lanes):
        return lanes * 256 * 32


class RunState(CountingState):
    """Order 0, and a side decision before each byte that follows another: is it the same again?"""

    def __init__(self, lanes, data):
        super().__init__(lanes)
        self._data = data
        self._seen = np.zeros(lanes, np.int64)
        self._last = np.full(lanes, -1, np.int64)
        self._answer = [None] * lanes

    def side(self, lane):
        if self._last[lane] < 0 or self._answer[lane] is not None:
            return None
        return 20000

    def choose(self, lane):
        return int(self._data[lane][self._seen[lane]] == self._last[lane])

    def decided(self, lane, bit):
        self._answer[lane] = bit

    def distributions(self):
        rows = super().distributions()
        for lane, answer in enumerate(self._answer):
            if answer:
                rows[lane] = 1
                rows[lane, self._last[lane]] = (1 << EXPERT_BITS) - 255
        return rows

    def update(self, symbols, active):
        super().update(symbols, active)
        for lane in np.flatnonzero(active):
            self._last[lane] = symbols[lane]
            self._seen[lane] += 1
            self._answer[lane] = None


class RunExpert(Expert):
    """Order 0 with side decisions."""

    spelling = "runs"

    def start(self, lanes, data=None):
        return RunState(lanes, data)

    def memory(self, block_size, lanes):
        return lanes * 256 * 32


def count_factory(argument):
    """``count``."""
    return CountingExpert()


def runs_factory(argument):
    """``runs``."""
    return RunExpert()
