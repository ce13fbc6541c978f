"""nzip as a codec of Zarr 3: found by its name ``nzip`` through an entry point of the group ``zarr.codecs``.

>>> import numpy, zarr
>>> from nzip.plugins.zarr3 import NzipCodec
>>> array = zarr.create_array({}, data=numpy.arange(9), compressors=[NzipCodec(level=1)])
>>> int(array[:].sum())
36

Arrays of Zarr 2 take the numcodecs codec of the same name (:mod:`nzip.plugins.zarr`).

Concession: chunks are coded one by one and each pays for its header (about 60 bytes) and for learning from
nothing, so let chunks be large, or use level 1. Chunks are coded on threads, as many as Zarr likes, each of
which needs the level's memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

from zarr.abc.codec import BytesBytesCodec

from nzip.api import compress, decompress
from nzip.options import choose_predictor

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer

NAME = "nzip"


@dataclass(frozen=True)
class NzipCodec(BytesBytesCodec):
    """``level``: 0 to 9, None for the default; or ``predictor``: a spelling. Raises
    :class:`nzip.NzipError` or :class:`ValueError` for those that do not exist."""

    is_fixed_size = False

    level: int | None = None
    predictor: str | None = None

    def __post_init__(self) -> None:
        choose_predictor(self.level, self.predictor)  # now, not at the first chunk

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """From an array's metadata. Raises :class:`ValueError` for another codec's."""
        if data.get("name") != NAME:
            raise ValueError(f"a codec called {data.get('name')!r} is not {NAME}")
        return cls(**data.get("configuration", {}))

    def to_dict(self) -> dict[str, Any]:
        """For an array's metadata: only what was given."""
        given = {"level": self.level, "predictor": self.predictor}
        return {
            "name": NAME,
            "configuration": {key: value for key, value in given.items() if value is not None},
        }

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Nobody knows beforehand: :class:`NotImplementedError`."""
        raise NotImplementedError

    async def _encode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer | None:
        return await asyncio.to_thread(self._encode, chunk_data, chunk_spec)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer:
        return await asyncio.to_thread(self._decode, chunk_data, chunk_spec)

    def _encode(self, chunk: Buffer, spec: ArraySpec) -> Buffer:
        with memoryview(cast(Any, chunk.as_numpy_array())) as view:
            data = compress(view, self.level, predictor=self.predictor)
        return spec.prototype.buffer.from_bytes(data)

    def _decode(self, chunk: Buffer, spec: ArraySpec) -> Buffer:
        with memoryview(cast(Any, chunk.as_numpy_array())) as view:
            return spec.prototype.buffer.from_bytes(decompress(view))

    # What Zarr asks for where it has no event loop to wait in.
    _encode_sync = _encode
    _decode_sync = _decode
