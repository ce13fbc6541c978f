"""The command line as the system sees it: pipes, tar, signals, kills, terminals, plug-ins, start-up."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest
from support import NZIP

DATA = b"All work and no play makes Jack a dull boy.\n" * 200


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar here")
def test_tar_calls_nzip(run, tmp_path, plugin_environment):
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "notes").write_bytes(DATA)
    (tree / "deep" / "noise").write_bytes(random.Random(1).randbytes(5000))
    wrapper = tmp_path / "nzip"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nzip "$@"\n')
    wrapper.chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    made = run(
        "-I", "nzip --predictor toy", "-cf", "tree.tar.nz", "tree", command=["tar"], environment=environment
    )
    assert made.returncode == 0 and made.stderr == b"", made.stderr
    shutil.rmtree(tree)
    taken = run("-I", "nzip", "-xf", "tree.tar.nz", command=["tar"], environment=environment)
    assert taken.returncode == 0 and taken.stderr == b"", taken.stderr
    assert (tree / "notes").read_bytes() == DATA
    assert (tree / "deep" / "noise").read_bytes() == random.Random(1).randbytes(5000)


def test_nzcat(run, tmp_path):
    (tmp_path / "a.nz").write_bytes(run("--predictor", "toy", input=DATA).stdout)
    nzcat = [sys.executable, "-c", "from nzip.cli.main import nzcat_main; nzcat_main()"]
    ran = run("a.nz", "a.nz", command=nzcat)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, DATA * 2, b"")
    assert run("missing", command=nzcat).returncode == 1


def test_exit_codes(run, tmp_path):
    (tmp_path / "junk.nz").write_bytes(b"this is no compressed file")
    for arguments, code in (
        (["-t", "junk.nz"], 2),
        (["-t", "missing.nz"], 1),
        (["--nonsense"], 1),
        (["--version"], 0),
    ):
        ran = run(*arguments)
        assert ran.returncode == code
        assert ran.stderr.count(b"\n") == (code != 0)


def test_a_closed_pipe_ends_it_quietly(start, tmp_path):
    process = start("--predictor", "toy", "-T1", "--block-size", "1000", "-c", "/dev/zero")
    assert process.stdout.read(10).startswith(b"\x89NZ")
    process.stdout.close()
    assert process.wait(60) == -signal.SIGPIPE
    assert process.stderr.read() == b""


def test_output_flows_before_the_input_ends(start):
    """A block given in comes out, though the stream is not over: nobody waits for what is not needed."""
    process = start("--predictor", "toy", "--block-size", "1000", "-T1", stdin=subprocess.PIPE)
    process.stdin.write(random.Random(1).randbytes(3000))
    process.stdin.flush()
    seen = b""
    while len(seen) < 1000:
        assert select.select([process.stdout], [], [], 60)[0]  # so that a broken build fails, not hangs
        seen += os.read(process.stdout.fileno(), 1000)
    process.stdin.close()
    assert process.wait() == 0


def _wait_for(condition):
    # No limit on the test's own time: the deadline only keeps a broken build from hanging for ever.
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_nothing_behind(start, tmp_path, number):
    """In the middle of a block that would take an hour."""
    source, target = tmp_path / "source", tmp_path / "source.nz"
    source.write_bytes(DATA)
    target.write_bytes(b"old")
    process = start("--predictor", "toy", "-f", "source", environment={"TOY_SLEEP": "3600"})
    _wait_for(lambda: len(os.listdir(tmp_path)) == 3)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == -number
    assert sorted(os.listdir(tmp_path)) == ["source", "source.nz"]
    assert target.read_bytes() == b"old" and source.read_bytes() == DATA
    assert err == b""


def test_killed_at_any_moment_the_target_is_whole(start, run, tmp_path):
    source, target = tmp_path / "source", tmp_path / "source.nz"
    source.write_bytes(DATA)
    new = run("--predictor", "toy", "--block-size", "400", "-c", "source").stdout
    chance = random.Random(os.getpid())
    outcomes = set()
    for _ in range(6):
        target.write_bytes(b"old")
        process = start(
            "--predictor",
            "toy",
            "--block-size",
            "400",
            "--rm",
            "-f",
            "source",
            environment={"TOY_SLEEP": "0.002"},
        )
        _wait_for(lambda p=process: len(os.listdir(tmp_path)) > 2 or p.poll() is not None)
        time.sleep(chance.random() * 0.15)
        process.kill()
        process.communicate()
        now = target.read_bytes()
        assert now in (b"old", new)
        outcomes.add(now == new)
        if source.exists():
            assert source.read_bytes() == DATA
        else:
            assert now == new
            source.write_bytes(DATA)
        for name in os.listdir(tmp_path):
            if name not in ("source", "source.nz"):
                assert name.endswith(".nzip-tmp")
                (tmp_path / name).unlink()


def test_a_limit_on_file_sizes_is_one_line(run, tmp_path):
    """The disk is full in the middle of the output."""
    (tmp_path / "noise").write_bytes(random.Random(1).randbytes(300_000))
    limited = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", *NZIP]
    ran = run("--predictor", "toy", "noise", command=limited)
    assert ran.returncode == 1 and b"cannot write" in ran.stderr and ran.stderr.count(b"\n") == 1
    assert os.listdir(tmp_path) == ["noise"]


def test_metadata_is_kept(run, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(DATA)
    source.chmod(0o640)
    os.utime(source, ns=(10**18, 10**18 + 5))
    assert run("--predictor", "toy", "--rm", "source").returncode == 0
    assert run("-d", "--rm", "source.nz").returncode == 0
    assert stat.S_IMODE(source.stat().st_mode) == 0o640
    assert source.stat().st_mtime_ns == 10**18 + 5


def test_links_and_directories(run, tmp_path):
    (tmp_path / "plain").write_bytes(DATA)
    (tmp_path / "link").symlink_to("plain")
    (tmp_path / "dir").mkdir()
    assert run("--predictor", "toy", "link").returncode == 0
    assert run("-dc", "link.nz").stdout == DATA
    ran = run("--predictor", "toy", "--rm", "-f", "-o", "other.nz", "plain", "dir")
    assert ran.returncode == 1
    ran = run("--predictor", "toy", "dir", "plain")
    assert ran.returncode == 1 and b"is a directory" in ran.stderr and (tmp_path / "plain.nz").exists()
    assert run("-f", "-o", "plain", "plain", "--predictor", "toy").returncode == 1
    assert (tmp_path / "plain").read_bytes() == DATA


@pytest.mark.parametrize("bar", [True, False])
def test_the_progress_bar_is_for_terminals(plugin_environment, tmp_path, bar):
    (tmp_path / "source").write_bytes(DATA)
    master, slave = os.openpty()
    process = subprocess.Popen(
        [*NZIP, "--predictor", "toy", "--block-size", "3000", "source", *([] if bar else ["--no-progress"])],
        cwd=tmp_path,
        env={**plugin_environment, "TOY_SLEEP": "0.6", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stderr=slave,
    )
    os.close(slave)
    seen = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(master)
    assert process.wait() == 0
    assert b"bits per byte" in seen
    assert (b"of 8,800 bytes" in seen and b"\x1b[" in seen) == bar


def test_plug_ins_are_found_and_can_be_switched_off(run):
    stream = run("--predictor", "toy", input=DATA).stdout
    assert run("-d", input=stream).stdout == DATA
    ran = run("-d", input=stream, environment={"NZIP_NO_PLUGINS": "1"})
    assert ran.returncode == 1 and b"toy" in ran.stderr and ran.stderr.count(b"\n") == 1


def test_two_packages_that_claim_one_name_are_an_error(run, tmp_path):
    info = tmp_path / "nzip_rival-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nzip-rival\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nzip.experts]\ntoy = toys:count_factory\n")
    command = [
        sys.executable,
        "-c",
        "import sys; sys.path.append(sys.argv.pop(1)); from nzip.cli.main import main; main()",
        tmp_path,
    ]
    ran = run("--predictor", "toy", command=command, input=b"x")
    assert (
        ran.returncode == 1
        and b"nzip-toys" in ran.stderr
        and b"nzip-rival" in ran.stderr
        and b"NZIP_NO_PLUGINS" in ran.stderr
    )


def _imported(run, code: str) -> set[str]:
    ran = run("-c", f"import sys\n{code}\nprint(*sorted(sys.modules))", command=[sys.executable], input=b"")
    assert ran.returncode == 0, ran.stderr
    return {name.partition(".")[0] for name in ran.stdout.decode().splitlines()[-1].split()}


HEAVY = {
    "numba",
    "llvmlite",
    "numpy",
    "rich",
    "torch",
    "tokenizers",
    "xxhash",
    "constriction",
    "tokenizers_lab",
    "fsspec",
}


@pytest.mark.parametrize(
    "code",
    [
        "import nzip",
        "import nzip.cli.main; assert nzip.cli.main._guarded(['--version']) == 0",
        "import nzip.cli.main; assert nzip.cli.main._guarded(['--help']) == 0",
        "import nzip.cli.main; assert nzip.cli.main._guarded(['compress', '--help']) == 0",
        "import nzip.cli.main; assert nzip.cli.main._guarded(['--nonsense']) == 1",
        "import nzip.levels, nzip.errors",
    ],
)
def test_start_up_imports_nothing_heavy(run, code):
    assert not _imported(run, code) & HEAVY


def test_compressing_imports_neither_torch_nor_the_lab(run, tmp_path):
    (tmp_path / "source").write_bytes(DATA)
    code = "import nzip.cli.main; assert nzip.cli.main._guarded(['-q', '--predictor', 'toy', 'source']) == 0"
    assert not _imported(run, code) & (HEAVY - {"numpy", "xxhash"})


def test_without_standard_streams(run, tmp_path):
    (tmp_path / "source").write_bytes(DATA)
    closed = ["sh", "-c", '"$@" <&- >&-', "sh", *NZIP]
    assert run("--predictor", "toy", "source", command=closed).returncode == 0
    assert run("-dc", "source.nz", command=closed).returncode == 1
    assert run("-d", command=closed).returncode == 1
