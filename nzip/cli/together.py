"""Files of a list on several cores: a file a thread, and all that is said of them in the order of the list.

What can be a file of its own on one core: a regular file that one block holds, with an output of its own.
All others are taken alone, with every thread for their blocks, when those before them are done; so is a file
that another one under way reads or writes. Each is written, made durable and only then removed where that is
asked for, as if it were alone.

Concession: what files under way need together is bounded block by block (:class:`Budget`), and their bars
are one bar that counts files.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Self

from nzip.cli.inputs import STDIN, Failed, guarded
from nzip.cli.options import Placing, Running
from nzip.cli.terminal import StepBar, speaking, worst
from nzip.container.workers import Budget, Workers, thread_count
from nzip.io import safe_output

_PATIENCE = 0.5  # seconds before a bar appears


class Way:
    """How a file is coded: alone, with all that :class:`Running` says, or beside others, in a thread of its
    own and under the ``budget`` that they share."""

    def __init__(self, running: Running, budget: Budget | None = None):
        self.threads = running.threads if budget is None else 1
        self.memory = running.memory
        self.budget = budget
        self.alone = budget is None

    @property
    def background(self) -> bool:
        """Whether blocks are for other threads than this one, which must stay open to signals."""
        return self.alone


def spread(
    paths: Iterable[str],
    one: Callable[[str, Way], None],
    failed: Failed,
    running: Running,
    limit: int | None,
    names: Callable[[str], frozenset[str] | None],
    quiet: bool,
) -> int:
    """Call ``one(path, way)`` for every file; the worst exit code. ``limit``: bytes that blocks under way may
    need together, None where nobody knows. ``names``: of a path, the names of files that it is about; None
    where it must be alone. ``failed``: as for :func:`nzip.cli.inputs.each`."""
    paths = list(paths)
    alone = Way(running)
    if len(paths) < 2 or thread_count(running.threads) < 2:
        return worst([guarded(path, functools.partial(_swapped, one, alone), failed) for path in paths])
    beside = Way(running, Budget(limit))
    workers = Workers(running.threads, None, background=True)
    under_way: deque[frozenset[str]] = deque()
    codes: list[int] = []

    def heard(parts) -> None:
        for part in parts:
            if not isinstance(part, int):
                part()
                continue
            codes.append(part)
            under_way.popleft()
            bar.update(len(codes), len(paths))

    def job(hand_on, path: str) -> int:
        with speaking(hand_on):
            return guarded(path, functools.partial(_swapped, one, beside), failed)

    with _LateBar(quiet) as bar:
        try:
            for path in paths:
                own = names(path)
                if own is None or any(own & others for others in under_way):
                    heard(workers.drain())
                if own is None:
                    codes.append(guarded(path, functools.partial(_swapped, one, alone), failed))
                    continue
                under_way.append(own)
                heard(workers.submit(0, job, path))
            heard(workers.drain())
        except BaseException:
            # The others will not be waited for, and nobody else removes what they have begun to write.
            workers.close()
            safe_output.discard_temporaries()
            raise
        workers.close()
    return worst(codes)


def names_of(
    path: str, placing: Placing, target_of: Callable[[str], str] | None, most: int
) -> frozenset[str] | None:
    """For :func:`spread`: the file and its output's name, where it is a regular file of ``most`` bytes at
    most and ``placing`` lets it have an output of its own. ``target_of``: names its output, and may raise
    what it will raise again; None: nothing is written."""
    if path == STDIN or placing.output is not None or placing.to_stdout or placing.resume:
        return None
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size > most:
        return None
    own = {os.path.realpath(path)}
    if target_of is not None:
        target = target_of(path)
        if target == STDIN:
            return None
        own.add(os.path.realpath(target))
    return frozenset(own)


def _swapped(one: Callable[[str, Way], None], way: Way, path: str) -> None:
    one(path, way)


class _LateBar:
    """A bar of files that are done, once that has taken a moment."""

    def __init__(self, quiet: bool):
        self._quiet = quiet
        self._began = time.monotonic()
        self._bar: StepBar | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def update(self, done: int, total: int) -> None:
        if self._bar is None and time.monotonic() - self._began > _PATIENCE:
            self._bar = self._open.enter_context(StepBar("files", self._quiet))
        if self._bar is not None:
            self._bar.update(done, total)

    def __exit__(self, *error) -> None:
        self._open.close()
