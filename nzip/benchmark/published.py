"""Figures that others have published, for programs too large or too slow to be run beside ours.

They stand in published.json, each with its source, and are shown hollow or in italics and marked as theirs:
another machine, another day, speeds of wall time. Sizes alone can be compared, and only those that count the
weights (``weights_counted``) with what others decode from nothing. None enters a receipt's runs.

Concession: a figure is its source's, whether or not it could be had here.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import NamedTuple

from nzip.bits_per_byte import bits_per_byte


class Published(NamedTuple):
    """What ``source`` says that ``label`` makes of the file ``name`` of ``size`` bytes; ``speed`` in KB/s,
    None where it says none; ``weights_counted``: False where the decoder needs a model that is not in the
    figure."""

    label: str
    name: str
    size: int
    bits_per_byte: float
    speed: float | None
    weights_counted: bool
    source: str


@functools.cache
def published() -> tuple[Published, ...]:
    """All that is in published.json."""
    entries = json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))
    return tuple(
        Published(
            entry["label"],
            entry["file"],
            entry["size"],
            entry["bits_per_byte"] if "bytes" not in entry else bits_per_byte(entry["bytes"], entry["size"]),
            entry["speed"],
            entry["weights_counted"],
            entry["source"],
        )
        for entry in entries
    )


def of(files: list[dict]) -> list[Published]:
    """What is published of a run's one file (``results["files"]``), the largest first; of several files
    nothing is."""
    if len(files) != 1:
        return []
    known = (files[0]["name"], files[0]["bytes"])
    found = [entry for entry in published() if (entry.name, entry.size) == known]
    return sorted(found, key=lambda entry: -entry.bits_per_byte)
