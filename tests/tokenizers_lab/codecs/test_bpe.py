"""Our BPE encoder equals Hugging Face's, its readable twin, and tiktoken; smaller vocabularies are nested."""

import json
import random

import numpy as np
import pytest
import tiktoken
import tiktoken.load
import tokenizers
from nasty import NASTY, random_bytes

import tokenizers_lab as lab
from tokenizers_lab.codecs.bpe import BpeCodec, twin_encode
from tokenizers_lab.codecs.huggingface import HuggingFaceCodec
from tokenizers_lab.codecs.tiktoken import export, load_tiktoken
from tokenizers_lab.errors import DataError, LabError


def valid(data: bytes) -> str:
    return data.decode("utf-8", "ignore")


@pytest.mark.parametrize("pre", ["gpt2", "gpt4", "none"])
def test_ids_equal_hugging_face(pre, english, tmp_path):
    codec = lab.train(documents=[english[:60_000]], vocab_size=800, pre=pre, special=["<eos>", "<pad>"])
    codec.save(tmp_path / "T.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "T.json"))
    rng = random.Random(1)
    for raw in [english[60_000:90_000], *NASTY, *(random_bytes(rng, 300) for _ in range(300))]:
        text = valid(raw)
        if "<eos>" not in text:
            assert codec.encode(text.encode()).tolist() == theirs.encode(text).ids
    back = lab.load(tmp_path / "T.json")
    assert isinstance(back, BpeCodec) and back.fingerprint() == codec.fingerprint()
    assert codec.token_bytes(0) == b"" and codec.used_vocab_size() == 798
    assert (
        theirs.token_to_id("<eos>") == 0 and theirs.decode(codec.encode(b" caf\xc3\xa9").tolist()) == " café"
    )


def test_kernel_equals_its_twin(bpe):
    rng = random.Random(2)
    runs = [b"aaaa" * 40, b"ab" * 200, b"the" * 100, "İ".encode() * 60]  # long pre-tokens take the heap
    for raw in [*NASTY, *runs, *(random_bytes(rng, 200) for _ in range(200))]:
        assert bpe.encode(raw).tolist() == twin_encode(bpe, raw)


def test_long_words_equal_hugging_face(english, tmp_path):
    codec = lab.train(
        documents=[b"acgt" + bytes(random.Random(0).choices(b"acgt", k=20_000))], vocab_size=400
    )
    codec.save(tmp_path / "T.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "T.json"))
    dna = bytes(random.Random(1).choices(b"acgt", k=5_000))
    assert codec.encode(dna).tolist() == theirs.encode(dna.decode()).ids


def test_truncated_is_what_a_smaller_run_gives(bpe, english):
    for size in (256, 257, 600, 1999):
        assert (
            bpe.truncated(size).fingerprint() == lab.train(documents=[english], vocab_size=size).fingerprint()
        )
    for size in (255, 2001):
        with pytest.raises(LabError):
            bpe.truncated(size)


@pytest.mark.parametrize("pre", ["gpt2", "gpt4"])
def test_tiktoken_export_gives_tiktokens_ids(pre, english, tmp_path):
    codec = lab.train(documents=[english[:60_000]], vocab_size=900, pre=pre)
    differ = export(codec, tmp_path / "x.tiktoken", english[:20_000])
    sidecar = json.loads((tmp_path / "x.tiktoken.json").read_text())
    ranks = tiktoken.load.load_tiktoken_bpe(str(tmp_path / "x.tiktoken"))
    theirs = tiktoken.Encoding("x", pat_str=sidecar["pat_str"], mergeable_ranks=ranks, special_tokens={})
    ours = lab.load(str(tmp_path / "x.tiktoken"))
    rng = random.Random(3)
    for raw in [english[60_000:80_000], *NASTY, *(random_bytes(rng) for _ in range(200))]:
        text = valid(raw)
        assert ours.encode(text.encode()).tolist() == theirs.encode_ordinary(text)
    assert differ == 0 and ours.encode(english[:20_000]).tolist() == codec.encode(english[:20_000]).tolist()
    assert ours.decode(ours.encode(b"\xff\x00")) == b"\xff\x00"
    assert load_tiktoken(tmp_path / "x.tiktoken", "gpt2").pre.name == "gpt2"


def test_bad_rank_files_name_the_line(tmp_path):
    path = tmp_path / "bad.tiktoken"
    for text, match in (
        ("IQ== 0\nnonsense\n", "line 2"),
        ("IQ== 0\nIQ== 1\n", "line 2"),
        ("IQ== 5\n", "byte 0"),
        ("", "no ranks"),
        ("IQ== 0\nIQ\n", "line 2"),
        ("IQ== 0\nIg== 900000\n", "too far above"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=match):
            lab.load(path)


def test_special_tokens_survive_tiktoken(english, tmp_path):
    codec = lab.train(documents=[english[:20_000]], vocab_size=400, special=["<eos>"])
    export(codec, tmp_path / "s.tiktoken")
    back = lab.load(tmp_path / "s.tiktoken")
    assert (
        back.special == {"<eos>": 0} and back.encode(b"the end").tolist() == codec.encode(b"the end").tolist()
    )


def test_ignore_merges_keeps_whole_words(bpe, tmp_path):
    entry = bpe.to_json()
    entry["model"]["ignore_merges"] = True
    entry["model"]["merges"] = [m for m in entry["model"]["merges"] if m[0] + m[1] != "Ġthe"]
    (tmp_path / "T.json").write_text(json.dumps(entry))
    codec = lab.load(tmp_path / "T.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "T.json"))
    for text in (" the", " there", "in the beginning the the"):
        assert (
            codec.encode(text.encode()).tolist()
            == theirs.encode(text).ids
            == twin_encode(codec, text.encode())
        )


def test_other_tokenizers_go_through_the_library(tmp_path, english):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(
        [english[:30_000].decode()],
        trainers.WordPieceTrainer(vocab_size=500, special_tokens=["[UNK]"], show_progress=False),
    )
    tokenizer.save(str(tmp_path / "W.json"))
    codec = lab.load(tmp_path / "W.json")
    assert isinstance(codec, HuggingFaceCodec) and not codec.lossless and codec.loss
    raw = "The Beginning \xff é".encode() + b"\xff\xfe end"
    ids = codec.encode(raw)
    assert ids.tolist() == tokenizer.encode(raw.decode("utf-8", "replace")).ids
    offsets = codec.offsets(raw, ids)
    assert offsets[0] == 0 and offsets[-1] == len(raw) and (np.diff(offsets) >= 0).all()
    from tokenizers_lab.bits_per_byte import tokenise
    from tokenizers_lab.errors import AccountingError

    with pytest.raises(AccountingError, match="would be wrong"):
        tokenise(codec, raw).require()


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"model": {"type": "BPE", "vocab": {}, "merges": []}}', '{"version": "1.0"}', "\x00\x01"],
)
def test_broken_files_are_clean_errors(tmp_path, text):
    (tmp_path / "T.json").write_text(text)
    with pytest.raises(LabError):
        lab.load(tmp_path / "T.json")
