"""Whole streams: read, code blocks on several threads, write in order, with bounded memory.

The bytes never depend on the number of threads: a stream is cut into blocks before they are handed out,
and every block starts from nothing. At most ``threads`` blocks are under way, and never more than the
memory limit allows (one at least).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from nzip import codec
from nzip.container import framing, heads, parser, passport, resume
from nzip.container.check_points import CHECK_POINT
from nzip.container.decoding import DEFAULT_MEMORY, StreamDecoder, check_size
from nzip.container.embedded_models import Model
from nzip.container.limits import check_memory
from nzip.container.meter import Meter
from nzip.container.short_streams import Alone, Lesser, smallest
from nzip.container.workers import Budget, Workers
from nzip.container.writer import HashedBlock, StreamWriter, code_block
from nzip.errors import NzipError
from nzip.exact.compiler import need_compiler
from nzip.io import streams
from nzip.predictors.own_primer import OwnPrimer

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor
    from nzip.predictors.model_files import Models

# Measured on text: two blocks of 500 KB cost 3.7% in size, so blocks are large. Where later ones start from
# the head of the first, blocks of a quarter cost a hundredth (docs/SPEED.md), and what is larger than one
# block keeps four times the threads busy. From 16 such blocks on they are as large as makes full rounds of
# 16: of 24 blocks, 16 cores do 16 and then 8.
DEFAULT_BLOCK_SIZE = 16 << 20
HEADED_BLOCK_SIZE = 4 << 20
LARGEST_HEADED = 8 << 20
AT_ONCE = 16


class StreamEncoder:
    """Takes data in pieces, and hands one stream after another to ``write``, in pieces of its own.

    ``threads``, ``background``, ``budget``: see :class:`Workers`. ``memory``: a limit in bytes, or None.
    ``verify`` decodes each block as soon as it is coded; by default where the predictor is not exact.
    ``models``: to be embedded in every stream (:func:`nzip.container.embedded_models.embed`).
    ``block_size``: None for what :func:`block_size_for` says of ``size`` bytes to come (None: nobody
    knows). ``lesser``: other ways for short streams; the smallest stream is kept."""

    def __init__(
        self,
        write: Callable[[bytes | memoryview], object],
        predictor: Predictor,
        *,
        block_size: int | None = None,
        size: int | None = None,
        threads: int = 1,
        memory: int | None = None,
        verify: bool | None = None,
        meter: Meter | None = None,
        background: bool = False,
        models: tuple[Model, ...] = (),
        budget: Budget | None = None,
        lesser: tuple[Lesser, ...] = (),
    ):
        if block_size is None:
            block_size = block_size_for(predictor, size)
        check_block_size(block_size)
        need_compiler()
        self._write = write
        self._predictor = predictor
        self._block_size = block_size
        self._memory = memory
        self._verify = not predictor.exact if verify is None else verify
        self._meter = meter or Meter()
        self._meter.preparing(predictor)
        self._unprobed = passport.Passport.unprobed(predictor)
        self._models = models
        self._lesser = lesser
        self._workers = Workers(threads, memory, background, budget)
        self._writer: StreamWriter | None = None
        self._later: Predictor | None = None  # of blocks after the open stream's first
        self._pending = bytearray()

    def write(self, data) -> None:
        """Take in a flat view of bytes, or bytes."""
        with memoryview(data) as view:  # which an error's traceback must not keep
            at = 0
            while at < len(view):
                room = self._block_size - len(self._pending)
                self._pending += view[at : at + room]
                at += room
                if len(self._pending) == self._block_size:
                    self._cut()

    def flush_block(self) -> None:
        """End the block under way, and write everything up to it."""
        if self._pending:
            self._cut()
        for block in self._workers.drain():
            self._put(block)

    def go_on(self, partial: resume.Partial, source) -> None:
        """Before anything is written: go on with what an earlier run left in ``partial``, which is also what
        this encoder writes to, of the stream of ``source``, a seekable file at its start."""
        writer = StreamWriter(self._passport, self._models)
        kept = resume.keep_blocks(partial, source, writer, self._block_size)
        if kept.blocks:
            self._writer = writer
            self._later = self._after(kept.first)
        self._meter.went_on(kept.decoded, kept.stored, kept.decoded)
        if kept.note is not None:
            self._meter.note(kept.note)

    def finish(self) -> None:
        """End the stream. More data begins another one."""
        ways = [way for way in self._lesser if len(self._pending) <= way.most]
        if ways and self._pending and self._writer is None:
            self._cut_alone([self._predictor, *(way.predictor() for way in ways)])
        self.flush_block()
        self._emit(0, self._begin().end())
        self._writer = self._later = None

    def adopt(self) -> None:
        """After a fork, in the child: go on here, where nothing was begun."""
        self._workers.adopt()

    def close(self) -> None:
        """Let the threads go; what was not finished is lost."""
        self._workers.close()

    @functools.cached_property
    def _passport(self) -> passport.Passport:
        """Of the stream's own predictor: a short stream may be another's."""
        return self._unprobed.probed(self._predictor)

    def _begin(self) -> StreamWriter:
        """The open stream's writer, of a new stream where none is open."""
        if self._writer is None:
            self._writer = StreamWriter(self._passport, self._models)
            self._emit(0, self._writer.header())
        return self._writer

    def _cut(self) -> None:
        writer = self._begin()
        # Not copied but given up: the block's job, its hash and a stored block's payload are views of this
        # buffer, and the next block gets another.
        data, self._pending = memoryview(self._pending).toreadonly(), bytearray()
        coder = self._later or self._predictor
        weight, shared = coder.encoding_memory(len(data)), coder.shared_memory()
        check_memory(weight, self._memory, "compressing", coder.spelling)
        writer.saw(data)
        self._workers.share(shared)
        for block in self._workers.submit(weight - shared, self._job, coder, data):
            self._put(block)
        if self._later is None:
            self._later = self._after(heads.of(data) if self._predictor.takes_head else b"")
        if self._workers.immediate:
            for block in self._workers.drain():
                self._put(block)

    def _cut_alone(self, predictors: list[Predictor]) -> None:
        """A stream's only block, by that of ``predictors``, this stream's own first, that makes the stream
        smallest."""
        data, self._pending = memoryview(self._pending).toreadonly(), bytearray()
        weight = max(predictor.encoding_memory(len(data)) for predictor in predictors)
        check_memory(weight, self._memory, "compressing", self._predictor.spelling)
        for predictor in predictors[1:]:
            self._meter.preparing(predictor)
        earlier = self._workers.submit(weight, self._smallest, predictors, data)
        (best,) = (*earlier, *self._workers.drain())
        self._writer = best.writer
        if best.spelling != self._predictor.spelling:
            self._meter.chosen = best.spelling
        self._emit(0, best.writer.header())
        self._emit(len(data), best.head, best.payload)

    def _smallest(self, hand_on, predictors: list[Predictor], data: memoryview) -> Alone:
        return smallest(predictors, data, self._models, self._verify, self._meter)

    def _after(self, head: bytes) -> Predictor:
        """What codes the blocks after a stream's first, whose head this is."""
        return self._predictor.with_head(head) if head else self._predictor

    def _job(self, hand_on, coder: Predictor, data: memoryview) -> HashedBlock:
        with self._meter.block(len(data)) as progress:
            return code_block(coder, data, verify=self._verify, progress=progress)

    def _put(self, block: HashedBlock) -> None:
        head, payload = self._begin().block(block)
        self._emit(block.size, head, payload)

    def _emit(self, consumed: int, *parts: bytes | memoryview) -> None:
        for part in parts:
            self._write(part)
        self._meter.finished(consumed, sum(map(len, parts)))


def encode_stream(
    source,
    write: Callable[[bytes | memoryview], object],
    predictor: Predictor,
    *,
    partial: resume.Partial | None = None,
    **options,
) -> None:
    """Compress ``source`` (read(n), to its end) into one stream; the rest as for :class:`StreamEncoder`, and
    ``partial`` as for its :meth:`StreamEncoder.go_on`."""
    encoder = StreamEncoder(write, predictor, **options)
    try:
        if partial is not None:
            encoder.go_on(partial, source)
        # What a pipe has now, rather than waiting until it has a chunk.
        while data := streams.read_some(source, parser.CHUNK):
            encoder.write(data)
        encoder.finish()
    finally:
        encoder.close()


def decode_stream(
    source,
    *,
    predictor: Predictor | None = None,
    primer: OwnPrimer | None = None,
    models: Models | None = None,
    threads: int = 1,
    memory: int | None = DEFAULT_MEMORY,
    max_size: int | None = None,
    meter: Meter | None = None,
    background: bool = False,
    sooner: bool = False,
    partial: resume.Partial | None = None,
    budget: Budget | None = None,
) -> Generator[bytes, None, None]:
    """Yield the decoded bytes of every stream in ``source`` (read(n)), block by block and in order.

    ``predictor``, ``primer``, ``models``: see :class:`nzip.container.decoding.StreamDecoder`.
    Where block n is damaged, the blocks before it are yielded before the error is raised. ``sooner``: yield
    what check points have proven while the rest of its block is being decoded, in pieces; and of a damaged
    block what comes before the damage. A block may then take a thread of its own, even with one of
    ``threads``. ``max_size``: raise :class:`LimitError` before a block is decoded that would make the output
    longer. ``partial``: what is yielded will be written to, and where an earlier run's bytes stand, which are
    not yielded again; with it, ``source`` should be able to seek.
    """
    promised = 0
    meter = meter or Meter()
    decoder = StreamDecoder(predictor, memory, meter, primer, models)
    workers = Workers(threads, memory, background, budget)
    kept = None if partial is None else resume.KeptBytes(partial)

    def run(hand_on, block, job):
        with meter.block(block.header.size) as progress:
            _in_order(hand_on, job, progress, sooner)
        return block

    def results(found):
        for result in found:
            if isinstance(result, parser.Block):
                meter.finished(result.header.frame_size, 0)
            else:
                decoder.saw(result)
                meter.finished(0, len(result))
                yield result

    def events():
        try:
            how = parser.parse(payloads=kept.choose if kept else "keep", keep_damaged=sooner)
            yield from parser.pull(source, how)
        except NzipError as error:
            yield error

    try:
        for event in events():
            if isinstance(event, parser.Block):
                try:
                    promised += event.header.size
                    check_size(promised, max_size)
                    if event.payload is None and kept is not None:
                        decoder.kept(event, kept.again())
                        meter.went_on(event.header.frame_size, event.header.size, event.header.size)
                        continue
                    weight, job = decoder.prepare(event)
                    workers.share(decoder.shared)
                except NzipError as error:
                    event = error
                else:
                    apart = sooner and _may_come_sooner(event)
                    yield from results(workers.submit(weight, run, event, job, apart=apart))
                    if workers.single:  # a pipe's next block may be long in coming
                        yield from results(workers.drain())
                    continue
            yield from results(workers.drain())
            if isinstance(event, NzipError):
                raise event
            if isinstance(event, parser.StreamStart):
                decoder.start(event)
            elif isinstance(event, parser.StreamEnd):
                decoder.end(event)
                meter.consumed = event.offset
        if kept is not None:
            kept.close()
            if kept.note is not None:
                meter.note(kept.note)
    finally:
        workers.close()


def decode_block(decoder: StreamDecoder, block: parser.Block) -> Generator[bytes, None, None]:
    """The bytes of one block of the stream that ``decoder`` was told of, in pieces, each as soon as it is
    proven. Of a damaged block, what comes before the damage and then the error."""
    workers = Workers(1, None)
    try:
        weight, job = decoder.prepare(block)
        # Who asks for a range wants what comes behind it seldom: decoding waits one check point further on.
        apart = _may_come_sooner(block)
        yield from workers.submit(weight, _in_order, job, None, True, apart=apart, ahead=1)
        yield from workers.drain()
    finally:
        workers.close()


def _may_come_sooner(block: parser.Block) -> bool:
    return block.header.method == codec.CODED and bool(block.header.check_points)


def _in_order(hand_on: Callable[[bytes], None], job: Callable[..., bytes], progress, sooner: bool) -> None:
    """Do a block's job and hand its bytes on, ``sooner`` or all at once."""
    pieces = _InOrder(hand_on)
    pieces.rest(job(progress, pieces if sooner else None))


class _InOrder:
    """A block's segments as they are proven, handed on from the first to the last."""

    def __init__(self, hand_on: Callable[[bytes], None]):
        self._hand_on = hand_on
        self._waiting: dict[int, bytes] = {}
        self._given = 0  # bytes of the block

    def __call__(self, start: int, data: memoryview) -> None:
        self._waiting[start] = bytes(data)
        while (part := self._waiting.pop(self._given, None)) is not None:
            self._given += len(part)
            self._hand_on(part)

    def rest(self, data: bytes) -> None:
        """The whole block was proven."""
        self._hand_on(data[self._given :] if self._given else data)


def block_size_for(predictor: Predictor, size: int | None) -> int:
    """Bytes a block of ``size`` bytes (None: nobody knows how many come), unless told otherwise; never a
    matter of threads, on which bytes must not depend. Whole segments of check points."""
    if not predictor.takes_head or size is None or size <= DEFAULT_BLOCK_SIZE:
        return DEFAULT_BLOCK_SIZE
    rounds = -(-size // (AT_ONCE * LARGEST_HEADED))
    segments = -(-size // (AT_ONCE * rounds * CHECK_POINT))
    return max(HEADED_BLOCK_SIZE, segments * CHECK_POINT)


def check_block_size(block_size: int) -> None:
    """Raises :class:`ValueError` for block sizes outside 1 byte .. 1 GiB."""
    if not 1 <= block_size <= framing.MAX_BLOCK:
        raise ValueError(f"a block holds 1 byte to 1 GiB, not {block_size} bytes")
