"""Snapshots of primed mixes, in the user's cache (``primed`` in :func:`nzip.cache.folder`).

A snapshot is read back in a fraction of the time that priming costs. It is named by the hash of its bytes and is
believed only if they have that hash, so a damaged or foreign file costs time, never correctness. The least
recently used go once they exceed 1 GiB together. Concession: several processes that start at once each prime,
and the last one's file stays.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import xxhash

from nzip import cache
from nzip.predictors.mix.state import Mix

CACHE_LIMIT = 1 << 30
# What reading a primer changes.
FIELDS = (
    "slots", "direct", "runs", "state_map", "match_map", "run_map", "weights", "final_weights", "apm",
    "match_table", "history1", "history2",
)  # fmt: skip


def hash_of(mix: Mix) -> str:
    """By which a primed mix is known: XXH3-128 of all that reading a primer changes."""
    digest = xxhash.xxh3_128()
    for field in FIELDS:
        digest.update(getattr(mix, field).data)
    return digest.hexdigest()


def load(mix: Mix, known: str) -> bool:
    """Fill ``mix`` from the snapshot of that hash. False where that fails; ``mix`` is then spoilt."""
    directory = cache.folder("primed")
    if directory is None:
        return False
    path = directory / f"{known}.tables"
    try:
        with open(path, "rb", buffering=0) as file:
            whole = all(_read_into(file, getattr(mix, field)) for field in FIELDS) and not file.read(1)
    except OSError:
        return False
    if not whole or hash_of(mix) != known:
        return False
    try:
        os.utime(path)
    except OSError:
        return True  # a read-only cache: only its order of use will be wrong
    return True


def _read_into(file: BinaryIO, array: np.ndarray) -> bool:
    view = memoryview(array).cast("B")
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            return False
        done += count
    return True


def save(mix: Mix, known: str) -> None:
    """Keep a snapshot, if there is a place for it; whole or not at all, and never more than the limit."""
    directory = cache.folder("primed")
    size = sum(getattr(mix, field).nbytes for field in FIELDS)
    if directory is None or size > CACHE_LIMIT:
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _make_room(directory, size)
        descriptor, name = tempfile.mkstemp(dir=directory, suffix=".part")
        try:
            with open(descriptor, "wb") as file:
                for field in FIELDS:
                    file.write(getattr(mix, field).data)
            os.replace(name, directory / f"{known}.tables")
        except BaseException:
            os.unlink(name)
            raise
    except OSError:
        return  # no room or no right to write: the next run primes again


def _make_room(directory: Path, size: int) -> None:
    kept = sorted((p for p in directory.iterdir() if p.suffix == ".tables"), key=lambda p: p.stat().st_mtime)
    total = sum(p.stat().st_size for p in kept)
    while kept and total + size > CACHE_LIMIT:
        oldest = kept.pop(0)
        total -= oldest.stat().st_size
        oldest.unlink(missing_ok=True)
