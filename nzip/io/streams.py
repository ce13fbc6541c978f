"""Reading from and writing to file objects of any kind, with nothing lost: the one home of the rules.

*Nothing yet is not the end.* A raw file on a non-blocking descriptor answers None, a buffered one None or
BlockingIOError, and ``BufferedReader.read1`` even ``b""``. Here that means to wait, by the descriptor where
there is one; where there is none, :class:`StreamError` says so. *A short write is not a write*: what was not
taken is written again, until all is or an error comes.

How an answer is understood: None of a ``write`` means "nothing was taken" where the sink is an
:class:`io.RawIOBase`, as Python defines it; of any other sink (``list.append``, text-like wrappers) it means
"taken". A count is believed, whoever gives it, if it is possible. Other errors (a timeout, a full disk) pass
through as they are.

Concession: an object without a descriptor that has nothing yet is an error rather than a busy wait; and of a
sink that fails half way nobody can say how much it has taken.
"""

from __future__ import annotations

import contextlib
import io
import operator
import select
import time
from typing import TYPE_CHECKING, Any

from nzip.errors import NzipError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BUFFERED = (io.BufferedReader, io.BufferedRandom, io.BufferedRWPair)
# Where a descriptor is said to be ready and yet gives nothing, or cannot be waited for: seconds.
_PAUSE = 0.02


class StreamError(NzipError):
    """A file object gives or takes nothing now and cannot be waited for, or breaks the rules of one."""


def read_some(source: Any, n: int) -> bytes:
    """Up to ``n`` bytes (n > 0) of ``source``, as soon as there are any; ``b""`` at its end only.

    Raises :class:`StreamError`, and whatever ``source`` raises."""
    if type(source) in _BUFFERED:
        # Not `read1`, which answers b"" both at the end and where there is nothing yet.
        buffer = bytearray(n)
        return bytes(memoryview(buffer)[: _answer(source, source.readinto1, buffer)])
    read1 = getattr(source, "read1", None)
    if read1 is None:
        return _read(source, n)
    # The end, or the wrapper of a buffered file that has nothing yet: `read` tells one from the other.
    return _checked(_answer(source, read1, n), n) or _read(source, 1)


def read_fully(source: Any, n: int) -> bytes:
    """``n`` bytes of ``source``, fewer at its end only. Raises as :func:`read_some`."""
    # Not `BufferedReader.read`: an error in its midst loses what it has read already.
    some = read_some if type(source) in _BUFFERED else _read
    data = some(source, n) if n else b""
    if len(data) == n or not data:
        return data
    parts, left = [data], n - len(data)
    while left and (data := some(source, left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def write_all(sink: Any, data: Buffer) -> None:
    """Write all of ``data`` to ``sink``. Raises :class:`StreamError`, and whatever ``sink`` raises; then some
    of ``data`` may have been taken."""
    with memoryview(data) as whole, whole.cast("B") if whole.nbytes else memoryview(b"") as view:
        done, size, tries = 0, len(view), 0
        while done < size:
            part = view[done:]
            try:
                # The whole as it came: a sink that keeps what it gets (a list) may keep it.
                count = _write(sink, part if done else data, size - done)
            finally:
                with contextlib.suppress(BufferError):  # the sink looks at it, still
                    part.release()
            if count == 0:
                _wait(sink, writing=True, again=tries > 0)
            tries = 0 if count else tries + 1
            done += count


def flush(sink: Any) -> None:
    """Flush ``sink`` (where it has a ``flush``), waiting as long as it takes nothing."""
    call = getattr(sink, "flush", None)
    while call is not None:
        try:
            call()
            return
        except InterruptedError:
            continue
        except BlockingIOError:
            _wait(sink, writing=True)


def _answer(source: Any, call: Any, argument: Any) -> Any:
    """What ``call`` answers once it has something."""
    tries = 0
    while True:
        try:
            found = call(argument)
        except InterruptedError:
            # The interpreter's own buffered readers ask again by themselves. Another that passes the error on
            # (_pyio's) has lost what it had read before it: to ask again would leave a hole.
            if isinstance(source, io.BufferedIOBase):
                raise
            continue
        except BlockingIOError:
            found = None
        if found is not None:
            return found
        _wait(source, writing=False, again=tries > 0)
        tries += 1


def _read(source: Any, n: int) -> bytes:
    return _checked(_answer(source, source.read, n), n)


def _checked(data: Any, n: int) -> bytes:
    if not isinstance(data, bytes):
        if isinstance(data, str):
            raise TypeError("the file gives text, not bytes: open it in binary mode")
        data = bytes(memoryview(data))
    if len(data) > n:
        raise StreamError(f"a file object gave {len(data)} bytes where at most {n} were asked for")
    return data


def _write(sink: Any, part: Buffer, size: int) -> int:
    """Write ``part``, ``size`` bytes, once; returns how many were taken, 0 to wait for the sink."""
    while True:
        try:
            count = sink.write(part)
        except InterruptedError:
            continue
        except BlockingIOError as error:
            count = getattr(error, "characters_written", 0)
        else:
            if isinstance(sink, io.RawIOBase):
                count = 0 if count is None else count
            elif count is None or count is True:
                return size
            elif count == 0:
                raise StreamError(f"a file object took none of {size} bytes and gave no reason")
        count = operator.index(count)
        if not 0 <= count <= size:
            raise StreamError(f"a file object says that it took {count} of {size} bytes")
        return count


def _wait(stream: Any, *, writing: bool, again: bool = False) -> None:
    """Wait until ``stream`` may give or take something. Raises :class:`StreamError` without a descriptor."""
    descriptor = -1
    # What "no descriptor" looks like; UnsupportedOperation is an OSError and a ValueError.
    with contextlib.suppress(AttributeError, OSError, ValueError, TypeError):
        descriptor = operator.index(stream.fileno())
    if descriptor < 0:
        doing = "takes nothing more" if writing else "gives nothing yet"
        raise StreamError(f"a file object {doing}, and has no descriptor to wait for: use one that blocks")
    if again or not hasattr(select, "poll"):
        time.sleep(_PAUSE)
    if hasattr(select, "poll"):
        # Not `select`, which knows descriptors below 1024 only.
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
        poll.poll()
