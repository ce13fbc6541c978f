"""Real tokenizer files of others: ids equal to their own libraries', on texts of many kinds and on every
character there is. ``scripts/fetch_tokenizers.py`` brings the files."""

import importlib.util
import os
from pathlib import Path

import pytest
from suite import LANGUAGES, TEXTS, every_character
from support import ROOT

import tokenizers_lab as lab
from tokenizers_lab.codecs.bpe import BpeCodec

spec = importlib.util.spec_from_file_location("fetch_tokenizers", ROOT / "scripts" / "fetch_tokenizers.py")
fetch_tokenizers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fetch_tokenizers)
FILES = {p.name: p for p in fetch_tokenizers.FILES}

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
GPT4 = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
    r"|\s*[\r\n]|\s+(?!\S)|\s"
)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ]
)
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
# The patterns as those who trained the vocabularies publish them, in tiktoken's syntax.
PATTERNS = {
    "r50k_base.tiktoken": GPT2,
    "p50k_base.tiktoken": GPT2,
    "whisper.tiktoken": GPT2,
    "cl100k_base.tiktoken": GPT4,
    "llama3.model": GPT4,
    "o200k_base.tiktoken": O200K,
    "llama4.model": O200K,
    "qwen.tiktoken": QWEN,
}


def file(name: str) -> Path:
    folder = os.environ.get("NZIP_TOKENIZERS")
    if not folder:
        pytest.skip("needs real tokenizer files: set NZIP_TOKENIZERS to scripts/fetch_tokenizers.py's folder")
    assert (Path(folder) / name).exists(), f"{name} is not in {folder}"
    return Path(folder) / name


def reference(path: Path):
    """``encode(text)`` of the original library."""
    if path.name in PATTERNS:
        import tiktoken
        from tiktoken.load import load_tiktoken_bpe

        ranks = load_tiktoken_bpe(str(path))
        special = {"<|endoftext|>": max(ranks.values()) + 1000, "<|im_end|>": max(ranks.values()) + 1001}
        encoding = tiktoken.Encoding(
            path.name, pat_str=PATTERNS[path.name], mergeable_ranks=ranks, special_tokens=special
        )
        return lambda text: encoding.encode(text, disallowed_special=())
    if path.suffix == ".model":
        import sentencepiece

        return sentencepiece.SentencePieceProcessor(model_file=str(path)).encode
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def test_the_suite_has_languages_and_kinds():
    assert len(LANGUAGES) >= 22 and len(TEXTS) >= 40 and len(FILES) >= 12
    assert {f.sha256 for f in FILES.values()} and all(len(f.sha256) == 64 for f in FILES.values())


def test_the_table_in_the_docs_names_every_file():
    table = (ROOT / "docs" / "TOKENIZERS.md").read_text("utf-8")
    for pinned in FILES.values():
        row = next(line for line in table.splitlines() if f"`{pinned.name}`" in line)
        assert pinned.package in row and pinned.version in row and pinned.sha256[:16] in row


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_ids_are_the_original_librarys(name):
    path = file(name)
    codec, theirs = lab.load(FILES[name].loads.format(path)), reference(path)
    assert isinstance(codec, BpeCodec) == (FILES[name].runs == "ours")
    for kind, text in TEXTS.items():
        ids = codec.encode(text.encode()).tolist()
        assert ids == theirs(text), (name, kind)
        if codec.lossless:
            assert codec.decode(ids) == text.encode(), (name, kind)
    whole = "\n".join(TEXTS.values())
    assert codec.encode(whole.encode()).tolist() == theirs(whole)
    for at, text in enumerate(every_character()):
        assert codec.encode(text.encode()).tolist() == theirs(text), (name, f"characters from {at * 4096:x}")
    if codec.lossless:
        for raw in (b"\xff\xfe \xc3(", b"caf\xc3", b"\xed\xa0\x80", bytes(range(256))):
            assert codec.decode(codec.encode(raw)) == raw


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_it_comes_back_from_its_own_file(name, tmp_path):
    codec = lab.load(FILES[name].loads.format(file(name)))
    codec.save(tmp_path / "codec.bin")
    back = lab.load(tmp_path / "codec.bin")
    assert back.fingerprint() == codec.fingerprint() and back.eos_id == codec.eos_id
    text = "".join(TEXTS.values()).encode()
    assert back.encode(text).tolist() == codec.encode(text).tolist() and back.lossless == codec.lossless
