"""Slips of the keyboard, numbers of any size, names and locales of any kind, other compressors' files."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile

import pytest

from nzip.cli import words
from nzip.io import foreign

DATA = b"All work and no play makes Jack a dull boy.\n" * 20


@pytest.fixture
def folder(tmp_path, monkeypatch, toys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.txt").write_bytes(DATA)
    return tmp_path


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [("mesure", "measure", 1), ("tset", "test", 1), ("lits", "list", 1), ("comprss", "compress", 1),
     ("cat", "cat", 0), ("c", "cat", 2), ("dog", "cat", 3), ("decompose", "decompress", 3),
     ("trian", "train", 1)],
)  # fmt: skip
def test_distances(one, other, far):
    assert words.distance(one, other) == words.distance(other, one) == far


@pytest.mark.parametrize(
    ("word", "meant"),
    [("mesure", "measure"), ("comprss", "compress"), ("decompres", "decompress"), ("lsit", "list"),
     ("LIST", "list"), ("trian", "train"), ("modle", "model"), ("primr", "primer"), ("levles", "levels")],
)  # fmt: skip
def test_a_misspelled_verb_touches_nothing(nzip_cli, folder, word, meant):
    for arguments in ([word, "t.txt"], [word], [word, "-q", "t.txt"], [word, "--json", "t.txt"]):
        ran = nzip_cli(*arguments)
        assert ran.code == 1 and f"did you mean {meant}?" in ran.err and ran.err.count("\n") == 1
    assert os.listdir(folder) == ["t.txt"]


def test_what_is_no_slip(nzip_cli, folder):
    (folder / "mesure").write_bytes(DATA)
    assert nzip_cli("mesure", "--predictor", "toy").code == 0 and (folder / "mesure.nz").exists()
    assert nzip_cli("lost.txt", "--predictor", "toy", "t.txt").code == 1 and (folder / "t.txt.nz").exists()
    (folder / "t.txt.nz").unlink()
    for arguments in (["./mesur", "t.txt"], ["elsewhere", "t.txt"], ["--", "lst", "t.txt"]):
        ran = nzip_cli("-f", "--predictor", "toy", *arguments) if arguments[0] == "--" else nzip_cli(
            *arguments, "-f", "--predictor", "toy")  # fmt: skip
        assert ran.code == 1 and "mean" not in ran.err and (folder / "t.txt.nz").exists(), arguments
        (folder / "t.txt.nz").unlink()
    ran = nzip_cli("-v", "test", "t.txt")  # a verb behind an option is no file either
    assert ran.code == 1 and not (folder / "t.txt.nz").exists()


def test_twelve_is_not_two(nzip_cli, folder):
    for arguments in (
        ["-12", "t.txt"],
        ["-q12c", "t.txt"],
        ["compress", "-21", "t.txt"],
        ["measure", "-99", "t.txt"],
    ):
        ran = nzip_cli(*arguments)
        assert ran.code == 1 and "one digit" in ran.err and ran.err.count("\n") == 1, arguments
    assert os.listdir(folder) == ["t.txt"]
    assert nzip_cli("-q", "--predictor", "toy", "-T12", "t.txt").code == 0
    assert nzip_cli("-q", "--predictor", "toy", "-o", "-12", "t.txt").code == 0
    assert nzip_cli("-qc", "--predictor", "toy", "--", "-12").code == 0


HUGE = (
    "9223372036854775808",
    "99999999999999999999",
    "9" * 5000,
    "8388608T",
    "-1",
    "-9223372036854775809",
    "1e9",
)


@pytest.mark.parametrize("number", HUGE)
def test_numbers_of_any_size(nzip_cli, folder, number):
    (folder / "a.nz").write_bytes(nzip_cli("-c", "--predictor", "toy", "t.txt").out)
    for arguments in (
        ["cat", f"--range={number}:", "a.nz"], ["cat", f"--range=:{number}", "a.nz"],
        ["-c", f"--block-size={number}", "t.txt"], ["-c", f"-T{number}", "t.txt"],
        ["-c", f"-M{number}", "t.txt"],
        ["-dc", f"--memory={number}", "a.nz"], ["test", f"--threads={number}", "a.nz"],
        ["measure", f"--window={number}", "t.txt"], ["train", f"--seed={number}", "-o", "x", "t.txt"],
        ["train", f"--total={number}", "-o", "x", "t.txt"],
        ["train", f"--width={number}", "-o", "x", "t.txt"],
        ["primer", "train", f"--size={number}", "-o", "x", "t.txt"],
    ):  # fmt: skip
        ran = nzip_cli(*arguments)
        assert ran.code == 1 and ran.out == b"" and ran.err.count("\n") == 1, arguments
        assert "report" not in ran.err
    assert sorted(os.listdir(folder)) == ["a.nz", "t.txt"]


@pytest.mark.parametrize("hours", ["nan", "inf", "-1", "0", "x"])
def test_hours_that_are_none(nzip_cli, folder, hours):
    ran = nzip_cli("train", f"--hours={hours}", "-o", "x", "t.txt")
    assert ran.code == 1 and ran.err.count("\n") == 1 and "hours" in ran.err


def test_the_largest_numbers_that_are_some(nzip_cli, folder):
    (folder / "a.nz").write_bytes(nzip_cli("-c", "--predictor", "toy", "t.txt").out)
    most = str(2**63 - 1)
    assert nzip_cli("cat", "--range", f"{most}:", "a.nz") == (0, b"", "")
    assert nzip_cli("cat", "--range", f"0:{most}", "a.nz").out == DATA
    assert nzip_cli("cat", "--range", f"{most}:", input=(folder / "a.nz").read_bytes()) == (0, b"", "")
    assert nzip_cli("-dc", "-M", most, "a.nz").out == DATA
    ran = nzip_cli("-dc", "-M", "0", "a.nz")
    assert ran.code == 1 and "--memory" in ran.err


def test_without_a_compiler(nzip_cli, folder, monkeypatch):
    (folder / "a.nz").write_bytes(nzip_cli("-c", "--predictor", "toy", "t.txt").out)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    for arguments in (["-1c", "t.txt"], ["-dc", "a.nz"], ["test", "a.nz"], ["cat", "--range", "0:1", "a.nz"],
                      ["measure", "t.txt"], ["decompress", "--recover", "a.nz"]):  # fmt: skip
        ran = nzip_cli(*arguments)
        assert (
            ran.code == 1 and ran.out == b"" and ran.err.count("\n") == 1 and "NUMBA_DISABLE_JIT" in ran.err
        )
    for arguments in (["--help"], ["--version"], ["levels"], ["list", "a.nz"], ["compress", "--help"]):
        assert nzip_cli(*arguments).code == 0
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    assert nzip_cli("-dc", "a.nz").out == DATA


def _archive(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("text", DATA)
    else:
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("text"))
    return out.getvalue()


FOREIGN = {
    "xz": lzma.compress(DATA),
    "lzma": lzma.compress(DATA, lzma.FORMAT_ALONE),
    "gzip": gzip.compress(DATA),
    "bzip2": bz2.compress(DATA),
    "zip": _archive("zip"),
    "tar": _archive("tar"),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(20),
    "lz4": b"\x04\x22\x4d\x18" + bytes(20),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(20),
    "compress": b"\x1f\x9d\x90" + bytes(20),
    "lzip": b"LZIP\x01" + bytes(20),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_other_compressors_are_named(nzip_cli, folder, kind):
    import nzip

    data = FOREIGN[kind]
    path = folder / "app.jsonl.other"
    path.write_bytes(data)
    (folder / "named.nz").write_bytes(data)
    for ran in (
        nzip_cli("-d", path), nzip_cli("-dc", path), nzip_cli("test", path),
        nzip_cli("list", path), nzip_cli("cat", "--range", "0:9", path), nzip_cli("decompress", "named.nz"),
        nzip_cli("decompress", "-o", "x", path), nzip_cli("decompress", "--recover", "-c", path),
    ):  # fmt: skip
        assert ran.code == 2 and ran.out == b"" and ran.err.count("\n") == 1
        assert f"this is {kind}" in ran.err or "this is a tar archive" in ran.err
        assert ": use " in ran.err
    if kind != "tar":  # whose magic stands at byte 257
        assert f"this is {kind}" in nzip_cli("-d", input=data).err
        with pytest.raises(nzip.FormatError, match=f"this is {kind}"):
            nzip.decompress(data)
    assert sorted(os.listdir(folder)) == ["app.jsonl.other", "named.nz", "t.txt"]


def test_what_is_nobodys_is_not_named():
    assert foreign.what_is(b"") is None and foreign.what_is(DATA) is None
    assert foreign.what_is(b"\x89NZ\r\n\x1a\n") is None


NAMES = (":key:.txt", "[bold]x[red]", "caf\xe9 \u6f22 \u20ac", "a\x1b[31m\nb", os.fsdecode(b"no \xff text"))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "cp1252"])
def test_names_of_any_kind_in_locales_of_any_kind(folder, monkeypatch, encoding):
    """Tables, errors and last lines: never a failure, never a picture, never a command to the terminal."""
    import sys

    from nzip.cli import main

    for name in NAMES:
        (folder / name).write_bytes(DATA)
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
    err.reconfigure(errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    coded = [name + ".nz" for name in NAMES]
    codes = [
        main._guarded(arguments)
        for arguments in (
            ["--predictor", "toy", *NAMES],
            ["list", *coded],
            ["list", "-v", *coded],
            ["list", "--json", *coded],
            ["measure", "--predictor", "toy", *NAMES],
            ["levels"],
            ["primer", "list"],
            ["model", "list"],
            ["--help"],
        )
    ]
    codes += [
        main._guarded(["list", *NAMES]) - 2,
        main._guarded(["test", *(name + "?" for name in NAMES)]) - 1,
    ]
    out.flush()
    err.flush()
    monkeypatch.undo()
    printed, said = out.buffer.getvalue().decode(encoding), err.buffer.getvalue().decode(encoding)
    assert codes == [0] * 11
    assert printed.count(":key:.txt") >= 4 and "[bold]x[red]" in printed and ":key:.txt" in said
    assert not any(ord(c) < 32 and c != "\n" for c in printed + said)
    assert ("caf\xe9" in printed) == (encoding != "ascii")


def test_json_holds_names_as_they_are(nzip_cli, folder):
    for name in NAMES:
        (folder / name).write_bytes(DATA)
    found = json.loads(nzip_cli("measure", "--json", "--predictor", "toy", *NAMES).out)
    assert [row["file"] for row in found["files"]] == list(NAMES)


def test_standard_input_is_given_once(nzip_cli, folder):
    for verb in ("measure", "list", "test"):
        ran = nzip_cli(verb, "-", "-", input=DATA)
        assert ran.code == 1 and "once" in ran.err
