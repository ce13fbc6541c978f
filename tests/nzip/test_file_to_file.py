"""Files to files, and jobs that are gone on with: whatever an earlier run has left, the bytes are those of a
run that was not interrupted."""

from __future__ import annotations

import errno
import fcntl
import os
import random

import pytest
import toys

import nzip
from nzip.errors import CorruptError, NzipError
from nzip.io import partial_output
from nzip.io.partial_output import partial_path
from nzip.io.safe_output import FileError
from nzip.options import RESUMABLE_BLOCK_SIZE, choose_predictor, resumable_block_size

BLOCK = 1000
DATA = b"".join(random.Random(1).choice((b"one ", b"two ", b"%d " % i)) for i in range(3000))  # 11 blocks


class Counting(toys.ToyPredictor):
    """Counts the blocks that it codes, and may be told at which to die."""

    def __init__(self, dies_at: int | None = None, **options):
        super().__init__(**options)
        self.coded, self.dies_at = 0, dies_at

    def encode(self, data):
        if self.dies_at is not None and self.coded >= self.dies_at:
            raise KeyboardInterrupt
        self.coded += 1
        return super().encode(data)

    def decode(self, params, payload, size):
        if self.dies_at is not None and self.decoded_blocks >= self.dies_at:
            raise KeyboardInterrupt
        return super().decode(params, payload, size)


def compress(source, target, predictor=None, **options):
    options = {"block_size": BLOCK, "resume": True, **options}
    return nzip.compress_file(source, target, predictor=predictor or Counting(), **options)


def leftovers(folder) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name not in ("text", "text.nz", "again"))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def target(tmp_path):
    return tmp_path / "text.nz"


WHOLE = nzip.compress(DATA, predictor=toys.ToyPredictor(), block_size=BLOCK)
BLOCKS = -(-len(DATA) // BLOCK)


def die_in(source, target, block: int, **options):
    with pytest.raises(KeyboardInterrupt):
        compress(source, target, Counting(block), **options)
    assert not target.exists()
    (left,) = leftovers(source.parent)
    return source.parent / left


def test_without_resume_nothing_is_left(source, target, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        compress(source, target, Counting(3), resume=False)
    assert leftovers(tmp_path) == []
    found = compress(source, target, resume=False)
    assert found == (len(DATA), len(WHOLE), 0, ()) and target.read_bytes() == WHOLE
    with pytest.raises(FileError, match="exists already"):
        compress(source, target, resume=False)
    assert nzip.decompress_file(target, tmp_path / "again", predictor=Counting()).written == len(DATA)


@pytest.mark.parametrize("block", [0, 1, 5, BLOCKS - 1])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_job_goes_on_at_the_last_whole_block(source, target, tmp_path, block, threads):
    if threads == 1:
        die_in(source, target, block)
        before = block
    else:
        # Those under way count themselves late.
        with pytest.raises(KeyboardInterrupt):
            compress(source, target, Counting(min(block, BLOCKS - threads)), threads=threads)
        before = None
    predictor = Counting()
    found = compress(source, target, predictor, threads=threads)
    assert target.read_bytes() == WHOLE and leftovers(tmp_path) == []
    assert found.resumed == (BLOCKS - predictor.coded) * BLOCK
    assert before is None or predictor.coded == BLOCKS - before
    assert (found.read, found.written) == (len(DATA), len(WHOLE))


def test_every_torn_tail(source, target, tmp_path):
    """A kill may leave any number of bytes."""
    partial = partial_path(str(target), "")
    for size in range(0, len(WHOLE) + 1, 7):
        target.unlink(missing_ok=True)
        with open(partial, "wb") as file:
            file.write(WHOLE[:size])
        found = compress(source, target)
        assert target.read_bytes() == WHOLE and leftovers(tmp_path) == []
        assert found.notes == ()


def test_a_tail_of_zeros(source, target):
    partial = die_in(source, target, 5)
    with open(partial, "ab") as file:
        file.write(bytes(5000))
    found = compress(source, target)
    assert target.read_bytes() == WHOLE and found.resumed == 5 * BLOCK
    assert "damaged behind block 5" in found.notes[0]


def test_every_damaged_byte_of_a_partial_output(source, target):
    """Nothing in it is believed: a flipped bit costs the blocks from there on, and gets into no output."""
    partial = partial_path(str(target), "")
    for at in range(0, len(WHOLE), 5):
        target.unlink(missing_ok=True)
        damaged = bytearray(WHOLE)
        damaged[at] ^= 1 << at % 8
        with open(partial, "wb") as file:
            file.write(damaged)
        compress(source, target)
        assert target.read_bytes() == WHOLE


@pytest.mark.parametrize(
    "other", [{"salt": 3}, {"config": {"weights": "others"}}, {"spelling": "toy:other"}], ids=str
)
def test_a_partial_output_of_another_predictor(source, target, other):
    with pytest.raises(KeyboardInterrupt):
        compress(source, target, Counting(4, **other))
    found = compress(source, target)
    assert target.read_bytes() == WHOLE and found.resumed == 0
    assert found.notes == ("the partial output is another command's: beginning anew",)


def test_another_block_size(source, target):
    die_in(source, target, 4, block_size=500)
    found = compress(source, target)
    assert target.read_bytes() == WHOLE and found.resumed == 0 and "anew" in found.notes[0]


def test_a_cold_start_is_another_command(source, target):
    """What a predictor chose for itself stands in no header: warm and cold do not share a partial output."""
    path = {primer: partial_path(str(target), nzip.options.made_by(primer)) for primer in (None, False)}
    assert path[None] != path[False]


def test_a_source_that_has_changed(source, target):
    die_in(source, target, 6)
    changed = bytearray(DATA)
    changed[3 * BLOCK + 7] ^= 1
    source.write_bytes(changed)
    found = compress(source, target)
    assert nzip.decompress(target.read_bytes(), predictor=Counting()) == changed
    assert found.resumed == 3 * BLOCK
    assert found.notes == ("the source has changed since, in block 4: going on from byte 3,000",)


@pytest.mark.parametrize("size", [0, 1, 4 * BLOCK, 4 * BLOCK + 1, 6 * BLOCK - 1])
def test_a_source_that_has_shrunk_or_grown(source, target, size):
    die_in(source, target, 6)
    source.write_bytes(DATA[:size])
    compress(source, target)
    shorter = target.read_bytes()
    assert shorter == nzip.compress(DATA[:size], predictor=Counting(), block_size=BLOCK)
    os.rename(target, partial_path(str(target), ""))
    source.write_bytes(DATA)
    compress(source, target)
    assert target.read_bytes() == WHOLE


def test_two_runs_do_not_share_it(source, target):
    partial = die_in(source, target, 2)
    with open(partial, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(FileError, match="another nzip is at work"):
            compress(source, target)
        before = partial.read_bytes()
    compress(source, target)
    assert target.read_bytes() == WHOLE and WHOLE.startswith(before)


def test_the_lock_holds_until_the_target_has_its_name(source, target, monkeypatch):
    """Between closing and renaming nobody else may take it for a job to go on with."""
    seen = []

    def link(old, new):
        with open(old, "rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(new)
        return os.rename(old, new)

    monkeypatch.setattr(
        nzip.io.safe_output.Output, "_rename_exclusively", lambda self, old, made: link(old, self.path)
    )
    compress(source, target)
    assert seen == [str(target)]


def test_a_file_system_without_locks_says_so(source, target, tmp_path, monkeypatch):
    class NoLocks:
        LOCK_EX, LOCK_NB = 2, 4

        @staticmethod
        def flock(descriptor, how):
            raise OSError(95, "Operation not supported")

    monkeypatch.setattr(partial_output, "fcntl", NoLocks)
    with pytest.raises(FileError, match="needs locks"):
        compress(source, target)
    monkeypatch.setattr(partial_output, "fcntl", None)
    with pytest.raises(FileError, match="no locks"):
        compress(source, target)
    assert not target.exists()


def test_an_existing_target_is_compared_and_kept(source, target, tmp_path):
    """The same command over many files, stopped in the third: the first two are done."""
    compress(source, target)
    before = os.stat(target)
    predictor = Counting()
    (tmp_path / partial_path(str(target), "")).write_bytes(b"left by another run")
    found = compress(source, target, predictor)
    assert predictor.coded == 0 and found.resumed == len(DATA) and "made already" in found.notes[0]
    after = os.stat(target)  # all but when it was read
    assert after[:7] == before[:7] and after.st_mtime_ns == before.st_mtime_ns and leftovers(tmp_path) == []
    again = tmp_path / "again"
    nzip.decompress_file(target, again, predictor=Counting())
    predictor = Counting()
    found = nzip.decompress_file(target, again, predictor=predictor, resume=True)
    assert predictor.decoded_blocks == 0 and found.resumed == len(DATA)


@pytest.mark.parametrize("change", ["longer", "shorter", "other", "bit"])
def test_an_existing_target_of_other_bytes_is_refused_and_kept(source, target, tmp_path, change):
    compress(source, target)
    again = tmp_path / "again"
    for path, whole in ((target, WHOLE), (again, DATA)):
        bit = bytearray(whole)
        bit[len(bit) // 2] ^= 1
        there = {"longer": whole + b"x", "shorter": whole[:-1], "other": b"not it", "bit": bytes(bit)}[change]
        path.write_bytes(there)
        with pytest.raises(FileError, match="exists already"):
            if path is target:
                compress(source, target)
            else:
                nzip.decompress_file(target, again, predictor=Counting(), resume=True)
        assert path.read_bytes() == there and leftovers(tmp_path) == []
        compress(source, target, force=True)
        assert target.read_bytes() == WHOLE


def test_a_crash_between_the_two_names(source, target, tmp_path):
    """Linked to its target and not yet unlinked: the target is never written to."""
    compress(source, target)
    partial = partial_path(str(target), "")
    os.link(target, partial)
    compress(source, target)
    assert not os.path.exists(partial)
    os.link(target, partial)
    before = target.read_bytes()
    source.write_bytes(DATA * 2)
    with pytest.raises(KeyboardInterrupt):
        compress(source, target, Counting(2), force=True)
    assert target.read_bytes() == before
    os.unlink(partial)
    other = tmp_path / "elsewhere"
    os.link(target, partial)
    os.rename(target, other)
    compress(source, target)
    assert other.read_bytes() == before
    assert nzip.decompress(target.read_bytes(), predictor=Counting()) == DATA * 2


def test_a_crash_after_it_got_the_mode_of_a_read_only_source(source, target):
    source.chmod(0o444)
    partial = die_in(source, target, 4)
    partial.chmod(0o444)
    found = compress(source, target)
    assert found.resumed == 4 * BLOCK and target.read_bytes() == WHOLE
    assert target.stat().st_mode & 0o777 == 0o444


def test_what_is_in_its_place_is_not_written_to(source, target, tmp_path, monkeypatch):
    partial = partial_path(str(target), "")
    victim = tmp_path / "again"
    victim.write_bytes(b"mine")
    os.symlink(victim, partial)
    with pytest.raises(FileError, match="cannot write there"):
        compress(source, target)
    os.unlink(partial)
    os.mkfifo(partial)
    with pytest.raises(FileError, match="no regular file"):
        compress(source, target)
    os.unlink(partial)
    die_in(source, target, 2)
    theirs = os.stat_result((0o100600, 1, 1, 1, 12345, 0, 0, 0, 0, 0))
    with pytest.raises(FileError, match="belongs to somebody else"):
        partial_output.PartialOutput(str(target), made_by="", note=print)._refuse_others(theirs)
    assert victim.read_bytes() == b"mine" and not target.exists()


@pytest.mark.parametrize("length", [100, 240, 252])
def test_long_names(tmp_path, source, length):
    for name in ("a" * length, "水" * (length // 3)):
        target = tmp_path / name
        die = Counting(2)
        with pytest.raises(KeyboardInterrupt):
            compress(source, target, die)
        found = compress(source, target)
        assert found.resumed == 2 * BLOCK and target.read_bytes() == WHOLE
    assert partial_path("x" * 250 + "1", "") != partial_path("x" * 250 + "2", "")


def test_what_cannot_be_gone_on_with(source, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileError, match="not a regular file"):
        compress(pipe, tmp_path / "target")
    with pytest.raises(FileError, match="cannot be resumed"):
        compress(source, pipe)
    with pytest.raises(NzipError, match="input itself"):
        compress(source, source, force=True)


def test_blocks_are_a_mebibyte_where_they_take_minutes():
    for level, size in ((1, None), (5, None), (6, 1 << 20), (8, 1 << 20)):
        assert resumable_block_size(choose_predictor(level)) == size
    assert resumable_block_size(toys.ToyPredictor()) == RESUMABLE_BLOCK_SIZE


def test_a_block_is_a_mebibyte_unless_told_otherwise(tmp_path, source):
    source.write_bytes(bytes((1 << 20) + 1))
    for options, blocks in (({}, [1 << 20, 1]), ({"block_size": 1 << 21}, [(1 << 20) + 1])):
        target = tmp_path / "text.nz"
        target.unlink(missing_ok=True)
        nzip.compress_file(source, target, predictor=toys.ToyPredictor(), resume=True, **options)
        assert [block.size for block in nzip.contents(target).streams[0].blocks] == blocks


# Decompressing --------------------------------------------------------------------------------------------


@pytest.fixture
def several(target):
    """A file of three streams; its decoded bytes."""
    parts = (DATA, b"", DATA[:2500])
    target.write_bytes(b"".join(nzip.compress(p, predictor=Counting(), block_size=BLOCK) for p in parts))
    return b"".join(parts)


def decompress(source, target, predictor=None, **options):
    options = {"resume": True, **options}
    return nzip.decompress_file(source, target, predictor=predictor or Counting(), **options)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("block", [0, 1, 5, BLOCKS, BLOCKS + 1])
def test_decoding_goes_on(target, several, tmp_path, threads, block):
    again = tmp_path / "again"
    with pytest.raises(KeyboardInterrupt):
        dies_at = block if threads == 1 else min(block, BLOCKS - threads)  # they count themselves late
        decompress(target, again, Counting(dies_at), threads=threads)
    predictor = Counting()
    found = decompress(target, again, predictor, threads=threads)
    assert again.read_bytes() == several and leftovers(tmp_path) == []
    assert found.written == len(several) and found.read == len(target.read_bytes())
    assert threads > 1 or predictor.decoded_blocks == BLOCKS + 3 - block


def test_decoding_after_any_torn_or_damaged_tail(target, several, tmp_path):
    again = tmp_path / "again"
    partial = partial_path(str(again), "")
    for size in [*range(0, len(several), 333), len(several), len(several) + 100]:
        for damage in (False, True):
            there = bytearray((several + bytes(100))[:size])
            if damage and there:
                there[size // 2] ^= 4
            with open(partial, "wb") as file:
                file.write(there)
            again.unlink(missing_ok=True)
            found = decompress(target, again)
            assert again.read_bytes() == several and leftovers(tmp_path) == []
            assert found.resumed <= (size // 2 if damage and there else size)
            if not damage:
                assert found.resumed >= min(size, len(several)) - BLOCK


def test_decoding_another_file_to_the_same_target(target, several, tmp_path):
    again = tmp_path / "again"
    with open(partial_path(str(again), ""), "wb") as file:
        file.write(b"other " * 1000)
    found = decompress(target, again)
    assert again.read_bytes() == several and found.resumed == 0 and "beginning anew" in found.notes[0]


def test_a_damaged_file_keeps_what_came_before(target, several, tmp_path):
    """As where a file is fetched once more: what was decoded is not decoded again."""
    again = tmp_path / "again"
    whole = target.read_bytes()
    damaged = bytearray(whole)
    damaged[len(WHOLE) // 2] ^= 1
    target.write_bytes(damaged)
    with pytest.raises(CorruptError):
        decompress(target, again)
    target.write_bytes(whole)
    predictor = Counting()
    decompress(target, again, predictor)
    assert again.read_bytes() == several and 0 < predictor.decoded_blocks < BLOCKS + 3


def test_limits_hold_for_what_is_there(target, several, tmp_path):
    again = tmp_path / "again"
    with pytest.raises(KeyboardInterrupt):
        decompress(target, again, Counting(5))
    with pytest.raises(nzip.LimitError):
        decompress(target, again, max_size=3000)
    assert not again.exists()


def test_nothing_is_needed_where_all_is_there(target, several, tmp_path):
    """Nor is a model loaded."""
    again = tmp_path / "again"
    with open(partial_path(str(again), ""), "wb") as file:
        file.write(several)
    assert nzip.decompress_file(target, again, resume=True).resumed == len(several)


class FailingOS:
    """The ``os`` module, whose ``at``-th system call fails."""

    CALLS = (
        "open",
        "dup",
        "fstat",
        "lstat",
        "stat",
        "unlink",
        "fsync",
        "fchmod",
        "link",
        "replace",
        "fdopen",
    )

    def __init__(self, at: int, number: int):
        self.left, self.number, self.failed = at, number, None

    def __getattr__(self, name):
        found = getattr(os, name)
        if name not in self.CALLS:
            return found

        def wrapped(*args, **options):
            self.left -= 1
            if self.left == -1:
                self.failed = name
                raise OSError(self.number, os.strerror(self.number))
            return found(*args, **options)

        return wrapped


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EPERM, errno.EINVAL, errno.ESTALE])
@pytest.mark.parametrize("force", [False, True])
def test_every_system_call_may_fail(source, target, tmp_path, monkeypatch, number, force):
    """Whatever fails, the target is whole or not there, and the same command goes on to the right bytes."""
    seen = set()
    for at in range(100):
        for path in tmp_path.iterdir():
            if path != source:
                path.unlink()
        if force:
            target.write_bytes(b"old")
        partial = partial_path(str(target), "")
        with open(partial, "wb") as file:
            file.write(WHOLE[: len(WHOLE) // 2])
        system = FailingOS(at, number)
        with monkeypatch.context() as broken:
            broken.setattr(partial_output, "os", system)
            broken.setattr(nzip.io.safe_output, "os", system)
            broken.setattr(nzip.io.durability, "os", system)
            try:
                compress(source, target, force=force)
            except (NzipError, OSError) as error:
                assert "\n" not in str(error)
        if system.failed is None:
            break
        seen.add(system.failed)
        assert (target.read_bytes() if target.exists() else None) in (WHOLE, b"old" if force else None)
        if not target.exists() or target.read_bytes() != WHOLE:
            compress(source, target, force=force)
        assert target.read_bytes() == WHOLE
    else:
        raise AssertionError("it never succeeded")
    assert {"open", "dup", "fstat", "lstat", "fsync", "fdopen"} <= seen
