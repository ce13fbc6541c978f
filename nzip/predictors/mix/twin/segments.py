"""Which bytes of a block belong to which of its streams, read in plain Python: twin of segments.py."""

from __future__ import annotations

from nzip.errors import CorruptError
from nzip.predictors.mix.twin.coder import BinaryDecoder


class Layout:
    """Reads segments one by one. Its probabilities are told apart by what they are of: a tuple each."""

    def __init__(self, data: bytes):
        self.decoder = BinaryDecoder(data)
        self.cells: dict[tuple, list[int]] = {}  # probability of a one in 22 bits, times seen

    def bit(self, *context) -> int:
        cell = self.cells.setdefault(context, [1 << 21, 0])
        bit = self.decoder.decode(cell[0])
        cell[0] += (2**22 - cell[0]) // (cell[1] + 2) if bit else -(cell[0] // (cell[1] + 2))
        cell[1] = min(cell[1] + 1, 30)
        return bit

    def number(self, bits: int, *context) -> int:
        value = 1
        for _ in range(bits):
            value = 2 * value + self.bit(*context, value)
        return value - 2**bits

    def length(self, stream: int, last: int) -> int:
        if self.bit("same", stream):
            return last
        bits = self.number(5, "bits", stream)
        value = 1
        for i in reversed(range(bits)):
            context = ("high", bits, value) if bits - 1 - i < 3 else ("low", bits, i)
            value = 2 * value + self.bit(*context)
        return value


def read_segments(layout: bytes, sizes: list[int]) -> list[tuple[int, int]]:
    """The segments, (stream, bytes) each, of streams of ``sizes`` bytes."""
    reader, left, last = Layout(layout), list(sizes), [0] * len(sizes)
    before, segments = 255, list[tuple[int, int]]()
    while any(left):
        if sum(n > 0 for n in left) == 1:
            stream = next(i for i, n in enumerate(left) if n)
            length = left[stream]
        else:
            stream = reader.number((len(sizes) - 1).bit_length(), "stream", before)
            if stream >= len(sizes) or stream == before or not left[stream]:
                raise CorruptError("a segment of no stream")
            length = reader.length(stream, last[stream])
            if not 0 < length <= left[stream]:
                raise CorruptError("a segment longer than its stream")
        if len(segments) >= sum(sizes) // 32 + 255:
            raise CorruptError("more segments than a block can have")
        left[stream] -= length
        last[stream], before = length, stream
        segments.append((stream, length))
    return segments
