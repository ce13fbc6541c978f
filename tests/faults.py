"""System calls that fail on purpose: the n-th ``os.write``, ``fsync``, ``link``, ... with an error of choice.

While a fault is set, ``open`` is Python's own slow one (:mod:`_pyio`), so that the writes and closes of file
objects are calls of :mod:`os`, too, and can fail like any other. Only calls that concern files below one
folder count: what a test's machinery does elsewhere is left alone.

>>> for case in every_failure(prepare, action, below=tmp_path):
...     assert ..., case
"""

from __future__ import annotations

import _pyio
import builtins
import contextlib
import errno
import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

CALLS = (
    "open", "read", "write", "fsync", "close", "stat", "lstat", "fstat", "link", "rename",
    "replace", "unlink", "fchmod", "fchown", "chmod", "utime", "mkdir", "lseek",
    "truncate", "ftruncate", "scandir", "listdir",
)  # fmt: skip
ERRORS = (
    errno.ENOSPC, errno.EIO, errno.EINTR, errno.EAGAIN, errno.EPERM, errno.EINVAL, errno.EDQUOT, errno.ESTALE,
)  # fmt: skip
# What a file system without modes, owners, times or links answers.
REFUSALS = (errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EROFS, errno.EACCES)
# Linux has closed a descriptor whatever `close` answers.
_DONE_ANYHOW = ("close",)


class Fault:
    """``call`` fails with ``code`` (or is where the signal comes that raises it, for an exception) at its
    calls number ``at`` (from 0; None: at every one). ``fired``: how
    often it did; ``seen``: how often it was called."""

    def __init__(self, call: str, at: int | None, code: int | BaseException, below: Path, done: bool):
        self.call = call
        self.fired = self.seen = 0
        self._at = at
        self._code = code
        self._below = os.path.realpath(below)
        self._done = done or call in _DONE_ANYHOW
        self._true = getattr(os, call)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        fails = self._concerns(*arguments[: 2 if self.call in ("link", "rename", "replace") else 1])
        if fails:
            fails = self._at is None or self.seen == self._at
            self.seen += 1
        if not fails:
            return self._true(*arguments, **options)
        self.fired += 1
        if self._done:
            self._true(*arguments, **options)
        if isinstance(self._code, BaseException):
            raise self._code
        raise OSError(self._code, os.strerror(self._code))

    def _concerns(self, *named: Any) -> bool:
        for name in named:
            if isinstance(name, int):
                try:
                    path = os.readlink(f"/proc/self/fd/{name}").removesuffix(" (deleted)")
                except OSError:
                    continue
            else:
                path = os.path.abspath(os.fsdecode(name))
            if path == self._below or path.startswith(self._below + os.sep):
                return True
        return False


@contextlib.contextmanager
def failing(
    call: str, code: int | BaseException, *, below: Path, at: int | None = None, done: bool = False
) -> Iterator[Fault]:
    """While inside, ``os.call`` fails as for :class:`Fault`. ``done``: it is done all the same, as on a
    network that loses the answer."""
    fault = Fault(call, at, code, below, done)
    before = builtins.open, io.open, fault._true
    builtins.open, io.open = _pyio.open, _pyio.open  # type: ignore[assignment]
    setattr(os, call, fault)
    try:
        yield fault
    finally:
        builtins.open, io.open = before[:2]
        setattr(os, call, before[2])


class Case(NamedTuple):
    """What came of an action while a call failed: ``result``, or the ``error`` that it raised."""

    call: str
    at: int
    code: str
    result: Any
    error: Exception | None


def every_failure(
    prepare: Callable[[], object],
    action: Callable[[], Any],
    *,
    below: Path,
    calls: Iterable[str] = CALLS,
    codes: Iterable[int] = ERRORS,
    most: int = 200,
) -> Iterator[Case]:
    """``prepare`` and ``action`` again and again, until each of ``calls`` below the folder ``below`` has
    failed once with each of ``codes``."""
    for call, code in itertools.product(calls, codes):
        if not hasattr(os, call):
            continue
        for at in range(most):
            prepare()
            result, error = None, None
            with failing(call, code, below=below, at=at) as fault:
                try:
                    result = action()
                except Exception as caught:  # noqa: BLE001 - handed on
                    error = caught
            if not fault.fired:
                break
            yield Case(call, at, errno.errorcode[code], result, error)
        else:
            raise AssertionError(f"{call} is called more than {most} times")
