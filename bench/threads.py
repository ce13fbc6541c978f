"""What threads can give: the CPU time of each stage of coding a long file, and from these the time on many
cores.

A first block, a later one that has the stream's head read, and the same one again are coded, one after the
other, on one core; hashing and reading are timed apart. From these follows when the last block of a file of
any length is done on so many cores: every block waits for the head but the first, and a core takes the next
block when it has done one (:func:`wall`).

Concession: blocks of a file are alike to it, a file shorter than two blocks is coded in two halves and told
of as if it went on so, cores share neither memory's speed nor power, and the writing of what comes out takes
nothing.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from rich.table import Table

from nzip.container import heads
from nzip.container.pipeline import block_size_for
from nzip.hashes import hash32
from nzip.levels import spelling_of
from nzip.predictors.registry import create

_ENOUGH = 4 << 20  # bytes: the head is half of it


class Stages(NamedTuple):
    """CPU seconds of a file of ``blocks`` blocks at ``level``: the ``first`` block, reading the ``head``, a
    ``later`` block, hashing all."""

    level: int
    blocks: int
    first: float
    head: float
    later: float
    hashing: float


def stages(data: bytes, size: int, levels: Iterable[int], tell: Callable[[str], None]) -> list[Stages]:
    """Of a file of ``size`` bytes like ``data``, which must hold two blocks or twice ``_ENOUGH`` bytes
    (``ValueError``)."""
    found = []
    for level in levels:
        predictor = create(spelling_of(level))
        block = block_size_for(predictor, size)
        coded = min(block, len(data) // 2)
        if coded < min(block, _ENOUGH):
            raise ValueError(f"-{level} cuts such a file into blocks of {block} bytes: give two of {_ENOUGH}")
        first, second = data[:coded], data[coded : 2 * coded]
        predictor.encode(data[: 1 << 17])  # compiles, and reads primers
        tell(f"-{level}: the first block")
        begin = _seconds(predictor.encode, first)
        later = predictor.with_head(heads.of(first)) if predictor.takes_head else predictor
        tell(f"-{level}: a later block")
        both = _seconds(later.encode, second)
        alone = _seconds(later.encode, second)
        hashing = _seconds(hash32, first) * size / coded
        times = block / coded
        found.append(
            Stages(level, -(-size // block), begin * times, max(0.0, both - alone), alone * times, hashing)
        )
    return found


def wall(stages: Stages, cores: int) -> float:
    """Seconds until the last block is done on ``cores`` cores."""
    if cores == 1:
        return stages.hashing + stages.first + stages.head + (stages.blocks - 1) * stages.later
    free = [stages.first, *[stages.head] * (cores - 1)]
    heapq.heapify(free)
    for _ in range(stages.blocks - 1):
        heapq.heappush(free, max(heapq.heappop(free), stages.head) + stages.later)
    # Who cuts the file hashes it, while others code.
    return max(*free, stages.hashing)


def _seconds(call: Callable[..., object], *arguments) -> float:
    began = time.process_time()
    call(*arguments)
    return time.process_time() - began


def table(rows: list[Stages], cores: Iterable[int]) -> Table:
    """Stages, and how many times as fast so many cores are as one."""
    cores = tuple(cores)
    head = "level", "blocks", "first s", "head s", "later s", "hashing s"
    found = Table(*head, *(f"{count} cores" for count in cores))
    for row in rows:
        parts = row.first, row.head, row.later, row.hashing
        gains = (f"× {wall(row, 1) / wall(row, count):.1f}" for count in cores)
        found.add_row(f"-{row.level}", str(row.blocks), *(f"{part:.2f}" for part in parts), *gains)
    return found
