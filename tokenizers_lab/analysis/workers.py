"""Measurements in threads: those known from an interrupted run are taken from there, each new one is kept as
soon as it is done, and an interrupt loses only what was being measured.

Concession: threads, not processes, because codecs cannot be sent to another one. What takes long (compiled
code, compressors, the libraries of others) lets other threads run; what does not takes turns."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from tokenizers_lab.analysis.resume import Finished
from tokenizers_lab.errors import LabError


def workers_of(asked: int | None) -> int:
    """``asked``, or the cores that this process may use. Raises :class:`LabError` below 1."""
    if asked is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if asked < 1:
        raise LabError(f"{asked} workers: give 1 or more")
    return asked


def each(threads: int, tasks: list[Callable[[], Any]]) -> list[Any]:
    """The values of ``tasks``, in their order."""
    if threads == 1:
        return [task() for task in tasks]
    pool = ThreadPoolExecutor(threads, "analyse")
    try:
        return [future.result() for future in [pool.submit(task) for task in tasks]]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_turn(
    finished: Finished,
    tasks: dict[tuple, Callable[[], dict]],
    threads: int,
    step: Callable[[int, tuple], None],
    done: int,
) -> dict[tuple, dict]:
    """The value of every task, by key. ``step(n, key)`` is called before each, in this thread; n counts on
    from ``done``."""
    out: dict[tuple, dict] = {}
    if threads == 1:
        for n, (key, task) in enumerate(tasks.items(), done):
            step(n, key)
            out[key] = finished.get(key, task)
        return out
    waiting = list(tasks.items())
    running: dict[Future, tuple] = {}
    pool = ThreadPoolExecutor(threads, "analyse")
    try:
        while waiting or running:
            while waiting and len(running) < threads:
                key, task = waiting.pop(0)
                step(done + len(out), key)
                if key in out:
                    continue
                known = finished.known(key)
                if known is None:
                    running[pool.submit(task)] = key
                else:
                    out[key] = known
            if running:
                some: set[Future] = wait(running, return_when=FIRST_COMPLETED)[0]
                for future in some:
                    key = running.pop(future)
                    out[key] = finished.keep(key, future.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return out
