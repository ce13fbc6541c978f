"""A byte-level BPE behind a Unicode normal form is run by us on texts in that form, by the library on others:
the same ids, offsets and answers as where the library runs all."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokenizers_lab as lab
from tokenizers_lab.codec import Codec
from tokenizers_lab.codecs.huggingface import HuggingFaceCodec

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
# Composed, decomposed, compatible; marks in both orders; Hangul both ways; unassigned, newer than some
# tables, private; what is cut out of the text, whole and in part.
PIECES = [
    "a", "the ", "\n", " ", "é", "e\u0301", "\u0301", "\u0327\u0301", "\u0301\u0327", "ﬁ", "Å", "\u212b",
    "각", "\u1100\u1161",
    "\u11a8", "한", "日本", "🙂", "\u0378", "\u0897", "\U0001e6e3", "\ue000", "\ufffd", "½", "<tool>", "<to",
    "ol>", "<end>",
    "<é>", "123", "İ",
]  # fmt: skip


@pytest.fixture(scope="module")
def kinds(english):
    """By form: (as the file says, the library's run of the same)."""
    trained = lab.train(
        documents=[english[:20_000], "é e\u0301 한국 日本".encode() * 50], vocab_size=420
    ).to_json()
    added = [(420, "<tool>", False), (421, "<end>", True), (422, "<é>", False)]
    trained["added_tokens"] += [
        {"id": i, "content": content, "special": special, "normalized": False,
         "single_word": False, "lstrip": False, "rstrip": False}
        for i, content, special in added
    ]  # fmt: skip
    out = {}
    for form in FORMS:
        one, two = json.loads(json.dumps(trained)), json.loads(json.dumps(trained))
        if form.endswith("D"):  # a content that the form would change is the library's to find
            one["added_tokens"].pop(), two["added_tokens"].pop()
        one["normalizer"] = {"type": form}
        two["normalizer"] = {"type": "Sequence", "normalizers": [{"type": form}]}
        out[form] = tuple(HuggingFaceCodec(json.dumps(entry)) for entry in (one, two))
    return out


def test_who_runs_what(kinds):
    for form in FORMS:
        ours, theirs = kinds[form]
        assert ours._is_plain(b"plain text") and not theirs._is_plain(b"plain text")
        assert ours.fingerprint() != theirs.fingerprint()  # the files differ
        assert not ours._is_plain(b"\xff") and not ours._is_plain("\u0378".encode())
        assert ours._is_plain("é한 ğ".encode()) == (form[-1] == "C")
        assert ours._is_plain("e\u0301 g\u0306".encode()) == (form[-1] == "D")
        assert ours._is_plain("½".encode()) == ("K" not in form)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=250, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from([p.encode() for p in PIECES])
        | st.text(max_size=3).map(str.encode)
        | st.binary(max_size=2),
        max_size=10,
    )
)
def test_the_same_as_the_library(kinds, form, pieces):
    ours, theirs = kinds[form]
    raw = b"".join(pieces)
    ids, offsets = ours.encode_with_offsets(raw)
    wanted, borders = theirs.encode_with_offsets(raw)
    assert ids.tolist() == wanted.tolist() == ours.encode(raw).tolist()
    assert (
        offsets.tolist() == borders.tolist() == ours.offsets(raw, ids).tolist() == ours.offsets(raw).tolist()
    )
    assert ours.decode(ids) == theirs.decode(ids)


@pytest.mark.parametrize("form", ["NFC", "NFKD"])
def test_what_no_text_gives_is_the_same(kinds, form):
    ours, theirs = kinds[form]
    tokens = np.arange(ours.vocab_size)[::-1]
    found = ours.unreachable(tokens)
    assert found.tolist() == theirs.unreachable(tokens).tolist() == Codec.unreachable(ours, tokens).tolist()
    assert 421 in found and 420 not in found and len(found) < len(tokens) // 2
    assert ours.token_lengths().tolist() == theirs.token_lengths().tolist()


def test_a_content_that_the_form_changes_leaves_all_to_the_library(kinds):
    entry = json.loads(kinds["NFC"][0]._text)
    entry["normalizer"] = {"type": "NFD"}
    codec = HuggingFaceCodec(json.dumps(entry))
    assert not codec._is_plain(b"plain text")
    assert codec.encode("a<é>".encode()).tolist()[-1] == 422
