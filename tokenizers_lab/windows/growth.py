"""From a static M1 to a finite set of strings: all that Equal-Info Windows of 16 bits can emit, or the most
probable ones.

*Windows.* Coder and M1 start anew in every window, so the strings with a stop cell are one fixed set, and the
encoder's choice is the longest of them that the data begins with; M1 runs once, here. *Model dictionary*
(after Tunstall's codes): the N most probable strings under M1 with a fresh context. A prefix is always more
probable, so the set is closed under prefixes.

Both walk M1's tree level by level and ask for the CDFs of many contexts at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.errors import LabError
from tokenizers_lab.m1.byte_model import ByteModel
from tokenizers_lab.windows.kernel import expand

_BATCH = 4096


class WindowTable(NamedTuple):
    """``strings`` in the order of their bytes; ``emitted[i]``: the cell that the encoder writes for string i
    (int64); ``owner``: the string that each of the 2**W cells decodes to (int32), since a model may sample
    cells that no encoder writes."""

    strings: list[bytes]
    emitted: np.ndarray
    owner: np.ndarray


def window_strings(model: ByteModel, width: int, bits: int) -> WindowTable:
    """Every string that the stop rule can emit, that is, which has a stop cell (``stop_cell.py``), in windows
    of ``width`` ≤ 16 bits."""
    nodes, cells, owner = _tree(model, width, bits)
    order = sorted((i for i in range(1, len(nodes)) if cells[i] >= 0), key=nodes.__getitem__)
    place = np.full(len(nodes), -1, np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return WindowTable([nodes[i] for i in order], cells[order], place[owner])


def fitting_strings(model: ByteModel, width: int, bits: int) -> list[bytes]:
    """Every string whose interval holds a whole cell, sorted: what the published greedy rule cuts a text
    into. With an id of its own for each (there are far fewer than 2**width where M1 predicts at all) they are
    lossless without any rule."""
    return sorted(_tree(model, width, bits)[0][1:])


def _tree(model: ByteModel, width: int, bits: int) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    """All strings that fit (the empty one first), their stop cells or -1, and the owner of each cell."""
    if not bits <= width <= 16:
        raise LabError(f"windows of {width} bits cannot be compiled into a table of strings")
    owner, emitted = np.full(1 << width, -1, np.int32), []
    nodes: list[bytes] = []
    contexts, lows, sizes = [b""], np.zeros(1, np.int64), np.array([1 << width + 32], np.int64)
    while contexts:
        cells = np.empty(len(contexts), np.int64)
        _own(lows, sizes, owner, len(nodes))
        nodes += contexts
        level: list[bytes] = []
        level_lows, level_sizes = [], []
        for at in range(0, len(contexts), _BATCH):
            part = contexts[at : at + _BATCH]
            n = len(part)
            arrays = [np.empty(256 * n, np.int64) for _ in range(4)]
            count = expand(
                lows[at : at + n],
                sizes[at : at + n],
                model.cdfs(part, bits),
                bits,
                cells[at : at + n],
                *arrays,
            )
            of, byte, low, size = (a[:count] for a in arrays)
            level += [part[i] + bytes([b]) for i, b in zip(of.tolist(), byte.tolist())]
            level_lows.append(low.copy())
            level_sizes.append(size.copy())
        emitted.append(cells)
        contexts, lows, sizes = level, np.concatenate(level_lows), np.concatenate(level_sizes)
    return nodes, np.concatenate(emitted), owner


@njit(cache=True, nogil=True)
def _own(lows, sizes, owner, base):
    """The whole cells of each node of a level; deeper levels come later and take theirs over."""
    for i in range(len(lows)):
        for cell in range(-(-lows[i] >> 32), (lows[i] + sizes[i]) >> 32):
            owner[cell] = base + i


@njit(cache=True, nogil=True)
def _likely(m, e, cdfs, bits, least_m, least_e, child_of, child_byte, child_m, child_e):
    """Children of probability at least least_m · 2**-least_e, each as m · 2**-e with 2**46 ≤ m < 2**47."""
    n = 0
    for i in range(len(m)):
        for s in range(256):
            p = (m[i] * (cdfs[i, s + 1] - cdfs[i, s])) >> 16
            k = e[i]
            while p < np.int64(1) << 46:
                p <<= 1
                k += 1
            if k < least_e or (k == least_e and p >= least_m):
                child_of[n] = i
                child_byte[n] = s
                child_m[n] = p
                child_e[n] = k
                n += 1
    return n


def _as_likely_as(model: ByteModel, least_m: int, least_e: int, limit: int):
    """All strings of at least that probability, with it; None once there are more than ``limit``."""
    found: list[bytes] = []
    ms, es = [], []
    contexts, m, e = [b""], np.array([(1 << 47) - 1], np.int64), np.array([47], np.int64)
    while contexts:
        level, next_m, next_e = [], [], []
        for at in range(0, len(contexts), _BATCH):
            part = contexts[at : at + _BATCH]
            n = len(part)
            arrays = [np.empty(256 * n, np.int64) for _ in range(4)]
            count = _likely(
                m[at : at + n], e[at : at + n], model.cdfs(part, 16), 16, least_m, least_e, *arrays
            )
            of, byte, child_m, child_e = (a[:count] for a in arrays)
            level += [part[i] + bytes([b]) for i, b in zip(of.tolist(), byte.tolist())]
            next_m.append(child_m.copy())
            next_e.append(child_e.copy())
            if len(found) + len(level) > limit:
                return None
        contexts, m, e = level, np.concatenate(next_m), np.concatenate(next_e)
        found += contexts
        ms.append(m)
        es.append(e)
    return found, np.concatenate(ms), np.concatenate(es)


def likeliest_strings(model: ByteModel, size: int) -> list[bytes]:
    """The 256 bytes, and of the longer strings the ``size - 256`` most probable, equal ones in the order of
    their bytes (a string is never in without its prefixes: they are more probable)."""
    if not 256 <= size <= 1 << 20:  # of the trie's nodes, too, there are then few enough
        raise LabError(f"a model dictionary of {size} strings: give 256 to 1M")
    out = [bytes([b]) for b in range(256)]
    if size == 256:
        return out
    # Halve the least probability until there are enough strings, then keep the most probable.
    for k in range(8, 64):
        found = _as_likely_as(model, 1 << 46, 46 + k, 1 << 22)
        if found is None:
            raise LabError("this M1 spreads its probability too evenly for a dictionary")
        strings, m, e = found
        if sum(len(s) > 1 for s in strings) >= size - 256:
            break
    ranked = sorted((int(e[i]), -int(m[i]), s) for i, s in enumerate(strings) if len(s) > 1)
    return out + [s for _, _, s in ranked[: size - 256]]
