"""One caller at a time, and after an error the error again: what an object needs that is fed in pieces.

A call that failed half way leaves it unknown how far it came, so what follows could only be wrong. Such an
object says so ever after, rather than going on with a hole in its data. Concession: a signal handler that
calls the object which the signal interrupted gets a RuntimeError, as with Python's own buffered files.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

from nzip.errors import NzipError

_T = TypeVar("_T")


def raise_again(error: BaseException) -> NoReturn:
    """Raise what an earlier call raised; an :class:`NzipError` where that was an interruption."""
    if isinstance(error, Exception):
        raise error
    raise NzipError("an earlier call was interrupted half way: nothing can follow it, begin again") from error


class Turns:
    """``lock``: to be held around what belongs together. ``failed``: the error of a :meth:`run`, or None."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.failed: BaseException | None = None
        self._busy = False

    def check(self) -> None:
        """Raises the error of an earlier :meth:`run`, and RuntimeError inside of one (of this thread)."""
        if self._busy:
            raise RuntimeError("reentrant call: this object is in the midst of another call of this thread")
        if self.failed is not None:
            raise_again(self.failed)

    def run(self, call: Callable[[], _T]) -> _T:
        """What ``call`` returns; its error, whatever it is, will be raised ever after."""
        with self.lock:
            self.check()
            self._busy = True
            try:
                return call()
            except BaseException as error:
                self.failed = error
                raise
            finally:
                self._busy = False
