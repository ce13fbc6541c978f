"""``transformer:PATH``: conformance, equal answers in batch and lock step, the torch network it came from, bad files."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
from small_experts import TEXT

from nzip import testing
from nzip.errors import NzipError
from nzip.predictors import registry
from nzip.predictors.mix import MixPredictor
from nzip.predictors.transformer.engine import Cache
from nzip.predictors.transformer.expert import WINDOW, Model, TransformerExpert
from nzip.predictors.transformer.model import Shape

SHAPE = Shape(layers=2, width=64, heads=2, kv_heads=2, head_size=32, hidden=96, vocabulary=256, theta=10000.0, eps=1e-5)


def network(seed: int = 3):
    torch = pytest.importorskip("torch")
    from nzip.training.transformer import Llama

    torch.manual_seed(seed)
    net = Llama(SHAPE, half=False)
    with torch.no_grad():
        net.head *= 5
    return net


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    pytest.importorskip("torch")
    from nzip.training.transformer import export

    path = tmp_path_factory.mktemp("transformer") / "tiny.expert"
    path.write_bytes(export(network(), {"seed": 3}))
    return str(path)


@pytest.fixture(scope="module")
def model(path) -> Model:
    return Model(path)


@pytest.mark.parametrize("check", testing.EXPERT_CHECKS, ids=lambda check: check.__name__)
def test_conformance(path, check):
    check(functools.partial(TransformerExpert, path))


def test_it_is_the_network_that_was_trained(model):
    """Rotary positions, norms and gates as in torch; int8 activations and 7-bit weights move a share a little."""
    import torch

    data = np.frombuffer(TEXT[:200], np.uint8)
    with torch.no_grad():
        logits = network()(torch.from_numpy(data[None].astype(np.int64)), None, None)[0]
    cache = Cache(model.engine.shape, 1, WINDOW, len(data))
    own = model.engine.logits(model.engine.forward(cache, np.zeros(len(data), np.int64), data.astype(np.int64)))[:, :256]
    error = np.abs(own - logits.numpy()).mean(1) / np.abs(logits.numpy()).mean(1)
    # A wrong rotation would show from the second byte on, and grow.
    assert error[0] < 0.05 and error.max() < 0.06


@pytest.mark.parametrize("lanes", [None, 3])
def test_mix_with_it_round_trips(model, lanes):
    predictor = MixPredictor(1, (TransformerExpert("tiny.expert", model),), lanes=lanes, primed=False)
    params, payload = predictor.encode(TEXT)
    assert predictor.decode(params, payload, len(TEXT)) == TEXT


def test_lanes_grow_with_the_block(model):
    expert = TransformerExpert("tiny.expert", model)
    assert [expert.lanes_for(n) for n in (0, 1, 10**5, 10**7)] == [1, 1, 2, 4]


def test_bad_files_are_one_clear_line(tmp_path):
    path = tmp_path / "bad.expert"
    with pytest.raises(NzipError, match="no transformer ships"):
        registry.create("mix:1+transformer")
    for damage in (b"", b"text", (2).to_bytes(8, "little") + b"{}", (1 << 40).to_bytes(8, "little")):
        path.write_bytes(damage)
        with pytest.raises(NzipError) as caught:
            registry.create(f"mix:1+transformer:{path}")
        assert "\n" not in str(caught.value)
        registry.create.cache_clear()
    header = json.dumps({"__metadata__": {"nzip": json.dumps({"shape": vars(SHAPE) | {"vocabulary": 300}, "made": {}})}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(NzipError, match="256 bytes"):
        registry.create(f"mix:1+transformer:{path}")
