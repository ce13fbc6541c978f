"""The one reader of sources: every packing and structure, told by content and by name in any case, gives the
same text to every verb; what holds no text, is damaged, hidden or goes round in circles is refused or left
out."""

import bz2
import functools
import gzip
import io
import json
import lzma
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support import ROOT

import nzip
import tokenizers_lab as lab
from tokenizers_lab.cli.main import main
from tokenizers_lab.datasets import TokenReader, build, verify
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.sources import finding, reading

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
zstandard = pytest.importorskip("zstandard")

TEXT = "".join(f"Zeile {i}: Straße, ığüşöç, 日本語.\n" for i in range(900))
RAW = TEXT.encode()
PACKERS = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    "nz": functools.cache(functools.partial(nzip.compress, level=1)),
}


def json_lines(texts) -> bytes:
    return b"".join(json.dumps({"text": t}).encode() + b"\n" for t in texts)


def parquet(texts, kind=None) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(texts, kind or pa.string())}), out, row_group_size=300)
    return out.getvalue()


LINES = TEXT.splitlines(keepends=True)
FILES = {
    "a.txt": RAW,
    "a": RAW,
    "a.TXT.GZ": gzip.compress(RAW),
    "a.Xz": lzma.compress(RAW),
    "a.bz2": bz2.compress(RAW[:5000]) + bz2.compress(RAW[5000:]),
    "a.ZST": zstandard.compress(RAW[:5000])
    + b"\x50\x2a\x4d\x18\x02\0\0\0xx"
    + zstandard.compress(RAW[5000:]),
    "a.nz": PACKERS["nz"](RAW),
    "gzip-inside.txt": gzip.compress(RAW),
    "zst-inside.dat": zstandard.compress(RAW),
    "a.JSONL": json_lines(LINES),
    "a.jl": json_lines(LINES),
    "a.ndjson": json_lines(LINES),
    "a.jsonlines": json_lines(LINES),
    "a.json": json_lines(LINES),
    "a.json.gz": gzip.compress(b"\xef\xbb\xbf" + json_lines(LINES)),
    "a.jsonl.bgz": gzip.compress(json_lines(LINES)),
    "a.jsonl.zst": zstandard.compress(json_lines(LINES)),
    "a.jl.Bz2": bz2.compress(json_lines(LINES)),
    "a.jsonl.nz": nzip.compress(json_lines(LINES), level=1),
    "a.Parquet": parquet(LINES),
    "a.pq": parquet(LINES),
    "a.parquet.gz": gzip.compress(parquet(LINES)),
    "parquet-inside.dat": parquet(LINES),
}


@functools.cache
def fingerprint(documents: int) -> str:
    """Of what is learnt from the text in so many documents: one, or its lines."""
    return lab.train(documents=[TEXT] if documents == 1 else LINES, vocab_size=300).fingerprint()


@pytest.mark.parametrize("name", FILES)
def test_every_verb_reads_the_text(name, tmp_path):
    """Today's faults: tokens learned from packed bytes, datasets of them."""
    (tmp_path / name).write_bytes(FILES[name])
    assert reading.read_text([tmp_path / name]) == RAW
    documents = LINES if name.lower().split(".")[-1] in ("pq", "parquet") or "j" in name.lower() else [TEXT]
    documents = LINES if "parquet" in name.lower() else documents
    assert lab.train([tmp_path / name], vocab_size=300).fingerprint() == fingerprint(len(documents))
    build("bytes", [tmp_path / name], tmp_path / "d", workers=1, document_bytes=0, shard_bytes=9000)
    reader = TokenReader(tmp_path / "d")
    assert b"".join(reader.codec.decode(reader.document(i)) for i in range(reader.documents)) == RAW
    assert reader.documents == len(documents) and verify(tmp_path / "d", [tmp_path / name]) == []
    results = lab.analyze(["bytes"], [tmp_path / name], compressors=())
    assert results["files"][0]["bytes"] == len(RAW)


def test_the_validation_stream_and_the_m1_too(tmp_path):
    for name in ("a.txt", "a.JSONL", "a.ZST"):
        (tmp_path / name).write_bytes(FILES[name])
    assert (
        len(
            {
                lab.load(f"ac[m1=order-1,train={tmp_path / n}]").fingerprint()
                for n in FILES
                if (tmp_path / n).exists()
            }
        )
        == 1
    )
    made = {
        lab.train([tmp_path / "a.txt"], 262, "entropy", validation=tmp_path / n).fingerprint()
        for n in ("a.txt", "a.JSONL", "a.ZST")
    }
    assert len(made) == 1


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        member = tarfile.TarInfo("x")
        member.size = len(RAW)
        file.addfile(member, io.BytesIO(RAW))
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("x", RAW)
    return out.getvalue()


def array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(9))
    return out.getvalue()


def arrow_stream() -> bytes:
    out = io.BytesIO()
    table = pa.table({"text": LINES[:9]})
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


REFUSED = {
    "x.tar": (tar(), "tar archive"),
    "x.tar.gz": (gzip.compress(tar()), "tar archive"),
    "x.tgz": (gzip.compress(tar()), "tar archive"),
    "x.txt": (zipped(), "zip"),
    "x.pdf": (b"%PDF-1.7\n1 0 obj", "PDF"),
    "x.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image"),
    "x.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF", "image"),
    "x.npy": (array(), "NumPy"),
    "x.db": (b"SQLite format 3\0" + bytes(99), "SQLite"),
    "x.lz4": (b"\x04\x22\x4d\x18\x64\x40\xa7", "lz4"),
    "x.7z": (b"7z\xbc\xaf\x27\x1c\0\4", "7z"),
    "x.arrow": (arrow_stream(), "Arrow"),
    "x.orc": (b"ORC\x08\x03\x10\x02" + bytes(99), "ORC"),
    "x.gguf": (b"GGUF\3\0\0\0" + bytes(99), "GGUF"),
    "x.safetensors": (b"\x40\0\0\0\0\0\0\0{" + b'"a":', "safetensors"),
    "x.pkl": (pickle.dumps({"a": [1]}), "pickle"),
    "x.gif": (b"GIF89a\1\0\1\0\x80\0\0", "image"),
    "x.mp4": (b"\0\0\0\x20ftypisom\0\0\2\0", "video"),
    "x.bin": (parquet(LINES)[:999], "Parquet file, or half-written"),
    "x.br": (b"\x0b\x02\x80abc\x03", "brotli"),
    "x.gz.zst": (zstandard.compress(gzip.compress(RAW)), "packed twice"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_no_text_is_named(name, tmp_path):
    raw, kind = REFUSED[name]
    (tmp_path / name).write_bytes(raw)
    for verb in (
        lambda: lab.train([tmp_path / name], 300),
        lambda: lab.analyze(["bytes"], [tmp_path / name]),
        lambda: build("bytes", [tmp_path / name], tmp_path / "d", workers=1),
        lambda: lab.load(f"ac[m1=order-1,train={tmp_path / name}]"),
    ):
        with pytest.raises(LabError, match=kind) as error:
            verb()
        assert name in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "LZIP is",
        "BZh9 is",
        "7kSt",
        "%PD",
        "BM: notes",
        "PAR1\nPAR1",
        "ORC",
        "GIF89a is",
        "PARENTS",
        "the ftyp",
    ]
    + ["07070112345678", "8BPS", "RIFFabcdWAVE"],
)
def test_text_that_begins_like_something_else_is_text(text, tmp_path):
    (tmp_path / "a.txt").write_text(text + " a word PAR1")
    assert reading.read_text([tmp_path / "a.txt"]) == (text + " a word PAR1").encode()


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '{"a": 1}\n', '{\n "a": 1\n}\n', '[{"a": 1},\n{"a": 2}]', "{}\na"]
)
def test_json_that_is_one_text_is_text(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    assert reading.read_text([tmp_path / "a.json"]) == text.encode()


DAMAGED = {
    **{f"cut.txt.{k}": pack(RAW)[:-9] for k, pack in PACKERS.items()},
    **{f"half.txt.{k}": pack(RAW)[: len(pack(RAW)) // 2] for k, pack in PACKERS.items()},
    **{f"turned.txt.{k}": pack(RAW)[:60] + bytes(40) + pack(RAW)[100:] for k, pack in PACKERS.items()},
    **{f"none.txt.{k}": b"no such thing" for k in PACKERS},
    **{f"empty.txt.{k}": b"" for k in PACKERS},
    **{f"tail.txt.{k}": pack(RAW) + b"rubbish" for k, pack in PACKERS.items()},
    **{f"second.txt.{k}": pack(RAW) + b"\1" + pack(RAW)[1:] for k, pack in PACKERS.items()},
    "cut.parquet": parquet(LINES)[:-9],
    "half.parquet.gz": gzip.compress(parquet(LINES))[:-999],
    "cut.jsonl.zst": zstandard.compress(json_lines(LINES))[:-9],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_one_line_and_exit_2_in_every_verb(name, tmp_path, capfd):
    (tmp_path / name).write_bytes(DAMAGED[name])
    (tmp_path / "good.txt").write_bytes(RAW)
    path, good = str(tmp_path / name), str(tmp_path / "good.txt")
    for words in (
        ["train", path, "--vocab-size", "270", "-o", str(tmp_path / "T.json")],
        ["train", path, "--vocab-size", "400", "--model", "unigram", "-o", str(tmp_path / "T.model")],
        [
            "train",
            good,
            "--vocab-size",
            "257",
            "--objective",
            "entropy",
            "--validation",
            path,
            "-o",
            str(tmp_path / "V"),
        ],
        ["analyze", "--codec", "bytes", path, "--json", str(tmp_path / "R.json")],
        ["analyze", "--codec", f"ac[m1=order-1,train={path}]", good, "--json", str(tmp_path / "R.json")],
        ["dataset", "build", path, "--codec", "bytes", "-o", str(tmp_path / "d"), "--workers", "1"],
    ):
        with pytest.raises(SystemExit) as end:
            main(words)
        err = capfd.readouterr().err
        assert end.value.code == 2 and name in err and err.count("\n") == 1, (words, err)


def test_strings_of_parquet_are_their_bytes(tmp_path):
    """Also where they are no UTF-8, as other writers leave them."""
    bad = pa.array([b"good", b"\xff\xfe bad", "日本".encode()], pa.binary())
    for i, kind in enumerate((pa.string(), pa.large_string(), pa.binary(), pa.large_binary())):
        array = bad.cast(pa.large_binary()) if "large" in str(kind) else bad
        column = pa.Array.from_buffers(kind, 3, array.buffers())
        pq.write_table(pa.table({"text": column}), tmp_path / f"{i}.parquet")
        assert reading.read_text([tmp_path / f"{i}.parquet"]) == b"good\n\xff\xfe bad\n" + "日本".encode()
        manifest = build("bytes", [tmp_path / f"{i}.parquet"], tmp_path / f"d{i}", workers=1)
        assert manifest.data["not_utf8"] == {str(tmp_path / f"{i}.parquet"): 1}
    column = pa.array(["a", "b", "a"]).dictionary_encode()
    pq.write_table(pa.table({"text": column}), tmp_path / "dictionary.parquet")
    assert reading.read_text([tmp_path / "dictionary.parquet"]) == b"a\nb\na"
    categories = pa.Array.from_buffers(pa.string(), 3, bad.buffers())
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), categories)
    pq.write_table(pa.table({"text": column}), tmp_path / "odd.parquet", row_group_size=1)
    assert reading.read_text([tmp_path / "odd.parquet"]) == b"good\n\xff\xfe bad\ngood"
    manifest = build("bytes", [tmp_path / "odd.parquet"], tmp_path / "d", workers=1)
    assert manifest.data["totals"]["train"]["documents"] == 3


def test_columns_of_parquet_whose_names_are_alike(tmp_path):
    table = pa.table({"text": pa.array([{"b": "no"}]), "text.b": ["yes"]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert reading.read_text([tmp_path / "a.parquet"], "text.b") == b"yes"
    pq.write_table(pa.Table.from_arrays([["a"], ["b"]], names=["text", "text"]), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: has 2 columns 'text'"):
        reading.read_text([tmp_path / "b.parquet"])


def test_a_line_that_says_its_text_twice_is_told(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a", "x": {"text": "b"}}\n{"text": "a", "text": "b"}\n')
    with pytest.raises(DataError, match="line 2: has 'text' twice"):
        reading.read_text([tmp_path / "a.jsonl"])


def test_numbers_beside_a_text_may_be_long(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a", "n": ' + "9" * 5000 + "}\n")
    assert reading.read_text([tmp_path / "a.jsonl"]) == b"a"


def test_hidden_files_and_datasets_are_no_sources(tmp_path):
    corpus = tmp_path / "corpus"
    for name in (".git", ".cache", ".ipynb_checkpoints", "sub/.hidden", "sub"):
        (corpus / name).mkdir(parents=True, exist_ok=True)
        (corpus / name / "x.txt").write_bytes(b"from " + name.encode())
    (corpus / ".env").write_bytes(b"secret")
    expected = [str(corpus / "sub" / "x.txt")]
    assert finding.find([corpus]) == expected
    for _ in range(2):  # begun, and again
        manifest = build("bytes", [corpus], corpus / "out", workers=1)
        assert [s["path"] for s in manifest.data["sources"]] == expected
    build("gzip", [corpus], corpus / "other", workers=1)
    (corpus / "other.logs").mkdir()  # as executors of datatrove leave
    (corpus / "other.logs" / "log.txt").write_bytes(b"rank 0")
    assert finding.find([corpus]) == expected and verify(corpus / "out", [corpus]) == []
    assert finding.find([corpus / ".env"]) == [str(corpus / ".env")]  # named outright
    (corpus / ".git" / "in").mkdir()
    assert finding.find([corpus / ".git"]) == [str(corpus / ".git" / "x.txt")]


def test_an_unfinished_dataset_of_its_own_is_no_source(tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.jsonl").write_bytes(b'{"text": "a"}\n{\n')
    for _ in range(2):
        with pytest.raises(DataError, match="line 2"):
            build("bytes", [corpus], corpus / "out", workers=1)
    (corpus / "a.jsonl").write_bytes(b'{"text": "a"}\n')
    assert len(build("bytes", [corpus], corpus / "out", workers=1).data["sources"]) == 1


def test_links(tmp_path):
    (tmp_path / "c" / "sub").mkdir(parents=True)
    (tmp_path / "c" / "a.txt").write_bytes(b"a")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.txt").write_bytes(b"b")
    (tmp_path / "c" / "link").symlink_to(tmp_path / "elsewhere")
    assert reading.read_text([tmp_path / "c"]) == b"a\nb"
    for target in (tmp_path / "c", tmp_path, "round", "nowhere"):
        link = tmp_path / "c" / "sub" / "round"
        link.symlink_to(target)
        for verb in (
            lambda: lab.train([tmp_path / "c"], 300),
            lambda: lab.analyze(["bytes"], [tmp_path / "c"]),
            lambda: build("bytes", [tmp_path / "c"], tmp_path / "d", workers=1),
        ):
            with pytest.raises(LabError, match="round"):
                verb()
        link.unlink()


def test_folders_are_taken_by_every_verb(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "a.txt").write_bytes(RAW[:9000])
    (tmp_path / "c" / "b.txt.zst").write_bytes(zstandard.compress(RAW[9000:]))
    expected = lab.train(documents=[RAW[:9000], RAW[9000:]], vocab_size=280).fingerprint()
    assert lab.train([tmp_path / "c"], 280).fingerprint() == expected
    assert len(lab.analyze(["bytes"], [tmp_path / "c"], compressors=())["files"]) == 2
    assert lab.load(f"ac[m1=order-1,train={tmp_path / 'c'}]").encode(b"abc").size
    assert lab.train([tmp_path / "c"], 258, "entropy", validation=tmp_path / "c").vocab_size == 258
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LabError, match="no regular file"):
        lab.train([tmp_path / "pipe"], 280)


@pytest.fixture
def standard_input(monkeypatch):
    def give(raw: bytes):
        finding._standard_input.cache_clear()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))

    yield give
    finding._standard_input.cache_clear()


@pytest.mark.parametrize("name", ["a.txt", "a.ZST", "a.JSONL", "a.jsonl.zst", "a.Parquet", "a.nz"])
def test_standard_input_is_a_source(name, standard_input, tmp_path):
    standard_input(FILES[name])
    assert reading.read_text("-") == RAW
    standard_input(FILES[name])
    (tmp_path / name).write_bytes(FILES[name])
    assert lab.train(["-"], 280).fingerprint() == lab.train([tmp_path / name], 280).fingerprint()
    standard_input(FILES[name])
    assert lab.analyze(["bytes"], ["-"], compressors=())["files"][0]["bytes"] == len(RAW)
    standard_input(FILES[name])
    build("bytes", ["-"], tmp_path / "d", workers=2, shard_bytes=9000, document_bytes=1000)
    reader = TokenReader(tmp_path / "d")
    assert b"".join(reader.codec.decode(reader.document(i)) for i in range(reader.documents)) == RAW
    standard_input(FILES[name])
    assert verify(tmp_path / "d", ["-"]) == [] and not (tmp_path / "d" / "parts").exists()


def test_text_that_is_no_utf8_is_bytes_and_said(tmp_path, capfd):
    (tmp_path / "latin.txt").write_bytes(TEXT.encode("latin-1", "replace"))
    (tmp_path / "good.txt").write_bytes(RAW)
    both = [str(tmp_path / "latin.txt"), str(tmp_path / "good.txt")]
    for words in (
        ["train", *both, "--vocab-size", "270", "-o", str(tmp_path / "T.json")],
        ["analyze", "--codec", "bytes", *both, "--compressors", "none", "--json", str(tmp_path / "R.json")],
        ["dataset", "build", *both, "--codec", "bytes", "-o", str(tmp_path / "d"), "--workers", "1"],
    ):
        with pytest.raises(SystemExit) as end:
            main(words)
        err = capfd.readouterr().err
        said = [line for line in err.splitlines() if "not UTF-8" in line]
        assert end.value.code == 0 and len(said) == 1 and "latin.txt" in said[0], err


def test_a_cut_character_between_blocks_is_no_fault(monkeypatch, tmp_path):
    monkeypatch.setattr("tokenizers_lab.files.read_blocks.__defaults__", (7,))
    (tmp_path / "a.txt").write_bytes(RAW)
    from tokenizers_lab.training.bpe import train_full

    assert train_full([tmp_path / "a.txt"], 270).not_utf8 == []
    (tmp_path / "b.txt").write_bytes(RAW + b"\xe6\x97")
    assert train_full([tmp_path / "b.txt"], 270).not_utf8 == [str(tmp_path / "b.txt")]


def test_the_text_key_is_an_option_of_every_verb(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"body": t}) + "\n" for t in LINES))
    with pytest.raises(DataError, match="text-key"):
        lab.train([tmp_path / "a.jsonl"], 270)
    assert lab.train([tmp_path / "a.jsonl"], 270, text_key="body").vocab_size == 270
    results = lab.analyze(["bytes"], [tmp_path / "a.jsonl"], compressors=(), text_key="body")
    assert results["files"][0]["bytes"] == len(RAW)


def test_packed_data_is_unpacked_piece_by_piece(tmp_path):
    """A file of 6 KiB that unpacks to 64 MiB never stands in memory whole."""
    import tracemalloc

    (tmp_path / "a.zst").write_bytes(zstandard.compress(bytes(64 << 20)))
    assert Path(tmp_path / "a.zst").stat().st_size < 9000
    source = reading.look_at(str(tmp_path / "a.zst"))
    tracemalloc.start()
    with reading.open_source(source) as file:
        assert sum(map(len, iter(lambda: file.read(1 << 20), b""))) == 64 << 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 70 << 20


@pytest.mark.parametrize("kind", ["xz", "bz2", "gz", "zst"])
def test_streams_stand_end_to_end(kind, tmp_path):
    """Of any sizes, around those of the blocks that are read; xz's with NUL bytes between."""
    pack, rng = PACKERS[kind], np.random.default_rng(1)
    parts = [rng.bytes(n // 2) + bytes(n - n // 2) for n in (0, 1, 131071, 131072, 5, 300_000, 0)]
    between = bytes(512) if kind == "xz" else b""
    (tmp_path / f"a.{kind}").write_bytes(between.join(map(pack, parts)))
    assert reading.read_text([tmp_path / f"a.{kind}"]) == b"".join(parts)


def test_xz_that_claims_a_large_dictionary_takes_no_memory(tmp_path):
    import zlib

    raw = bytearray(lzma.compress(RAW))
    end = 12 + (raw[12] + 1) * 4  # of the block's header
    raw[raw.index(b"\x21\x01", 12) + 2] = 40  # LZMA2 with a dictionary of 4 GiB
    raw[end - 4 : end] = zlib.crc32(raw[12 : end - 4]).to_bytes(4, "little")
    (tmp_path / "a.xz").write_bytes(raw)
    with pytest.raises(LabError, match=r"a\.xz: takes more than 512 MiB") as error:
        reading.read_text([tmp_path / "a.xz"])
    assert error.value.exit_code == 1


def test_a_window_that_takes_too_much_memory_is_no_damage(tmp_path):
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    (tmp_path / "a.zst").write_bytes(packer.compress(RAW) + packer.flush())
    with pytest.raises(LabError, match=r"a\.zst: takes too much memory") as error:
        reading.read_text([tmp_path / "a.zst"])
    assert error.value.exit_code == 1


def test_a_folder_without_sources_is_told(tmp_path):
    (tmp_path / "a.txt").write_bytes(RAW)
    build("bytes", [tmp_path / "a.txt"], tmp_path / "d", workers=1)
    (tmp_path / "empty").mkdir()
    for folder in ("d", "empty"):
        with pytest.raises(LabError, match=f"{folder}: holds no source"):
            finding.find([tmp_path / "a.txt", tmp_path / folder])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_standard_input_leaves_no_file_however_it_ends(how, tmp_path):
    code = "import time; from tokenizers_lab.sources.reading import read_text\n"
    code += "print(len(read_text('-')), flush=True)\ntime.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )
    process.stdin.write(b"the cat\n" * 1000)
    process.stdin.close()
    assert process.stdout.readline() == b"8000\n" and list(tmp_path.iterdir()) == []
    process.send_signal(how)
    process.wait()
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []
