"""What a caller's limit on memory refuses, in one line that says which limit would do."""

from __future__ import annotations

from nzip.errors import LimitError, Remedy


def check_memory(needed: int, limit: int | None, doing: str, spelling: str) -> None:
    """Raises :class:`LimitError` that says which limit would do."""
    if limit is not None and needed > limit:
        mebibytes = -(-needed >> 20)
        raise LimitError(
            f"{doing} with {spelling} needs {mebibytes} MiB of memory, and the limit is {limit >> 20} MiB",
            Remedy("allow it with", "memory", mebibytes << 20),
        )
