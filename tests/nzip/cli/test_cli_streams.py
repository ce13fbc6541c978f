"""Streams at their edges, by processes: input that is not there yet, output that takes a part, pipes with
names, stops, and standard streams that are closed, full or gone."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import random
import shlex
import signal
import stat
import subprocess
import sys
import threading
import time

import faults
import pytest
from support import NZIP

from nzip.cli import main

DATA = b"All work and no play makes Jack a dull boy.\n" * 200
NOISE = random.Random(1).randbytes(600_000)
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}


@pytest.fixture
def noise(run, tmp_path):
    """A compressed file that decodes to NOISE."""
    (tmp_path / "noise.nz").write_bytes(run("--predictor", "toy", input=NOISE).stdout)
    return "noise.nz"


def _unblock(descriptor: int) -> None:
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_NONBLOCK)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["--predictor", "toy"], "raw"),
        (["measure", "--json", "--predictor", "toy"], "raw"),
        (["-d"], "coded"),
        (["cat", "--range", "10:5000"], "coded"),
        (["test"], "coded"),
        (["list", "--json"], "coded"),
        (["decompress", "--recover"], "coded"),
    ],
)
def test_nothing_yet_is_not_the_end(run, start, arguments, given):
    """Standard input does not block, and its writer pauses in the middle."""
    data = DATA if given == "raw" else run("--predictor", "toy", "--block-size", "999", input=DATA).stdout
    want = run(*arguments, input=data)
    reading, writing = os.pipe()
    _unblock(reading)
    process = start(*arguments, stdin=reading)
    os.close(reading)
    with os.fdopen(writing, "wb", 0) as pipe:
        for at in range(0, len(data), -(-len(data) // 3)):
            time.sleep(0.3)
            # A range may be complete before the end; all else reads on to it.
            with contextlib.suppress(*[BrokenPipeError] * ("--range" in arguments)):
                pipe.write(data[at : at + -(-len(data) // 3)])
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    if "measure" in arguments:
        assert b'"size": 8800' in out
    else:
        assert out == want.stdout and (out or arguments == ["test"])


@pytest.mark.parametrize("environment", [UNBUFFERED, {}])
def test_a_file_limit_is_no_success(run, noise, tmp_path, environment):
    """The disk is full in the middle of standard output."""
    command = ["sh", "-c", 'ulimit -f 100; exec "$@" > out', "sh", *NZIP]
    ran = run("-dc", noise, command=command, environment=environment)
    assert ran.returncode == 1 and ran.stderr == b"nzip: standard output: cannot write: file too large\n"
    # What is printed, too, however little it is.
    command = ["sh", "-c", 'ulimit -f 0; exec "$@" > printed', "sh", *NZIP]
    ran = run("list", "--json", noise, command=command, environment=environment)
    assert ran.returncode == 1 and ran.stderr == b"nzip: standard output: file too large\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("environment", [UNBUFFERED, {}])
def test_a_full_disk_is_no_success(run, noise, environment):
    full = ["sh", "-c", '"$@" > /dev/full', "sh", *NZIP]
    for arguments in (["-dc", noise], ["levels"], ["--version"]):
        ran = run(*arguments, command=full, environment=environment)
        assert ran.returncode == 1 and ran.stderr.count(b"\n") == 1 and b"no space left" in ran.stderr
    ran = run("-d", "-o", "/dev/full", noise)
    assert ran.returncode == 1 and ran.stderr == b"nzip: /dev/full: cannot write: no space left on device\n"


def _read_slowly(process, pause) -> bytes:
    found = b""
    while True:
        pause()
        part = os.read(process.stdout.fileno(), 50_000)
        if not part:
            return found
        found += part


def test_a_stopped_writer_loses_no_piece(start, noise):
    """Ctrl-Z and fg while a slow reader blocks: the system tells of a part that was written."""
    process = start("-dc", noise, environment=UNBUFFERED)

    def pause():
        time.sleep(0.01)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            os.kill(process.pid, number)
            time.sleep(0.01)

    assert _read_slowly(process, pause) == NOISE
    assert process.wait() == 0 and process.stderr.read() == b""


@pytest.mark.parametrize("environment", [UNBUFFERED, {}])
def test_a_pipe_that_does_not_block_gets_all(start, noise, environment):
    reading, writing = os.pipe()
    _unblock(writing)
    process = start("-dc", noise, environment=environment, stdout=writing)
    os.close(writing)
    found = b""
    while part := os.read(reading, 20_000):
        found += part
        time.sleep(0.002)
    os.close(reading)
    assert found == NOISE and process.wait() == 0


def test_named_pipes(run, start, tmp_path):
    """The whole way, and the pipes on both sides."""
    os.mkfifo(tmp_path / "in")
    os.mkfifo(tmp_path / "out")
    for _ in range(2):
        first = start("--predictor", "toy", "in", "-o", "out")
        second = start("-dc", "out")
        (tmp_path / "in").write_bytes(DATA)
        assert second.communicate() == (DATA, b"")
        assert first.wait() == 0
    ran = run("--predictor", "toy", "in")
    assert ran.returncode == 1 and b"not a regular file" in ran.stderr


@pytest.mark.parametrize("way", ["source", "target", "stdin"])
def test_a_wait_can_be_interrupted_quietly(start, tmp_path, way):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "plain").write_bytes(DATA)
    arguments = {"source": ["-c", "pipe"], "target": ["plain", "-o", "pipe"], "stdin": []}[way]
    process = start("--predictor", "toy", *arguments, stdin=subprocess.PIPE)
    deadline = time.monotonic() + 60  # only keeps a broken build from hanging
    while "S" not in _state(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait() == -signal.SIGINT and process.stderr.read() == b""


def _state(process) -> str:
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


@pytest.mark.parametrize(
    "line", ["list noise.nz", "list --json noise.nz", "levels", "measure --predictor toy noise.nz", "--help",
             "--version", "compress --help", "-dc noise.nz", "model list", "primer list --json"],
)  # fmt: skip
def test_nobody_reads(start, noise, line):
    """`nzip list | true` ends by SIGPIPE, as cat does."""
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*shlex.split(line), stdout=writing)
    os.close(writing)
    assert process.stderr.read() == b"" and process.wait() == -signal.SIGPIPE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_failing_standard_error_stops_no_work(run, tmp_path):
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "b").write_bytes(DATA)
    for redirection, code in (("2>&-", 0), ("2>/dev/full", 1)):
        command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *NZIP]
        assert run("--predictor", "toy", "a", "b", command=command).returncode == code
        assert run("-dc", "a.nz", "b.nz").stdout == DATA * 2
        (tmp_path / "a.nz").unlink()
        (tmp_path / "b.nz").unlink()
    # Its errors, too.
    assert run("--predictor", "toy", "missing", "b", command=command).returncode == 1
    assert run("-dc", "b.nz").stdout == DATA


def test_closed_streams_lend_their_numbers_to_nobody(run, tmp_path):
    """No file of ours becomes descriptor 1 or 2, which others write to."""
    (tmp_path / "a").write_bytes(DATA)
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *NZIP]
    assert run("--predictor", "toy", "a", command=command).returncode == 0
    assert run("-dc", "a.nz").stdout == DATA
    code = """if 1:
        import os
        from nzip.cli import standard
        standard.install()
        number = os.open("a", os.O_RDONLY)
        open("said", "w").write(f"{number > 2}\\n")"""
    assert run("-c", code, command=[*command[:4], sys.executable]).returncode == 0
    assert (tmp_path / "said").read_text() == "True\n"
    for arguments in (["-dc", "a.nz"], ["--version"]):
        ran = run(*arguments, command=["sh", "-c", 'exec "$@" >&-', "sh", *NZIP])
        assert ran.returncode == 1 and ran.stderr.count(b"\n") == 1 and b"standard output" in ran.stderr


def test_standard_output_by_its_names(run, tmp_path):
    """/dev/stdout and /dev/fd/N are what is open there, at the place where it stands."""
    (tmp_path / "a").write_bytes(DATA)
    want = run("--predictor", "toy", "-c", "a").stdout
    for name, redirection in (("/dev/stdout", "> out"), ("/dev/fd/7", "7> out"), ("/dev/stderr", "2> out"),
                              ("mine", "> out")):  # fmt: skip
        if name == "mine":
            (tmp_path / "mine").symlink_to("/dev/stdout")
        script = f'(printf head >&{redirection.split(">")[0] or 1}; exec "$@") {redirection}'
        ran = run("-q", "--predictor", "toy", "a", "-o", name, command=["sh", "-c", script, "sh", *NZIP])
        assert ran.returncode == 0 and (tmp_path / "out").read_bytes() == b"head" + want
    assert run("-q", "--predictor", "toy", "a", "-o", "/dev/stdout").stdout == want
    assert stat.S_ISLNK(os.lstat("/dev/stdout").st_mode)
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *NZIP]
    ran = run("-qf", "--predictor", "toy", "a", "-o", "/dev/stdout", command=closed)
    assert ran.returncode == 1 and stat.S_ISLNK(os.lstat("/dev/stdout").st_mode)


def test_the_input_is_not_the_output(run, tmp_path):
    (tmp_path / "a").write_bytes(DATA)
    for script in ('exec "$@" a >> a', 'exec "$@" < a >> a', 'exec "$@" < a 1<> a'):
        ran = run("--predictor", "toy", "-c", command=["sh", "-c", script, "sh", *NZIP])
        assert ran.returncode == 1 and b"is the input itself" in ran.stderr
        assert (tmp_path / "a").read_bytes() == DATA


@pytest.mark.parametrize("call", ["close", "fsync", "write"])
@pytest.mark.parametrize("code", faults.ERRORS)
def test_a_late_refusal_of_standard_output(tmp_path, toys, monkeypatch, call, code):
    """A file on a network is refused when it is closed: before the last line is said."""
    (tmp_path / "a").write_bytes(DATA)
    said = io.TextIOWrapper(io.BytesIO())
    place = tmp_path / "place"
    place.mkdir()
    with open(place / "out", "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", said)
        with faults.failing(call, code, below=place, at=0) as fault:
            ended = main._guarded(["-cv", "--predictor", "toy", str(tmp_path / "a")])
        monkeypatch.undo()
    said.seek(0)
    text = said.read()
    assert fault.fired
    if ended:
        assert ended == 1 and "bits per byte" not in text and text.startswith("nzip: standard output: ")
    else:
        # Waited for, or not to be had here.
        assert call == "write" or code in faults.REFUSALS, text
        run = main._guarded(["-t", str(place / "out")])
        assert run == 0


def test_a_writer_that_comes_and_goes(tmp_path):
    """A named pipe is opened once: a hundred writers, each heard to the end."""
    from nzip.io.sources import open_source

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for number in range(100):
        text = b"hello %d" % number
        writer = threading.Thread(target=pipe.write_bytes, args=(text,))
        writer.start()
        with open_source(str(pipe), force=False, remove=False, elsewhere=True) as source:
            assert source.read() == text
        writer.join()
