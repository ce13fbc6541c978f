"""Threads that do one forward pass together: each takes its share of every step, and all meet between steps.

A decoder has one token a lane, so that a product waits for its weights to come from memory; where two threads
each read one half of the rows, the wait is half as long. Sharing out lanes instead would have each thread
read all of them. Who does what never shows in the result: a step's shares write different places, and what
one reads was written before the last meeting.

Concession: who waits at a meeting, waits actively, which is the only way to meet 300 times in 10 ms. After
a while it offers its processor to whoever wants it, so that a busy machine makes this slow, not stuck.
"""

from __future__ import annotations

import contextlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nzip.exact.jit import njit

MOST = 16
# Places in the meeting point, a cache line apart: who has come, how many meetings there were, whether one has
# failed.
_COME, _MEETINGS, _BROKEN = 0, 8, 16
_PATIENCE = 2000  # looks before a processor is offered to others
_YIELD = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_I64, _I32 = ir.IntType(64), ir.IntType(32)


@intrinsic
def _fetch_add(typingctx, address, value):
    """Add to the int64 at an address; what was there before. Sequentially consistent, as the two below."""

    def generate(context, builder, signature, args):
        return builder.atomic_rmw("add", builder.inttoptr(args[0], _I64.as_pointer()), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _load(typingctx, address):
    def generate(context, builder, signature, args):
        return builder.load_atomic(builder.inttoptr(args[0], _I64.as_pointer()), "seq_cst", 8)

    return types.int64(types.int64), generate


@intrinsic
def _store(typingctx, address, value):
    def generate(context, builder, signature, args):
        builder.store_atomic(args[1], builder.inttoptr(args[0], _I64.as_pointer()), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def _offer_processor(typingctx):
    def generate(context, builder, signature, args):
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_I32, []), _YIELD)
        builder.call(function, [])
        return context.get_dummy_value()

    return types.void(), generate


@njit(nogil=True, cache=True)
def meet(point, members):
    """Return when all ``members`` have come to ``point`` (int64 (24,), :attr:`Team.point`), or one has
    failed."""
    if members == 1:
        return
    base = np.int64(point.ctypes.data)
    come, meetings, broken = base + 8 * _COME, base + 8 * _MEETINGS, base + 8 * _BROKEN
    before = _load(meetings)
    if _fetch_add(come, np.int64(1)) == members - 1:
        _store(come, np.int64(0))
        _store(meetings, before + 1)
        return
    looks = 0
    while _load(meetings) == before and _load(broken) == 0:
        looks += 1
        if looks > _PATIENCE:
            _offer_processor()


@njit(inline="always")
def share(count, member, members):
    """First and last+1 of ``count`` things that are ``member``'s."""
    return count * member // members, count * (member + 1) // members


def default_threads() -> int:
    """Processors this process may use, as far as a team has use for them: by its affinity, and by its
    container's quota, since threads that wait actively would spend it."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # no control group, or one without a limit: "max 100000"
        quota, period = _QUOTA.read_text().split()
        count = min(count, -(-int(quota) // int(period)))
    return max(1, min(MOST, count))


class Team:
    """``members`` threads, the caller among them. One job at a time."""

    def __init__(self, members: int = 1):
        self.members = max(1, min(members, MOST))
        self.point = np.zeros(24, np.int64)
        self._pool = ThreadPoolExecutor(self.members - 1) if self.members > 1 else None

    def run(self, *jobs) -> None:
        """Each job is ``(work, args)``: ``work(point, member, members, *args)`` in every member, who all meet
        between two jobs. Returns when all have ended."""
        if self._pool is None or not jobs:
            self._work(0, jobs)
            return
        self.point[:] = 0
        others = []
        try:
            for member in range(1, self.members):
                others.append(self._pool.submit(self._work, member, jobs))
            self._work(0, jobs)
        except BaseException:
            # A thread that could not begin, or a signal between two lines, leaves nobody waiting either.
            self.point[_BROKEN] = 1
            raise
        finally:
            for other in others:
                other.exception()
        for other in others:
            other.result()

    def _work(self, member: int, jobs) -> None:
        try:
            for work, args in jobs:
                work(self.point, member, self.members, *args)
                meet(self.point, self.members)
        except BaseException:
            self.point[_BROKEN] = 1  # so that the others do not wait for us
            raise

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
            self.members = 1


ALONE = Team()
