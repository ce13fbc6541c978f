"""How much of what a machine does once is done, for who shows a bar while nothing else moves: functions that
are compiled, primers that are read.

Concession: only functions whose machine code is kept are counted; what they call is compiled with them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class Compiling:
    """Functions whose compilation began in this process, and with which it is done; ``primers``: how many are
    being read now."""

    begun = done = primers = 0

    @classmethod
    def now(cls) -> int | None:
        """How many were compiled so far while more are; None while none is."""
        return cls.done if cls.begun > cls.done else None

    @classmethod
    @contextlib.contextmanager
    def one(cls) -> Iterator[None]:
        """A function is compiled while the context lasts."""
        cls.begun += 1
        try:
            yield
        finally:
            cls.done += 1

    @classmethod
    @contextlib.contextmanager
    def reading(cls) -> Iterator[None]:
        """A primer is read while the context lasts."""
        cls.primers += 1
        try:
            yield
        finally:
            cls.primers -= 1

    @classmethod
    def said(cls) -> str | None:
        """What is being done once, in words; None where nothing is."""
        compiled = cls.now()
        if compiled is not None:
            return f"compiling, once: {compiled} done"
        return "reading a primer, once" if cls.primers else None
