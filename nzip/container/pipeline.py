"""Whole streams: read, code blocks on several threads, write in order, with bounded memory.

The bytes never depend on the number of threads: a stream is cut into blocks before they are handed out,
and every block starts from nothing. At most ``threads`` blocks are under way, and never more than the
memory limit allows (one at least).
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import xxhash

from nzip import codec
from nzip.container import parser, passport
from nzip.container.meter import Meter
from nzip.container.writer import HashedBlock, StreamWriter, code_block
from nzip.errors import CorruptError, LimitError, NzipError

# Measured on text: two blocks of 500 KB cost 3.7% in size, so blocks are large.
DEFAULT_BLOCK_SIZE = 16 << 20
# What decoding may take unless the caller says otherwise, all threads together.
DEFAULT_MEMORY = 4 << 30


def default_budget() -> int | None:
    """Where no limit is given: blocks under way may take half of the machine's memory together. One block
    may always take what it needs."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return None


def thread_count(threads: int) -> int:
    """0 stands for every core that this process may run on."""
    if threads < 0:
        raise ValueError("the number of threads is 0 (all cores) or more")
    return threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads or os.cpu_count() or 1


class Workers:
    """Runs jobs in order of submission and hands their results back in that order.

    ``threads`` = 1 runs each job at once in the calling thread, unless ``background`` asks for a thread of
    its own, so that the caller stays open to signals. ``memory`` (bytes, or None) bounds the sum of the
    weights under way; one job always runs.
    """

    def __init__(self, threads: int, memory: int | None, background: bool = False):
        self._threads = thread_count(threads)
        self._memory = default_budget() if memory is None else memory
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 or background else None
        self.immediate = self._pool is None
        self._queue: deque[tuple[Future, int]] = deque()
        self._weight = 0

    def submit(self, weight: int, job, *args):
        """Queue ``job(*args)``; yields earlier results where there is no room for it yet."""
        while self._queue and (
            self._queue[0][0].done()
            or len(self._queue) >= self._threads
            or (self._memory is not None and self._weight + weight > self._memory)
        ):
            yield self._pop()
        if self._pool is None:
            future: Future = Future()
            future.set_result(job(*args))
        else:
            future = self._pool.submit(job, *args)
        self._queue.append((future, weight))
        self._weight += weight

    def drain(self):
        """Yields the results still under way."""
        while self._queue:
            yield self._pop()

    def _pop(self):
        future, weight = self._queue[0]
        result = future.result()
        self._queue.popleft()
        self._weight -= weight
        return result

    def close(self) -> None:
        """Forget what is under way. A job that runs is not waited for: its result is dropped."""
        self._queue.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


class StreamEncoder:
    """Takes data in pieces, and hands one stream after another to ``write``, in pieces of its own.

    ``threads``, ``background``: see :class:`Workers`. ``memory``: a limit in bytes, or None. ``verify`` decodes
    each block as soon as it is coded; by default where the predictor is not exact.
    """

    def __init__(
        self,
        write,
        predictor,
        *,
        block_size: int = DEFAULT_BLOCK_SIZE,
        threads: int = 1,
        memory: int | None = None,
        verify: bool | None = None,
        meter: Meter | None = None,
        background: bool = False,
    ):
        check_block_size(block_size)
        self._write = write
        self._predictor = predictor
        self._block_size = block_size
        self._memory = memory
        self._verify = not predictor.exact if verify is None else verify
        self._meter = meter or Meter()
        self._meter.preparing(predictor)
        self._passport = passport.Passport.of(predictor)
        self._workers = Workers(threads, memory, background)
        self._writer: StreamWriter | None = None
        self._pending = bytearray()

    def write(self, data) -> None:
        """Take in a flat view of bytes, or bytes."""
        view = memoryview(data)
        while len(view):
            room = self._block_size - len(self._pending)
            self._pending += view[:room]
            view = view[room:]
            if len(self._pending) == self._block_size:
                self._cut()

    def flush_block(self) -> None:
        """End the block under way, and write everything up to it."""
        if self._pending:
            self._cut()
        for block in self._workers.drain():
            self._put(block)

    def finish(self) -> None:
        """End the stream. More data begins another one."""
        self.flush_block()
        self._begin()
        self._emit(0, self._writer.end())
        self._writer = None

    def close(self) -> None:
        """Let the threads go; what was not finished is lost."""
        self._workers.close()

    def _begin(self) -> None:
        if self._writer is None:
            self._writer = StreamWriter(self._passport)
            self._emit(0, self._writer.header())

    def _cut(self) -> None:
        self._begin()
        data = bytes(self._pending)
        self._pending.clear()
        weight = self._predictor.memory(len(data))
        check_memory(weight, self._memory, "compressing", self._predictor.spelling)
        self._writer.saw(data)
        for block in self._workers.submit(weight, self._job, data):
            self._put(block)
        if self._workers.immediate:
            for block in self._workers.drain():
                self._put(block)

    def _job(self, data: bytes) -> HashedBlock:
        with self._meter.block(len(data)) as progress:
            return code_block(self._predictor, data, verify=self._verify, progress=progress)

    def _put(self, block: HashedBlock) -> None:
        head, payload = self._writer.block(block)
        self._emit(block.size, head, payload)

    def _emit(self, consumed: int, *parts: bytes) -> None:
        for part in parts:
            self._write(part)
        self._meter.finished(consumed, sum(map(len, parts)))


def encode_stream(source, write, predictor, **options) -> None:
    """Compress ``source`` (read(n), to its end) into one stream; the rest as for :class:`StreamEncoder`."""
    encoder = StreamEncoder(write, predictor, **options)
    # What a pipe has now, rather than waiting until it has a chunk.
    read = getattr(source, "read1", source.read)
    try:
        while data := read(parser.CHUNK):
            encoder.write(data)
        encoder.finish()
    finally:
        encoder.close()


class StreamDecoder:
    """Decodes the blocks of one stream after another, and checks each stream's predictor and file hash.

    ``predictor``: a predictor object to be used where its spelling is the file's; else the registry's.
    """

    def __init__(self, predictor=None, memory: int | None = DEFAULT_MEMORY, meter: Meter | None = None):
        self._given = predictor
        self._memory = memory
        self._meter = meter or Meter()
        self._predictor = None
        self._start: parser.StreamStart | None = None
        self._hash = xxhash.xxh3_64()

    def start(self, event: parser.StreamStart) -> None:
        """A new stream begins."""
        self._start = event
        self._predictor = None
        self._hash = xxhash.xxh3_64()

    def prepare(self, block: parser.Block):
        """Before a block is decoded: ``(memory it needs, its job)``. Raises :class:`LimitError`, and
        :class:`nzip.errors.ModelMismatchError` at the first coded block; stored ones need no predictor."""
        predictor, start, header = None, self._start, block.header
        weight = header.size + header.payload_size
        if header.method != codec.STORED:
            if self._predictor is None:
                self._predictor = find_predictor(start.passport, self._given, self._meter)
            predictor = self._predictor
            weight = max(weight, predictor.memory(header.size))
        check_memory(weight, self._memory, "decoding", start.passport.spelling)

        def job(progress=None):
            return parser.decode(block, predictor, start, progress)

        return weight, job

    def saw(self, data) -> None:
        """Tell of decoded bytes, in order, for the whole-file hash."""
        self._hash.update(data)

    def end(self, event: parser.StreamEnd) -> None:
        """The stream's end. Raises :class:`CorruptError` where the whole-file hash differs."""
        if event.file_hash is not None and event.file_hash != self._hash.intdigest():
            raise CorruptError("the whole-file hash differs, though every block's is right")


def find_predictor(found: passport.Passport, given, meter: Meter):
    """The predictor that a passport names, its answers checked against the passport's."""
    if given is None or given.spelling != found.spelling:
        from nzip.predictors import registry

        given = registry.create_for_reading(found.spelling)
    meter.preparing(given)
    passport.check(found, given)
    return given


def decode_stream(
    source,
    *,
    predictor=None,
    threads: int = 1,
    memory: int | None = DEFAULT_MEMORY,
    max_size: int | None = None,
    meter: Meter | None = None,
    background: bool = False,
):
    """Yield the decoded bytes of every stream in ``source`` (read(n)), block by block and in order.

    Where block n is damaged, the blocks before it are yielded before the error is raised. ``max_size``:
    raise :class:`LimitError` before a block is decoded that would make the output longer.
    """
    promised = 0
    meter = meter or Meter()
    decoder = StreamDecoder(predictor, memory, meter)
    workers = Workers(threads, memory, background)

    def run(block, job):
        with meter.block(block.header.size) as progress:
            return block, job(progress)

    def finish(result):
        block, data = result
        decoder.saw(data)
        meter.finished(block.header.frame_size, len(data))
        return data

    def events():
        try:
            yield from parser.pull(source, parser.parse())
        except NzipError as error:
            yield error

    try:
        for event in events():
            if isinstance(event, parser.Block):
                try:
                    promised += event.header.size
                    check_size(promised, max_size)
                    weight, job = decoder.prepare(event)
                except NzipError as error:
                    event = error
                else:
                    for result in workers.submit(weight, run, event, job):
                        yield finish(result)
                    continue
            for result in workers.drain():
                yield finish(result)
            if isinstance(event, NzipError):
                raise event
            if isinstance(event, parser.StreamStart):
                decoder.start(event)
            elif isinstance(event, parser.StreamEnd):
                decoder.end(event)
                meter.consumed = event.offset
    finally:
        workers.close()


def check_block_size(block_size: int) -> None:
    """Raises :class:`ValueError` for block sizes outside 1 byte .. 1 GiB."""
    from nzip.container.framing import MAX_BLOCK

    if not 1 <= block_size <= MAX_BLOCK:
        raise ValueError(f"a block holds 1 byte to 1 GiB, not {block_size} bytes")


def check_size(size: int, limit: int | None) -> None:
    """Raises :class:`LimitError` where decoding would give more than ``limit`` bytes."""
    if limit is not None and size > limit:
        raise LimitError(f"the decoded data is longer than the limit of {limit} bytes")


def check_memory(needed: int, limit: int | None, doing: str, spelling: str) -> None:
    """Raises :class:`LimitError` that says which limit would do."""
    if limit is not None and needed > limit:
        raise LimitError(
            f"{doing} with {spelling} needs {-(-needed >> 20)} MiB of memory, and the limit is {limit >> 20} MiB: "
            f"allow it with --memory {-(-needed >> 20)}MiB (memory={needed} in Python)"
        )
