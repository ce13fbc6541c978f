"""When a training run keeps a checkpoint, and when it ends: one rule for every loop, nzip's and the lab's.

A run keeps a checkpoint every so many seconds, less often where keeping takes long; it ends when its work is
done, or its time is up (wall clock over all sittings, so that a schedule can be bent to it), or its trial is
over (CPU seconds), or somebody asked (:class:`Interrupt`). Nothing here needs torch.

Concession: seconds that a process was suspended count as time sat, as a user who waits would count them.
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
from typing import Self

TIMES = 10  # a checkpoint waits for so many times as long as the last one took


class Clock:
    """The clocks of one sitting of a run. ``every``: seconds between checkpoints at least. ``budget``:
    seconds of wall clock, all sittings together, in which the run ends at the latest; ``deadline``: CPU
    seconds likewise. ``spent`` and ``sat``: CPU and wall seconds of the sittings before."""

    def __init__(
        self,
        every: float,
        *,
        budget: float = math.inf,
        deadline: float | None = None,
        spent: float = 0.0,
        sat: float = 0.0,
    ):
        self.every, self.budget, self.deadline = every, budget, deadline
        self._spent = spent - time.process_time()
        self._sat = sat - time.monotonic()
        self._due = time.monotonic() + every

    @property
    def spent(self) -> float:
        """CPU seconds of all sittings."""
        return self._spent + time.process_time()

    @property
    def sat(self) -> float:
        """Seconds of wall clock of all sittings."""
        return self._sat + time.monotonic()

    def behind(self, work: float) -> float:
        """The share of the run that is behind, 1 at its end: of the ``work`` (0 to 1) or of the budget,
        whichever is more."""
        return max(work, self.sat / self.budget)

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and self.spent > self.deadline

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() > self._due

    @contextlib.contextmanager
    def keeping(self):
        """Keep a checkpoint within this, held-out text and all: the next is due ``every`` seconds later, or
        TIMES the processor's time it took (a process may be stopped meanwhile), whichever is longer."""
        began = time.process_time()
        yield
        self._due = time.monotonic() + max(self.every, TIMES * (time.process_time() - began))


class Interrupt:
    """While it is entered, SIGINT and SIGTERM are noted (``asked``), so that a loop can end after the step at
    hand; a second one takes its usual course. Outside the main thread nothing is noted."""

    def __enter__(self) -> Self:
        self.asked = False
        self._old: dict = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError):  # not the main thread: the caller's own handlers stay
                self._old[number] = signal.signal(number, self._note)
        return self

    def _note(self, number, frame) -> None:
        self.asked = True
        signal.signal(number, self._old[number])

    def __exit__(self, *_) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)
