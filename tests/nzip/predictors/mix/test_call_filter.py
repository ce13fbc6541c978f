"""The call filter is undone exactly on any bytes."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.predictors.mix.call_filter import call_filter

calls = st.lists(
    st.sampled_from(
        [
            b"\xe8",
            b"\xe9",
            b"\x00",
            b"\xff",
            b"\xe8\x00\x00\x00\x00",
            b"\xe9\xff\xff\xff\xff",
            b"\xe8\xe8\xe8\xe8\xff",
        ]
    )
    | st.binary(max_size=6),
    max_size=60,
).map(b"".join)


@settings(max_examples=1000)
@given(calls)
def test_the_call_filter_is_undone(data):
    array = np.frombuffer(data, np.uint8).copy()
    call_filter(array, 1)
    assert len(array) == len(data)
    call_filter(array, -1)
    assert array.tobytes() == data


@settings(max_examples=200)
@given(calls)
def test_and_the_other_way_round(data):
    array = np.frombuffer(data, np.uint8).copy()
    call_filter(array, -1)
    call_filter(array, 1)
    assert array.tobytes() == data


def test_calls_of_one_function_look_alike():
    code = bytearray(b"\x90" * 400)
    for at in (20, 77, 300):
        code[at : at + 5] = b"\xe8" + struct.pack("<i", 123 - at)
    array = np.frombuffer(bytes(code), np.uint8).copy()
    call_filter(array, 1)
    assert (
        array[20:25].tobytes()
        == array[77:82].tobytes()
        == array[300:305].tobytes()
        == b"\xe8" + struct.pack("<i", 123)
    )
