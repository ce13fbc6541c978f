"""Parity-aware merges: the worst off chooses, so languages end nearer to each other; tokens that are told are
the codec's."""

import pytest

import tokenizers_lab as lab
from tokenizers_lab.errors import LabError
from tokenizers_lab.training.parity import train_parity


@pytest.fixture(scope="module")
def translations(english):
    """A text, and the same in a script whose letters take three bytes."""
    text = english[:40_000].decode("utf-8", "ignore")
    return text.encode(), "".join(chr(ord(c) + 0x1000) if "a" <= c <= "z" else c for c in text).encode()


def test_languages_end_nearer_to_each_other(translations):
    run = train_parity(translations, 900, special=["<eos>"])
    plain = lab.train(documents=list(translations), vocab_size=900, special=["<eos>"])
    assert run.codec.vocab_size == 900 and not run.exhausted and sum(run.chose) >= 900 - 257
    assert run.tokens == [len(run.codec.encode(t)) for t in translations]
    assert run.chose[1] > run.chose[0] > 0
    own = [len(plain.encode(t)) for t in translations]
    assert abs(run.tokens[0] - run.tokens[1]) < 0.2 * abs(own[0] - own[1])
    for text in translations:
        assert run.codec.decode(run.codec.encode(text)) == text


def test_equal_languages_give_plain_bpe(english):
    text = english[:20_000]
    run = train_parity([text, text], 500)
    assert run.codec.fingerprint() == lab.train(documents=[text], vocab_size=500).fingerprint()
    assert run.codec.truncated(400).fingerprint() == train_parity([text, text], 400).codec.fingerprint()


def test_mistakes_are_one_line():
    for sources, size, match in (
        ([b"abc"], 300, "two sources"),
        ([b"abc", b""], 300, "no text"),
        ([b"abc", b"abd"], 200, "too small"),
        ([b"abc", "nowhere.txt"], 300, "no such"),
    ):
        with pytest.raises(LabError, match=match) as caught:
            train_parity(sources, size)
        assert "\n" not in str(caught.value)
    assert train_parity([b"abab", b"cd"], 400).exhausted
