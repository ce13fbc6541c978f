"""Jobs on several threads, their results in order, with bounded memory.

Concession: a job that runs cannot be stopped; when its results are no longer wanted it is left to finish
in its thread.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from nzip.memory import default_budget


def thread_count(threads: int) -> int:
    """0 stands for every core that this process may run on."""
    if threads < 0:
        raise ValueError("the number of threads is 0 (all cores) or more")
    return (
        threads or len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else threads or os.cpu_count() or 1
    )


class Workers:
    """Runs jobs in order of submission and hands their results back in that order.

    ``threads`` = 1 runs each job at once in the calling thread, unless ``background`` asks for a thread of
    its own, so that the caller stays open to signals. ``memory`` (bytes, or None) bounds the sum of the
    weights under way; one job always runs.
    """

    def __init__(self, threads: int, memory: int | None, background: bool = False):
        self._threads = thread_count(threads)
        self._memory = default_budget() if memory is None else memory
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 or background else None
        self.immediate = self._pool is None
        self._queue: deque[tuple[Future, int]] = deque()
        self._weight = 0

    def submit(self, weight: int, job, *args):
        """Queue ``job(*args)``; yields earlier results where there is no room for it yet."""
        while self._queue and (
            self._queue[0][0].done()
            or len(self._queue) >= self._threads
            or (self._memory is not None and self._weight + weight > self._memory)
        ):
            yield self._pop()
        if self._pool is None:
            future: Future = Future()
            future.set_result(job(*args))
        else:
            future = self._started(job, args)
        self._queue.append((future, weight))
        self._weight += weight

    def _started(self, job, args) -> Future:
        assert self._pool is not None
        try:
            return self._pool.submit(job, *args)
        except RuntimeError:
            # No thread can be had: the interpreter is about to end, or the system's limit is reached.
            future: Future = Future()
            try:
                future.set_result(job(*args))
            except BaseException as error:  # noqa: BLE001 - raised in its turn
                future.set_exception(error)
            return future

    def drain(self):
        """Yields the results still under way."""
        while self._queue:
            yield self._pop()

    def _pop(self):
        future, weight = self._queue[0]
        result = future.result()
        self._queue.popleft()
        self._weight -= weight
        return result

    def close(self) -> None:
        """Forget what is under way. A job that runs is not waited for: its result is dropped."""
        self._queue.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
