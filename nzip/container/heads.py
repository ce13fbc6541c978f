"""The head of a stream: the first bytes of its first block, from which later blocks may start, so that small
blocks cost little (docs/FORMAT.md, "The head").

The writer has it at once. A reader has it when the first block is decoded so far: from front to back that is
on the way, and blocks under way on other threads wait for it; by the index the first block is decoded up to
the head's end, and the head is kept as long as blocks of its stream are read.

Concession: where the head is damaged, the blocks that start from it are lost with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from nzip.container import framing
from nzip.container.check_points import CHECK_POINT
from nzip.errors import CorruptError, NzipError

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor

# Bytes of a head, whole segments of check points, and of the shortest block that one is taken of. Of a long
# text in blocks of 4 MiB at -1 a head of 18 segments left 1.94% over one block, 36 left 1.38% and 64 left
# 0.86%; but whoever reads a range decodes the head, too, and other threads wait for it.
SIZE, LEAST = 32 * CHECK_POINT, 1 << 20


def length(first: int) -> int:
    """Bytes of the head of a stream whose first block has ``first``; 0: there is none."""
    return min(first, SIZE) if first >= LEAST else 0


def of(first) -> bytes:
    """The head of a stream with the ``first`` block (bytes-like), empty where there is none."""
    return bytes(memoryview(first)[: length(len(first))])


class HeadLostError(CorruptError):
    """A block starts from a head that is not there."""


class _Enough(Exception):
    """The head is there; the rest of its block is not wanted."""


Hand = Callable[[int, memoryview], None]
Decode = Callable[[Hand | None], bytes]


class Head:
    """The head of one stream that is read. Threads may wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = threading.Event()  # it is there, or will not be
        self._block = 0  # bytes of the first block, once somebody has told of it
        self._bytes = b""
        self._error: NzipError | None = None
        self._later: Predictor | None = None

    @property
    def known(self) -> bool:
        """Whether it is there."""
        return bool(self._bytes)

    def begins(self, header: framing.BlockHeader) -> None:
        """The first block has this header, and will be decoded."""
        self._block = header.size

    def know(self, first) -> None:
        """The first block (bytes-like), or as much of it as the head."""
        self._bytes = bytes(memoryview(first)[: length(self._block)])
        self._settled.set()

    def lost(self, error: NzipError) -> None:
        """The first block's head cannot be decoded."""
        if not self.known:
            self._error = error
        self._settled.set()

    def first(self, decode: Decode, hand_on: Hand | None, listens: bool) -> bytes:
        """What ``decode`` makes of the first block. It tells ``hand_on`` of what is proven, and where it
        ``listens``, the head is there as soon as it is proven."""
        try:
            data = decode(self._listening(hand_on) if listens else hand_on)
            if not self.known:
                self.know(data)
            return data
        except NzipError as error:
            self.lost(error)
            raise
        finally:
            self._settled.set()  # nobody waits in vain for what was given up

    def later(self, predictor: Predictor, decode: Decode | None) -> Predictor:
        """What decodes blocks that start from the head, where ``predictor`` decodes the first. ``decode``: as
        for :meth:`first`, where nobody else decodes the first block, else this waits for whoever does. Raises
        :class:`HeadLostError` where the head is lost, and what ``decode`` raises of other kinds."""
        with self._lock:
            if decode is not None and not self.known and self._error is None:
                self._alone(decode)
        if not self.known and self._error is None and self._block:
            self._settled.wait()
        if self.known:
            with self._lock:
                if self._later is None:
                    self._later = predictor.with_head(self._bytes)
                return self._later
        if self._error is not None and not isinstance(self._error, CorruptError):
            raise self._error
        why = f", which is lost: {self._error}" if self._error else ", and there is none"
        raise HeadLostError(f"it starts from the head of the stream's first block{why}")

    def _alone(self, decode: Decode) -> None:
        try:
            data = decode(self._listening(None, stop=True))
            if not self.known:
                self.know(data)
        except _Enough:
            pass  # what it was done for
        except NzipError as error:
            self.lost(error)

    def _listening(self, hand_on: Hand | None, stop: bool = False) -> Hand:
        """Tells ``hand_on`` what it is told, and takes the head from it; ``stop``: that is enough."""
        wanted = length(self._block)
        if wanted == self._block:
            wanted = 0  # its last bytes have no check point: the block's own hash proves them
        parts: dict[int, bytes] = {}
        left = wanted

        def told(start: int, data: memoryview) -> None:
            nonlocal left
            if start < wanted and start not in parts and not self.known:
                parts[start] = bytes(data[: wanted - start])
                left -= len(parts[start])
                if not left:
                    self.know(b"".join(parts[at] for at in sorted(parts)))
                    parts.clear()
            if hand_on is not None:
                hand_on(start, data)
            if stop and self.known:
                raise _Enough

        return told
