"""tokenizer.json files put together at random (models, normalizers, pre-tokenizers, decoders, added tokens,
merges and ids out of order, twice or missing): the library's ids, or a refusal of what it refuses; borders
that cover the text; nothing lost where nothing is said to be; the same codec from its own file."""

import contextlib
import json
import random

import numpy as np
import pytest
from nasty import NASTY
from suite import TEXTS
from test_added_tokens import CONTENTS, WORDS, library

import tokenizers_lab as lab
from tokenizers_lab.codecs.bpe import BpeCodec, twin_encode
from tokenizers_lab.errors import DataError
from tokenizers_lab.pretokenize.library import library as errors_of_library
from tokenizers_lab.registry import _from_json

tokenizers = pytest.importorskip("tokenizers")

SAMPLE = (
    "the cat the dog the end abc abcd ### ## the ### | <eos>\n\n   abcd cd été 日本語 12 123 don't 🙂 " * 20
)
BYTES = [f"<0x{b:02X}>" for b in range(256)]
BEHAVIORS = ["Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous", "Removed"]
PATTERNS = [{"String": " "}, {"String": "the"}, {"String": ""}]
PATTERNS += [
    {"Regex": p} for p in (r"\s+", r"\p{N}| ?\p{L}+|\s+", r"(?i:'s|'t)|.", r"\b", "x*", r"[\r\n]|\h+")
]
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def one(rng, *choices):
    """One of the choices: a dict, or what makes one."""
    chosen = rng.choice(choices)
    return chosen(rng) if callable(chosen) else chosen


def splitter(rng, depth=0):
    steps = [
        lambda r: {**LEVEL, "add_prefix_space": r.random() < 0.3, "use_regex": r.random() < 0.5},
        lambda r: {
            "type": "Split",
            "pattern": r.choice(PATTERNS),
            "behavior": r.choice(BEHAVIORS),
            "invert": r.random() < 0.3,
        },
        lambda r: {"type": "Punctuation", "behavior": r.choice(BEHAVIORS)},
        lambda r: {"type": "Digits", "individual_digits": r.random() < 0.5},
        lambda r: {
            "type": "Metaspace",
            "replacement": "▁",
            "prepend_scheme": r.choice(["always", "never", "first"]),
            "split": r.random() < 0.5,
        },
        lambda r: {"type": "CharDelimiterSplit", "delimiter": r.choice(" e")},
        *({"type": t} for t in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts")),
    ]
    if depth < 2 and rng.random() < 0.4:
        inside = [splitter(rng, depth + 1) for _ in range(rng.randrange(3))]
        return {"type": "Sequence", "pretokenizers": [*inside, *([LEVEL] * (rng.random() < 0.6))]}
    return one(rng, *steps)


def normalizer(rng):
    steps = [{"type": t} for t in ("NFC", "NFD", "NFKC", "Lowercase", "StripAccents", "Nmt", "ByteLevel")]
    steps += [{"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Prepend", "prepend": "▁"}]
    steps += [{"type": "Replace", "pattern": p, "content": c} for p in PATTERNS[:4] for c in ("", "▁", "ab")]
    steps += [{"type": "Sequence", "normalizers": []}]
    return (
        {"type": "Sequence", "normalizers": rng.choices(steps, k=2)}
        if rng.random() < 0.2
        else one(rng, *steps)
    )


def decoder(rng):
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    steps = [
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        strip,
        metaspace,
        {"type": "WordPiece", "prefix": "##"},
    ]
    steps[-1]["cleanup"] = rng.random() < 0.5
    several = {"type": "Sequence", "decoders": rng.choices(steps, k=2)}
    return rng.choice([None, several, *steps])


def byte_level_model(rng, base):
    """The lab's own vocabulary, bent."""
    model = json.loads(json.dumps(base["model"]))
    vocab, merges = model["vocab"], model["merges"]
    for key, values in (
        ("ignore_merges", [True]),
        ("dropout", [0.5]),
        ("unk_token", ["the", "<unk>"]),
        ("byte_fallback", [True]),
        ("continuing_subword_prefix", ["", "##"]),
        ("end_of_word_suffix", ["", "</w>"]),
    ):
        if rng.random() < 0.05:
            model[key] = rng.choice(values)
    bends = {
        "twice": lambda: merges.extend(rng.choices(merges, k=3)),
        "order": lambda: rng.shuffle(merges),
        "fewer": lambda: merges.__delitem__(slice(rng.randrange(len(merges)), None, 2)),
        "ids": lambda: vocab.update(zip(list(vocab), rng.sample(list(vocab.values()), len(vocab)))),
        "gap": lambda: vocab.update({k: i + 7 for k, i in vocab.items() if i >= 300}),
        "one id": lambda: vocab.update({rng.choice(list(vocab)): rng.choice(list(vocab.values()))}),
        "outside": lambda: vocab.update({rng.choice(["<x>", "日本", "<0x41>"]): len(vocab)}),
    }
    for bend in bends.values():
        if rng.random() < 0.08:
            bend()
    return model


def other_model(rng):
    letters = sorted(set(SAMPLE))
    some = list(BYTES) if rng.random() < 0.6 else []
    kind = rng.choice(["BPE", "Unigram", "WordPiece", "WordLevel"])
    if kind == "BPE":
        names = dict.fromkeys(["<unk>", *some, *letters, "▁", "▁t", "th", "▁th", "the", "▁the"])
        merges = [["▁", "t"], ["t", "h"], ["th", "e"], ["▁t", "h"], ["▁th", "e"]]
        flags = {"fuse_unk": rng.random() < 0.5, "byte_fallback": rng.random() < 0.6, "dropout": None}
        vocab = {name: i for i, name in enumerate(names)}
        unk = rng.choice([None, "<unk>"])
        return {"type": "BPE", "vocab": vocab, "merges": merges, "unk_token": unk, **flags}
    if kind == "Unigram":
        names = dict.fromkeys(["<unk>", *some, *letters[:40], "▁", "▁the", "the", " the", "日本"])
        scores = [[name, round(-9 * rng.random(), 3)] for name in names]
        return {"type": "Unigram", "unk_id": 0, "vocab": scores, "byte_fallback": rng.random() < 0.5}
    names = dict.fromkeys(["[UNK]", *letters, *(f"##{c}" for c in letters), "the", "##at", "Ġthe"])
    model = {"type": kind, "unk_token": "[UNK]", "vocab": {name: i for i, name in enumerate(names)}}
    piece = {"continuing_subword_prefix": "##", "max_input_chars_per_word": rng.choice([5, 100])}
    return {**model, **(piece if kind == "WordPiece" else {})}


def added(rng):
    flags = ("single_word", "lstrip", "rstrip")
    return [
        {"id": 0, "content": content, "special": rng.random() < 0.4, "normalized": rng.random() < 0.5}
        | {flag: rng.random() < 0.05 for flag in flags}
        for content in rng.sample(CONTENTS, rng.choice([0, 0, 1, 3, 6]))
    ]


def composed(rng, base) -> dict:
    entry = {**base, "added_tokens": added(rng), "model": byte_level_model(rng, base)}
    if rng.random() < 0.15:
        entry["normalizer"] = normalizer(rng)
    if rng.random() < 0.25:
        entry["pre_tokenizer"] = splitter(rng)
    if rng.random() < 0.2:
        entry["decoder"] = decoder(rng)
    if rng.random() < 0.2:
        entry |= {"model": other_model(rng), "pre_tokenizer": rng.choice([None, splitter(rng)])}
        entry |= {"normalizer": rng.choice([None, normalizer(rng)]), "decoder": decoder(rng)}
    if rng.random() < 0.1:
        entry["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    with contextlib.suppress(DataError), errors_of_library("refused"):
        # With the ids that the library itself gives to added tokens.
        return json.loads(tokenizers.Tokenizer.from_str(json.dumps(entry)).to_str())
    return entry


def reference(entry):
    """The library with all off that draws or cuts; None where it refuses the file."""
    plain = {**entry, "truncation": None, "model": {**entry["model"]}}
    if "dropout" in plain["model"]:
        plain["model"]["dropout"] = None
    with contextlib.suppress(DataError), errors_of_library("refused"):
        return library(plain)
    return None


@pytest.fixture(scope="module")
def base():
    return lab.train(documents=[SAMPLE], vocab_size=330).to_json()


@pytest.mark.parametrize(
    "cases", [range(60), pytest.param(range(60, 600), marks=pytest.mark.slow, id="many")]
)
def test_whatever_is_put_together_is_the_librarys(base, cases, tmp_path):
    ours = 0
    for case in cases:
        rng = random.Random(case)
        entry = composed(rng, base)
        theirs = reference(entry)
        try:
            codec = _from_json(json.dumps(entry).encode(), "T.json")
        except DataError as error:
            assert theirs is None or "once they are normalized" in str(error), (case, error)
            continue
        assert theirs is not None, (case, "the library refuses it")
        ours += isinstance(codec, BpeCodec)
        codec.save(tmp_path / "saved")
        back = lab.load(tmp_path / "saved")
        assert (back.fingerprint(), back.eos_id, back.lossless) == (
            codec.fingerprint(),
            codec.eos_id,
            codec.lossless,
        ), case
        texts = ["".join(rng.choices(WORDS, k=rng.choice([3, 8, 20]))) for _ in range(8)]
        for text in texts + rng.sample(list(TEXTS.values()), 4):
            _require_equal(codec, back, theirs, text, case)
        for raw in NASTY if codec.lossless else ():
            ids = codec.encode(raw).tolist()
            assert codec.decode(ids) == raw and twin_encode(codec, raw) == ids, (case, raw)
    assert ours > len(cases) / 10


def _require_equal(codec, back, theirs, text, case):
    raw = text.encode()
    expected = None
    with contextlib.suppress(DataError), errors_of_library("cannot be encoded"):
        expected = theirs.encode(text, add_special_tokens=False).ids
    if expected is None:  # an unknown token that the file does not have
        with pytest.raises(DataError):
            codec.encode(raw)
        return
    ids, ends = codec.encode_with_offsets(raw)
    assert ids.tolist() == expected == codec.encode(raw).tolist() == back.encode(raw).tolist(), (case, text)
    assert ends[0] == 0 and (np.diff(ends) >= 0).all() and len(ends) == len(ids) + 1, (case, text)
    assert not len(ids) or ends[-1] == len(raw), (case, text)
    assert not codec.lossless or codec.decode(ids) == raw, (case, text)
