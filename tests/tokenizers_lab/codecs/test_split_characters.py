"""A character that is split over several tokens has its borders inside, whoever runs the tokenizer."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokenizers_lab as lab
from tokenizers_lab.analysis.overlap import jaccard, segmentation_f1, vocabulary, weighted_jaccard
from tokenizers_lab.bits_per_byte import tokenise
from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.codecs.huggingface import HuggingFaceCodec

TEXT = "日本語 한국어 🙂👩\u200d👩\u200d👧 İstanbul ığ हिन्दी plain words too " * 3


@pytest.fixture(scope="module")
def kinds(english, tmp_path_factory):
    """A vocabulary that splits characters: run by us, its pattern in other words, and by the library."""
    folder = tmp_path_factory.mktemp("kinds")
    pattern = r"\s?\p{L}+|\s?[^\s\p{L}]+|\s+"
    ours = lab.train(documents=[english[:20_000]], vocab_size=500, pre=f"regex:{pattern}", special="<eos>")
    entry = ours.to_json()
    found = {"ours": ours}
    for name, change in (
        (
            "wrapped",
            lambda e: e["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": f"(?:{pattern})"}),
        ),
        # one form alone would be run by us where a text is in it (test_normal_forms.py)
        ("library", lambda e: e.update(normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}]})),
    ):
        other = json.loads(json.dumps(entry))
        change(other)
        (folder / f"{name}.json").write_text(json.dumps(other))
        found[name] = lab.load(folder / f"{name}.json")
    assert isinstance(found["wrapped"], BpeCodec) and isinstance(found["library"], HuggingFaceCodec)
    return found


@pytest.mark.parametrize("name", ["wrapped", "library"])
def test_a_file_compared_with_itself_is_itself(kinds, name):
    raw = TEXT.encode()
    a, b = tokenise(kinds["ours"], raw).require(), tokenise(kinds[name], raw).require()
    assert a.ids.tolist() == b.ids.tolist() and a.offsets.tolist() == b.offsets.tolist()
    assert segmentation_f1(a, b) == 1 and weighted_jaccard(a, b) == 1
    assert jaccard(vocabulary(a.codec), vocabulary(b.codec)) == 1
    assert not set(np.cumsum([0, *(len(c.encode()) for c in TEXT)]).tolist()) >= set(b.offsets.tolist())


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.sampled_from("a é日🙂e\u0301\u0327\u1100\u1161Å\ufb01\ufffd<eos> "), max_size=20))
def test_offsets_cover_what_a_normalizer_changes(kinds, text):
    codec, raw = kinds["library"], text.encode()
    ids = codec.encode(raw)
    offsets = codec.offsets(raw, ids)
    assert offsets[0] == 0 and (np.diff(offsets) >= 0).all() and len(offsets) == len(ids) + 1
    assert not len(ids) or offsets[-1] == len(raw)
    if codec.decode(ids) == raw:
        assert offsets.tolist() == np.cumsum([0, *(len(codec.token_bytes(int(i))) for i in ids)]).tolist()
