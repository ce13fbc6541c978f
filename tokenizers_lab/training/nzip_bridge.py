"""The one place where the lab asks nzip to compress: how many bytes would it take?

The nzip objective of BPE training, the "bits per byte under nzip" of the analyses and what parts of a stream
cost within it go through here.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nzip.codec import encode_block, most
from nzip.errors import NzipError
from nzip.options import choose_predictor
from nzip.predictors.pricing import BITS_ALONE, by_byte
from tokenizers_lab.errors import LabError


@lru_cache(maxsize=8)
def _predictor(level: int | None, spelling: str | None):
    try:
        return choose_predictor(level, spelling)
    except (NzipError, ImportError) as error:
        raise LabError(f"nzip cannot compress here: {error}") from None


def compressed_size(data, level: int | None = None, predictor: str | None = None) -> int:
    """Bytes of one nzip block over ``data``: params and payload, without the file's header (which is the same
    few hundred bytes for every stream and would only blur comparisons). ``level`` 1..9, or a predictor's
    spelling."""
    coded = encode_block(_predictor(level, predictor), data)
    return len(coded.params) + len(coded.payload)


def priced(data, level: int | None = None) -> tuple[int, np.ndarray]:
    """:func:`compressed_size`, and what each byte of ``data`` costs within the whole, in bits: float64 of its
    length. One pass."""
    found = _predictor(level, None).price(memoryview(data), BITS_ALONE)
    coded = len(found.params) + found.payload
    if coded > most(len(data)):  # stored
        return len(data), np.full(len(data), 8.0)
    return coded, by_byte(found.streams, len(data))


def available() -> str | None:
    """None if nzip can compress here, else why not."""
    try:
        compressed_size(b"nzip" * 4, 1)
    except LabError as error:
        return str(error)
    return None
