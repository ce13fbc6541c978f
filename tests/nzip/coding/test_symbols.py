"""symbols.py against its whole-number twin, against constriction, on damage, and at the ends of its
ranges."""

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.coding import cdf as cdfs_of
from nzip.coding import symbol_kernel
from nzip.coding.symbols import MAX_TOTAL, SymbolDecoder, SymbolEncoder
from nzip.coding.twin import TwinDecoder, TwinEncoder
from nzip.errors import CorruptError


def ideal_bits(cdf, sequence):
    shares = np.diff(np.asarray(cdf, np.float64)) / float(cdf[-1])
    return -np.log2(shares[np.asarray(sequence, np.int64)]).sum()


weights = st.one_of(
    st.lists(st.integers(1, 5), min_size=1, max_size=8),
    st.lists(st.integers(1, 1 << 40), min_size=1, max_size=40),
    st.lists(st.sampled_from([1, 2, 1 << 20, (1 << 42) - 1]), min_size=1, max_size=60),
)


@st.composite
def models_and_symbols(draw):
    """A sequence of (cdf, symbol), each step with an alphabet of its own."""
    models = [
        np.concatenate([[0], np.cumsum(w)]).astype(np.uint64)
        for w in draw(st.lists(weights, min_size=1, max_size=6))
    ]
    picks = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 59)), max_size=80))
    return [(models[m % len(models)], s % (len(models[m % len(models)]) - 1)) for m, s in picks]


@given(models_and_symbols())
@settings(max_examples=150, deadline=None)
def test_round_trip_and_twin(steps):
    fast, twin = SymbolEncoder(), TwinEncoder()
    for cdf, symbol in steps:
        fast.encode(cdf, symbol)
        twin.encode(cdf, symbol)
    data = fast.finish()
    assert data == twin.finish()
    decoder, twin_decoder = SymbolDecoder(data), TwinDecoder(data)
    for cdf, symbol in steps:
        assert decoder.decode(cdf) == symbol
        assert twin_decoder.decode(cdf) == symbol
    bits = sum(ideal_bits(cdf, [symbol]) for cdf, symbol in steps)
    assert 8 * len(data) <= bits + 0.006 * len(steps) + 8


def test_carry_runs_through_many_bytes():
    """Symbols whose intervals straddle a byte boundary for long make runs of 0xFF that a carry must cross."""
    cdf = np.array([0, 1, (1 << 47) - 1, (1 << 47) + 1, MAX_TOTAL], np.uint64)
    for last in (0, 1, 2, 3):
        fast, twin = SymbolEncoder(), TwinEncoder()
        sequence = [2] * 300 + [last]
        for symbol in sequence:
            fast.encode(cdf, symbol)
            twin.encode(cdf, symbol)
        data = fast.finish()
        assert data == twin.finish()
        assert SymbolDecoder(data).decode_many(cdf, len(sequence)).tolist() == sequence


def test_a_carry_is_really_met():
    """The property tests above must have crossed _carry: count the streams whose twin carried."""
    rng = np.random.default_rng(1)
    cdf = np.array([0, 255, 256], np.uint64)
    crossed = 0
    for _ in range(50):
        encoder = SymbolEncoder()
        previous = b""
        for symbol in rng.integers(0, 2, 40):
            encoder.encode(cdf, symbol)
            written = encoder._out[: int(encoder._state[symbol_kernel.POSITION])].tobytes()
            crossed += not written.startswith(previous)
            previous = written
    assert crossed > 0


@pytest.mark.parametrize("alphabet,bits", [(2, 1), (2, 16), (256, 16), (256, 24), (1000, 32), (49152, 24)])
def test_lengths_and_symbols_equal_constriction(alphabet, bits):
    """The same distribution through constriction's range coder: equal symbols, equal length within its 64-bit
    end.

    constriction quantises probabilities itself, to 24 bits; they differ from ours by its rounding alone,
    which the bound allows for."""
    rng = np.random.default_rng(alphabet + bits)
    probabilities = rng.dirichlet(np.full(alphabet, 0.3)) + 1e-9
    probabilities /= probabilities.sum()
    cdf = cdfs_of.from_probabilities(probabilities, bits)
    shares = np.diff(cdf.astype(np.float64)) / 2.0**bits
    sequence = rng.choice(alphabet, 5000, p=shares).astype(np.int32)

    ours = SymbolEncoder()
    ours.encode_many(cdf, sequence)
    data = ours.finish()
    model = constriction.stream.model.Categorical(shares, perfect=False)
    theirs = constriction.stream.queue.RangeEncoder()
    theirs.encode(sequence, model)
    words = theirs.get_compressed()

    decoded = SymbolDecoder(data).decode_many(cdf, len(sequence))
    assert np.array_equal(decoded, sequence)
    assert np.array_equal(constriction.stream.queue.RangeDecoder(words).decode(model, len(sequence)), decoded)
    ideal = ideal_bits(cdf, sequence)
    assert -8 < 8 * len(data) - ideal <= 8 + 1e-6 * len(sequence)
    assert -64 - 0.001 * ideal < 8 * len(data) - 32 * len(words) <= 8


def test_redundancy_of_a_megabyte():
    """Issue's bound: at most 0.01% + 8 bytes above the ideal of the same quantised probabilities."""
    rng = np.random.default_rng(3)
    cdf = cdfs_of.from_probabilities(1 / np.arange(1, 257) ** 0.8, 24)
    sequence = rng.choice(256, 1_200_000, p=np.diff(cdf.astype(np.float64)) / 2**24)
    encoder = SymbolEncoder()
    encoder.encode_many(cdf, sequence)
    data = encoder.finish()
    assert len(data) > 1_000_000
    ideal = ideal_bits(cdf, sequence) / 8
    assert -1 <= len(data) - ideal <= 8 + 1e-4 * ideal
    assert np.array_equal(SymbolDecoder(data).decode_many(cdf, len(sequence)), sequence)


def test_rows_equal_single_calls():
    rng = np.random.default_rng(4)
    rows = np.stack([cdfs_of.from_weights(rng.integers(0, 100, 20), 24) for _ in range(200)])
    sequence = rng.integers(0, 20, 200)
    many, single = SymbolEncoder(), SymbolEncoder()
    many.encode_many(rows, sequence)
    for row, symbol in zip(rows, sequence):
        single.encode(row, int(symbol))
    data = many.finish()
    assert data == single.finish()
    assert np.array_equal(SymbolDecoder(data).decode_many(rows, 200), sequence)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 65535)), max_size=200))
@settings(max_examples=50, deadline=None)
def test_bits_mixed_with_symbols(decisions):
    cdf = [0, 3, 4, 10]
    encoder = SymbolEncoder()
    for bit, p1 in decisions:
        encoder.encode_bit(bit, p1)
        encoder.encode(cdf, p1 % 3)
    decoder = SymbolDecoder(encoder.finish())
    for bit, p1 in decisions:
        assert decoder.decode_bit(p1) == bit
        assert decoder.decode(cdf) == p1 % 3


@given(st.binary(max_size=60), st.lists(weights, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_garbage_never_leaves_the_alphabet(data, models):
    decoder = SymbolDecoder(data)
    models = [np.concatenate([[0], np.cumsum(w)]).astype(np.uint64) for w in models]
    try:
        for step in range(200):
            cdf = models[step % len(models)]
            assert 0 <= decoder.decode(cdf) < len(cdf) - 1
    except CorruptError as error:
        assert "damaged" in str(error)


def test_an_impossible_code_value_is_reported_and_the_kernel_goes_on_safely():
    cdf = np.array([0, 1, 2, 3], np.uint64)
    with pytest.raises(CorruptError):
        SymbolDecoder(b"\xff" * 20).decode_many(cdf, 50)
    state, data = np.zeros(symbol_kernel.DECODER_WORDS, np.uint64), np.full(20, 255, np.uint8)
    symbol_kernel.start_decoder(state, data)
    seen = [symbol_kernel.decode_symbol(state, data, cdf) for _ in range(1000)]
    assert set(seen) <= {0, 1, 2} and state[symbol_kernel.DAMAGED] == 1


def test_empty_and_certain_streams_take_no_bytes():
    assert SymbolEncoder().finish() == b""
    encoder = SymbolEncoder()
    encoder.encode_many([0, 7], np.zeros(1000, int))  # an alphabet of one symbol: nothing to say
    assert len(encoder.finish()) <= 1
    assert SymbolDecoder(b"").decode([0, 1, 2]) == 0


def test_what_cannot_be_coded_is_refused():
    encoder = SymbolEncoder()
    for cdf, symbol in (
        ([0, 1, 1, 2], 1),
        ([0, 1, 2], 2),
        ([0, 1, 2], -1),
        ([1, 2], 0),
        ([0, 0], 0),
        ([0, MAX_TOTAL + 1], 0),
        ([0], 0),
        ([0, 5, 3], 0),
        ([[[0, 1]]], 0),
    ):
        with pytest.raises(ValueError):
            encoder.encode(cdf, symbol)
        with pytest.raises(ValueError):
            encoder.encode_many(cdf, [symbol])
    with pytest.raises(ValueError):
        encoder.encode_many(np.zeros((2, 3)), [0, 1, 0])
    for p1 in (0, 65536, -1):
        with pytest.raises(ValueError):
            encoder.encode_bit(1, p1)
        with pytest.raises(ValueError):
            SymbolDecoder(b"abc").decode_bit(p1)
    assert encoder.finish() == b""  # the refused ones left no trace
    with pytest.raises(ValueError):
        encoder.encode([0, 1], 0)


def test_worst_case_symbols_fit_the_promised_room():
    """Six bytes a symbol is the most that leaves; the buffer must have been grown in time."""
    cdf = np.array([0, 1, MAX_TOTAL], np.uint64)
    for sequence in ([0] * 500, [1, 0] * 300):
        encoder = SymbolEncoder()
        for symbol in sequence:
            before = int(encoder._state[symbol_kernel.POSITION])
            encoder.encode(cdf, symbol)
            assert int(encoder._state[symbol_kernel.POSITION]) - before <= symbol_kernel.MAX_BYTES_PER_SYMBOL
        assert np.array_equal(SymbolDecoder(encoder.finish()).decode_many(cdf, len(sequence)), sequence)
