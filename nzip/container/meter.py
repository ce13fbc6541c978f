"""How far a long job has come, to be read from another thread (a progress bar's).

Concession: predictors advance their positions without a lock, so a reading may be a moment old.
"""

from __future__ import annotations

import contextlib
import threading
import time


class Meter:
    """Bytes consumed and produced by finished blocks, and the positions of those under way."""

    def __init__(self):
        self.consumed = 0  # bytes taken in by finished blocks
        self.produced = 0  # bytes given out for them
        self.resumed = 0  # decoded-side bytes that an earlier run had done
        self.chosen: str | None = None  # spelling of another predictor that made a short stream smaller
        self.began: float | None = None  # time.perf_counter() when the first block did
        self._lock = threading.Lock()
        self._live: list = []
        self._coded = 0  # decoded-side bytes of blocks whose coding has ended

    @contextlib.contextmanager
    def block(self, size: int):
        """Around the coding of one block of ``size`` decoded bytes. Gives an int64 array of one entry, in
        which a predictor that ``reports_progress`` keeps the number of bytes done."""
        import numpy as np  # start-up: what only lists files codes no block

        progress = np.zeros(1, np.int64)
        with self._lock:
            self._live.append(progress)
            if self.began is None:
                self.began = time.perf_counter()
        try:
            yield progress
        finally:
            with self._lock:
                self._live = [p for p in self._live if p is not progress]
                self._coded += size

    def preparing(self, predictor) -> None:
        """A predictor is about to be used for the first time; a listener may tell the user (it may have to
        compile itself)."""

    def note(self, text: str) -> None:
        """One line for the user about how the job goes on."""

    def went_on(self, consumed: int, produced: int, size: int) -> None:
        """An earlier run took in and gave out these bytes, for ``size`` decoded ones."""
        self.finished(consumed, produced)
        with self._lock:
            self._coded += size
            self.resumed += size

    def finished(self, consumed: int, produced: int) -> None:
        """A block, or a frame of the container's own, is done with."""
        self.consumed += consumed
        self.produced += produced

    def position(self) -> int:
        """Decoded-side bytes coded so far, blocks under way included."""
        with self._lock:
            return self._coded + sum(int(p[0]) for p in self._live)
