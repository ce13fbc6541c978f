"""The writing side of :class:`nzip.NzipFile`: an encoder, the file below, and what may come between them.

*The program's end.* A file that was never closed is finished then, and what an ``io`` wrapper around it
holds is flushed before (:func:`_settle_all`, at exit, while everything still works); it stays open, so that a
later hook may write on. *A fork.* What was written before belongs to the parent: the child writes none of it,
and is told so when it tries to go on. *An error* is raised again by every later call, and the file ends
before its end mark, so that no reader takes it for complete.

Concession: ``os._exit`` and signals that kill lose what was not closed, as with every buffered file; and so
does an exit hook that was the first to import nzip, unless it closes its file.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import weakref
from typing import Any

from nzip.api import as_bytes
from nzip.container import pipeline
from nzip.errors import NzipError
from nzip.io import streams
from nzip.options import Machinery
from nzip.predictors.base import Predictor
from nzip.turns import Turns, raise_again

# Strongly, so that the collector never finds a file below together with the NzipFile, and closes it first.
_open: set[Writing] = set()
# Whether :func:`_settle_all` has run: nothing will finish a stream after that, so each write does.
_over = False
# Seconds that the program's end waits for a daemon thread in the midst of a write, which may last for ever.
_PATIENCE = 10


class Writing:
    """Takes bytes in, writes streams to the file that :meth:`begin` gives. Raises as :func:`nzip.compress`
    for its options, before there is a file."""

    def __init__(self, predictor: Predictor, machinery: Machinery):
        self.position = 0
        self._file: Any = None
        self._owns = False
        self._owner: weakref.ref[io.BufferedIOBase] | None = None
        self._process = os.getpid()
        # A stream is open, or not even the first one is written.
        self._started = False
        self._complete = False
        self._padded: int | None = None
        self._turns = Turns()
        self._encoder: pipeline.StreamEncoder | None = pipeline.StreamEncoder(
            self._put, predictor, **machinery
        )

    def begin(self, file: Any, owns: bool, owner: io.BufferedIOBase, *, padded: int | None = None) -> None:
        """Write to ``file``; it is closed by :meth:`close` where this object ``owns`` it. ``owner``: around
        which `io` wrappers are looked for. ``padded``: where the zeros begin that fill the file up, and that
        must go before something is appended."""
        self._padded = padded
        self._file, self._owns, self._owner = file, owns, weakref.ref(owner)
        _open.add(self)

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._encoder is None

    @property
    def failed(self) -> BaseException | None:
        """The error that stands between this file and its end."""
        return self._turns.failed

    def write(self, data: Any) -> int:
        """Take any bytes-like object in; returns its length in bytes."""
        self._check_process()
        with as_bytes(data) as view, self._turns.lock:
            encoder = self._running()
            self._started, self._complete = True, False
            self._turns.run(lambda: encoder.write(view))
            self.position += len(view)
            if _over:
                self.settle()
            return len(view)

    def flush_block(self) -> None:
        """End the block under way and flush the file below."""
        self._check_process()
        with self._turns.lock:
            self._turns.run(self._running().flush_block)
            streams.flush(self._file)

    def flush(self) -> None:
        """Flush the file below. Raises what an earlier call raised. Nothing in a child process."""
        if self._process != os.getpid():
            return
        with self._turns.lock:
            self._running()
            self._turns.check()
            streams.flush(self._file)

    def settle(self) -> None:
        """Make what was written a complete file, without closing it. Nothing in a child process."""
        if self._process != os.getpid():
            return
        with self._turns.lock:
            if self._encoder is not None and self._turns.failed is None and not self._complete:
                self._turns.run(self._encoder.finish)
                self._complete = True
                streams.flush(self._file)

    def settle_around(self) -> None:
        """:meth:`settle`, after the layers above were flushed."""
        if not self._turns.lock.acquire(timeout=_PATIENCE):
            raise NzipError("a thread is still writing at the program's end: its file was not finished")
        try:
            owner = self._owner and self._owner()
            if owner is not None and self.failed is None:
                _flush_around(owner)
            self.settle()
        finally:
            self._turns.lock.release()

    def close(self) -> None:
        """End the stream, let the file below go. Raises what an earlier call raised; the second time
        nothing. In a child process nothing is written."""
        if self._process != os.getpid():
            self._encoder = None
            self._release()
            return
        with self._turns.lock:
            encoder = self._encoder
            if encoder is None:
                return
            if self._turns.failed is None:
                self._turns.check()
            try:
                if self._turns.failed is not None:
                    raise_again(self._turns.failed)
                if not self._complete:
                    self._turns.run(encoder.finish)
            finally:
                self._encoder = None
                encoder.close()
                self._release()

    def _release(self) -> None:
        _open.discard(self)
        if self._owns:
            self._file.close()

    def _running(self) -> pipeline.StreamEncoder:
        if self._encoder is None:
            raise ValueError("I/O operation on closed file")
        return self._encoder

    def _put(self, part: bytes | memoryview) -> None:
        if self._padded is not None:
            # Not before there is something to be written: until then, and after, the file is whole.
            self._file.truncate(self._padded)
            self._file.seek(0, io.SEEK_END)
            self._padded = None
        streams.write_all(self._file, part)

    def _check_process(self) -> None:
        if self._process == os.getpid():
            return
        if self._started and not self._complete and self._encoder is not None:
            raise NzipError("this file was being written when the process forked: only its parent may go on")
        # Nothing is pending, so it is this process's now; a lock may have been held by the parent's threads.
        self._process, self._turns = os.getpid(), Turns()
        if self._encoder is not None:
            self._encoder.adopt()


@atexit.register
def _settle_all() -> None:
    """Finish every file that is still open. Raises the first error once all were tried."""
    global _over
    _over = True
    errors = []
    for writing in list(_open):
        if writing._process != os.getpid():
            continue
        try:
            writing.settle_around()
        except Exception as error:  # noqa: BLE001 - the other files' bytes must not be lost, too
            errors.append(error)
    if errors:
        raise errors[0]


def _flush_around(file: Any) -> None:
    """Flush the text and buffer layers of `io` that stand on ``file``, the outermost first."""
    for found in gc.get_referrers(file):
        if isinstance(found, io.TextIOWrapper | io.BufferedWriter | io.BufferedRandom) and not found.closed:
            _flush_around(found)
            found.flush()
