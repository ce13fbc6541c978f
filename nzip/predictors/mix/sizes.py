"""How large a mix's tables are for a plan and a block, and what its weights start from; as plain numbers, for
the compiled mix (state.py, kernel.py) and its readable twin.

Sizes follow from the plan and the block's length alone, so that encoder and decoder agree without a word in
the file. A change of any number here changes the bytes and raises the format's draft number.
"""

from __future__ import annotations

from nzip.predictors.mix.constants import (
    APM1_ROWS,
    APM2_ROWS,
    APM3_ROWS,
    BESIDE,
    FINAL_ROWS,
    LEADING_SHARE,
    ONE,
    SET_SIZE,
)  # fmt: skip
from nzip.predictors.mix.intrinsics import VECTOR
from nzip.predictors.mix.plan import Plan

MIN_SLOT_BYTES = 1 << 16


def slot_bytes(plan: Plan, size: int) -> int:
    """Bytes of the slot table for a block of ``size`` bytes: room for two slots a byte and context, at most
    what the plan allows."""
    wanted = 1 << (max(size, 1) * len(plan.recipes) * 32 - 1).bit_length()
    return min(plan.slot_bytes, max(MIN_SLOT_BYTES, wanted))


def match_bits(size: int) -> int:
    """log2 of the match tables' entries for a block of ``size`` bytes."""
    return min(22, max(12, size.bit_length()))


def input_width(plan: Plan, experts: int = 0) -> int:
    """Inputs of the first layer, padded to whole vectors."""
    inputs = context_inputs(plan) + 2 * len(plan.matches) + 2 * experts + 1
    return -(-inputs // VECTOR) * VECTOR


def context_inputs(plan: Plan) -> int:
    """Inputs of the first layer that contexts give; the match models' come next."""
    return 2 * len(plan.recipes) + sum(b - a for a, b in (plan.direct, plan.runs))


def has(contexts: tuple[int, int]) -> bool:
    """Whether a range (from, to) of contexts holds any."""
    return contexts[0] < contexts[1]


def apm_rows(plan: Plan) -> int:
    """Rows of all adaptive probability maps; a few where there is none."""
    if not plan.apms:
        return 16
    return APM1_ROWS + APM2_ROWS + APM3_ROWS * plan.third_apm


def final_rows(finals: tuple[int, ...]) -> int:
    """Weight vectors of a final mixer with such further selectors, but for those by an expert."""
    return FINAL_ROWS + len(finals) * SET_SIZE


def first_weights(plan: Plan, experts: int = 0, leading: int = 0) -> list[int]:
    """What every weight vector of the first layer starts as: only stretched probabilities of bit histories,
    match models and experts have a say; confidences, direct and run inputs earn theirs. ``leading``: so many
    experts, the first ones, are to be believed."""
    contexts = len(plan.recipes)
    weights = [0] * input_width(plan, experts)
    for i in range(contexts):
        weights[2 * i] = int(ONE * 2.1 / (contexts + 2))
    first_match = context_inputs(plan)
    for m in range(len(plan.matches)):
        weights[first_match + 2 * m] = int(ONE * 0.15)
    for e in range(experts):
        weights[first_match + 2 * (len(plan.matches) + e)] = ONE // 2 // experts
    if leading:  # the experts are believed, all others begin with a small say
        weights = [w // LEADING_SHARE for w in weights]
        for e in range(experts):
            weights[first_match + 2 * (len(plan.matches) + e)] = ONE // leading if e < leading else BESIDE
    return weights
