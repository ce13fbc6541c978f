"""All that a language model learns from the file at hand, in one place: :class:`AdaptiveState`.

What the numbers mean and how they move is :mod:`.adapt`'s business; this file says what there is, how large,
and with what it begins.

Concession: tables are of a fixed size, and older contexts give way to newer ones without being asked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.predictors.lm import continuous_cache, softmax
from nzip.predictors.lm.continuous_cache import ContinuousCache

ORDERS = 5
WAYS = 6
MAX_QUESTIONS = 10  # candidates that are asked for; what the cache votes for beside them is believed as it is
MAX_CANDIDATES = MAX_QUESTIONS + continuous_cache.TOKENS
# Inputs of the mixer: the model, one per order, the long match, the continuous cache, a constant.
INPUTS = ORDERS + 4
MATCH_LENGTHS = 32
STATES = 8 * 8 * 2
SETS = 4 * (ORDERS + 2)
# What the mixer learnt on train texts (prose, code, markup), rounded: the first question's weights by the
# highest order that knows its candidate, one row for all later questions.
_FIRST_WEIGHTS = np.array([
    [0.97, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.00, 0.00],
    [0.85, 0.10, 0.05, 0.05, 0.05, 0.05, 0.05, 0.04, 0.03],
    [0.84, -0.03, 0.12, 0.05, 0.05, 0.05, 0.05, 0.08, 0.05],
    [0.85, -0.06, 0.05, 0.09, 0.05, 0.05, 0.05, 0.00, 0.03],
    [0.85, -0.06, 0.05, 0.09, 0.09, 0.05, 0.05, 0.00, 0.03],
    [0.85, -0.06, 0.05, 0.09, 0.09, 0.09, 0.05, 0.00, 0.03],
    [0.83, -0.11, 0.03, 0.06, 0.13, 0.13, 0.12, 0.02, 0.04],
], np.float32)  # fmt: skip
_LATER_WEIGHTS = np.array([0.94, 0.00, 0.02, 0.01, 0.02, 0.03, 0.02, -0.01, 0.01], np.float32)


class AdaptiveState(NamedTuple):
    """All adaptive state. ``table_*`` (ORDERS, slots[, WAYS]): n-gram contexts, followers most recent first.
    ``map_*`` (ORDERS + 1, ·): probability and count per n-gram state, the last row for match lengths.
    ``weights`` (SETS, INPUTS). ``history`` int32 (lanes, longest), ``length`` int64 (lanes,). ``match`` int64
    (lanes, 3): lane and place that the match predicts from, and its length. ``heads`` int64 (slots,): where a
    context of MATCH_MIN tokens last ended, as lane << 40 | place, + 1. ``candidates`` to ``slots``, (lanes,
    ·): the questions asked of each lane's next token, kept until it is known; ``questions`` how many.
    ``escape`` float64 (1,): chance of an escaped byte. ``continuous_cache``: see :mod:`.continuous_cache`."""

    bias: softmax.Bias
    table_check: np.ndarray
    table_token: np.ndarray
    table_count: np.ndarray
    map_p: np.ndarray
    map_n: np.ndarray
    weights: np.ndarray
    history: np.ndarray
    length: np.ndarray
    match: np.ndarray
    heads: np.ndarray
    candidates: np.ndarray
    inputs: np.ndarray
    states: np.ndarray
    sets: np.ndarray
    chances: np.ndarray
    shares: np.ndarray
    slots: np.ndarray
    questions: np.ndarray
    escape: np.ndarray
    continuous_cache: ContinuousCache


def new_state(vocabulary: int, lanes: int, longest: int, width: int, slot_bits: int = 17) -> AdaptiveState:
    """A fresh state for ``lanes`` lanes of at most ``longest`` tokens and a model of ``width`` (0: its
    continuous cache stays empty)."""
    slots = 1 << slot_bits
    map_p = np.empty((ORDERS + 1, max(STATES, 2 * MATCH_LENGTHS)), np.float32)
    for n in range(8):
        for others in range(8):
            for recent in range(2):
                map_p[:ORDERS, (n * 8 + others) * 2 + recent] = (n + 0.15 + 0.25 * recent) / (
                    n + others + 1.5
                )
    for length in range(MATCH_LENGTHS):
        map_p[ORDERS, length] = (length + 4) / (length + 8)
        map_p[ORDERS, MATCH_LENGTHS + length] = 1 / (length + 4)
    weights = np.empty((SETS, INPUTS), np.float32)
    weights[:] = _LATER_WEIGHTS
    weights[: ORDERS + 2] = _FIRST_WEIGHTS
    return AdaptiveState(
        bias=softmax.new_bias(vocabulary),
        table_check=np.zeros((ORDERS, slots), np.uint32),
        table_token=np.full((ORDERS, slots, WAYS), -1, np.int32),
        table_count=np.zeros((ORDERS, slots, WAYS), np.uint8),
        map_p=map_p,
        map_n=np.full(map_p.shape, 6, np.int32),
        weights=weights,
        history=np.zeros((lanes, longest), np.int32),
        length=np.zeros(lanes, np.int64),
        match=np.zeros((lanes, 3), np.int64),
        heads=np.zeros(slots, np.int64),
        candidates=np.zeros((lanes, MAX_CANDIDATES), np.int64),
        inputs=np.zeros((lanes, MAX_CANDIDATES, INPUTS), np.float32),
        states=np.zeros((lanes, MAX_CANDIDATES, ORDERS + 1), np.int64),
        sets=np.zeros((lanes, MAX_CANDIDATES), np.int64),
        chances=np.zeros((lanes, MAX_CANDIDATES), np.float32),
        shares=np.zeros((lanes, MAX_CANDIDATES), np.int64),
        slots=np.zeros((lanes, ORDERS), np.int64),
        questions=np.zeros(lanes, np.int64),
        escape=np.full(1, 2.0**-14, np.float64),
        continuous_cache=continuous_cache.new(lanes, width),
    )
