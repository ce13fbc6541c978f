"""Datasets: every byte in one document, equal files whoever builds them, three layouts read by independent
parsers, exact bytes, verification that notices, and the torch Dataset."""

import contextlib
import gzip
import json
import lzma
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nasty import NASTY
from support import ROOT

import nzip
import tokenizers_lab as lab
from tokenizers_lab.datasets import TokenReader, build, verify
from tokenizers_lab.datasets.building import plan
from tokenizers_lab.datasets.manifest import Manifest
from tokenizers_lab.datasets.sources import find_sources, plan_shards, read_segment
from tokenizers_lab.errors import AccountingError, DataError, LabError


def contents(folder) -> dict:
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.is_file()}


@pytest.fixture(scope="module")
def sources(tmp_path_factory, english):
    """A file of each kind; ``texts`` are the documents that a reader should find in the ones that name
    them."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "a.txt").write_bytes(english[:90_000])
    (folder / "b.bin").write_bytes(bytes(range(256)) * 50)
    texts = ["", "one line", "two\nlines", "İğü 日本 🙂", "x" * 5000]
    (folder / "c.jsonl").write_text(
        "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts))
    )
    with lzma.open(folder / "d.txt.xz", "wb") as f:
        f.write(english[90_000:130_000])
    with gzip.open(folder / "e.jsonl.gz", "wb") as f:
        f.write(b"".join(json.dumps({"text": t}).encode() + b"\n\n" for t in texts))
    (folder / "f.txt.nz").write_bytes(nzip.compress(english[130_000:150_000], level=1))
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"text": texts * 3, "n": list(range(15))}), folder / "g.parquet", row_group_size=4
    )
    (folder / "empty.txt").write_bytes(b"")
    return folder


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["a", "\n", "é", "日", "🙂", "\x80", "word "]), max_size=120).map("".join),
    st.integers(1, 40),
    st.integers(1, 200),
    st.booleans(),
)
def test_every_byte_is_in_one_document_however_it_is_cut(
    tmp_path_factory, text, document_bytes, shard_bytes, whole
):
    raw = text.encode("utf-8", "surrogateescape")
    path = tmp_path_factory.mktemp("t") / "t.txt"
    path.write_bytes(raw)
    found = find_sources([path])
    size = 0 if whole else document_bytes

    def read(shard_size):
        return [
            d
            for shard in plan_shards(found, shard_size, size)
            for s in shard
            for d in read_segment(found[0], s, size)
        ]

    documents = read(shard_bytes)
    assert b"".join(d.raw for d in documents) == raw
    assert all(raw[d.key : d.key + len(d.raw)] == d.raw for d in documents)
    assert documents == read(10**9)  # where shards are cut changes no document
    if raw.isascii() is False and "\x80" not in text:
        for d in documents:
            d.raw.decode("utf-8")  # no character is cut


def test_text_is_cut_at_line_ends_and_big_files_keep_their_buffer_small(tmp_path, english):
    path = tmp_path / "big.txt"
    path.write_bytes((english.replace(b". ", b".\n") * 48)[:12_000_000])
    found = find_sources([path])
    documents = [
        d for s in plan_shards(found, 3 << 20, 1 << 16) for x in s for d in read_segment(found[0], x, 1 << 16)
    ]
    assert b"".join(d.raw for d in documents) == path.read_bytes()
    assert all(d.raw.endswith(b"\n") for d in documents[:-1]) and len(documents) == -(-12_000_000 // 65536)


def test_every_kind_of_source_comes_back(sources, tmp_path):
    manifest = build(
        "bytes", [sources], tmp_path / "d", workers=1, shard_bytes=20_000, document_bytes=4096, held_out=0.2
    )
    assert verify(tmp_path / "d") == [] and verify(tmp_path / "d", [sources]) == []
    by_source: dict = {}
    for split in manifest.splits:
        reader = TokenReader(tmp_path / "d", split)
        for i in range(reader.documents):
            by_source.setdefault(int(reader.docs[i, 0]), []).append(
                (int(reader.docs[i, 1]), reader.codec.decode(reader.document(i)))
            )
    got = {
        Path(s["path"]).name: [raw for _, raw in sorted(by_source.get(i, []))]
        for i, s in enumerate(manifest.data["sources"])
    }
    texts = [t.encode() for t in ("", "one line", "two\nlines", "İğü 日本 🙂", "x" * 5000)]
    assert (
        b"".join(got["a.txt"]) == (sources / "a.txt").read_bytes()
        and b"".join(got["b.bin"]) == (sources / "b.bin").read_bytes()
    )
    assert (
        got["c.jsonl"] == texts
        and got["e.jsonl.gz"] == texts
        and got["g.parquet"] == texts * 3
        and got["empty.txt"] == []
    )
    assert b"".join(got["d.txt.xz"]) == lzma.decompress((sources / "d.txt.xz").read_bytes())
    assert b"".join(got["f.txt.nz"]) == nzip.decompress((sources / "f.txt.nz").read_bytes())
    shares = {k: v["documents"] for k, v in manifest.data["totals"].items()}
    assert 0.1 < shares["held_out"] / sum(shares.values()) < 0.4


def test_the_same_files_for_any_number_of_workers(sources, tmp_path, bpe):
    for workers in (1, 2, 3):
        build(
            bpe,
            [sources],
            tmp_path / str(workers),
            workers=workers,
            shard_bytes=30_000,
            held_out=0.3,
            document_bytes=8192,
        )
    one = contents(tmp_path / "1")
    assert one == contents(tmp_path / "2") == contents(tmp_path / "3") and len(one) > 10
    assert sorted(os.listdir(tmp_path / "1")) == sorted(one)  # no folder of parts is left


@pytest.mark.parametrize("layout", ["nanogpt", "megatron", "parquet"])
@pytest.mark.parametrize("codec", ["bytes", "gzip[v=65k]", "ac[m1=order-2]"])
def test_layouts_against_independent_parsers(sources, tmp_path, layout, codec):
    build(codec, [sources], tmp_path / "d", format=layout, workers=1, shard_bytes=60_000)
    assert verify(tmp_path / "d", [sources]) == []
    reader = TokenReader(tmp_path / "d")
    wide = codec == "gzip[v=65k]"
    assert reader.eos == (65536 if wide else 256) and reader.vocab_size == reader.eos + 1
    dtype = {"nanogpt": "<u4", "megatron": "<i4", "parquet": "<u4"}[layout] if wide else "<u2"
    stream = []
    names = sorted(p.name for p in (tmp_path / "d").glob("train-*") if p.suffix in (".bin", ".parquet"))
    for name in names:
        if layout == "parquet":
            import pyarrow.parquet as pq

            table = pq.read_table(tmp_path / "d" / name)
            stream += [x for row in table["input_ids"].to_pylist() for x in row]
            assert (
                sum(table["bytes"].to_pylist())
                == np.load((tmp_path / "d" / name).with_suffix(".docs.npy"))[:, 2].sum()
            )
        else:
            flat = np.fromfile(tmp_path / "d" / name, dtype)
            stream += flat.tolist()
            if layout == "megatron":
                index = (tmp_path / "d" / name).with_suffix(".idx").read_bytes()
                assert index[:9] == b"MMIDIDX\0\0"
                version, code, sequences, documents = struct.unpack_from("<QBQQ", index, 9)
                assert (version, code, documents) == (1, 4 if wide else 8, sequences + 1)
                lengths = np.frombuffer(index, "<i4", sequences, 34)
                pointers = np.frombuffer(index, "<i8", sequences, 34 + 4 * sequences)
                order = np.frombuffer(index, "<i8", documents, 34 + 12 * sequences)
                assert len(index) == 34 + 12 * sequences + 8 * documents and order.tolist() == list(
                    range(documents)
                )
                assert (
                    lengths.sum() == len(flat)
                    and (pointers == np.concatenate([[0], np.cumsum(lengths)[:-1]]) * flat.itemsize).all()
                )
                assert all(flat[p // flat.itemsize + n - 1] == reader.eos for p, n in zip(pointers, lengths))
    assert reader.read(0, reader.tokens).tolist() == stream
    rng = np.random.default_rng(1)
    for a, b in rng.integers(0, reader.tokens + 9, (50, 2)):
        assert reader.read(a, b).tolist() == stream[a:b]


def test_bytes_are_exact(sources, tmp_path, bpe):
    build(bpe, [sources], tmp_path / "d", workers=1, shard_bytes=50_000)
    reader = TokenReader(tmp_path / "d")
    lengths = reader.token_lengths
    assert reader.eos == bpe.vocab_size and lengths[reader.eos] == 0 and len(lengths) == reader.vocab_size
    assert (
        int(lengths[reader.read(0, reader.tokens)].sum())
        == reader.bytes
        == reader.bytes_between(0, reader.tokens)
    )
    assert reader.bytes_between(3, 50) + reader.bytes_between(0, 3) == reader.bytes_between(0, 50)
    build("gzip", [sources], tmp_path / "g", workers=1)
    reader = TokenReader(tmp_path / "g")
    assert reader.bytes_between(int(reader.ends[1]), int(reader.ends[3])) == int(reader.docs[1:3, 2].sum())
    with pytest.raises(AccountingError):
        reader.bytes_between(1, 9)


def test_torch_dataset(sources, tmp_path, bpe):
    torch = pytest.importorskip("torch")
    from tokenizers_lab.datasets import TokenDataset

    build(bpe, [sources], tmp_path / "d", workers=1, shard_bytes=20_000, held_out=0.1, document_bytes=2048)
    data = TokenDataset(tmp_path / "d", length=64, tail=True)
    stream = torch.from_numpy(data.reader.read(0, data.reader.tokens).astype(np.int64))
    assert torch.equal(torch.cat([data[i][0] for i in range(len(data))]), stream[:-1])
    assert torch.equal(torch.cat([data[i][1] for i in range(len(data))]), stream[1:])
    first = data.reader.bytes_between(0, 1)
    assert sum(data.target_bytes(i) for i in range(len(data))) + first == data.reader.bytes
    short = TokenDataset(tmp_path / "d", "held_out", 64)
    assert all(x.shape == y.shape == (64,) and x.dtype == torch.int64 for x, y in short)
    assert torch.equal(short[-1][0], short[len(short) - 1][0])
    with pytest.raises(IndexError):
        short[len(short)]
    loader = torch.utils.data.DataLoader(short, batch_size=2, num_workers=1, multiprocessing_context="spawn")
    assert torch.equal(torch.cat([x for x, _ in loader]), torch.stack([x for x, _ in short]))


def test_a_codec_with_its_own_end_token_needs_no_new_one(sources, tmp_path, english):
    codec = lab.train(documents=[english[:20_000]], vocab_size=300, special=["<|endoftext|>"])
    build(codec, [sources / "a.txt"], tmp_path / "d", workers=1)
    reader = TokenReader(tmp_path / "d")
    assert (
        reader.vocab_size == 300
        and reader.eos == codec.special["<|endoftext|>"]
        and verify(tmp_path / "d") == []
    )
    build(codec, [sources / "a.txt"], tmp_path / "e", workers=1, eos=False)
    assert TokenReader(tmp_path / "e").eos is None and verify(tmp_path / "e", [sources / "a.txt"]) == []


def test_nasty_documents(tmp_path, bpe):
    for i, raw in enumerate(NASTY):
        (tmp_path / f"{i:02d}").write_bytes(raw)
    files = sorted(tmp_path.iterdir())
    for codec in (bpe, "gzip", "ac"):
        folder = tmp_path.with_name(f"{tmp_path.name}-{bpe if codec is bpe else codec}"[:60].replace("/", ""))
        build(codec, files, folder, workers=1, document_bytes=3)
        assert verify(folder, files) == []


def test_verify_notices(sources, tmp_path):
    folder = tmp_path / "d"
    build("bytes", [sources], folder, workers=1, shard_bytes=40_000)
    for path in sorted(folder.glob("train-*")):
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        assert any(path.name in fault for fault in verify(folder))
        path.unlink()
        assert any(path.name in fault for fault in verify(folder))
        path.write_bytes(before)
    assert verify(folder) == []
    # A consistent forgery: other tokens, all hashes of files mended. Only decoding can tell.
    manifest = Manifest.read(folder)
    path = folder / "train-00000.bin"
    ids = np.fromfile(path, "<u2")
    ids[5] ^= 1
    ids.tofile(path)
    import hashlib

    manifest.data["shards"][0]["splits"]["train"]["files"][path.name]["sha256"] = hashlib.sha256(
        path.read_bytes()
    ).hexdigest()
    manifest.write()
    assert "other bytes" in verify(folder)[0] and "differs" in verify(folder, [sources])[0]
    other = tmp_path / "other"
    other.mkdir()
    assert "--against" in verify(folder, [sources / "a.txt"])[0]


def test_against_notices_every_changed_document(sources, tmp_path, english):
    text = tmp_path / "t.txt"
    text.write_bytes(english[:50_000])
    build("bytes", [text], tmp_path / "d", workers=1, document_bytes=4096)
    assert verify(tmp_path / "d", [text]) == []
    text.write_bytes(english[:49_000] + b"X" + english[49_001:50_000])
    assert "differs" in verify(tmp_path / "d", [text])[0]
    text.write_bytes(english[:49_000])
    assert "bytes" in verify(tmp_path / "d", [text])[0]


BAD = {
    "x.jsonl": [
        (b'{"text": "a"}\n{"text": \n', "line 2: not JSON"),
        (b'{"text": "a"}\n\n{"text": "b', "line 3: half-written"),
        (b'{"txt": "a"}\n', "line 1: no text under 'text'"),
        (b"[1]\n", "line 1"),
        (b'{"text": "\\ud800"}\n', "surrogate"),
        (b'{"text": 3}\n', "line 1"),
        (b"[" * 100_000 + b"\n", "line 1: not JSON"),
    ],
    "x.txt.xz": [(lzma.compress(b"abc" * 999)[:-9], "half-written")],
    "x.txt.gz": [(gzip.compress(b"abc" * 999, mtime=0)[:-9], "half-written"), (b"no gzip", "damaged")],
    "x.txt.nz": [(lambda: nzip.compress(b"abc" * 999, level=1)[:-9], "x.txt.nz"), (b"none", "x.txt.nz")],
    "x.parquet": [(b"PAR1 no", "half-written")],
}


@pytest.mark.parametrize("name,case", [(name, i) for name, cases in BAD.items() for i in range(len(cases))])
def test_bad_sources_are_one_line_and_finished_shards_stay(tmp_path, english, name, case):
    raw, match = BAD[name][case]
    raw = raw() if callable(raw) else raw
    (tmp_path / "a.txt").write_bytes(english[:9000])
    (tmp_path / name).write_bytes(raw)
    files = [tmp_path / "a.txt", tmp_path / name]
    with pytest.raises(DataError, match=match) as error:
        build("bytes", files, tmp_path / "d", workers=1, shard_bytes=5000, document_bytes=1000)
    assert "\n" not in str(error.value) and name in str(error.value)
    if (tmp_path / "d").exists():
        assert not [p for p in (tmp_path / "d").iterdir() if p.name.startswith(".")]
        assert (tmp_path / "d" / "parts" / "00000.json").exists()
        with pytest.raises(LabError, match="run the same"):
            TokenReader(tmp_path / "d")


def test_jsonl_errors_name_the_line_from_any_segment(tmp_path):
    lines = [json.dumps({"text": "word " * (i % 7)}) for i in range(400)]
    lines[333] = "{"
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match="line 334: not JSON"):
        build("bytes", [tmp_path / "x.jsonl"], tmp_path / "d", workers=2, shard_bytes=700)
    good = sorted(p.name for p in (tmp_path / "d").glob("train-*.bin"))
    assert good and not list((tmp_path / "d").glob(".*"))


def test_a_bad_file_mended_the_build_goes_on_where_it_was(tmp_path, english):
    (tmp_path / "a.txt").write_bytes(english[:20_000])
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "abc"}\n{"text": "abc"]\n')
    files = [tmp_path / "a.txt", tmp_path / "b.jsonl"]
    with pytest.raises(DataError):
        build("bytes", files, tmp_path / "d", workers=1, shard_bytes=8000, document_bytes=1000)
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "d").glob("train-*")}
    assert stamps
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "abc"}\n{"text": "abc"}\n')
    build("bytes", files, tmp_path / "d", workers=1, shard_bytes=8000, document_bytes=1000)
    assert all(p.stat().st_mtime_ns == t for p, t in stamps.items())
    build("bytes", files, tmp_path / "e", workers=1, shard_bytes=8000, document_bytes=1000)
    assert contents(tmp_path / "d") == contents(tmp_path / "e")


@pytest.mark.parametrize(
    "change,match",
    [
        ({"codec": "gzip"}, "codec is 'bytes'"),
        ({"format": "megatron"}, "format"),
        ({"held_out": 0.5}, "held_out"),
        ({"document_bytes": 77}, "document_bytes"),
        ({"eos": False}, "eos"),
        ({"files": ["b.bin"]}, "other files"),
        ({"shard_bytes": 999}, "shard_bytes"),
    ],
)
def test_another_dataset_in_the_folder_is_refused(sources, tmp_path, change, match):
    files = [sources / "a.txt"]
    plan("bytes", files, tmp_path / "d")
    before = contents(tmp_path / "d")
    options = {"codec": "bytes", "files": files, **change}
    options["files"] = [sources / f for f in options["files"]]
    with pytest.raises(LabError, match=match):
        plan(options.pop("codec"), options.pop("files"), tmp_path / "d", **options)
    assert contents(tmp_path / "d") == before


def test_folders_that_cannot_take_a_dataset(sources, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_bytes(b"x")
    for folder, files, match in (
        ("full", ["a.txt"], "holds no dataset"),
        ("new", ["empty.txt"], "empty"),
        ("new", ["none"], "none"),
        ("full/x", ["a.txt"], "no dataset"),
    ):
        with pytest.raises(LabError, match=match):
            build("bytes", [sources / f for f in files], tmp_path / folder, workers=1)
    assert not (tmp_path / "new").exists()
    with pytest.raises(LabError, match="no split"):
        build("bytes", [sources / "a.txt"], tmp_path / "d", workers=1)
        TokenReader(tmp_path / "d", "held_out")


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b'{"tokenizers_lab_dataset": 2}', b'{"tokenizers_lab_dataset": 1, "sources": []}'],
)
def test_damaged_manifests_are_refused(tmp_path, damage):
    (tmp_path / "manifest.json").write_bytes(damage)
    with pytest.raises(DataError):
        Manifest.read(tmp_path)


def test_a_swapped_codec_is_refused(sources, tmp_path):
    build("bytes", [sources / "a.txt"], tmp_path / "d", workers=1)
    lab.load("gzip").save(tmp_path / "d" / "codec.bin")
    with pytest.raises(DataError, match="fingerprint"):
        verify(tmp_path / "d")


def test_a_codec_that_loses_bytes_stops_the_build(tmp_path):
    from tokenizers_lab.codecs.bytes import BytesCodec

    class Deaf(BytesCodec):
        lossless, loss = False, "drops the last byte"

        def encode(self, data):
            return super().encode(data)[:-1]

    from tokenizers_lab.datasets import shard

    (tmp_path / "a.txt").write_bytes(b"abc")
    manifest = plan("bytes", [tmp_path / "a.txt"], tmp_path / "d")
    real = shard.open_build
    shard.open_build = lambda folder: (manifest, Deaf())
    try:
        with pytest.raises(AccountingError, match="loses bytes"):
            shard.build_shard(tmp_path / "d", 0)
    finally:
        shard.open_build = real
    assert not list((tmp_path / "d").glob("train*")) and not list((tmp_path / "d").glob(".*"))


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_repeats_nothing(tmp_path, english):
    """Real processes, a real SIGKILL: the parent says so, and the same command builds the missing shards
    only."""
    (tmp_path / "a.txt").write_bytes((english * 8)[:1_600_000])
    command = [
        sys.executable,
        "-m",
        "tokenizers_lab",
        "dataset",
        "build",
        str(tmp_path / "a.txt"),
        "--codec",
        "ac[m1=order-6]",
        "--shard-mib",
        "0.1",
        "--workers",
        "2",
        "-o",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, str(tmp_path / "d")], env=environment, stderr=subprocess.PIPE, text=True
    )
    parts = tmp_path / "d" / "parts"
    while not (parts.is_dir() and any(parts.glob("*.json"))):
        assert process.poll() is None
        time.sleep(0.01)
    children = [
        int(p)
        for t in Path(f"/proc/{process.pid}/task").iterdir()
        for p in (t / "children").read_text().split()
    ]
    victim = next(c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes())
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 1 and "a worker was killed" in err and err.count("\n") == 1
    done = {p: p.stat().st_mtime_ns for p in (tmp_path / "d").glob("train-*")}
    assert done and len(done) < 32 and not list((tmp_path / "d").glob(".*.tmp"))
    again = subprocess.run(
        [*command, str(tmp_path / "d")], env=environment, check=False, capture_output=True, text=True
    )
    assert again.returncode == 0 and "shards are there already" in again.stderr
    assert all(p.stat().st_mtime_ns == t for p, t in done.items())
    subprocess.run([*command, str(tmp_path / "e"), "-q"], env=environment, check=True)
    assert contents(tmp_path / "d") == contents(tmp_path / "e")


def bad_lines(tmp_path) -> tuple[Path, list[str]]:
    """400 lines of JSON, of which three hold no text."""
    lines = [json.dumps({"text": f"{i} " + "word " * (i % 7)}) for i in range(400)]
    good = [line for i, line in enumerate(lines) if i not in (5, 200, 333)]
    lines[5], lines[200], lines[333] = '{"text": "\\ud800"}', "{", '{"other": "x"}'
    (tmp_path / "x.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path / "x.jsonl", good


def decoded(folder) -> list[bytes]:
    reader = TokenReader(folder)
    return [reader.codec.decode(reader.document(i)) for i in range(reader.documents)]


@pytest.mark.parametrize("shard_bytes", [700, 1 << 20])
def test_lines_without_text_are_skipped_counted_and_named(tmp_path, shard_bytes):
    path, good = bad_lines(tmp_path)
    options = {"workers": 1, "shard_bytes": shard_bytes}
    with pytest.raises(DataError, match="line 6: a lone surrogate"):  # the default
        build("bytes", [path], tmp_path / "d", **options)
    manifest = build("bytes", [path], tmp_path / "d", on_error="skip", **options)  # goes on
    left = manifest.data["left_out"]
    assert left["count"] == 3 == len(left["first"])
    for line, (number, why) in zip(left["first"], [(6, "surrogate"), (201, "not JSON"), (334, "no text")]):
        assert f"x.jsonl: line {number}: " in line and why in line
    assert decoded(tmp_path / "d") == [json.loads(line)["text"].encode() for line in good]
    assert verify(tmp_path / "d", [path]) == []
    with pytest.raises(LabError, match="left out 3"):
        plan("bytes", [path], tmp_path / "d", shard_bytes=shard_bytes)
    with pytest.raises(LabError, match="on_error"):
        plan("bytes", [path], tmp_path / "e", on_error="ignore")


def test_stopping_again_builds_what_was_skipped(tmp_path):
    """A shard with lines left out is none of a build that leaves nothing out."""
    path, _ = bad_lines(tmp_path)
    manifest = plan("bytes", [path], tmp_path / "d", shard_bytes=700, on_error="skip")
    from tokenizers_lab.datasets.shard import build_shard

    assert build_shard(tmp_path / "d", 0)["left_out"]["count"] == 1 and manifest.part(0)
    with pytest.raises(DataError, match="line 6"):
        build("bytes", [path], tmp_path / "d", shard_bytes=700, workers=1)


def test_rows_without_text_are_skipped_too(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a", None, "b", None]}), tmp_path / "x.parquet", row_group_size=3)
    with pytest.raises(DataError, match="row 2"):
        build("bytes", [tmp_path / "x.parquet"], tmp_path / "d", workers=1)
    manifest = build("bytes", [tmp_path / "x.parquet"], tmp_path / "d", workers=1, on_error="skip")
    assert decoded(tmp_path / "d") == [b"a", b"b"] and manifest.data["left_out"]["count"] == 2
    assert [
        "row 2" in manifest.data["left_out"]["first"][0],
        "row 4" in manifest.data["left_out"]["first"][1],
    ]


def test_the_end_of_sequence_by_name(tmp_path, english):
    (tmp_path / "a.txt").write_bytes(english[:5000])
    codec = lab.train(documents=[english[:20_000]], vocab_size=300, special=["<stop>", "</s>"])
    for eos, expected in ((True, codec.special["</s>"]), ("<stop>", codec.special["<stop>"]), (False, None)):
        build(codec, [tmp_path / "a.txt"], tmp_path / str(eos), workers=1, eos=eos)
        assert TokenReader(tmp_path / str(eos)).eos == expected and verify(tmp_path / str(eos)) == []
    with pytest.raises(LabError, match="no special token 'the'"):
        plan(codec, [tmp_path / "a.txt"], tmp_path / "d", eos="the")
    assert not (tmp_path / "d").exists()


@pytest.fixture
def three(tmp_path):
    """Three files of JSON lines in about 20 shards, the second with a bad line: begun, and stopped there.
    Gives the files, the options, and the time stamps of what was finished."""
    files = []
    for name in "abc":
        lines = [json.dumps({"text": f"{name} {i} " + "word " * (i % 9)}) for i in range(150)]
        if name == "b":
            lines[140] = '{"text": "bad]'
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text("\n".join(lines) + "\n")
    options = {"workers": 1, "shard_bytes": 1500}
    manifest = plan("bytes", files, tmp_path / "d", shard_bytes=1500)
    from tokenizers_lab.datasets.shard import build_shard

    for i in range(manifest.shards):
        try:
            build_shard(tmp_path / "d", i)
        except DataError as error:
            assert "line 141" in str(error)
    whole = {
        p: p.stat().st_mtime_ns
        for i in range(manifest.shards)
        if manifest.part(i) and not any(s.source == 1 for s in manifest.segments(i))
        for p in (tmp_path / "d").glob(f"train-{i:05d}*")
    }
    assert len(whole) > 12 and len(manifest.missing()) == 1
    return files, options, whole


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines[:140], '{"text": "bad"}', *lines[141:]],  # a byte more
        lambda lines: [*lines[:140], *lines[141:]],  # less
        lambda lines: [*lines[:140], '{"text":"good"}'[:14] + "}", *lines[141:]],
        lambda lines: [*lines[:3], lines[3].replace("3", "8"), *lines[4:140], '{"text":"bad"}', *lines[141:]],
        lambda lines: [lines[0]],  # almost nothing
        lambda lines: [line for line in lines if "bad" not in line] * 3,  # much more
    ],
)
def test_a_mended_source_is_built_anew_and_the_others_stay(three, tmp_path, change):
    files, options, whole = three
    stat = files[1].stat()
    files[1].write_text("\n".join(change(files[1].read_text().splitlines())) + "\n")
    os.utime(files[1], ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as some editors leave it
    build("bytes", files, tmp_path / "d", **options)
    assert all(p.stat().st_mtime_ns == t for p, t in whole.items())
    build("bytes", files, tmp_path / "e", **options)
    assert sorted(decoded(tmp_path / "d")) == sorted(decoded(tmp_path / "e"))  # of now, each once
    assert verify(tmp_path / "d") == [] == verify(tmp_path / "d", files)
    named = {
        n
        for s in Manifest.read(tmp_path / "d").data["shards"]
        for r in s["splits"].values()
        for n in r["files"]
    }
    assert {p.name for p in (tmp_path / "d").iterdir()} == named | {"manifest.json", "codec.bin"}
    with pytest.raises(LabError, match="changed since"):  # what is complete is of then
        files[0].write_bytes(files[0].read_bytes()[::-1])
        build("bytes", files, tmp_path / "d", **options)


def test_a_source_that_changes_under_a_build_stops_it(tmp_path, english):
    path = tmp_path / "a.txt"
    path.write_bytes(english[:20_000])
    from tokenizers_lab.datasets import shard

    manifest = plan("bytes", [path], tmp_path / "d", shard_bytes=5000, document_bytes=1000)
    shard.build_shard(tmp_path / "d", 0)
    path.write_bytes(english[:9000] + b"X" + english[9001:20_000])  # of equal length
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match="changed since the build began"):
        shard.build_shard(tmp_path / "d", 1)
    path.write_bytes(english[:20_000])  # touched only
    os.utime(path, ns=(2, 2))
    shard.build_shard(tmp_path / "d", 1)
    real = shard.read_segment

    def meanwhile(*arguments):
        yield from real(*arguments)
        path.write_bytes(english[:19_999] + b"X")
        os.utime(path, ns=(3, 3))

    shard.read_segment = meanwhile
    try:
        with pytest.raises(DataError, match="changed since the build began"):
            shard.build_shard(tmp_path / "d", 2)
    finally:
        shard.read_segment = real
    assert manifest.missing() == [2, 3] and not list((tmp_path / "d").glob("*-00002*"))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_workers_end_with_their_parent(tmp_path, english, sign):
    (tmp_path / "a.txt").write_bytes((english * 40)[:8_000_000])
    command = [sys.executable, "-m", "tokenizers_lab", "dataset", "build", str(tmp_path / "a.txt")]
    command += [
        "--codec",
        "ac[m1=order-2]",
        "--shard-mib",
        "0.1",
        "--workers",
        "2",
        "-o",
        str(tmp_path / "d"),
    ]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    parts = tmp_path / "d" / "parts"
    while not (parts.is_dir() and any(parts.glob("*.json"))):
        assert process.poll() is None
        time.sleep(0.01)
    children = _children(process)
    assert len(children) >= 2
    process.send_signal(sign)
    assert process.wait() == -sign
    deadline = time.monotonic() + 60
    while alive := [c for c in children if _runs(c)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
@pytest.mark.parametrize("after", [0.2, 0.5])
def test_an_interrupt_while_workers_start_is_one_line(tmp_path, english, after):
    """A terminal sends it to all of them; those that were still importing showed where they were."""
    (tmp_path / "a.txt").write_bytes(english * 20)  # enough that they are not done before it comes
    heeding = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    heeding += "from tokenizers_lab.cli.main import main; main()"  # whatever this process was told
    command = [sys.executable, "-c", heeding, "dataset", "build", str(tmp_path / "a.txt")]
    command += ["--codec", "bytes", "--shard-mib", "0.01", "--workers", "2", "-o", str(tmp_path / "d")]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while sum(b"spawn_main" in _command(child) for child in _children(process)) < 2:
        assert process.poll() is None
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130 and said.startswith("interrupted; ")
    assert "\n" not in said.strip(), said  # click puts an empty one behind


def _children(process) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended
            found += map(int, (thread / "children").read_text().split())
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_a_plan_that_leaves_something_out_is_not_taken_up(tmp_path, english):
    (tmp_path / "a.txt").write_bytes(english[:20_000])
    manifest = plan("bytes", [tmp_path / "a.txt"], tmp_path / "d", shard_bytes=5000, document_bytes=1000)
    manifest.data["shards"].pop(1)
    manifest.write()
    with pytest.raises(LabError, match="do not cover"):
        plan("bytes", [tmp_path / "a.txt"], tmp_path / "d", shard_bytes=5000, document_bytes=1000)
