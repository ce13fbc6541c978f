"""JSON that may lie: what is refused, and that the rest is what ``json`` reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nzip import strict_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**60), 10**60) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(VALUES)
def test_what_json_writes_is_read(value):
    assert strict_json.loads(json.dumps(value).encode(), 1 << 20) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"a":1,"a":2}',
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"9" * 65,
        b"-" + b"9" * 5000,
        b'"\xff"',
        b"[" * 17 + b"]" * 17,
        b"[" * 100000,
        b'{"a":' * 17 + b"1" + b"}" * 17,
        b"[" * 999 + b"]" * 999,
        b" " * 1001,
    ],
)
def test_what_no_writer_means_is_one_line(text):
    with pytest.raises(ValueError, match=".") as caught:  # any: the line is what matters
        strict_json.loads(text, 1 << 20 if not text.startswith(b" ") else 1000)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_depth_is_counted_in_lists_and_objects():
    assert strict_json.loads("[[[1]]]", 100, 3) == [[[1]]]
    with pytest.raises(ValueError, match="nested"):
        strict_json.loads("[[[[1]]]]", 100, 3)
    assert strict_json.loads("1", 100, 0) == 1
