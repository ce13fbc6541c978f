"""A running mix's memory: one array for each of its parts, allocated for a plan and a block's size.

Sizes follow from the plan and the block's length alone, so that encoder and decoder allocate alike; small
blocks get small tables and start fast.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.predictors.mix import constants as at
from nzip.predictors.mix.contexts import Recipe
from nzip.predictors.mix.plan import Plan, sets_with
from nzip.predictors.mix.sizes import (
    apm_rows,
    final_rows,
    first_weights,
    has,
    input_width,
    match_bits,
    slot_bytes,
)
from nzip.predictors.mix.tables import tables

LINE = 64  # bytes of a cache line, which four slots fill


class Mix(NamedTuple):
    """All arrays of a running mix; compiled code takes it whole.

    ``setting`` int64 (SETTINGS,): the plan in numbers, by constants.S_...; ``recipes`` uint64 (contexts, 8),
    see
    :func:`recipe_table`; ``set_kinds`` int64 (sets,), ``final_kinds`` int64 (finals,): selectors.
    ``slots`` uint8, ``direct`` uint16 (a
    probability for each node of a slot) and ``runs`` uint16 (times seen and last byte of each slot): see
    bit_history.py. ``state_map``, ``match_map``, ``run_map`` uint32: cells of 22 bits of probability and 10
    of count. ``weights``, ``final_weights`` int16: vectors one behind the other. ``apm`` int32: see apm.py.
    ``match_table`` uint32 (2, entries): see match.py. ``history1``, ``history2`` uint32: the three bytes that
    last followed one byte, two bytes. ``next_state`` to ``reciprocal``: see tables.py. ``lanes`` uint64
    (lanes, LANE_STATE): what survives from byte to byte, by constants.L_.... ``cumulative`` uint64 (experts,
    257): scratch for the kernel, the sums of the experts' distributions. ``last`` int16: the last stage's
    weights (last_stage.py), ``last_layer`` int16 its last ones, which go on learning; (0,) where there is
    none."""

    setting: np.ndarray
    recipes: np.ndarray
    set_kinds: np.ndarray
    final_kinds: np.ndarray
    slots: np.ndarray
    direct: np.ndarray
    runs: np.ndarray
    state_map: np.ndarray
    match_map: np.ndarray
    run_map: np.ndarray
    weights: np.ndarray
    final_weights: np.ndarray
    apm: np.ndarray
    match_table: np.ndarray
    history1: np.ndarray
    history2: np.ndarray
    next_state: np.ndarray
    stretch: np.ndarray
    two_inputs: np.ndarray
    squash: np.ndarray
    reciprocal: np.ndarray
    lanes: np.ndarray
    cumulative: np.ndarray
    last: np.ndarray
    last_layer: np.ndarray


def recipe_table(recipes: tuple[Recipe, ...]) -> np.ndarray:
    """uint64 (contexts, 8): registers and masks in turn, ``R_NONE`` where there is none."""
    table = np.full((len(recipes), 8), at.R_NONE, np.uint64)
    for i, recipe in enumerate(recipes):
        for k, pair in enumerate(recipe):
            table[i, 2 * k : 2 * k + 2] = pair
    return table


def memory(plan: Plan, size: int, experts: int = 0) -> int:
    """Bytes that :func:`build` allocates."""
    slots = slot_bytes(plan, size)
    sets = max(len(plan.sets) + (experts > 0), len(sets_with(plan, experts, True)))
    return (
        slots * (1 + 2 * has(plan.direct))
        + (slots // 8 if has(plan.runs) else 0)
        + (8 << match_bits(size))
        + sets * at.SET_SIZE * input_width(plan, experts) * 2
        + final_rows(plan.finals) * at.FINAL_WIDTH * 2
        + apm_rows(plan) * at.APM_BUCKETS * 4
        + (1 << 20)
    )


def zeros(count: int, dtype: type) -> np.ndarray:
    """(count,) zeros that begin with a cache line: slots and vectors lie in as few lines as they can."""
    size = count * np.dtype(dtype).itemsize
    room = np.zeros(size + LINE, np.uint8)
    before = -room.ctypes.data % LINE
    return room[before : before + size].view(dtype)


def build(
    plan: Plan,
    size: int,
    stride: int,
    pixel: int,
    lane_starts: list[int],
    experts: int = 0,
    leading: int = 0,
    rows: int | None = None,
) -> Mix:
    """Fresh state for a block of ``size`` bytes cut into lanes that start at ``lane_starts``. ``rows``: of
    APMs, fewer than the plan has for who will not code: to fill all of them takes the most."""
    shared = tables()
    contexts = len(plan.recipes)
    sets, finals = sets_with(plan, experts, leading), () if leading else plan.finals
    width = input_width(plan, experts)
    slots = slot_bytes(plan, size)

    setting = np.zeros(at.SETTINGS, np.int64)
    setting[at.S_CONTEXTS] = contexts
    setting[at.S_WIDTH] = width
    setting[at.S_SETS] = len(sets)
    setting[at.S_MATCHES] = len(plan.matches)
    setting[at.S_EXPERTS] = experts
    setting[at.S_STATE_LIMIT] = plan.state_limit
    setting[at.S_RATE] = at.LEADING_RATE if leading else plan.rate
    setting[at.S_RATE_MIN] = at.LEADING_RATE_MIN if leading else plan.rate_min
    setting[at.S_RATE_DECAY] = at.RATE_DECAY
    setting[at.S_FINAL_RATE] = plan.final_rate
    setting[at.S_APM_RATE] = plan.apm_rate
    setting[at.S_HIT_FROM], setting[at.S_HIT_TO] = plan.hits
    for m, minimum in enumerate(plan.matches):
        setting[at.S_MATCH_MIN0 + m] = minimum
    setting[at.S_MATCH_BITS] = match_bits(size)
    setting[at.S_STRIDE] = stride
    setting[at.S_PIXEL] = pixel
    setting[at.S_APMS] = plan.apms and not leading  # a leading expert is surer than what they learn from
    used = {register for recipe in plan.recipes for register, _ in recipe}
    setting[at.S_LONG] = bool(used & {at.R_LONG1, at.R_LONG2})
    setting[at.S_DIRECT_FROM], setting[at.S_DIRECT_TO] = plan.direct
    setting[at.S_RUNS_FROM], setting[at.S_RUNS_TO] = plan.runs
    setting[at.S_THIRD_APM] = plan.third_apm and not leading
    setting[at.S_CODED] = plan.coded
    setting[at.S_FINALS] = len(finals)
    setting[at.S_BESIDE_FROM], setting[at.S_BESIDE_TO] = plan.beside
    setting[at.S_SAMPLED] = plan.sampled
    setting[at.S_FIXED] = plan.fixed

    direct = zeros(slots if has(plan.direct) else 16, np.uint16)
    direct[:] = at.NO_DIRECT
    weights = zeros(len(sets) * at.SET_SIZE * width, np.int16)
    weights.reshape(-1, width)[:] = np.array(first_weights(plan, experts, leading), np.int16)

    lanes = np.zeros((len(lane_starts), at.LANE_STATE), np.uint64)
    lanes[:, at.L_RATE] = setting[at.S_RATE]
    for place in (at.L_START, at.L_POSITION, at.L_LINE_START, at.L_LINE_BEFORE):
        lanes[:, place] = lane_starts
    return Mix(
        setting=setting,
        recipes=recipe_table(plan.recipes),
        set_kinds=np.array(sets, np.int64),
        final_kinds=np.array(finals, np.int64),
        slots=zeros(slots, np.uint8),
        direct=direct,
        runs=zeros(slots // at.SLOT if has(plan.runs) else 1, np.uint16),
        state_map=np.tile(shared.state_start, contexts),
        match_map=np.tile(shared.match_start, 2),
        run_map=np.concatenate([np.full(1, at.HALF_CELL, np.uint32), np.tile(shared.run_start, contexts)]),
        weights=weights,
        final_weights=np.full(
            (final_rows(finals) + at.FINAL_EXPERT_ROWS * (experts > 0 and not leading)) * at.FINAL_WIDTH,
            at.ONE // len(sets),
            np.int16,
        ),
        apm=np.tile(shared.apm_row, apm_rows(plan) if rows is None else rows),
        match_table=np.zeros((2, 1 << match_bits(size)), np.uint32),
        history1=np.zeros(256, np.uint32),
        history2=np.zeros(65536, np.uint32),
        next_state=shared.next_state,
        stretch=shared.stretch,
        two_inputs=shared.two_inputs,
        squash=shared.squash,
        reciprocal=shared.reciprocal,
        lanes=lanes,
        cumulative=np.zeros((max(experts, 1), 257), np.uint64),
        last=np.zeros(0, np.int16),
        last_layer=np.zeros(0, np.int16),
    )
