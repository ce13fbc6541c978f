"""Warm starts: a mix that has read a primer before the block's first byte.

What reading gives is kept as a snapshot (primer_snapshot.py), because priming costs a second at -3 and ten at
-5. Its name is a hash of all that made it: the text, the plan, the tables, and the source of what reads."""

from __future__ import annotations

import functools

import numpy as np
import xxhash

from nzip.coding.binary import STATE_SIZE, start_encoder
from nzip.exact.compiling import Compiling
from nzip.exact.dependencies import dependencies
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import primer_snapshot, primers
from nzip.predictors.mix.kernel import best
from nzip.predictors.mix.plan import Plan, plan, sets_with
from nzip.predictors.mix.sizes import context_inputs, input_width
from nzip.predictors.mix.state import Mix, build

_CHUNK = 1 << 14
_COUNTS = np.uint32((1 << at.COUNT_BITS) - 1)


def warm(
    level: int,
    primer: primers.Primer,
    lane_starts: list[int],
    experts: int,
    leading: int = 0,
    keep: bool = True,
) -> Mix:
    """A mix of ``level`` that has read ``primer``. The block's data must stand behind the primer's text in
    the kernel's ``data`` (``primer.prefix``), and ``lane_starts`` are counted from the block's start.
    ``keep``: what reading gives is kept as a snapshot, and found there."""
    return warm_behind(level, primer, lane_starts, experts, leading, keep)[0]


def warm_behind(
    level: int,
    primer: primers.Primer,
    lane_starts: list[int],
    experts: int,
    leading: int = 0,
    keep: bool = True,
) -> tuple[Mix, np.ndarray]:
    """As :func:`warm`, and the primer's text (uint8) that the data must stand behind: it is in the snapshot,
    too, which spares unpacking it."""
    chosen = plan(level, primer.kind)
    known = None
    if not keep:
        mix = build(chosen, at.PRIMED_SIZE, 0, 1, [0])
        with Compiling.reading():
            _read_primer(mix, chosen, primer.text)
    else:
        name = snapshot_name(level, primer)
        known = primer_snapshot.load(chosen, name, primer.habits) if not primer.held else held(level, primer)
        if known is None:
            mix, _ = primed(level, primer, name)
        else:
            mix = build(chosen, at.PRIMED_SIZE, 0, 1, [0])
            primer_snapshot.restore(mix, known)
    if known is None and primer.habits:
        _forget_words(mix)
    if known is not None and known.contexts is not None:
        prefix = known.contexts.text
    else:
        prefix = np.frombuffer(primer.prefix, np.uint8)
    del known
    starts = [at_byte + len(prefix) for at_byte in lane_starts]
    if experts:
        return with_experts(mix, chosen, experts, leading, len(prefix), starts), prefix
    mix.setting[at.S_PRIMED] = len(prefix)
    return mix._replace(lanes=fresh_lanes(starts, chosen.warm_rate)), prefix


def primed(level: int, primer: primers.Primer, name: str) -> tuple[Mix, primer_snapshot.Snapshot]:
    """A mix that has read ``primer``, whole, and its snapshot (``primer.habits``: of its habits), which is
    kept under ``name``."""
    mix, snapshot = taught(level, primer)
    primer_snapshot.save(snapshot, plan(level, primer.kind), name)
    return mix, snapshot._replace(contexts=None) if primer.habits else snapshot


def held(level: int, primer: primers.Primer) -> primer_snapshot.Snapshot:
    """The snapshot of a mix that has read a ``primer`` whose snapshots are in memory."""
    if primer.held is None:
        raise ValueError("a primer whose snapshots are in the cache")
    return primer.held.get(snapshot_name(level, primer), lambda: taught(level, primer)[1])


def taught(level: int, primer: primers.Primer) -> tuple[Mix, primer_snapshot.Snapshot]:
    """A mix that has read ``primer``, whole, now, and its snapshot, which nobody keeps."""
    chosen = plan(level, primer.kind)
    mix = build(chosen, at.PRIMED_SIZE, 0, 1, [0])
    text = primer.text
    with Compiling.reading():
        _read_primer(mix, chosen, text)
    return mix, primer_snapshot.take(mix, chosen, text)


def fresh_lanes(starts: list[int], rate: int) -> np.ndarray:
    """Lanes that begin at ``starts`` with the learning rate ``rate``; uint64 (lanes, LANE_STATE)."""
    lanes = np.zeros((len(starts), at.LANE_STATE), np.uint64)
    lanes[:, at.L_RATE] = rate
    for place in (at.L_START, at.L_POSITION, at.L_LINE_START, at.L_LINE_BEFORE):
        lanes[:, place] = starts
    return lanes


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
        counts = np.minimum(table & _COUNTS, np.uint32(at.COUNT_AFTER))
        table &= ~_COUNTS
        table |= counts


def _forget_words(mix: Mix) -> None:
    """Keep what reading taught the weights and maps, and forget every context seen."""
    for table in (mix.slots, mix.runs, mix.match_table, mix.history1, mix.history2):
        table.fill(0)
    mix.direct.fill(at.NO_DIRECT)


def with_experts(
    primed: Mix, chosen: Plan, experts: int, leading: int, first: int, lane_starts: list[int]
) -> Mix:
    """The same mix with room for experts, behind ``first`` bytes of a primer: their columns and their weight
    sets start as in a cold mix; all else makes room. Its tables are the primed mix's own. Most is learnt
    already by who is primed; how fast experts learn is their own affair."""
    mix = build(chosen, 1, 0, 1, [0], experts, leading, rows=1)  # its tables give way to the primed mix's
    mix.setting[at.S_MATCH_BITS] = primed.setting[at.S_MATCH_BITS]
    mix.setting[at.S_PRIMED] = first
    narrow, wide = input_width(chosen, 0), input_width(chosen, experts)
    own = context_inputs(chosen) + 2 * len(chosen.matches)
    old, new = primed.weights.reshape(-1, at.SET_SIZE, narrow), mix.weights.reshape(-1, at.SET_SIZE, wide)
    if not leading:
        mix.setting[at.S_RATE] = at.WARM_RATE
    times, over = (1, at.LEADING_SHARE) if leading else at.WARM_SHARE
    for k, kind in enumerate(sets_with(chosen, experts, leading)[:-1]):
        if kind not in chosen.sets:
            continue  # a set that only leading experts have
        was = chosen.sets.index(kind)
        new[k, :, :own] = old[was, :, :own].astype(np.int32) * times // over
        new[k, :, own + 2 * experts] = old[was, :, own]  # the bias comes last
    if not leading:
        sets = len(chosen.sets)
        final, learnt = (
            mix.final_weights.reshape(-1, at.FINAL_WIDTH),
            primed.final_weights.reshape(-1, at.FINAL_WIDTH)[:, :sets],
        )
        final[: len(learnt), :sets] = learnt
        final[len(learnt) :, :sets] = learnt[: at.FINAL_ROWS].sum(axis=0, dtype=np.int64) // at.FINAL_ROWS
    kept = {
        field: getattr(primed, field)
        for field in primer_snapshot.FIELDS
        if field not in ("weights", "final_weights")
    }
    return mix._replace(**kept, lanes=fresh_lanes(lane_starts, int(mix.setting[at.S_RATE])))


def snapshot_name(level: int, primer: primers.Primer) -> str:
    """What the snapshot of a mix that has read ``primer`` is called: a hash of all that it depends on."""
    made_from = primer.made_from or primer.text
    made_by = _made_by(level, primer.kind) + xxhash.xxh3_128_digest(made_from)
    return xxhash.xxh3_128_hexdigest(made_by)


@functools.cache
def _made_by(level: int, kind: int) -> bytes:
    """What a snapshot depends on but for the text: its form, code, plan, tables."""
    chosen = plan(level, kind)
    digest = xxhash.xxh3_128(primer_snapshot.FORM + repr(chosen).encode())
    for function in (best(chosen).py_func, build, _read_primer):
        digest.update(dependencies(function).encode())
    fresh = build(chosen, 1, 0, 1, [0], rows=1)
    for field in ("state_map", "match_map", "run_map", "weights", *_TABLES):
        digest.update(getattr(fresh, field).data)
    return digest.digest()


_TABLES = ("next_state", "stretch", "two_inputs", "squash", "reciprocal")
