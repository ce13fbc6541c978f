"""Blocks to frames, in order: what a stream's writer must remember, and nothing else.

Sans-I/O: every method returns bytes to be written. The writer never needs to seek, to know the size in
advance, or to see the data twice; what it keeps grows by about ten bytes a block (the index).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import xxhash

from nzip import codec
from nzip.container import check_points, embedded_models, framing
from nzip.container.passport import Passport
from nzip.errors import ModelMismatchError
from nzip.hashes import hash32

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor


class HashedBlock(NamedTuple):
    """A coded block with its hashes, made off the writer's thread by :func:`code_block`."""

    coded: codec.CodedBlock
    size: int
    stored_hash: int
    decoded_hash: int
    check_points: bytes


def code_block(predictor: Predictor, data, *, verify: bool, progress=None) -> HashedBlock:
    """Code one block and hash it; with ``verify``, decode it at once and compare.

    Raises :class:`ModelMismatchError` where a predictor that is not exact fails to decode what it coded, and
    :class:`RuntimeError` where one that promises exactness does: that is a bug.
    """
    coded = codec.encode_block(predictor, data, progress)
    if verify and coded.method != codec.STORED:
        again = codec.decode_block(predictor, coded.method, coded.params, coded.payload, len(data))
        if again != data:
            if predictor.exact:
                raise RuntimeError(f"predictor {predictor.spelling} did not decode what it had coded")
            raise ModelMismatchError(
                f"predictor {predictor.spelling} is not exact and did not decode what it had just coded: "
                "nothing was kept"
            )
    return HashedBlock(coded, len(data), hash32(coded.payload), hash32(data), check_points.of(data))


class StreamWriter:
    """Writes one stream: ``header()``, ``block()`` for each block in order, ``end()``."""

    def __init__(self, passport: Passport, models: tuple[embedded_models.Model, ...] = ()):
        header = passport.pack(bool(models))
        frames, self._chain = embedded_models.pack_frames(models, int.from_bytes(header[-4:], "little"))
        self._header = header + frames
        self.takes_head = passport.head  # whether blocks after the first start from the first's head
        self._count = 0
        self._first_frame = 0
        self._entries = bytearray()
        self._file_hash = xxhash.xxh3_64()

    def header(self) -> bytes:
        """The stream's first bytes, embedded models included."""
        return self._header

    def saw(self, data) -> None:
        """Tell of the raw data of the next block, in order, for the whole-file hash."""
        self._file_hash.update(data)

    def block(self, block: HashedBlock) -> tuple[bytes, bytes | memoryview]:
        """The next block's header and its payload."""
        coded = block.coded
        head, packed = framing.pack_block(
            framing.BlockHeader(
                coded.method,
                block.size,
                coded.params,
                len(coded.payload),
                block.stored_hash,
                block.decoded_hash,
                block.check_points,
            ),
            self._chain,
        )
        self.count(packed)
        return head, coded.payload

    def count(self, packed: framing.BlockHeader) -> None:
        """The next block, its header packed, stands in the output: :meth:`block` or an earlier run put it
        there."""
        self._chain = packed.chain
        self._count += 1
        self._first_frame = self._first_frame or packed.frame_size
        self._entries += framing.pack_index_entry(packed)

    def end(self) -> bytes:
        """The end frame: index and whole-file hash."""
        return framing.pack_end(
            len(self._header),
            self._count,
            self._first_frame,
            bytes(self._entries),
            self._file_hash.intdigest(),
        ).data
