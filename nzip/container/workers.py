"""Jobs on several threads, their results in order, with bounded memory.

A job may hand parts of its result on while it runs; they come out in their turn, those of the first job at
once. Concession: a job that runs can be stopped only where it hands something on; when its results are no
longer wanted, one that does not is left to finish in its thread.
"""

from __future__ import annotations

import atexit
import os
import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from nzip.errors import NzipError
from nzip.memory import default_budget

_END = object()  # of a job's parts


def thread_count(threads: int) -> int:
    """0 stands for every core that this process may run on."""
    if threads < 0:
        raise ValueError("the number of threads is 0 (all cores) or more")
    return (
        threads or len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else threads or os.cpu_count() or 1
    )


class Budget:
    """Bytes that blocks under way may need together, in several :class:`Workers` of which each runs in a
    thread of its own and has one block under way. ``limit``: None where nobody knows. One block may always
    take what it needs."""

    def __init__(self, limit: int | None):
        self._limit = default_budget() if limit is None else limit
        self._taken = 0
        self._holders = 0
        self._changed = threading.Condition()

    def take(self, weight: int) -> None:
        """Wait until there is room for ``weight`` bytes."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._holders or self._limit is None or self._taken + weight <= self._limit
            )
            self._taken += weight
            self._holders += 1

    def give(self, weight: int) -> None:
        """Bytes that were taken are free again."""
        with self._changed:
            self._taken -= weight
            self._holders -= 1
            self._changed.notify_all()


class _Unwanted(Exception):
    """Nobody waits any longer for what a job hands on."""


class _Job(NamedTuple):
    future: Future
    weight: int
    parts: queue.SimpleQueue


class Workers:
    """Runs jobs in order of submission and hands their results back in that order.

    ``threads`` = 1 runs each job at once in the calling thread, unless ``background`` asks for a thread of
    its own, so that the caller stays open to signals. ``memory`` (bytes, or None) bounds the sum of the
    weights under way; one job always runs. ``budget``: which others share, for a job at a time.
    """

    def __init__(
        self, threads: int, memory: int | None, background: bool = False, budget: Budget | None = None
    ):
        self._threads = thread_count(threads)
        self._memory = default_budget() if memory is None else memory
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 or background else None
        self.immediate = self._pool is None
        self.single = self._threads == 1
        self._budget = budget
        self._queue: deque[_Job] = deque()
        self._weight = 0
        self._shared = 0
        self._closed = False
        self._apart: threading.Thread | None = None
        self._process = os.getpid()
        _ALL.add(self)

    def adopt(self) -> None:
        """After a fork, in the child: go on here, where nothing was under way."""
        if self._process == os.getpid():
            return
        if self._queue:
            raise NzipError("this process was forked while blocks were under way: only its parent may go on")
        self._process = os.getpid()
        if self._pool is not None:
            self._pool = ThreadPoolExecutor(self._threads)

    def share(self, shared: int) -> None:
        """From now on all blocks under way need ``shared`` bytes together, beside the weight of each."""
        self._shared = max(self._shared, shared)

    def submit(self, weight: int, job: Callable[..., Any], *args, apart: bool = False) -> Iterator[Any]:
        """Queue ``job(hand_on, *args)``; yields earlier results where there is no room for it yet.

        A job's results are what it gave to ``hand_on``, one after the other, and then what it returned,
        unless that is None. ``apart``: in a thread of its own even where ``threads`` = 1, so that the first
        parts come while the job runs."""
        while self._queue and (
            self._budget is not None
            or self._queue[0].future.done()
            or len(self._queue) >= self._threads
            or (self._memory is not None and self._weight + weight + self._shared > self._memory)
        ):
            yield from self._first()
        if self._budget is not None:
            weight += self._shared
            self._budget.take(weight)
        parts: queue.SimpleQueue = queue.SimpleQueue()
        future: Future = Future()
        self._queue.append(_Job(future, weight, parts))
        self._weight += weight

        task = (future, parts, job, self._hand_on_to(parts), args)
        if not self._elsewhere(task, apart):
            _run(*task)

    def _elsewhere(self, task: tuple, apart: bool) -> bool:
        """Whether a thread takes ``task``, the arguments of :func:`_run`."""
        try:
            if self._pool is not None:
                self._pool.submit(_run, *task)
            elif apart:
                # Not the pool's, which the interpreter waits for when it ends; this one is told to stop.
                thread = threading.Thread(target=_run, args=task, daemon=True)
                thread.start()
                self._apart = thread
            return self._pool is not None or apart
        except RuntimeError:  # the interpreter is shutting down and starts no more threads
            return False

    def drain(self) -> Iterator[Any]:
        """Yields the results still under way."""
        while self._queue:
            yield from self._first()

    def _hand_on_to(self, parts: queue.SimpleQueue) -> Callable[[Any], None]:
        def hand_on(part) -> None:
            if self._closed:
                raise _Unwanted
            parts.put(part)

        return hand_on

    def _first(self) -> Iterator[Any]:
        """The results of the job that is the first."""
        if os.getpid() != self._process:
            raise NzipError("this process was forked from the one that reads here: open the file anew in it")
        job = self._queue[0]
        while (part := job.parts.get()) is not _END:
            yield part
        try:
            result = job.future.result()
        finally:
            del job  # else the error would hold this frame, and this frame the error
        self._done(self._queue.popleft())
        if result is not None:
            yield result

    def _done(self, job: _Job) -> None:
        self._weight -= job.weight
        if self._budget is not None:
            self._budget.give(job.weight)

    def close(self) -> None:
        """Forget what is under way. A job that runs is not waited for: it stops when it next hands something
        on, or its result is dropped."""
        self._closed = True
        while self._queue:
            self._done(self._queue.popleft())
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """:meth:`close`, and wait a moment for the thread apart, which must not run into the interpreter's
        end."""
        self.close()
        if self._apart is not None and self._apart.is_alive():
            self._apart.join(5)


def _run(future: Future, parts: queue.SimpleQueue, job: Callable[..., Any], hand_on, args) -> None:
    try:
        future.set_result(job(hand_on, *args))
    except BaseException as error:  # noqa: BLE001 - whoever waits for the result raises it
        future.set_exception(error)
    finally:
        del future  # as in `_first`
        parts.put(_END)


_ALL: weakref.WeakSet[Workers] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for workers in list(_ALL):
        workers.stop()
