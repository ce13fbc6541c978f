"""One block: a predictor walks, a coder writes, and the result is stored raw where coding does not pay.

This is the seam of the house: above it files and users, below it bytes and probabilities. A 16 MiB block is
not copied here: what is stored is a view of the data, what is decoded is what the predictor gave.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from nzip.errors import CorruptError

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor

# How a block is kept, by the numbers that stand in files (docs/FORMAT.md, "Block").
STORED, CODED = 1, 2


class CodedBlock(NamedTuple):
    """A block ready for the container: ``method`` (STORED or CODED), the predictor's params, the payload
    (bytes-like; where it is stored, a view of the data itself)."""

    method: int
    params: bytes
    payload: bytes | memoryview


def most(size: int) -> float:
    """Bytes that params and payload of a block of ``size`` bytes may take; one of more is stored."""
    return size - size / 1000


def encode_block(predictor: Predictor, data, progress=None) -> CodedBlock:
    """Code ``data`` (bytes-like; it must not change while the result is in use). Stored where coding saves
    less than 0.1% of it.

    ``progress``: see :attr:`Predictor.reports_progress`; predictors that report none are not told of it."""
    data = memoryview(data).cast("B")
    if not len(data):
        return CodedBlock(STORED, b"", b"")
    told = {"progress": progress} if predictor.reports_progress and progress is not None else {}
    params, payload = predictor.encode(data, **told)
    if len(params) + len(payload) > most(len(data)):
        return CodedBlock(STORED, b"", data)
    return CodedBlock(CODED, params, payload)


def decode_block(
    predictor: Predictor | None,
    method: int,
    params: bytes,
    payload,
    size: int,
    progress=None,
    sink: Callable[[int, memoryview], None] | None = None,
) -> bytes:
    """The inverse of :func:`encode_block`; ``predictor`` may be None where the block is stored. ``sink``: see
    :attr:`Predictor.hands_on`; of what is stored, and by predictors that hand nothing on, it is told nothing.
    Raises :class:`CorruptError` where the parts contradict."""
    if method == STORED:
        if params or len(payload) != size:
            raise CorruptError("a stored block whose length differs from its header")
        return bytes(payload)  # the payload itself where it is bytes, as the container's are
    if method != CODED or predictor is None:
        raise CorruptError(f"unknown block method {method}")
    told: dict[str, Any] = {}
    if predictor.reports_progress and progress is not None:
        told["progress"] = progress
    if predictor.hands_on and sink is not None:
        told["sink"] = sink
    return predictor.decode(params, payload, size, **told)
