"""``nzip.contents`` and ``nzip.recover``: what the shell's ``list`` shows and ``--recover`` saves."""

from __future__ import annotations

import io
import math
import random

import pytest

import nzip
from nzip import levels
from nzip.errors import CorruptError, FormatError, ModelMismatchError, NzipError
from nzip.levels import Level

DATA = b"All work and no play makes Jack a dull boy.\n" * 100


@pytest.fixture(autouse=True)
def toy_by_default(toys, monkeypatch):
    monkeypatch.setitem(levels.LEVELS, levels.DEFAULT_LEVEL, Level("toy", "a toy"))


@pytest.fixture
def stream() -> bytes:
    return nzip.compress(DATA, block_size=1000)


def test_contents_of_paths_and_files(stream, tmp_path):
    noise = nzip.compress(random.Random(1).randbytes(99), predictor="toy:7")
    whole = stream + nzip.skippable_frame(b"a note") + noise
    path = tmp_path / "x.nz"
    path.write_bytes(whole)
    found = nzip.contents(path)
    assert found == nzip.contents(str(path)) == nzip.contents(io.BytesIO(whole))
    assert (found.compressed, found.size) == (len(whole), len(DATA) + 99)
    assert found.bits_per_byte == 8 * found.compressed / found.size
    assert found.skippable_frames == 1 and not found.checked and nzip.contents(path, check=True).checked
    first, second = found.streams
    assert [block.size for block in first.blocks] == [1000] * 4 + [400]
    assert first.blocks[1].offset == first.blocks[0].offset + first.blocks[0].compressed
    assert (second.predictor, second.blocks[0].method, first.blocks[0].method) == ("toy:7", "stored", "coded")
    assert first.exact and first.environment == {} and first.models == [] and len(first.probe) == 8
    assert math.isnan(nzip.contents(io.BytesIO(nzip.compress(b""))).bits_per_byte)


def test_blocks_of_many_streams_are_one_table(nzip_cli, tmp_path):
    one = nzip.compress(b"x", predictor="toy:7")
    (tmp_path / "many.nz").write_bytes(one * 3000 + nzip.compress(DATA, block_size=1000) + one)
    ran = nzip_cli("list", "-v", tmp_path / "many.nz")
    assert ran.code == 0
    lines = ran.out.decode().splitlines()
    about = [line for line in lines if line.startswith(str(tmp_path)) and ", stream" in line]
    assert [line.partition(": ")[0].rpartition(", ")[2] for line in about] == [
        "streams 1 to 3000", "stream 3001", "stream 3002",
    ]  # fmt: skip
    (head,) = (i for i, line in enumerate(lines) if line.split()[:2] == ["stream", "block"])
    rows = [line.split() for line in lines[head + 2 :] if line]
    assert len(rows) == 3001 + 5 and rows[0][:2] == ["1", "1"]
    assert [row[:2] for row in rows[2999:3006]] == [
        ["3000", "1"], *(["3001", str(n)] for n in range(1, 6)), ["3002", "1"],
    ]  # fmt: skip
    assert rows[3000][4:] == ["1,000", rows[3000][5], "coded"] and rows[0][4:] == ["1", rows[0][5], "stored"]


def test_contents_refuses_and_checks(stream):
    with pytest.raises(FormatError):
        nzip.contents(io.BytesIO(b"no stream at all"))
    damaged = bytearray(stream)
    damaged[nzip.contents(io.BytesIO(stream)).streams[0].blocks[2].offset + 40] ^= 1
    assert nzip.contents(io.BytesIO(damaged)).size == len(DATA)
    with pytest.raises(CorruptError, match="block 3"):
        nzip.contents(io.BytesIO(damaged), check=True)


def test_contents_compares_primers(stream):
    own, other = nzip.train_primer([DATA[:1500]], 1024), nzip.train_primer([b"other text\n" * 200], 1024)
    primed = nzip.compress(DATA[:100], level=1, primer=own)
    assert nzip.contents(io.BytesIO(primed), primer=own).streams[0].config["primer"]
    assert nzip.contents(io.BytesIO(stream), primer=own).size == len(DATA)
    with pytest.raises(ModelMismatchError):
        nzip.contents(io.BytesIO(primed), primer=other)


def test_recover_saves_what_can_be_saved(stream, tmp_path):
    damaged = bytearray(stream)
    damaged[nzip.contents(io.BytesIO(stream)).streams[0].blocks[2].offset + 40] ^= 1
    expected = DATA[:2000] + bytes(1000) + DATA[3000:]
    source, target = tmp_path / "x.nz", tmp_path / "x"
    source.write_bytes(damaged)
    target.write_bytes(b"older")
    (lost,) = nzip.recover(source, target)
    assert "2000 to 3000" in lost and target.read_bytes() == expected
    buffer = io.BytesIO()
    assert nzip.recover(io.BytesIO(damaged), buffer) == [lost] and buffer.getvalue() == expected
    assert nzip.recover(io.BytesIO(stream), target) == [] and target.read_bytes() == DATA


def test_recover_leaves_the_target_alone_where_nothing_can_be_done(tmp_path):
    (tmp_path / "x").write_bytes(b"older")
    (tmp_path / "x.nz").write_bytes(b"no stream at all")
    with pytest.raises(NzipError):
        nzip.recover(tmp_path / "x.nz", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"older" and len(list(tmp_path.iterdir())) == 2


def test_contents_shows_the_streams_of_a_block():
    noise = random.Random(4).randbytes(300)
    found = nzip.contents(io.BytesIO(nzip.compress(DATA, predictor="mix:1", primer=False)))
    (block,) = found.streams[0].blocks
    (part,) = block.parts
    assert (part.kind, part.primer, part.size) == ("text", "", len(DATA)) and part.compressed < 100
    (stored,) = nzip.contents(io.BytesIO(nzip.compress(noise, predictor="mix:1"))).streams[0].blocks
    assert stored.method == "stored" and stored.parts == []
