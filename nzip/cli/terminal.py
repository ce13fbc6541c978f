"""What a user sees besides the result: lines, errors, a bar while a long job runs, and the line at its end.
All of it goes to standard error. And the exit codes, which say the same to a script.

The bar appears on a terminal only, and only once a job has taken half a second, so that small files pay
nothing for it (rich is imported then). Concession: the library's errors name the option that would help in no
dialect (:class:`nzip.errors.Remedy`); :func:`error_line` is the one place that makes a flag of it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nzip.bits_per_byte import bits_per_byte
from nzip.cli.options import Talking
from nzip.container.meter import Meter
from nzip.errors import NzipError, Remedy
from nzip.exact.compiling import Compiling

if TYPE_CHECKING:
    from rich.progress import Progress

OK, USAGE, CORRUPT, BUG = 0, 1, 2, 3
# What counts most when several files fail in different ways.
_SEVERITY = {OK: 0, USAGE: 1, CORRUPT: 2, BUG: 3}

_PATIENCE = 0.5
_TICK = 0.1
# Options that the library has in bytes and the shell in MiB.
_SIZES = ("memory", "max_size")


_unheard = False
# What a thread has instead of standard error: whoever takes what is said, to be said in its turn.
_thread = threading.local()


@contextlib.contextmanager
def speaking(take: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """What this thread says while the context lasts is given to ``take``, as calls to be made in turn."""
    _thread.take = take
    try:
        yield
    finally:
        del _thread.take


def in_turn(call: Callable[[], None]) -> None:
    """Make a call that says something, now or when it is this thread's turn (:func:`speaking`)."""
    take = getattr(_thread, "take", None)
    if take is None:
        call()
    else:
        take(call)


def say(text: str) -> None:
    """One line to standard error. Never fails, for no word is worth a file: see :func:`heard`."""
    in_turn(functools.partial(_say, text))


def _say(text: str) -> None:
    global _unheard
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"nzip: {one_line(text)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        _unheard = True


def heard() -> bool:
    """Whether all that was said could be said; if not, the exit code must tell."""
    return not _unheard


def one_line(text: str) -> str:
    """As one line that a terminal can show, whatever is in it."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def error_line(error: BaseException) -> str:
    """An error as one line, the option that would help spelled as a flag."""
    text = str(error)
    if isinstance(error, NzipError) and error.remedy is not None:
        text = f"{error.message}: {error.remedy.doing} {option_line(error.remedy)}"
    elif isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        text = where + error.strerror.lower()
    notes = getattr(error, "__notes__", ())
    return one_line("; ".join([text or type(error).__name__, *notes]))


def option_line(remedy: Remedy) -> str:
    """An option of the library's, as it is written in the shell."""
    name, value = remedy.option.replace("_", "-"), remedy.value
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    if isinstance(value, dict):  # models={NAME: PATH} is --model NAME=PATH
        return " ".join(f"--{name.removesuffix('s')} {key}={path}" for key, path in value.items())
    if isinstance(value, int) and remedy.option in _SIZES:
        return f"--{name} {-(-value >> 20)}MiB"  # rounded up: it must be enough
    return f"--{name} {value}"


def worst(codes: Iterable[int]) -> int:
    """The exit code that counts most."""
    return max(codes, key=_SEVERITY.__getitem__, default=OK)


class ShownMeter(Meter):
    """A meter with a bar. ``total``: decoded-side bytes to come, None where unknown. A context manager."""

    def __init__(self, name: str, total: int | None, talking: Talking):
        super().__init__()
        self._name = one_line(name)
        self._total = total
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = self._terminal and talking.progress and not talking.quiet
        self._quiet = talking.quiet
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._started = time.perf_counter()
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        if self._shown:
            self._thread = threading.Thread(target=self._show, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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

    def note(self, text: str) -> None:
        """Said at once, unless nothing is to be said."""
        if not self._quiet:
            say(f"{self._name}: {one_line(text)}")

    def preparing(self, predictor) -> None:
        """Tell of the one long pause that a bar cannot show: the first compilation."""
        if self._terminal and not self._quiet and predictor.must_compile():
            say(f"compiling {predictor.spelling} for this machine: once, up to a minute")

    def _show(self) -> None:
        if not self._done.wait(_PATIENCE):
            with contextlib.suppress(OSError, SystemExit):  # the terminal is gone, and the bar with it
                self._show_bar()

    def _show_bar(self) -> None:
        from rich.console import Console  # start-up: rich
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # start-up: rich

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}  {task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True, emoji=False), transient=True) as progress:
            task = progress.add_task(self._name, total=self._total, amount="", speed="")
            while True:
                position = self.position()
                seconds = max(self._elapsed(), 1e-9)
                amount = (
                    f"{position:,}" + (f" of {self._total:,}" if self._total is not None else "") + " bytes"
                )
                speed = f"{(position - self.resumed) / seconds / 1000:,.0f} KB/s"
                once = Compiling.said()
                if once is not None and position <= self.resumed:  # a bar without a total moves
                    progress.update(task, total=None, amount=once, speed="")
                else:
                    progress.update(task, total=self._total, completed=position, amount=amount, speed=speed)
                if self._done.wait(_TICK):
                    return


class StepBar:
    """A bar for a job of a few steps that cannot say how many bytes it has done. A context manager.
    ``told``: says what is being done within a step, if there is anything to say."""

    def __init__(self, name: str, quiet: bool, told: Callable[[], str | None] = lambda: None):
        self._name = name
        self._told = told
        self._shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self._shown:
            from rich import progress  # start-up: rich
            from rich.console import Console  # start-up: rich
            from rich.text import Text  # start-up: rich

            told = self._told

            class Told(progress.ProgressColumn):
                """What is being done now."""

                def render(self, task: progress.Task) -> Text:
                    return Text(told() or "")

            columns = progress.TextColumn("{task.description}", markup=False), progress.BarColumn()
            console = Console(stderr=True, emoji=False)
            self._bar = progress.Progress(
                *columns, progress.TimeElapsedColumn(), Told(), console=console, transient=True
            )
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=None)
        return self

    def update(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def summary(talking: Talking, source: str, target: str | None, meter: ShownMeter, *, decoding: bool) -> None:
    """The last line: ``in → out``, bits per byte, KB/s of raw data. Where the output goes down a pipe, only
    with ``-v``."""
    file = None if target == "-" else target
    if talking.quiet or (file is None and not talking.verbose):
        return
    raw, coded = (meter.produced, meter.consumed) if decoding else (meter.consumed, meter.produced)
    bits = f"{bits_per_byte(coded, raw):.3f} bits per byte, " if raw else ""
    speed = (raw - meter.resumed) / max(meter.seconds, 1e-9) / 1000
    names = source + ("" if file is None else f" → {file}")
    say(f"{names}: {meter.consumed:,} → {meter.produced:,} bytes, {bits}{speed:,.0f} KB/s")
