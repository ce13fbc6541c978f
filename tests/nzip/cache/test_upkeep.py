"""What is kept is shown, checked and cleared, by a call and by ``nzip cache``."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from nzip import NzipError, cache


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """A cache with entries of every kind, two of them damaged, and a model."""
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NZIP_MODELS", str(tmp_path / "models"))
    for kind in (cache.CODE, cache.PRIMED, cache.LAB):
        for name in ("one", "two"):
            assert kind.put(name, [bytes(100)])
    (tmp_path / "cache" / "code" / "notes.txt").write_text("a stranger's")
    for damaged in ("code/two.code", "lab/one.tables"):
        file = tmp_path / "cache" / damaged
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    (tmp_path / "models" / "folder").mkdir(parents=True)
    (tmp_path / "models" / "folder" / "model.safetensors").write_bytes(bytes(10))
    (tmp_path / "models" / "own.gguf").write_bytes(bytes(20))
    (tmp_path / "models" / "letters.txt").write_text("no model")
    return tmp_path / "cache"


def files(place: Path) -> set[str]:
    return {str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()}


SOUND = {"code/one.code", "code/notes.txt", "primed/one.tables", "primed/two.tables", "lab/two.tables"}


def test_info(nzip_cli, place):
    found = cache.info()
    assert [(f.what, f.kind, f.entries, f.bytes, f.refused) for f in found] == [
        ("code", "code", 2, 296, None),
        ("tables", "primed", 2, 296, None),
        ("tables", "lab", 2, 296, None),
        ("models", "models", 2, 30, None),
    ]
    told = json.loads(nzip_cli("cache", "--json").out)["kinds"]
    assert told == [{**f._asdict(), "path": str(f.path)} for f in found]
    shown = nzip_cli("cache")
    assert shown.code == 0 and shown.err == ""
    first, *_, last = shown.out.decode().splitlines()
    assert first == str(place) and last == f"models: {place.parent / 'models'}"


@pytest.mark.skipif(os.name != "posix", reason="no pseudo-terminals here")
@pytest.mark.parametrize("width", [40, 200])
def test_no_line_of_the_table_is_broken_on_a_terminal(place, width):
    """But for the paths, which stay whole, and longer than it is wide."""
    import fcntl
    import struct
    import termios

    (place / "primed" / "large.tables").write_bytes(b"")
    os.truncate(place / "primed" / "large.tables", 1_043_700_000)
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    command = [sys.executable, "-m", "nzip", "cache"]
    process = subprocess.Popen(command, stdout=slave, env={**os.environ, "PYTHONPATH": str(ROOT)})
    os.close(slave)
    seen = b""
    with contextlib.suppress(OSError):  # the end, on Linux
        while part := os.read(master, 4096):
            seen += part
    os.close(master)
    assert process.wait() == 0 and b"\x1b" not in seen
    base, _, *table, _, models = seen.decode().splitlines()
    assert base == str(place) and models.startswith("models: /")
    assert max(map(len, table)) <= 40 and "tables  primed      3  1043.7      1074" in table


def test_check_removes_what_is_damaged(nzip_cli, place):
    ran = nzip_cli("cache", "--check", "--json")
    assert ran.code == 0
    assert [(f["kind"], f["read"], f["removed"]) for f in json.loads(ran.out)["checked"]] == [
        ("code", 2, ["two.code"]),
        ("primed", 2, []),
        ("lab", 2, ["one.tables"]),
    ]
    assert files(place) == SOUND
    assert [found.removed for found in cache.check()] == [[], [], []]
    (place / "code" / "one.code").write_bytes(b"")
    assert nzip_cli("cache", "--check").err.splitlines() == [
        "nzip: code: 1 read, 1 damaged and removed",
        "nzip: primed: 2 read",
        "nzip: lab: 1 read",
    ]


def test_check_does_not_count_as_use(place):
    file = place / "primed" / "one.tables"
    os.utime(file, (1000, 1000))
    cache.check()
    assert file.stat().st_mtime == 1000


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ((), {"code/notes.txt"}),
        (
            ("code",),
            {"code/notes.txt", *(f"{k}/{n}.tables" for k in ("primed", "lab") for n in ("one", "two"))},
        ),
        (("tables",), {"code/notes.txt", "code/one.code", "code/two.code"}),
    ],
)
def test_clear(nzip_cli, place, words, left):
    ran = nzip_cli("cache", "--clear", *words, "--json")
    assert ran.code == 0 and json.loads(ran.out)["freed"] == 148 * (7 - len(left))
    assert files(place) == left
    assert (place.parent / "models" / "own.gguf").exists()


def test_models_go_only_when_they_are_named(nzip_cli, place):
    ran = nzip_cli("cache", "--clear", "models")
    assert ran.code == 0 and ran.err == "nzip: 0.0 MB freed\n"
    assert files(place.parent / "models") == {"letters.txt"} and len(files(place)) == 7


def test_clear_in_python(place):
    assert cache.clear("tables", "code") == 6 * 148
    assert files(place) == {"code/notes.txt"}
    with pytest.raises(NzipError, match="there are code, tables, models"):
        cache.clear("everything")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no modes here")
@pytest.mark.parametrize("words", [("--check",), ("--clear",)])
def test_a_folder_that_is_not_trusted_is_left_alone(nzip_cli, place, words):
    before = files(place)
    place.chmod(0o777)
    ran = nzip_cli("cache", *words)
    assert ran.code == 1 and files(place) == before
    assert ran.err == f"nzip: the cache is left alone: {place} may be written by others (chmod go-w)\n"
    shown = nzip_cli("cache")
    assert shown.code == 0 and shown.err == ran.err
    assert [found.entries for found in cache.info()] == [0, 0, 0, 2]


@pytest.mark.parametrize("words", [("--check", "--clear"), ("--clear", "nothing"), ("x",)])
def test_wrong_words(nzip_cli, place, words):
    before = files(place)
    ran = nzip_cli("cache", *words)
    assert ran.code == 1 and ran.err.count("\n") == 1 and files(place) == before


def test_a_file_where_the_folder_should_be(nzip_cli, place, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", str(place / "code" / "notes.txt"))
    for words in ((), ("--check",), ("--clear",)):
        ran = nzip_cli("cache", *words)
        assert ran.code == 1 and ran.err.count("\n") == 1 and "notes.txt" in ran.err


def test_a_limit_is_kept_from_then_on(nzip_cli, place):
    """What is more goes at once, the least recently used first; other processes read it from the folder."""
    two = (place / "primed" / "two.tables").stat()
    os.utime(place / "primed" / "one.tables", (two.st_atime, two.st_mtime - 1000))
    size = two.st_size
    ran = nzip_cli("cache", "--limit", str(size + 10), "--json")
    limits = {row["kind"]: row["limit"] for row in json.loads(ran.out)["kinds"]}
    assert ran.code == 0 and limits["primed"] == size + 10 and limits["code"] == cache.CODE.default
    assert [name for name in files(place) if name.startswith("primed")] == ["primed/two.tables"]
    assert not cache.PRIMED.put("large", [bytes(size)])
    assert cache.PRIMED.put("three", [bytes(90)]) and cache.PRIMED.get("two") is None
    (place / "limit").write_text("nonsense")
    assert cache.PRIMED.limit == cache.PRIMED.default
    cache.limit(0)
    assert not cache.PRIMED.put("one", [b""]) and not list((place / "primed").iterdir())
    cache.limit(None)
    assert cache.PRIMED.put("one", [b""])
    assert nzip_cli("cache", "--limit", "1G", "--check").code == 1
