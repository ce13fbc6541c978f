"""An estimate with its uncertainty: value, 95% interval, and where it matters a corrected and a held-out
value.

Intervals come from a delete-one-group jackknife (``tokenizers_lab.jackknife``) over ``GROUPS`` contiguous
stretches of the stream: text is not independent token by token.

Concession: a jackknife sees variance, not bias; the bias of plug-in entropies is shown by the corrected and
held-out values beside them.
"""

from __future__ import annotations

import math

import numpy as np

from tokenizers_lab.jackknife import half_width

GROUPS = 20


def interval(value: float, leave_one_out) -> dict:
    """``{"value", "low", "high"}`` from the estimates with each of the groups left out."""
    half = half_width(leave_one_out) if math.isfinite(value) else None
    if half is None:
        return {"value": value, "low": None, "high": None}
    return {"value": value, "low": value - half, "high": value + half}


def groups_of(n: int, groups: int = GROUPS) -> np.ndarray:
    """The contiguous group (0 .. groups-1) of each of n positions, int64."""
    return np.arange(n, dtype=np.int64) * min(groups, max(n, 1)) // max(n, 1)


def ratio(numerators, denominators) -> dict:
    """Σ numerators / Σ denominators with its interval, each entry one group."""
    a, b = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if b.sum() == 0:
        return {"value": None, "low": None, "high": None}
    rest = b.sum() - b
    loo = (a.sum() - a)[rest > 0] / rest[rest > 0]
    return interval(float(a.sum() / b.sum()), loo)
