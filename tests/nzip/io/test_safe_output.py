"""Output that appears whole or not at all: every system call made to fail in turn, links, devices, modes."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import socket
import stat
import sys
import types
from pathlib import Path

import faults
import pytest

from nzip.cli.terminal import error_line
from nzip.io import safe_output
from nzip.io.descriptor import own_descriptor
from nzip.io.durability import rename_without_replacing, umask
from nzip.io.safe_output import FileError, Output
from nzip.io.sources import open_source


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


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "call", ["open", "write", "fchmod", "fsync", "fstat", "close", "link", "replace", "unlink"]
)
def test_a_signal_at_any_moment(tmp_path, call, force, done):
    """Before the system has done it or after: the target is whole or as it was, and nothing else is left."""
    target = tmp_path / "target"
    descriptors = len(os.listdir("/proc/self/fd"))
    for at in range(20):
        target.unlink(missing_ok=True)
        if force:
            target.write_bytes(b"old")
        with faults.failing(call, KeyboardInterrupt(), below=tmp_path, at=at, done=done) as fault:
            try:
                write(target, b"new" * 100, force=force)
            except KeyboardInterrupt:
                pass
        if not fault.fired:
            break
        now = target.read_bytes() if target.exists() else None
        assert now in (b"new" * 100, b"old" if force else None), at
        # What a second signal kept from being removed, the process removes as it ends.
        assert leftovers(tmp_path) == [] or call in ("unlink", "close")
        safe_output.discard_temporaries()
        assert leftovers(tmp_path) == []
        # The number that was on its way back to us is lost with an `open`, and the process ends.
        assert call == "open" or len(os.listdir("/proc/self/fd")) == descriptors
    assert at > 0 or call == ("link" if force else "replace") or (call, force) == ("unlink", True)


def test_names_are_cut_by_bytes(tmp_path):
    for name in ("\u6f22" * 78, "\u6f22" * 85, "\U0001f600" * 63, "e\u0301" * 80, os.fsdecode(b"\xff" * 255)):
        with Output(str(tmp_path / name)) as output:
            (temporary,) = os.listdir(tmp_path)
            assert len(os.fsencode(temporary)) <= 143  # what eCryptfs leaves of 255
            temporary.encode("utf-8", "surrogateescape").decode(
                "utf-8" if "\udcff" not in name else "latin-1"
            )
            output.write(b"data")
            output.commit()
        assert os.listdir(tmp_path) == [name] and (tmp_path / name).read_bytes() == b"data"
        (tmp_path / name).unlink()
    for name in ("\u6f22" * 86, "n" * 253 + ".nz"):
        with pytest.raises(FileError, match="name too long") as caught:
            write(tmp_path / name, b"data")
        assert "\n" not in str(caught.value) and "-o" in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("place", ["dev", "proc", "devel", "procedures"])
def test_letters_of_a_path_decide_nothing(tmp_path, monkeypatch, place):
    """A regular file behind a link is never written through, be the link in /dev/shm or in /devel."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious and long")
    true = os.path.abspath
    monkeypatch.setattr(os.path, "abspath", lambda path: f"/{place}{true(path)}")
    link = tmp_path / "link.nz"
    link.symlink_to(precious)
    _never_through(link, precious)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no /dev/shm here")
def test_shared_memory_is_a_folder_like_others(tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious and long")
    link = Path("/dev/shm") / f"nzip-test-{os.getpid()}.nz"
    link.symlink_to(precious)
    try:
        _never_through(link, precious)
        assert not Output(str(link), force=True).is_direct()
    finally:
        link.unlink()


def _never_through(link, precious):
    with pytest.raises(FileError, match="-f"):
        write(link, b"new")
    assert precious.read_bytes() == b"precious and long" and link.is_symlink()
    write(link, b"new", force=True)
    assert precious.read_bytes() == b"precious and long"
    assert not link.is_symlink() and link.read_bytes() == b"new"


def test_a_link_to_what_is_no_file_and_no_channel_is_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(tmp_path / "socket"))
        (tmp_path / "link").symlink_to("socket")
        for name in ("socket", "link"):
            with pytest.raises(FileError, match="neither"):
                write(tmp_path / name, b"new", force=True)
    assert (tmp_path / "link").is_symlink()


def test_own_descriptors_by_any_path(tmp_path):
    reading, writing = os.pipe()
    folder = tmp_path / "descriptors"
    folder.symlink_to("/proc/self/fd")
    (tmp_path / "link").symlink_to(f"/dev/fd/{writing}")
    (tmp_path / "further").symlink_to("link")
    (tmp_path / str(writing)).write_bytes(b"a file that is named like one")
    for path in (
        f"/dev/fd/{writing}",
        f"/proc/self/fd/{writing}",
        folder / str(writing),
        tmp_path / "further",
    ):
        assert own_descriptor(str(path)) == writing
        write(path, b"data", force=True)
        assert os.read(reading, 100) == b"data"
    for path in (tmp_path / str(writing), tmp_path / "none", "/dev/null", "", "/", "/dev/fd", "\0"):
        assert own_descriptor(str(path)) is None
    os.close(reading)
    os.close(writing)
    with pytest.raises(FileError, match="bad file descriptor"):
        write(tmp_path / "link", b"data", force=True)
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("call", ["link", "rename", "replace"])
def test_an_answer_that_was_lost(tmp_path, call):
    """A network file system has done it and says EIO or ESTALE."""
    for code in (errno.EIO, errno.ESTALE, errno.EEXIST):
        target = tmp_path / f"{call}{code}"
        with contextlib.ExitStack() as stack:
            if call == "rename":
                stack.enter_context(faults.failing("link", errno.EPERM, below=tmp_path))
                stack.enter_context(pytest.MonkeyPatch.context()).setattr(
                    safe_output, "rename_without_replacing", lambda old, new: False
                )
            stack.enter_context(faults.failing(call, code, below=tmp_path, done=True))
            if (call, code) in (("rename", errno.EEXIST), ("replace", errno.EEXIST)):
                continue  # never said by these
            write(target, b"new", force=call == "replace")
        assert target.read_bytes() == b"new" and leftovers(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")
def test_an_exclusive_rename_needs_no_hard_links(tmp_path):
    (tmp_path / "old").write_bytes(b"new")
    (tmp_path / "theirs").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        rename_without_replacing(str(tmp_path / "old"), str(tmp_path / "theirs"))
    if rename_without_replacing(str(tmp_path / "old"), str(tmp_path / "fresh")):
        assert (tmp_path / "fresh").read_bytes() == b"new" and not (tmp_path / "old").exists()
    assert not rename_without_replacing(str(tmp_path / "missing"), str(tmp_path / "x"))
    assert (tmp_path / "theirs").read_bytes() == b"theirs"


def test_a_temporary_file_that_cannot_be_removed_is_named(tmp_path):
    with (
        faults.failing("unlink", errno.EIO, below=tmp_path),
        pytest.raises(ValueError, match="an error") as caught,
        Output(str(tmp_path / "target")) as output,
    ):
        output.write(b"half")
        raise ValueError("an error")
    (left,) = leftovers(tmp_path)
    assert left in error_line(caught.value) and error_line(caught.value).startswith("an error; ")
    with faults.failing("unlink", errno.EIO, below=tmp_path), pytest.warns(RuntimeWarning, match="is left"):
        write(tmp_path / "target", b"whole")
    assert (tmp_path / "target").read_bytes() == b"whole"


@pytest.mark.parametrize("call", ["close", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.ESTALE])
def test_direct_targets_are_asked_whether_it_is_well(tmp_path, call, code):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with faults.failing(call, code, below=tmp_path), pytest.raises(FileError, match="cannot write"):
        write(pipe, b"data")
    os.close(reader)


def test_a_full_file_system(tmp_path, monkeypatch):
    """Little by little, as it fills."""
    true, room = os.write, [5]

    def write_some(descriptor, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        room[0] -= 1
        return true(descriptor, bytes(data[:1000]))

    monkeypatch.setattr(os, "write", write_some)
    with pytest.raises(FileError, match="no space left"):
        write(tmp_path / "target", bytes(6000))
    assert os.listdir(tmp_path) == []
    room[0] = 6
    write(tmp_path / "target", bytes(range(250)) * 24)
    assert (tmp_path / "target").read_bytes() == bytes(range(250)) * 24


def test_short_writes_and_waits(tmp_path, monkeypatch):
    true, turn = os.write, itertools.count()

    def write_some(descriptor, data):
        if next(turn) % 3 == 1:
            raise BlockingIOError(errno.EAGAIN, "not now")
        return true(descriptor, bytes(data[:7]))

    monkeypatch.setattr(os, "write", write_some)
    data = random.Random(1).randbytes(300)
    write(tmp_path / "target", data)
    reading, writing = os.pipe()
    write(f"/dev/fd/{writing}", data)
    monkeypatch.undo()
    assert (tmp_path / "target").read_bytes() == os.read(reading, 1000) == data
    os.close(reading)
    os.close(writing)


def test_the_umask_is_not_touched_to_be_known(monkeypatch):
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "umask", None)
            if os.path.exists("/proc/self/status"):
                assert umask() == 0o027
        monkeypatch.setattr("builtins.open", lambda *given, **options: _no_links())
        assert umask() == 0o027
    finally:
        os.umask(before)


def test_a_source_is_not_what_it_was(tmp_path, monkeypatch):
    """A file becomes a pipe between the look and the opening: refused, and nothing hangs."""
    path, pipe = tmp_path / "path", tmp_path / "pipe"
    path.write_bytes(b"data")
    os.mkfifo(pipe)
    true = os.open
    monkeypatch.setattr(os, "open", lambda name, flags: true(pipe if name == str(path) else name, flags))
    with pytest.raises(FileError, match="try again"):
        source(path, elsewhere=True)


def test_skipped_bytes_are_zeros_at_any_place(tmp_path):
    path = tmp_path / "out"
    with safe_output.Output(str(path)) as output:
        output.skip(100_000)
        output.write(b"middle")
        output.skip(3 << 20)
        output.commit()
    found = path.read_bytes()
    assert found == bytes(100_000) + b"middle" + bytes(3 << 20)


def test_skipped_bytes_of_a_direct_output_are_written(tmp_path):
    reading, writing = os.pipe()
    with open(reading, "rb") as reader:
        with safe_output.Output(f"/dev/fd/{writing}") as output:
            output.skip(1000)
            output.write(b"end")
            output.commit()
        os.close(writing)
        assert reader.read() == bytes(1000) + b"end"
