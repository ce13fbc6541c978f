"""Mixes that are lent for one short text after the other code each as if they were fresh."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from support import ROOT

from nzip.coding.binary import POSITION, STATE_SIZE, start_encoder
from nzip.predictors.mix import MixPredictor, primers, undo
from nzip.predictors.mix.kernel import run
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.pool import POOL, Pool
from nzip.predictors.mix.primer_snapshot import hash_of
from nzip.predictors.mix.warm_start import fresh_lanes, warm
from nzip.predictors.mix.words.dictionary import named

ALICE = (ROOT / "corpora" / "samples" / "alice29.txt").read_bytes()
NOTHING = np.zeros((0, 1, 0, 0), np.uint32)


def code(mix, data, first: int) -> bytes:
    coder, bits = np.zeros(STATE_SIZE, np.uint64), np.zeros((len(data) - first) * 22 + 4096, np.uint8)
    start_encoder(coder, len(bits))
    run(mix, data, np.array([len(data)], np.int64), len(data) - first, False, coder, bits, NOTHING)
    return bytes(bits[: int(coder[POSITION])]) + coder.tobytes()


@pytest.mark.parametrize("level", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("coded", [False, True])
def test_what_a_text_changes_is_put_back(level, coded):
    """Tables bit for bit, after texts of every kind, also such as match the primer, and noise."""
    text = ALICE
    own = primers.Primer(primers.USER, "small", text[:20_000], b"1234")
    primer = primers.portion(own, level, named(1) if coded else None)
    mix = warm(level, primer, [0], 0, keep=False)
    kept, before, first = undo.Undo(mix), hash_of(mix), len(primer.prefix)
    noise = hashlib.shake_256(b"noise").digest(700)
    found = []
    for part in (text[30_000:32_000], text[500:3000], noise, b"a" * 300, b"x", text[30_000:32_000]):
        data = np.frombuffer(primer.prefix + part, np.uint8).copy()
        lanes = fresh_lanes([first], plan(level, primer.kind).warm_rate)
        lent = kept.begin(lanes, data, len(part))
        assert hash_of(lent) == before
        found.append(code(lent, data, first))
        assert hash_of(mix) != before or len(part) < 2
        kept.end()
        assert hash_of(mix) == before
    assert found[0] == found[-1]


def test_the_pool_changes_no_byte(primed_cache):
    """Short texts, one of them twice, some with habits or from nothing; at the level that tries, and not."""
    parts = [
        text[a : a + size]
        for text in (
            ALICE,
            Path(__file__).read_bytes(),
            b"Het was een mooie dag, en de zon scheen. " * 200,
        )
        for a, size in ((0, 900), (4000, 3000))
        if len(text) > a
    ]
    predictor = MixPredictor(1)
    alone = [predictor.encode(part) for part in parts]
    with POOL.open():
        assert [predictor.encode(part) for part in [*parts, *parts]] == alone * 2
        assert POOL._held > 0
    assert POOL._held == 0 and not POOL._free
    for part, (params, payload) in zip(parts, alone, strict=True):
        assert predictor.decode(params, payload, len(part)) == part


def test_the_pool_keeps_its_limit_and_no_mix_that_failed():
    text = ALICE
    pool = Pool()
    made = [
        primers.portion(primers.Primer(primers.USER, "own", text[:size], bytes([size & 255]) * 4), 1)
        for size in (3000, 3001, 3002)
    ]
    part = np.frombuffer(text[5000:5100], np.uint8)
    assert not pool.is_open_for(100)
    with pool.open(100 << 20):
        assert pool.is_open_for(100) and not pool.is_open_for(0) and not pool.is_open_for(1 << 20)
        for primer in made * 2:
            with pool.lent(1, primer, part):
                pass
            assert 0 < pool._held <= 100 << 20
        held = pool._held
        with pytest.raises(ZeroDivisionError), pool.lent(1, made[2], part) as (mix, _, _):
            mix.slots[:] = 1
            raise ZeroDivisionError
        assert pool._held < held
        with pool.lent(1, made[2], part) as (mix, _, _):
            assert not (mix.slots == 1).all()
        with pool.lent(1, made[2], part) as (one, _, _), pool.lent(1, made[2], part) as (other, _, _):
            assert one.slots is not other.slots
