"""nzip as a codec of numcodecs, and so of Zarr: found by its id ``nzip`` through an entry point.

>>> import numcodecs, numpy
>>> codec = numcodecs.get_codec({"id": "nzip", "level": 1})
>>> codec.decode(codec.encode(numpy.arange(3, dtype="u1")))
b'\\x00\\x01\\x02'

Concession: chunks are coded one by one and each pays for its header (about 60 bytes) and for learning from
nothing, so let chunks be large, or use level 1.
"""

from __future__ import annotations

from typing import Any

from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray, ndarray_copy

from nzip.api import compress, decompress


class NzipCodec(Codec):
    """``level``: 0 to 9, None for the default; or ``predictor``: a spelling. Bytes in, bytes out."""

    codec_id = "nzip"

    def __init__(self, level: int | None = None, predictor: str | None = None):
        self.level = level
        self.predictor = predictor

    def encode(self, buf: Any) -> bytes:
        """One nzip stream of the bytes of ``buf`` (anything with the buffer protocol)."""
        # Views are released, so that an error's traceback pins nothing.
        with memoryview(ensure_contiguous_ndarray(buf)) as view:
            return compress(view, self.level, predictor=self.predictor)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The bytes of the stream ``buf``, into ``out`` where one is given."""
        with memoryview(ensure_contiguous_ndarray(buf)) as view:
            data = decompress(view)
        return data if out is None else ndarray_copy(data, out)
