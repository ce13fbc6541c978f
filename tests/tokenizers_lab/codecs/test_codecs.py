"""Every codec keeps the protocol: lossless on any bytes (or marked), byte offsets, fingerprints, clean
errors."""

import random

import numpy as np
import pytest
from nasty import NASTY, random_bytes

import tokenizers_lab as lab
from tokenizers_lab.codec import Codec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.registry import parse

SPELLINGS = [
    "bytes",
    "gzip",
    "gzip[level=1,v=65k]",
    "ac",
    "ac[m1=order-0]",
    "ac[m1=order-6,v=65k]",
    "static-ac",
]


@pytest.fixture(scope="session")
def every(bpe, unigram):
    return [*map(lab.load, SPELLINGS), bpe, unigram]


def test_lossless_with_offsets_on_nasty_and_random_bytes(every):
    rng = random.Random(1)
    data = NASTY + [random_bytes(rng, 200) for _ in range(150)]
    for codec in every:
        assert codec.lossless
        for raw in data:
            ids = codec.encode(raw)
            assert ids.dtype == np.uint32 and (not len(ids) or int(ids.max()) < codec.vocab_size)
            assert codec.decode(ids) == raw, (codec, raw)
            offsets = codec.offsets(raw, ids)
            assert (
                offsets[0] == 0
                and offsets[-1] == len(raw)
                and len(offsets) == len(ids) + 1
                and (np.diff(offsets) >= 0).all()
                or not len(ids)
            )
            if codec.token_lengths() is not None:
                assert b"".join(codec.token_bytes(int(i)) for i in ids) == raw


def test_bpe_is_lossless_on_a_hundred_thousand_random_strings(bpe):
    rng = random.Random(2)
    for _ in range(100_000):
        raw = rng.randbytes(rng.randrange(24))
        assert bpe.decode(bpe.encode(raw)) == raw


def test_fingerprints_tell_codecs_apart(every):
    prints = [c.fingerprint() for c in every]
    # "static-ac" is ac[m1=order-0] under another name; both mean the same ids.
    assert len(set(prints)) == len(prints) - 1
    assert lab.load("static-ac").fingerprint() == lab.load("ac[m1=order-0]").fingerprint()


def test_saved_codecs_come_back(every, tmp_path):
    raw = b"In the beginning, any bytes \xff\x00"
    for i, codec in enumerate(every):
        suffix = "model" if type(codec).__name__ == "UnigramCodec" else "json"
        path = tmp_path / f"{i}.{suffix}"
        codec.save(path)
        back = lab.load(path)
        assert (
            back.fingerprint() == codec.fingerprint()
            and back.encode(raw).tolist() == codec.encode(raw).tolist()
        )
        assert type(back) is type(codec)


def test_a_saved_spelling_whose_ids_changed_is_refused(tmp_path):
    path = tmp_path / "g.json"
    lab.load("gzip").save(path)
    path.write_text(path.read_text().replace('"gzip"', '"gzip[level=1]"'))
    with pytest.raises(DataError, match="changed"):
        lab.load(path)


def test_bad_ids_are_clean_errors(every):
    rng = random.Random(3)
    for codec in every:
        with pytest.raises(DataError):
            codec.decode([codec.vocab_size])
        with pytest.raises(DataError):
            codec.decode(np.array([0.5]))
        for _ in range(100):
            ids = rng.choices(range(codec.vocab_size), k=rng.randrange(12))
            try:
                assert isinstance(codec.decode(ids), bytes)
            except DataError:
                pass  # the clean refusal


@pytest.mark.parametrize(
    "spelling",
    [
        "byte",
        "gzip[level=10]",
        "gzip[lvl=1]",
        "gzip[level]",
        "gzip[v=300]",
        "ac[m1=order-99]",
        "ac[m1=nothing]",
        "ac[train=missing.txt]",
        "missing.json",
        "gzip[level=1,level=2]",
        "gzip[level=x]",
    ],
)
def test_bad_spellings_are_one_line(spelling):
    with pytest.raises(LabError) as error:
        lab.load(spelling)
    assert "\n" not in str(error.value)


def test_parameters_parse():
    assert parse("ac[m1=order-3, v=65k]") == ("ac", {"m1": "order-3", "v": "65k"})
    assert parse("x[m1=ac[m1=a,b=c],d=e]") == ("x", {"m1": "ac[m1=a,b=c]", "d": "e"})
    assert parse("bytes") == ("bytes", {})


def test_text_is_refused_with_advice(bpe):
    with pytest.raises(TypeError, match="encode"):
        bpe.encode("text")


def test_a_name_cannot_be_taken_twice():
    from tokenizers_lab import registry

    with pytest.raises(LabError, match="registered already"):
        registry.register("bytes", lambda p, s: None)


def test_codec_is_abstract():
    with pytest.raises(TypeError):
        Codec()


def test_save_is_atomic(tmp_path, bpe, monkeypatch):
    import os

    path = tmp_path / "T.json"
    bpe.save(path)
    before = path.read_bytes()

    def broken(*_):
        raise OSError("no")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(LabError, match=r"T\.json"):
        bpe.truncated(300).save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
