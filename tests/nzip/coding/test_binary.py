"""binary.py against a whole-number twin, against constriction, on garbage, and at its extremes."""

import math

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from nzip.coding import binary
from nzip.coding.binary import BinaryDecoder, BinaryEncoder

ONE = 1 << binary.PROBABILITY_BITS
probabilities = st.one_of(st.sampled_from([1, 2, ONE // 2, ONE - 2, ONE - 1]), st.integers(1, ONE - 1))


def twin_encode(decisions):
    """The interval as two whole numbers that only ever grow digits; the bytes are those both agree on."""
    low, high, digits = 0, (1 << 64) - 1, 8
    for bit, p in decisions:
        mid = low + ((high - low) >> 22) * p
        low, high = (low, mid) if bit else (mid + 1, high)
        while low >> 56 == high >> 56:  # agree in every digit but the last seven
            low, high, digits = low << 8, high << 8 | 255, digits + 1
    return low, high, digits


def shortest(low, high, digits):
    """The number in [low, high] with the most trailing zero bytes, without those."""
    for zeros in range(digits, -1, -1):
        number = -(-low >> 8 * zeros) << 8 * zeros
        if number <= high:
            return number.to_bytes(digits, "big").rstrip(b"\0")
    raise AssertionError("low itself qualifies")


@njit
def code_all(bits, ps, out):
    """Both directions in a kernel, as predictors use the coder: (bytes written, wrong bits)."""
    state = np.zeros(binary.STATE_SIZE, np.uint64)
    binary.start_encoder(state, out.size)
    for i in range(bits.size):
        binary.encode_bit(state, out, bits[i], ps[i])
    size = binary.finish_encoder(state, out)
    binary.start_decoder(state, out, size)
    wrong = 0
    for i in range(bits.size):
        wrong += binary.decode_bit(state, out, ps[i]) != bits[i]
    return size, wrong


def ideal_bits(bits, ps):
    p = np.where(np.asarray(bits) == 1, ps, ONE - np.asarray(ps)) / ONE
    return -np.log2(p).sum()


def interval_bits(decisions):
    """What the interval really lost in bits, rounding included, and whether it was ever narrower than
    2**52."""
    low, high, bits, narrow = 0, (1 << 64) - 1, 0.0, False
    for bit, p in decisions:
        width = high - low + 1
        narrow |= width < 1 << 52
        mid = low + ((high - low) >> 22) * p
        low, high = (low, mid) if bit else (mid + 1, high)
        bits += math.log2(width) - math.log2(high - low + 1)
        while low >> 56 == high >> 56:
            low, high = low << 8 & (1 << 64) - 1, (high << 8 | 255) & (1 << 64) - 1
    return bits, narrow


def sequences(rng, n):
    """Bits drawn from their own probabilities, from nearly certain to even: what a good model sees."""
    spread = 1 / (1 + np.exp(-rng.normal(0, 2, n)))
    ps = np.clip(np.rint(spread * ONE), 1, ONE - 1).astype(np.int64)
    return (rng.random(n) < ps / ONE).astype(np.int64), ps


@given(st.lists(st.tuples(st.integers(0, 1), probabilities), max_size=120))
@settings(max_examples=150, deadline=None)
def test_round_trip_and_twin(decisions):
    encoder = BinaryEncoder()
    for bit, p in decisions:
        encoder.encode(bit, p)
    data = encoder.finish()
    assert data == shortest(*twin_encode(decisions))
    decoder = BinaryDecoder(data)
    assert [decoder.decode(p) for _, p in decisions] == [bit for bit, _ in decisions]
    if not decisions:
        assert not data
        return
    bits, narrow = interval_bits(decisions)
    assert 8 * len(data) <= bits + 10
    if (
        not narrow
    ):  # a straddled interval costs size, as the module says: a sequence made for it was drawn once
        assert bits <= ideal_bits([b for b, _ in decisions], [p for _, p in decisions]) + 2**-7 * len(
            decisions
        )


def test_a_straddled_interval_costs_size_and_decodes():
    decisions = [(1, 2), (0, ONE // 2), (1, 1), (1, 128), (1, ONE // 2)]
    encoder = BinaryEncoder()
    for bit, p in decisions:
        encoder.encode(bit, p)
    data = encoder.finish()
    decoder = BinaryDecoder(data)
    assert [decoder.decode(p) for _, p in decisions] == [bit for bit, _ in decisions]
    assert interval_bits(decisions)[1] and 8 * len(data) == 80  # 60 bits by their probabilities


def test_redundancy_of_a_megabyte():
    """At most 0.01% + 8 bytes above the ideal code length of the same probabilities."""
    bits, ps = sequences(np.random.default_rng(1), 12_500_000)
    out = np.zeros(2_000_000, np.uint8)
    size, wrong = code_all(bits, ps, out)
    ideal = ideal_bits(bits, ps) / 8
    assert ideal > 1_000_000 and wrong == 0
    assert -1 <= size - ideal <= 8 + 1e-4 * ideal


def test_symbols_and_length_equal_constriction():
    bits, ps = sequences(np.random.default_rng(2), 20_000)
    ours = BinaryEncoder()
    for bit, p in zip(bits.tolist(), ps.tolist()):
        ours.encode(bit, p)
    data = ours.finish()
    model = constriction.stream.model.Bernoulli(perfect=False)
    theirs = constriction.stream.queue.RangeEncoder()
    theirs.encode(bits.astype(np.int32), model, ps / ONE)
    words = theirs.get_compressed()
    decoded = constriction.stream.queue.RangeDecoder(words).decode(model, ps / ONE)
    decoder = BinaryDecoder(data)
    assert np.array_equal(decoded, [decoder.decode(p) for p in ps.tolist()])
    # Theirs quantises to 24 bits with a floor of its own and ends on a 32-bit word.
    assert -64 - 1e-3 * ideal_bits(bits, ps) <= 8 * len(data) - 32 * len(words) <= 8


@given(st.binary(max_size=40), st.lists(probabilities, min_size=1, max_size=8))
@settings(max_examples=80, deadline=None)
def test_any_bytes_decode_to_some_bits(data, ps):
    decoder = BinaryDecoder(data)
    for i in range(300):
        assert decoder.decode(ps[i % len(ps)]) in (0, 1)


def test_the_narrowest_interval_loses_nothing():
    """Drive the interval to straddle a byte boundary for as long as possible, where it has the least room."""
    rng = np.random.default_rng(3)
    narrowest = 1 << 64
    for _ in range(20):
        low, high, decisions = 0, (1 << 64) - 1, []
        for _ in range(200):
            boundary = (high >> 56) << 56  # keep low < boundary <= high
            room = (high - low) >> 22
            p = min(max((boundary - low) // room if room else 1, 1), ONE - 1)
            p = min(max(p + int(rng.integers(-1, 2)), 1), ONE - 1)
            mid = low + room * p
            bit = int(mid >= boundary)
            decisions.append((bit, p))
            low, high = (low, mid) if bit else (mid + 1, high)
            narrowest = min(narrowest, high - low)
            while low >> 56 == high >> 56:
                low, high = low << 8 & (1 << 64) - 1, (high << 8 | 255) & (1 << 64) - 1
        encoder = BinaryEncoder()
        for bit, p in decisions:
            encoder.encode(bit, p)
        data = encoder.finish()
        assert data == shortest(*twin_encode(decisions))
        decoder = BinaryDecoder(data)
        assert [decoder.decode(p) for _, p in decisions] == [bit for bit, _ in decisions]
    assert narrowest < 1 << 22  # where the product with p loses all precision


def test_empty_and_certain_streams_take_no_bytes():
    assert BinaryEncoder().finish() == b""
    encoder = BinaryEncoder()
    for _ in range(1000):
        encoder.encode(1, ONE - 1)
    assert len(encoder.finish()) <= 1


@pytest.mark.parametrize("p", [0, ONE, -1])
def test_impossible_probabilities_are_refused(p):
    with pytest.raises(ValueError):
        BinaryEncoder().encode(1, p)
    with pytest.raises(ValueError):
        BinaryDecoder(b"abc").decode(p)
