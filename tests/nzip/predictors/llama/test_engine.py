"""The engine gives the same bits in every way it can be run, and they are the twin's."""

import numpy as np
import pytest
import tiny_llama

pytest.importorskip("gguf")

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.exact import cpu
from nzip.predictors.llama import gguf_loader, twin
from nzip.predictors.llama.engine import Engine
from nzip.predictors.llama.kv_cache import Cache

ISAS = range(cpu.detect() + 1)


def weights_of(path):
    return gguf_loader.load_weights(gguf_loader.open_gguf(path), str(path))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The tiny model in every quantisation."""
    folder = tmp_path_factory.mktemp("tiny")
    return {
        kind: weights_of(tiny_llama.write_gguf(folder / f"{kind}.gguf", kind))
        for kind in tiny_llama.GGUF_KINDS
    }


@pytest.fixture(scope="module")
def tokens():
    return np.random.default_rng(3).integers(0, len(tiny_llama.vocabulary()[0]), 70)


def run(engine, tokens, window, chunk, lanes=1, lane=0):
    cache = Cache(engine.shape, lanes, window, chunk)
    return np.concatenate(
        [
            engine.forward(cache, np.full(len(tokens[i : i + chunk]), lane), tokens[i : i + chunk])
            for i in range(0, len(tokens), chunk)
        ]
    )


@pytest.mark.parametrize("kind", tiny_llama.GGUF_KINDS)
def test_every_quantisation_equals_the_twin_on_every_instruction_set(weights, tokens, kind):
    expected = twin.forward(weights[kind], tokens[:40], 20)
    logits = twin.logits(weights[kind], expected[:9])
    for isa in ISAS:
        engine = Engine(weights[kind], isa)
        hidden = run(engine, tokens[:40], 20, 9)
        assert hidden.tobytes() == expected.tobytes()
        assert engine.logits(hidden[:9])[:, : engine.vocabulary].tobytes() == logits.tobytes()
        assert not engine.logits(hidden[:1])[:, engine.vocabulary :].any()


@pytest.mark.parametrize("window", [8, 12, 33, 64, 256])
def test_chunks_and_windows_equal_the_twin(weights, tokens, window):
    """Window position: the ring wraps several times in the short ones and the sinks detach."""
    expected = twin.forward(weights["Q4_1"], tokens, window)
    engine = Engine(weights["Q4_1"])
    for chunk in (1, 5, 8, 70):
        assert run(engine, tokens, window, chunk).tobytes() == expected.tobytes()


@settings(max_examples=15)
@given(st.data())
def test_any_mixture_of_lanes_in_a_batch_gives_each_lane_its_own_bits(data):
    engine, alone, texts = test_any_mixture_of_lanes_in_a_batch_gives_each_lane_its_own_bits.made
    cache = Cache(engine.shape, 3, 16, 6)
    done = [0, 0, 0]
    while any(done[lane] < 24 for lane in range(3)):
        order = data.draw(st.permutations(range(3)))
        batch = []
        for lane in order:
            count = data.draw(st.integers(0, min(6, 24 - done[lane])))
            batch += [(lane, texts[lane][done[lane] + i]) for i in range(count)]
        if not batch:
            lane = min(range(3), key=done.__getitem__)
            batch = [(lane, texts[lane][done[lane]])]
        lanes, tokens = map(np.array, zip(*batch))
        hidden = engine.forward(cache, lanes, tokens)
        for i, lane in enumerate(lanes):
            assert hidden[i].tobytes() == alone[lane][done[lane]].tobytes()
            done[lane] += 1


@pytest.fixture(scope="module", autouse=True)
def _lanes_example(weights):
    engine = Engine(weights["Q4_0"])
    texts = np.random.default_rng(5).integers(0, engine.vocabulary, (3, 24))
    alone = [run(engine, t, 16, 24) for t in texts]
    test_any_mixture_of_lanes_in_a_batch_gives_each_lane_its_own_bits.hypothesis.inner_test.made = (
        engine,
        alone,
        texts,
    )
    test_any_mixture_of_lanes_in_a_batch_gives_each_lane_its_own_bits.made = (engine, alone, texts)


def test_threads_share_an_engine_and_a_cache(weights):
    engine = Engine(weights["Q8_0"])
    texts = np.random.default_rng(6).integers(0, engine.vocabulary, (8, 50))
    alone = [run(engine, t, 24, 10) for t in texts]
    cache = Cache(engine.shape, 8, 24, 10)

    def work(lane):
        return np.concatenate(
            [engine.forward(cache, np.full(10, lane), texts[lane][i : i + 10]) for i in range(0, 50, 10)]
        )

    with ThreadPoolExecutor(4) as pool:
        for got, expected in zip(pool.map(work, range(8)), alone):
            assert got.tobytes() == expected.tobytes()


def test_a_model_that_explodes_is_the_same_garbage_everywhere(weights, tokens):
    """Weights so large that float32 would overflow and sums wrap: the clamps hold, and the twin agrees."""
    import copy

    wild = copy.copy(weights["Q4_1"])
    wild.norms = wild.norms * np.float32(1e30)
    with np.errstate(all="ignore"):
        expected = twin.forward(wild, tokens[:12], 16)
    for isa in ISAS:
        got = run(Engine(wild, isa), tokens[:12], 16, 5)
        assert got.tobytes() == expected.tobytes()
        assert np.isfinite(got).all()


@pytest.mark.parametrize(("kind", "least"), [("F32", 0.99), ("Q8_0", 0.99), ("Q4_1", 0.75)])
def test_close_to_an_independent_float_model(weights, tokens, kind, least):
    """Against a float64 Llama written for the tests, past the point where the sinks detach. (Random weights
    leave attention peaky, so that 4-bit weights tell.)"""
    expected = tiny_llama.float_logits(0, tokens[:40], 16)
    engine = Engine(weights[kind])
    got = engine.logits(run(engine, tokens[:40], 16, 40))[:, : engine.vocabulary]
    assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] > least


def test_wrong_arguments_are_refused(weights):
    engine = Engine(weights["Q4_0"])
    cache = Cache(engine.shape, 2, 16, 2)
    for lanes, tokens in (([0], [10**6]), ([2], [0]), ([0, 0, 0], [1, 1, 1]), ([0, 1, 0], [1, 1, 1])):
        with pytest.raises(ValueError):
            engine.forward(cache, lanes, tokens)
    with pytest.raises(ValueError, match="8 to 32768"):
        Cache(engine.shape, 1, 4)
