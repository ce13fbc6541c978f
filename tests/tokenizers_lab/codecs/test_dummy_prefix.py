"""SentencePiece models as others train them: a dummy prefix loses no byte, a normalisation does, and both
have the library's ids and borders that are the text's."""

import io
import re

import numpy as np
import pytest
import sentencepiece

import tokenizers_lab as lab
from tokenizers_lab.analysis import glitch, morphology, overlap, utf8
from tokenizers_lab.bits_per_byte import require, tokenise
from tokenizers_lab.codecs.sentencepiece import UnigramCodec
from tokenizers_lab.errors import AccountingError

TEXTS = [
    "",
    "a",
    " a",
    "the king's  house\n\n  and\tall",
    "\n",
    "İstanbul'da ığüş 日本",
    "éa e\u0301 ﬁ ½ 🙂",
    " ",
]


def trained(text: str, kind: str, **options) -> bytes:
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.splitlines()),
        model_writer=out,
        vocab_size=600,
        model_type=kind,
        minloglevel=2,
        **options,
    )
    return out.getvalue()


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def prefixed(request, english):
    """As Llama 2's and Mistral's: byte fallback, the identity, white space kept, a dummy prefix."""
    options = {
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    }
    return trained(english[:60_000].decode(), request.param, **options)


@pytest.fixture(scope="module")
def normalising(english):
    """The trainer's own defaults: NFKC, white space thrown away, no byte fallback."""
    return trained(english[:60_000].decode(), "unigram")


def test_a_dummy_prefix_loses_nothing(prefixed):
    codec = UnigramCodec(prefixed)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=prefixed)
    assert not codec.lossless and "U+2581" in codec.loss and codec.token_lengths() is None
    for text in TEXTS:
        raw = text.encode()
        stream = tokenise(codec, raw)
        assert stream.ids.tolist() == theirs.encode(text)
        assert stream.problem is None and codec.decode(stream.ids) == raw
        pieces = [raw[a:b] for a, b in zip(stream.offsets, stream.offsets[1:])]
        own = [codec.token_bytes(int(i)) for i in stream.ids]
        assert pieces[1:] == own[1:] and (not own or own[0] == b" " + pieces[0])
        require(codec, None, raw, stream.ids, "here")
    for raw in (b"\xff\xfe a", "▁".encode(), "a▁b".encode()):
        stream = tokenise(codec, raw)
        assert stream.offsets[-1] == len(raw) and "other bytes" in stream.problem
        with pytest.raises(AccountingError):
            require(codec, None, raw, stream.ids, "here")


def test_a_long_text_has_the_librarys_ids(prefixed, english):
    codec = UnigramCodec(prefixed)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=prefixed)
    text = (english[:150_000] + b"x " * 40_000 + english[:9_000]).decode()  # a line longer than a stretch
    stream = tokenise(codec, text.encode())
    assert stream.ids.tolist() == theirs.encode(text) and stream.problem is None


def test_what_its_vocabulary_says(prefixed, english):
    codec = UnigramCodec(prefixed)
    stream = tokenise(codec, english[:20_000])
    assert (
        len(overlap.vocabulary(codec)) > 400 and utf8.completeness(stream)["stream_complete"]["value"] > 0.99
    )
    words = [i for i in set(stream.ids.tolist()) if codec.token_bytes(i).strip().isalpha()]
    reached = [i for i in words if codec.reaches(i)]
    assert len(reached) > 0.9 * len(words)
    found = glitch.candidates(codec, stream.ids)
    assert not set(found["unreachable_ids"]) & set(reached)
    gold = morphology.gold_boundaries(codec, [["be", "gin", "ning"], ["king", "dom"]])
    assert gold["words"] == 2 and gold["recall"] > 0


def test_one_that_normalises_says_where_it_loses(normalising, english):
    codec = UnigramCodec(normalising)
    assert not codec.lossless and "<unk>" in codec.loss
    kept = b" ".join(re.findall(rb"[a-z]+", english[:3000]))
    stream = tokenise(codec, kept)
    assert stream.problem is None and codec.decode(stream.ids) == kept
    for raw in (b"two  spaces", "ﬁne".encode(), b"a\nb", b"\xff", "日".encode()):
        stream = tokenise(codec, raw)
        assert "other bytes" in stream.problem or not len(stream.ids) and "do not cover" in stream.problem
        assert len(stream.offsets) == len(stream.ids) + 1 and stream.offsets[-1] in (0, len(raw))
    text = "the ﬁrst\n\nand  last"
    stream = tokenise(codec, text.encode())
    ends = [text.encode()[:b].decode("utf-8", "strict") for b in stream.offsets]
    assert ends[-1] == text and (np.diff(stream.offsets) >= 0).all()


def test_the_verdict_ranks_what_loses_nothing(prefixed, normalising, english):
    results = lab.analyze(
        [UnigramCodec(prefixed), UnigramCodec(normalising), "bytes"],
        {"a.txt": english[:20_000]},
        compressors=(),
        labels=["prefixed", "normalising", "bytes"],
    )
    found = results.verdict()
    assert set(found.lost) == {"normalising"} and found.order[-1] == "normalising"
    assert found.best("bytes_per_token") == ["prefixed"]
    entry = results["codecs"][0]["files"]["a.txt"]
    assert entry["accounting"] == "ok" and entry["counts"]["bytes"] == 20_000
