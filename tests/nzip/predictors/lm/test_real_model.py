"""SmolLM2-135M itself: pytest -m real_model, with the model fetched (nzip model fetch smollm2-135m)."""

from pathlib import Path

import numpy as np
import pytest

from nzip import pretrained
from nzip.exact import cpu
from nzip.predictors.llama.kv_cache import Cache
from nzip.predictors.lm.expert import LmExpert
from nzip.predictors.lm.predictor import LmPredictor
from nzip.predictors.lm.settings import Settings
from nzip.predictors.lm.source import load
from nzip.predictors.mix import MixPredictor

ALICE = Path(__file__).parents[4] / "corpora/samples/alice29.txt"

pytestmark = pytest.mark.real_model


@pytest.fixture(scope="module")
def model():
    return load(pretrained.fetch("smollm2-135m"))


def test_the_vocabulary(model):
    v = model.vocabulary
    assert v.size == 49152 and v.order[v.start] == 0
    assert [b for b in range(256) if bytes([b]) not in v._index] == [
        4,
        6,
        19,
        20,
        22,
        29,
        192,
        193,
        241,
        242,
        *range(245, 256),
    ]


def test_batches_steps_and_instruction_sets_agree(model):
    text = ALICE.read_bytes()[:600]
    tokens = np.concatenate([[model.vocabulary.start], model.vocabulary.encode(text)])
    engine = model.engine
    whole = engine.forward(Cache(engine.shape, 1, 64, len(tokens)), np.zeros(len(tokens), int), tokens)
    for isa in range(1, cpu.detect() + 1):
        engine.isa, before = isa, engine.isa
        try:
            cache = Cache(engine.shape, 1, 64, 1)
            for i, token in enumerate(tokens[:100]):
                assert engine.forward(cache, [0], [token]).tobytes() == whole[i].tobytes()
        finally:
            engine.isa = before


def test_sizes_and_round_trips(model):
    text = ALICE.read_bytes()[:4000]
    adapted = LmPredictor(Settings("smollm2-135m", lanes=2), model)
    params, payload = adapted.encode(text)
    assert len(payload) * 8 / len(text) < 1.45
    assert adapted.decode(params, payload, len(text)) == text
    mixed = MixPredictor(3, (LmExpert(Settings("smollm2-135m", lanes=2), model),))
    params, payload = mixed.encode(text)
    assert len(payload) * 8 / len(text) < 1.45
    assert mixed.decode(params, payload, len(text)) == text
