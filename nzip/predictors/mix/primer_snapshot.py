"""Snapshots of primed mixes, in nzip's cache (:data:`nzip.cache.PRIMED`).

A snapshot is read back in a fraction of the time that priming costs, and takes a tenth to a third of the
mix's memory (packed.py). It is two entries: what reading taught (weights and maps), which is all of a
primer's *habits*, and what was read (contexts, matches, the text itself). Both are named by a hash of all
that made them (warm_start.py).

What the cache gives back is what was put, or nothing: every byte is hashed before any is used, so a damaged
snapshot costs the time to prime anew, never a file that cannot be decoded. The packed files are mapped where
that is safe (:meth:`nzip.cache.Store.mapped`): reading them took longer than all that is done with them.

Concession: several processes that start at once each prime, and the last one's file stays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xxhash

from nzip import cache
from nzip.predictors.mix.constants import S_MATCHES
from nzip.predictors.mix.packed import (
    Entries,
    Followed,
    Packed,
    follow,
    pack,
    pack_entries,
    room,
    unpack,
    unpack_entries,
)
from nzip.predictors.mix.packed_slots import PackedSlots, pack_slots, unpack_direct, unpack_slots
from nzip.predictors.mix.plan import Plan
from nzip.predictors.mix.state import Mix, build

# What reading a primer changes.
FIELDS = (
    "slots", "direct", "runs", "state_map", "match_map", "run_map", "weights", "final_weights", "apm",
    "match_table", "history1", "history2",
)  # fmt: skip
_MAPS = ("state_map", "match_map", "run_map")  # kept as they are
_LEARNT = ("weights", "final_weights")
_CONTEXTS = "-contexts"
FORM = b"5"  # of entries, which are named by it


class Learnt(NamedTuple):
    """What reading taught. Arrays as in a :class:`Mix`, ``apm`` against a fresh one's."""

    state_map: np.ndarray
    match_map: np.ndarray
    run_map: np.ndarray
    weights: np.ndarray
    final_weights: np.ndarray
    apm: Packed


class Contexts(NamedTuple):
    """What was read. ``direct`` is None where the plan has none; ``text`` uint8: the primer's, as it is
    read."""

    slots: PackedSlots
    runs: Entries
    match_table: Entries
    direct: Followed | None
    history1: np.ndarray
    history2: np.ndarray
    text: np.ndarray


class Snapshot(NamedTuple):
    """``contexts``: None where only habits are wanted."""

    learnt: Learnt
    contexts: Contexts | None

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        return sum(array.nbytes for part in self if part is not None for array in _arrays(part))


def hash_of(mix: Mix) -> str:
    """By which a primed mix is known: XXH3-128 of all that reading a primer changes."""
    digest = xxhash.xxh3_128()
    for field in FIELDS:
        digest.update(getattr(mix, field).data)
    return digest.hexdigest()


def take(mix: Mix, plan: Plan, text: bytes, habits: bool = False) -> Snapshot:
    """A snapshot of a mix that has read ``text``; ``habits``: of what it learnt alone."""
    fresh = build(plan, 1, 0, 1, [0])
    learnt = Learnt(
        mix.state_map, mix.match_map, mix.run_map, mix.weights, mix.final_weights, pack(mix.apm, fresh.apm)
    )
    if habits:
        return Snapshot(learnt, None)
    return Snapshot(
        learnt,
        Contexts(
            pack_slots(mix.slots), pack_entries(mix.runs), pack_entries(mix.match_table[: len(plan.matches)]),
            follow(mix.direct, mix.slots) if len(mix.direct) == len(mix.slots) else None,
            mix.history1, mix.history2, np.frombuffer(text, np.uint8),
        ),
    )  # fmt: skip


def save(snapshot: Snapshot, plan: Plan, name: str) -> None:
    """Keep a snapshot, if there is a place for it; whole or not at all, and never more than the limit."""
    for suffix, arrays in zip(("", _CONTEXTS), entries(snapshot, plan), strict=False):
        _put(name + suffix, arrays)


def entries(snapshot: Snapshot, plan: Plan) -> list[list[np.ndarray]]:
    """What is kept of a snapshot: the arrays of its habits, and where it has contexts, theirs."""
    learnt = snapshot.learnt
    packed = [
        pack(getattr(learnt, field), was) for field, was in zip(_LEARNT, _fresh(plan).learnt, strict=True)
    ]
    maps = [getattr(learnt, field) for field in _MAPS]
    habits = [*maps, *(array for one in (*packed, learnt.apm) for array in one)]
    return [habits] if snapshot.contexts is None else [habits, _arrays(snapshot.contexts)]


def size_of(arrays: list[np.ndarray]) -> int:
    """Bytes of an entry of these arrays, but for the store's own."""
    return 8 * (1 + len(arrays)) + sum(array.nbytes + -array.nbytes % 8 for array in arrays)


def load(plan: Plan, name: str, habits: bool = False, stays: bool = False) -> Snapshot | None:
    """The snapshot of that name; None where it is not there, or damaged. ``habits``: without its contexts.
    ``stays``: it will be used often, and is read into large pages, from which stretches are fetched three
    times as fast as from mapped ones."""
    get = functools.partial(_get, read=cache.PRIMED.read if stays else cache.PRIMED.mapped)
    found = get(name, [*[np.uint32] * len(_MAPS), *_PACKED * 3])
    if found is None:
        return None
    fresh = _fresh(plan)
    weights, final_weights = (was.copy() for was in fresh.learnt)
    *others, apm = (Packed(*found[k : k + 3]) for k in range(len(_MAPS), len(found), 3))
    for packed, own in zip(others, (weights, final_weights), strict=True):
        unpack(packed, own)
    learnt = Learnt(found[0], found[1], found[2], weights, final_weights, apm)
    if habits:
        return Snapshot(learnt, None)
    direct = _FOLLOWED if fresh.has_direct else []
    kinds = [*_SLOTS, *_ENTRIES * 2, *direct, np.uint32, np.uint32, np.uint8]
    found = get(name + _CONTEXTS, kinds)
    if found is None:
        return None
    slots = PackedSlots(found[0].reshape(-1, 2), found[1].reshape(-1, 2), *found[2:6])
    runs, match_table = Entries(*found[6:11]), Entries(*found[11:16])
    followed = Followed(*found[16:20]) if direct else None
    return Snapshot(learnt, Contexts(slots, runs, match_table, followed, *found[-3:]))


class _Fresh(NamedTuple):
    """Of a mix of a plan that has read nothing: the arrays of ``_LEARNT``, and whether it has direct
    probabilities."""

    learnt: tuple[np.ndarray, ...]
    has_direct: bool


@functools.lru_cache(maxsize=4)
def _fresh(plan: Plan) -> _Fresh:
    mix = build(plan, 1, 0, 1, [0], rows=1)
    return _Fresh(tuple(getattr(mix, field) for field in _LEARNT), len(mix.direct) == len(mix.slots))


def restore(mix: Mix, snapshot: Snapshot) -> None:
    """Make a fresh mix the one of which the snapshot was taken, or, without contexts, what its habits are."""
    for field in _MAPS + _LEARNT:
        np.copyto(getattr(mix, field), getattr(snapshot.learnt, field))
    unpack(snapshot.learnt.apm, mix.apm)
    contexts = snapshot.contexts
    if contexts is None:
        return
    unpack_slots(contexts.slots, mix.slots)
    unpack_entries(contexts.runs, mix.runs)
    used = int(mix.setting[S_MATCHES])
    unpack_entries(contexts.match_table, mix.match_table[:used])
    if contexts.direct is not None:
        unpack_direct(contexts.direct, contexts.slots, mix.slots, mix.direct)
    np.copyto(mix.history1, contexts.history1)
    np.copyto(mix.history2, contexts.history2)


# An entry is its arrays' lengths, then the arrays, each from a multiple of eight bytes on.
_PACKED = [np.uint64, np.uint32, np.uint8]
_SLOTS = [np.uint64, np.uint64, np.uint64, np.uint32, np.uint16, np.uint8]
_ENTRIES = [np.uint64, np.uint32, np.uint16, np.uint8, np.uint16]
_FOLLOWED = [np.uint16, np.uint8, np.uint16, np.uint32]


def _arrays(part) -> list[np.ndarray]:
    if part is None:
        return []
    return [part] if isinstance(part, np.ndarray) else [array for one in part for array in _arrays(one)]


def _put(name: str, arrays: list[np.ndarray]) -> None:
    sizes = np.array([len(arrays), *(array.nbytes for array in arrays)], np.int64)
    parts: list = [sizes.data]
    for array in arrays:
        # Not a view of nothing, whose shape cannot be cast.
        parts += [np.ascontiguousarray(array).data if array.nbytes else b"", bytes(-array.nbytes % 8)]
    cache.PRIMED.put(name, parts)


def _get(name: str, kinds: list, read: Callable[..., Any]) -> list[np.ndarray] | None:
    """The arrays of an entry, of those types; None where there is none of so many. ``read``: the way of the
    store to read it."""
    content = read(name, room)
    if content is None or len(content) < 8 * (1 + len(kinds)):
        return None
    count, *sizes = np.frombuffer(content, np.int64, 1 + len(kinds)).tolist()
    if count != len(kinds):
        return None
    found, begin = [], 8 * (1 + len(kinds))
    for size, kind in zip(sizes, kinds, strict=True):
        found.append(np.frombuffer(content, kind, size // np.dtype(kind).itemsize, begin))
        begin += size + -size % 8
    return found
