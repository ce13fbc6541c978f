"""Measuring a bare model: both ways of giving context, against sums taken position by position."""

import json

import numpy as np
import pytest
import tiny_llama

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from nzip.predictors.llama.kv_cache import Cache
from nzip.predictors.lm.measure import by_windows, measure
from nzip.predictors.lm.source import load

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
        row = model.engine.logits(model.engine.forward(cache, np.zeros(len(part), int), part)[-1:])[
            0, : model.vocabulary.size
        ]
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
    assert slid.bits == pytest.approx(
        by_position(model, tokens, [0] * len(tokens), 20) + 8 * escapes, rel=1e-6
    )
    assert (got.bytes, got.characters, got.tokens) == (len(TEXT), len(TEXT) - 5, len(symbols))
    assert got.bits_per_byte == got.bits / len(TEXT)


def test_edges(model):
    assert measure(model, b"").bits_per_byte == measure(model, b"").bits_per_token == 0
    with pytest.raises(ValueError, match="stride"):
        measure(model, b"x", block=4, stride=5)


def test_the_protocol_counts_every_token_once():
    for tokens, block, stride in ((0, 5, 5), (1, 5, 2), (5, 5, 2), (17, 5, 2), (40, 10, 10), (41, 10, 1)):
        seen = []

        def costs(start, end, skip, block=block, stride=stride, tokens=tokens, seen=seen):
            assert end - start <= block and start % stride == 0 and 0 <= skip < end - start
            assert start == 0 or end - start == block or end == tokens
            seen.extend(range(start + skip, end))
            return float(end - start - skip)

        assert by_windows(tokens, block, stride, costs) == tokens
        assert seen == list(range(tokens))


def test_the_command_line(nzip_cli, tmp_path):
    path = tiny_llama.write_gguf(tmp_path / "tiny.gguf", "Q8_0")
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    files[0].write_bytes(TEXT)
    files[1].write_bytes(b"another thing")
    command = (
        "measure",
        "--predictor",
        f"lm:{path}",
        "--protocol",
        "windows",
        "--window",
        "30",
        "--stride",
        "8",
    )
    found = json.loads(nzip_cli(*command, "--json", *map(str, files)).out)
    wanted = measure(load(path), TEXT, block=30, stride=8)
    assert found["exact"] is True and (found["block"], found["stride"]) == (30, 8)
    assert found["files"][0]["bits_per_character"] == pytest.approx(wanted.bits_per_character)
    assert found["total"]["tokens"] == wanted.tokens + measure(load(path), b"another thing").tokens
    table = nzip_cli(*command, str(files[0]))
    assert table.code == 0 and f"{wanted.bits_per_token:.4f}".encode() in table.out
    sliding = json.loads(
        nzip_cli(
            "measure", "--predictor", f"lm:{path},window=20", "--protocol", "sliding", "--json", str(files[0])
        ).out
    )
    assert sliding["total"]["bits_per_byte"] == pytest.approx(
        measure(load(path), TEXT, window=20).bits_per_byte
    )
    for wrong in (
        ("--predictor", "mix:1", "--protocol", "windows"),
        (*command[1:], "--window", "5"),
        ("--predictor", f"hf:{tmp_path}/nothing", "--protocol", "sliding"),
    ):
        refused = nzip_cli("measure", *wrong, str(files[0]))
        assert refused.code == 1 and refused.err.strip()


def test_float_models_of_transformers_measure_and_do_not_code(tmp_path):
    pytest.importorskip("transformers")
    import nzip
    from nzip.predictors import registry

    folder = tiny_llama.write_folder(tmp_path / "tiny")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>"})
    )
    text = b"the thing is another thing, in the end.\n" * 2
    float_model, exact = registry.create(f"hf:{folder}"), registry.create(f"lm:{folder}")
    assert float_model.exact is False and exact.exact is True
    whole = float_model.measure_text(text, "windows")
    model = load(folder)
    ranks = model.vocabulary.encode(text)
    tokens = model.vocabulary.order[ranks]
    logits = tiny_llama.float_logits(0, [1, *tokens[:-1]], 1 << 12)
    oracle = -np.log2(np.exp(logits[np.arange(len(tokens)), tokens]) / np.exp(logits).sum(1)).sum()
    assert whole.bits == pytest.approx(oracle, rel=1e-4)
    assert whole[1:] == (len(text), len(text), len(tokens))
    half = float_model.measure_text(text, "windows", 20, 8)
    assert half.bits == pytest.approx(exact.measure_text(text, "windows", 20, 8).bits, rel=0.05)
    with pytest.raises(nzip.NzipError, match="measures"):
        nzip.compress(text, predictor=float_model)
    with pytest.raises(nzip.NzipError, match="UTF-8"):
        float_model.measure_text(b"\xff", "windows")
    with pytest.raises(nzip.NzipError, match="could not load"):
        registry.create(f"hf:{tmp_path}/nothing").measure_text(b"x", "windows")
