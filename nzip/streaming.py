"""Compression in pieces, for data that comes and goes in pieces: the twins of ``lzma``'s and
``compression.zstd``'s classes.

Both work in the calling thread, one block at a time: a :class:`Compressor` gives nothing until a block is
full (16 MiB by default) or flushed, and a :class:`Decompressor` gives a block's bytes once all of it is in.
Threads may share one: a call at a time, each piece whole. After an error (an interruption, too) every call
raises it again. Concession: for work on several threads use :func:`nzip.open` or the one-shot calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Unpack

from nzip.api import as_bytes
from nzip.container import decoding, parser, pipeline
from nzip.options import BlockOptions, Primer, chosen, own_primer, settled, shown
from nzip.predictors.base import Predictor
from nzip.predictors.model_files import Models
from nzip.turns import Turns

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Compressor:
    """Compresses data fed in pieces. Parameters as for :func:`nzip.compress`, but that one thread does it
    all. Use it where data comes in pieces and the result goes out in pieces (sockets, message queues); for
    files take :func:`nzip.open`, for bytes in memory :func:`nzip.compress`.

    >>> compressor = Compressor(level=1)
    >>> stream = compressor.compress(b"some ") + compressor.compress(b"data") + compressor.flush()
    >>> Decompressor().decompress(stream)
    b'some data'

    After ``flush()`` the stream is complete; more data begins another one, and the two concatenated
    decompress to all of it.
    """

    CONTINUE = 0  # keep data back until a block is full
    FLUSH_BLOCK = 1  # end the block: everything so far can be decoded from what was given out
    FLUSH_FRAME = 2  # end the stream

    @shown
    def __init__(self, level: int | None = None, **options: Unpack[BlockOptions]):
        self._out: list[bytes | memoryview] = []
        predictor, machinery = chosen(level, settled(BlockOptions, options))
        self._encoder = pipeline.StreamEncoder(self._out.append, predictor, **machinery)
        self._last_mode = self.FLUSH_FRAME
        self._turns = Turns()

    @property
    def last_mode(self) -> int:
        """The mode of the last call; FLUSH_FRAME at first. FLUSH_FRAME means that no stream is open."""
        return self._last_mode

    def compress(self, data: Buffer, mode: int = CONTINUE) -> bytes:
        """Take ``data`` in, and return what of the stream is ready (often ``b""``)."""
        if mode not in (self.CONTINUE, self.FLUSH_BLOCK, self.FLUSH_FRAME):
            raise ValueError("mode is CONTINUE, FLUSH_BLOCK or FLUSH_FRAME")
        with as_bytes(data) as view:
            return self._turns.run(lambda: self._compress(view, mode))

    def _compress(self, view: memoryview, mode: int) -> bytes:
        self._encoder.write(view)
        if mode == self.FLUSH_BLOCK:
            self._encoder.flush_block()
        elif mode == self.FLUSH_FRAME:
            self._encoder.finish()
        self._last_mode = mode
        out = b"".join(self._out)
        self._out.clear()
        return out

    def flush(self, mode: int = FLUSH_FRAME) -> bytes:
        """End the stream (or with FLUSH_BLOCK the block) and return the rest of it."""
        if mode == self.CONTINUE:
            raise ValueError("flush takes FLUSH_BLOCK or FLUSH_FRAME")
        return self.compress(b"", mode)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Compressor cannot be pickled or copied: it is in the midst of a stream")


class Decompressor:
    """Decompresses one stream fed in pieces; skippable frames before it are passed over. Use it where
    compressed data comes in pieces, or something else follows the stream (``unused_data``).

    ``predictor``, ``primer``, ``models`` and ``memory`` as for :func:`nzip.decompress`, which handles several
    streams at once.

    >>> stream = Compressor().compress(b"some data", Compressor.FLUSH_FRAME)
    >>> decompressor = Decompressor()
    >>> decompressor.decompress(stream, max_length=4), decompressor.needs_input
    (b'some', False)
    >>> decompressor.decompress(b""), decompressor.eof
    (b' data', True)
    """

    def __init__(
        self,
        *,
        predictor: Predictor | None = None,
        primer: Primer = None,
        models: Models | None = None,
        memory: int | None = pipeline.DEFAULT_MEMORY,
    ):
        own = own_primer(primer, memory)
        self._decoder = decoding.StreamDecoder(predictor, memory, primer=own, models=models)
        self._parser = parser.parse()
        self._step = next(self._parser)
        self._buffer = bytearray()
        self._ready = memoryview(b"")
        self._ended = False
        self._turns = Turns()

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached and all of its bytes were given out."""
        return self._ended and not self._ready

    @property
    def needs_input(self) -> bool:
        """False where :meth:`decompress` can give more without more input, and at the end."""
        return not self._ready and not self._ended

    @property
    def unused_data(self) -> bytes:
        """Input behind the end of the stream, zeros that fill a file up included; ``b""`` before the end."""
        return bytes(self._buffer) if self.eof else b""

    def decompress(self, data: Buffer, max_length: int = -1) -> bytes:
        """Take ``data`` in and return decoded bytes, ``max_length`` of them at most (-1: all there are).

        Raises :class:`EOFError` after the end of the stream, else as :func:`nzip.decompress`. The input just
        ending is no error here: look at :attr:`eof`.
        """
        with self._turns.lock:
            self._turns.check()
            if self.eof:
                raise EOFError("the stream has ended: what follows is in unused_data")
            with as_bytes(data) as view:
                return self._turns.run(lambda: self._decompress(view, max_length))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Decompressor cannot be pickled or copied: it is in the midst of a stream")

    def _decompress(self, view: memoryview, max_length: int) -> bytes:
        self._buffer += view
        parts, room = [], max_length
        while True:
            part = self._ready if max_length < 0 else self._ready[:room]
            self._ready = self._ready[len(part) :]
            parts.append(part)
            room -= len(part)
            if self._ready or self._ended or not self._advance():
                return b"".join(parts)

    def _advance(self) -> bool:
        """One step of the parser; False where it needs more input than there is."""
        step = self._step
        if isinstance(step, int):
            if len(self._buffer) < step:
                return False
            answer = bytes(self._buffer[:step])
            del self._buffer[:step]
        else:
            answer = None
            if isinstance(step, parser.StreamStart):
                self._decoder.start(step)
            elif isinstance(step, parser.Block):
                _, job = self._decoder.prepare(step)
                data = job()
                self._decoder.saw(data)
                self._ready = memoryview(data)
            elif isinstance(step, parser.StreamEnd):
                self._decoder.end(step)
                self._ended = True
                return True
        self._step = self._parser.send(answer)
        return True
