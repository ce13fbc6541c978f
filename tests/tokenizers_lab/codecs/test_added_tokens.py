"""Added tokens and special tokens are what the `tokenizers` library makes of them, whoever runs the file, and
a codec that says it loses nothing loses nothing."""

import json

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from nasty import NASTY

import tokenizers_lab as lab
from tokenizers_lab.codecs.added_tokens import AddedToken, AddedTokens, twin_pieces
from tokenizers_lab.codecs.bpe import BpeCodec, twin_encode
from tokenizers_lab.codecs.huggingface import HuggingFaceCodec
from tokenizers_lab.errors import DataError
from tokenizers_lab.registry import _from_json

CONTENTS = [
    "the",
    "he",
    " the",
    "t",
    "|",
    "  ",
    "   ",
    " ",
    "\n\n",
    "###",
    "##",
    "<eos>",
    "<|endoftext|>",
    "é",
    "日本",
    "Ġthe",
    "Ġ",
    "ab",
    "abc",
    "bcd",
    "cd",
    "<|0.02|>",
]
WORDS = [*CONTENTS, "a", "b", "c", "d", "x", "_", "\u0301", "1", "\t", "\u3000", "\xa0", "end", "."]


@st.composite
def added(draw, contents=CONTENTS):
    return {
        "id": 0,
        "content": draw(st.sampled_from(contents)),
        "special": draw(st.booleans()),
        **{flag: draw(st.sampled_from([False, False, True])) for flag in ("single_word", "lstrip", "rstrip")},
        "normalized": draw(st.booleans()),
    }


@pytest.fixture(scope="module")
def base():
    """A tokenizer.json whose merges spell some of the contents above."""
    text = "the cat the dog the end abc abcd ### ## the ### | <eos>\n\n   abcd cd " * 20
    return lab.train(documents=[text], vocab_size=300).to_json()


def library(entry):
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(entry))
    tokenizer.encode_special_tokens = True
    return tokenizer


def with_added(base, tokens, ignore_merges, normalizer=None, pattern=None):
    """The file, its ids as the library itself gives them."""
    entry = json.loads(json.dumps({**base, "added_tokens": [], "normalizer": normalizer}))
    entry["model"]["ignore_merges"] = ignore_merges
    if pattern:
        split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        level = {**entry["pre_tokenizer"], "use_regex": False}
        entry["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, level]}
    found = library({**entry, "added_tokens": tokens})
    return json.loads(found.to_str())


@settings(max_examples=300, deadline=None)
@given(
    tokens=st.lists(added(), max_size=6, unique_by=lambda t: t["content"]),
    words=st.lists(st.sampled_from(WORDS), max_size=12),
    ignore_merges=st.booleans(),
    kind=st.sampled_from(["plain", "plain", "regex", "lower", "nfc"]),
)
def test_ids_are_the_librarys(base, tokens, words, ignore_merges, kind):
    normalizer = {"lower": {"type": "Lowercase"}, "nfc": {"type": "NFC"}}.get(kind)
    pattern = r"\p{N}| ?\p{L}+|\s+" if kind == "regex" else None
    entry = with_added(base, tokens, ignore_merges, normalizer, pattern)
    text = "".join(words)
    codec = _from_json(json.dumps(entry).encode(), "T.json")
    ids = codec.encode(text.encode()).tolist()
    assert ids == library(entry).encode(text, add_special_tokens=False).ids
    flagged = any(not t["special"] and (t["single_word"] or t["lstrip"] or t["rstrip"]) for t in tokens)
    if kind in ("plain", "regex") and not flagged:
        # Ours, but where one id would stand for two spellings: then nothing is promised.
        assert isinstance(codec, BpeCodec) or any(set("éĠ") & set(t["content"]) for t in tokens)
    if codec.lossless:
        assert codec.decode(ids) == text.encode()
        assert twin_encode(codec, text.encode()) == ids
        assert not set(ids) & set(codec.special.values())
        back = _from_json(json.dumps(codec.to_json()).encode(), "back")
        assert back.fingerprint() == codec.fingerprint() and back.eos_id == codec.eos_id
        assert back.encode(text.encode()).tolist() == ids and back.lossless


@settings(max_examples=200, deadline=None)
@given(
    tokens=st.lists(
        st.builds(
            AddedToken,
            st.integers(0, 300),
            st.text("abc ", min_size=1, max_size=4),
            st.booleans(),
            normalized=st.booleans(),
        ),
        max_size=8,
        unique_by=lambda t: t.content,
    ),
    data=st.text("abc ", max_size=30).map(str.encode) | st.binary(max_size=12),
)
def test_the_search_equals_its_twin(tokens, data):
    import numpy as np

    found = AddedTokens(tokens).pieces(np.frombuffer(data, np.uint8)).tolist()
    if all(t.special for t in tokens):
        assert found == [[0, len(data), -1]]
    else:
        assert list(map(tuple, found)) == twin_pieces(tokens, data)


@pytest.mark.parametrize("raw", NASTY)
def test_runs_of_spaces_keep_every_byte(base, raw):
    runs = [
        {"id": 0, "content": " " * n, "special": False, "normalized": True, "single_word": False}
        | {"lstrip": False, "rstrip": False}
        for n in range(24, 1, -1)
    ]
    codec = _from_json(json.dumps(with_added(base, runs, False)).encode(), "T.json")
    raw = raw + b"\n        return  x\n" + raw
    ids = codec.encode(raw)
    assert isinstance(codec, BpeCodec) and codec.decode(ids) == raw and ids.max() >= 300
    assert codec.offsets(raw, ids)[-1] == len(raw)


def test_an_added_token_that_the_vocabulary_spells_stays(base):
    token = {"id": base["model"]["vocab"]["the"], "content": "the", "special": False, "normalized": False}
    token |= {"single_word": False, "lstrip": False, "rstrip": False}
    codec = _from_json(json.dumps({**base, "added_tokens": [token]}).encode(), "T.json")
    assert codec.decode(codec.encode(b"the cat")) == b"the cat" and codec.lossless


@pytest.mark.parametrize("where", ["in the vocabulary", "an added token behind a gap"])
def test_an_id_of_two_tokens_is_the_librarys_to_run(base, where, tmp_path):
    """Ours would decode one of them to the other's bytes, and write a file that cannot be loaded."""
    entry = json.loads(json.dumps(base))
    vocab, size = entry["model"]["vocab"], len(base["model"]["vocab"])
    last = max(vocab, key=vocab.get)
    if where.startswith("in"):
        vocab[last] = vocab["the"]
    else:
        vocab[last] = size  # the id that the library counts on with
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        entry["added_tokens"] = [{"id": size, "content": "<eos>", "special": True, **flags}]
    codec = _from_json(json.dumps(entry).encode(), "T.json")
    assert isinstance(codec, HuggingFaceCodec) and not codec.lossless
    text = last.replace("Ġ", " ").encode() + b" the cat"
    assert codec.encode(text).tolist() == library(entry).encode(text.decode(), add_special_tokens=False).ids
    codec.save(tmp_path / "c")
    assert lab.load(tmp_path / "c").fingerprint() == codec.fingerprint()


def test_added_tokens_that_the_normalizer_makes_one_are_refused(base):
    """The library draws between them whenever it loads the file: one fingerprint, other ids."""
    flags = {"special": False, **dict.fromkeys(("single_word", "lstrip", "rstrip"), False)}
    tokens = [{"id": 0, "content": c, "normalized": True, **flags} for c in ("The", "the")]
    with pytest.raises(DataError, match="'the' and 'The' are both 'the'"):
        _from_json(json.dumps(with_added(base, tokens, False, {"type": "Lowercase"})).encode(), "T.json")
    tokens[0]["normalized"] = False
    codec = _from_json(json.dumps(with_added(base, tokens, False, {"type": "Lowercase"})).encode(), "T.json")
    assert len(set(codec.encode(b"The the").tolist())) > 1


def test_special_tokens_that_hugging_faces_trainer_spelled():
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    markdown = "### a\n## b\n##### c ### d\n" * 20
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, show_progress=False, special_tokens=["###", "<eos>"], initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator([markdown], trainer)
    tokenizer.encode_special_tokens = True
    codec = _from_json(tokenizer.to_str().encode(), "T.json")
    ids = codec.encode(markdown.encode())
    assert ids.tolist() == tokenizer.encode(markdown).ids and 0 in ids
    assert codec.decode(ids) == markdown.encode() and codec.lossless
    assert codec.eos_id == 1 and codec.special == {"<eos>": 1}


def test_special_tokens_are_never_made_from_text_by_the_library(base):
    eos = {"content": "<EOT>", "special": True, "single_word": False, "lstrip": False, "rstrip": True}
    eos |= {"id": base["model"]["vocab"].__len__(), "normalized": False}
    entry = {**base, "added_tokens": [eos], "normalizer": {"type": "NFC"}}
    codec = _from_json(json.dumps(entry).encode(), "T.json")
    assert isinstance(codec, HuggingFaceCodec) and codec.eos_id == eos["id"]
    ids = codec.encode(b"hi <EOT> there")
    assert eos["id"] not in ids and codec.decode(ids) == b"hi <EOT> there"


def test_dropout_truncation_and_padding_are_off(base):
    for normalizer in (None, {"type": "NFC"}):
        entry = json.loads(json.dumps({**base, "normalizer": normalizer}))
        plain = _from_json(json.dumps(entry).encode(), "T.json").encode(b"the end of the dog " * 9).tolist()
        entry["model"]["dropout"] = 0.9
        entry["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
        entry["padding"] = {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None}
        entry["padding"] |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "!"}
        codec = _from_json(json.dumps(entry).encode(), "T.json")
        assert all(codec.encode(b"the end of the dog " * 9).tolist() == plain for _ in range(5))
