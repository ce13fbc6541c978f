"""Which parts of a block a language model can help, found cheaply, before it runs.

The block is looked at in regions of 16 KiB. A region is the model's if its sample is text that the vocabulary
spells in long tokens: at least ``LEAST`` bytes a token, hardly any bytes outside UTF-8. Compressed data,
executables, DNA, Base64 and tables of digits fail this at a cost of microseconds a KB. Short spans join their
neighbours.

Concession: the test asks the vocabulary, not the model; prose in a language that the model does not know is
given to it if its tokens are long enough.
"""

from __future__ import annotations

from collections.abc import Callable

from nzip.errors import CorruptError
from nzip.varint import read_varint

REGION = 1 << 14
SAMPLE = 1 << 11
LEAST = 1.65
# A span shorter than this is not worth a switch.
SHORTEST = 2 * REGION
NUMBER = "a number in a block of lm"


def helps(sample: bytes, vocabulary) -> bool:
    """Whether the model is worth asking about text like ``sample``."""
    if not sample:
        return False
    controls = sum(sample.count(byte) for byte in b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x0e\x0f\x10\x11")
    broken = sum(1 for c in sample.decode("utf-8", "surrogateescape") if "\udc80" <= c <= "\udcff")
    if (controls + broken) * 50 > len(sample) + 200:
        return False
    return len(sample) >= LEAST * len(vocabulary.encode(sample))


def find(data: bytes, model) -> list[int]:
    """Lengths of spans in turn, the model's first (0 if the block starts with another's); they sum to the
    data."""
    flags = []
    for at in range(0, len(data), REGION):
        region = data[at : at + REGION]
        middle = max(0, (len(region) - SAMPLE) // 2)
        flags.append(helps(region[middle : middle + SAMPLE], model.vocabulary))
    lengths, current = [0], True
    for i, flag in enumerate(flags):
        size = min(REGION, len(data) - i * REGION)
        if flag == current:
            lengths[-1] += size
        else:
            lengths.append(size)
            current = flag
    return _join_short(lengths)


def _join_short(lengths: list[int]) -> list[int]:
    """Spans inside that are too short for a switch join what is around them."""
    i = 1
    while i < len(lengths) - 1:
        if lengths[i] < SHORTEST and lengths[i - 1] + lengths[i + 1] > 0:
            lengths[i - 1 : i + 2] = [sum(lengths[i - 1 : i + 2])]
            i = max(1, i - 1)
        else:
            i += 1
    return lengths


def split(data: bytes, lengths: list[int]) -> tuple[bytes, bytes]:
    """The model's spans and the others', each in one piece."""
    parts: tuple[list, list] = ([], [])
    at = 0
    for i, length in enumerate(lengths):
        parts[i % 2].append(data[at : at + length])
        at += length
    return b"".join(parts[0]), b"".join(parts[1])


def join(text: bytes, other: bytes, lengths: list[int]) -> bytes:
    """The inverse of :func:`split`."""
    parts, at = [], [0, 0]
    for i, length in enumerate(lengths):
        source = (text, other)[i % 2]
        parts.append(source[at[i % 2] : at[i % 2] + length])
        at[i % 2] += length
    return b"".join(parts)


def placed(sink: Callable[[int, memoryview], None], lengths: list[int], kind: int):
    """A sink for one of the two parts that :func:`split` gives (``kind`` 0: the model's spans), which tells
    ``sink`` of its ranges as ranges of the block."""
    spans, own, at = [], 0, 0
    for i, length in enumerate(lengths):
        if i % 2 == kind:
            spans.append((own, own + length, at - own))
            own += length
        at += length

    def told(start: int, data: memoryview) -> None:
        for begin, end, away in spans:
            first, last = max(begin, start), min(end, start + len(data))
            if first < last:
                sink(first + away, data[first - start : last - start])

    return told


def parse(params: bytes, size: int) -> list[int]:
    """The lengths that a block's parameters hold; :class:`CorruptError` unless they fit the block."""
    lengths, at = [], 0
    while at < len(params):
        length, at = read_varint(params, at, NUMBER)
        lengths.append(length)
    if sum(lengths) != size or any(n == 0 for n in lengths[1:]):
        raise CorruptError("a block of lm whose spans do not make up the block")
    return lengths
