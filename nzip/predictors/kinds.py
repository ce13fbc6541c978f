"""The kinds of content that streams are of, as they stand in files, and what is known of a stream's rows.

Without NumPy, so that a file can be listed without it; what finds a kind is :mod:`nzip.predictors.content`.
Concession: the numbers stand in files and cannot be reordered.
"""

from __future__ import annotations

from dataclasses import dataclass

TEXT, BINARY, EXECUTABLE, IMAGE, AUDIO, DNA, STORED = range(7)
# Kinds that the mix has plans for.
KIND_NAMES = ("text", "binary", "executable", "image", "audio", "dna")
STREAM_NAMES = (*KIND_NAMES, "stored")
MAX_STRIDE = 1 << 16
MAX_PIXEL = 16


@dataclass(frozen=True)
class Content:
    """``kind`` (TEXT to DNA, or STORED), ``stride``: bytes per row or 0, ``pixel``: bytes per pixel, sample
    or field."""

    kind: int
    stride: int = 0
    pixel: int = 1
