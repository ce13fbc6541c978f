"""Real files of many scripts and formats: bytes add up, ids come back, training on each gives shorter
streams."""

import pytest
import tokenizers

import tokenizers_lab as lab
from tokenizers_lab.bits_per_byte import tokenise

NAMES = [
    "alice29.txt",
    "text_tr.txt",
    "text_ru.txt",
    "text_zh-cn.txt",
    "text_ja.txt",
    "text_ko.txt",
    "text_hi.txt",
    "ui_ar.txt",
    "cpython_stdlib.py.txt",
    "iso_639-3.json",
    "ecoli_536.fna",
    "libsqlite3.so",
    "screenshot.png",
    "pathological/invalid_utf8_200k",
    "pathological/all_codepoints_utf8",
    "pathological/emoji_zwj_100k",
    "pathological/zeros_1mb",
    "pathological/empty",
]


@pytest.mark.parametrize("name", NAMES)
def test_bytes_add_up(name, corpus, bpe, unigram, tmp_path):
    raw = corpus(f"dev/{name}").read_bytes()[:150_000]
    streams = [
        tokenise(c, raw, name).require() for c in (bpe, unigram, lab.load("ac[m1=order-2]"), lab.load("gzip"))
    ]
    if not raw:
        return
    own = lab.train(documents=[raw], vocab_size=1000)
    mine = tokenise(own, raw, name).require()
    if name != "screenshot.png":
        assert len(mine.ids) < len(streams[0].ids) or name == "alice29.txt"
    own.save(tmp_path / "T.json")
    text = raw.decode("utf-8", "ignore")
    assert (
        tokenizers.Tokenizer.from_file(str(tmp_path / "T.json")).encode(text).ids
        == own.encode(text.encode()).tolist()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "codec", ["equal-info[m1=order-5]", "equal-info[v=256,m1=order-5]", "model-dictionary[m1=order-5]"]
)
def test_tokens_of_every_real_file_give_its_bytes(codec, corpus, tmp_path):
    from tokenizers_lab.datasets import TokenReader, build, verify

    folder = corpus("dev/alice29.txt").parent
    build(codec, [folder], tmp_path / "d", workers=2)
    assert verify(tmp_path / "d", [folder]) == []
    reader = TokenReader(tmp_path / "d")
    # What reads as another kind of file by its name (.gz) is unpacked, so sizes need not be those on disk.
    assert reader.bytes >= 50_000_000 and int(reader.docs[:, 2].sum()) == reader.bytes


@pytest.mark.slow
def test_longer_windows_of_every_real_file_give_its_bytes(corpus):
    codecs = [
        lab.load(f"equal-info[b={b},v={v},m1=order-4]")
        for b, v in ((24, 256), (32, "65k"), (64, 256), (128, 256))
    ]
    files = [p for p in sorted(corpus("dev/alice29.txt").parent.rglob("*")) if p.is_file()]
    assert len(files) > 40
    for path in files:
        raw = path.read_bytes()[:60_000]
        for codec in codecs:
            assert codec.decode(codec.encode(raw)) == raw, (codec, path)


def test_compare_is_one_python_call(tmp_path, english):
    results = lab.compare(
        ["bytes", "gzip"], {"a": english[:3000]}, tmp_path / "R.html", compressors=("zstd",)
    )
    assert [c["name"] for c in results["codecs"]] == ["bytes", "gzip"] and "a: entropies" in (
        tmp_path / "R.html"
    ).read_text()
