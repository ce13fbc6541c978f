"""One block: a predictor walks, a coder writes, and the result is stored raw where coding does not pay.

This is the seam of the house: above it files and users, below it bytes and probabilities.
"""

from __future__ import annotations

from typing import NamedTuple

from nzip.errors import CorruptError
from nzip.predictors.base import Predictor

STORED = 0
CODED = 1


class CodedBlock(NamedTuple):
    """A block ready for the container: ``method`` (STORED or CODED), the predictor's params, the payload."""

    method: int
    params: bytes
    payload: bytes


def encode_block(predictor: Predictor, data, progress=None) -> CodedBlock:
    """Code ``data`` (bytes-like). Stored where coding saves less than 0.1% of it.

    ``progress``: see :attr:`Predictor.reports_progress`; predictors that report none are not told of it."""
    data = memoryview(data).cast("B")
    if not len(data):
        return CodedBlock(STORED, b"", b"")
    told = {"progress": progress} if predictor.reports_progress and progress is not None else {}
    params, payload = predictor.encode(data, **told)
    if len(params) + len(payload) > len(data) - len(data) / 1000:
        return CodedBlock(STORED, b"", bytes(data))
    return CodedBlock(CODED, params, payload)


def decode_block(
    predictor: Predictor, method: int, params: bytes, payload, size: int, progress=None
) -> bytes:
    """The inverse of :func:`encode_block`. Raises :class:`CorruptError` where the parts contradict."""
    if method == STORED:
        if params or len(payload) != size:
            raise CorruptError("a stored block whose length differs from its header")
        return bytes(payload)
    if method != CODED:
        raise CorruptError(f"unknown block method {method}")
    told = {"progress": progress} if predictor.reports_progress and progress is not None else {}
    return predictor.decode(params, payload, size, **told)
