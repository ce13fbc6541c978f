"""A mix block's params: written, read, and refused where no writer writes them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.errors import CorruptError
from nzip.predictors.kinds import BINARY, IMAGE, STORED, TEXT, Content
from nzip.predictors.mix import params
from nzip.predictors.mix.params import Block, Descriptor, Stream

CONTENTS = st.builds(Content, st.integers(0, 5), st.integers(0, 65536), st.integers(1, 16))
BYTES = st.integers(0, 255)
PLAIN = st.builds(
    lambda content, lanes, rate: Descriptor(content, lanes=lanes, rate=rate), CONTENTS, BYTES, BYTES
)
# A primer, words, or both; words are a byte, or one that says that a width follows.
WORDS = st.integers(1, 127).map(lambda n: bytes([n])) | st.tuples(
    st.integers(128, 255), st.integers(0, 255)
).map(bytes)


@st.composite
def texts(draw):
    words = draw(st.just(b"") | WORDS)
    found = Descriptor(
        Content(TEXT), draw(BYTES), words, 1 if words else 0, lanes=draw(BYTES), rate=draw(BYTES)
    )
    return found._replace(pinned=draw(st.binary(min_size=4, max_size=4)) if found.pins else b"")


DESCRIPTORS = PLAIN | texts()


@given(st.lists(st.tuples(DESCRIPTORS, st.integers(1, 1 << 30)), min_size=1, max_size=9), st.booleans())
def test_what_is_written_is_read(streams, experts):
    described = [
        Stream(d if experts else d._replace(lanes=0), size, size if d.content.kind == STORED else size // 2)
        for d, size in streams
    ]
    layout = 0 if len(streams) == 1 else 7
    block = Block(layout, tuple(described))
    size, coded = sum(s.size for s in described), layout + sum(s.coded for s in described)
    assert params.read(params.pack(block, experts), size, coded, experts) == block


@settings(max_examples=300)
@given(st.binary(max_size=30) | st.binary(max_size=30).map(lambda b: b"\x80\x02\0" + b), st.booleans())
def test_any_bytes_are_read_or_refused(data, experts):
    try:
        block = params.read(data, 50, 20, experts)
    except CorruptError as error:
        assert "\n" not in str(error)
    else:
        assert sum(s.size for s in block.streams) == 50


def test_a_common_block_says_little():
    block = Block(0, (Stream(Descriptor(Content(TEXT)), 9, 9),))
    assert params.pack(block, False) == b"\0" and params.pack(block, True) == b"\0\0"


TWO = [Stream(Descriptor(Content(BINARY)), 30, 10), Stream(Descriptor(Content(IMAGE, 12, 3)), 20, 9)]
GOOD = params.pack(Block(1, tuple(TWO)), False)


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"\x06", b"\x07", b"\x20", b"\x40", b"\x08\x01", b"\x08\0\0", b"\x08\0\x11",
        b"\x08\x81\x80\x04\1", b"\x40\0", b"\x46\1",
        b"\x11\x01abcd", b"\x10\0abcd", b"\x10\x01abc", b"\x80", b"\x80\0\0", b"\x80\1\0\1\x32\x14",
        GOOD + b"\0", GOOD[:-1], GOOD.replace(b"\x1e", b"\x1d"), GOOD.replace(b"\x0a", b"\x0b"),
    ],
)  # fmt: skip
def test_what_no_writer_writes_is_refused(bad):
    assert params.read(GOOD, 50, 20, False).streams == tuple(TWO)
    with pytest.raises(CorruptError):
        params.read(bad, 50, 20, False)
