"""Every system call under ``shutil.make_archive`` and ``unpack_archive`` fails in turn, in every way.

The default suite takes a sample of the errors; the whole grid is behind ``slow``."""

from __future__ import annotations

import _pyio
import errno
import os
import shutil
import tarfile

import faults
import pytest

import nzip
import nzip.plugins
from nzip import levels
from nzip.errors import NzipError
from nzip.levels import Level

FILES = {"one": b"All work and no play.\n" * 30, "deep/two": b"makes Jack a dull boy.\n", "deep/none": b""}
OLD = b"an older archive"
SAMPLE = ("open", "read", "write", "fsync", "close", "replace", "mkdir", "listdir"), (errno.EIO,)
WHOLE = faults.CALLS, faults.ERRORS
pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")  # modes and the like that were refused


@pytest.fixture(autouse=True)
def registered(toys, monkeypatch):
    monkeypatch.setitem(levels.LEVELS, levels.DEFAULT_LEVEL, Level("toy", "a toy"))
    monkeypatch.setattr(tarfile, "bltn_open", _pyio.open)  # its own name for `open`, which the shim must see
    nzip.plugins.register_shutil()
    yield
    shutil.unregister_archive_format(nzip.plugins.ARCHIVE_FORMAT)
    shutil.unregister_unpack_format(nzip.plugins.ARCHIVE_FORMAT)


def _plant(folder) -> None:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _held(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _one_error(case) -> None:
    assert isinstance(case.error, (OSError, NzipError, shutil.ReadError, tarfile.TarError)), case
    assert str(case.error) and "\n" not in str(case.error), case


def _make(tmp_path, calls, codes) -> set[str]:
    place, tree = tmp_path / "place", tmp_path / "place" / "tree"
    target = place / "out" / "backup.tar.nz"
    place.mkdir()
    _plant(tree)
    again, fired = tmp_path / "again", set()

    def prepare():
        shutil.rmtree(place / "out", ignore_errors=True)
        (place / "out").mkdir()
        target.write_bytes(OLD)

    def action():
        return shutil.make_archive(str(place / "out" / "backup"), "nztar", root_dir=tree)

    descriptors = len(os.listdir("/proc/self/fd"))
    for case in faults.every_failure(prepare, action, below=place, calls=calls, codes=codes):
        fired.add(case.call)
        assert _held(tree) == FILES, case
        assert os.listdir(place / "out") == [target.name] or case.call == "unlink", case
        if target.read_bytes() != OLD:
            shutil.rmtree(again, ignore_errors=True)
            shutil.unpack_archive(target, again)
            assert _held(again) == FILES, case
        if case.error is not None:
            _one_error(case)
        else:
            assert target.read_bytes() != OLD, case
        assert len(os.listdir("/proc/self/fd")) == descriptors, case
    return fired


def _unpack(tmp_path, calls, codes) -> set[str]:
    place = tmp_path / "place"
    _plant(tmp_path / "tree")
    source = shutil.make_archive(str(place / "backup"), "nztar", root_dir=tmp_path / "tree")
    packed, out, fired = (place / "backup.tar.nz").read_bytes(), place / "out", set()

    def prepare():
        shutil.rmtree(out, ignore_errors=True)

    def action():
        shutil.unpack_archive(source, out)

    descriptors = len(os.listdir("/proc/self/fd"))
    for case in faults.every_failure(prepare, action, below=place, calls=calls, codes=codes):
        fired.add(case.call)
        assert (place / "backup.tar.nz").read_bytes() == packed, case
        if case.error is not None:
            _one_error(case)
        else:
            assert _held(out) == FILES, case
        assert len(os.listdir("/proc/self/fd")) == descriptors, case
        # What is there is no obstacle: the same call goes on over it.
        shutil.unpack_archive(source, out)
        assert _held(out) == FILES, case
    return fired


@pytest.mark.parametrize("which", [SAMPLE, pytest.param(WHOLE, marks=pytest.mark.slow)])
def test_whatever_fails_no_archive_is_half_made(tmp_path, which):
    fired = _make(tmp_path, *which)
    assert {"open", "read", "write", "fsync", "close", "replace", "listdir"} <= fired


@pytest.mark.parametrize("which", [SAMPLE, pytest.param(WHOLE, marks=pytest.mark.slow)])
def test_whatever_fails_unpacking_is_whole_or_an_error(tmp_path, which):
    fired = _unpack(tmp_path, *which)
    assert {"open", "read", "write", "close", "mkdir"} <= fired


def test_a_file_that_shrinks_while_it_is_packed_is_named(tmp_path, monkeypatch):
    _plant(tmp_path / "tree")
    true = tarfile.TarFile.gettarinfo

    def longer(self, name=None, arcname=None, fileobj=None):
        found = true(self, name, arcname, fileobj)
        found.size += found.isreg()
        return found

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", longer)
    with pytest.raises(OSError, match="became shorter while it was packed: .*(one|two|none)'"):
        shutil.make_archive(str(tmp_path / "backup"), "nztar", root_dir=tmp_path / "tree")
    assert os.listdir(tmp_path) == ["tree"]
