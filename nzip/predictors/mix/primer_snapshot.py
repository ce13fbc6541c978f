"""Warm starts: a mix that has read a primer, made once and kept as a snapshot in the user's cache.

Priming costs a second at -3 and ten at -5; a snapshot is read back in a fraction of that. A snapshot of a
shipped primer is named by the hash that the package ships for it and is believed only if its bytes have
that hash, so a damaged or foreign file costs time, never correctness. Snapshots lie in ``primed`` of
the cache (:mod:`nzip.cache`), the least recently used go once they exceed 1 GiB together. A user's own primer
is read anew each time.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import xxhash

from nzip import cache
from nzip.coding.binary import STATE_SIZE, start_encoder
from nzip.predictors.mix import primers
from nzip.predictors.mix import registers as at
from nzip.predictors.mix.contexts import TEXT, Plan, plan, sets_with
from nzip.predictors.mix.kernel import Mix, best
from nzip.predictors.mix.sizes import (
    COUNT_AFTER,
    FINAL_ROWS,
    FINAL_WIDTH,
    LEADING_SHARE,
    PRIMED_SIZE,
    SET_SIZE,
    WARM_RATE,
    WARM_SHARE,
    input_width,
)  # fmt: skip
from nzip.predictors.mix.state import build

CACHE_LIMIT = 1 << 30
_FIELDS = (
    "slots", "direct", "runs", "state_map", "match_map", "run_map", "weights", "final_weights", "apm", "match_table",
    "history1", "history2",
)  # fmt: skip
_CHUNK = 1 << 14


def warm(level: int, primer: primers.Primer, lane_starts: list[int], experts: int, leading: int = 0) -> Mix:
    """A mix of ``level`` that has read ``primer``. The block's data must stand behind the primer's text in
    the kernel's ``data`` (``primer.prefix``), and ``lane_starts`` are counted from the block's start."""
    chosen = plan(level, TEXT)
    known = _known_hash(level, primer)
    primed = build(chosen, PRIMED_SIZE, 0, 1, [0])
    loaded = known is not None and _load(primed, known)
    if not loaded:
        if known is not None:
            del primed  # perhaps half filled; not two at a time
            primed = build(chosen, PRIMED_SIZE, 0, 1, [0])
        _read_primer(primed, chosen, primer.text)
        if known:
            _save(primed, known)
    if primer.habits:
        _forget_words(primed)
    start = len(primer.prefix)
    mix = _with_experts(primed, chosen, experts, leading) if experts else primed
    lanes = np.zeros((len(lane_starts), at.LANE_STATE), np.uint64)
    lanes[:, at.L_RATE] = mix.setting[at.S_RATE]
    for place in (at.L_START, at.L_POSITION, at.L_LINE_START, at.L_LINE_BEFORE):
        lanes[:, place] = np.array(lane_starts) + start
    mix.setting[at.S_PRIMED] = start
    return mix._replace(lanes=lanes)


def _read_primer(mix: Mix, chosen: Plan, text: bytes) -> None:
    """Let a fresh mix code ``text`` and throw the bits away."""
    kernel = best(chosen)
    data = np.frombuffer(text, np.uint8).copy()
    coder = np.zeros(STATE_SIZE, np.uint64)
    bits = np.zeros(_CHUNK * 23 + 4096, np.uint8)
    ends = np.array([len(data)], np.int64)
    nothing = np.zeros((0, 1, 0, 0), np.uint32)
    for at_byte in range(0, len(data), _CHUNK):
        start_encoder(coder, len(bits))
        kernel(mix, data, ends, min(_CHUNK, len(data) - at_byte), False, coder, bits, nothing)
    for table in (mix.state_map, mix.match_map, mix.run_map):
        np.minimum(table & 1023, COUNT_AFTER, out=(counts := np.empty_like(table)))
        table &= ~np.uint32(1023)
        table |= counts


def _forget_words(mix: Mix) -> None:
    """Keep what reading taught the weights and maps, and forget every context seen."""
    for table in (mix.slots, mix.runs, mix.match_table, mix.history1, mix.history2):
        table.fill(0)
    mix.direct.fill(1 << 15)


def _with_experts(primed: Mix, chosen: Plan, experts: int, leading: int) -> Mix:
    """The same mix with room for experts: their columns and their weight sets start as in a cold mix; all
    else makes room."""
    mix = build(chosen, PRIMED_SIZE, 0, 1, [0], experts, leading)
    narrow, wide = input_width(chosen, 0), input_width(chosen, experts)
    own = (2 + chosen.direct + chosen.runs) * len(chosen.recipes) + 2 * len(chosen.matches)
    old, new = primed.weights.reshape(-1, SET_SIZE, narrow), mix.weights.reshape(-1, SET_SIZE, wide)
    if not leading:
        mix.setting[at.S_RATE] = WARM_RATE
    times, over = (1, LEADING_SHARE) if leading else WARM_SHARE
    for k, kind in enumerate(sets_with(chosen, experts, leading)[:-1]):
        if kind not in chosen.sets:
            continue  # a set that only leading experts have
        was = chosen.sets.index(kind)
        new[k, :, :own] = old[was, :, :own].astype(np.int32) * times // over
        new[k, :, own + 2 * experts] = old[was, :, own]  # the bias comes last
    if not leading:
        sets = len(chosen.sets)
        final, learnt = (
            mix.final_weights.reshape(-1, FINAL_WIDTH),
            primed.final_weights.reshape(-1, FINAL_WIDTH)[:, :sets],
        )
        final[:FINAL_ROWS, :sets] = learnt
        final[FINAL_ROWS:, :sets] = learnt.sum(axis=0, dtype=np.int64) // FINAL_ROWS
    kept = {field: getattr(primed, field) for field in _FIELDS if field not in ("weights", "final_weights")}
    return mix._replace(**kept)


# --- snapshots


def primed_hash(level: int, primer: primers.Primer) -> str:
    """The hash of what priming gives; scripts/make_primers.py ships it."""
    chosen = plan(level, TEXT)
    mix = build(chosen, PRIMED_SIZE, 0, 1, [0])
    _read_primer(mix, chosen, primers.portion(primer, level).text)
    return _hash(mix)


def _hash(mix: Mix) -> str:
    digest = xxhash.xxh3_128()
    for field in _FIELDS:
        digest.update(getattr(mix, field).data)
    return digest.hexdigest()


def _known_hash(level: int, primer: primers.Primer) -> str | None:
    if primer.number == primers.USER:
        return None
    return primers.index()[primer.number - 1]["snapshots"].get(str(level))


def _load(mix: Mix, known: str) -> bool:
    """Fill ``mix`` from the snapshot of that hash. False where that fails; ``mix`` is then spoilt."""
    directory = cache.folder("primed")
    if directory is None:
        return False
    path = directory / f"{known}.tables"
    try:
        with open(path, "rb", buffering=0) as file:
            whole = all(_read_into(file, getattr(mix, field)) for field in _FIELDS) and not file.read(1)
    except OSError:
        return False
    if not whole or _hash(mix) != known:
        return False
    try:
        os.utime(path)
    except OSError:
        return True  # a read-only cache: only its order of use will be wrong
    return True


def _read_into(file, array: np.ndarray) -> bool:
    view = memoryview(array).cast("B")
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            return False
        done += count
    return True


def _save(mix: Mix, known: str) -> None:
    """Keep a snapshot, if there is a place for it; whole or not at all, and never more than the limit."""
    directory = cache.folder("primed")
    size = sum(getattr(mix, field).nbytes for field in _FIELDS)
    if directory is None or size > CACHE_LIMIT:
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _make_room(directory, size)
        descriptor, name = tempfile.mkstemp(dir=directory, suffix=".part")
        try:
            with open(descriptor, "wb") as file:
                for field in _FIELDS:
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
