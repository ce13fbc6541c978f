"""nzip as a codec of numcodecs, and so of Zarr: found by its id ``nzip`` through an entry point.

>>> codec = numcodecs.get_codec({"id": "nzip", "level": 1})

Concession: chunks are coded one by one and each pays for its header (about 60 bytes) and for learning from
nothing, so let chunks be large, or use level 1.
"""

from __future__ import annotations

from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray, ndarray_copy

from nzip.api import compress, decompress


class NzipCodec(Codec):
    """``level``: 1 to 9, None for the default; or ``predictor``: a spelling. Bytes in, bytes out."""

    codec_id = "nzip"

    def __init__(self, level: int | None = None, predictor: str | None = None):
        self.level = level
        self.predictor = predictor

    def encode(self, buf) -> bytes:
        """One nzip stream of the bytes of ``buf`` (anything with the buffer protocol)."""
        return compress(ensure_contiguous_ndarray(buf), self.level, predictor=self.predictor)

    def decode(self, buf, out=None):
        """The bytes of the stream ``buf``, into ``out`` where one is given."""
        data = decompress(ensure_contiguous_ndarray(buf))
        return data if out is None else ndarray_copy(data, out)
