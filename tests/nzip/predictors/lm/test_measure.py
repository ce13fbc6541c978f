"""Measuring a bare model: both ways of giving context, against sums taken position by position."""

import numpy as np
import pytest
import tiny_llama

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from nzip.predictors.lm.measure import measure
from nzip.predictors.lm.source import load
from nzip.predictors.transformer.engine import Cache

TEXT = b"the thing is another thing, \xf5 and \xc3\xa9 in the end.\n" * 5


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(tiny_llama.write_gguf(tmp_path_factory.mktemp("measure") / "tiny.gguf", "Q8_0"))


def by_position(model, tokens, starts, window):
    """Token i predicted by a fresh lane that reads from starts[i]."""
    sequence = np.concatenate([[model.vocabulary.start], tokens])
    bits = 0.0
    for i, token in enumerate(tokens):
        part = sequence[starts[i] : i + 1]
        cache = Cache(model.engine.shape, 1, window, len(part))
        row = model.engine.logits(model.engine.forward(cache, np.zeros(len(part), int), part)[-1:])[0, : model.vocabulary.size]
        row = row.astype(np.float64)
        bits -= np.log2(np.exp(row[token]) / np.exp(row).sum())
    return bits


def test_both_protocols(model):
    symbols = model.vocabulary.encode(TEXT)
    tokens = symbols[symbols < model.vocabulary.size]
    escapes = len(symbols) - len(tokens)
    assert escapes == 5
    block, stride = 30, 8
    starts = [0 if i < block else -(-(i + 1 - block) // stride) * stride for i in range(len(tokens))]
    got = measure(model, TEXT, block=block, stride=stride)
    assert got.bits == pytest.approx(by_position(model, tokens, starts, block) + 8 * escapes, rel=1e-6)
    slid = measure(model, TEXT, window=20)
    assert slid.bits == pytest.approx(by_position(model, tokens, [0] * len(tokens), 20) + 8 * escapes, rel=1e-6)
    assert (got.bytes, got.characters, got.tokens) == (len(TEXT), len(TEXT) - 5, len(symbols))
    assert got.bits_per_byte == got.bits / len(TEXT)


def test_edges(model):
    assert measure(model, b"").bits_per_byte == measure(model, b"").bits_per_token == 0
    with pytest.raises(ValueError, match="stride"):
        measure(model, b"x", block=4, stride=5)
