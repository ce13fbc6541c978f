"""What becomes of a file that nobody closed: at the program's end, at garbage collection, after a fork."""

from __future__ import annotations

import io
import lzma
import os
import subprocess
import sys
import textwrap

import pytest
import toys

import nzip
from nzip.errors import NzipError

TOY = toys.ToyPredictor()

ENDS = {
    "plain": """
        f = nzip.open(path, "wb", **how)
        f.write(b"abc")
    """,
    "in a function": """
        def main():
            f = nzip.open(path, "wb", **how)
            f.write(b"abc")
        main()
    """,
    "sys.exit": """
        f = nzip.open(path, "wb", **how)
        f.write(b"abc")
        sys.exit(0)
    """,
    "exception": """
        f = nzip.open(path, "wb", **how)
        f.write(b"abc")
        sys.excepthook = lambda *error: None
        raise ZeroDivisionError
    """,
    "del": """
        f = nzip.open(path, "wb", **how)
        f.write(b"abc")
        del f
        assert nzip.decompress(open(path, "rb").read(), predictor=how.get("predictor")) == b"abc"
    """,
    "generator": """
        def hold():
            with nzip.open(path, "wb", **how) as f:
                f.write(b"abc")
                yield
        held = hold()
        next(held)
    """,
    "cycle": """
        class Node:
            pass
        node = Node()
        node.file, node.node = nzip.open(path, "wb", **how), node
        node.file.write(b"abc")
    """,
    "threads": """
        f = nzip.open(path, "wb", **how, threads=2, block_size=2)
        f.write(b"abc")
    """,
    "text": """
        f = nzip.open(path, "wt", **how, encoding="ascii")
        f.write("abc")
    """,
    "text, in a cycle": """
        f = nzip.open(path, "wt", **how, encoding="ascii")
        f.write("abc")
        f.itself = f
        del f
    """,
    "wrapped": """
        f = io.TextIOWrapper(io.BufferedWriter(nzip.NzipFile(path, "wb", **how)), "ascii")
        f.write("abc")
    """,
    "file object": """
        below = open(path, "wb")
        f = nzip.NzipFile(below, "wb", **how)
        f.write(b"abc")
    """,
    "exit hook, one thread": """
        @atexit.register
        def hook():
            with nzip.open(path, "wb", **how, block_size=2) as f:
                f.write(b"abc")
    """,
    "exit hook, two threads": """
        @atexit.register
        def hook():
            packed = nzip.compress(b"abc", **how, block_size=2, threads=2)
            assert nzip.decompress(packed, threads=2, predictor=how.get("predictor")) == b"abc"
            f = nzip.open(path, "wb", **how, block_size=2, threads=2)
            f.write(b"abc")
    """,
    "exit hook before nzip": """
        # registered before nzip was imported, so that it comes after nzip's own
        f = nzip.open(path, "wb", **how)
        f.write(b"ab")
        early = lambda: f.write(b"c")
    """,
    "thread that goes on": """
        f = nzip.open(path, "wb", **how)
        def later():
            f.write(b"abc")
        import threading
        threading.Timer(0.2, later).start()
    """,
    "closed properly": """
        with nzip.open(path, "wb", **how) as f:
            f.write(b"abc")
    """,
}


# What loads most, and so has most to lose at the end: the compiled predictors. The toy is quick.
REAL = ("plain", "text, in a cycle", "exit hook, two threads", "exit hook before nzip")


def unpacked(path):
    return nzip.decompress(path.read_bytes(), predictor=TOY)


def run(program, path, code=0, real=False, pass_fds=()):
    start = """
        import atexit, io, os, sys
        path = sys.argv[1]
        early = lambda: None
        atexit.register(lambda: early())
        import nzip
    """
    start = textwrap.dedent(start) + "\n"
    start += "how = {'level': 1}" if real else "import toys; how = {'predictor': toys.ToyPredictor()}"
    program = start + "\n" + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", program, path],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        pass_fds=pass_fds,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == code, done.stderr
    return done.stderr


@pytest.mark.parametrize("end, real", [(end, False) for end in ENDS] + [(end, True) for end in REAL])
def test_nothing_is_lost_at_the_end(end, real, tmp_path):
    path = tmp_path / "file.nz"
    assert run(ENDS[end], path, code=int(end == "exception"), real=real) == ""
    assert unpacked(path) == b"abc"


def test_what_cannot_be_written_at_the_end_is_told(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    for end in ("", "del f"):
        told = run(f'f = nzip.open("/dev/full", "wb", **how); f.write(b"abc"); {end}', tmp_path)
        assert "No space left on device" in told


def test_a_thread_that_never_ends_does_not_hold_the_program(tmp_path):
    ours, theirs = os.pipe()
    program = f"""
        import threading
        import nzip.writing
        nzip.writing._PATIENCE = 0.1
        f = nzip.NzipFile(open({theirs}, "wb"), "w", block_size=1000, **how)
        threading.Thread(target=lambda: f.write(os.urandom(1 << 20)), daemon=True).start()
        g = nzip.open(path, "wb", **how)
        g.write(b"abc")
        while not f._writing._turns._busy:
            pass
    """
    told = run(program, tmp_path / "file.nz", pass_fds=[theirs])
    os.close(ours)
    os.close(theirs)
    assert "a thread is still writing" in told and unpacked(tmp_path / "file.nz") == b"abc"


def test_a_file_below_that_dies_with_its_nzip_file_is_closed_last():
    import gc

    class Node:
        pass

    for file_of in (lzma.LZMAFile, lambda *args: nzip.NzipFile(*args, predictor=TOY)):
        below = io.BytesIO()
        node = Node()
        node.node, node.file = node, file_of(below, "w")
        node.file.write(b"abc")
        del node
        gc.collect()
        assert file_of(io.BytesIO(below.getvalue()), "r").read() == b"abc"


FORKS = {
    "the child exits": "sys.exit(0)",
    "the child leaves at once": "os._exit(0)",
    "the child drops it": "del f; os._exit(0)",
    "the child closes it": "f.close(); os._exit(0)",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("end", FORKS.values(), ids=FORKS)
@pytest.mark.parametrize("mode", ["wb", "wt"])
@pytest.mark.parametrize("first", ["abc", ""])
def test_a_child_writes_nothing_of_its_parent_s(end, mode, first, tmp_path):
    path = tmp_path / "file.nz"
    text = "b" if mode == "wb" else ""
    program = f"""
        f = nzip.open(path, "{mode}", **how, threads=2)
        f.write({text}"{first}")
        f.flush()
        child = os.fork()
        if child == 0:
            {end}
        assert os.waitpid(child, 0)[1] == 0
        f.write({text}"def")
        f.close()
    """
    assert run(program, path) == ""
    assert path.read_bytes() == nzip.compress(first.encode() + b"def", predictor=TOY)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_may_not_go_on_in_its_parent_s_stream(tmp_path):
    program = """
        f = nzip.open(path, "wb", **how)
        f.write(b"abc")
        child = os.fork()
        if child == 0:
            for call in (lambda: f.write(b"more"), f.flush_block):
                try:
                    call()
                except nzip.NzipError as error:
                    assert "only its parent" in str(error)
                else:
                    os._exit(1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    run(program, tmp_path / "file.nz")
    assert unpacked(tmp_path / "file.nz") == b"abc"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_may_go_on_where_nothing_was_begun(tmp_path):
    """As daemons do: opened by the parent, written by the child."""
    program = """
        f = nzip.open(path, "wb", **how)
        child = os.fork()
        if child:
            os._exit(os.waitpid(child, 0)[1])
        f.write(b"abc")
    """
    assert run(program, tmp_path / "file.nz") == ""
    assert unpacked(tmp_path / "file.nz") == b"abc"


def test_a_failed_close_is_told_once(tmp_path):
    class Full(io.RawIOBase):
        calls = 0

        def writable(self):
            return True

        def write(self, data):
            self.calls += 1
            raise OSError(28, "full")

    below = Full()
    file = nzip.NzipFile(below, "w", predictor=TOY)
    file.write(b"abc")
    with pytest.raises(OSError, match="full"):
        file.close()
    calls = below.calls
    file.close()
    assert file.closed and below.calls == calls == 1
    with pytest.raises((ValueError, NzipError)):
        file.write(b"x")
