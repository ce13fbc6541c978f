"""Loaded is what was saved, for a codec of every kind: ids, fingerprint, ends, losslessness."""

import json

import pytest
from every import NAMES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nasty import NASTY

import tokenizers_lab as lab
from tokenizers_lab.codecs.tiktoken import export
from tokenizers_lab.datasets import build, verify

EXTRA = ["regex", "steps", "ranks", "gapped ranks", "special ranks", "added", "nfc", "words"]


@pytest.fixture(scope="module")
def every(codecs, bpe, english, tmp_path_factory):
    """The codecs of ``every.NAMES`` and of other people's files."""
    folder = tmp_path_factory.mktemp("codecs")
    text = english[:20_000]
    found = dict(codecs)
    found["regex"] = lab.train(
        documents=[text], vocab_size=300, pre=r"regex:\p{N}| ?\p{L}+|\s+", special="<eos>"
    )
    found["steps"] = lab.train(
        documents=[text], vocab_size=300, pre='steps:[{"type": "Digits", "individual_digits": true}]'
    )
    export(lab.train(documents=[text], vocab_size=300, special=["<|endoftext|>"]), folder / "x.tiktoken")
    found["ranks"] = lab.load(folder / "x.tiktoken")
    lines = (folder / "x.tiktoken").read_text().splitlines()
    shifted = [f"{line.split()[0]} {int(line.split()[1]) + 7 * (i > 260)}" for i, line in enumerate(lines)]
    (folder / "gaps.tiktoken").write_text("\n".join(shifted))
    found["gapped ranks"] = lab.load(folder / "gaps.tiktoken")
    (folder / "s.tiktoken").write_text("\n".join(lines))
    special = {"<eos>": 0, "###": 400, "|": 401, "the": 403}
    (folder / "s.tiktoken.json").write_text(json.dumps({"pattern": "gpt4", "special": special}))
    found["special ranks"] = lab.load(folder / "s.tiktoken")
    entry = bpe.to_json()
    runs = [("  ", False), ("<eos>", True), (" the", False), ("<|x|>", False)]
    entry["added_tokens"] = [
        {"id": 2000 + i, "content": c, "special": s, "normalized": not s}
        | {"single_word": False, "lstrip": False, "rstrip": False}
        for i, (c, s) in enumerate(runs)
    ]
    for name, more in (("added", {}), ("nfc", {"normalizer": {"type": "NFC"}})):
        (folder / f"{name}.json").write_text(json.dumps({**entry, **more}))
        found[name] = lab.load(folder / f"{name}.json")
    entry["model"]["ignore_merges"] = True
    (folder / "words.json").write_text(json.dumps(entry))
    found["words"] = lab.load(folder / "words.json")
    assert set(found) == {*NAMES, *EXTRA}
    return found


@pytest.fixture(scope="module")
def pairs(every, tmp_path_factory):
    """Each codec, and what came back of its file."""
    folder, found = tmp_path_factory.mktemp("saved"), {}
    for i, (name, codec) in enumerate(every.items()):
        codec.save(folder / f"{i}.bin")
        found[name] = codec, lab.load(folder / f"{i}.bin")
    return found


@pytest.mark.parametrize("name", [*NAMES, *EXTRA])
def test_what_is_loaded_is_what_was_saved(pairs, name, tmp_path):
    codec, back = pairs[name]
    assert type(back) is type(codec) and back.fingerprint() == codec.fingerprint()
    for fact in ("vocab_size", "eos_id", "pad_id", "lossless", "loss", "token_bits", "nominal_vocab_size"):
        assert getattr(back, fact) == getattr(codec, fact), fact
    assert back.used_vocab_size() == codec.used_vocab_size()
    back.save(tmp_path / "again.bin")
    assert lab.load(tmp_path / "again.bin").fingerprint() == codec.fingerprint()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.lists(
        st.sampled_from([*NASTY, b"the ", b"###", b"|", b"<eos>", b"  ", b" the", b"12"])
        | st.binary(max_size=9),
        max_size=6,
    ).map(b"".join)
)
def test_equal_ids_on_any_bytes(pairs, raw):
    for name, (codec, back) in pairs.items():
        ids = codec.encode(raw)
        assert back.encode(raw).tolist() == ids.tolist(), name
        assert codec.eos_id is None or codec.eos_id not in ids, name
        if codec.lossless:
            assert back.decode(ids) == raw, name


@pytest.mark.parametrize("name", ["regex", "ranks", "gapped ranks", "special ranks", "added", "words"])
def test_datasets_take_it(every, name, english, tmp_path):
    (tmp_path / "a.txt").write_bytes(english[:3000] + b"\xff  ### |")
    build(every[name], [tmp_path / "a.txt"], tmp_path / "d")
    assert verify(tmp_path / "d", [tmp_path / "a.txt"]) == []


def test_ends_are_known_by_the_fields_names(every, english):
    assert every["ranks"].eos_id == 0 and every["special ranks"].eos_id == 0
    assert every["nfc"].eos_id == every["added"].eos_id == 2001 == every["nfc"].special_id("<eos>")
    assert every["unigram"].eos_id == every["unigram"].special_id("</s>") == 2
    assert every["bpe"].special_id("the") is None and every["bytes"].special_id("<eos>") is None
    for name in ("<｜end▁of▁sentence｜>", "<|end_of_text|>", "[EOS]"):
        assert lab.train(documents=[english[:2000]], vocab_size=260, special=["<a>", name]).eos_id == 1
