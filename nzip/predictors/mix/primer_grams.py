"""What each shipped primer knows of a very short text, to a few parts in a hundred: all of its five-byte
sequences, where the signatures (primers.py) hold one in 32 and a kilobyte has thirty of those.

A byte for each of 2**22 hashes says which primers have such a sequence, a bit a primer. It is made from the
primers' texts when it is first wanted, and kept in nzip's cache.

Concession: to make it takes a few tenths of a second, once; and eight primers are as many as it has bits."""

from __future__ import annotations

import functools

import numpy as np
import xxhash

from nzip.cache import PRIMED
from nzip.exact.dependencies import dependencies
from nzip.predictors.mix import primers
from nzip.predictors.mix.constants import K1, K2

GRAM, BITS = 5, 22
_K1, _K2 = np.uint64(K1), np.uint64(K2)


def hashes(data: np.ndarray) -> np.ndarray:
    """BITS bits (uint64) for each sequence of ``data`` (uint8)."""
    wide = data.astype(np.uint64)
    h = np.zeros(max(0, len(data) - GRAM + 1), np.uint64)
    for k in range(GRAM):
        h = h * _K1 + wide[k : len(h) + k]
    return (h * _K2) >> np.uint64(64 - BITS)


def known(data: np.ndarray) -> np.ndarray:
    """float64 (primers,): the share of the sequences of ``data`` (uint8) that each shipped primer knows."""
    found = np.sort(hashes(data))
    if not len(found):
        return np.zeros(len(primers.index()))
    # As np.unique, which imports numpy.ma at its first call.
    found = found[np.concatenate([[True], found[1:] != found[:-1]])]
    bits = np.unpackbits(_table()[found][:, None], axis=1, bitorder="little")
    return bits.mean(axis=0)[: len(primers.index())]


@functools.cache
def _table() -> np.ndarray:
    made_of = [entry["hash"] for entry in primers.index()] + [dependencies(_made)]
    name = "sequences-" + xxhash.xxh3_128_hexdigest(repr(made_of).encode())
    kept = PRIMED.read(name)
    if kept is not None and len(kept) == 1 << BITS:
        return np.frombuffer(kept, np.uint8)
    table = _made()
    PRIMED.put(name, [table.data])
    return table


def _made() -> np.ndarray:
    table = np.zeros(1 << BITS, np.uint8)
    for number in range(1, len(primers.index()) + 1):
        text = primers.portion(primers.shipped(number), 1).text
        table[hashes(np.frombuffer(text, np.uint8))] |= np.uint8(1 << number - 1)
    return table
