"""Bits per byte of a token stream under general compressors: what is left for a model to learn, roughly.

The ids are written in one byte each where the vocabulary allows, else two, else LEB128, and compressed by
gzip -9, LZMA (preset 9), zstd -19 and nzip; 8 · compressed bytes / raw bytes. Beside them stand the same
compressors on the raw bytes. Refused (:class:`AccountingError`) where the tokens' bytes do not add up to the
raw ones.

Concession: LZMA, zstd -19 and nzip cost far more time than gzip, so they see a prefix only (1 MiB of raw
bytes a file and codec), whose raw bytes are counted exactly."""

from __future__ import annotations

import lzma
import zlib

import numpy as np

from tokenizers_lab.bits_per_byte import Tokenised, from_compressed
from tokenizers_lab.errors import LabError
from tokenizers_lab.training.nzip_bridge import compressed_size
from tokenizers_lab.training.stream import serialise

COMPRESSORS = ("gzip", "lzma", "zstd", "nzip")
STRONG = ("lzma", "zstd", "nzip")
STRONG_BYTES = 1 << 20
NZIP_LEVEL = 3


def compressed(data: bytes, name: str, nzip_level: int | None = None) -> int:
    """Bytes after compression, without container headers where the library lets us leave them out."""
    if name == "gzip":
        return len(zlib.compress(data, 9))
    if name == "lzma":
        return len(lzma.compress(data, format=lzma.FORMAT_ALONE, preset=9))
    if name == "zstd":
        import zstandard  # an optional dependency

        return len(zstandard.ZstdCompressor(level=19).compress(data))
    if name == "nzip":
        return compressed_size(data, nzip_level)
    raise LabError(f"unknown compressor {name!r}; known: {', '.join(COMPRESSORS)}")


def serialisation(vocab: int) -> str:
    """How ids of so large a vocabulary become bytes here."""
    return "u8" if vocab <= 256 else "u16" if vocab <= 1 << 16 else "leb128"


def stream_bits_per_byte(
    stream: Tokenised,
    compressors=COMPRESSORS,
    strong_bytes: int = STRONG_BYTES,
    nzip_level: int | None = NZIP_LEVEL,
) -> dict:
    """``{compressor: {"bits_per_byte", "raw_bytes"}}`` of the stream; ``raw_bytes`` is what the figure
    covers."""
    stream.require()
    how = serialisation(stream.codec.vocab_size)
    out: dict = {"serialisation": how}
    for name in compressors:
        tokens = len(stream.ids)
        if name in STRONG:
            tokens = int(np.searchsorted(stream.offsets, strong_bytes, side="right")) - 1
            tokens = min(max(tokens, 1), len(stream.ids))
        raw = int(stream.offsets[tokens]) if len(stream.ids) else 0
        if raw:
            packed = serialise(stream.ids[:tokens].astype(np.int64), how)
            out[name] = {
                "bits_per_byte": from_compressed(compressed(packed, name, nzip_level), raw),
                "raw_bytes": raw,
            }
    return out


def raw_bits_per_byte(
    raw: bytes, compressors=COMPRESSORS, strong_bytes: int = STRONG_BYTES, nzip_level=NZIP_LEVEL
) -> dict:
    """The same compressors on the raw bytes: the line that a token stream has to beat."""
    out = {}
    for name in compressors:
        part = raw[:strong_bytes] if name in STRONG else raw
        if part:
            out[name] = {
                "bits_per_byte": from_compressed(compressed(part, name, nzip_level), len(part)),
                "raw_bytes": len(part),
            }
    return out
