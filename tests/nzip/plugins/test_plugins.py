"""nzip inside fsspec, smart_open, shutil and numcodecs."""

from __future__ import annotations

import io
import logging
import os
import shutil
import tarfile
import tomllib
from pathlib import Path

import pytest

import nzip
import nzip.plugins
from nzip import levels
from nzip.levels import Level

DATA = b"chunk of data, " * 200


@pytest.fixture(autouse=True)
def registered(toys, monkeypatch):
    monkeypatch.setitem(levels.LEVELS, levels.DEFAULT_LEVEL, Level("toy", "a toy"))
    done = nzip.plugins.register()
    assert nzip.plugins.register() == done  # twice does nothing
    yield done
    shutil.unregister_archive_format(nzip.plugins.ARCHIVE_FORMAT)
    shutil.unregister_unpack_format(nzip.plugins.ARCHIVE_FORMAT)


def test_fsspec(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open(str(tmp_path / "file.nz"), "wb", compression="infer") as file:
        file.write(DATA)
    assert nzip.decompress((tmp_path / "file.nz").read_bytes()) == DATA
    for compression in ("infer", "nzip"):
        with fsspec.open(str(tmp_path / "file.nz"), "rb", compression=compression) as file:
            assert file.read() == DATA
    with fsspec.open("memory://text.nz", "wt", compression="nzip", encoding="utf-8") as file:
        file.write("naïve\n")
    with fsspec.open("memory://text.nz", "rt", compression="infer", encoding="utf-8") as file:
        assert file.read() == "naïve\n"


def test_smart_open(tmp_path):
    smart_open = pytest.importorskip("smart_open")
    with smart_open.open(tmp_path / "file.nz", "w", encoding="utf-8") as file:
        file.write("naïve\n" * 10)
    assert nzip.decompress((tmp_path / "file.nz").read_bytes()) == "naïve\n".encode() * 10
    with smart_open.open(tmp_path / "file.nz", encoding="utf-8") as file:
        assert file.readlines() == ["naïve\n"] * 10


def test_archives(tmp_path):
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "file").write_bytes(DATA)
    (tree / "deep" / "other").write_bytes(b"x")
    made = shutil.make_archive(str(tmp_path / "out" / "backup"), "nztar", root_dir=tree)
    assert made == str(tmp_path / "out" / "backup.tar.nz")
    with nzip.open(made) as stream, tarfile.open(fileobj=stream) as archive:
        assert {"./file", "./deep/other"} <= set(archive.getnames())
    shutil.unpack_archive(made, tmp_path / "back")
    assert (tmp_path / "back" / "file").read_bytes() == DATA
    assert (tmp_path / "back" / "deep" / "other").read_bytes() == b"x"
    short = tmp_path / "short.tnz"
    shutil.copy(made, short)
    shutil.unpack_archive(short, tmp_path / "again")
    assert (tmp_path / "again" / "file").read_bytes() == DATA
    made = shutil.make_archive(
        str(tmp_path / "part"), "nztar", root_dir=tmp_path, base_dir="tree/deep", owner="root", group="root"
    )
    shutil.unpack_archive(made, tmp_path / "part")
    assert (tmp_path / "part" / "tree" / "deep" / "other").read_bytes() == b"x"
    assert shutil.make_archive(str(tmp_path / "dry"), "nztar", root_dir=tree, dry_run=True)
    assert not (tmp_path / "dry.tar.nz").exists()


def names(archive):
    with nzip.open(archive) as stream, tarfile.open(fileobj=stream) as found:
        return sorted(os.path.normpath(name) for name in found.getnames())


def test_an_archive_does_not_hold_itself(tmp_path, monkeypatch):
    """Neither what it is written to, nor the older one that it replaces; as with shutil's own tar."""
    monkeypatch.chdir(tmp_path)
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "file").write_bytes(DATA)
    (tmp_path / "alias").symlink_to("tree")
    for base, where in (
        ("tree/backup", {"root_dir": "tree"}),
        (str(tree / "backup"), {"root_dir": tree}),
        (tree / "deep" / "backup", {"root_dir": "tree"}),
        ("alias/backup", {"root_dir": "tree"}),
        ("tree/backup", {"root_dir": "alias"}),
        ("tree/backup", {"base_dir": "tree"}),
        ("tree/deep/backup", {"root_dir": tmp_path, "base_dir": "tree"}),
        ("tree/backup", {"root_dir": tree, "verbose": 1, "logger": logging.getLogger("test")}),
    ):
        for _ in range(3):
            made = shutil.make_archive(base, "nztar", **where)
            assert [name for name in names(made) if "backup" in name] == []
            assert any(name.endswith("file") for name in names(made))
        os.remove(made)


def test_an_archive_holds_what_only_looks_like_itself(tmp_path):
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    made = shutil.make_archive(str(tree / "backup"), "nztar", root_dir=tree)
    (tree / "deep" / "backup.tar.nz").write_bytes(b"another folder's")
    os.link(made, tree / "kept.tar.nz")
    (tree / "link").symlink_to("backup.tar.nz")
    shutil.make_archive(str(tree / "backup"), "nztar", root_dir=tree)
    assert names(made) == [".", "deep", "deep/backup.tar.nz", "kept.tar.nz", "link"]
    # The old archive's name may be a link: that is replaced, and what it showed is a file like others.
    os.rename(made, tree / "first.tar.nz")
    os.symlink("first.tar.nz", made)
    shutil.make_archive(str(tree / "backup"), "nztar", root_dir=tree)
    assert not os.path.islink(made)
    assert names(made) == [".", "deep", "deep/backup.tar.nz", "first.tar.nz", "kept.tar.nz", "link"]


def test_archives_of_owners_that_are_not_there(tmp_path):
    (tmp_path / "tree").mkdir()
    for who in ({"owner": "no such user"}, {"group": "no such group"}):
        with pytest.raises(LookupError, match="no such"):
            shutil.make_archive(str(tmp_path / "out"), "nztar", root_dir=tmp_path / "tree", **who)
    assert os.listdir(tmp_path) == ["tree"]


def test_an_archive_is_checked_to_its_very_end(tmp_path):
    """tar stops reading at its own end mark; damage behind it must not pass."""
    (tmp_path / "file").write_bytes(DATA)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        archive.add(tmp_path / "file", "file")
    packed = nzip.compress(raw.getvalue() + bytes(1 << 18), block_size=4096)
    for damaged in (packed[:-1], packed[:-20] + b"?" + packed[-19:]):
        (tmp_path / "cut.tar.nz").write_bytes(damaged)
        with pytest.raises(nzip.CorruptError):
            shutil.unpack_archive(tmp_path / "cut.tar.nz", tmp_path / "out")


def test_archives_that_are_damaged_or_hostile(tmp_path):
    (tmp_path / "no.tar.nz").write_bytes(nzip.compress(b"this is no tar file" * 100))
    with pytest.raises(shutil.ReadError):
        shutil.unpack_archive(tmp_path / "no.tar.nz", tmp_path / "out")
    (tmp_path / "cut.tar.nz").write_bytes(nzip.compress(DATA)[:-5])
    with pytest.raises((nzip.CorruptError, shutil.ReadError)):
        shutil.unpack_archive(tmp_path / "cut.tar.nz", tmp_path / "out")
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        member = tarfile.TarInfo("../escaped")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    (tmp_path / "evil.tar.nz").write_bytes(nzip.compress(raw.getvalue()))
    with pytest.raises(tarfile.FilterError):
        shutil.unpack_archive(tmp_path / "evil.tar.nz", tmp_path / "out")
    assert not (tmp_path / "escaped").exists()


def test_numcodecs():
    numcodecs = pytest.importorskip("numcodecs")
    import numpy as np

    from nzip.plugins.zarr import NzipCodec

    project = tomllib.loads((Path(nzip.__file__).parent.parent / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["numcodecs.codecs"]["nzip"] == "nzip.plugins.zarr:NzipCodec"
    numcodecs.register_codec(NzipCodec)
    codec = numcodecs.get_codec({"id": "nzip", "predictor": "toy:4"})
    assert numcodecs.get_codec(codec.get_config()) == codec
    for array in (np.arange(500, dtype="<i4").reshape(20, 25), np.zeros(0), np.asfortranarray(np.eye(7))):
        packed = codec.encode(array)
        out = np.empty_like(array)
        codec.decode(packed, out=out)
        assert (out == array).all()
        assert codec.decode(packed) == array.tobytes(order="A")
