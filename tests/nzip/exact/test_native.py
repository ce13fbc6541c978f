"""Machine code that an earlier process left is called without numba, and gives what numba's call gives."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from support import cache_of_tables
from test_jit import ROOT, python

from nzip.exact import image, native
from nzip.exact.jit import njit

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="object files are ELF there")

FUNCTIONS = """
from typing import NamedTuple
import numpy as np
from nzip.exact.jit import njit

class Two(NamedTuple):
    rows: np.ndarray
    number: int

@njit(cache=True)
def kinds(a, b, c, d, e):
    return a + 1, b * 2.0, not c, np.float32(d) + np.float32(0.5), e is None

@njit(cache=True, nogil=True)
def within(two, more):
    total = two.number
    for i in range(two.rows.shape[0]):
        for k in range(two.rows.shape[1]):
            total += two.rows[i, k]
            two.rows[i, k] += 1
    return total + more[0].size + more[1][0]

@njit(cache=True)
def nothing(out):
    out[:] = 7

@njit(cache=True)
def fails(n):
    if n > 2:
        raise ValueError("more than two")
    return n

@njit(cache=True)
def makes(n):
    return np.arange(n)

@njit(cache=True)
def many(arrays):
    total = 0
    for array in arrays:
        total += array[0, 0, 0]
    return total
"""
USE = """
import sys
from nzip.exact import native
import numpy as np
from functions import *
rows = np.arange(24, dtype=np.int64).reshape(4, 6)
out = []
out.append(kinds(3, 1.5, True, np.float32(2), None))
out.append(kinds(np.uint8(3), np.float64(1.5), False, 2, None))
for some in (rows, rows.T, rows[::2, ::3]):
    out.append(within(Two(some, 5), (np.zeros(3), (9, 1.0))))
out.append(rows.tolist())
out.append(nothing(rows[0]))
out.append(rows[0].tolist())
out.append(fails(2))
try:
    fails(3)
except ValueError as error:
    out.append(str(error))
out.append(many((np.full((2, 3, 4), 5),) * 130))
arrays = (np.full((2, 3, 4), 6),) * 130
for turn in range(3):
    if turn < 2:
        native.hold(arrays)
    arrays[0][0, 0, 0] = turn
    out.append((many(arrays), many((*arrays[:129], np.full((2, 3, 4), 8)))))
    if turn:
        native.release(arrays)
assert not any(held[0] is arrays for held in native._held.values())
loaded = "numba" in sys.modules
out.append(makes(3).tolist())
print(repr(out))
print(loaded, [f.found for f in (kinds, within, nothing, fails, many)], any(makes._natives.values()))
"""


def test_what_is_called_without_numba_gives_the_same(tmp_path):
    """Scalars, arrays of any layout, named tuples, nested ones, None, errors, more words than C has
    arguments for."""
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    place = {"path": f"{tmp_path}{os.pathsep}{ROOT}", "NZIP_CACHE": str(tmp_path / "cache")}
    first, second, third = (python(USE, **place).splitlines() for _ in range(3))
    assert first[0] == second[0] == third[0]
    assert first[1].startswith("True [0, 0, 0, 0, 0]")
    assert third[1].startswith("False [2, 3, 1, 1, 1]"), third
    assert third[1].endswith("False")  # what makes an array is numba's to call
    if image.possible():
        linked = "from nzip.exact import image; image.possible = lambda: False\n"
        place["NZIP_CACHE"] = str(tmp_path / "objects")
        last = [python(linked + USE, **place).splitlines() for _ in range(2)][1]
        assert last == third


WORK = """
import sys
import nzip
{before}
data = open({sample!r}, "rb").read()[5000:6500]
made = [nzip.compress(data, {level})]
assert all(nzip.decompress(one) == data for one in made)
print([one.hex() for one in made], "numba" in sys.modules)
"""


@pytest.mark.parametrize("level", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_warm_start_needs_no_numba_and_writes_the_same_bytes(tmp_path, level):
    """-1 with the session's machine code, whose rest the first process compiles; -3 from an empty cache."""
    sample = str(ROOT / "corpora" / "samples" / "alice29.txt")
    empty = tmp_path / "cache"
    place = {"NZIP_CACHE": cache_of_tables(empty) if level == 1 else str(empty)}
    numba = "from nzip.exact import native; native.machine = lambda: None"
    cold = python(WORK.format(before="", sample=sample, level=level), **place)
    warm = python(WORK.format(before="", sample=sample, level=level), **place)
    by_numba = python(WORK.format(before=numba, sample=sample, level=level), **place)
    assert cold.rsplit("]", 1)[0] == warm.rsplit("]", 1)[0] == by_numba.rsplit("]", 1)[0]
    assert warm.split()[-1] == "False" and by_numba.split()[-1] == "True"


def test_calls_that_are_many_go_by_numba(tmp_path, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("nzip.exact.jit._MANY", 5)
    for n in range(2):

        @njit(cache=True)
        def double(x):
            return 2 * x

        assert [double(i) for i in range(8)] == list(range(0, 16, 2))
        assert (double._left == 0) == (n == 1) and double._called


@pytest.mark.parametrize("as_image", [True, False])
def test_code_that_needs_what_is_not_here_is_left_alone(tmp_path, monkeypatch, as_image):
    """To link it would end the process. As an image of memory, and as objects that llvmlite links."""
    if as_image and not image.possible():
        pytest.skip("no images on this system")
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(image, "possible", lambda: as_image)

    @njit(cache=True)
    def triple(x):
        return 3 * x

    assert triple(3) == 9
    name = triple._entry(("i8",))
    head, _, code = native.CODE.get(name).partition(b"\n")
    said = json.loads(head)
    assert native.load(name, False, None)(5) == 15
    assert ("image" in said) == as_image
    if as_image:
        said["image"][-1]["a_function_that_nobody_has"] = [[0, 0]]
    else:
        said["needs"].append("a_function_that_nobody_has")
    native.CODE.put(name, [json.dumps(said).encode() + b"\n", code])
    assert native.load(name, False, None) is None


def test_the_symbols_that_an_object_needs(tmp_path):
    import llvmlite.binding as llvm

    from nzip.exact.image import undefined

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine()
    text = "declare i64 @strange(i64)\ndefine i64 @own(i64 %x) {\n"
    text += "%y = call i64 @strange(i64 %x)\nret i64 %y\n}\n"
    assert undefined(target.emit_object(llvm.parse_assembly(text))) == ["strange"]
    for other in (b"", b"\x7fELF\x01\x01" + bytes(100), Path(__file__).read_bytes()):
        assert undefined(other) is None


def test_code_for_one_number_is_not_called_with_others(tmp_path, monkeypatch):
    """A caller that is compiled passes literals, and numba compiles for the number: such code once stood in
    the cache as that for any integer, since a literal's type is an integer's, too."""
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "cache"))

    def made():
        @njit(cache=True)
        def count(start, end):
            n = 0
            for _ in range(start, end):
                n += 1
            return n

        return count

    first = made()

    @njit
    def caller():
        return first(0, 0)

    assert caller() == 0 and first(0, 5) == 5 and first(2, 4) == 2
    signatures = [str(kind) for signature in first.inner.signatures for kind in signature]
    assert any("Literal" in kind for kind in signatures)
    later = made()
    assert later(0, 5) == 5 and later(0, 0) == 0 and later._natives[("i8", "i8")] is not None


def test_kinds_are_those_of_numbas_types():
    from numba import typeof

    from nzip.exact.native_entry import kind_of_type

    array = np.zeros((4, 6), np.float32)
    locked = np.zeros(3, np.uint8)
    locked.setflags(write=False)
    values = (
        1, -5, True, 1.5, None, np.uint8(3), np.int16(3), np.float32(1), np.bool_(True), array, array.T,
        array[::2, ::2], array[0], locked, np.zeros(2, bool), (1, 2.0), ((array, 3), None),
    )  # fmt: skip
    for value in values:
        assert native.kind_of(value) == kind_of_type(typeof(value)), value
    for value in ("text", b"bytes", [1], 1 << 70, np.zeros(2, complex), np.zeros(2, "S3"), (1, "text")):
        assert native.kind_of(value) is None
