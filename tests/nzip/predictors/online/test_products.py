"""The online network's products against NumPy, term by term in the written order: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from small_experts import random_weights

from nzip.predictors.online import kernel, network, products
from nzip.predictors.online.twin import _bend, _near, _outer, _product

F = np.float32
HALF, ONE = F(0.5), F(1)


def _some(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F)


@pytest.mark.parametrize(("inputs", "outputs"), [(44, 64), (64, 192), (16, 256)])
def test_forward_is_the_sum_of_the_nearest_in_rising_order(inputs, outputs):
    weight, x = _some(inputs, outputs), _some(inputs)
    tiles, out = np.zeros((outputs // 64, inputs // 2, 64), np.int32), np.ones(outputs, F)
    products.near(weight, tiles)
    products.forward(tiles, x, out)
    assert (out == _product(x, _near(weight))).all()


@pytest.mark.parametrize("span", [8, 16, 32])
@pytest.mark.parametrize(("inputs", "outputs"), [(44, 64), (64, 192)])
def test_backward_and_learning_are_the_twin_s(inputs, outputs, span):
    weight, x, dy = _some(inputs, outputs), _some(span, inputs), _some(span, outputs)
    m, v = _some(inputs, outputs) * F(0.1), _some(inputs, outputs) ** 2
    across, dx = np.zeros((max(inputs, outputs), span), F), np.zeros((inputs, span), F)
    products.transpose(dy, across[:outputs])
    assert (across[:outputs] == dy.T).all()
    products.backward(weight, across[:outputs], dx)
    assert (dx.T == _product(dy, weight.T)).all()

    rate, first, second = F(1e-2), F(3), F(7)
    g = _outer(list(x), dy)
    m_then = products.BETA1 * m + (ONE - products.BETA1) * g
    v_then = products.BETA2 * v + (ONE - products.BETA2) * (g * g)
    then = weight - rate * (m_then * first / (np.sqrt(v_then * second) + products.EPSILON))
    tiles, expected = (np.zeros((outputs // 64, inputs // 2, 64), np.int32) for _ in range(2))
    products.learn(weight, tiles, m, v, x, dy, across, rate, first, second)
    assert (weight == then).all() and (m == m_then).all() and (v == v_then).all()
    products.near(then, expected)
    assert (tiles == expected).all()
    both = tiles.swapaxes(0, 1).reshape(-1, outputs)
    assert (both << 16 == _near(then)[::2].view(np.int32)).all()
    assert (both & np.int32(-65536) == _near(then)[1::2].view(np.int32)).all()


def test_gates_back_are_the_twin_s():
    run = network.new_run(random_weights(3), (1e-3, 1e-2), span=8)
    width, span = run.x.size, 8
    run.pre[0], run.h[0] = _some(span, 3 * width) * F(3), _some(span + 1, width)
    dy, carry = _some(width, span), np.ones(width, F)
    kernel._scan_back(run, 0, dy, carry, run.wide)
    carried = np.zeros(width, F)
    for t in range(span - 1, -1, -1):
        a, c, o = run.pre[0, t].reshape(3, width)
        d, before, after = dy[:, t], run.h[0, t], run.h[0, t + 1]
        ra, rc, ro = _bend(a), _bend(c), _bend(o)
        z, g = HALF + HALF * (a * ra), HALF + HALF * (o * ro)
        dh = carried + d * o * g
        own = run.wide[t].reshape(3, width)
        assert (own[0] == dh * (c * rc - before) * (HALF * (ra * (ra * ra)))).all()
        assert (own[1] == dh * z * (rc * (rc * rc))).all()
        assert (own[2] == d * after * (g + HALF * o * (ro * (ro * ro)))).all()
        carried = dh * (ONE - z)
    assert (carry == carried).all()


def test_arrays_begin_at_cache_lines():
    run = network.new_run(None, (1e-3, 1e-2), span=8)
    assert all(array.ctypes.data % 64 == 0 for array in run if isinstance(array, np.ndarray))
    assert not run.mix_m.any() and not run.tables_v.any() and run.mix.any()
