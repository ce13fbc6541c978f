"""Figures that others have published, for programs too large or too slow to be run beside ours.

They are drawn hollow and marked as published: another machine, another day, speeds of wall time. Sizes alone
can be compared. Each names its source; none enters a table of what was measured."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """What ``source`` says that ``label`` makes of the file ``name`` of ``size`` bytes; ``speed`` in KB/s."""

    label: str
    name: str
    size: int
    bits_per_byte: float
    speed: float
    source: str


PUBLISHED = (
    Published("cmix v21", "alice29.txt", 152_089, 1.635, 1.5, "byronknoll.com/cmix.html; speed: its enwik8"),
)


def of(files: list[dict]) -> list[Published]:
    """What is published of a run's one file (``results["files"]``); of several files nothing is."""
    if len(files) != 1:
        return []
    return [p for p in PUBLISHED if (p.name, p.size) == (files[0]["name"], files[0]["bytes"])]
