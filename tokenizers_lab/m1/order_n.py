"""The order-n byte model: interpolated n-gram counts of a given text, in whole numbers from end to end.

Order k's estimate is (count + T·p(k-1)) / (N + T), Witten and Bell's rule (method C of PPM, interpolated): N
is how often the context was seen and T how many different bytes followed it. Orders up to 4 are exact;
contexts beyond are hashed to 24 bits and may collide (prediction suffers, exactness does not). ``order-0`` is
the byte frequencies, under which arithmetic coding is Lester et al.'s StaticAC.

Concession: the tables hold every n-gram of the training text, about 9 bytes each; for large n train on
megabytes."""

from __future__ import annotations

import hashlib
import lzma
from importlib import resources

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, write_whole
from tokenizers_lab.m1.byte_model import ByteModel

UNIT = 30  # weights are in 2**-30
MAX_ORDER = 16
_CHUNK = 4 << 20


@njit(cache=True, nogil=True)
def context_key(data, end, k):
    """The key of the ``k`` bytes before ``end``: exact for k ≤ 4, else a 24-bit hash."""
    h = np.uint64(0)
    if k <= 4:
        for i in range(end - k, end):
            h = h << np.uint64(8) | np.uint64(data[i])
    else:
        for i in range(end - k, end):
            h = h * np.uint64(0x100000001B3) + np.uint64(data[i]) + np.uint64(1)
        h = (h * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    return np.uint64(k) << np.uint64(32) | h


@njit(cache=True, nogil=True)
def _find(key, slots, keys):
    mask = np.int64(len(slots) - 1)
    at = np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & mask
    while slots[at] >= 0:
        if keys[slots[at]] == key:
            return slots[at]
        at = (at + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def fill_slots(keys):
    size = 16
    while size < 2 * len(keys):
        size *= 2
    slots = np.full(size, -1, dtype=np.int32)
    for i in range(len(keys)):
        at = np.int64((keys[i] * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & (size - 1)
        while slots[at] >= 0:
            at = (at + 1) & (size - 1)
        slots[at] = i
    return slots


@njit(cache=True, nogil=True)
def cdf_into(out, data, start, end, bits, order, slots, keys, starts, symbols, counts, weights):
    """The CDF of the byte at ``end`` given ``data[start:end]``, into ``out`` (int64, 257)."""
    for s in range(256):
        weights[s] = np.int64(1) << (UNIT - 8)
    for k in range(min(order, end - start) + 1):
        e = _find(context_key(data, end, k), slots, keys)
        if e < 0:
            break
        a = starts[e]
        b = starts[e + 1]
        total = np.int64(b - a)
        for i in range(a, b):
            total += counts[i]
        keep = (np.int64(b - a) << UNIT) // total
        for s in range(256):
            weights[s] = (weights[s] * keep) >> UNIT
        for i in range(a, b):
            weights[symbols[i]] += (np.int64(counts[i]) << UNIT) // total
    spread = (np.int64(1) << bits) - 256
    left = np.int64(1) << bits
    best = 0
    for s in range(256):
        if weights[s] > weights[best]:
            best = s
        left -= 1 + ((weights[s] * spread) >> UNIT)
    out[0] = 0
    for s in range(256):
        out[s + 1] = out[s] + 1 + ((weights[s] * spread) >> UNIT) + (left if s == best else 0)


@njit(cache=True, nogil=True)
def _cdfs(out, data, ends, bits, order, slots, keys, starts, symbols, counts):
    weights = np.empty(256, dtype=np.int64)
    for i in range(len(ends)):
        cdf_into(
            out[i],
            data,
            ends[i - 1] if i else 0,
            ends[i],
            bits,
            order,
            slots,
            keys,
            starts,
            symbols,
            counts,
            weights,
        )


class OrderN(ByteModel):
    """``OrderN.train(text, order)``, or the tables of a trained one."""

    def __init__(self, order: int, keys, starts, symbols, counts, spelling: str | None = None):
        self.order = order
        self.spelling = spelling or f"order-{order}"
        self.keys, self.starts, self.symbols, self.counts = keys, starts, symbols, counts
        self.slots = fill_slots(keys)
        self._print: str | None = None

    @property
    def tables(self) -> tuple:
        """What the compiled kernels take: (order, slots, keys, starts, symbols, counts)."""
        return self.order, self.slots, self.keys, self.starts, self.symbols, self.counts

    @classmethod
    def train(cls, data, order: int, spelling: str | None = None) -> OrderN:
        """Count ``data`` (bytes-like). Time and memory are linear in its length."""
        if not 0 <= order <= MAX_ORDER:
            raise LabError(f"order {order} is outside 0..{MAX_ORDER}")
        data = np.frombuffer(data, dtype=np.uint8)
        if not len(data):
            raise LabError("an order-n model needs at least one byte of training text")
        all_keys, all_symbols, all_counts = [], [], []
        for k in range(order + 1):
            values: np.ndarray | None = None
            counts: np.ndarray | None = None
            for at in range(k, len(data), _CHUNK):
                end = min(at + _CHUNK, len(data))
                found, seen = np.unique(_ngram_keys(data, at, end, k), return_counts=True)
                if values is not None and counts is not None:
                    both = np.concatenate([values, found])
                    weights = np.concatenate([counts, seen])
                    found, index = np.unique(both, return_inverse=True)
                    seen = np.zeros(len(found), dtype=np.int64)
                    np.add.at(seen, index, weights)
                values, counts = found, seen
            if values is not None and counts is not None:
                all_keys.append(values >> np.uint64(8))
                all_symbols.append((values & np.uint64(255)).astype(np.uint8))
                all_counts.append(np.minimum(counts, 1 << 24).astype(np.int32))
        flat = np.concatenate(all_keys)
        first = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
        starts = np.concatenate([first, [len(flat)]]).astype(np.int64)
        return cls(
            order, flat[first], starts, np.concatenate(all_symbols), np.concatenate(all_counts), spelling
        )

    def cdf(self, context, bits: int = 16) -> np.ndarray:
        tail = bytes(context)[-max(self.order, 1) :]
        out = np.empty(257, dtype=np.int64)
        data = np.frombuffer(tail, dtype=np.uint8)
        cdf_into(out, data, 0, len(data), bits, *self.tables, np.empty(256, np.int64))
        return out

    def cdfs(self, contexts: list[bytes], bits: int = 16) -> np.ndarray:
        out = np.empty((len(contexts), 257), dtype=np.int64)
        ends = np.cumsum([len(c) for c in contexts]).astype(np.int64)
        _cdfs(out, np.frombuffer(b"".join(contexts) or b"\0", dtype=np.uint8), ends, bits, *self.tables)
        return out

    def fingerprint(self) -> str:
        if self._print is None:
            digest = hashlib.sha256(f"order-n {self.order}".encode())
            for array in (
                self.keys.astype("<u8"),
                self.starts.astype("<i8"),
                self.symbols,
                self.counts.astype("<i4"),
            ):
                digest.update(array.tobytes())
            self._print = digest.hexdigest()
        return self._print

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file has to keep."""
        return {
            "order": np.array([self.order]),
            "keys": self.keys,
            "starts": self.starts,
            "symbols": self.symbols,
            "counts": self.counts,
        }

    @classmethod
    def from_arrays(cls, arrays, spelling: str | None = None) -> OrderN:
        """The inverse of :meth:`arrays`; raises :class:`DataError` where the tables contradict each other."""
        try:
            order = int(arrays["order"][0])
            keys, starts = arrays["keys"].astype(np.uint64), arrays["starts"].astype(np.int64)
            symbols, counts = arrays["symbols"].astype(np.uint8), arrays["counts"].astype(np.int32)
        except (KeyError, IndexError, ValueError, TypeError, OverflowError) as error:
            raise DataError(f"not the tables of an order-n model: {error}") from None
        if (
            any(a.ndim != 1 for a in (keys, starts, symbols, counts))
            or not 0 <= order <= MAX_ORDER
            or len(starts) != len(keys) + 1
            or len(symbols) != len(counts)
            or starts[0] != 0
            or starts[-1] != len(symbols)
            or (np.diff(starts) < 1).any()
            or (np.diff(starts) > 256).any()
            or (counts < 1).any()
            or (counts > 1 << 24).any()
        ):
            raise DataError("the tables of this order-n model contradict each other")
        return cls(order, keys, starts, symbols, counts, spelling)

    def save(self, path) -> None:
        """Write a ``.m1`` file (NumPy's zipped arrays)."""
        write_whole(path, pack_arrays({"kind": "order-n", "spelling": self.spelling}, self.arrays()))


def _ngram_keys(data: np.ndarray, at: int, end: int, k: int) -> np.ndarray:
    """``context_key << 8 | byte`` for the bytes at .. end-1, whose k bytes before exist: uint64."""
    h = np.zeros(end - at, dtype=np.uint64)
    for i in range(k):
        byte = data[at - k + i : end - k + i].astype(np.uint64)
        h = (h << np.uint64(8) | byte) if k <= 4 else h * np.uint64(0x100000001B3) + byte + np.uint64(1)
    if k > 4:
        h = (h * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    return (np.uint64(k) << np.uint64(32) | h) << np.uint64(8) | data[at:end].astype(np.uint64)


def default_text() -> bytes:
    """The text that an M1 is trained on where the spelling names none: 256 KiB of public-domain English (the
    World English Bible, Austen, addresses to the United States Congress). For demonstrations; name a text of
    your own."""
    packed = resources.files("tokenizers_lab").joinpath("m1", "m1_text.xz").read_bytes()
    return lzma.decompress(packed)
