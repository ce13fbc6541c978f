"""Every level, kind and size round-trips; damaged blocks give other bytes or one clean error."""

from __future__ import annotations

import itertools

import mix_samples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip import codec
from nzip.errors import CorruptError, ModelMismatchError, NzipError
from nzip.predictors.kinds import KIND_NAMES, TEXT, Content
from nzip.predictors.mix.constants import PRIMED_SIZE
from nzip.predictors.mix.intrinsics import VECTOR
from nzip.predictors.mix.model import MixPredictor
from nzip.predictors.mix.params import Descriptor
from nzip.predictors.mix.plan import LEVELS, plan
from nzip.predictors.mix.sizes import input_width, match_bits, slot_bytes
from nzip.predictors.mix.state import LINE, build

COLD = {level: MixPredictor(level, primed=False) for level in LEVELS}


def round_trip(level: int, data: bytes) -> int:
    params, payload = COLD[level].encode(data)
    assert COLD[level].decode(params, payload, len(data)) == data
    return len(payload)


@pytest.mark.parametrize("kind", mix_samples.KINDS)
@pytest.mark.parametrize("level", LEVELS)
def test_every_kind_becomes_smaller(level, kind):
    data = mix_samples.sample(kind, 5000, seed=31)
    assert round_trip(level, data) < len(data) * (0.75 if kind != "audio" else 0.95)


@pytest.mark.parametrize("level", [1, 3])
@pytest.mark.parametrize("size", [0, 1, 2, 15, 16, 17, 63, 64, 65, 255, 256, 4095, 4096, 32767, 32768, 32769])
def test_sizes_at_the_edges(level, size):
    round_trip(level, (mix_samples.text(5000, seed=32) * 8)[:size])


@pytest.mark.parametrize("level", LEVELS)
def test_repeats_cost_next_to_nothing(level):
    data = mix_samples.text(1500, seed=33)
    assert round_trip(level, data * 9) < 1.2 * round_trip(level, data)
    assert round_trip(level, bytes(40_000)) < 60


@pytest.mark.parametrize("size", [1, 50_000, PRIMED_SIZE])
def test_large_tables_begin_with_a_cache_line(size):
    """Else every group of four slots lies in two lines, which costs up to a tenth of the speed."""
    mix = build(plan(5, TEXT), size, 0, 1, [0])
    assert [getattr(mix, name).ctypes.data % LINE for name in ("slots", "direct", "runs", "weights")] == [
        0
    ] * 4


@settings(max_examples=60)
@given(
    st.sampled_from(LEVELS[:3]),
    st.binary(max_size=400) | st.text(max_size=200).map(lambda s: s.encode("utf-8", "surrogatepass")),
)
def test_any_bytes(level, data):
    round_trip(level, data)


@settings(max_examples=60)
@given(st.sampled_from(mix_samples.KINDS), st.binary(max_size=300), st.integers(0, 1 << 30))
def test_any_bytes_behind_a_header(kind, noise, cut):
    data = mix_samples.sample(kind, 100) + noise
    round_trip(1, data[: 1 + cut % len(data)])


def test_higher_levels_are_smaller():
    text = mix_samples.text(30_000, seed=34)
    sizes = [round_trip(level, text) for level in (1, 3, 5)]
    assert all(b <= 1.003 * a for a, b in itertools.pairwise(sizes)) and sizes[-1] < sizes[0]


@pytest.mark.parametrize("kind", range(len(KIND_NAMES)))
@pytest.mark.parametrize("level", LEVELS)
def test_params_of_every_kind_decode_something(level, kind):
    """Parameters that no encoder of ours would choose are within bounds all the same."""
    for stride, pixel in ((0, 1), (1, 1), (1, 16), (65536, 16), (7, 3), (3, 7)):
        params = Descriptor(Content(kind, stride, pixel)).pack(False)
        back = COLD[level].decode(params, b"\x5a" * 40, 150)
        assert len(back) == 150


BLOCK = COLD[1].encode(mix_samples.sample("image", 900, seed=35))


@settings(max_examples=300)
@given(st.binary(max_size=14) | st.tuples(st.integers(0, 6), st.integers(0, 255)))
def test_damaged_params(damage):
    params, payload = BLOCK
    if isinstance(damage, tuple):
        at, value = damage
        damage = params[:at] + bytes([value]) + params[at + 1 :]
    try:
        back = COLD[1].decode(damage, payload, 900)
    except NzipError as error:  # they may name a primer, and pin another
        assert isinstance(error, CorruptError | ModelMismatchError) and "\n" not in str(error)
    else:
        assert len(back) == 900


@settings(max_examples=150)
@given(st.binary(max_size=60), st.integers(0, 500), st.booleans(), st.integers(1, 2000))
def test_damaged_payloads(noise, at, cut, size):
    params, payload = BLOCK
    damaged = payload[:at] + noise + (b"" if cut else payload[at + len(noise) :])
    assert len(COLD[1].decode(params, damaged, size)) == size


def test_noise_is_stored():
    noise = b"".join(n.to_bytes(4, "little") for n, _ in zip(mix_samples.numbers(5), range(5000)))
    for level in (1, 3):
        block = codec.encode_block(COLD[level], noise)
        assert block.method == codec.STORED and block.payload == noise


def test_unknown_levels_are_refused():
    for level in (-1, 6, "3", None):
        with pytest.raises(ValueError, match="0 to 5"):
            MixPredictor(level)
    for lanes in (0, 257, -1):
        with pytest.raises(ValueError, match="lanes"):
            MixPredictor(1, lanes=lanes)


@pytest.mark.parametrize("kind", range(len(KIND_NAMES)))
@pytest.mark.parametrize("level", LEVELS)
def test_plans_fit_the_kernel(level, kind):
    """What the kernel takes for granted: it checks nothing."""
    for stride in (0, 100):
        chosen = plan(level, kind, stride)
        assert 1 <= len(chosen.recipes) <= 128 and all(1 <= len(r) <= 3 for r in chosen.recipes)
        assert 1 <= len(chosen.sets) <= 15 and len(chosen.matches) in (
            1,
            2,
        )  # an expert's set comes on top of 15
        assert all(1 <= minimum <= 24 for minimum in chosen.matches)
        assert (
            0 <= chosen.hits[0] <= chosen.hits[1] <= len(chosen.recipes)
            and chosen.hits[1] - chosen.hits[0] < 256
        )
        assert chosen.rate_min <= chosen.rate and 1 <= chosen.state_limit <= 1023
        assert input_width(chosen, 3) % VECTOR == 0
        for size in (0, 1, 100, PRIMED_SIZE, 1 << 30):
            slots = slot_bytes(chosen, size)
            assert (
                slots % 64 == 0
                and 1 << 16 <= slots <= chosen.slot_bytes <= 1 << 30
                and 12 <= match_bits(size) <= 22
            )
