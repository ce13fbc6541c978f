"""Warm starts: a mix that has read a primer before the block's first byte.

What reading gives is kept as a snapshot (primer_snapshot.py), because priming costs a second at -3 and ten at
-5. Its name is a hash of all that made it: the text, the plan, the tables, and the source of what reads."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator

import numpy as np
import xxhash

from nzip.coding.binary import STATE_SIZE, start_encoder
from nzip.exact.dependencies import dependencies
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import primer_snapshot, primers
from nzip.predictors.mix.kernel import best
from nzip.predictors.mix.plan import Plan, plan, sets_with
from nzip.predictors.mix.sizes import context_inputs, input_width
from nzip.predictors.mix.state import Mix, build

_CHUNK = 1 << 14
_COUNTS = np.uint32((1 << at.COUNT_BITS) - 1)


class _Spare(threading.local):
    """The memory of the last mix that was primed and is done with: the next is read into it. To write the
    pages of a fresh one for the first time takes as long as reading. One at most, for each thread, while
    somebody who primes several holds it open."""

    holders = 0
    _mix: Mix | None = None
    _of: tuple[int, int] | None = None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep a spare mix while the context lasts."""
        self.holders += 1
        try:
            yield
        finally:
            self.holders -= 1
            if not self.holders:
                self._mix = None

    def take(self, level: int, kind: int) -> Mix | None:
        """The spare mix, if its plan is that one's; there is none afterwards."""
        mix, self._mix = self._mix, None
        return mix if self._of == (level, kind) else None

    def give(self, level: int, kind: int, mix: Mix) -> None:
        """A mix that :func:`warm` made, without experts, and that nobody uses any more."""
        if self.holders:
            self._mix, self._of = mix, (level, kind)


SPARE = _Spare()


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
    chosen = plan(level, primer.kind)
    spare = SPARE.take(level, primer.kind) if keep else None
    primed = spare or build(chosen, at.PRIMED_SIZE, 0, 1, [0])
    del spare
    if not keep:
        _read_primer(primed, chosen, primer.text)
    elif not primer_snapshot.load(primed, name := snapshot_name(level, primer)):
        del primed  # perhaps half filled; not two at a time
        primed = build(chosen, at.PRIMED_SIZE, 0, 1, [0])
        _read_primer(primed, chosen, primer.text)
        primer_snapshot.save(primed, name)
    if primer.habits:
        _forget_words(primed)
    start = len(primer.prefix)
    mix = _with_experts(primed, chosen, experts, leading) if experts else primed
    # most is learnt already; what experts want is their own affair (_with_experts)
    rate = int(mix.setting[at.S_RATE]) if experts else chosen.warm_rate
    mix.setting[at.S_PRIMED] = start
    return mix._replace(lanes=fresh_lanes([at_byte + start for at_byte in lane_starts], rate))


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


def _with_experts(primed: Mix, chosen: Plan, experts: int, leading: int) -> Mix:
    """The same mix with room for experts: their columns and their weight sets start as in a cold mix; all
    else makes room."""
    mix = build(chosen, at.PRIMED_SIZE, 0, 1, [0], experts, leading)
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
    return mix._replace(**kept)


def snapshot_name(level: int, primer: primers.Primer) -> str:
    """What the snapshot of a mix that has read ``primer`` is called: a hash of all that it depends on."""
    made_by = _made_by(level, primer.kind) + xxhash.xxh3_128_digest(primer.text)
    return xxhash.xxh3_128_hexdigest(made_by)


@functools.cache
def _made_by(level: int, kind: int) -> bytes:
    """What priming depends on but for the text: code, plan, tables."""
    chosen = plan(level, kind)
    digest = xxhash.xxh3_128(repr(chosen).encode())
    for function in (best(chosen).py_func, build, _read_primer):
        digest.update(dependencies(function).encode())
    fresh = build(chosen, 1, 0, 1, [0])
    for field in ("state_map", "match_map", "run_map", "weights", *_TABLES):
        digest.update(getattr(fresh, field).data)
    return digest.digest()


_TABLES = ("next_state", "stretch", "two_inputs", "squash", "reciprocal")
