"""Models by path that lie: one line and exit code 1, whatever is in them; nothing aborts, nothing hangs."""

from __future__ import annotations

import copy
import functools
import json
import os
import struct

import numpy as np
import pytest
import tiny_llama
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.errors import NzipError
from nzip.predictors import registry, tensor_table
from nzip.predictors.llama import gguf_file, tokenizer
from nzip.predictors.llama.safetensors_loader import TensorFile
from nzip.predictors.lm.source import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_llama.write_folder(tmp_path_factory.mktemp("models") / "whole")


@pytest.fixture(scope="module")
def config(folder):
    return json.loads((folder / "tokenizer.json").read_text())


SIZE = len(tiny_llama.vocabulary()[0])


def is_one_line(call) -> str:
    with pytest.raises(NzipError) as caught:
        call()
    text = str(caught.value)
    assert text.isprintable() and len(text) < 800
    return text


def vocabulary(config) -> tokenizer.Vocabulary:
    text = config if isinstance(config, bytes) else json.dumps(config)
    return tokenizer.from_tokenizer_json(text, SIZE, 1, None, "a model")


# tokenizer.json ---------------------------------------------------------------------------------------------

SPLIT = {"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Isolated", "invert": False}
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
LIES = {
    "a prefix longer than a token": ("model.continuing_subword_prefix", "\N{SNOWMAN}" * 40),
    "a prefix": ("model.continuing_subword_prefix", "##"),
    "a suffix": ("model.end_of_word_suffix", "</w>"),
    "dropout": ("model.dropout", 0.5),
    "byte fallback": ("model.byte_fallback", True),
    "a merge of what is no token": ("model.merges", ["a nothing-like-it"]),
    "a merge of three": ("model.merges", ["a b c"]),
    "a merge of numbers": ("model.merges", [[1, 2]]),
    "merges that are none": ("model.merges", {"a": "b"}),
    "an id behind the end": ("model.vocab", {"a": 0, "b": 1 << 31}),
    "an id of 60 digits": ("model.vocab", {"a": 0, "b": 10**60}),
    "a negative id": ("model.vocab", {"a": 0, "b": -1}),
    "an id that is a truth": ("model.vocab", {"a": 0, "b": True}),
    "an id twice": ("model.vocab", {"a": 0, "b": 0}),
    "no vocabulary": ("model.vocab", {}),
    "a vocabulary that is a list": ("model.vocab", ["a", "b"]),
    "a model that is none": ("model", [1]),
    "a token of 10,000 bytes": ("model.vocab", {"a": 0, "b": 1, "a" * 10000: 2}),
    "a token that is no byte": ("model.vocab", {"a": 0, "\N{SNOWMAN}": 1}),
    "added tokens that are none": ("added_tokens", [7]),
    "an added token behind the end": ("added_tokens", [{"content": "x", "id": 1 << 40}]),
    "a charsmap": ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
    "an empty match replaced": ("normalizer", {"type": "Replace", "pattern": {"Regex": "x*"}}),
    "normalizers in each other": ("normalizer", {"type": "Sequence", "normalizers": [{"type": "a"}]}),
    "chunks of nothing": ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [
        {"type": "FixedLength", "length": 0}, LEVEL]}),
    "a pattern that calls itself": ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [
        {**SPLIT, "pattern": {"Regex": r"(?<a>a\g<a>)"}}, LEVEL]}),
    "a pattern of megabytes": ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [
        {**SPLIT, "pattern": {"Regex": "(" * 10**6}}, LEVEL]}),
    "a behaviour that is none": ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [
        {**SPLIT, "behavior": []}, LEVEL]}),
    "a key that is not known": ("pre_tokenizer", {**LEVEL, "more": 1}),
    "a word in place of a truth": ("pre_tokenizer", {**LEVEL, "use_regex": "yes"}),
    "a hundred steps": ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [LEVEL] * 100}),
    "no byte level": ("pre_tokenizer", {"type": "Whitespace"}),
    "no pre-tokenizer": ("pre_tokenizer", None),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_tokenizer_that_lies(name, config):
    where, value = LIES[name]
    changed = copy.deepcopy(config)
    *parents, last = where.split(".")
    at = changed
    for key in parents:
        at = at[key]
    at[last] = value
    is_one_line(lambda: vocabulary(changed))


def test_tokenizers_nested_too_deeply(config):
    step = LEVEL
    for _ in range(6):
        step = {"type": "Sequence", "pretokenizers": [step]}
    is_one_line(lambda: vocabulary({**config, "pre_tokenizer": step}))
    whole = json.dumps({**config, "pre_tokenizer": "HERE"})
    deep = '{"type":"Sequence","pretokenizers":[' * 5000 + json.dumps(LEVEL) + "]}" * 5000
    is_one_line(lambda: vocabulary(whole.replace('"HERE"', deep).encode()))
    is_one_line(lambda: vocabulary(b"[" * 10**6))
    is_one_line(lambda: vocabulary(b'{"model":' * 200 + b"1" + b"}" * 200))


def test_padding_and_truncation_are_not_handed_on(config):
    """Padding to 10^12 tokens ends the process in an allocation."""
    pytest.importorskip("tokenizers")
    changed = {
        **config,
        "padding": {"strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None,
                    "pad_id": 0, "pad_type_id": 0, "pad_token": "a"},
        "truncation": {"direction": "Right", "max_length": 0, "strategy": "LongestFirst", "stride": 5},
    }  # fmt: skip
    text = b"the stream and the mill"
    made = vocabulary(changed)
    assert made.decode(made.encode(text)) == text
    assert np.array_equal(made.encode(text), vocabulary(config).encode(text))


def test_what_the_package_refuses_is_one_line(config):
    pytest.importorskip("tokenizers")
    steps = {"type": "Sequence", "pretokenizers": [{**SPLIT, "pattern": {"Regex": "((("}}, LEVEL]}
    is_one_line(lambda: vocabulary({**config, "pre_tokenizer": steps}).encode(b"text"))


def test_a_panic_is_one_line():
    from nzip.predictors.llama.tokenizer_config import guarded

    class PanicException(BaseException):  # as pyo3 calls it
        pass

    def panic():
        raise PanicException("index out of bounds\nand more")

    assert "index out of bounds" in is_one_line(lambda: guarded(panic, "a model"))
    with pytest.raises(KeyboardInterrupt):
        guarded(lambda: (_ for _ in ()).throw(KeyboardInterrupt()), "a model")


@settings(max_examples=200)
@given(st.data())
def test_damaged_tokenizers(config, data):
    text = json.dumps(config).encode()
    at = data.draw(st.integers(0, len(text) - 1))
    noise = data.draw(
        st.binary(max_size=6) | st.sampled_from([b"NaN", b"1e999", b'{"a":', b"[[[[", b"-1", b"null"])
    )
    text = text[:at] + noise + text[at + data.draw(st.integers(0, 6)) :]
    try:
        made = vocabulary(text)
        made.encode(b"the mill")
    except NzipError as error:
        assert str(error).isprintable()


# config.json and folders ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_size": 0},
        {"hidden_size": -64},
        {"hidden_size": 10**30},
        {"hidden_size": 64.0},
        {"hidden_size": "64"},
        {"num_attention_heads": 0},
        {"num_attention_heads": None},
        {"num_key_value_heads": 0},
        {"head_dim": [16]},
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": True},
        {"vocab_size": 1 << 40},
        {"vocab_size": 0},
        {"rope_theta": "x"},
        {"rms_norm_eps": 1e-400},
        {"rms_norm_eps": None},
        {"rope_scaling": 7},
        {"rope_parameters": {"rope_type": ["a"] * 900}},
        {"model_type": ["llama"] * 500},
        {"hidden_act": {"a": 1}},
        {"intermediate_size": 1 << 31},
        {"bos_token_id": {"a": 1}, "hidden_size": 7},
    ],
)
def test_a_config_that_lies(folder, tmp_path, change):
    made = tiny_llama.write_folder(tmp_path / "m", **change)
    is_one_line(lambda: load(made))


def test_files_that_are_none(folder, tmp_path, nzip_cli):
    made = tiny_llama.write_folder(tmp_path / "m")
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        kept = (made / name).read_bytes()
        for text in (
            b"",
            b"[]",
            b"7",
            b"\xff\xfe{}",
            b"[" * 10**5,
            b'{"a":1,"a":1}',
            kept[:-9],
            b'{"__metadata__":{}}',
        ):
            (made / name).write_bytes(text)
            is_one_line(lambda: load(made))
        (made / name).unlink()
        is_one_line(lambda: load(made))
        for link in (name, "/dev/zero", str(tmp_path)):  # a link to itself, a device, a folder
            (made / name).symlink_to(link)
            is_one_line(lambda: load(made))
            (made / name).unlink()
        os.mkfifo(made / name)
        is_one_line(lambda: load(made))
        (made / name).unlink()
        (made / name).write_bytes(kept)
    assert load(made).vocabulary.size == SIZE
    (made / "config.json").write_bytes(b"{")
    ran = nzip_cli("--predictor", f"lm:{made}", input=b"text")
    assert ran.code == 1 and len(ran.err.splitlines()) == 1
    for path in ("/dev/zero", tmp_path / "none", "x" * 300, tmp_path):
        is_one_line(functools.partial(_config_of, path))


def _config_of(path) -> dict:
    return registry.create(f"lm:{path}").config()


# Tables of tensors ------------------------------------------------------------------------------------------


def table(*entries, size=1 << 10, **options):
    return lambda: tensor_table.check([tensor_table.Tensor(*e) for e in entries], size, "a file", **options)


@pytest.mark.parametrize(
    "entries",
    [
        [("a", (4,), 1, 4, 0, 17)],
        [("a", (4,), 1, 4, -16, 0)],
        [("a", (4,), 1, 4, 1020, 1036)],
        [("a", (), 1, 4, 0, 4)],
        [("a", (0, 4), 1, 4, 0, 0)],
        [("a", (-4, -1), 1, 4, 0, 16)],
        [("a", (1 << 40, 1 << 40), 1, 4, 0, 16)],
        [("a", (2,) * 9, 1, 1, 0, 512)],
        [("", (4,), 1, 4, 0, 16)],
        [("a" * 999, (4,), 1, 4, 0, 16)],
        [("a\n", (4,), 1, 4, 0, 16)],
        [("a", (33,), 32, 18, 0, 18)],
        [("a", ("4",), 1, 4, 0, 16)],
        [("a", (4.0,), 1, 4, 0, 16)],
        [("a", (4,), 1, 4, 0, 16), ("a", (4,), 1, 4, 16, 32)],
        [("a", (4,), 1, 4, 0, 16), ("b", (4,), 1, 4, 8, 24)],
        [("a", (4,), 1, 4, "0", 16)],
        [(f"t{i}", (1,), 1, 1, i, i + 1) for i in range(tensor_table.MAX_TENSORS + 1)],
    ],
)
def test_a_table_that_cannot_be_true(entries):
    is_one_line(table(*entries, size=1 << 16 if len(entries) > 9 else 1 << 10))


def test_a_table_that_can():
    assert table(("a", (2, 2), 1, 4, 0, 16), ("b", (64,), 32, 18, 32, 68))() == 68
    is_one_line(table(("a", (2, 2), 1, 4, 0, 16), ("b", (4,), 1, 4, 32, 48), whole=True, size=48))
    is_one_line(table(("a", (4,), 1, 4, 0, 16), whole=True, size=17))
    is_one_line(table(("a", (4,), 1, 4, 8, 24), align=32))
    assert table(("b", (4,), 1, 4, 16, 32), ("a", (4,), 1, 4, 0, 16), whole=True, size=32)() == 8


def safetensors(header, body=b"\0" * 64) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


GOOD = {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": {**GOOD, "dtype": "X"}},
        {"a": {**GOOD, "dtype": 7}},
        {"a": {**GOOD, "shape": "44"}},
        {"a": 7},
        {"a": {**GOOD, "data_offsets": [0]}},
        {"a": {**GOOD, "data_offsets": [64, 0]}},
        {"a": {**GOOD, "shape": [16, 0]}},
        {"a": {**GOOD, "data_offsets": [0, 1 << 60]}},
        {"a": {**GOOD, "shape": [1 << 31, 1 << 31]}},
        {"a": GOOD, "b": GOOD},
        {"a": {**GOOD, "shape": [True] * 2}},
        {"__metadata__": {"x": 1}, "a": GOOD},
        {"__metadata__": 7, "a": GOOD},
        {},
        b"{" * 9999,
        b'{"a":1,"a":1}',
        b"\xff",
        b"[1]",
        {"a": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}},
    ],
)
def test_safetensors_that_lie(header):
    is_one_line(lambda: TensorFile("a file", safetensors(header)))
    assert TensorFile("a file", safetensors({"a": GOOD})).numbers == 16


def gguf(tensors=0, fields=0, body=b"", version=3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, fields) + body


def text(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data


def entry(name=b"t", dims=(32,), kind=0, offset=0) -> bytes:
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGUF",
        b"GGUX" + bytes(64),
        gguf(version=1),
        gguf(version=3 << 24),
        gguf(1 << 60),
        gguf(0, 1 << 60),
        gguf(0, 1),
        gguf(0, 1, struct.pack("<Q", 1 << 60)),
        gguf(0, 1, text(b"k" * 999)),
        gguf(0, 1, text(b"\xff")),
        gguf(0, 1, text(b"k") + struct.pack("<I", 99)),
        gguf(0, 1, text(b"k") + struct.pack("<IQ", 8, 1 << 62)),
        gguf(0, 1, text(b"k") + struct.pack("<IIQ", 9, 9, 1)),
        gguf(0, 1, text(b"k") + struct.pack("<IIQ", 9, 4, 1 << 61)),
        gguf(0, 1, text(b"k") + struct.pack("<IIQ", 9, 8, 1 << 61)),
        gguf(0, 1, text(b"k") + struct.pack("<IIQ", 9, 77, 1)),
        gguf(0, 2, (text(b"k") + struct.pack("<II", 4, 7)) * 2),
        gguf(1, 0, entry(dims=())),
        gguf(1, 0, entry(dims=(2,) * 9)),
        gguf(0, 1, text(b"general.alignment") + struct.pack("<II", 4, 0)),
        gguf(0, 1, text(b"general.alignment") + struct.pack("<II", 4, 33)),
        gguf(1, 0, entry(kind=9999) + bytes(256)),
        gguf(1, 0, entry(dims=(0,)) + bytes(256)),
        gguf(1, 0, entry(dims=(1 << 62, 1 << 62)) + bytes(256)),
        gguf(1, 0, entry(offset=1 << 62) + bytes(256)),
        gguf(1, 0, entry(offset=7) + bytes(256)),
        gguf(2, 0, entry() + entry(b"u") + bytes(512)),
        gguf(2, 0, entry() + entry(offset=128) + bytes(512)),
        gguf(1, 0, entry(dims=(31,), kind=2) + bytes(256)),
        gguf(1, 0, entry(b"\n") + bytes(256)),
        gguf(1, 0, entry()),
    ],
)
def test_gguf_that_lies(data, tmp_path):
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    is_one_line(lambda: gguf_file.GgufFile(path))
    is_one_line(lambda: load(path))


def test_gguf_that_does_not(tmp_path):
    (tmp_path / "x.gguf").write_bytes(gguf(1, 0, entry() + bytes(256)))
    (only,) = gguf_file.GgufFile(tmp_path / "x.gguf").tensors
    assert only.numbers == 32 and only.data.shape == (32,)


@settings(max_examples=150)
@given(st.data())
def test_damaged_gguf_models(tmp_path_factory, data):
    """Loaded whole: metadata, tokenizer and weights."""
    whole = _tiny(tmp_path_factory)
    head = whole.find(b"token_embd") + 2000
    at = data.draw(st.integers(0, head))
    noise = data.draw(st.binary(min_size=1, max_size=9))
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
    try:
        load(path)
    except NzipError as error:
        assert str(error).isprintable() and len(str(error)) < 800


_kept: list[bytes] = []


def _tiny(tmp_path_factory) -> bytes:
    if not _kept:
        pytest.importorskip("gguf")
        _kept.append(tiny_llama.write_gguf(tmp_path_factory.mktemp("tiny") / "t.gguf", "Q4_1").read_bytes())
    return _kept[0]
