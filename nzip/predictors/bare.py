"""An expert coded bare: its distribution of the next byte straight into the many-symbol coder.

This is what the lab measures, and the slow, plain reading of the expert contract: for each position, every
active lane's side decisions in lane order, then the distributions of all lanes at once, then every active
lane's byte in lane order. Encoder and decoder walk alike.

Concession: one Python call a byte. A fast expert is better fed to the mix.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from nzip.coding.symbols import SymbolDecoder, SymbolEncoder
from nzip.errors import CorruptError, NzipError
from nzip.predictors.base import EXPERT_BITS, SIDE_BITS, Expert, ExpertState, Predictor
from nzip.predictors.pricing import BITS_ALONE, Guesses, Priced, PricedStream, Rows, Wish
from nzip.predictors.probe import expert_probe

# Side decisions before one byte. An expert that asks for more would never come to the byte.
MAX_SIDES = 1 << 16
_TOLD = 1 << 10  # bytes of a lane that are handed on together


class BarePredictor(Predictor):
    """Codes blocks with one expert alone. ``lanes`` streams of equal length (the first ones a byte longer)
    advance in lock step, for experts that are faster in batches.

    Use it to see what an expert is worth by itself; for small files take the mix with the expert in it."""

    hands_on = True

    def __init__(self, expert: Expert, lanes: int = 1):
        if not 1 <= lanes <= 1024:
            raise ValueError(f"1 to 1024 lanes, not {lanes}")
        if expert.reads:
            raise NzipError(
                f"{expert.spelling} reads text coded as words, which only the mix makes: "
                f"use mix:5+{expert.spelling}"
            )
        self.expert = expert
        self.experts = (expert,)
        self.lanes = lanes
        self.spelling = expert.spelling
        self.exact = expert.exact

    def config(self) -> dict:
        """The expert's, and the number of lanes where it is not one."""
        config = dict(self.expert.config())
        if self.lanes != 1:
            config["lanes"] = self.lanes
        return config

    def with_experts(self, experts: tuple[Expert, ...]) -> BarePredictor:
        (expert,) = experts
        return BarePredictor(expert, self.lanes)

    @functools.cached_property
    def _probe(self) -> bytes:
        return expert_probe(self.expert)

    def probe(self) -> bytes:
        """As :func:`nzip.predictors.probe.expert_probe`."""
        return self._probe

    def memory(self, block_size: int) -> int:
        """The expert's, the block twice, and the coder's buffers."""
        return self.expert.memory(block_size, self.lanes) + 4 * block_size + (1 << 20)

    def encode(self, data) -> tuple[bytes, bytes]:
        """No params; the payload is one stream of the many-symbol coder."""
        lanes = split(np.frombuffer(data, np.uint8), self.lanes)
        encoder = SymbolEncoder()

        def side(state: ExpertState, lane: int, p1: int) -> int:
            bit = state.choose(lane)
            encoder.encode_bit(bit, p1, SIDE_BITS)
            return bit

        def byte(lane: int, i: int, cdf: np.ndarray) -> int:
            symbol = int(lanes[lane][i])
            encoder.encode(cdf, symbol)
            return symbol

        _walk(self.expert.start(self.lanes, lanes), [len(lane) for lane in lanes], side, byte)
        return b"", encoder.finish()

    def price(self, data, wish: Wish = BITS_ALONE, progress: np.ndarray | None = None) -> Priced:
        """As :meth:`Predictor.price`: what the coder spends on each byte and on the decisions before it."""
        lanes = split(np.frombuffer(data, np.uint8), self.lanes)
        starts = np.cumsum([0, *map(len, lanes)])
        encoder = SymbolEncoder()
        bits = np.zeros(starts[-1])
        places = np.zeros(self.lanes, np.int64)
        numbers = np.full((len(bits), wish.guesses), -1, np.int32)
        chances = np.zeros((len(bits), wish.guesses), np.float32)
        told = _Rows(wish.rows) if wish.rows is not None else None
        spent = encoder.spent()

        def side(state: ExpertState, lane: int, p1: int) -> int:
            nonlocal spent
            bit = state.choose(lane)
            encoder.encode_bit(bit, p1, SIDE_BITS)
            now = encoder.spent()
            bits[starts[lane] + places[lane]] += now - spent
            spent = now
            return bit

        def byte(lane: int, i: int, cdf: np.ndarray) -> int:
            nonlocal spent
            symbol, at = int(lanes[lane][i]), starts[lane] + i
            encoder.encode(cdf, symbol)
            now = encoder.spent()
            bits[at] += now - spent
            spent = now
            places[lane] = i + 1
            if told is not None or wish.guesses:
                row = np.diff(cdf).astype(np.uint32)
                if told is not None:
                    told.take(at, row)
                if wish.guesses:
                    likely = np.argsort(row)[: -wish.guesses - 1 : -1]
                    numbers[at], chances[at] = likely, row[likely] / (1 << EXPERT_BITS)
            if progress is not None:
                progress[0] += 1
            return symbol

        _walk(self.expert.start(self.lanes, lanes), [len(lane) for lane in lanes], side, byte)
        if told is not None:
            told.tell()
        size, payload = len(bits), len(encoder.finish())
        guesses = Guesses(numbers, chances, [bytes([b]) for b in range(256)]) if wish.guesses else None
        stream = PricedStream(
            "any", "", "", size, payload, np.arange(size), np.ones(size, np.int32), bits, None, guesses
        )
        return Priced(b"", payload, (stream,))

    def decode(
        self, params: bytes, payload, size: int, sink: Callable[[int, memoryview], None] | None = None
    ) -> bytes:
        """The inverse of :meth:`encode`."""
        if params:
            raise CorruptError("a bare expert's block has no parameters")
        decoder = SymbolDecoder(payload)
        out = np.zeros(size, np.uint8)
        lanes = split(out, self.lanes)
        starts = np.cumsum([0, *map(len, lanes)]).tolist()

        def side(state: ExpertState, lane: int, p1: int) -> int:
            return decoder.decode_bit(p1, SIDE_BITS)

        def byte(lane: int, i: int, cdf: np.ndarray) -> int:
            symbol = decoder.decode(cdf)
            lanes[lane][i] = symbol
            done = i + 1
            if sink is not None and (done % _TOLD == 0 or done == len(lanes[lane])):
                part = lanes[lane][i // _TOLD * _TOLD : done]
                sink(starts[lane] + done - len(part), part.data.toreadonly())
            return symbol

        _walk(self.expert.start(self.lanes), [len(lane) for lane in lanes], side, byte)
        return out.tobytes()


class _Rows:
    """Distributions on their way to whoever wants them, a thousand at a time."""

    def __init__(self, give: Rows):
        self._give = give
        self._places: list[int] = []
        self._rows: list[np.ndarray] = []

    def take(self, place: int, row: np.ndarray) -> None:
        self._places.append(place)
        self._rows.append(row)
        if len(self._rows) == _TOLD:
            self.tell()

    def tell(self) -> None:
        if self._rows:
            self._give(np.array(self._places, np.int64), np.stack(self._rows))
            self._places, self._rows = [], []


def split(data: np.ndarray, lanes: int) -> list[np.ndarray]:
    """``data`` cut into contiguous views, the first ones a byte longer where it does not divide."""
    base, longer = divmod(len(data), lanes)
    bounds = np.cumsum([0] + [base + (i < longer) for i in range(lanes)])
    return [data[bounds[i] : bounds[i + 1]] for i in range(lanes)]


def _walk(state: ExpertState, sizes: list[int], side, byte) -> None:
    lanes = len(sizes)
    left = np.array(sizes, np.int64)
    symbols = np.zeros(lanes, np.uint8)
    cdf = np.zeros(257, np.uint64)
    while left.any():
        active = left > 0
        for lane in np.flatnonzero(active):
            _sides(state, int(lane), side)
        ready = state.ready(active)
        if ready is not None:
            active &= ready
            if not active.any():
                raise ValueError("an expert must let at least one lane go on")
        rows = state.distributions()
        for lane in np.flatnonzero(active):
            np.cumsum(rows[lane], dtype=np.uint64, out=cdf[1:])
            if cdf[256] != 1 << EXPERT_BITS or not rows[lane].all():
                raise ValueError("an expert's 256 integers must be 1 or more and sum to 2**24")
            symbols[lane] = byte(int(lane), sizes[lane] - int(left[lane]), cdf)
        left[active] -= 1
        state.update(symbols, active)


def _sides(state: ExpertState, lane: int, side) -> None:
    for _ in range(MAX_SIDES):
        p1 = state.side(lane)
        if p1 is None:
            return
        state.decided(lane, side(state, lane, int(p1)))
    raise CorruptError(f"more than {MAX_SIDES} side decisions before one byte")
