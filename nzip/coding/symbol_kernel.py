"""The range coder behind :mod:`nzip.coding.symbols`, in compiled code: for models that are compiled, too, and
code a symbol in the middle of their loops. What a CDF is stands there.

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

Concession: nothing here checks an argument; one 64-bit division a symbol for the encoder and two for the
decoder, where byte alphabets could do with none.
"""

from __future__ import annotations

import numpy as np

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


@njit("void(uint64[::1])", cache=True)
def start_encoder(state):
    """Ready for the first symbol."""
    state[LOW] = _0
    state[RANGE] = _FULL
    state[POSITION] = _0


@njit("void(uint8[::1], uint64)", cache=True)
def _carry(out, position):
    i = position - _1
    while out[i] == _FF:
        out[i] = 0
        i -= _1
    out[i] += np.uint8(1)


@njit("void(uint64[::1], uint8[::1], uint64, uint64, uint64)", cache=True)
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


@njit("void(uint64[::1], uint8[::1], uint64[::1], int64)", cache=True)
def encode_symbol(state, out, cdf, symbol):
    """Code one symbol under ``cdf``; needs 0 <= symbol < cdf.size - 1."""
    start = cdf[symbol]
    encode_interval(state, out, start, cdf[symbol + 1] - start, cdf[cdf.size - 1])


@njit("int64(uint64[::1], uint8[::1])", cache=True)
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


@njit("void(uint64[::1], uint8[::1])", cache=True)
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


@njit("uint64(uint64[::1], uint64)", cache=True)
def decode_target(state, total):
    """The point t, 0 <= t < total, whose interval comes next. Follow it by :func:`decode_interval`."""
    target = state[CODE] // (state[RANGE] // total)
    if target >= total:
        state[DAMAGED] = _1
        target = total - _1
    return target


@njit("void(uint64[::1], uint8[::1], uint64, uint64, uint64)", cache=True)
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


@njit("int64(uint64[::1], int64, int64, uint64)", cache=True)
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


@njit("int64(uint64[::1], uint8[::1], uint64[::1])", cache=True)
def decode_symbol(state, data, cdf):
    """The next symbol under ``cdf``. Safe on any ``data``: the symbol is always within the CDF."""
    total = cdf[cdf.size - 1]
    symbol = find_symbol(cdf, 0, cdf.size - 1, decode_target(state, total))
    start = cdf[symbol]
    decode_interval(state, data, start, cdf[symbol + 1] - start, total)
    return symbol


@njit("void(uint64[::1], uint8[::1], uint64[::1], int64, int64[::1])", cache=True)
def encode_rows(state, out, cdfs, step, symbols):
    """Code symbols[i] under the CDF that begins at cdfs[i * step]; each is ``step`` long, or with step = 0
    there is but one."""
    size = step if step else cdfs.size
    for i in range(symbols.size):
        first = i * step
        at = first + symbols[i]
        start = cdfs[at]
        encode_interval(state, out, start, cdfs[at + 1] - start, cdfs[first + size - 1])


@njit("int64(uint64[::1], int64, int64, int64[::1])", cache=True)
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


@njit("void(uint64[::1], uint8[::1], uint64[::1], int64, int64[::1])", cache=True)
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
