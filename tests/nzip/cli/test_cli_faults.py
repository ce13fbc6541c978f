"""Every system call of a verb fails in turn, in every way: nothing is lost, nothing is left, nothing is
silent.

The default suite takes a sample of the errors; the whole grid is behind ``slow``."""

from __future__ import annotations

import errno
import os

import faults
import pytest

from nzip.io.safe_output import TEMPORARY_SUFFIX

DATA = b"All work and no play makes Jack a dull boy.\n" * 60
OLD = b"an older file"
SAMPLE = (errno.EIO, errno.EPERM)

VERBS = {
    "compress": (["--predictor", "toy"], False),
    "compress -f": (["--predictor", "toy", "-f"], False),
    "compress --rm": (["--predictor", "toy", "--rm", "--block-size", "999"], False),
    "decompress": (["-d"], True),
    "decompress -f": (["-d", "-f"], True),
    "decompress --rm": (["-d", "--rm"], True),
    "recover": (["decompress", "--recover"], True),
}


def _check(nzip_cli, tmp_path, verb: str, codes) -> None:
    arguments, coded = VERBS[verb]
    stream = nzip_cli("-c", "--predictor", "toy", "--block-size", "999", input=DATA).out
    folder = tmp_path / "folder"
    folder.mkdir()
    names = (folder / "text", folder / "text.nz")
    (target, source) = names if coded else names[::-1]
    given = stream if coded else DATA
    removes, force = "--rm" in arguments, "-f" in arguments

    def prepare():
        for name in os.listdir(folder):
            (folder / name).unlink()
        source.write_bytes(given)
        if force:
            target.write_bytes(OLD)

    prepare()
    assert nzip_cli(*arguments, source).code == 0
    new, fired = target.read_bytes(), set()
    descriptors = len(os.listdir("/proc/self/fd"))
    for case in faults.every_failure(
        prepare, lambda: nzip_cli(*arguments, source), below=folder, codes=codes
    ):
        fired.add(case.call)
        assert case.error is None, case
        code, out, said = case.result
        now = target.read_bytes() if target.exists() else None
        assert code in (0, 1) and out == b"", case
        assert all(line.startswith("nzip: ") for line in said.splitlines()) and "report" not in said, case
        assert now in (new, OLD if force else None), case
        if code:
            assert said, case
        else:
            assert now == new and source.exists() is not removes, case
        if source.exists():
            assert source.read_bytes() == given, case
        else:
            assert now == new and removes, case
            # What no system has promised to keep is not relied upon.
            assert case.call != "fsync" or getattr(errno, case.code) in faults.REFUSALS, case
        for name in os.listdir(folder):
            assert not name.endswith(TEMPORARY_SUFFIX) or name in said, case
        assert len(os.listdir("/proc/self/fd")) == descriptors, case
    assert {"open", "read", "write", "fsync", "close", "fchmod", "utime"} <= fired, fired
    assert ("replace" if force else "link") in fired and (not removes or "unlink" in fired)


@pytest.mark.parametrize("verb", VERBS)
def test_whatever_fails_nothing_is_lost(nzip_cli, toys, tmp_path, verb):
    _check(nzip_cli, tmp_path, verb, SAMPLE)


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_whatever_fails_in_whatever_way_nothing_is_lost(nzip_cli, toys, tmp_path, verb):
    _check(nzip_cli, tmp_path, verb, faults.ERRORS)


@pytest.mark.parametrize("code", faults.REFUSALS)
@pytest.mark.parametrize("call", ["fchmod", "fchown", "utime", "link", "fsync"])
def test_a_file_system_without_that(nzip_cli, toys, tmp_path, call, code):
    """FAT, CIFS, mounted buckets: written all the same, with a line where something is not as it was."""
    path = tmp_path / "text"
    path.write_bytes(DATA)
    os.chown(path, os.getuid(), 12345) if call == "fchown" and not os.getuid() else None
    with faults.failing(call, code, below=tmp_path) as fault:
        ran = nzip_cli("-q", "--predictor", "toy", path)
    assert ran.code == 0 and fault.fired or call == "fchown" and os.getuid()
    assert nzip_cli("-dc", tmp_path / "text.nz").out == DATA
    assert ran.err.count("\n") == (call != "link") or os.getuid()
    if call == "fsync":
        # Durable it is not, so the only other copy stays, unless one insists.
        with faults.failing(call, code, below=tmp_path):
            ran = nzip_cli("-q", "--predictor", "toy", "--rm", "-o", tmp_path / "other", path)
            assert ran.code == 1 and "is kept" in ran.err and path.read_bytes() == DATA
            assert nzip_cli("-qf", "--predictor", "toy", "--rm", path).code == 0
        assert not path.exists() and nzip_cli("-dc", tmp_path / "text.nz").out == DATA


def test_all_metadata_refused_is_one_line(nzip_cli, toys, tmp_path):
    path = tmp_path / "text"
    path.write_bytes(DATA)
    with (
        faults.failing("fchmod", errno.EOPNOTSUPP, below=tmp_path),
        faults.failing("utime", errno.EOPNOTSUPP, below=tmp_path),
        faults.failing("link", errno.EPERM, below=tmp_path),
    ):
        ran = nzip_cli("-q", "--predictor", "toy", path)
    assert ran.code == 0 and ran.err.count("\n") == 1 and "its mode, its times" in ran.err
    assert (tmp_path / "text.nz").stat().st_mode & 0o077 == 0  # not readable by more than it was


@pytest.mark.parametrize("change", ["grown", "rewritten", "replaced"])
@pytest.mark.parametrize("verb", ["compress", "decompress"])
def test_a_source_that_changed_is_not_removed(nzip_cli, toys, tmp_path, monkeypatch, change, verb):
    path = tmp_path / ("text" if verb == "compress" else "text.nz")
    data = DATA if verb == "compress" else nzip_cli("-c", "--predictor", "toy", input=DATA).out
    path.write_bytes(data)
    true = os.fsync

    def meddle(descriptor):
        monkeypatch.setattr(os, "fsync", true)
        if change == "replaced":
            path.unlink()
        with open(path, "ab" if change == "grown" else "wb") as file:
            file.write(b"more")
        true(descriptor)

    monkeypatch.setattr(os, "fsync", meddle)
    ran = nzip_cli(verb, "-q", "--rm", *(["--predictor", "toy"] if verb == "compress" else []), path)
    assert ran.code == 1 and "kept" in ran.err and ran.err.count("\n") == 1
    assert path.read_bytes().endswith(b"more")


def test_the_target_is_durable_before_the_source_goes(nzip_cli, toys, tmp_path, monkeypatch):
    path = tmp_path / "text"
    path.write_bytes(DATA)
    done = []

    def noting(name):
        true = getattr(os, name)

        def call(*arguments):
            where = arguments[0]
            done.append((name, os.readlink(f"/proc/self/fd/{where}") if name == "fsync" else str(where)))
            return true(*arguments)

        return call

    for name in ("fsync", "unlink", "link"):
        monkeypatch.setattr(os, name, noting(name))
    assert nzip_cli("-q", "--predictor", "toy", "--rm", path).code == 0
    file, link, folder = (
        next(i for i, (call, where) in enumerate(done) if call == name and test(where))
        for name, test in (
            ("fsync", lambda where: where.endswith(TEMPORARY_SUFFIX)),
            ("link", lambda where: True),
            ("fsync", lambda where: where == str(tmp_path)),
        )
    )
    assert file < link < folder < done.index(("unlink", str(path)))


def test_two_at_once_on_one_target(nzip_cli, toys, tmp_path, monkeypatch):
    """The first to be done has it; the second says so, and keeps its source."""
    first, second, target = (tmp_path / name for name in ("first", "second", "target"))
    first.write_bytes(DATA)
    second.write_bytes(DATA * 2)
    encode, inner = toys.ToyPredictor.encode, []

    def meddle(self, data):
        if not inner:
            inner.append(None)
            inner[0] = nzip_cli("-q", "--predictor", "toy", "--rm", "-o", target, second)
        return encode(self, data)

    monkeypatch.setattr(toys.ToyPredictor, "encode", meddle)
    ran = nzip_cli("-q", "--predictor", "toy", "--rm", "-o", target, first)
    assert inner[0].code == 0 and not second.exists()
    assert ran.code == 1 and "appeared" in ran.err and first.read_bytes() == DATA
    assert nzip_cli("-dc", target).out == DATA * 2 and len(os.listdir(tmp_path)) == 2
