"""Numba's compiler as nzip runs it: what is left out and remembered changes nothing, and is put back."""

from __future__ import annotations

import gc

import numba
import numpy as np
from numba.core.codegen import CPUCodeLibrary
from numba.core.types.functions import BaseFunction

from nzip.exact import pipeline
from nzip.exact.jit import inner, njit


@inner
def _twice(value):
    return value + value


@njit
def whole(array):
    """Of all kinds: a helper, operators of several types, a closure, an expression of arrays."""
    some = [2 * x for x in range(4)]
    doubled = array * 2.0 + array
    total = np.float64(0)
    for i in range(len(array)):
        total += doubled[i] + _twice(np.uint8(200)) + _twice(i) + max(i, 2)
    return total + sum(some)


def test_what_is_compiled_answers_as_numba_does():
    array = np.arange(5.0)
    plain = numba.njit(numba.njit(_twice.py_func).py_func)
    expected = sum(3 * x + int(plain(np.uint8(200))) + 2 * i + max(i, 2) for i, x in enumerate(array)) + 12
    assert whole(array) == expected


def test_numba_is_as_it_was_afterwards():
    ask = BaseFunction.get_call_type
    seen = []

    @njit
    def one(x):
        return x + 1

    assert one(1) == 2
    assert BaseFunction.get_call_type is ask and gc.isenabled()

    @njit
    def wrong(x):
        return x.nothing_of_the_kind

    try:
        wrong(1)
    except numba.TypingError as error:
        seen.append(error)
    assert seen and BaseFunction.get_call_type is ask and gc.isenabled()
    gc.disable()
    try:
        assert one(1.5) == 2.5 and not gc.isenabled()
    finally:
        gc.enable()


def test_no_machine_code_is_made_of_inner_functions():
    @njit
    def caller(x):
        return _twice(x)

    assert caller(np.int32(4)) == 8
    made = _twice.inner.overloads[(numba.int32,)]
    assert isinstance(made.library, pipeline.InnerLibrary)
    assert made.library.get_pointer_to_function(made.fndesc.llvm_func_name) == 0
    outer = next(iter(caller.dispatcher.overloads.values())).library
    assert not isinstance(outer, pipeline.InnerLibrary) and isinstance(outer, CPUCodeLibrary)
