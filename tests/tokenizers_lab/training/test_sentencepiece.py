"""SentencePiece's trainer: what it can do is honoured, its result is one, nothing vanishes from its text."""

import pytest

from tokenizers_lab.errors import LabError
from tokenizers_lab.training.sentencepiece import train_unigram


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_special_tokens_have_ids_and_are_never_made(kind, english):
    text = english[:30_000] + b" <doc> EOS" * 50
    codec = train_unigram([text], 500, kind, special=["<doc>", "EOS", "</s>"])
    assert (
        codec.lossless and codec.eos_id == 2 and None not in map(codec.special_id, ["<doc>", "EOS", "</s>"])
    )
    ids = codec.encode(b"a <doc> EOS </s>")
    assert codec.decode(ids) == b"a <doc> EOS </s>"
    assert not {codec.special_id(n) for n in ("<doc>", "EOS", "</s>")} & set(ids.tolist())
    with pytest.raises(LabError, match="twice"):
        train_unigram([text], 500, special=["a", "a"])


def test_lines_with_the_reserved_sign_are_learned_from(english):
    text = english[:20_000].decode()
    barred, plain = (
        train_unigram([line * 2000 + text], 600) for line in ("▅ zebra quagga ▅\n", " zebra quagga \n")
    )
    assert barred.fingerprint() == plain.fingerprint() != train_unigram([text], 600).fingerprint()
    assert barred.decode(barred.encode("▅ ▁ x".encode())) == "▅ ▁ x".encode()


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_the_result_is_one(kind, english):
    assert (
        train_unigram([english[:60_000]], 700, kind).fingerprint()
        == train_unigram([english[:60_000]], 700, kind).fingerprint()
    )
