"""Many-symbol range coding over exact integer CDFs: any alphabet, any total up to 2**48.

Use it where a model gives a whole distribution at once (a language model's 49,152 tokens, a bare expert's
256 bytes); for bit-by-bit models use :mod:`nzip.coding.binary`. A *CDF* is a uint64 array of n + 1 entries,
``cdf[0] = 0``, strictly increasing, ``cdf[n] = total``; symbol s owns ``cdf[s] .. cdf[s+1]``. Totals need not
be powers of two. :mod:`nzip.coding.cdf` makes them; :mod:`nzip.coding.slow` holds the readable twin.

The interval algebra (G. N. N. Martin's range coder, with carry):

  The bytes written so far and ``low`` are the base-256 digits of one long number L; ``range`` is the width R
  of the interval [L, L + R), in units of low's last digit. Between two symbols

      (1)  2**56 <= R < 2**64                 R is kept by moving low's top byte out while R < 2**56;
      (2)  L + R <= 2**(64 + 8 * bytes out)   true at the start, and each step picks a sub-interval.

  A symbol with [start, start + freq) of total narrows it, with r = R // total, to

      L' = L + r * start        R' = r * freq          so  L' + R' <= L + r * total <= L + R.

  L' may carry out of low's 64 bits into bytes already written; by (2) never past the first. The decoder keeps
  ``code`` = (the number made of the next bytes) − L, for which 0 <= code < R in every valid stream, and finds
  the symbol whose interval holds code // r: both sides use the same r and the same products.

Cost: the truncation in r loses at most log2(1 / (1 − total/2**56)) bits a symbol, 1e-7 at totals of 2**32 in
the worst case; the end costs at most one byte, since by (1) a multiple of 2**56 lies in the interval.
Trailing zero bytes are not written: the decoder reads zeros past the end. So a cut stream decodes to other
symbols, not to an error; lengths and hashes are the container's business.

Concession: one 64-bit division a symbol for the encoder and two for the decoder; byte alphabets could do
with none.
"""

from __future__ import annotations

import numpy as np
from numba import int64, uint8, uint64, void

from nzip.errors import CorruptError
from nzip.exact.jit import njit

MAX_TOTAL = 1 << 48
# A symbol narrows R to no less than 2**56 // 2**48, so at most six bytes leave per symbol.
MAX_BYTES_PER_SYMBOL = 6
TAIL_BYTES = 8

# Encoder state, uint64[3]: low, range, bytes written. Decoder state, uint64[4]: code, range, bytes read,
# and DAMAGED, which is set once code // r >= total: no encoder writes that.
ENCODER_WORDS, DECODER_WORDS = 3, 4
LOW, CODE, RANGE, POSITION, DAMAGED = 0, 0, 1, 2, 3

_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_TOP = np.uint64(1 << 56)
_56, _8, _0, _1 = np.uint64(56), np.uint64(8), np.uint64(0), np.uint64(1)
_FF = np.uint8(255)


@njit(void(uint64[::1]), cache=True)
def start_encoder(state):
    """Ready for the first symbol."""
    state[LOW] = _0
    state[RANGE] = _FULL
    state[POSITION] = _0


@njit(void(uint8[::1], uint64), cache=True)
def _carry(out, position):
    i = position - _1
    while out[i] == _FF:
        out[i] = 0
        i -= _1
    out[i] += np.uint8(1)


@njit(void(uint64[::1], uint8[::1], uint64, uint64, uint64), cache=True)
def encode_interval(state, out, start, freq, total):
    """Code [start, start + freq) of total. Needs 1 <= freq, start + freq <= total <= 2**48, and room for
    six bytes in ``out`` behind the state's position."""
    rng = state[RANGE]
    position = state[POSITION]
    r = rng // total
    low = state[LOW] + r * start
    if low < r * start:
        _carry(out, position)
    rng = r * freq
    while rng < _TOP:
        out[position] = low >> _56
        position += _1
        low <<= _8
        rng <<= _8
    state[LOW] = low
    state[RANGE] = rng
    state[POSITION] = position


@njit(void(uint64[::1], uint8[::1], uint64[::1], int64), cache=True)
def encode_symbol(state, out, cdf, symbol):
    """Code one symbol under ``cdf``; needs 0 <= symbol < cdf.size - 1."""
    start = cdf[symbol]
    encode_interval(state, out, start, cdf[symbol + 1] - start, cdf[cdf.size - 1])


@njit(int64(uint64[::1], uint8[::1]), cache=True)
def finish_encoder(state, out):
    """Pick the number in [L, L + R) with the fewest non-zero bytes; returns the stream's length in
    ``out``."""
    low, position = state[LOW], state[POSITION]
    if low + (state[RANGE] - _1) < low:  # the interval holds a carry and zeros: no byte at all
        _carry(out, position)
    elif low:
        out[position] = (low + (_TOP - _1)) >> _56
        position += _1
    length = np.int64(position)
    while length > 0 and out[length - 1] == 0:
        length -= 1
    return length


@njit(void(uint64[::1], uint8[::1]), cache=True)
def start_decoder(state, data):
    """Ready to decode ``data``, of any length, zero included."""
    code = _0
    for i in range(8):
        code <<= _8
        if i < data.size:
            code |= np.uint64(data[i])
    state[CODE] = code
    state[RANGE] = _FULL
    state[POSITION] = np.uint64(8)
    state[DAMAGED] = _0


@njit(uint64(uint64[::1], uint64), cache=True)
def decode_target(state, total):
    """The point t, 0 <= t < total, whose interval comes next. Follow it by :func:`decode_interval`."""
    target = state[CODE] // (state[RANGE] // total)
    if target >= total:
        state[DAMAGED] = _1
        target = total - _1
    return target


@njit(void(uint64[::1], uint8[::1], uint64, uint64, uint64), cache=True)
def decode_interval(state, data, start, freq, total):
    """Leave [start, start + freq) of total, which must hold the target; freq >= 1."""
    rng = state[RANGE]
    code = state[CODE]
    position = state[POSITION]
    size = np.uint64(data.size)
    r = rng // total
    code -= r * start
    rng = r * freq
    while rng < _TOP:
        code <<= _8
        if position < size:
            code |= np.uint64(data[position])
        position += _1
        rng <<= _8
    state[CODE] = code
    state[RANGE] = rng
    state[POSITION] = position


@njit(int64(uint64[::1], int64, int64, uint64), cache=True)
def find_symbol(cdfs, first, last, target):
    """The s with cdf[s] <= target < cdf[s + 1], by binary search, where cdf is cdfs[first .. last]; needs
    target < cdfs[last]. (A slice in a loop would cost more than the search: numba counts references.)"""
    below = first
    above = last
    while above - below > 1:
        middle = (below + above) >> 1
        if cdfs[middle] <= target:
            below = middle
        else:
            above = middle
    return below - first


@njit(int64(uint64[::1], uint8[::1], uint64[::1]), cache=True)
def decode_symbol(state, data, cdf):
    """The next symbol under ``cdf``. Safe on any ``data``: the symbol is always within the CDF."""
    total = cdf[cdf.size - 1]
    symbol = find_symbol(cdf, 0, cdf.size - 1, decode_target(state, total))
    start = cdf[symbol]
    decode_interval(state, data, start, cdf[symbol + 1] - start, total)
    return symbol


@njit(void(uint64[::1], uint8[::1], uint64[::1], int64, int64[::1]), cache=True)
def encode_rows(state, out, cdfs, step, symbols):
    """Code symbols[i] under the CDF that begins at cdfs[i * step]; each is ``step`` long, or with step = 0
    there is but one."""
    size = step if step else cdfs.size
    for i in range(symbols.size):
        first = i * step
        at = first + symbols[i]
        start = cdfs[at]
        encode_interval(state, out, start, cdfs[at + 1] - start, cdfs[first + size - 1])


@njit(int64(uint64[::1], int64, int64, int64[::1]), cache=True)
def first_uncodable(cdfs, step, alphabet, symbols):
    """The first i for which :func:`encode_rows` must not be called (symbol or interval out of range), or
    -1."""
    for i in range(symbols.size):
        if not 0 <= symbols[i] < alphabet:
            return i
        at = i * step + symbols[i]
        if not cdfs[at] < cdfs[at + 1] <= cdfs[i * step + alphabet]:
            return i
    return -1


@njit(void(uint64[::1], uint8[::1], uint64[::1], int64, int64[::1]), cache=True)
def decode_rows(state, data, cdfs, step, symbols):
    """The inverse of :func:`encode_rows`: fills ``symbols``."""
    size = step if step else cdfs.size
    for i in range(symbols.size):
        first = i * step
        last = first + size - 1
        total = cdfs[last]
        symbol = find_symbol(cdfs, first, last, decode_target(state, total))
        start = cdfs[first + symbol]
        decode_interval(state, data, start, cdfs[first + symbol + 1] - start, total)
        symbols[i] = symbol


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


class SymbolEncoder:
    """Codes symbols one at a time (``encode``), in rows (``encode_many``), or yes/no decisions
    (``encode_bit``).

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
