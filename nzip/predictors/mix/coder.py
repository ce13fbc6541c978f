"""The two ends of the binary coder that a block's walk holds: one that writes, one that reads.

Both own ``coder`` (the coder's state, see coding/binary.py) and ``buffer``, which the kernel is given, and
``drain``, which is asked after every call of it. Concession: an end serves one block.
"""

from __future__ import annotations

import math

import numpy as np

from nzip.coding.binary import HIGH, LOW, POSITION, STATE_SIZE, finish_encoder, start_decoder, start_encoder

CHUNK = 1 << 15  # bytes that may be coded between two drains


class Output:
    """The end that writes: a small buffer, drained after every call of the kernel."""

    def __init__(self, size: int):
        """``size``: bytes of the block."""
        self.coder = np.zeros(STATE_SIZE, np.uint64)
        # A byte costs at most 8 × 22 bits: the buffer has room for what one chunk can cost.
        self.buffer = np.zeros(min(size, CHUNK) * 23 + 4096, np.uint8)
        self._done = bytearray()
        self._limit = size + 1024  # more than this and the block is stored anyway
        start_encoder(self.coder, len(self.buffer))

    def drain(self) -> bool:
        """Take what was written. False once it is more than storing would need."""
        count = int(self.coder[POSITION])
        if count > len(self.buffer) // 24:
            self._done += self.buffer[:count].data
            self.coder[POSITION] = 0
        return len(self._done) <= self._limit

    @property
    def written(self) -> int:
        """Bytes that were written so far, but for the few that the coder holds back."""
        return len(self._done) + int(self.coder[POSITION])

    def spent(self) -> float:
        """Bits spent so far, less a constant."""
        narrow = math.log2(int(self.coder[HIGH] - self.coder[LOW]))
        return 8.0 * (len(self._done) + int(self.coder[POSITION])) - narrow

    def finish(self) -> bytes:
        """All that was written. Trailing zeros go, as in coding/binary.py: the decoder reads zeros there."""
        self._done += self.buffer[: finish_encoder(self.coder, self.buffer)].data
        while self._done and not self._done[-1]:
            del self._done[-1]
        return bytes(self._done)


class Input:
    """The end that reads."""

    def __init__(self, payload):
        """``payload``: bytes-like."""
        self.coder = np.zeros(STATE_SIZE, np.uint64)
        # Writable, though nobody writes: compiled code wants one type for both ends.
        self.buffer = np.zeros(len(payload) + 1, np.uint8)
        self.buffer[:-1] = np.frombuffer(payload, np.uint8)
        start_decoder(self.coder, self.buffer, len(payload))

    def drain(self) -> bool:
        """Nothing to take when reading."""
        return True
