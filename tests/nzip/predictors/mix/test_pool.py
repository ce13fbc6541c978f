"""Mixes that are lent for one short text after the other code each as a whole one would."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import numpy as np
import pytest
from support import ROOT, cache_of_tables

from nzip.coding.binary import POSITION, STATE_SIZE, start_encoder
from nzip.exact import native
from nzip.predictors.mix import MixPredictor, primers
from nzip.predictors.mix.kernel import run
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.pool import ONCE, POOL, Pool
from nzip.predictors.mix.touched import is_told_by_text
from nzip.predictors.mix.warm_start import warm
from nzip.predictors.mix.words.dictionary import named

ALICE = (ROOT / "corpora" / "samples" / "alice29.txt").read_bytes()
NOTHING = np.zeros((0, 1, 0, 0), np.uint32)
# What a text changes that is small, and so compared whole.
MAPS = ("state_map", "match_map", "run_map", "weights", "final_weights", "lanes")
HISTORIES = ("history1", "history2")  # of plans that ask for them


def code(mix, data, first: int) -> bytes:
    coder, bits = np.zeros(STATE_SIZE, np.uint64), np.zeros((len(data) - first) * 22 + 4096, np.uint8)
    start_encoder(coder, len(bits))
    run(mix, data, np.array([len(data)], np.int64), len(data) - first, False, coder, bits, NOTHING)
    return bytes(bits[: int(coder[POSITION])]) + coder.tobytes()


@pytest.mark.parametrize("level", [0, 1, 3, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("coded", [False, True])
def test_a_lent_mix_codes_as_a_whole_one(level, coded, tmp_path, monkeypatch):
    """Texts of every kind one after the other, also such as match the primer, and noise; and habits."""
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path))
    own = primers.Primer(primers.USER, "small", ALICE[:20_000], b"1234")
    whole = primers.portion(own, level, named(1) if coded else None)
    noise = hashlib.shake_256(b"noise").digest(300)
    pool = Pool()
    with pool.held():
        for part in (ALICE[30_000:31_000], ALICE[500:1500], noise, b"a" * 300, b"x", ALICE[30_000:31_000]):
            for primer in (whole, whole._replace(habits=True)) if len(part) > 1 else (whole,):
                mix = warm(level, primer, [0], 0)
                data = np.frombuffer(primer.prefix + part, np.uint8).copy()
                expected = code(mix, data, len(primer.prefix))
                with pool.lent(level, primer, np.frombuffer(part, np.uint8)) as (lent, room, first):
                    assert bytes(room) == data.tobytes() and first == len(primer.prefix)
                    assert code(lent, room, first) == expected
                    names = MAPS if is_told_by_text(plan(level, primer.kind)) else MAPS + HISTORIES
                    assert all(np.array_equal(getattr(lent, name), getattr(mix, name)) for name in names)


def test_the_pool_changes_no_byte(primed_cache):
    """Short texts, one of them twice, some with habits or from nothing; at the level that tries, and not."""
    parts = [
        text[a : a + size]
        for text in (
            ALICE,
            Path(__file__).read_bytes(),
            b"Het was een mooie dag, en de zon scheen. " * 200,
        )
        for a, size in ((0, 900), (4000, 6000))
        if len(text) > a
    ]
    predictor = MixPredictor(1)
    alone = [predictor.encode(part) for part in parts]
    with POOL.open():
        assert [predictor.encode(part) for part in [*parts, *parts]] == alone * 2
        assert POOL.held_bytes > 0
    assert POOL.held_bytes == 0
    for part, (params, payload) in zip(parts, alone, strict=True):
        assert predictor.decode(params, payload, len(part)) == part


def test_what_encoding_needs_counts_the_pool(tmp_path, monkeypatch):
    """All that may be held between files, or for a moment; a primer of one's own is tried with nothing."""
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path))
    predictor, moment = MixPredictor(1), 128 << 20
    assert predictor.encoding_memory(1000) == predictor.memory(1000) + moment
    cold = MixPredictor(1, primed=False)
    assert cold.encoding_memory(1000) == cold.memory(1000)
    limit = 300 << 20
    with POOL.open(limit):
        assert predictor.encoding_memory(1000) == predictor.memory(1000) + limit
        for size in (900, 901):
            predictor.encode(ALICE[4000 : 4000 + size])
            assert POOL.held_bytes <= limit
    assert predictor.encoding_memory(1000) == predictor.memory(1000) + moment


def test_nothing_is_held_once_the_pool_is_closed(primed_cache):
    """Neither tables nor what calls know of them."""
    before = len(native._held)
    with POOL.open():
        MixPredictor(1).encode(ALICE[4000:4900])
        assert len(native._held) > before
    assert len(native._held) == before


def test_the_pool_keeps_its_limit_and_survives_a_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path))
    pool = Pool()
    made = [
        primers.portion(primers.Primer(primers.USER, "own", ALICE[:size], b"1234"), 1)
        for size in (3000, 3001, 3002)
    ]
    part = np.frombuffer(ALICE[5000:5100], np.uint8)
    assert Pool.takes(100) and not Pool.takes(0) and not Pool.takes(1 << 20)
    with pool.open(60 << 20):
        for primer in made * 2:
            with pool.lent(1, primer, part) as (mix, room, first):
                expected = code(mix, room, first)
            assert 0 < pool.held_bytes <= 60 << 20
        with pytest.raises(ZeroDivisionError), pool.lent(1, made[2], part) as (mix, _, _):
            mix.slots[:] = 1
            raise ZeroDivisionError
        with pool.lent(1, made[2], part) as (one, room, first), pool.lent(1, made[2], part) as (other, _, _):
            assert one.slots is not other.slots
            assert code(one, room, first) == expected
    assert pool.held_bytes == 0


def test_what_ways_of_coding_share_is_made_once():
    own, made = Pool(), []

    def make() -> int:
        made.append(1)
        return len(made)

    assert [own.once(("a",), make), own.once(("a",), make)] == [1, 2]
    with own.held():
        assert own.once(("a",), make) == 3
        with own.held():
            assert own.once(("a",), make) == 3
        assert own.once(("b",), make) == 4
        with own._holding(1 << 20):  # for many texts
            assert own.once(("a",), make) == 5
    assert own.once(("a",), make) == 6


def test_what_ways_share_is_little_where_somebody_always_holds_the_pool():
    own = Pool()
    with own.held():
        for number in range(3 * ONCE):
            assert own.once((number,), lambda number=number: number) == number
        assert len(own._once) == ONCE


def test_who_closes_the_pool_takes_nothing_from_who_makes_something():
    own = Pool()

    def make() -> int:
        holder.close()  # the last one, of another thread
        return 7

    holder = contextlib.ExitStack()
    holder.enter_context(own.held())
    assert own.once(("a",), make) == 7 and not own._once
