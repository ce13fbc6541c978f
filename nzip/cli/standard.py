"""The standard streams, made safe: all that is printed or piped is written whole or fails, and nothing that
was not yet there is taken for the end.

:func:`install`, called once by the entry points, puts a :class:`nzip.io.descriptor.Descriptor` under
``sys.stdout`` and ``sys.stderr``, whatever Python made of them (``PYTHONUNBUFFERED`` makes raw files, which
forget what a short write left), and lets what their encoding cannot say appear as ``\\xe9``. A standard
stream that is closed gets ``/dev/null`` in its place, so that no file of ours is opened as descriptor 1 and
written over by a message. Concession: used as a library (in tests), the streams that Python has are taken as
they are."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from typing import BinaryIO, TextIO, cast

from nzip.io import safe_output, sources
from nzip.io.descriptor import Descriptor
from nzip.io.durability import sync
from nzip.io.safe_output import FileError
from nzip.io.streams import flush, write_all

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_OUT = "standard output"


def install() -> None:
    """Make the process's standard streams safe."""
    # Reading where one writes, and the reverse, fails as a closed stream should; words to a closed stderr are
    # not missed.
    for number, flags in ((_STDIN, os.O_WRONLY), (_STDOUT, os.O_RDONLY), (_STDERR, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    sys.stdout = _text(_STDOUT, sys.stdout, _OUT)
    sys.stderr = _text(_STDERR, sys.stderr, "standard error")


def _text(number: int, before: TextIO | None, name: str) -> TextIO:
    raw = Descriptor(number, name, writing=True, owned=False)
    encoding = (before.encoding if before is not None else None) or "utf-8"
    if number == _STDERR:  # at once; the raw file writes all there is
        return io.TextIOWrapper(cast(BinaryIO, raw), encoding, "backslashreplace", write_through=True)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=raw.isatty())


def standard_input() -> contextlib.AbstractContextManager[BinaryIO]:
    """Standard input as a binary file object that waits for what is not there yet."""
    if sys.stdin is None:
        raise FileError("standard input is closed")
    try:
        number = sys.stdin.fileno()
    except (OSError, ValueError):
        return contextlib.nullcontext(sys.stdin.buffer)
    return sources.reader(number, "standard input", owned=False)


class StandardOutput(safe_output.Sink):
    """Standard output with the face of :class:`nzip.io.safe_output.Output`. ``source``: what the system says
    of the input, which must not be the output as well."""

    def __init__(self, *, refuse_terminal: bool, source: os.stat_result | None = None):
        if sys.stdout is None:
            raise FileError(f"{_OUT} is closed")
        if refuse_terminal and sys.stdout.isatty():
            raise FileError(
                "compressed data is not written to a terminal (-f to force, -o FILE to name a file)"
            )
        sys.stdout.flush()
        self._descriptor: int | None = None
        self._stream: object = sys.stdout.buffer
        with contextlib.suppress(OSError, ValueError):
            self._descriptor = sys.stdout.fileno()
            self._stream = Descriptor(self._descriptor, _OUT, writing=True, owned=False)
        if source is not None and self._is_file() and os.path.samestat(source, self._status()):
            raise FileError(f"{_OUT}: is the input itself")

    def write(self, data, /) -> None:
        """Append, at once, so that a reader at the pipe's other end gets what there is."""
        try:
            write_all(self._stream, data)
            flush(self._stream)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileError(f"{_OUT}: cannot write: {safe_output.reason(error)}") from error

    def commit(self) -> None:
        """Ask the system whether all of it is well. A file on a network may be refused as late as when it is
        closed: so a copy of the descriptor is closed, while there is still something that can be done."""
        if self._descriptor is None:
            return
        try:
            if self._is_file():
                sync(self._descriptor)
            os.close(os.dup(self._descriptor))
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileError(f"{_OUT}: cannot write: {safe_output.reason(error)}") from error

    def _status(self) -> os.stat_result:
        assert self._descriptor is not None
        return os.fstat(self._descriptor)

    def _is_file(self) -> bool:
        try:
            return self._descriptor is not None and stat.S_ISREG(self._status().st_mode)
        except OSError:
            return False
