"""Decoded bytes as a raw file object: streamed from the front until the first seek, by the index after it.

Either way bytes are given as soon as a check point has proven them, while the rest of their block is decoded.
Concession: an error stays; what the file below answered once with an error is not asked again until the next
seek.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from nzip.container import decoding, index, pipeline
from nzip.io.streams import read_fully
from nzip.predictors.own_primer import OwnPrimer

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor
    from nzip.predictors.model_files import Models


class RawReader(io.RawIOBase):
    """Decoded bytes: streamed until the first seek elsewhere, block by block through the index after it."""

    def __init__(
        self,
        file,
        predictor: Predictor | None,
        threads: int,
        memory: int | None,
        primer: OwnPrimer | None = None,
        models: Models | None = None,
    ):
        self._can_seek = bool(getattr(file, "seekable", lambda: False)())
        self.base = file.tell() if self._can_seek else 0  # byte 0 is there
        self.failed: BaseException | None = None  # once set, every read raises it, until the next seek
        self._file = _Window(file) if self._can_seek else file
        self._blocks = pipeline.decode_stream(
            self._file,
            predictor=predictor,
            primer=primer,
            models=models,
            threads=threads,
            memory=memory,
            sooner=True,
        )
        self._index: index.Index | None = None
        self._decoder = decoding.StreamDecoder(
            predictor, memory, primer=primer, models=models
        )  # of blocks found by it
        self._pieces = self._blocks  # of block `_number`, where that is not None
        self._number: int | None = None
        self._block: bytes | bytearray = b""  # the decoded bytes at hand, and where they start
        self._start = 0
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._can_seek

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer) -> int:
        with memoryview(buffer) as given, given.cast("B") as view:
            if not len(view):
                return 0
            if self.failed is not None:
                raise self.failed
            try:
                if not self._load():
                    return 0
            except BaseException as error:
                self.failed = error
                raise
            at = self._position - self._start
            with memoryview(self._block) as block:  # a bytearray grows only where nobody looks at it
                part = block[at : at + len(view)]
                view[: len(part)] = part
                count = len(part)
                part.release()
            self._position += count
            return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if not self._can_seek:
            raise io.UnsupportedOperation("the underlying file cannot seek")
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            offset += self._indexed().size
        elif whence != io.SEEK_SET:
            raise ValueError(f"invalid whence {whence!r}")
        offset = max(0, offset)
        if offset != self._position:
            self._indexed()
            self._position = offset
        if self.failed is not None and self._index is not None:
            self.failed = None
            self._drop()
        return offset

    def close(self) -> None:
        self._blocks.close()
        self._pieces.close()
        super().close()

    def _indexed(self) -> index.Index:
        if self._index is None:
            self._blocks.close()
            try:
                self._index = index.read_index(self._file)
            except BaseException as error:
                self.failed = error
                raise
        return self._index

    def _load(self) -> bool:
        """Have ``_block`` hold the position; False at the end."""
        while not 0 <= self._position - self._start < len(self._block):
            if not (self._next_piece() if self._index is None else self._next_indexed(self._index)):
                return False
        return True

    def _next_piece(self) -> bool:
        data = next(self._blocks, None)
        if data is not None:
            self._start += len(self._block)
            self._block = data
        return data is not None

    def _next_indexed(self, found: index.Index) -> bool:
        """More of the block that holds the position; all that was decoded of it stays at hand."""
        number = found.find(self._position)
        if number is None:
            return False
        if number != self._number:
            self._drop()
            entry = found.entries[number]
            self._decoder.start(found.streams[entry.stream], lambda: found.first_of(entry.stream))
            self._pieces = pipeline.decode_block(self._decoder, found.read(number, keep_damaged=True))
            self._number, self._start, self._block = number, entry.start, bytearray()
        self._block += next(self._pieces)
        return True

    def _drop(self) -> None:
        """Forget the block that was read through the index."""
        self._pieces.close()
        self._number, self._start, self._block = None, 0, b""


class _Window:
    """A seekable file from where it stood on: byte 0 is there."""

    def __init__(self, file):
        self._file = file
        self._base = file.tell()

    def seekable(self) -> bool:
        return True

    def read(self, size: int) -> bytes:
        return read_fully(self._file, size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset += self._base
        return self._file.seek(offset, whence) - self._base
