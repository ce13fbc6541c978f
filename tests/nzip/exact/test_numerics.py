"""numerics.py: outputs pinned by hash (the law of exactness), compared with a NumPy twin and with libm."""

import hashlib

import numpy as np

from nzip.exact import numerics


def exp2_twin(x):
    """NumPy's elementwise float32 operations: the same IEEE steps, one at a time, so never fused."""
    c = np.array(numerics._EXP2_BITS, np.uint32).view(np.float32)
    x = np.clip(x, np.float32(-126), np.float32(127))
    whole = np.rint(x)
    f = x - whole
    p = c[6] * f + c[5]
    for k in (4, 3, 2, 1, 0):
        p = p * f + c[k]
    return p * ((whole.astype(np.int32) + 127) << 23).view(np.float32)


def some_logits():
    """Integers from a written recurrence, not NumPy's generator, whose streams may change."""
    state, out = 12345, []
    for _ in range(5000):
        state = (state * 1103515245 + 12345) % 2**31
        out.append(state >> 8)
    return ((np.array(out, np.float32) - np.float32(2**22)) * np.float32(2.0**-17)).astype(np.float32)


def test_exp2_is_pinned():
    x = some_logits() * np.float32(4)
    y = np.array([numerics.exp2(v) for v in x], np.float32)
    assert np.array_equal(y.view(np.int32), exp2_twin(x).view(np.int32))
    assert (
        hashlib.sha256(y.astype("<f4").tobytes()).hexdigest()
        == "d81fc6e5140dea9e2a246e7afd3c7355e8d1ba388c91b11a3201fec11e14d736"
    )


def test_exp2_at_its_ends():
    x = np.array([-1e30, -126.5, -126, -1, -0.0, 0, 0.5, -0.5, 1.5, 2.5, 127, 1e30], np.float32)
    y = np.array([numerics.exp2(v) for v in x], np.float32)
    assert np.array_equal(y, exp2_twin(x))
    assert y[0] == y[1] == y[2] == 2.0**-126 and y[5] == 1 and y[3] == 0.5 and y[-1] == y[-2] == 2.0**127


def test_exp2_is_accurate():
    x = np.linspace(-126, 127, 20001).astype(np.float32)
    y = np.array([numerics.exp2(v) for v in x], np.float64)
    assert np.abs(y / np.exp2(x.astype(np.float64)) - 1).max() < 1.1e-7


def test_softmax_weights_are_pinned():
    logits = some_logits()
    weights = np.empty(logits.size, np.int32)
    numerics.softmax_weights(logits, weights)
    scaled = exp2_twin((logits - logits.max()) * numerics.LOG2E) * np.float32(2**28)
    assert np.array_equal(weights, scaled.astype(np.int32) + 1)
    assert weights.max() == 2**28 + 1 and weights.min() >= 1
    assert (
        hashlib.sha256(weights.astype("<i4").tobytes()).hexdigest()
        == "4a4adbad9b560abc81cd54d8725c82055f31562e59884e876f2d70a9d3796658"
    )


def test_softmax_weights_of_every_length_and_peak_position():
    for n in range(1, 11):
        for peak in range(n):
            logits = np.full(n, -2.0, np.float32)
            logits[peak] = 3.0
            weights = np.empty(n, np.int32)
            numerics.softmax_weights(logits, weights)
            assert weights[peak] == 2**28 + 1 and (np.delete(weights, peak) < 2**28 * 0.0068).all()


def test_vectorised_loop_equals_single_calls():
    """The compiler may run the loop several elements at a time; each must come out as it does alone."""
    logits = some_logits()[:999]
    together = np.empty(logits.size, np.int32)
    numerics.softmax_weights(logits, together)
    peak = logits.max()
    for i in range(0, logits.size, 37):
        alone = np.empty(2, np.int32)
        numerics.softmax_weights(np.array([logits[i], peak], np.float32), alone)
        assert alone[0] == together[i]
