"""Varints read back from either end, whole or byte by byte; anything else is damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nzip.errors import CorruptError
from nzip.varint import Growing, back_varint, read_back_varint, read_u32, read_varint, u32, varint

NUMBERS = st.integers(0, 2**63 - 1)


@given(NUMBERS, st.binary(max_size=5))
def test_varints_read_back_from_either_end(value, other):
    written = varint(value)
    assert read_varint(other + written + other, len(other)) == (value, len(other + written))
    assert read_back_varint(other + back_varint(value)) == (value, len(written))
    assert written[::-1] == back_varint(value)
    number = Growing()
    assert [number.add(byte) for byte in written] == [False] * (len(written) - 1) + [True]
    assert (number.value, number.count) == (value, len(written))


def test_a_group_is_seven_bits_low_ones_first():
    assert varint(0) == b"\0" and varint(127) == b"\x7f" and varint(300) == b"\xac\x02"


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 8, b"\xff" * 9 + b"\0"])
def test_what_does_not_end_is_damage(data):
    for read in (read_varint, lambda data, *what: read_back_varint(data[::-1], *what)):
        with pytest.raises(CorruptError, match="a number is damaged"):
            read(data)
    with pytest.raises(CorruptError, match="the index is damaged"):
        read_varint(data, 0, "the index")


@given(st.integers(0, 2**32 - 1))
def test_words_of_four_bytes(value):
    assert read_u32(b"x" + u32(value), 1) == value
