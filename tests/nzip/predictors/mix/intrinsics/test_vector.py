"""The mixer's vector operations against NumPy, with AVX2 and without: equal integers, whatever the
processor."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import mix_samples
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from nzip.predictors.mix.intrinsics import VECTOR
from nzip.predictors.mix.intrinsics.vector import dot, train
from nzip.predictors.mix.model import MixPredictor

ROOT = Path(__file__).parents[4]


@njit
def dots(weights, offset, inputs, n):
    return dot(weights, offset, inputs, n)


@njit
def trains(weights, offset, inputs, n, error):
    train(weights, offset, inputs, n, error)


def _wrapped(x: int) -> int:
    """In 32 bits, as the machine."""
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def numpy_train(weights, inputs, error):
    moved = weights.astype(np.int64) + ((inputs.astype(np.int64) * error + (1 << 14)) >> 15)
    return np.clip(moved, -32768, 32767).astype(np.int16)


def arrays(draw_seed: int, rounds: int, extreme: bool):
    rng = np.random.default_rng(draw_seed)
    n = rounds * VECTOR
    if extreme:
        weights = rng.choice(np.array([-32768, -32767, -1, 0, 1, 32767], np.int16), n + 2 * VECTOR)
        inputs = rng.choice(np.array([-2047, -1, 0, 1, 2047], np.int16), n)
    else:
        weights = rng.integers(-32768, 32768, n + 2 * VECTOR).astype(np.int16)
        inputs = rng.integers(-2047, 2048, n).astype(np.int16)
    return weights, inputs, n


CASES = {"seed": st.integers(0, 2**32), "rounds": st.integers(1, 12), "extreme": st.booleans()}


@settings(max_examples=150)
@given(**CASES, offset=st.integers(0, 2 * VECTOR))
def test_dot_is_numpys(seed, rounds, extreme, offset):
    weights, inputs, n = arrays(seed, rounds, extreme)
    assert dots(weights, offset, inputs, n) == _wrapped(
        int((weights[offset : offset + n].astype(np.int64) * inputs).sum())
    )


@settings(max_examples=150)
@given(
    **CASES,
    offset=st.integers(0, 2 * VECTOR),
    error=st.sampled_from([-32767, -32768, -1, 0, 1, 32767]) | st.integers(-32768, 32767),
)
def test_train_is_numpys(seed, rounds, extreme, offset, error):
    weights, inputs, n = arrays(seed, rounds, extreme)
    wanted = weights.copy()
    wanted[offset : offset + n] = numpy_train(weights[offset : offset + n], inputs, error)
    trains(weights, offset, inputs, n, error)
    assert np.array_equal(weights, wanted)  # and nothing beside


def answers() -> dict[str, str]:
    """What the whole mix and the two operations give on this processor."""
    found = {}
    for level in (0, 1, 5):
        for kind in ("text", "audio"):
            params, payload = MixPredictor(level, primed=False).encode(mix_samples.sample(kind, 4000, seed=3))
            found[f"{level} {kind}"] = hashlib.sha256(params + payload).hexdigest()
    for seed in range(40):
        weights, inputs, n = arrays(seed, 1 + seed % 5, seed % 2 == 0)
        total = dots(weights, 3, inputs, n)
        trains(weights, 3, inputs, n, 900 * seed - 18000)
        found[f"vector {seed}"] = f"{total} {hashlib.sha256(weights.tobytes()).hexdigest()}"
    return found


@pytest.mark.slow  # compiles everything once more
def test_another_processor_gives_the_same():
    """Compiled for the oldest processor of this architecture (on x86: no AVX2), the mix writes the same
    bytes."""
    script = (
        f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'tests'), str(Path(__file__).parent)]!r}\n"
        "import json, test_vector\n"
        "print(json.dumps(test_vector.answers()))\n"
    )
    environment = {**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == answers()
