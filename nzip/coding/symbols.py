"""Many-symbol range coding over exact integer CDFs: any alphabet, any total up to 2**48.

Use it where a model gives a whole distribution at once (a language model's 49,152 tokens, a bare expert's
256 bytes); for bit-by-bit models use :mod:`nzip.coding.binary`. A *CDF* is a uint64 array of n + 1 entries,
``cdf[0] = 0``, strictly increasing, ``cdf[n] = total``; symbol s owns ``cdf[s] .. cdf[s+1]``. Totals need not
be powers of two. :mod:`nzip.coding.cdf` makes them; :mod:`nzip.coding.symbol_kernel` holds the algebra and
the compiled code, which models in compiled code call themselves; :mod:`nzip.coding.twin` the readable twin.

Trailing zero bytes are not written: the decoder reads zeros past the end. So a cut stream decodes to other
symbols, not to an error; lengths and hashes are the container's business. Concession: here every argument is
checked, which costs more than coding one symbol does; :meth:`SymbolEncoder.encode_many` checks rows at once.
"""

from __future__ import annotations

import math

import numpy as np

from nzip.coding.symbol_kernel import (
    DAMAGED,
    DECODER_WORDS,
    ENCODER_WORDS,
    MAX_BYTES_PER_SYMBOL,
    MAX_TOTAL,
    POSITION,
    RANGE,
    TAIL_BYTES,
    decode_interval,
    decode_rows,
    decode_symbol,
    decode_target,
    encode_interval,
    encode_rows,
    finish_encoder,
    first_uncodable,
    start_decoder,
    start_encoder,
)
from nzip.errors import CorruptError


def as_cdf(cdf) -> np.ndarray:
    """``cdf`` as the contiguous uint64 array that the coder reads, its ends checked (not its middle)."""
    cdf = np.ascontiguousarray(cdf, dtype=np.uint64)
    if cdf.ndim != 1 or cdf.size < 2:
        raise ValueError("a CDF has one dimension and at least two entries")
    if cdf[0] != 0 or not 1 <= int(cdf[-1]) <= MAX_TOTAL:
        raise ValueError(f"a CDF starts at 0 and ends at its total, 1 to 2**48; got {cdf[0]} and {cdf[-1]}")
    return cdf


def _as_rows(cdfs) -> np.ndarray:
    cdfs = np.atleast_2d(np.ascontiguousarray(cdfs, dtype=np.uint64))
    if cdfs.ndim != 2 or not len(cdfs):
        raise ValueError("CDFs are rows of one two-dimensional array")
    for row in cdfs:
        as_cdf(row)
    return cdfs


def _step(cdfs: np.ndarray) -> int:
    return cdfs.shape[1] if len(cdfs) > 1 else 0


def _check_decision(p1: int, bits: int) -> None:
    if not 0 < p1 < 1 << bits <= MAX_TOTAL:
        raise ValueError(f"a decision's probability is above 0 and below 1, not {p1} of 2**{bits}")


def spent(state: np.ndarray) -> float:
    """Bits that an encoder's ``state`` has spent, less a constant."""
    return 8.0 * int(state[POSITION]) - math.log2(int(state[RANGE]))


class SymbolEncoder:
    """Codes symbols one at a time (``encode``), in rows (``encode_many``), or yes/no decisions
    (``encode_bit``). Use it where a model gives a distribution over an alphabet: bytes, tokens. For bits
    under probabilities of 22 bits :class:`nzip.coding.binary.BinaryEncoder` is faster.

    >>> encoder = SymbolEncoder()
    >>> for symbol in (2, 0, 2): encoder.encode([0, 1, 2, 100], symbol)
    >>> encoder.finish()
    b'\\x06'
    """

    def __init__(self):
        self._state = np.zeros(ENCODER_WORDS, np.uint64)
        self._out = np.zeros(256, np.uint8)
        start_encoder(self._state)
        self._finished = False

    def _room(self, symbols: int) -> None:
        if self._finished:
            raise ValueError("this encoder is finished; start another")
        need = int(self._state[POSITION]) + symbols * MAX_BYTES_PER_SYMBOL + TAIL_BYTES
        if need > self._out.size:
            grown = np.zeros(max(need, 2 * self._out.size), np.uint8)
            grown[: self._out.size] = self._out
            self._out = grown

    def encode(self, cdf, symbol: int) -> None:
        """Append ``symbol`` under ``cdf``. ValueError where the symbol has no interval in it."""
        cdf = as_cdf(cdf)
        if not 0 <= symbol < cdf.size - 1:
            raise ValueError(f"symbol {symbol} is outside an alphabet of {cdf.size - 1}")
        start, end = int(cdf[symbol]), int(cdf[symbol + 1])
        self.encode_interval(start, end - start, int(cdf[-1]))

    def encode_interval(self, start: int, freq: int, total: int) -> None:
        """Append the symbol that owns [start, start + freq) of total."""
        if not (0 <= start and 1 <= freq and start + freq <= total <= MAX_TOTAL):
            raise ValueError(f"no interval to code: [{start}, {start + freq}) of {total}")
        self._room(1)
        encode_interval(self._state, self._out, np.uint64(start), np.uint64(freq), np.uint64(total))

    def encode_bit(self, bit: int, p1: int, bits: int = 16) -> None:
        """Append a decision whose probability of being 1 is p1 / 2**bits, 0 < p1 < 2**bits; 1 comes first."""
        _check_decision(p1, bits)
        start, freq = (0, p1) if bit else (p1, (1 << bits) - p1)
        self.encode_interval(start, freq, 1 << bits)

    def encode_many(self, cdfs, symbols) -> None:
        """Append ``symbols`` (integers, (n,)) under ``cdfs``: rows (n, alphabet + 1), or one CDF for all."""
        cdfs = _as_rows(cdfs)
        symbols = np.ascontiguousarray(symbols, dtype=np.int64)
        if symbols.ndim != 1 or len(cdfs) not in (1, symbols.size):
            raise ValueError(f"{len(cdfs)} CDFs for symbols of shape {symbols.shape}")
        bad = first_uncodable(cdfs.reshape(-1), _step(cdfs), cdfs.shape[1] - 1, symbols)
        if bad >= 0:
            raise ValueError(
                f"symbol {symbols[bad]} at {bad} has no interval in its CDF of {cdfs.shape[1] - 1} symbols"
            )
        self._room(symbols.size)
        encode_rows(self._state, self._out, cdfs.reshape(-1), _step(cdfs), symbols)

    def spent(self) -> float:
        """Bits spent so far, less a constant: the difference of two is what was coded between them."""
        return spent(self._state)

    def finish(self) -> bytes:
        """The whole stream. Nothing can be appended afterwards."""
        self._room(0)
        self._finished = True
        return self._out[: finish_encoder(self._state, self._out)].tobytes()


class SymbolDecoder:
    """Decodes what :class:`SymbolEncoder` wrote, given the same CDFs in the same order.

    On other bytes it gives other symbols or raises :class:`nzip.errors.CorruptError`; it never reads outside
    them and never hangs. It cannot tell where the stream ends: the caller knows the count.
    """

    def __init__(self, data):
        # A copy, since the kernels are compiled for writable arrays and bytes are not.
        self._data = np.frombuffer(memoryview(data).cast("B"), np.uint8).copy()
        self._state = np.zeros(DECODER_WORDS, np.uint64)
        start_decoder(self._state, self._data)

    def _check(self) -> None:
        if self._state[DAMAGED]:
            raise CorruptError("the coded symbols are damaged: a code value outside its interval")

    def decode(self, cdf) -> int:
        """The next symbol under ``cdf``."""
        symbol = decode_symbol(self._state, self._data, as_cdf(cdf))
        self._check()
        return int(symbol)

    def decode_bit(self, p1: int, bits: int = 16) -> int:
        """The inverse of :meth:`SymbolEncoder.encode_bit`."""
        _check_decision(p1, bits)
        total = 1 << bits
        bit = int(decode_target(self._state, np.uint64(total)) < p1)
        start, freq = (0, p1) if bit else (p1, total - p1)
        decode_interval(self._state, self._data, np.uint64(start), np.uint64(freq), np.uint64(total))
        self._check()
        return bit

    def decode_many(self, cdfs, count: int) -> np.ndarray:
        """The next ``count`` symbols, int64 (count,), under rows of CDFs or one CDF for all."""
        cdfs = _as_rows(cdfs)
        if len(cdfs) not in (1, count):
            raise ValueError(f"{len(cdfs)} CDFs for {count} symbols")
        symbols = np.empty(count, np.int64)
        decode_rows(self._state, self._data, cdfs.reshape(-1), _step(cdfs), symbols)
        self._check()
        return symbols
