"""``MixPredictor``: the mix as a predictor of blocks, with or without experts.

A block is cut into streams by content (usually it is one), and these are coded one after the other, each with
a plan of its own (stream.py). A block's params say all that the decoder cannot know (params.py), and its
payload begins with the layout of the streams' segments, where there are several (segments.py).

A stream is copied once where it is all of the block, and twice where it is gathered from it. Concession:
streams of one block are coded one after the other; threads go over blocks.
"""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import numpy as np
import xxhash

from nzip.errors import NzipError
from nzip.exact.jit import is_kept
from nzip.hashes import text_hash
from nzip.predictors.base import Expert, Predictor
from nzip.predictors.kinds import STORED, TEXT, Content
from nzip.predictors.mix import cutting, heads, pricing, trials
from nzip.predictors.mix import params as parameters
from nzip.predictors.mix import segments as layout
from nzip.predictors.mix.handing_on import Scattering, Sink
from nzip.predictors.mix.kernel import best
from nzip.predictors.mix.params import Block, Descriptor, Stream
from nzip.predictors.mix.plan import LEVELS, plan
from nzip.predictors.mix.pool import POOL
from nzip.predictors.mix.primer_choice import Start
from nzip.predictors.mix.primers import HASH_BYTES, HEAD, USER, Primer
from nzip.predictors.mix.segments import Segments
from nzip.predictors.mix.stream import MAX_LANES, Progress, Streams, untold
from nzip.predictors.mix.words.dictionary import Dictionary, parse
from nzip.predictors.own_primer import OwnPrimer
from nzip.predictors.pricing import BITS_ALONE, Priced, Wish

MAX_EXPERTS = 6


class MixPredictor(Predictor):
    """``mix:LEVEL``, LEVEL 0 to 5, with any number of experts as further inputs.

    ``lanes``: lanes that a stream is cut into when there are experts (1 to 192; without experts always 1);
    None: as many as the experts want. ``primed``: False never starts warm. ``primer``: one of the user's own
    to start from, in place of the shipped ones; the decoder must be given the same.

    Use it where a spelling cannot say what you want (``lanes``, ``primed``); else let
    :func:`nzip.predictors.registry.create` make it from ``"mix:3"``."""

    reports_progress = True
    hands_on = True

    def __init__(
        self,
        level: int,
        experts: tuple[Expert, ...] = (),
        lanes: int | None = None,
        primed: bool = True,
        primer: OwnPrimer | None = None,
    ):
        if level not in LEVELS:
            raise ValueError(f"mix has the levels 0 to 5, not {level!r}")
        if lanes is not None and not 1 <= lanes <= MAX_LANES:
            raise ValueError(f"lanes must be 1 to {MAX_LANES}, not {lanes}")
        if len(experts) > MAX_EXPERTS:
            raise ValueError(f"at most {MAX_EXPERTS} experts, not {len(experts)}")
        self._options: dict[str, Any] = {
            "level": level, "experts": experts, "lanes": lanes, "primed": primed, "primer": primer,
        }  # fmt: skip
        self.level = level
        # Leading ones first: the first's confidence picks weights.
        self.experts = tuple(sorted(experts, key=lambda e: not e.leads))
        self.lanes = lanes
        self.primed = primed
        self.primer = primer
        self.exact = all(e.exact for e in self.experts)
        # Experts have learnt more than a head says, and a primer of the user's own, or none, was asked for.
        self.takes_head = primed and primer is None and not experts
        self.spelling = "+".join([f"mix:{level}", *(e.spelling for e in self.experts)])
        self._streams = Streams(level, self.experts, lanes, primed, *_own(primer))
        self._probe: bytes | None = None  # of thousands of files it is asked for each

    def _with(self, **changes) -> MixPredictor:
        """The same predictor, made with ``changes`` to the arguments of its own making."""
        return MixPredictor(**{**self._options, **changes})

    def config(self) -> dict:
        own = {"primer": self.primer.hash.hex()} if self.primer else {}
        return {e.spelling: c for e in self.experts if (c := e.config())} | own

    def with_primer(self, primer: OwnPrimer | None) -> MixPredictor:
        return self._with(primed=primer is not None, primer=primer)

    def with_experts(self, experts: tuple[Expert, ...]) -> MixPredictor:
        return self._with(experts=experts)

    def with_head(self, head: bytes) -> MixPredictor:
        if self.experts or self.primer is not None:
            raise NzipError(f"blocks of {self.spelling} start from no head of their stream")
        found = copy.copy(self)
        found._streams = self._streams._replace(head=heads.primer_of(head) if head else None)
        return found

    def needs_head(self, params: bytes, size: int, coded: int) -> bool:
        block = parameters.read(params, size, coded, bool(self.experts))
        return any(stream.descriptor.primer == HEAD for stream in block.streams)

    def must_compile(self) -> bool:
        kernel = best(plan(self.level, TEXT), len(self.experts))
        return not kernel.signatures and not is_kept(kernel)

    def memory(self, block_size: int) -> int:
        """Streams are coded one after the other, so the largest, at most all of the block, is what counts;
        beside it the block that its streams are put together in."""
        return self._streams.memory(block_size) + 2 * block_size + layout.memory(block_size)

    def shared_memory(self) -> int:
        return self._streams.head_memory()

    def encoding_memory(self, block_size: int) -> int:
        """What starts are tried from may be held beside it (pool.py)."""
        return self.memory(block_size) + (POOL.most if self.primed and self.primer is None else 0)

    def sharing(self) -> contextlib.AbstractContextManager[object]:
        return POOL.held()

    def probe(self) -> bytes:
        """Hash of what coding a fixed kilobyte of every flavour of byte gives, end state of the weights
        included; where experts have networks for words, of its first quarter, too."""
        if self._probe is None:
            self._probe = self._probed()
        return self._probe

    def _probed(self) -> bytes:
        # Small numbers with repeats, words and rows: made by arithmetic so that no file is needed.
        i = np.arange(1024, dtype=np.int64)
        data = np.where(i % 3 == 0, 32 + (i * i >> 5) % 90, 97 + (i >> 3) * 7 % 26).astype(np.uint8)
        digest = xxhash.xxh3_64()
        for form in self._streams.told_forms():
            reading = tuple(found for e in self.experts if (found := e.reading(form)) is not None)
            some = self._streams._replace(experts=reading)
            part = data[:256] if form else data  # that much tells networks apart, and a file waits for it
            payload, mix = some.code(part, Content(TEXT), some.lanes_for(4), None)
            digest.update(payload + mix.final_weights.tobytes() + mix.state_map.tobytes())
        return digest.digest()

    def encode(self, data, progress: np.ndarray | None = None) -> tuple[bytes, bytes]:
        block = np.frombuffer(data, np.uint8)
        with POOL.held():  # what is tried and what is coded share primed mixes
            cut = cutting.streams(block, self.primed and self.primer is None, self._streams.transforms)
            return self.encode_streams(block, cut.contents, cut.segments, progress, cut.starts)

    def encode_streams(
        self,
        block: np.ndarray,
        contents: list[Content],
        segments: Segments | None,
        progress: np.ndarray | None = None,
        starts: list[Start | None] | None = None,
    ) -> tuple[bytes, bytes]:
        """As :meth:`encode`, with ``block`` (uint8) cut so: a content for each stream, and the segments of
        more than one. A stream that coding does not make smaller is stored. ``starts``: what
        :class:`nzip.predictors.mix.cutting.Cut` says of them."""
        experts = bool(self.experts)
        if segments is None:
            descriptor, payload = trials.encode(self._streams, block, contents[0], _report(progress, 0))
            block_of = Block(0, (Stream(descriptor, len(block), len(payload)),))
            return parameters.pack(block_of, experts), payload
        packed = layout.pack(segments, len(contents))
        coded, payloads, done = list[Stream](), [packed], 0
        for number, content in enumerate(contents):
            own = layout.gather(block, segments, number)
            start = starts[number] if starts else None
            descriptor, payload = trials.encode(self._streams, own, content, _report(progress, done), start)
            if len(payload) >= len(own):
                descriptor, payload = Descriptor(Content(STORED)), own.tobytes()
            coded.append(Stream(descriptor, len(own), len(payload)))
            payloads.append(payload)
            done += len(own)
            _report(progress, done)(0)
        return parameters.pack(Block(len(packed), tuple(coded)), experts), b"".join(payloads)

    def price(self, data, wish: Wish = BITS_ALONE, progress: np.ndarray | None = None) -> Priced:
        block = np.frombuffer(data, np.uint8)
        streams = self._streams._replace(raw=wish.raw)
        cut = cutting.streams(block, self.primed and self.primer is None, streams.transforms)
        return pricing.price(streams, block, cut, wish, _report(progress, 0))

    def decode(
        self,
        params: bytes,
        payload,
        size: int,
        progress: np.ndarray | None = None,
        sink: Sink | None = None,
    ) -> bytes:
        block = parameters.read(params, size, len(payload), bool(self.experts))
        if len(block.streams) == 1:
            descriptor = block.streams[0].descriptor
            return self._streams.decode(descriptor, payload, size, _report(progress, 0), sink).tobytes()
        payload = memoryview(payload)
        segments = layout.read(payload[: block.layout], [s.size for s in block.streams])
        scattering = Scattering(segments, size, sink)
        at, done = block.layout, 0
        for number, (descriptor, own, coded) in enumerate(block.streams):
            take = scattering.stream(number)
            part = payload[at : at + coded]
            self._streams.decode(descriptor, part, own, _report(progress, done), take)
            at, done = at + coded, done + own
        return scattering.block.tobytes()


def _own(primer: OwnPrimer | None) -> tuple[Primer | None, Dictionary | None]:
    """What streams start from, and what may code their words, of a primer of the user's own."""
    if primer is None:
        return None, None
    start = Primer(USER, "of the user", primer.text, text_hash(primer.text)[:HASH_BYTES])
    return start, parse(primer.dictionary) if primer.dictionary else None


def _report(progress: np.ndarray | None, before: int) -> Progress:
    """What keeps ``progress`` (see :attr:`Predictor.reports_progress`) of a stream with ``before`` bytes of
    the block done already."""
    if progress is None:
        return untold

    def report(done: int) -> None:
        progress[0] = before + done

    return report
