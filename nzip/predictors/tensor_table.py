"""Whether a file's table of tensors can be true: asked of every file of weights before a number is read.

GGUF, safetensors and the recurrent experts' files list tensors, each with a type, a shape and a place. A
table that lies makes a reader allocate what the file does not hold, read one tensor as another, or multiply
sizes past what 64 bits hold. :func:`check` is the one place that says what is believed; the readers of each
format bring their tables to it.

Concession: the numbers themselves are judged where they are read, by those who know what they may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from nzip.errors import NzipError

MAX_TENSORS = 1 << 14
MAX_NAME = 256
MAX_DIMS = 4
MAX_SIDE = 1 << 31
# What a model may hold in all (numbers, not bytes): sixteen billion weights.
MAX_NUMBERS = 1 << 34


class Tensor(NamedTuple):
    """One entry: ``numbers`` of them lie in a ``group`` of ``group_bytes``; bytes ``begin`` to ``end`` of the
    data behind the table."""

    name: str
    shape: tuple[int, ...]
    group: int
    group_bytes: int
    begin: int
    end: int

    @property
    def numbers(self) -> int:
        """How many there are."""
        return math.prod(self.shape)


def check(tensors: Iterable[Tensor], size: int, where: str, *, align: int = 1, whole: bool = False) -> int:
    """How many numbers the tensors hold in all. ``size``: bytes of data that the file has; ``align``: what
    every ``begin`` is a multiple of; ``whole``: tensors must fill the data, without gaps.

    Raises :class:`NzipError` with one line for a table that cannot be true: too many tensors, names that are
    long, doubled or not printable, dimensions that are missing, zero or huge, bytes that do not fit the
    shape, lie outside the file, or belong to two."""
    found = list(tensors)
    if len(found) > MAX_TENSORS:
        raise NzipError(f"{where}: lists {len(found):,} tensors, and at most {MAX_TENSORS:,} are read")
    seen: set[str] = set()
    total = 0
    for tensor in found:
        wrong = _wrong(tensor, size, align)
        if tensor.name in seen:
            wrong = "stands in its table twice"
        if wrong:
            raise NzipError(f"{where}: the tensor {_shown(tensor.name)} {wrong}")
        seen.add(tensor.name)
        total += tensor.numbers
        if total > MAX_NUMBERS:
            raise NzipError(f"{where}: holds more than {MAX_NUMBERS:,} numbers")
    end = 0
    for tensor in sorted(found, key=lambda t: t.begin):
        if tensor.begin < end:
            raise NzipError(f"{where}: the tensor {_shown(tensor.name)} shares bytes with another")
        if whole and tensor.begin != end:
            raise NzipError(f"{where}: bytes before the tensor {_shown(tensor.name)} belong to none")
        end = tensor.end
    if whole and end != size:
        raise NzipError(f"{where}: is cut short or longer than its header says")
    return total


def _wrong(tensor: Tensor, size: int, align: int) -> str | None:
    if not 0 < len(tensor.name) <= MAX_NAME or not tensor.name.isprintable():
        return "has a name that is none"
    if not 0 < len(tensor.shape) <= MAX_DIMS:
        return f"has {len(tensor.shape)} dimensions"
    if not all(type(n) is int and 0 < n <= MAX_SIDE for n in tensor.shape):
        return f"has the shape {_shown(tensor.shape)}"
    if tensor.shape[-1] % tensor.group:
        return f"has rows of {tensor.shape[-1]} numbers, which are kept in groups of {tensor.group}"
    if (
        not all(type(n) is int for n in (tensor.begin, tensor.end))
        or not 0 <= tensor.begin < tensor.end <= size
    ):
        return f"has bytes that do not fit the file: {_shown((tensor.begin, tensor.end))} of {size}"
    if tensor.end - tensor.begin != tensor.numbers // tensor.group * tensor.group_bytes:
        return f"has shape {_shown(tensor.shape)} or bytes that do not fit"
    if tensor.begin % align:
        return f"does not begin at a multiple of {align} bytes"
    return None


def _shown(value: object) -> str:
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
