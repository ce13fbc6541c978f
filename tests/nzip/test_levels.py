"""A short file at a level that has one below: coded by both, the smaller kept, whoever calls."""

from __future__ import annotations

import io
import json
import random

import pytest

import nzip
from nzip import levels
from nzip.cli import main as cli
from nzip.container import short_streams
from nzip.container.meter import Meter
from nzip.levels import Level, levels_below

LONG, SHORT = "toy:200", "toy"
BRIEF = 200


@pytest.fixture(autouse=True)
def toy_levels(toys, monkeypatch):
    """Level 2's header is the longer one, so that it is never smaller; levels 3 and 1 likewise, without one
    below."""
    monkeypatch.setitem(levels.LEVELS, 1, Level(SHORT, "a toy"))
    monkeypatch.setitem(levels.LEVELS, 2, Level(LONG, "a toy", brief=BRIEF))
    monkeypatch.setitem(levels.LEVELS, 3, Level(LONG, "a toy"))


def spelling(stream: bytes) -> str:
    return nzip.contents(io.BytesIO(stream)).streams[0].predictor


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", [1, BRIEF - 1, BRIEF])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_short_file_is_no_larger_than_at_the_level_below(size, threads):
    for data in (bytes(size), noise(size)):
        stream = nzip.compress(data, 2, threads=threads)
        assert stream == nzip.compress(data, 1)
        assert len(stream) < len(nzip.compress(data, predictor=LONG))
        assert nzip.decompress(stream) == data


def test_only_a_short_file_of_one_block_at_a_level_that_says_so():
    assert spelling(nzip.compress(bytes(BRIEF + 1), 2)) == LONG
    assert spelling(nzip.compress(bytes(BRIEF), 2, block_size=BRIEF - 1)) == LONG
    assert spelling(nzip.compress(bytes(BRIEF), predictor=LONG)) == LONG
    assert spelling(nzip.compress(bytes(BRIEF), 3)) == LONG
    compressor = nzip.Compressor(2)
    flushed = (
        compressor.compress(bytes(9), compressor.FLUSH_BLOCK)
        + compressor.compress(bytes(9))
        + compressor.flush()
    )
    assert spelling(flushed) == LONG and nzip.decompress(flushed) == bytes(18)


def test_the_level_itself_where_it_is_smaller(monkeypatch):
    monkeypatch.setitem(levels.LEVELS, 1, Level(LONG, "a toy"))
    monkeypatch.setitem(levels.LEVELS, 2, Level(SHORT, "a toy", brief=BRIEF))
    assert spelling(nzip.compress(bytes(BRIEF), 2)) == SHORT


def test_every_caller_has_the_same_bytes(tmp_path, capfd):
    data = noise(BRIEF)
    wanted = nzip.compress(data, 1)
    (tmp_path / "x").write_bytes(data)
    with nzip.open(tmp_path / "a.nz", "wb", level=2) as file:
        file.write(data[:50])
        file.write(data[50:])
    nzip.compress_file(tmp_path / "x", tmp_path / "b.nz", 2)
    nzip.compress_file(tmp_path / "x", tmp_path / "c.nz", 2, resume=True)
    packing = ["compress", "-2", "-k", "--json", "-o", str(tmp_path / "d.nz"), str(tmp_path / "x")]
    assert cli.run(packing) == 0
    assert json.loads(capfd.readouterr().out)["files"][0]["predictor"] == SHORT
    for name in "abcd":
        assert (tmp_path / f"{name}.nz").read_bytes() == wanted, name
    compressor = nzip.Compressor(2)
    for _ in range(2):  # a stream after the other
        assert compressor.compress(data) + compressor.flush() == wanted
    assert nzip.measure(data, 2) == (len(data), len(wanted))
    assert cli.run(["measure", "-2", "--json", str(tmp_path / "x")]) == 0
    assert f'"compressed": {len(wanted)},' in capfd.readouterr().out


def test_only_who_wins_is_probed(toys, monkeypatch):
    probed = []

    def probe(self):
        probed.append(self.spelling)
        return bytes(8)

    monkeypatch.setattr(toys.ToyPredictor, "probe", probe)
    long, short = toys.ToyPredictor(LONG), toys.ToyPredictor(SHORT)
    data = bytes(BRIEF)
    found = short_streams.smallest([long, short], memoryview(data), (), False, Meter())
    assert found.spelling == SHORT and probed == [SHORT]
    stream = found.writer.header() + found.head + found.payload + found.writer.end()
    assert nzip.decompress(stream, predictor=short) == data


def test_verified_and_within_memory():
    assert nzip.compress(bytes(BRIEF), 2, verify=True) == nzip.compress(bytes(BRIEF), 1)
    with pytest.raises(nzip.LimitError, match=LONG):
        from nzip.container import pipeline
        from nzip.options import choose_predictor, lesser

        ways = lesser(2, lambda found: found)
        pipeline.encode_stream(io.BytesIO(bytes(9)), len, choose_predictor(2), memory=1000, lesser=ways)


def test_a_primer_is_every_levels(tmp_path, monkeypatch):
    """A level that starts from the user's text is tried against one that does, too."""
    monkeypatch.setitem(levels.LEVELS, 1, Level("mix:0", "small"))
    monkeypatch.setitem(levels.LEVELS, 2, Level("mix:1", "a little larger", brief=BRIEF))
    primer = nzip.train_primer([b"the quick brown fox jumps over the lazy dog " * 40])
    for given in (primer, False):
        ways = [nzip.compress(b"a lazy quick dog", predictor=p, primer=given) for p in ("mix:0", "mix:1")]
        found = nzip.compress(b"a lazy quick dog", 2, primer=given)
        assert found == min(ways[::-1], key=len)
        assert nzip.decompress(found, primer=given or None) == b"a lazy quick dog"


def test_levels_below():
    """Whatever a level tries, the one that it tries first tries, too, so that no level is larger than any."""
    monotone = {n for n in levels.LEVELS if n > 3 and levels_below(n)}
    for level in monotone:
        (first, most), *rest = levels_below(level)
        assert first == level - 1
        assert rest == [(n, min(size, most)) for n, size in levels_below(first)]
    assert {5, 6, 7, 8} <= monotone
