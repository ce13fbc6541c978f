"""Plain arithmetic coding as a tokenizer: AC under any static M1, never reset; StaticAC is AC under order-0.

The coder is the classic one of Witten, Neal and Cleary (32-bit bounds, bits that follow), in whole numbers.
The length of the text stands in front (a varint), then the bits, cut into tokens of 8 or 16. Lester et al.
2024 show that a language model learns nothing from such tokens: that is what this codec is here for.

Concession: M1s other than order-n run in Python, one byte at a time.
"""

from __future__ import annotations

import numpy as np

from nzip.errors import CorruptError
from nzip.exact.jit import njit
from nzip.varint import read_varint, varint
from tokenizers_lab.codec import Codec, as_bytes_array, as_ids
from tokenizers_lab.codecs.raw_bits import pack, unpack
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, write_whole
from tokenizers_lab.m1.byte_model import ByteModel
from tokenizers_lab.m1.order_n import OrderN, cdf_into

BITS = 16
TOP, HALF, QUARTER = (1 << 32) - 1, 1 << 31, 1 << 30


@njit(cache=True, nogil=True)
def encode_step(low_high, out, lo, hi):
    """Narrow the interval to [lo, hi) / 2**16; state is [low, high, bits that follow, bits written, partial
    byte]."""
    low = low_high[0]
    span = low_high[1] - low + 1
    high = low + ((span * hi) >> BITS) - 1
    low = low + ((span * lo) >> BITS)
    while True:
        if high < HALF:
            _bit(low_high, out, 0)
        elif low >= HALF:
            _bit(low_high, out, 1)
            low -= HALF
            high -= HALF
        elif low >= QUARTER and high < HALF + QUARTER:
            low_high[2] += 1
            low -= QUARTER
            high -= QUARTER
        else:
            break
        low = 2 * low
        high = 2 * high + 1
    low_high[0] = low
    low_high[1] = high


@njit(cache=True, nogil=True)
def _bit(state, out, bit):
    for k in range(state[2] + 1):
        b = bit if k == 0 else 1 - bit
        n = state[3]
        if b:
            out[n >> 3] |= np.uint8(128 >> (n & 7))
        state[3] = n + 1
    state[2] = 0


@njit(cache=True, nogil=True)
def finish(state, out):
    """Two more bits name a point inside the last interval; zeros may follow."""
    state[2] += 1
    _bit(state, out, 0 if state[0] < QUARTER else 1)


@njit(cache=True, nogil=True)
def _encode_order_n(data, out, written, order, slots, keys, starts, symbols, counts):
    cdf = np.empty(257, dtype=np.int64)
    weights = np.empty(256, dtype=np.int64)
    state = np.array([0, TOP, 0, 0], dtype=np.int64)
    for i in range(len(data)):
        cdf_into(cdf, data, 0, i, BITS, order, slots, keys, starts, symbols, counts, weights)
        encode_step(state, out, cdf[data[i]], cdf[data[i] + 1])
        written[i] = state[3]
    finish(state, out)
    return state[3]


@njit(cache=True, nogil=True)
def decode_symbol(state, coded, cdf):
    """Read one symbol; state is [low, high, code, bits read]. Behind the end of ``coded`` stand zeros."""
    low = state[0]
    span = state[1] - low + 1
    target = ((state[2] - low + 1) * (1 << BITS) - 1) // span
    a = 0
    b = 256
    while b - a > 1:
        m = (a + b) >> 1
        if cdf[m] <= target:
            a = m
        else:
            b = m
    high = low + ((span * cdf[a + 1]) >> BITS) - 1
    low = low + ((span * cdf[a]) >> BITS)
    code = state[2]
    while True:
        if high < HALF:
            pass
        elif low >= HALF:
            low -= HALF
            high -= HALF
            code -= HALF
        elif low >= QUARTER and high < HALF + QUARTER:
            low -= QUARTER
            high -= QUARTER
            code -= QUARTER
        else:
            break
        low = 2 * low
        high = 2 * high + 1
        n = state[3]
        bit = (coded[n >> 3] >> (7 - (n & 7))) & 1 if n < 8 * len(coded) else 0
        code = 2 * code + bit
        state[3] = n + 1
    state[0] = low
    state[1] = high
    state[2] = code
    return a


@njit(cache=True, nogil=True)
def start_decoding(coded):
    state = np.array([0, TOP, 0, 0], dtype=np.int64)
    for n in range(32):
        bit = np.int64((coded[n >> 3] >> (7 - (n & 7))) & 1) if n < 8 * len(coded) else 0
        state[2] = 2 * state[2] + bit
    state[3] = 32
    return state


@njit(cache=True, nogil=True)
def _decode_order_n(coded, out, order, slots, keys, starts, symbols, counts):
    cdf = np.empty(257, dtype=np.int64)
    weights = np.empty(256, dtype=np.int64)
    state = start_decoding(coded)
    for i in range(len(out)):
        cdf_into(cdf, out, 0, i, BITS, order, slots, keys, starts, symbols, counts, weights)
        out[i] = decode_symbol(state, coded, cdf)
        if state[3] > 8 * len(coded) + 64:
            return i
    return len(out)


class ArithmeticCodec(Codec):
    """``ac[m1=order-3,train=FILE,v=256]``."""

    def __init__(self, model: ByteModel, bits: int = 8, spelling: str = "ac"):
        if bits not in (8, 16):
            raise LabError("ac: v must be 256 or 65k")
        self.model, self.bits, self.spelling, self.token_bits = model, bits, spelling, bits
        self.vocab_size = 1 << bits

    def _coded(self, data: np.ndarray) -> tuple[bytes, np.ndarray]:
        """The stream's bytes, and bits written (header included) after each source byte."""
        head = varint(len(data))
        out = np.zeros(2 * len(data) + 16, dtype=np.uint8)
        written = np.zeros(len(data), dtype=np.int64)
        if isinstance(self.model, OrderN):
            total = _encode_order_n(data, out, written, *self.model.tables)
        else:
            state, walk = np.array([0, TOP, 0, 0], dtype=np.int64), self.model.walk(BITS)
            for i, byte in enumerate(data.tolist()):
                cdf = walk.cdf()
                encode_step(state, out, cdf[byte], cdf[byte + 1])
                walk.push(byte)
                written[i] = state[3]
            finish(state, out)
            total = int(state[3])
        return head + out[: (total + 7) // 8].tobytes(), written + 8 * len(head)

    def encode(self, data) -> np.ndarray:
        return pack(self._coded(as_bytes_array(data))[0], self.bits)

    def decode(self, ids) -> bytes:
        raw = unpack(as_ids(ids, self.vocab_size), self.bits)
        size, at = read_length(raw)
        coded = np.frombuffer(raw[at:], dtype=np.uint8)
        # A byte costs at least 2**-16 of a bit... but no more than 2**22 of them can hide in one coded byte.
        if size > (len(coded) + 8) << 22:
            raise DataError(f"these ids claim {size} bytes, more than {len(coded)} coded bytes can hold")
        if isinstance(self.model, OrderN):
            done, out = 0, np.zeros(min(size, 1 << 20), dtype=np.uint8)
            while True:  # sizes are claims until decoded: grow as the data proves them
                done = _decode_order_n(coded, out, *self.model.tables)
                if done < len(out) or len(out) == size:
                    break
                out = np.zeros(min(size, 4 * len(out)), dtype=np.uint8)
            if done < size:
                raise DataError("these ids end before their text does")
            return out.tobytes()
        state, walk, grown = start_decoding(coded), self.model.walk(BITS), bytearray()
        for _ in range(size):
            grown.append(decode_symbol(state, coded, walk.cdf()))
            walk.push(grown[-1])
            if state[3] > 8 * len(coded) + 64:
                raise DataError("these ids end before their text does")
        return bytes(grown)

    def offsets(self, data, ids=None) -> np.ndarray:
        data = as_bytes_array(data)
        raw, written = self._coded(data)
        tokens = len(pack(raw, self.bits))
        out = np.searchsorted(written, np.arange(tokens + 1) * self.bits, side="right").astype(np.int64)
        out[0] = 0
        out[-1] = len(data)
        return out

    def description(self) -> dict:
        return {"codec": "ac", "bits": self.bits, "m1": self.model.fingerprint()}

    def save(self, path) -> None:
        if not isinstance(self.model, OrderN):
            return super().save(path)
        head = {"kind": "ac", "bits": self.bits, "m1": self.model.spelling}
        write_whole(path, pack_arrays(head, self.model.arrays()))


def read_length(raw: bytes) -> tuple[int, int]:
    """The length in front of a coded text, and how many bytes it takes; raises :class:`DataError` where none
    stands there."""
    try:
        return read_varint(raw)
    except CorruptError:
        raise DataError("these ids do not begin with a length") from None
