"""Folders and many files in one call: what is taken, what is left out and said, equal bytes, and code that is
compiled ahead."""

from __future__ import annotations

import json
import os

import pytest
from support import ROOT

ALICE = (ROOT / "corpora" / "samples" / "alice29.txt").read_bytes()


@pytest.fixture
def folder(tmp_path):
    """Files in two folders, hidden ones, and such as are left out."""
    place = tmp_path / "place"
    (place / "b" / ".hidden").mkdir(parents=True)
    for name in ("a.txt", ".dot", "b/c", "b/.hidden/d"):
        (place / name).write_bytes(f"what stands in {name}\n".encode() * 20)
    (place / "old.nz").write_bytes(b"whatever")
    os.mkfifo(place / "b" / "pipe")
    (place / "link").symlink_to("a.txt")
    (place / "loop").symlink_to("b", target_is_directory=True)
    return place


def test_a_folder_is_walked(folder, nzip_cli):
    ran = nzip_cli("compress", "-1", "-r", str(folder), "--json")
    assert ran.code == 0
    rows = json.loads(ran.out)["files"]
    names = [os.path.relpath(row["file"], folder) for row in rows]
    assert names == [".dot", "a.txt", "b/c", "b/.hidden/d"]
    lines = [line.removeprefix(f"nzip: {folder}/") for line in ran.err.splitlines()]
    assert [line for line in lines if "→" not in line] == [
        "link: left out: a link",
        "loop: left out: a link",
        "old.nz: left out: it ends with .nz already",
        "b/pipe: left out: no regular file",
    ]
    for name in names:
        assert nzip_cli("decompress", "-c", str(folder / f"{name}.nz")).out == (folder / name).read_bytes()
    again = nzip_cli("compress", "-1", "-rq", str(folder))
    assert again.code == 1 and "left out" not in again.err  # a.txt.nz is there already
    empty = folder / "empty"
    empty.mkdir()
    assert nzip_cli("compress", "-r", str(empty)).code == 0
    assert nzip_cli("compress", str(folder)).code == 1


def test_many_files_are_as_each_alone(tmp_path, nzip_cli, primed_cache):
    """From 16 files on primed mixes stay in memory between them, and no byte depends on it."""
    names = []
    for n in range(17):
        names.append(tmp_path / f"{n}.txt")
        names[-1].write_bytes(ALICE[n * 3000 :][: 200 + 50 * n])
    assert nzip_cli("compress", "-1", "-T1", "-q", *names).code == 0
    coded = [name.with_name(name.name + ".nz").read_bytes() for name in names]
    spread = nzip_cli("compress", "-1", "-T2", "-f", *names)  # two desks of one pool
    assert [line.split(" ")[1] for line in spread.err.splitlines()] == list(map(str, names))
    assert [name.with_name(name.name + ".nz").read_bytes() for name in names] == coded
    for name in names[:: len(names) // 3]:
        many = name.with_name(name.name + ".nz")
        assert nzip_cli("compress", "-1", "-c", name).out == many.read_bytes()
        assert nzip_cli("decompress", "-c", many).out == name.read_bytes()
    assert nzip_cli("compress", "-1", "-qf", "-M", "1G", *names).code == 0


def test_code_is_compiled_ahead(nzip_cli, monkeypatch):
    first = nzip_cli("warm", "1", "--json")
    assert first.code == 0 and [row["level"] for row in json.loads(first.out)["levels"]] == [1]
    again = nzip_cli("warm", "1")
    assert again.code == 0 and again.err == "nzip: -1: was ready\n"
    assert nzip_cli("warm", "10").code == 1 and nzip_cli("warm", "9").code != 0
    monkeypatch.setenv("NZIP_CACHE", "off")
    refused = nzip_cli("warm", "1")
    assert refused.code != 0 and "nothing is kept" in refused.err
