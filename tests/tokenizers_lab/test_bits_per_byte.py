"""The gate: no figure for bytes that do not add up, or for none."""

import math

import numpy as np
import pytest

from tokenizers_lab.bits_per_byte import (
    check,
    from_bits,
    from_compressed,
    from_nats,
    held,
    require,
    require_equal,
)
from tokenizers_lab.codecs.bytes import BytesCodec
from tokenizers_lab.errors import AccountingError


class Lossy(BytesCodec):
    lossless, loss = False, "x becomes y"

    def decode(self, ids):
        return super().decode(ids).replace(b"x", b"y")


def test_accounting_finds_each_kind_of_fault():
    class Short(BytesCodec):
        def offsets(self, data, ids=None):
            return np.array([0, 1])

    assert check(BytesCodec(), b"xx", np.array([120, 120])) is None
    assert "from byte 1" in check(Lossy(), b"ax", np.array([97, 120]))
    assert "offsets" in check(Short(), b"xx", np.array([120, 120]))
    assert "sum to 1" in check(BytesCodec(), b"xx", np.array([120]))


def test_the_three_divisions_and_their_refusal():
    assert from_nats(math.log(2) * 800, 100) == pytest.approx(8.0)
    assert from_bits(250, 100) == from_compressed(31.25, 100) == 2.5
    for divide in (from_nats, from_bits, from_compressed):
        for none in (0, -1):
            with pytest.raises(AccountingError, match="no bytes"):
                divide(1.0, none)


def test_a_document_is_required_to_come_back():
    codec, lossy = BytesCodec(), Lossy()
    lengths, ids = codec.token_lengths(), np.array([97, 120])
    assert held(lengths, ids) == 2
    require(codec, lengths, b"ax", ids, "a.txt: the document at 0")
    with pytest.raises(AccountingError, match="a.txt: the document at 0: its tokens hold 2 bytes, it has 3"):
        require(codec, lengths, b"axx", ids, "a.txt: the document at 0")
    with pytest.raises(AccountingError, match="does not come back .* x becomes y"):
        require(lossy, lengths, b"ax", ids, "a.txt: the document at 0")
    require(lossy, None, b"ab", np.array([97, 98]), "a.txt")


def test_a_split_is_required_to_hold_what_is_recorded():
    assert require_equal(7, 7, "d: the tokens of 2 documents") == 7
    for tokens_hold, recorded in ((6, 7), (0, 0)):
        with pytest.raises(AccountingError, match="d: the tokens .* no bits per byte"):
            require_equal(tokens_hold, recorded, "d: the tokens of 2 documents")
