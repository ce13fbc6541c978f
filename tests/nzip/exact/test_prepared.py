"""What is shipped as LLVM's language: it is of today's sources, and gives what numba gives, without numba."""

import gc
import importlib
import subprocess
import sys

import numpy as np
import pytest

from nzip.coding import binary
from nzip.exact import jit, native, prepared
from nzip.predictors.kinds import TEXT, Content
from nzip.predictors.mix.stream import Streams

# Another Python or NumPy may say names and values in other words: nothing is found then, and numba compiles.
ALIKE = sys.implementation.cache_tag == "cpython-311" and np.__version__ >= "2"
SAME = pytest.mark.skipif(not ALIKE, reason="made with Python 3.11 and NumPy 2")
HERE = pytest.mark.skipif(
    not ALIKE or prepared.instructions() is None, reason="nothing is prepared for this machine"
)
MAKE = "a compiled function was changed: run scripts/make_prepared.py"

_CODING = """
import sys
import numpy as np
from nzip.exact import prepared
from nzip.predictors.kinds import TEXT, Content
from nzip.predictors.registry import create
level, how = sys.argv[1:]
if how == "numba":
    prepared.find = lambda key: None
data = np.frombuffer(sys.stdin.buffer.read(), np.uint8)
payload, _ = create("mix:" + level)._streams.code(data, Content(TEXT), 1, None)
assert ("numba" in sys.modules) == (how == "numba"), "numba was imported, or was not"
sys.stdout.buffer.write(payload)
"""


def _functions():
    return [one for one in gc.get_objects() if type(one) is jit.Function and one._cache]


@SAME
def test_it_is_of_todays_sources():
    for module in ("warming", *(f"predictors.{name}" for name in ("mix.fused", "online.products"))):
        importlib.import_module(f"nzip.{module}")
    index, texts = prepared._archive()
    assert set(index) == {"avx2", "avx512"} and texts
    kinds = {native._tuples(said["kinds"]) for entries in index.values() for said, *_ in entries.values()}
    found = {one.prepared_key(each) for one in _functions() for each in kinds}
    for entries in index.values():
        assert len(entries) > 15
        assert entries.keys() <= found, MAKE


@HERE
def test_levels_kernels_are_prepared():
    kernel = Streams(3).kernel(Content(TEXT))
    entries = prepared._archive()[0][prepared.instructions()]
    kinds = {native._tuples(said["kinds"]) for said, *_ in entries.values()}
    assert any(kernel.prepared_key(each) in entries for each in kinds), MAKE


TEXT_BYTES = b"It was the best of times, it was the worst of times. " * 9 + bytes(range(256))


def _coded(folder, monkeypatch, *options: str) -> bytes:
    """What a process with an empty cache makes of a text, by its standard output."""
    monkeypatch.setenv("NZIP_CACHE", str(folder))
    command = [sys.executable, "-c", _CODING, *options]
    return subprocess.run(command, input=TEXT_BYTES, stdout=subprocess.PIPE, check=True).stdout


@HERE
def test_a_first_run_without_numba(tmp_path, monkeypatch):
    first = _coded(tmp_path, monkeypatch, "1", "prepared")
    assert _coded(tmp_path, monkeypatch, "1", "prepared") == first
    found, _ = Streams(1).code(np.frombuffer(TEXT_BYTES, np.uint8), Content(TEXT), 1, None)
    assert first == found


@HERE
@pytest.mark.slow
@pytest.mark.parametrize("level", ["0", "1", "3", "5+ssm", "5+online:ssm+ssm"])
def test_the_bytes_are_numbas(level, tmp_path, monkeypatch):
    prepared_bytes = _coded(tmp_path / "prepared", monkeypatch, level, "prepared")
    assert prepared_bytes == _coded(tmp_path / "numba", monkeypatch, level, "numba")


@HERE
def test_it_is_kept_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path))
    made = jit.njit(nogil=True, cache=True)(lambda: None)  # a function of its own to hold what is found
    made.__dict__.update({**binary.start_encoder.__dict__, "_natives": {}})
    coder = np.zeros(binary.STATE_SIZE, np.uint64)
    kinds = tuple(map(native.kind_of, (coder, 100)))
    first = made._find(kinds)
    assert first is not None and first.prepared
    monkeypatch.setattr(prepared, "find", lambda key: None)
    made._natives.clear()
    again = made._find(kinds)
    assert again is not None and again.prepared
    again(coder, 100)
    assert coder[binary.HIGH] > 0


def test_what_cannot_be_read_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(prepared, "PATH", tmp_path / "none")
    prepared._archive.cache_clear()
    try:
        assert prepared._archive() == ({}, [])
        (tmp_path / "none").write_bytes(b"no archive")
        prepared._archive.cache_clear()
        assert prepared._archive() == ({}, [])
        assert prepared.find("anything") is None
    finally:
        prepared._archive.cache_clear()


def test_a_module_that_llvm_cannot_read_is_left_to_numba():
    assert prepared.machine_code(prepared.Prepared({"takes": []}, "f", "define nonsense"), ()) is None


def test_numbas_settings_are_kept_to(monkeypatch):
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert prepared.instructions() is None
