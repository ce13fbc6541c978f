"""Check points: a hash of every 64 KiB of a block's decoded bytes, kept in the block's header.

What a check point proves may be handed on before the block ends, survives damage behind it, and where it
differs decoding stops at once (docs/FORMAT.md, "Check points"). Every segment has a hash of its own, seeded
by its number, so that what decodes out of order (lanes, several streams) is proven in ranges.

Concession: the last bytes of a block, 64 KiB at most, have none: only the block's own hash proves them.
"""

from __future__ import annotations

from collections.abc import Callable

from nzip.errors import CorruptError
from nzip.hashes import hash32
from nzip.varint import read_u32, u32

CHECK_POINT = 1 << 16  # decoded bytes that one of them proves
SIZE = 4  # bytes that one takes in a header


def count(size: int) -> int:
    """Check points of a block of ``size`` decoded bytes: one for every whole segment before its end."""
    return max(0, size - 1) // CHECK_POINT


def of(data) -> bytes:
    """The check points of a block (bytes-like), one behind the other."""
    view = memoryview(data)
    return b"".join(
        u32(hash32(view[at * CHECK_POINT : (at + 1) * CHECK_POINT], at)) for at in range(count(len(view)))
    )


class UnprovenError(CorruptError):
    """Decoded bytes are not those that a check point promises."""


class Proof:
    """What of a block's decoded bytes is proven, as they come: a ``sink`` for
    :meth:`nzip.predictors.base.Predictor.decode`.

    ``size``: decoded bytes of the block; ``points``: its check points; ``hand_on``: told of each segment
    that was proven, as (its first byte in the block, its bytes), in the order in which that happens;
    ``stop``: raise :class:`UnprovenError` at the first that differs."""

    def __init__(
        self,
        size: int,
        points: bytes,
        hand_on: Callable[[int, memoryview], None] | None = None,
        *,
        stop: bool = True,
    ):
        self._points = points
        self._count = count(size)
        self._hand_on = hand_on
        self._stop = stop
        self._seen = set[int]()  # segments that were compared
        # by segment: the parts that have come, by where they begin, and how many bytes they are
        self._parts: dict[int, dict[int, memoryview]] = {}

    def __call__(self, start: int, data: memoryview) -> None:
        """Decoded bytes from ``start`` of the block on are final. Parts may come in any order; a byte that
        comes twice is no news."""
        while len(data):
            number, within = divmod(start, CHECK_POINT)
            part = data[: CHECK_POINT - within]
            if number < self._count and number not in self._seen:
                self._take(number, within, part)
            start += len(part)
            data = data[len(part) :]

    def whole(self, data) -> None:
        """All of the block (bytes-like): what was not yet compared is compared now."""
        self(0, memoryview(data))

    def _take(self, number: int, within: int, part: memoryview) -> None:
        if len(part) < CHECK_POINT:
            parts = self._parts.setdefault(number, {})
            if len(part) > len(parts.get(within, b"")):
                parts[within] = part
            joined = _joined(parts)
            if joined is None:
                return
            part = joined
        self._parts.pop(number, None)
        self._seen.add(number)
        if hash32(part, number) == read_u32(self._points, number * SIZE):
            if self._hand_on is not None:
                self._hand_on(number * CHECK_POINT, part)
        elif self._stop:
            at = number * CHECK_POINT
            raise UnprovenError(
                f"decoded bytes {at} to {at + CHECK_POINT} of it differ from their check point"
            )


def _joined(parts: dict[int, memoryview]) -> memoryview | None:
    """A whole segment, where the parts make one."""
    if sum(map(len, parts.values())) < CHECK_POINT:
        return None
    out, end = bytearray(), 0
    for start in sorted(parts):
        if start > end:
            return None
        out += parts[start][end - start :]
        end = max(end, start + len(parts[start]))
    return memoryview(out).toreadonly() if end >= CHECK_POINT else None
