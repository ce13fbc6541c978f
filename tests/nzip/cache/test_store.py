"""Bytes in, verified bytes out: whatever stands between, the bytes come back as they were or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from nzip import cache
from nzip.cache import store
from nzip.cache.store import HEAD_SIZE, Store

SMALL = Store("small", ".thing", 10_000)
CONTENT = bytes(range(256)) * 4


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """An empty cache; the folder of SMALL in it."""
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "small"


def test_what_is_put_is_got(place):
    assert SMALL.get("x") is None
    for content in (CONTENT, b"", b"other"):
        assert SMALL.put("x", [content[:3], memoryview(content)[3:]])
        assert SMALL.get("x") == content
    assert SMALL.holds("x") and not SMALL.holds("y")
    assert [p.name for p in place.iterdir()] == ["x.thing"]
    if os.name == "posix":
        modes = [p.stat().st_mode & 0o777 for p in (place.parent, place, place / "x.thing")]
        assert modes == [0o700, 0o700, 0o600]


def test_into_memory_of_the_callers(place):
    assert SMALL.put("x", [CONTENT])
    given = []

    def memory(size: int) -> bytearray:
        given.append(bytearray(size))
        return given[-1]

    assert SMALL.read("x", memory) is given[0] and given[0] == CONTENT
    (place / "x.thing").write_bytes((place / "x.thing").read_bytes()[:-1] + b"?")
    assert SMALL.read("x", memory) is None and SMALL.read("x") is None


@pytest.mark.parametrize("on_a_disk", [True, False])
def test_mapped(place, monkeypatch, on_a_disk):
    monkeypatch.setattr(store, "_on_a_disk", lambda _: on_a_disk)
    assert SMALL.put("x", [CONTENT])
    found = SMALL.mapped("x")
    assert bytes(found) == CONTENT
    found[:4] = b"mine"  # ours, and no file's
    assert SMALL.get("x") == CONTENT
    SMALL.put("x", [b"another"])  # by whoever, meanwhile
    assert bytes(found) == b"mine" + CONTENT[4:] and bytes(SMALL.mapped("x")) == b"another"
    assert SMALL.put("x", [b""]) and SMALL.mapped("x") == b""
    SMALL.put("x", [CONTENT])
    file = place / "x.thing"
    whole = file.read_bytes()
    for damaged in (whole[:-1] + b"?", whole[:-1], whole + b"\0", b""):
        file.write_bytes(damaged)
        assert SMALL.mapped("x") is None
    assert SMALL.mapped("y") is None


def test_every_bit_counts(place):
    SMALL.put("x", [CONTENT[:64]])
    file = place / "x.thing"
    whole = file.read_bytes()
    assert len(whole) == HEAD_SIZE + 64
    for bit in range(8 * len(whole)):
        file.write_bytes(whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :])
        assert SMALL.get("x") is None
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        assert SMALL.get("x") is None
    file.write_bytes(whole + b"\0")
    assert SMALL.get("x") is None
    file.write_bytes(whole)
    assert SMALL.get("x") == CONTENT[:64]
    file.rename(place / "y.thing")  # whole, but another's
    assert SMALL.get("y") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_no_entry(place, tmp_path):
    SMALL.put("x", [CONTENT])
    (place / "x.thing").rename(tmp_path / "elsewhere")
    (place / "x.thing").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(place / "pipe.thing")
    (place / "folder.thing").mkdir()
    for name in ("x", "pipe", "folder"):
        assert SMALL.get(name) is None
    assert SMALL.put("x", [CONTENT]) and SMALL.get("x") == CONTENT  # the link is replaced
    assert not SMALL.put("folder", [CONTENT]) and not list(place.glob("*.part"))


CALLS = ("open", "mkdir", "replace", "fstat", "lstat", "scandir", "unlink", "utime", "close")


@pytest.mark.parametrize("errno", [28, 5, 4, 11, 1, 22, 122, 116])
def test_whatever_call_fails_nothing_is_wrong(monkeypatch, errno):
    """Each call of the system in turn fails once: bytes are right or not there, and no half is left."""
    SMALL.put("x", [CONTENT])
    for name in CALLS:
        real = getattr(os, name)
        for n in range(1, 6):
            count = [0]

            def failing(*args, n=n, count=count, real=real, name=name, **more):
                count[0] += 1
                if count[0] == n:
                    if name == "close":
                        real(*args, **more)
                    raise OSError(errno, os.strerror(errno))
                return real(*args, **more)

            with monkeypatch.context() as patch:
                patch.setattr(os, name, failing)
                assert SMALL.get("x") in (None, CONTENT)
                SMALL.put("x", [CONTENT])
                SMALL.put("y", [CONTENT[:9]])
            assert SMALL.get("x") == CONTENT
            assert SMALL.get("y") in (None, CONTENT[:9])


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_full_disk_leaves_the_old_entry(place, monkeypatch):
    SMALL.put("x", [b"old"])
    monkeypatch.setattr(store.folders.Folder, "create", lambda self, name: os.open("/dev/full", os.O_WRONLY))
    assert not SMALL.put("x", [CONTENT])
    assert SMALL.get("x") == b"old" and len(list(place.iterdir())) == 1


def test_the_least_recently_used_go_first(place):
    for i, name in enumerate("abc"):
        SMALL.put(name, [bytes(3000)])
        os.utime(place / f"{name}.thing", (1000 + i, 1000 + i))
    assert SMALL.get("a")  # now the most recently used
    (place / "notes.txt").write_bytes(bytes(20_000))  # a stranger's, neither counted nor removed
    assert SMALL.put("d", [bytes(3000)])
    assert {p.name for p in place.iterdir()} == {"a.thing", "c.thing", "d.thing", "notes.txt"}
    assert not SMALL.put("e", [bytes(10_000)])  # more than may ever be kept
    assert SMALL.get("a") and not SMALL.get("e")


def test_what_a_killed_process_left_goes(place):
    SMALL.put("x", [CONTENT])
    new, old = place / ".new.part", place / ".old.part"
    for part in (new, old):
        part.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    SMALL.put("y", [CONTENT])
    assert new.exists() and not old.exists()


def test_off_keeps_nothing(place, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", "off")
    assert not SMALL.put("x", [CONTENT]) and SMALL.get("x") is None and not place.parent.exists()
    assert {found.path for found in cache.info() if found.kind != "models"} == {None}


def test_readers_and_writers_at_once(tmp_path):
    """Nobody ever reads half of an entry, or another's."""
    script = (
        "from nzip.cache.store import Store\n"
        "import sys\n"
        "small, me = Store('small', '.thing', 1 << 20), sys.argv[1].encode()\n"
        "for i in range(200):\n"
        "    assert small.put('shared', [me * 20_000])\n"
        "    got = small.get('shared')\n"
        "    assert got is not None and len(got) == 20_000 and len(set(got)) == 1, got and got[:9]\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [subprocess.Popen([sys.executable, "-c", script, me], env=environment) for me in "abc"]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert not list((tmp_path / "cache" / "small").glob("*.part"))
