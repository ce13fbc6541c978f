"""What kernels for one plan are told is what a mix of that plan has in its settings."""

from __future__ import annotations

import numpy as np
import pytest

from nzip.predictors.content import BINARY, TEXT
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import told
from nzip.predictors.mix.plan import LEVELS, plan
from nzip.predictors.mix.state import build

# Settings that do not follow from the plan alone, of which the kernel for one plan asks the state.
_OWN = {
    at.S_RATE, at.S_RATE_MIN, at.S_RATE_DECAY, at.S_MATCH_MIN0, at.S_MATCH_MIN1, at.S_MATCH_BITS,
    at.S_STRIDE, at.S_PIXEL, at.S_PRIMED, at.S_LONG, at.S_SAMPLED,
}  # fmt: skip


@pytest.mark.parametrize("kind", [TEXT, at.CODED, BINARY])
@pytest.mark.parametrize("level", LEVELS)
def test_tables_are_the_settings(level, kind):
    chosen = plan(level, kind)
    mix = build(chosen, 1000, 0, 1, [0])
    setting, recipes, sets, finals, lanes = told.values_of(chosen)
    for place in set(range(at.SETTINGS)) - _OWN:
        assert setting[place] == mix.setting[place], place
    assert np.array_equal(np.array(recipes, np.int64).view(np.uint64), mix.recipes.ravel())
    assert sets == tuple(mix.set_kinds) and finals == tuple(mix.final_kinds) and lanes == (len(mix.lanes),)
