"""What compressing takes is said once: types, defaults and the signatures that are shown agree."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import nzip
from nzip import levels, options
from nzip.errors import NzipError
from nzip.levels import Level

TAKES = [
    (nzip.compress, options.Coding),
    (nzip.measure, options.Coding),
    (nzip.Compressor, options.BlockOptions),
    (nzip.open, options.Opening),
    (nzip.NzipFile, options.Opening),
]


@pytest.fixture(autouse=True)
def toy_by_default(toys, monkeypatch):
    monkeypatch.setitem(levels.LEVELS, levels.DEFAULT_LEVEL, Level("toy", "a toy"))


@pytest.mark.parametrize(("function", "kind"), TAKES, ids=lambda x: getattr(x, "__name__", ""))
def test_signatures_show_every_option(function, kind):
    shown = inspect.signature(function).parameters
    for name in kind.__annotations__:
        assert shown[name].default == options.DEFAULTS[name]
        if name != "level":  # which can be given by place
            assert shown[name].kind is inspect.Parameter.KEYWORD_ONLY
    assert not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in shown.values())


def test_every_option_has_a_default():
    assert set(options.DEFAULTS) == set(options.Opening.__annotations__)


def test_other_names_are_refused(tmp_path):
    for call in (
        lambda: nzip.compress(b"", leve=3),
        lambda: nzip.compress(b"", memory=1),
        lambda: nzip.measure(b"", encoding="utf-8"),
        lambda: nzip.Compressor(threads=2),
        lambda: nzip.open(tmp_path / "x.nz", "wb", max_size=3),
        lambda: nzip.NzipFile(tmp_path / "x.nz", "wb", encoding="utf-8"),
    ):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            call()
    assert not list(tmp_path.iterdir())


def test_options_are_what_they_say(tmp_path):
    data = b"All work and no play. " * 50
    stream = nzip.compress(data, predictor="toy:7", block_size=300)
    with nzip.open(tmp_path / "x.nz", "wb", predictor="toy:7", block_size=300, threads=2) as file:
        file.write(data)
    assert (tmp_path / "x.nz").read_bytes() == stream
    compressor = nzip.Compressor(predictor="toy:7", block_size=300)
    assert compressor.compress(data) + compressor.flush() == stream
    assert nzip.measure(data, predictor="toy:7", block_size=300) == (len(data), len(stream))


def test_type_checkers_see_what_is_there():
    """The names for type checkers, those imported when first used, and those that are announced."""
    tree = ast.parse(Path(nzip.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == nzip._LAZY
    assert set(nzip.__all__) == set(nzip._LAZY) | {n for n in vars(nzip) if n.endswith("Error")}
    for name in nzip.__all__:
        assert getattr(nzip, name).__doc__ and name in dir(nzip), name
    assert (Path(nzip.__file__).parent / "py.typed").exists()


SNIPPET = """
import io, nzip
reveal_type(nzip.open("x"))
reveal_type(nzip.open("x", "wb", level=1))
reveal_type(nzip.open("x", "rt", encoding="utf-8"))
reveal_type(nzip.compress(b"", 1, threads=2))
reveal_type(nzip.decompress(b""))
reveal_type(nzip.measure(io.BytesIO()).bits_per_byte)
reveal_type(nzip.contents("x").streams[0].blocks[0].size)
reveal_type(nzip.recover("x", "y"))
reveal_type(nzip.train_primer([b""]))
nzip.compress(b"", block_size="many")
nzip.compress(b"", leve=1)
nzip.Compressor(threads=1)
"""


def test_without_a_compiler_every_call_says_so(tmp_path, monkeypatch, toys):
    """As the shell does; what codes nothing goes on, and no file is touched."""
    stream, path = nzip.compress(b"text" * 99, predictor="toy"), tmp_path / "x.nz"
    path.write_bytes(stream)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    for call in (
        lambda: nzip.compress(b"text", level=1),
        lambda: nzip.compress(b"text", predictor=toys.ToyPredictor()),
        lambda: nzip.decompress(stream),
        lambda: nzip.decompress(stream, predictor=toys.ToyPredictor()),
        lambda: nzip.measure(b"text", level=1),
        lambda: nzip.Compressor(level=1),
        lambda: nzip.Decompressor().decompress(stream),
        lambda: nzip.open(path, "wb", level=1),
        lambda: nzip.open(path).read(),
        lambda: nzip.recover(path, tmp_path / "x"),
        lambda: nzip.compress_file(path, tmp_path / "x", level=1),
        lambda: nzip.decompress_file(path, tmp_path / "x"),
    ):
        with pytest.raises(NzipError, match="NUMBA_DISABLE_JIT is set") as caught:
            call()
        assert caught.value.exit_code == 1
    assert path.read_bytes() == stream and [p.name for p in tmp_path.iterdir()] == ["x.nz"]
    assert nzip.contents(path).size == 396
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    assert nzip.decompress(stream) == b"text" * 99


@pytest.mark.slow
def test_what_mypy_makes_of_it(tmp_path):
    api = pytest.importorskip("mypy.api")
    path = tmp_path / "snippet.py"
    path.write_text(SNIPPET)
    out, _, _ = api.run(["--ignore-missing-imports", "--cache-dir", str(tmp_path / "cache"), str(path)])
    said = [line.partition("snippet.py:")[2] for line in out.splitlines() if "snippet.py:" in line]
    types = [line.partition("Revealed type is ")[2].strip('"') for line in said if "Revealed" in line]
    short = [t.replace("builtins.", "").replace("nzip.file.", "") for t in types]
    assert short[:2] == ["NzipFile", "NzipFile"] and "TextIOWrapper" in short[2]
    assert short[3:] == ["bytes", "bytes", "float", "int", "list[str]", "bytes"]
    wrong = {int(line.partition(":")[0]) for line in said if ": error:" in line}
    assert wrong == {12, 13, 14}
