"""``lm:NAME``: a block as tokens of a pretrained model, adapted online, one range-coder call a token.

A block is cut into *lanes* that advance in lock step and share the adaptive state; see :mod:`.adapt`,
:mod:`.runner`, :mod:`.coder`. What the model cannot help is not given to it: :mod:`.spans` finds such spans,
and they are coded by the mix alone. The block's parameters: lanes - 1 (1 byte), then the spans' lengths in
turn, model first, as varints that sum to the block; a block of one model span writes none. The payload:
length of the tokens' part as a varint where there are two parts, the tokens, the rest by mix:3.

Concession: the model's size is not in the file; a reader needs the same weights (their hash is in the
header)."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
import xxhash

from nzip.coding.symbol_kernel import DAMAGED, POSITION, finish_encoder, start_decoder, start_encoder
from nzip.coding.symbols import spent
from nzip.errors import CorruptError, NzipError
from nzip.predictors.base import Predictor
from nzip.predictors.lm import coder, measure, spans
from nzip.predictors.lm.adaptive_state import new_state
from nzip.predictors.lm.pricing import Ledger, named, placed
from nzip.predictors.lm.runner import Runner
from nzip.predictors.lm.settings import MAX_LANES, Settings
from nzip.predictors.lm.source import LanguageModel
from nzip.predictors.mix import MixPredictor
from nzip.predictors.pricing import BITS_ALONE, Priced, PricedStream, Wish
from nzip.predictors.probe import kilobyte
from nzip.varint import read_varint, varint

_TOLD = 1 << 10  # bytes of a lane that are handed on together
REST = 3  # level of the mix that codes what the model cannot help


class LmPredictor(Predictor):
    """See the module's docstring. ``settings``: window, lanes, where the model is found."""

    reports_progress = True
    hands_on = True

    def __init__(self, settings: Settings, model: LanguageModel | None = None, threads: int | None = None):
        self.settings = settings
        self.spelling = settings.spelling()
        self._model = model
        self._threads = threads

    @property
    def model(self) -> LanguageModel:
        """The loaded model."""
        if self._model is None:
            self._model = self.settings.load()
        return self._model

    def measure_text(
        self, data: bytes, protocol: str, block: int = measure.BLOCK, stride: int = measure.STRIDE
    ) -> measure.Measured:
        """The bare model's bits on ``data``: ``protocol`` "windows" of ``block`` tokens by ``stride``, or
        "sliding"."""
        window = self.settings.window_for(1) if protocol == "sliding" else None
        return measure.measure(self.model, data, window=window, block=block, stride=stride)

    def must_compile(self) -> bool:
        return not coder.encode_token.signatures and not coder.encode_token.stats.cache_hits

    def config(self) -> dict:
        """Hashes of weights and tokenizer, and the window."""
        return self.settings.config(self.model)

    @functools.cached_property
    def _probe(self) -> bytes:
        symbols = self.model.vocabulary.encode(kilobyte())
        digest = xxhash.xxh3_64(self._encode([symbols]))
        return digest.digest()

    def probe(self) -> bytes:
        """Hash of the code of a fixed kilobyte."""
        return self._probe

    def memory(self, block_size: int) -> int:
        """Weights, caches, adaptive state, the block and its tokens."""
        lanes = self.settings.lanes_for(block_size)
        engine = self.model.engine
        rest = _rest().memory(block_size)
        return (
            engine.bytes()
            + Runner.bytes(engine, lanes, self.settings.window_for(lanes))
            + (64 << 20)
            + 40 * block_size
            + engine.vocabulary * 16
            + rest
        )

    # Encoding.

    def encode(self, data, progress: np.ndarray | None = None) -> tuple[bytes, bytes]:
        data = bytes(data)
        lengths = spans.find(data, self.model)
        text, other = spans.split(data, lengths)
        lanes = self.settings.lanes_for(len(text))
        params = bytes([lanes - 1])
        if lengths != [len(data)]:
            params += b"".join(map(varint, lengths))
        payload = b""
        if text:
            edges = [len(text) * lane // lanes for lane in range(lanes + 1)]
            symbols = [self.model.vocabulary.encode(text[a:b]) for a, b in itertools.pairwise(edges)]
            payload = self._encode(symbols, progress)
        if other:
            rest_params, rest = _rest().encode(other)
            payload = varint(len(payload)) + payload + varint(len(rest_params)) + rest_params + rest
        if progress is not None:
            progress[0] = len(data)
        return params, payload

    def price(self, data, wish: Wish = BITS_ALONE, progress: np.ndarray | None = None) -> Priced:
        """As :meth:`Predictor.price`, by token; what the model cannot help by the mix's symbols. There are no
        distributions over bytes: :class:`NzipError` where they are asked for."""
        if wish.rows is not None:
            raise NzipError(
                f"{self.spelling} codes tokens, so there is no distribution of each next byte: take it as an "
                f"expert of the mix, mix+{self.spelling}"
            )
        data = bytes(data)
        lengths = spans.find(data, self.model)
        text, other = spans.split(data, lengths)
        lanes = self.settings.lanes_for(len(text))
        params, streams, payload = bytes([lanes - 1]), list[PricedStream](), 0
        if lengths != [len(data)]:
            params += b"".join(map(varint, lengths))
        if text:
            own = self._price_text(text, lanes, wish.guesses, progress)
            payload = own.coded
            streams.append(placed(own, lengths, 0))
        if other:
            rest = _rest().price(other, wish)
            said = varint(len(rest.params)) + rest.params
            head = varint(payload) + said
            payload += len(head) + rest.payload
            rest.streams[0].bits[0] += 8 * len(head)
            streams += [placed(stream, lengths, 1) for stream in rest.streams]
        if progress is not None:
            progress[0] = len(data)
        return Priced(params, payload, tuple(streams))

    def _price_text(self, text: bytes, lanes: int, guesses: int, progress: np.ndarray | None) -> PricedStream:
        """All of ``text`` as tokens, by place in it."""
        vocabulary = self.model.vocabulary
        edges = [len(text) * lane // lanes for lane in range(lanes + 1)]
        symbols = [vocabulary.encode(text[a:b]) for a, b in itertools.pairwise(edges)]
        ledgers = [Ledger.of(len(s), guesses) for s in symbols]
        payload = self._encode(symbols, progress, ledgers)
        sizes = [np.array([len(vocabulary.symbol_bytes(x)) for x in s], np.int32) for s in symbols]
        starts = [e + np.cumsum(n, dtype=np.int64) - n for e, n in zip(edges, sizes, strict=False)]
        whole = Ledger(*map(np.concatenate, zip(*ledgers, strict=True)))
        return PricedStream(
            "text", "tokens", "", len(text), len(payload), np.concatenate(starts), np.concatenate(sizes),
            whole.bits, None, named(whole, vocabulary) if guesses else None,
        )  # fmt: skip

    def _encode(self, symbols: list[np.ndarray], progress=None, ledgers: list[Ledger] | None = None) -> bytes:
        """``ledgers``: by lane, what is written down of each symbol."""
        size = self.model.vocabulary.size
        lengths = np.array([len(s) for s in symbols])
        engine = self.model.engine
        state = new_state(size, len(symbols), int(lengths.max(initial=0)) + 1, engine.shape.width)
        runner = Runner(
            engine,
            self.model.vocabulary.start,
            self.settings.window_for(len(symbols)),
            len(symbols),
            state.bias,
            state.continuous_cache,
            [s[s < size] for s in symbols],
            self._threads,
        )
        range_coder = np.zeros(3, np.uint64)
        out = np.zeros(1 << 16, np.uint8)
        start_encoder(range_coder)
        try:
            for step in range(int(lengths.max(initial=0))):
                active = np.flatnonzero(step < lengths)
                runner.prepare(active)
                if len(out) < int(range_coder[POSITION]) + coder.ROOM * (len(active) + 1):
                    out = np.concatenate([out, np.zeros(len(out), np.uint8)])
                for lane in active:
                    symbol = symbols[lane][step]
                    f, total = runner.frequencies[lane], runner.totals[lane]
                    before = 0.0
                    if ledgers is not None:
                        before = spent(range_coder)
                        if ledgers[lane].ranks.shape[1]:
                            ranks, chances = ledgers[lane].ranks[step], ledgers[lane].chances[step]
                            coder.likeliest(state, lane, f, total, ranks, chances)
                    coder.encode_token(state, lane, f, total, symbol, range_coder, out)
                    if ledgers is not None:
                        ledgers[lane].bits[step] = spent(range_coder) - before
                    if symbol < size:
                        runner.advance(lane, symbol)
                runner.settle(active, [symbols[lane][step] for lane in active])
                if progress is not None:
                    progress[0] += int(
                        sum(len(self.model.vocabulary.symbol_bytes(symbols[lane][step])) for lane in active)
                    )
        finally:
            runner.close()
        return out[: finish_encoder(range_coder, out)].tobytes()

    # Decoding.

    def decode(
        self,
        params: bytes,
        payload,
        size: int,
        progress: np.ndarray | None = None,
        sink: Callable[[int, memoryview], None] | None = None,
    ) -> bytes:
        if not params or params[0] >= MAX_LANES:
            raise CorruptError("a block of lm without its lanes, or with more than it can have")
        lanes = params[0] + 1
        lengths = spans.parse(params[1:], size) if len(params) > 1 else [size]
        text_size, payload = sum(lengths[::2]), bytes(payload)
        if lanes != self.settings.lanes_for(text_size):
            raise CorruptError("a block of lm with another number of lanes than its predictor gives it")
        rest = b""
        if text_size < size:
            length, at = read_varint(payload, 0, spans.NUMBER)
            if at + length >= len(payload):
                raise CorruptError("a block of lm that ends inside its tokens")
            own, rest = payload[at : at + length], payload[at + length :]
        else:
            own = payload
        sinks = [spans.placed(sink, lengths, kind) if sink is not None else None for kind in (0, 1)]
        text = self._decode(own, lanes, text_size, progress, sinks[0]) if text_size else b""
        other = b""
        if text_size < size:
            n, at = read_varint(rest, 0, spans.NUMBER)
            other = _rest().decode(rest[at : at + n], rest[at + n :], size - text_size, sink=sinks[1])
        if progress is not None:
            progress[0] = size
        return spans.join(text, other, lengths)

    def _decode(self, payload: bytes, lanes: int, size: int, progress=None, sink=None) -> bytes:
        vocabulary = self.model.vocabulary
        edges = [size * lane // lanes for lane in range(lanes + 1)]
        wanted = np.diff(edges)
        engine = self.model.engine
        state = new_state(vocabulary.size, lanes, int(wanted.max()) + 1, engine.shape.width)
        runner = Runner(
            engine,
            vocabulary.start,
            self.settings.window_for(lanes),
            lanes,
            state.bias,
            state.continuous_cache,
            None,
            self._threads,
        )
        range_coder = np.zeros(4, np.uint64)
        data = np.frombuffer(payload or b"\0", np.uint8).copy()
        start_decoder(range_coder, data)
        text = [bytearray() for _ in range(lanes)]
        told = np.zeros(lanes, np.int64)
        done = np.zeros(lanes, np.int64)
        try:
            while True:
                active = np.flatnonzero(done < wanted)
                if not len(active):
                    break
                runner.prepare(active)
                seen = []
                for lane in active:
                    symbol = coder.decode_token(
                        state, lane, runner.frequencies[lane], runner.totals[lane], range_coder, data
                    )
                    seen.append(symbol)
                    piece = vocabulary.symbol_bytes(symbol)
                    if not piece or range_coder[DAMAGED]:
                        raise CorruptError("the coded tokens are damaged")
                    text[lane] += piece
                    done[lane] += len(piece)
                    if symbol < vocabulary.size:
                        runner.advance(lane, symbol)
                runner.settle(active, seen)
                if progress is not None:
                    progress[0] = int(np.minimum(done, wanted).sum())
                if sink is not None:
                    for lane in np.flatnonzero((done - told >= _TOLD) | ((done >= wanted) & (told < wanted))):
                        part = bytes(text[lane][told[lane] : wanted[lane]])
                        sink(edges[lane] + int(told[lane]), memoryview(part))
                        told[lane] += len(part)
        finally:
            runner.close()
        return b"".join(lane[:n] for lane, n in zip(text, wanted))


@functools.lru_cache(maxsize=1)
def _rest() -> MixPredictor:
    return MixPredictor(REST)
