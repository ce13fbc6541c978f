"""The vector kernels against their portable twins, on random and extreme inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.exact import cpu
from nzip.exact.x86_softmax import HIDDEN
from nzip.predictors.llama import (
    attention_kernels,
    attention_softmax,
    kernels,
    quantised,
    rope,
    twin,
)
from nzip.predictors.llama.packed import aligned, padded_cols

FAST = [isa for isa in range(1, cpu.detect() + 1)]


def activations(rng, tokens, cols, extreme=False):
    x = (
        rng.choice([-1e9, 1e9, 0], (tokens, cols)) if extreme else rng.normal(size=(tokens, cols)) ** 3
    ).astype(np.float32)
    wide = padded_cols(cols)
    a, factors = aligned((tokens, wide), np.int8), aligned((tokens, wide // 32), np.uint32)
    sums, scale = aligned((tokens, wide // 32), np.int16), np.zeros(tokens, np.float32)
    kernels.quantise(x, tokens, a, factors, sums, scale)
    return x, a, factors, sums, scale


def matrix(rng, bits, rows, cols, extreme=False):
    if bits == 7:
        return quantised.from_floats(
            rng.choice([-1.0, 1.0], (rows, cols)) if extreme else rng.normal(size=(rows, cols))
        )
    codes = (
        rng.integers(0, 16, (rows, cols)).astype(np.uint8)
        if not extreme
        else np.full((rows, cols), 15, np.uint8)
    )
    d, m = rng.normal(size=(2, rows, cols // 32)).astype(np.float32)
    return quantised.from_codes4(codes, d, m)


@settings(max_examples=20)
@given(
    bits=st.sampled_from([4, 7]),
    tokens=st.integers(1, 19),
    rows=st.integers(1, 50),
    groups=st.integers(1, 7),
    seed=st.integers(0, 2**32),
    extreme=st.booleans(),
)
def test_products_are_equal_on_every_instruction_set_and_in_the_twin(
    bits, tokens, rows, groups, seed, extreme
):
    rng = np.random.default_rng(seed)
    q = matrix(rng, bits, rows, groups * 32, extreme)
    x, *act = activations(rng, tokens, groups * 32, extreme)
    packed = quantised.pack([q])
    outs = []
    for isa in (cpu.PORTABLE, *FAST):
        out = aligned((tokens, packed.rs.shape[1]), np.float32)
        kernels.matmul(
            isa,
            bits,
            packed.codes[0],
            packed.d[0],
            packed.m[0],
            packed.rs[0],
            *act,
            tokens,
            out,
            0,
            packed.codes.shape[1],
        )
        outs.append(out[:, :rows].tobytes())
    expected = np.array([twin.matvec(q, row) for row in x], np.float32)
    assert set(outs) == {expected.tobytes()}


@settings(max_examples=20)
@given(
    count=st.integers(1, 27),
    head=st.sampled_from([16, 32, 48, 64, 128]),
    first=st.integers(0, 3),
    blocks=st.integers(0, 9),
    seed=st.integers(0, 2**32),
)
def test_scores_and_values_are_equal_on_every_instruction_set(count, head, first, blocks, seed):
    rng = np.random.default_rng(seed)
    slots = (first + blocks) * 16
    keys = rng.integers(-127, 128, (first + blocks, head // 2, 16, 2)).astype(np.int8)
    values = rng.integers(-127, 128, (slots // 2, head, 2)).astype(np.int8)
    queries = rng.integers(-32000, 32001, (count, head)).astype(np.int16)
    weights = rng.integers(0, 8192, (count, slots)).astype(np.int16)
    # Plain NumPy: keys by slot, values by slot.
    by_slot = keys.transpose(0, 2, 1, 3).reshape(slots, head).astype(np.int64)
    expected_scores = queries.astype(np.int64) @ by_slot[first * 16 :].T
    v = values.transpose(0, 2, 1).reshape(slots, head).astype(np.int64)
    expected_values = weights[:, first * 16 :].astype(np.int64) @ v[first * 16 :]
    for isa in (cpu.PORTABLE, *FAST):
        score, out = np.zeros((count, slots), np.int32), np.zeros((count, head), np.int32)
        attention_kernels.scores(isa, keys, first, first + blocks, queries, count, score)
        attention_kernels.add_values(isa, values, first * 8, (first + blocks) * 8, weights, count, out)
        assert (score[:, first * 16 :] == expected_scores).all() and not score[:, : first * 16].any()
        assert (out == expected_values).all()


@settings(max_examples=20)
@given(
    blocks=st.integers(1, 20),
    seed=st.integers(0, 2**32),
    spread=st.sampled_from([0.0, 1.0, 30.0, 1e6, 1e29]),
    query=st.integers(0, 4),
    ahead=st.booleans(),
)
def test_exponentials_are_equal_on_every_instruction_set(blocks, seed, spread, query, ahead):
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.normal(size=16 * blocks) * spread, -1e29, 1e29).astype(np.float32)
    top = scores.max()
    scores[rng.random(scores.size) < 0.2] = HIDDEN
    scales = rng.choice([0.0, 1e-25, 0.01, 1e13], scores.size).astype(np.float32)
    lines = np.zeros(64 * scores.size, np.uint8)
    found = []
    for isa in (cpu.PORTABLE, *FAST):
        e, sums = scores.copy(), np.zeros(2, np.int32)
        attention_softmax.exponentials(isa, e, top, scales, query, lines.ctypes.data if ahead else 0, sums)
        found.append((e.tobytes(), sums.tobytes()))
    assert len(set(found)) == 1
    exact = np.exp2(np.float64(scores) - np.float64(top)) * (scores > HIDDEN)
    assert abs(sums[0] - (exact * 2**15).sum()) <= 0.51 * scores.size and sums[1] == e.view(np.int32).max()


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=64, max_size=64))
def test_activations_are_the_twins_and_close(values):
    x = np.array([values], np.float32)
    a, factors, sums, scale = (
        np.zeros((1, 64), np.int8),
        np.zeros((1, 2), np.uint32),
        np.zeros((1, 2), np.int16),
        np.zeros(1, np.float32),
    )
    kernels.quantise(x, 1, a, factors, sums, scale)
    codes, twin_factors, twin_sums, twin_scale = twin.quantise(x[0])
    assert (
        (a[0] == codes).all()
        and (factors[0] == twin_factors * 65537).all()
        and (sums[0] == twin_sums).all()
        and scale[0] == twin_scale
    )
    back = a[0].reshape(2, 32).astype(np.int64) * twin_factors[:, None] * np.float64(scale[0])
    tame = np.clip(x[0].astype(np.float64), -1e15, 1e15).reshape(2, 32)
    # Half a step of the group's own grid, which is at most its own peak over 127 wide, or the token's over
    # 127 * 8 at worst.
    step = np.maximum(np.abs(tame).max(1) / 127 + np.abs(tame).max() / (127 * 8), 1e-24)
    assert (np.abs(back - tame) <= 0.51 * step[:, None] + 1e-24).all()


def test_angles_are_those_of_libm():
    steps = rope.phase_steps(100000.0, 64)
    for position in (0, 1, 2, 1000, 2047, 123456, 10**7):
        cos, sin = np.zeros(32, np.float32), np.zeros(32, np.float32)
        rope.angles(steps, position, cos, sin)
        angle = position * 100000.0 ** (-np.arange(32) / 32)
        assert np.abs(cos - np.cos(angle)).max() < 1e-6 and np.abs(sin - np.sin(angle)).max() < 1e-6


def test_phase_steps_are_pinned():
    """They decide every rotation; decimal must give these on every machine."""
    assert rope.phase_steps(100000.0, 64)[:3].tolist() == PINNED


PINNED = [2935890503282001226, 2048754186989806250, 1429683332541196458]


@pytest.mark.parametrize("bits", [4, 7])
def test_quantised_matrices_are_close_to_their_floats(bits):
    rng = np.random.default_rng(1)
    if bits == 7:
        w = rng.normal(size=(20, 64)).astype(np.float32)
        q = quantised.from_floats(w)
    else:
        codes, d, m = (
            rng.integers(0, 16, (20, 64)).astype(np.uint8),
            rng.normal(size=(20, 2)).astype(np.float32),
            rng.normal(size=(20, 2)).astype(np.float32),
        )
        w = (codes.reshape(20, 2, 32) * d[:, :, None] + m[:, :, None]).reshape(20, 64)
        q = quantised.from_codes4(codes, d, m)
    assert np.abs(q.dequantise() - w).max() < 0.05 * np.abs(w).max()
    assert np.corrcoef(q.dequantise().ravel(), w.ravel())[0, 1] > 0.999
