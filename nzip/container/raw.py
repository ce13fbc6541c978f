"""Decoded bytes as a raw file object: streamed from the front until the first seek, by the index after it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from nzip.container import decoding, index, pipeline

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
        primer: bytes | None = None,
        models: Models | None = None,
    ):
        self._models = models
        self._predictor = predictor
        self._primer = primer
        self._memory = memory
        self._can_seek = bool(getattr(file, "seekable", lambda: False)())
        self._file = _Window(file) if self._can_seek else file
        self._blocks = pipeline.decode_stream(
            self._file, predictor=predictor, primer=primer, models=models, threads=threads, memory=memory
        )
        self._index: index.Index | None = None
        self._decoders: dict[int, decoding.StreamDecoder] = {}
        self._block = memoryview(b"")  # the decoded block at hand, and where it starts
        self._start = 0
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._can_seek

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer) -> int:
        buffer = memoryview(buffer).cast("B")
        if not len(buffer) or not self._load():
            return 0
        at = self._position - self._start
        part = self._block[at : at + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

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
        return offset

    def close(self) -> None:
        self._blocks.close()
        super().close()

    def _indexed(self) -> index.Index:
        if self._index is None:
            self._blocks.close()
            self._index = index.read_index(self._file)
        return self._index

    def _load(self) -> bool:
        """Make ``_block`` the one that holds the position; False at the end."""
        while not 0 <= self._position - self._start < len(self._block):
            if self._index is None:
                data = next(self._blocks, None)
                if data is None:
                    return False
                self._start += len(self._block)
                self._block = memoryview(data)
                continue
            number = self._index.find(self._position)
            if number is None:
                return False
            self._block = memoryview(self._decode(self._index, number))
            self._start = self._index.entries[number].start
        return True

    def _decode(self, found: index.Index, number: int) -> bytes:
        stream = found.entries[number].stream
        if stream not in self._decoders:
            decoder = decoding.StreamDecoder(
                self._predictor, self._memory, primer=self._primer, models=self._models
            )
            decoder.start(found.streams[stream])
            self._decoders = {stream: decoder}
        return self._decoders[stream].prepare(found.read(number))[1]()


class _Window:
    """A seekable file from where it stood on: byte 0 is there."""

    def __init__(self, file):
        self._file = file
        self._base = file.tell()

    def seekable(self) -> bool:
        return True

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset += self._base
        return self._file.seek(offset, whence) - self._base
