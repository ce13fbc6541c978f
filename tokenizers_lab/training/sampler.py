"""The validation stream of compression-aware training, sampled from the corpus while its pre-tokens are
counted.

Bounded memory, one pass, unknown length; the same text gives the same sample however it comes in blocks of
whole pieces."""

from __future__ import annotations

import itertools
import json

import numpy as np

_MOST = 1 << 53


class Sampler:
    """Even samples of a stream of unknown length in bounded memory: every s-th piece of 4 KB; s doubles when
    full."""

    PIECE = 4096

    def __init__(self, size: int):
        self.size, self.stride, self.seen = size, 1, 0
        self.pieces: list[bytes] = []

    def blocks(self, blocks):
        for block in blocks:
            if self.size:
                self._take(bytes(block))
            yield block

    def _take(self, block: bytes) -> None:
        for at in range(0, len(block), self.PIECE):
            if self.seen % self.stride == 0:
                self.pieces.append(block[at : at + self.PIECE])
                if len(self.pieces) * self.PIECE > 2 * self.size:
                    self.pieces = self.pieces[::2]
                    self.stride *= 2
            self.seen += 1

    def snapshot(self) -> bytes:
        head = json.dumps([self.stride, self.seen, [len(p) for p in self.pieces]]).encode()
        return len(head).to_bytes(4, "little") + head + b"".join(self.pieces)

    text = snapshot

    def restore(self, kept: bytes) -> None:
        """Raises :class:`ValueError` for what :meth:`snapshot` did not make."""
        size = int.from_bytes(kept[:4], "little")
        try:
            self.stride, self.seen, lengths = json.loads(kept[4 : 4 + size])
            numbers = [self.stride, self.seen, *lengths]
        except (TypeError, RecursionError) as error:
            raise ValueError(str(error)) from None
        whole = all(type(n) is int and 0 <= n <= _MOST for n in numbers) and self.stride > 0
        if not whole or sum(lengths) + size + 4 != len(kept):
            raise ValueError("its pieces do not add up")
        ends = np.cumsum([4 + size, *lengths]).tolist()
        self.pieces = [kept[a:b] for a, b in itertools.pairwise(ends)]

    def joined(self) -> bytes:
        """About ``size`` bytes of the pieces, evenly spaced."""
        wanted = max(1, -(-self.size // self.PIECE))
        if wanted >= len(self.pieces):
            return b"".join(self.pieces)
        return b"".join(self.pieces[i * len(self.pieces) // wanted] for i in range(wanted))
