"""gzip as a codec: the bytes of a raw DEFLATE stream (no header, no checksum: they would only teach a model
constants) as tokens, one byte each or two. The baseline "GZip" of Lester et al. 2024 (arXiv 2404.03626).

``gzip[level=9,v=256]``; ``v=65k`` joins two bytes, high byte first; an odd end is padded with a zero byte
behind the stream's own end mark."""

from __future__ import annotations

import zlib

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array, as_ids
from tokenizers_lab.codecs.raw_bits import pack, unpack
from tokenizers_lab.errors import DataError, LabError


class GzipCodec(Codec):
    """Deterministic for one zlib; decoding is for every zlib."""

    def __init__(self, level: int = 9, bits: int = 8):
        if not 0 <= level <= 9:
            raise LabError(f"gzip level {level} is outside 0..9")
        if bits not in (8, 16):
            raise LabError("gzip: v must be 256 or 65k")
        self.level, self.bits, self.token_bits = level, bits, bits
        self.vocab_size = 1 << bits
        self.spelling = (
            "gzip" if (level, bits) == (9, 8) else f"gzip[level={level},v={'256' if bits == 8 else '65k'}]"
        )

    def encode(self, data) -> np.ndarray:
        coder = zlib.compressobj(self.level, zlib.DEFLATED, -15)
        out = coder.compress(as_bytes_array(data).data) + coder.flush()
        return pack(out, self.bits)

    def decode(self, ids) -> bytes:
        raw = unpack(as_ids(ids, self.vocab_size), self.bits)
        decoder = zlib.decompressobj(-15)
        try:
            out = decoder.decompress(raw)
        except zlib.error as error:
            raise DataError(f"these ids are not a DEFLATE stream: {error}") from None
        if (
            not decoder.eof
            or len(decoder.unused_data) > (self.bits == 16)
            or decoder.unused_data.strip(b"\0")
        ):
            raise DataError("these ids are not one whole DEFLATE stream")
        return out

    def offsets(self, data, ids=None) -> np.ndarray:
        ids = self.encode(data) if ids is None else ids
        raw = unpack(np.asarray(ids), self.bits)
        step = self.bits // 8
        decoder = zlib.decompressobj(-15)
        out = np.zeros(len(ids) + 1, dtype=np.int64)
        total = 0
        for i in range(len(ids)):
            total += len(decoder.decompress(raw[i * step : (i + 1) * step]))
            out[i + 1] = total
        return out

    def description(self) -> dict:
        return {"codec": "gzip", "level": self.level, "bits": self.bits}
