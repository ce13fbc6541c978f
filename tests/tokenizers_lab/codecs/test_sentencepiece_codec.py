"""SentencePiece models of others: the library's ids on texts of any length, lossless only where nothing is
rewritten, and borders that lie where the library says."""

import io
import itertools

import numpy as np
import pytest
from nasty import NASTY
from suite import TEXTS

import tokenizers_lab as lab
from tokenizers_lab.bits_per_byte import tokenise
from tokenizers_lab.codecs.sentencepiece import UnigramCodec
from tokenizers_lab.datasets import build, verify
from tokenizers_lab.errors import DataError

sentencepiece = pytest.importorskip("sentencepiece")

TEXT = [line for text in TEXTS.values() for line in text.split("\n") if line] * 10 + [
    "the cat it is the end"
] * 99
PLAIN = {
    "normalization_rule_name": "identity",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
    "byte_fallback": True,
}


def model(**options) -> bytes:
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT),
        model_writer=out,
        **{"vocab_size": 1000, "minloglevel": 2, "num_threads": 1, "hard_vocab_limit": False, **options},
    )
    return out.getvalue()


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def lossless(request):
    lines = ["a\nb", "e\n"] if request.param == "unigram" else []
    return UnigramCodec(model(model_type=request.param, user_defined_symbols=lines, **PLAIN), request.param)


@pytest.fixture(scope="module")
def as_mistral():
    """A space before each text, bytes for what is not in the vocabulary."""
    return UnigramCodec(model(**{**PLAIN, "add_dummy_prefix": True, "character_coverage": 0.98}), "mistral")


@pytest.mark.parametrize(
    "text",
    [
        "the " * 40_000,
        "a\nb" * 30_000,
        "日本" * 40_000,
        "x" * 70_000 + " the",
        " ".join(TEXT).replace("▁", "_")[:300_000],
    ],
)
def test_long_texts_have_the_librarys_ids(lossless, text):
    assert lossless.lossless and lossless.encode(text.encode()).tolist() == lossless._processor.encode(text)
    assert lossless.decode(lossless.encode(text.encode())) == text.encode()


def test_a_model_with_rules_of_its_own_is_not_called_lossless(tmp_path):
    """No probe can find every rule: this one makes k of q."""
    (tmp_path / "rules.tsv").write_text("71\t6B\n")
    codec = UnigramCodec(model(**PLAIN, normalization_rule_tsv=str(tmp_path / "rules.tsv")))
    assert codec.decode(codec.encode(b"quick")) == b"kuick"
    assert not codec.lossless and "rules of its own" in codec.loss


@pytest.mark.parametrize("raw", [*(t.encode() for t in TEXTS.values()), *NASTY])
def test_borders_are_the_librarys_and_inside_characters(as_mistral, raw):
    ids, ends = as_mistral.encode_with_offsets(raw)
    assert (
        ids.tolist()
        == as_mistral.encode(raw).tolist()
        == as_mistral._processor.encode(raw.decode("utf-8", "replace"))
    )
    assert ends.tolist() == as_mistral.offsets(raw, ids).tolist() and len(ends) == len(ids) + 1
    assert ends[0] == 0 and (np.diff(ends) >= 0).all() and (not len(ids) or ends[-1] == len(raw))
    if as_mistral.decode(ids) == raw and "▁" not in raw.decode():
        pieces = b"".join(as_mistral.token_bytes(i) for i in ids)
        assert pieces == b" " * (len(pieces) - len(raw)) + raw
        inside = [as_mistral.token_bytes(i) for i in ids[1:]]
        assert [raw[a:b] for a, b in itertools.pairwise(ends[1:])] == inside


def test_a_space_before_a_text_is_no_loss(as_mistral, tmp_path):
    """Such models were refused by dataset build, and analyze gave no bits per byte."""
    (tmp_path / "a.txt").write_text("\n".join(TEXT).replace("▁", "_"))
    as_mistral.save(tmp_path / "m.model")
    build(str(tmp_path / "m.model"), [tmp_path / "a.txt"], tmp_path / "d", workers=1, document_bytes=2000)
    assert verify(tmp_path / "d", [tmp_path / "a.txt"]) == []
    assert tokenise(as_mistral, "the 日本 🙂".encode()).problem is None
    assert not as_mistral.lossless and as_mistral.token_lengths() is None and as_mistral.token_strings()


def test_offsets_of_other_ids_are_refused(as_mistral):
    with pytest.raises(DataError, match="not the encoding"):
        as_mistral.offsets(b"the end", np.array([1]))


def test_what_an_earlier_version_made_is_read(lossless, tmp_path):
    """Its ids were others on texts above 64 KiB; it decodes them to the same bytes."""
    from tokenizers_lab.datasets.manifest import Manifest

    (tmp_path / "a.txt").write_bytes(b"the cat " * 99)
    manifest = build(lossless, [tmp_path / "a.txt"], tmp_path / "d", workers=1)
    (earlier,) = lossless.earlier_fingerprints()
    assert earlier != lossless.fingerprint() and lab.load(
        tmp_path / "d" / "codec.bin"
    ).earlier_fingerprints() == (earlier,)
    now = manifest.content_hashes()
    manifest.data["codec"]["fingerprint"] = earlier
    manifest.write()
    old = Manifest.read(tmp_path / "d")
    assert old.content_hash in now[1:] and verify(tmp_path / "d", [tmp_path / "a.txt"]) == []
