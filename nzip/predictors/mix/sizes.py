"""How large the mix's tables are and what they start from, as plain numbers: shared by the compiled mix
(state.py, kernel.py) and its readable twin (nzip/reference.py), so no numba here.

Sizes follow from the plan and the block's length alone, so that encoder and decoder agree without a word in
the file. A change of any number here changes the bytes and raises the format's draft number.
"""

from __future__ import annotations

from nzip.predictors.mix.contexts import Plan

LANES = 16  # the mixer's inputs are padded to whole vectors of this many
SET_SIZE = 2048  # weight vectors of one set
FINAL_WIDTH = 16  # inputs of the final mixer
FINAL_ROWS, FINAL_EXPERT_ROWS = (
    512,
    512,
)  # its weight vectors; those by an expert's confidence only where there is one
APM1_ROWS = 256 * 17 * 16  # by the last byte, the nibble before, the bits of this nibble
APM2_ROWS = 4096 * 16  # by a hash of two bytes and the nibble before, the bits of this nibble
APM_BUCKETS = 16
RATE_DECAY = 7
# Under an expert that leads: what the other inputs' first weights are divided by, and the mixer's rates.
LEADING_SHARE, LEADING_RATE, LEADING_RATE_MIN = 10, 30, 8
# With experts that do not lead, in a mix that has read a primer: the other inputs' weights are multiplied by
# this share, since the experts' add to them, and the rate begins lower than a cold mix's (plan.rate), since
# most is learnt already.
WARM_SHARE, WARM_RATE = (4, 5), 150
YOUNG = 1 << 15  # bytes of a lane with experts in which the APMs have little to say
ONE = 16384  # the first layer's weight of 1.0
BESIDE = ONE * 2 // 25  # what an expert beside a leading one weighs at first

# A primed mix has tables of one size whatever the block's, so that one snapshot serves all.
PRIMED_SIZE = 1 << 20
# After priming the maps' counts are cut to this, so that they follow the block's own ways again.
COUNT_AFTER = 30

MIN_SLOT_BYTES = 1 << 16


def slot_bytes(plan: Plan, size: int) -> int:
    """Bytes of the slot table: room for two slots a byte and context, at most what the plan allows."""
    wanted = 1 << (max(size, 1) * len(plan.recipes) * 32 - 1).bit_length()
    return min(plan.slot_bytes, max(MIN_SLOT_BYTES, wanted))


def match_bits(size: int) -> int:
    """log2 of the match tables' entries."""
    return min(22, max(12, size.bit_length()))


def input_width(plan: Plan, experts: int = 0) -> int:
    """Inputs of the first layer, padded to whole vectors."""
    per_context = 2 + plan.direct + plan.runs
    inputs = per_context * len(plan.recipes) + 2 * len(plan.matches) + 2 * experts + 1
    return -(-inputs // LANES) * LANES


def first_weights(plan: Plan, experts: int = 0, leading: int = 0) -> list[int]:
    """What every weight vector of the first layer starts as: only stretched probabilities of bit histories,
    match models and experts have a say; confidences, direct and run inputs earn theirs. ``leading``: so many
    experts, the first ones, are to be believed."""
    contexts = len(plan.recipes)
    weights = [0] * input_width(plan, experts)
    for i in range(contexts):
        weights[2 * i] = int(ONE * 2.1 / (contexts + 2))
    first_match = (2 + plan.direct + plan.runs) * contexts
    for m in range(len(plan.matches)):
        weights[first_match + 2 * m] = int(ONE * 0.15)
    for e in range(experts):
        weights[first_match + 2 * (len(plan.matches) + e)] = int(ONE * 0.3) // experts
    if leading:  # the experts are believed, all others begin with a small say
        weights = [w // LEADING_SHARE for w in weights]
        for e in range(experts):
            weights[first_match + 2 * (len(plan.matches) + e)] = ONE // leading if e < leading else BESIDE
    return weights
