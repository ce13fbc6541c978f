"""``nzip primer``, ``--primer`` and ``--no-primer``."""

from __future__ import annotations

import json
import os
import random

import pytest
from support import cache_of_tables

from nzip.primer import file as primer_file

RECORD = '{{"sensor": "station-{0}", "unit": "kelvin", "values": [{1}, {2}], "valid": true}}\n'


def records(seed: int, count: int) -> bytes:
    rng = random.Random(seed)
    return "".join(
        RECORD.format(rng.randrange(30), rng.randrange(200, 320), rng.randrange(200, 320))
        for _ in range(count)
    ).encode()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files to learn from in train/, one to compress, and a primer made of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path / "cache"))
    (tmp_path / "train" / "deep").mkdir(parents=True)
    for seed in range(4):
        (tmp_path / "train" / ("deep" if seed % 2 else "") / f"{seed}.json").write_bytes(records(seed, 12))
    (tmp_path / "new.json").write_bytes(records(99, 5))
    return tmp_path


@pytest.fixture
def trained(folder, nzip_cli):
    assert nzip_cli("primer", "train", "-rq", "train", "-o", "my.primer", "--size", "8K").code == 0
    return folder / "my.primer"


def test_train_says_what_it_did_and_is_deterministic(nzip_cli, folder):
    ran = nzip_cli("primer", "train", "-r", "train", "-o", "a.primer")
    assert ran.code == 0 and ran.out == b"" and ran.err.count("\n") == 1
    assert "from 4 of 4 files" in ran.err and primer_file.load("a.primer").hash.hex() in ran.err
    names = ["train/deep/3.json", "train/2.json", "train/0.json", "train/deep/1.json"]
    assert nzip_cli("primer", "train", "-q", *names, "-o", "b.primer").err == ""
    assert (folder / "a.primer").read_bytes() == (folder / "b.primer").read_bytes()
    (folder / "noise").write_bytes(os.urandom(3000))
    ran = nzip_cli("primer", "train", "noise", *names, "train/2.json", "-o", "c.primer")
    assert "1 copies of others, 1 no text" in ran.err
    assert (folder / "c.primer").read_bytes() == (folder / "a.primer").read_bytes()


def test_train_refuses_in_one_line_and_leaves_nothing(nzip_cli, folder):
    (folder / "kept.primer").write_bytes(b"precious")
    (folder / "empty").write_bytes(b"")
    (folder / "noise").write_bytes(os.urandom(3000))
    os.mkfifo(folder / "pipe")
    before = sorted(folder.rglob("*"))
    for arguments, said in (
        (("train", "-o", "x.primer"), "-r takes the files"),
        (("-o", "x.primer"), "name the files"),
        (("new.json",), "--output"),
        (("none.json", "-o", "x.primer"), "none.json: no such file"),
        (("empty", "-o", "x.primer"), "nothing to make a primer from"),
        (("noise", "-o", "x.primer"), "look like binary"),
        (("pipe", "-o", "x.primer"), "no regular file"),
        (("new.json", "-o", "kept.primer"), "exists already"),
        (("new.json", "-o", "nowhere/x.primer"), "cannot write there"),
        (("new.json", "-o", "x.primer", "--size", "1"), "1 KiB to 32 MiB"),
        (("new.json", "-o", "x.primer", "--size", "many"), "is no size"),
    ):
        ran = nzip_cli("primer", "train", *arguments)
        assert ran.code == 1 and said in ran.err and ran.err.count("\n") == 1, arguments
    assert sorted(folder.rglob("*")) == before and (folder / "kept.primer").read_bytes() == b"precious"
    assert nzip_cli("primer", "train", "-f", "new.json", "-o", "kept.primer").code == 0
    assert primer_file.load("kept.primer").text == (folder / "new.json").read_bytes()


def test_compress_and_decompress_with_a_primer(nzip_cli, folder, trained):
    data = (folder / "new.json").read_bytes()
    assert nzip_cli("compress", "-1q", "--primer", trained, "new.json").code == 0
    stream = (folder / "new.json.nz").read_bytes()
    cold = nzip_cli("-1c", "--no-primer", "new.json").out
    assert len(stream) < 0.7 * len(cold)
    assert nzip_cli("-dc", cold and "-", input=cold).out == data  # a cold file needs nothing
    assert nzip_cli("-dc", "--primer", trained, input=cold).out == data  # and takes no harm
    with_primer = ("--primer", trained, "new.json.nz")
    for verb in (("decompress", "-c"), ("cat",), ("-dc",)):
        assert nzip_cli(*verb, *with_primer).out == data
    assert nzip_cli("cat", "--range", "10:20", *with_primer).out == data[10:20]
    assert nzip_cli("test", *with_primer) == (0, b"", "") == nzip_cli("-t", *with_primer)
    assert nzip_cli("decompress", "-f", "--recover", *with_primer).code == 0
    assert (folder / "new.json").read_bytes() == data
    measured = json.loads(nzip_cli("measure", "-1", "--json", "--primer", trained, "new.json").out)
    assert measured["total"]["compressed"] == len(stream)
    assert measured["config"] == {"primer": primer_file.load(trained).hash.hex()}


def test_rm_verifies_with_the_primer(nzip_cli, folder, trained):
    data = (folder / "new.json").read_bytes()
    assert nzip_cli("-1q", "--rm", "--primer", trained, "new.json").code == 0
    assert not (folder / "new.json").exists()
    assert nzip_cli("-dq", "--primer", trained, "new.json.nz").code == 0
    assert (folder / "new.json").read_bytes() == data


def test_a_missing_or_other_primer_is_named(nzip_cli, folder, trained):
    assert nzip_cli("compress", "-1q", "--primer", trained, "new.json").code == 0
    assert nzip_cli("primer", "train", "-q", "new.json", "-o", "other.primer").code == 0
    mine, others = (primer_file.load(name).hash.hex() for name in (trained, "other.primer"))
    for verb in (
        ("decompress", "-c"),
        ("test",),
        ("cat",),
        ("cat", "--range", "0:5"),
        ("decompress", "-c", "--recover"),
    ):
        ran = nzip_cli(*verb, "new.json.nz")
        assert (ran.code, ran.out, ran.err.count("\n")) == (1, b"", 1)
        assert mine in ran.err and "--primer FILE" in ran.err
        ran = nzip_cli(*verb, "--primer", "other.primer", "new.json.nz")
        assert (ran.code, ran.out, ran.err.count("\n")) == (1, b"", 1)
        assert mine in ran.err and others in ran.err
    assert mine.encode() in nzip_cli("list", "new.json.nz").out
    assert nzip_cli("list", "--check", "--primer", trained, "new.json.nz").code == 0
    ran = nzip_cli("list", "--check", "--primer", "other.primer", "new.json.nz")
    assert ran.code == 1 and mine in ran.err and others in ran.err


def test_a_bad_primer_is_refused_before_anything_is_written(nzip_cli, folder, trained):
    damaged = bytearray(trained.read_bytes())
    damaged[40] ^= 4
    (folder / "damaged.primer").write_bytes(damaged)
    for name, code, said in (
        ("none.primer", 1, "none.primer: no such file"),
        ("damaged.primer", 2, "damaged.primer: is a damaged primer file"),
        ("new.json", 2, "new.json: is no primer file"),
    ):
        for verb in ("compress", "measure", "decompress", "test", "cat", "list"):
            ran = nzip_cli(verb, "--primer", name, "new.json")
            assert ran.code == code and said in ran.err and ran.err.count("\n") == 1, verb
    assert not (folder / "new.json.nz").exists()
    ran = nzip_cli("compress", "--primer", trained, "--no-primer", "new.json")
    assert ran.code == 1 and "give one of them" in ran.err


def test_list_shows_what_ships_and_ones_own(nzip_cli, trained):
    from nzip.predictors.mix import primers

    shipped = json.loads(nzip_cli("primer", "list", "--json").out)["primers"]
    assert [row["hash"] for row in shipped] == [entry["hash"] for entry in primers.index()]
    table = nzip_cli("primer", "list").out.decode()
    assert all(row["name"] in table and row["what_for"] in table for row in shipped)
    (own,) = json.loads(nzip_cli("primer", "list", "--json", trained).out)["primers"]
    primer = primer_file.load(trained)
    assert (own["bytes"], own["hash"], own["words"]) == (len(primer.text), primer.hash.hex(), 0)
    assert nzip_cli("primer", "list", "none").code == 1


def test_a_dictionary_is_put_in_where_it_helps(nzip_cli, folder, monkeypatch):
    """What the trial measures is made up here, so that it takes no time."""
    from nzip.predictors.mix.words.dictionary import USER, parse
    from nzip.primer import dictionaries

    def made_up(sample, form, *_, **__):
        return 940 if form is not None and form.dictionary.number == USER else 1000

    monkeypatch.setattr(dictionaries, "coded", made_up)
    monkeypatch.setattr(dictionaries, "LEAST", 1 << 10)
    rng = random.Random(4)
    words = ["".join(rng.choices("aeilmnorst", k=7)) for _ in range(120)]
    for number in range(20):
        text = " ".join(rng.choices(words, k=300))
        (folder / f"{number}.txt").write_text(text)
    names = [f"{number}.txt" for number in range(20)]
    ran = nzip_cli("primer", "train", *names, "-o", "own.primer")
    found = primer_file.load("own.primer")
    count = len(parse(found.dictionary).words)
    assert f"a dictionary of {count:,} words, which took 6.0% off a trial" in ran.err
    assert found.hash.hex() in ran.err
    (row,) = json.loads(nzip_cli("primer", "list", "--json", "own.primer").out)["primers"]
    assert (row["words"], row["hash"]) == (count, found.hash.hex())
    assert str(count) in nzip_cli("primer", "list", "own.primer").out.decode()
    ran = nzip_cli("primer", "train", "--no-dictionary", *names, "-o", "text.primer")
    assert "dictionary" not in ran.err and not primer_file.load("text.primer").dictionary
    assert primer_file.load("text.primer").text == found.text
    assert nzip_cli("compress", "-1q", "--primer", "own.primer", "0.txt").code == 0
    assert nzip_cli("cat", "--primer", "own.primer", "0.txt.nz").out == (folder / "0.txt").read_bytes()
    ran = nzip_cli("cat", "--primer", "text.primer", "0.txt.nz")
    assert ran.code == 1 and found.hash.hex() in ran.err


def test_a_bar_on_a_terminal(monkeypatch):
    import io
    import sys

    from nzip.cli.terminal import StepBar

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for quiet in (False, True):
        monkeypatch.setattr(sys, "stderr", Terminal())
        with StepBar("primer", quiet) as bar:
            bar.update(1, 8)
            bar.update(8, 8)
        assert ("primer" in sys.stderr.getvalue()) == (not quiet)


def test_help_names_the_group_and_its_verbs(nzip_cli):
    out = nzip_cli("--help").out.decode()
    assert "primer " in out and "model " in out
    assert "train" in nzip_cli("primer", "--help").out.decode()
