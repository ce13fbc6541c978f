"""What a user sees while a long job runs, and the line at its end. All of it goes to standard error.

The bar appears on a terminal only, and only once a job has taken half a second, so that small files pay
nothing for it (rich is imported then).
"""

from __future__ import annotations

import sys
import threading
import time

from nzip.cli.main import one_line, say
from nzip.container.meter import Meter

_PATIENCE = 0.5
_TICK = 0.1


class ShownMeter(Meter):
    """A meter with a bar. ``total``: decoded-side bytes to come, None where unknown. A context manager."""

    def __init__(self, name: str, total: int | None, given: dict):
        super().__init__()
        self._name = one_line(name)
        self._total = total
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = self._terminal and given["progress"] and not given["quiet"]
        self._quiet = given["quiet"]
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._started = time.perf_counter()
        self.seconds = 0.0

    def __enter__(self) -> ShownMeter:
        self._started = time.perf_counter()
        if self._shown:
            self._thread = threading.Thread(target=self._show, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind, value, traceback) -> None:
        self.stop()

    def stop(self) -> None:
        """The job is done: the bar goes away, the clock stands."""
        if not self._done.is_set():
            self.seconds = self._elapsed()
            self._done.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _elapsed(self) -> float:
        """Seconds since the first block began: compiling and probing are not the speed of coding."""
        return time.perf_counter() - (self._started if self.began is None else self.began)

    def preparing(self, predictor) -> None:
        """Tell of the one long pause that a bar cannot show: the first compilation."""
        if self._terminal and not self._quiet and predictor.must_compile():
            say(f"compiling {predictor.spelling} for this machine: once, a few seconds")

    def _show(self) -> None:
        if self._done.wait(_PATIENCE):
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}  {task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(self._name, total=self._total, amount="", speed="")
            while True:
                position = self.position()
                seconds = max(self._elapsed(), 1e-9)
                amount = (
                    f"{position:,}" + (f" of {self._total:,}" if self._total is not None else "") + " bytes"
                )
                progress.update(
                    task, completed=position, amount=amount, speed=f"{position / seconds / 1000:,.0f} KB/s"
                )
                if self._done.wait(_TICK):
                    return


def summary(given: dict, source: str, target: str | None, meter: ShownMeter, *, decoding: bool) -> None:
    """The last line: ``in → out``, bits per byte, KB/s of raw data. Where the output goes down a pipe, only
    with ``-v``."""
    to_file = target not in ("-", None)
    if given["quiet"] or not (to_file or given["verbose"]):
        return
    raw, coded = (meter.produced, meter.consumed) if decoding else (meter.consumed, meter.produced)
    bits = f"{8 * coded / raw:.3f} bits per byte, " if raw else ""
    speed = raw / max(meter.seconds, 1e-9) / 1000
    names = one_line(source) + (f" → {one_line(target)}" if to_file else "")
    say(f"{names}: {meter.consumed:,} → {meter.produced:,} bytes, {bits}{speed:,.0f} KB/s")
