"""How much of compiling is done, for who shows a bar while nothing else moves.

Concession: only functions whose machine code is kept are counted; what they call is compiled with them.
"""

from __future__ import annotations


class Compiling:
    """Functions whose compilation began in this process, and with which it is done."""

    begun = done = 0

    @classmethod
    def now(cls) -> int | None:
        """How many were compiled so far while more are; None while none is."""
        return cls.done if cls.begun > cls.done else None
