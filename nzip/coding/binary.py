"""Binary arithmetic coder: one bit and its probability in, bytes out, and back.

A carry-less coder over a 64-bit interval [low, high]: with p = P(bit = 1) in units of 2**-22,

    mid = low + ((high - low) >> 22) * p;   bit 1 keeps [low, mid], bit 0 keeps [mid + 1, high]

and whenever low and high agree in their top byte, that byte is written and both shift left by eight.
low ≤ mid < high holds at every step as long as high - low ≥ 1, so any sequence of bits decodes whatever
the probabilities; only a straddled interval narrower than 2**22 (chance about 2**-34 a bit) costs size.
Probabilities lie in 1 .. 2**22 - 1: no bit ever costs more than 22 bits or less than 2**-22.

The state is a uint64 array of five: low, high, code (decoder), position in the byte buffer, and the
buffer's end. The decoder reads zeros past the end, so the encoder drops trailing bytes it need not write.

``encode_bit`` and ``decode_bit`` are njit functions for kernels; ``BinaryEncoder`` and ``BinaryDecoder``
wrap them for Python. Concession: no adaptation here, that is the predictors' work.
"""

import numpy as np

from nzip.exact.jit import njit

PROBABILITY_BITS = 22
LOW, HIGH, CODE, POSITION, END = range(5)
STATE_SIZE = 5

_u64 = np.uint64


@njit(cache=True)
def start_encoder(state, end):
    """Reset ``state`` (uint64[5]) to write a buffer of ``end`` bytes from its start."""
    state[LOW] = _u64(0)
    state[HIGH] = ~_u64(0)
    state[CODE] = _u64(0)
    state[POSITION] = _u64(0)
    state[END] = _u64(end)


@njit(cache=True)
def start_decoder(state, buffer, end):
    """Reset ``state`` to read ``buffer[:end]``."""
    start_encoder(state, end)
    code = _u64(0)
    for i in range(8):
        code <<= _u64(8)
        if i < end:
            code |= _u64(buffer[i])
    state[CODE] = code
    state[POSITION] = _u64(8)


@njit(cache=True)
def encode_bit(state, buffer, bit, p):
    """Code ``bit`` with P(1) = p / 2**22, 1 ≤ p < 2**22. The caller sees to it that ``buffer`` has room for
    eight bytes more than one bit can cost: a check here would cost more than the coding."""
    low = state[LOW]
    high = state[HIGH]
    mid = low + ((high - low) >> _u64(22)) * _u64(p)
    if bit:
        high = mid
    else:
        low = mid + _u64(1)
    while ((low ^ high) >> _u64(56)) == _u64(0):
        buffer[state[POSITION]] = np.uint8(high >> _u64(56))
        state[POSITION] += _u64(1)
        low <<= _u64(8)
        high = (high << _u64(8)) | _u64(255)
    state[LOW] = low
    state[HIGH] = high


@njit(cache=True)
def decode_bit(state, buffer, p):
    """The bit that was coded with probability ``p``; any bytes decode to some bits."""
    low = state[LOW]
    high = state[HIGH]
    code = state[CODE]
    mid = low + ((high - low) >> _u64(22)) * _u64(p)
    if code <= mid:
        bit = 1
        high = mid
    else:
        bit = 0
        low = mid + _u64(1)
    while ((low ^ high) >> _u64(56)) == _u64(0):
        low <<= _u64(8)
        high = (high << _u64(8)) | _u64(255)
        code <<= _u64(8)
        if state[POSITION] < state[END]:
            code |= _u64(buffer[state[POSITION]])
        state[POSITION] += _u64(1)
    state[LOW] = low
    state[HIGH] = high
    state[CODE] = code
    return bit


@njit(cache=True)
def finish_encoder(state, buffer):
    """Write the fewest bytes that name the interval when followed by zeros; returns the total length."""
    low = state[LOW]
    high = state[HIGH]
    position = np.int64(state[POSITION])
    if low > _u64(0):
        for k in range(1, 9):
            shift = _u64(64 - 8 * k)
            value = ((low >> shift) << shift) + (
                (_u64(1) << shift) if (low >> shift) << shift < low else _u64(0)
            )
            if low <= value <= high:
                for i in range(k):
                    buffer[position] = np.uint8((value >> _u64(56 - 8 * i)) & _u64(255))
                    position += 1
                break
    while position > 0 and buffer[position - 1] == 0:
        position -= 1
    return position


class BinaryEncoder:
    """Codes bits from Python, one call each. For kernels take the njit functions instead."""

    def __init__(self, capacity: int = 1 << 16):
        self._buffer = np.zeros(max(capacity, 256), np.uint8)
        self._state = np.zeros(STATE_SIZE, np.uint64)
        start_encoder(self._state, len(self._buffer))

    def encode(self, bit: int, p: int) -> None:
        """Code ``bit`` with P(1) = ``p`` / 2**22. ValueError outside 1 .. 2**22 - 1."""
        if not 0 < p < 1 << PROBABILITY_BITS:
            raise ValueError(f"probability {p} is not in 1 .. 2**22 - 1")
        if int(self._state[POSITION]) + 2 * STATE_SIZE * 8 > len(self._buffer):
            self._buffer = np.concatenate([self._buffer, np.zeros_like(self._buffer)])
            self._state[END] = len(self._buffer)
        encode_bit(self._state, self._buffer, bit, p)

    def finish(self) -> bytes:
        """The coded bytes. The encoder must not be used after."""
        return self._buffer[: finish_encoder(self._state, self._buffer)].tobytes()


class BinaryDecoder:
    """Decodes what :class:`BinaryEncoder` wrote; on other bytes it gives some bits, never an error. Use
    it to read from Python; kernels take :func:`decode_bit`."""

    def __init__(self, data):
        self._buffer = np.frombuffer(data, np.uint8) if len(data) else np.zeros(1, np.uint8)
        self._state = np.zeros(STATE_SIZE, np.uint64)
        start_decoder(self._state, self._buffer, len(data))

    def decode(self, p: int) -> int:
        """The next bit, given P(1) = ``p`` / 2**22."""
        if not 0 < p < 1 << PROBABILITY_BITS:
            raise ValueError(f"probability {p} is not in 1 .. 2**22 - 1")
        return decode_bit(self._state, self._buffer, p)
