"""The mix's inputs by what they look at: a name for each group, and whose each input is.

Concession: a context that joins two things (a word and the byte above) counts as what it is mostly about.
"""

from __future__ import annotations

import numpy as np

from nzip.predictors.mix import constants as at
from nzip.predictors.mix.contexts import Recipe
from nzip.predictors.mix.plan import Plan

BIAS, APMS = "bias", "refining maps"
MATCHES = ("match model", "long match model")
# By register, the first that a recipe names counts.
_BY_REGISTER = (
    ((at.R_NEIGHBOURS, at.R_PREDICTED, at.R_PLANE), "rows and pixels"),
    ((at.R_SAMPLE,), "samples"),
    ((at.R_DNA,), "nucleotides"),
    ((at.R_WORD, at.R_WORD1, at.R_WORD2, at.R_WORD3, at.R_SENTENCE, at.R_LINE_WORD), "words"),
    ((at.R_AFTER1, at.R_AFTER2), "what followed before"),
    (
        (at.R_SHAPE, at.R_TAG, at.R_NUMBERLESS, at.R_SIGNS, at.R_GAP, at.R_FOLDED, at.R_CLASSES),
        "shape and signs",
    ),
    ((at.R_COLUMN, at.R_ABOVE, at.R_LINE), "line and column"),
)  # fmt: skip


def group_of(recipe: Recipe) -> str:
    """What a context looks at."""
    registers = {register for register, _ in recipe}
    for known, name in _BY_REGISTER:
        if registers & set(known):
            return name
    masks = [mask for _, mask in recipe]
    order = sum(mask.bit_count() // 8 for mask in masks)
    whole = all(mask & (mask + 1) == 0 or mask >> 64 == 0 and mask == (1 << 64) - 1 for mask in masks[:1])
    if not whole:
        return "bytes apart"
    return (
        "bytes 0 to 2 back" if order <= 2 else "bytes 3 to 5 back" if order <= 5 else "bytes 6 and more back"
    )


def groups(plan: Plan, experts: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """The groups' names, and of each input of the first layer (uint8) the number of its group. ``experts``:
    their spellings; each is a group."""
    contexts = [group_of(recipe) for recipe in plan.recipes]
    inputs = [name for name in contexts for _ in range(2)]
    inputs += contexts[slice(*plan.direct)] + contexts[slice(*plan.runs)]
    inputs += [MATCHES[m] for m in range(len(plan.matches)) for _ in range(2)]
    inputs += [spelling for spelling in experts for _ in range(2)]
    inputs.append(BIAS)
    names = tuple(dict.fromkeys(inputs))
    return names, np.array([names.index(name) for name in inputs], np.uint8)
