"""What a reader was told to leave out (``on_error="skip"``): lines and rows without text, counted and named.

Concession: the first thousand are named, all are counted.
"""

from __future__ import annotations

from collections.abc import Callable

from tokenizers_lab.errors import LabError

NAMED = 1000
CHOICES = ("stop", "skip")


class LeftOut:
    """``count`` of all; ``first``: the first :data:`NAMED` as ``FILE: line 3: why``."""

    def __init__(self, count: int = 0, first=()):
        self.count, self.first = count, list(first)

    def of(self, path: str) -> Callable[[str, str], None]:
        """What a reader of ``path`` is given as ``skip``."""

        def skip(where: str, why: str) -> None:
            self.count += 1
            if len(self.first) < NAMED:
                self.first.append(f"{path}: {where}: {why}")

        return skip

    def json(self) -> dict:
        """``{"count": n, "first": [lines]}``."""
        return {"count": self.count, "first": self.first}


def left_out(on_error: str) -> LeftOut | None:
    """Where to keep what is left out; None where it stops the reading. Raises :class:`LabError` for a word
    that is neither ``stop`` nor ``skip``."""
    if on_error not in CHOICES:
        raise LabError(f"on_error {on_error!r}: stop or skip")
    return LeftOut() if on_error == "skip" else None
