"""Output that appears whole or not at all: every system call made to fail in turn, links, devices, modes."""

from __future__ import annotations

import errno
import os
import stat
import types

import faults
import pytest

from nzip import safe_output
from nzip.safe_output import FileError, Output
from nzip.sources import open_source


def write(path, data: bytes, **options):
    with Output(str(path), **options) as output:
        output.write(data)
        output.commit()


def leftovers(directory) -> list[str]:
    return [name for name in os.listdir(directory) if name.endswith(safe_output.TEMPORARY_SUFFIX)]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("with_source", [False, True])
def test_every_system_call_may_fail(tmp_path, force, with_source):
    """Whatever fails, the target is the old one or the new one, whole, and nothing else is left behind."""
    target = tmp_path / "target"
    source = os.stat(__file__) if with_source else None
    said: list[str] = []
    seen, new = set(), b"new" * 1000

    def prepare():
        for name in os.listdir(tmp_path):
            (tmp_path / name).unlink()
        if force:
            target.write_bytes(b"old")
        said.clear()

    descriptors = len(os.listdir("/proc/self/fd"))
    for case in faults.every_failure(
        prepare,
        lambda: write(target, new, force=force, source=source, warn=said.append),
        below=tmp_path,
    ):
        seen.add(case.call)
        now = target.read_bytes() if target.exists() else None
        assert now in ((b"old" if force else None), new), case
        if case.error is None:
            assert now == new, case
        else:
            assert isinstance(case.error, FileError) and "\n" not in str(case.error), case
        told = "; ".join([*said, *getattr(case.error, "__notes__", ())])
        for name in leftovers(tmp_path):
            assert name in told, case
        assert len(os.listdir("/proc/self/fd")) == descriptors, case
    prepare()
    write(target, new, force=force, source=source)
    assert target.read_bytes() == new
    assert {"open", "write", "fsync", "close", "fchmod", "lstat", "fstat"} <= seen
    assert ({"replace"} if force else {"link", "unlink"}) <= seen
    assert not with_source or "utime" in seen


def test_an_error_inside_leaves_nothing(tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"old")
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), Output(str(target), force=True) as output:
            output.write(b"half")
            raise error
        assert target.read_bytes() == b"old" and os.listdir(tmp_path) == ["target"]


def test_leaving_without_commit_leaves_nothing(tmp_path):
    with Output(str(tmp_path / "target")) as output:
        output.write(b"half")
    assert os.listdir(tmp_path) == []


def test_the_temporary_file_is_private_and_beside_the_target(tmp_path):
    with Output(str(tmp_path / "target")) as output:
        output.write(b"secret")
        (name,) = os.listdir(tmp_path)
        assert name.startswith(".target.") and stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        output.commit()


def test_very_long_names(tmp_path):
    target = tmp_path / ("n" * 255)
    write(target, b"data")
    assert target.read_bytes() == b"data"
    with pytest.raises(FileError, match="name too long"):
        write(tmp_path / ("n" * 256), b"data")


def test_an_existing_target_is_refused(tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"old")
    with pytest.raises(FileError, match="-f"):
        write(target, b"new")
    assert target.read_bytes() == b"old"
    write(target, b"new", force=True)
    assert target.read_bytes() == b"new"


def test_a_target_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    for hard_links in (True, False):
        target = tmp_path / f"target{hard_links}"
        with pytest.raises(FileError, match="appeared"), Output(str(target)) as output:
            output.write(b"new")
            target.write_bytes(b"theirs")
            if not hard_links:
                monkeypatch.setattr(os, "link", _no_links)
            output.commit()
        assert target.read_bytes() == b"theirs"
        assert leftovers(tmp_path) == []
    write(tmp_path / "fresh", b"without hard links")
    assert (tmp_path / "fresh").read_bytes() == b"without hard links"


def _no_links(*args):
    raise PermissionError(1, "Operation not permitted")


def test_symbolic_links_are_replaced_never_written_through(tmp_path):
    precious, link = tmp_path / "precious", tmp_path / "link"
    precious.write_bytes(b"precious")
    link.symlink_to(precious)
    with pytest.raises(FileError):
        write(link, b"new")
    write(link, b"new", force=True)
    assert precious.read_bytes() == b"precious"
    assert not link.is_symlink() and link.read_bytes() == b"new"
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileError):
        write(dangling, b"new")
    assert not (tmp_path / "nowhere").exists()


def test_directories_and_missing_directories_are_refused(tmp_path):
    for force in (False, True):
        with pytest.raises(FileError, match="directory"):
            write(tmp_path, b"new", force=force)
        with pytest.raises(FileError, match="no such"):
            write(tmp_path / "missing" / "target", b"new", force=force)


def test_devices_and_pipes_are_written_to_not_replaced(tmp_path):
    before = os.stat("/dev/null")
    for force in (False, True):
        write("/dev/null", b"data", force=force)
    assert os.path.samestat(before, os.stat("/dev/null")) and stat.S_ISCHR(os.stat("/dev/null").st_mode)
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    write(link, b"data", force=True)
    assert link.is_symlink()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe, b"through the pipe")
    assert os.read(reader, 100) == b"through the pipe"
    os.close(reader)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_one_line():
    with pytest.raises(FileError, match="no space left") as caught:
        write("/dev/full", b"data" * 100_000)
    assert "\n" not in str(caught.value)


def test_mode_and_times_come_from_the_source(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"x")
    source.chmod(0o4640)
    os.utime(source, ns=(1_234_567_890_123_456_789, 1_111_111_111_987_654_321))
    write(tmp_path / "target", b"new", source=source.stat())
    made = (tmp_path / "target").stat()
    assert stat.S_IMODE(made.st_mode) == 0o640  # never set-uid
    assert made.st_mtime_ns == source.stat().st_mtime_ns
    assert made.st_atime_ns == 1_234_567_890_123_456_789


def test_without_a_source_the_umask_decides(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "target", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o640


def test_a_group_that_cannot_be_kept_gains_nobody_rights(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for mode, kept in (
        (0o660, 0o600),
        (0o664, 0o644),
        (0o646, 0o644),
        (0o606, 0o600),
        (0o755, 0o755),
        (0o750, 0o700),
    ):
        source.chmod(mode)
        monkeypatch.setattr(os, "fchown", _no_links)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)  # a user, of whom that is known
        mine = source.stat()
        names = ("st_mode", "st_uid", "st_atime_ns", "st_mtime_ns")
        theirs = types.SimpleNamespace(
            **{name: getattr(mine, name) for name in names}, st_gid=mine.st_gid + 1
        )
        write(tmp_path / "target", b"new", source=theirs, force=True)
        assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == kept, oct(mode)


def source(path, **options):
    return open_source(str(path), **{"force": False, "remove": False, "elsewhere": False, **options})


def test_sources_that_are_refused(tmp_path):
    with pytest.raises(FileError, match="no such"):
        source(tmp_path / "missing")
    with pytest.raises(FileError, match="tar -I nzip"):
        source(tmp_path, elsewhere=True, force=True)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for options in ({}, {"force": True}, {"elsewhere": True, "remove": True}):
        with pytest.raises(FileError, match="regular"):
            source(pipe, **options)
    with pytest.raises(FileError, match="regular"):
        source("/dev/zero")
    with source("/dev/zero", elsewhere=True) as file:
        assert file.read(3) == bytes(3)


def test_sources_that_are_not_removed_without_force(tmp_path):
    plain, link, twin = tmp_path / "plain", tmp_path / "link", tmp_path / "twin"
    plain.write_bytes(b"data")
    link.symlink_to(plain)
    with source(link) as file:
        assert file.read() == b"data"
    with pytest.raises(FileError, match="symbolic link"):
        source(link, remove=True)
    source(link, remove=True, force=True).close()
    source(plain, remove=True).close()
    os.link(plain, twin)
    with pytest.raises(FileError, match="hard link"):
        source(plain, remove=True)
    source(plain, remove=True, force=True).close()
    source(plain).close()
    twin.unlink()
    plain.chmod(0o1600)
    with pytest.raises(FileError, match="sticky"):
        source(plain, remove=True)
    source(plain).close()


def test_write_whole_replaces_or_leaves_alone(tmp_path):
    path = tmp_path / "index.json"
    safe_output.write_whole(path, b"old")
    safe_output.write_whole(str(path), memoryview(b"new"))
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    for case in faults.every_failure(
        lambda: None,
        lambda: safe_output.write_whole(path, b"newer"),
        below=tmp_path,
        calls=("open", "write", "fsync", "close", "replace"),
        codes=(errno.ENOSPC,),
    ):
        assert case.error is None or isinstance(case.error, FileError)
        assert path.read_bytes() in (b"new", b"newer") and not leftovers(tmp_path)
    with pytest.raises(FileError):
        safe_output.write_whole(tmp_path / "nowhere" / "x", b"")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
