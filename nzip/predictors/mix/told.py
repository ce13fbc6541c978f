"""What a plan says that the kernel may know when it is compiled: the kernel asks for it by place
(:mod:`nzip.exact.told`), and a kernel for one plan gets these tables.

Concession: the places stand twice, here and where state.py fills the settings; a test holds both together.
"""

from __future__ import annotations

import numpy as np

from nzip.predictors.mix import constants as at
from nzip.predictors.mix.plan import Plan
from nzip.predictors.mix.sizes import input_width
from nzip.predictors.mix.state import recipe_table

# The tables: settings by S_..., recipes as state.py's table, selectors, and how many lanes there are.
SETTING, RECIPES, SET_KINDS, FINAL_KINDS, LANES = range(5)


def values_of(plan: Plan) -> tuple[tuple[int, ...], ...]:
    """The tables of a kernel for ``plan``, without experts and with one lane; int64."""
    setting = np.zeros(at.SETTINGS, np.int64)
    for place, value in {
        at.S_CONTEXTS: len(plan.recipes),
        at.S_WIDTH: input_width(plan),
        at.S_SETS: len(plan.sets),
        at.S_MATCHES: len(plan.matches),
        at.S_APMS: plan.apms,
        at.S_THIRD_APM: plan.third_apm,
        at.S_DIRECT_FROM: plan.direct[0],
        at.S_DIRECT_TO: plan.direct[1],
        at.S_RUNS_FROM: plan.runs[0],
        at.S_RUNS_TO: plan.runs[1],
        at.S_STATE_LIMIT: plan.state_limit,
        at.S_FINAL_RATE: plan.final_rate,
        at.S_APM_RATE: plan.apm_rate,
        at.S_HIT_FROM: plan.hits[0],
        at.S_HIT_TO: plan.hits[1],
        at.S_FINALS: len(plan.finals),
        at.S_CODED: plan.coded,
        at.S_FIXED: plan.fixed,
        at.S_BESIDE_FROM: plan.beside[0],
        at.S_BESIDE_TO: plan.beside[1],
    }.items():
        setting[place] = value
    recipes = recipe_table(plan.recipes).view(np.int64).ravel()
    return tuple(setting.tolist()), tuple(recipes.tolist()), plan.sets, plan.finals, (1,)
