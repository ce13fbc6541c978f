"""``--resume`` as the system sees it: processes killed at random moments, and what is refused."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nzip
from nzip.io.partial_output import PARTIAL_SUFFIX

NZIP = [sys.executable, "-m", "nzip"]
TEXT = b"".join(b"line %d of %d, and so on\n" % (i, i * i) for i in range(4000))
BLOCK = 2000


def command(*arguments) -> list[str]:
    return [*NZIP, *map(str, arguments)]


def partials(folder: Path) -> list[Path]:
    return sorted(folder.glob(f".*{PARTIAL_SUFFIX}"))


@pytest.fixture
def interrupt(plugin_environment, tmp_path):
    """``interrupt(number, size, ...)``: start the command, and once its partial output has ``size`` bytes and
    a moment has passed, end it by the signal; its exit code, 0 where it was done before."""

    def call(number: int, size: int, moment: float, *arguments, environment) -> int:
        process = subprocess.Popen(
            command(*arguments),
            cwd=tmp_path,
            env={**plugin_environment, **environment},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # A shell ignores Ctrl-C for what it runs in the background, these tests perhaps.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - takes no lock
        )
        deadline = time.monotonic() + 120  # so that a broken build fails, not hangs
        while process.poll() is None and not any(p.stat().st_size >= size for p in _there(tmp_path)):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(moment)
        process.send_signal(number)
        _, said = process.communicate()
        # A signal that comes before a line of ours has run is Python's own affair, and its exit code.
        before = b"KeyboardInterrupt" in said and b"nzip: " not in said and b"/nzip/" not in said
        return -number if before else process.returncode

    return call


def _there(folder: Path) -> list[Path]:
    return [path for path in partials(folder) if path.exists()]


@pytest.fixture
def finish(plugin_environment, tmp_path):
    """The command in a process of its own, to its end."""

    def call(*arguments, environment=None, **options) -> subprocess.CompletedProcess:
        return subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            env={**plugin_environment, **(environment or {})},
            capture_output=True,
            check=False,
            **options,
        )

    return call


SLOW = {"TOY_SLEEP": "0.02", "TOY_SLEEP_DECODING": "0.02"}
TOY = ("--predictor", "toy", "--block-size", BLOCK)


KILLS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)


def _kill_and_go_on(interrupt, finish, tmp_path, words, kills: int, seed: int, numbers=KILLS):
    """Compress and decompress, with ``kills`` kills in each; what is made is what an uninterrupted run
    makes."""
    rng = random.Random(seed)
    (tmp_path / "text").write_bytes(TEXT)
    assert finish("compress", *words, "text", "-o", "whole.nz").returncode == 0
    whole = (tmp_path / "whole.nz").read_bytes()
    killed = 0
    for verb, source, target, expected in (
        (("compress", *words), "text", "text.nz", whole),
        (("decompress",), "whole.nz", "again", TEXT),
    ):
        job = (*verb, "--resume", f"-T{rng.choice((1, 2))}", source, "-o", target)
        for _ in range(kills):
            number = rng.choice(numbers)
            size = rng.randrange(1, 3 * len(expected) // 4)
            code = interrupt(number, size, rng.random() * 0.05, *job, environment=SLOW)
            assert code in (0, -number)
            if code == 0:
                break
            killed += 1
            assert not (tmp_path / target).exists()
            assert (tmp_path / source).exists()
        ran = finish(*job)
        assert ran.returncode == 0, ran.stderr
        assert (tmp_path / target).read_bytes() == expected
        assert partials(tmp_path) == []
    assert killed


def test_killed_at_random_moments(interrupt, finish, tmp_path):
    _kill_and_go_on(interrupt, finish, tmp_path, TOY, 2, 1)


def test_interrupted_by_ctrl_c(interrupt, finish, tmp_path):
    """What a terminal sends: the exit is by that signal, and the same command goes on."""
    _kill_and_go_on(interrupt, finish, tmp_path, TOY, 1, 5, (signal.SIGINT,))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_interrupted_by_ctrl_c_very_often(interrupt, finish, tmp_path, seed):
    words = (("-1", "--block-size", 2000), TOY, ("-3", "--no-primer", "--block-size", 2000))[seed]
    _kill_and_go_on(interrupt, finish, tmp_path, words, 8, seed, (signal.SIGINT,))


def test_killed_at_random_moments_with_the_mix(interrupt, finish, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SLOW", {})
    _kill_and_go_on(interrupt, finish, tmp_path, ("-1", "--no-primer", "--block-size", 2000), 1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_killed_very_often(interrupt, finish, tmp_path, seed):
    words = (("-1", "--block-size", 2000), ("-3", "--no-primer", "--block-size", 2000), TOY)[seed % 3]
    _kill_and_go_on(interrupt, finish, tmp_path, words, 12, seed)


def test_without_it_nothing_is_left(interrupt, finish, tmp_path):
    """As ever: a signal that can be caught leaves nothing, and --resume finds nothing to go on with."""
    (tmp_path / "text").write_bytes(TEXT)
    process = subprocess.Popen(
        command("compress", *TOY, "-T1", "text"),
        cwd=tmp_path,
        env={**os.environ, "TOY_SLEEP": "0.05"},
        stderr=subprocess.DEVNULL,
    )
    process.send_signal(signal.SIGTERM)
    process.wait()
    assert partials(tmp_path) == []


def test_it_says_what_it_keeps_and_where_it_goes_on(nzip_cli, toys, tmp_path, monkeypatch):
    source = tmp_path / "text"
    source.write_bytes(TEXT)
    with monkeypatch.context() as broken:
        calls = iter(range(100))
        encode = toys.ToyPredictor.encode

        def fails(self, data):
            if next(calls) == 5:
                raise OSError(28, "No space left on device")
            return encode(self, data)

        broken.setattr(toys.ToyPredictor, "encode", fails)
        ran = nzip_cli("compress", *TOY, "-T1", "--resume", source)
        assert ran.code == 1 and "no space left" in ran.err.lower()
        (kept,) = partials(tmp_path)
        assert f"{kept} is kept: the same command goes on with it" in ran.err
    changed = bytearray(TEXT)
    changed[2 * BLOCK] ^= 1
    source.write_bytes(changed)
    ran = nzip_cli("compress", *TOY, "-T1", "--resume", source)
    assert ran.code == 0 and "the source has changed since, in block 3: going on from byte 4,000" in ran.err
    assert nzip_cli("-dc", f"{source}.nz").out == changed


def test_another_level_begins_anew(nzip_cli, toys, tmp_path):
    from nzip.io.partial_output import partial_path

    source, target = tmp_path / "text", tmp_path / "text.nz"
    source.write_bytes(TEXT)
    stream = nzip.compress(TEXT, predictor="toy", block_size=BLOCK)
    Path(partial_path(str(target), "")).write_bytes(stream[: len(stream) // 2])
    ran = nzip_cli("--predictor", "toy:7", "--block-size", BLOCK, "--resume", source)
    assert ran.code == 0 and "another command's: beginning anew" in ran.err
    assert target.read_bytes() == nzip.compress(TEXT, predictor="toy:7", block_size=BLOCK)


def test_several_files_some_of_them_done(nzip_cli, toys, tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_bytes(TEXT + path.name.encode())
    assert nzip_cli("compress", *TOY, "--resume", paths[0]).code == 0
    (tmp_path / "b.nz").write_bytes(b"something else")
    ran = nzip_cli("compress", *TOY, "--resume", *paths)
    assert ran.code == 1 and "a.nz was made already" in ran.err and "b.nz: exists already" in ran.err
    assert (tmp_path / "b.nz").read_bytes() == b"something else"
    assert nzip_cli("-dc", tmp_path / "c.nz").out == TEXT + b"c"
    ran = nzip_cli("compress", *TOY, "--resume", "-f", *paths)
    assert ran.code == 0 and nzip_cli("-dc", tmp_path / "b.nz").out == TEXT + b"b"
    assert partials(tmp_path) == []


def test_the_source_is_removed_only_in_the_end(nzip_cli, toys, tmp_path):
    source, target = tmp_path / "text", tmp_path / "text.nz"
    source.write_bytes(TEXT)
    assert nzip_cli("compress", *TOY, "--resume", source).code == 0
    # It was stopped after the target got its name and before the source went.
    assert nzip_cli("compress", *TOY, "--resume", "--rm", source).code == 0
    assert not source.exists()
    assert nzip_cli("decompress", "--resume", "--rm", target).code == 0
    assert source.read_bytes() == TEXT and not target.exists()
    # And what decodes to something else is no reason to remove anything.
    assert nzip_cli("compress", *TOY, "--resume", source).code == 0
    source.write_bytes(TEXT + b"x")
    assert nzip_cli("compress", *TOY, "--resume", "--rm", source).code == 1
    assert source.read_bytes() == TEXT + b"x"


def test_streams_cannot_be_gone_on_with(nzip_cli, toys, tmp_path):
    source = tmp_path / "text"
    source.write_bytes(TEXT)
    for words, what in (
        (("compress", "--resume"), "standard input"),
        (("compress", "--resume", "-o", tmp_path / "x", "-"), "standard input"),
        (("compress", "--resume", "-c", source), "standard output"),
        (("decompress", "--resume", "-c", source), "standard output"),
        (("-d", "--resume"), "standard input"),
    ):
        ran = nzip_cli(*words, input=b"x")
        assert ran.code == 1 and ran.err.count("\n") == 1 and what in ran.err, ran.err
        assert ran.out == b"" and not (tmp_path / "x").exists()
    ran = nzip_cli("decompress", "--resume", "--recover", source)
    assert ran.code == 1 and "give one of them" in ran.err


def test_blocks_are_a_mebibyte_where_they_take_minutes(nzip_cli, toys, tmp_path):
    source, target = tmp_path / "text", tmp_path / "text.nz"
    source.write_bytes(bytes((1 << 20) + 1))
    for words, blocks in (((), [(1 << 20) + 1]), (("--resume",), [1 << 20, 1])):
        target.unlink(missing_ok=True)
        assert nzip_cli("--predictor", "toy", *words, source).code == 0
        assert [block.size for block in nzip.contents(target).streams[0].blocks] == blocks


def test_the_bar_starts_where_the_job_goes_on():
    from nzip.cli.options import Talking
    from nzip.cli.terminal import ShownMeter

    meter = ShownMeter("text", 1000, Talking())
    meter.went_on(400, 100, 400)
    assert meter.position() == 400 and meter.resumed == 400 and (meter.consumed, meter.produced) == (400, 100)
