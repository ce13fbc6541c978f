"""A header's config in its short form: whatever JSON holds comes back, and a damaged one is a clear error."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nzip.container import config
from nzip.errors import CorruptError

NAMES = st.sampled_from(
    [
        "weights",
        "tokenizer",
        "window",
        "ssm",
        "lm:a",
        "lm:a\\b",
        "ssm:é",
        'x"y',
        "0123456789abcdef" * 2,
        "A" * 32,
    ]
) | st.text(max_size=40)
VALUES = st.recursive(
    st.integers() | st.booleans() | st.none() | NAMES,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(NAMES, v, max_size=3),
    max_leaves=8,
)
SPELLINGS = st.lists(
    st.sampled_from(["mix:3", "ssm", "lm:a", "lm:a\\b", "ssm:é", "x\\\\y"]), min_size=1, max_size=70
).map("+".join)


@given(st.dictionaries(NAMES, VALUES, max_size=5), SPELLINGS)
def test_what_was_packed_comes_back(value, spelling):
    packed = config.pack(value, spelling)
    assert config.unpack(packed, spelling) == value
    assert len(packed) <= len(json.dumps(value, separators=(",", ":")))


def test_the_format_s_example():
    value = {
        "lm:m": {"tokenizer": "00" * 16, "weights": "0a" * 16, "window": 7},
        "ssm": {"weights": "ff" * 15},
    }
    packed = config.pack(value, "mix:3+lm:m+ssm")
    assert (
        packed
        == b"{\xc1:{\x80:\x01"
        + bytes(16)
        + b",\x81:\x01"
        + b"\x0a" * 16
        + b',\x82:7},\xc2:{\x81:"'
        + b"ff" * 15
        + b'"}}'
    )
    assert config.pack({}, "mix:3") == b"" and config.unpack(b"", "mix:3") == {}


@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [b"{", b"}", b":", b'"a"', b"\x01" + bytes(16), b"\x01", b"\x81", b"\xc0", b"\xc1", b"\xff", b"1"]
        ),
        max_size=12,
    ).map(b"".join)
)
def test_anything_else_is_refused_or_an_object(data):
    try:
        assert isinstance(config.unpack(data, "mix:3+ssm"), dict)
    except CorruptError:
        pass


def test_a_short_config_does_not_grow_without_bound():
    spelling = "x" * 1024
    with pytest.raises(CorruptError, match="65536"):
        config.unpack(b"\xc0" * 60_000, spelling)
    with pytest.raises(ValueError, match="65536"):
        config.pack({"a": "b" * 70_000}, spelling)
    for cut in (b"{\x81:\x01abc", b"{\x84:1}", b"{\xc1:1}"):
        with pytest.raises(CorruptError):
            config.unpack(cut, "mix:3")
