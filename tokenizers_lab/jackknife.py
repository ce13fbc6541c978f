"""The delete-one-group jackknife: how sure is an estimate, and is one surely above another?

var = (G−1)/G · Σ (θ_g − mean)² over the estimates θ_g with each of G groups left out; the 95% interval is
value ± t(0.975; G−1) · √var. Of a difference of two estimates over the same groups it is taken of the
differences, which are far surer than either: what the text itself varies is in both.

Concession: it sees variance, not bias, and takes the groups for independent.
"""

from __future__ import annotations

import math

import numpy as np

# Student's t, 97.5%, by degrees of freedom 1 … 30; beyond, by the first terms of its expansion.
_T = (
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
    2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
    2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272,
)  # fmt: skip


def student(freedom: int) -> float:
    """t(0.975) at so many degrees of freedom, at least 1."""
    z = 1.959964
    return _T[freedom - 1] if freedom <= len(_T) else z + (z**3 + z) / (4 * freedom)


def variance(leave_one_out) -> float | None:
    """Of the estimate whose values with each group left out these are; None for fewer than two groups."""
    thetas = np.asarray(leave_one_out, dtype=float)
    groups = len(thetas)
    if groups < 2 or not np.isfinite(thetas).all():
        return None
    return (groups - 1) / groups * float(((thetas - thetas.mean()) ** 2).sum())


def half_width(leave_one_out) -> float | None:
    """Half the 95% interval, or None for fewer than two groups."""
    found = variance(leave_one_out)
    return None if found is None else student(len(leave_one_out) - 1) * math.sqrt(found)


def of_sum(parts) -> float | None:
    """Half the 95% interval of Σ wᵢ·θᵢ; ``parts``: (wᵢ, θᵢ with each of its groups left out), of independent
    texts. The degrees of freedom are those of the fewest groups. None where a part has none."""
    total, fewest = 0.0, 1 << 30
    for weight, leave_one_out in parts:
        if not weight:
            continue
        found = variance(leave_one_out)
        if found is None:
            return None
        total += weight * weight * found
        fewest = min(fewest, len(leave_one_out))
    return student(fewest - 1) * math.sqrt(total) if fewest < 1 << 30 else None
