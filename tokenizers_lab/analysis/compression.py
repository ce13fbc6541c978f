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
from tokenizers_lab.training.nzip_bridge import compressed_size, priced
from tokenizers_lab.training.stream import serialise, widths

COMPRESSORS = ("gzip", "lzma", "zstd", "nzip")
STRONG = ("lzma", "zstd", "nzip")
STRONG_BYTES = 1 << 20
NZIP_LEVEL = 3
PARTS = 16
"""Stretches of what nzip saw, of equal raw bytes, whose bits within the whole are given."""


def compressed(data: bytes, name: str, nzip_level: int | None = None) -> int:
    """Bytes after compression, without container headers where the library lets us leave them out."""
    if name == "gzip":
        return len(zlib.compress(data, 9))
    if name == "lzma":
        # A dictionary no larger than the data finds all that 64 MiB would, and need not be filled first.
        window = 1 << max(12, min(26, (len(data) - 1).bit_length()))
        chain = [{"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": window}]
        return len(lzma.compress(data, format=lzma.FORMAT_ALONE, filters=chain))
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
    covers. nzip also has ``part_bits`` and ``part_bytes``, of each of ``PARTS`` stretches of it, where they
    hold a token each."""
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
            ids = stream.ids[:tokens].astype(np.int64)
            packed = serialise(ids, how)
            parts = {}
            if name == "nzip":
                size, bits = priced(packed, nzip_level)
                parts = _parts(bits, widths(ids, how), stream.offsets[: tokens + 1])
            else:
                size = compressed(packed, name, nzip_level)
            out[name] = {"bits_per_byte": from_compressed(size, raw), "raw_bytes": raw, **parts}
    return out


def _parts(bits: np.ndarray, width: np.ndarray, offsets: np.ndarray) -> dict:
    """``bits`` of every byte of a packed stream, whose tokens take ``width`` bytes there and end at
    ``offsets[1:]`` in the text, by stretches of the text."""
    cuts = np.searchsorted(offsets[:-1], np.linspace(0, offsets[-1], PARTS + 1)[1:-1])
    bounds = np.concatenate([[0], cuts, [len(width)]])
    sizes = np.diff(offsets[bounds])
    if (np.diff(bounds) == 0).any() or (sizes <= 0).any():
        return {}
    ends = np.concatenate([[0], np.cumsum(width)])[bounds]
    sums = np.add.reduceat(bits, ends[:-1])
    return {"part_bits": sums.tolist(), "part_bytes": sizes.tolist()}


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
