"""Functions for one plan out of a function for any: they know their tables, and are found again."""

from __future__ import annotations

import numpy as np
from numba import types
from support import child_output

from nzip.exact.compiling import Compiling
from nzip.exact.jit import later, njit, specialised

(told,) = later("nzip.exact.told", "told")


@njit(cache=True, nogil=True)
def weighted(array, count, out):
    """The sum of the first ``count`` entries, each times what table 1 says of it (2 where nobody does)."""
    known = told(0, 0, count)
    total = 0
    for i in range(known):
        total += array[i] * told(1, i, 2)
    out[0] = total


# What general code is given and what the tables say differ here, to see which of them is asked.
three = specialised(weighted, "three", ((3,), (1, 10, 100)))
two = specialised(weighted, "two", ((2,), (-5, 7)))

AGAIN = """
import sys
import numpy as np
sys.path[:0] = ["tests", "tests/nzip/exact"]
import test_templates as t
from nzip.exact.compiling import Compiling
out = np.zeros(1, np.int64)
t.two(np.arange(1, 6), 5, out)
print(out[0], Compiling.begun, t.two.found)
"""


def _of(function) -> int:
    out = np.zeros(1, np.int64)
    function(np.arange(1, 6), 5, out)
    return int(out[0])


def test_special_functions_know_their_tables():
    before = Compiling.begun
    assert _of(weighted) == 30
    assert _of(three) == 1 + 20 + 300 and _of(two) == -5 + 14
    assert _of(weighted) == 30
    assert Compiling.begun == Compiling.done and Compiling.begun - before <= 3
    for special in (three, two):
        array = types.int64[::1]
        special.compile((array, types.int64, array))
        text = next(iter(special.overloads.values())).library._shared_module
        assert "nzip.told" not in str(text), "an answer was not taken in"


def test_a_later_process_finds_them(tmp_path):
    assert _of(two) == 9
    assert child_output(AGAIN).split() == ["9", "0", "1"]


def test_what_is_done_once_is_said(monkeypatch):
    monkeypatch.setattr(Compiling, "begun", 3)
    monkeypatch.setattr(Compiling, "done", 3)
    assert Compiling.said() is None
    with Compiling.reading():
        assert Compiling.said() == "reading a primer, once"
        monkeypatch.setattr(Compiling, "begun", 4)
        assert Compiling.said() == "compiling, once: 3 done"
    monkeypatch.setattr(Compiling, "done", 4)
    assert Compiling.said() is None
