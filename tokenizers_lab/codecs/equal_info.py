"""Equal-Info Windows as tokens: ``equal-info[b=16,v=65k,m1=order-3,train=FILE,rule=stop,reset=1]``, b = 16,
24 … 128 bits a window.

Each window of W bits is cut into tokens of 8 (``v=256``) or 16 bits (``v=65k``). At b = 16 the windows are a
fixed set of strings, compiled once (``windows/growth.py``): with v=65k a token is a string and ids are dense
(``strings.py``); with v=256 the string's cell is written as two bytes. ``rule=fit`` (b = 16, v = 65k only)
gives every string that fits an id: greedy's windows, without loss, for more ids. Longer windows run M1 and
coder online. Ids behind the bits' own: end of sequence, padding, and a mark before a literal byte, which only
the end of a text can need (256, 257, 258 for v=256).

Concession: M1s other than order-n, and the rules ``delay`` and ``greedy``, run online in Python.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.codec import Codec, as_bytes_array, as_ids
from tokenizers_lab.codecs import bpe_kernel
from tokenizers_lab.codecs.strings import StringsCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, write_whole
from tokenizers_lab.m1.byte_model import ByteModel
from tokenizers_lab.m1.order_n import OrderN
from tokenizers_lab.windows import kernel, twin
from tokenizers_lab.windows.growth import WindowTable, fitting_strings
from tokenizers_lab.windows.interval import CELL_LIMBS, FRACTION, MASK, child, fits, root
from tokenizers_lab.windows.table_cache import cached_table, table_arrays

CDF_BITS = 14
VERSION = 1  # of the partition and the rules: part of every fingerprint


@njit(cache=True, nogil=True)
def cells_to_ids(cells, sizes, width, token_bits, literal, ids):
    """Windows as tokens, high bits first; a size of 0 marks a literal. Returns how many."""
    n = 0
    for w in range(len(cells)):
        if sizes[w] == 0:
            ids[n] = literal
            ids[n + 1] = cells[w, 0]
            n += 2
            continue
        for t in range(width // token_bits):
            shift = width - token_bits * (t + 1)
            ids[n] = (cells[w, shift >> 5] >> (shift & 31)) & ((1 << token_bits) - 1)
            n += 1
    return n


@njit(cache=True, nogil=True)
def ids_to_cells(ids, width, token_bits, special, literal, cells, literals, last):
    """The inverse; ``last[w]`` is the index behind window w's last token. Specials between windows are
    skipped. Returns the number of windows, or -1 - i where token i has no place."""
    n = 0
    i = 0
    while i < len(ids):
        if ids[i] == literal:
            if i + 1 >= len(ids) or ids[i + 1] > 255:
                return -1 - i
            cells[n, 0] = ids[i + 1]
            literals[n] = True
            i += 2
        elif ids[i] >= special:
            i += 1
            continue
        else:
            for t in range(width // token_bits):
                if i >= len(ids) or ids[i] >= special:
                    return -1 - min(i, len(ids) - 1)
                shift = width - token_bits * (t + 1)
                cells[n, shift >> 5] |= ids[i] << (shift & 31)
                i += 1
        last[n] = i
        n += 1
    return n


class Follower:
    """CDFs of growing contexts for the twin: goes on where it can, starts a new run of M1 where it must."""

    def __init__(self, model: ByteModel, bits: int):
        self._model, self._bits = model, bits
        self._start()

    def _start(self):
        self._walk, self._context = self._model.walk(self._bits), b""

    def __call__(self, context) -> list[int]:
        context = bytes(context)
        if not context.startswith(self._context):
            self._start()
        for byte in context[len(self._context) :]:
            self._walk.push(byte)
        self._context = context
        return self._walk.cdf().tolist()


class WindowCodec(Codec):
    """Windows of ``width`` bits under ``model`` in tokens of ``token_bits``; subclasses may know windows
    another way."""

    def __init__(
        self,
        model: ByteModel | None,
        width: int,
        token_bits: int,
        rule: str = "stop",
        reset: int = 1,
        spelling: str = "equal-info",
    ):
        # None in a subclass alone that never asks it
        self.model: ByteModel = model  # type: ignore[assignment]
        self.width, self.rule, self.reset = width, rule, reset
        self.token_bits: int = token_bits
        self.spelling = spelling
        self.lossless = twin.LOSSLESS[rule]
        self.loss = (
            None
            if self.lossless
            else "the published rule: a window's padded code may be that of a longer text"
        )
        special = 1 << token_bits
        self.eos_id, self.pad_id, self.literal_id = special, special + 1, special + 2
        self.vocab_size = special + 3

    def windows(self, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells as 32-bit limbs, int64 (n, 4), and bytes taken, int64 (n,): 0 for a literal."""
        if self.rule == "stop" and isinstance(self.model, OrderN):
            cells, sizes = np.empty((len(data), CELL_LIMBS), np.int64), np.empty(len(data), np.int64)
            n = kernel.encode_order_n(
                data, self.width, CDF_BITS, self.reset, cells, sizes, *self.model.tables
            )
            return cells[:n], sizes[:n]
        found = twin.encode(
            data.tobytes(), Follower(self.model, CDF_BITS), self.width, CDF_BITS, self.rule, self.reset
        )
        cells, sizes = np.zeros((len(found), CELL_LIMBS), np.int64), np.zeros(len(found), np.int64)
        at = 0
        for i, window in enumerate(found):
            if window.cell is None:
                cells[i, 0] = data[at]
            else:
                cells[i], sizes[i] = _limbs(window.cell), window.size
            at += window.size
        return cells, sizes

    def encode(self, data) -> np.ndarray:
        cells, sizes = self.windows(as_bytes_array(data))
        ids = np.empty(max(self.width // self.token_bits, 2) * len(cells), dtype=np.uint32)
        return ids[: cells_to_ids(cells, sizes, self.width, self.token_bits, self.literal_id, ids)].copy()

    def parse(self, ids) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cells, which are literal bytes, and the index behind each window's last token. Raises
        :class:`DataError`."""
        ids = as_ids(ids, self.vocab_size)
        cells, literals = np.zeros((len(ids), CELL_LIMBS), np.int64), np.zeros(len(ids), np.bool_)
        last = np.zeros(len(ids), np.int64)
        n = ids_to_cells(
            ids, self.width, self.token_bits, self.eos_id, self.literal_id, cells, literals, last
        )
        if n < 0:
            raise DataError(
                f"token {-1 - n} does not belong there: a window of {self.width} bits is cut short"
            )
        return cells[:n], literals[:n], last[:n]

    def expand(self, cells: np.ndarray, literals: np.ndarray) -> tuple[bytes, np.ndarray]:
        """The bytes of windows and where each ends in them."""
        if self.rule == "stop" and isinstance(self.model, OrderN):
            out, ends, at = (
                np.empty(max(8 * len(cells), 1 << 13), np.uint8),
                np.zeros(len(cells), np.int64),
                0,
            )
            while True:
                at = kernel.decode_order_n(
                    cells, literals, self.width, CDF_BITS, self.reset, at, out, ends, *self.model.tables
                )
                if at == len(cells):
                    return out[: ends[-1] if at else 0].tobytes(), ends
                # Every byte narrows the interval, so a window ends, and the room is enough at some time.
                out = np.concatenate([out, np.empty(3 * len(out), np.uint8)])
        follower, text, stops, origin = Follower(self.model, CDF_BITS), bytearray(), list[int](), 0
        for i, (cell, literal) in enumerate(zip(cells.tolist(), literals.tolist())):
            origin = len(text) if self.reset and i % self.reset == 0 else origin
            number = sum(limb << 32 * i for i, limb in enumerate(cell))
            text += (
                bytes([number])
                if literal
                else bytes(
                    twin.decode(number, follower, self.width, CDF_BITS, self.rule, bytes(text[origin:]))
                )
            )
            stops.append(len(text))
        return bytes(text), np.array(stops, dtype=np.int64)

    def decode(self, ids) -> bytes:
        cells, literals, _ = self.parse(ids)
        return self.expand(cells, literals)[0]

    def origin(self, window: int) -> int:
        """The window at whose beginning M1 was last reset."""
        return window // self.reset * self.reset if self.reset else 0

    def cells_beginning_with(self, text: bytes, before: bytes) -> range:
        """The cells of texts that begin with ``text``, in a window which M1 enters with the context
        ``before``; none where it takes more than a window. (Under ``delay`` some of them end earlier.)"""
        follower, interval = Follower(self.model, CDF_BITS), root(self.width)
        for i, byte in enumerate(text):
            cdf = follower(before + text[:i])
            interval = child(interval, cdf[byte], cdf[byte + 1], CDF_BITS)
            if not fits(interval):
                return range(0)
        return range(-(-interval.low >> FRACTION), interval.high >> FRACTION)

    def offsets(self, data, ids=None) -> np.ndarray:
        """A window's bytes belong to its last token."""
        data = as_bytes_array(data)
        _, sizes = self.windows(data)
        per = np.where(sizes == 0, 2, self.width // self.token_bits)
        out = np.zeros(int(per.sum()) + 1, dtype=np.int64)
        out[np.cumsum(per)] = np.maximum(sizes, 1)
        return np.cumsum(out)

    def description(self) -> dict:
        return {
            "codec": "equal-info",
            "version": VERSION,
            "width": self.width,
            "token_bits": self.token_bits,
            "rule": self.rule,
            "reset": self.reset,
            "cdf_bits": CDF_BITS,
            "m1": self.model.fingerprint(),
        }

    def save(self, path) -> None:
        if not isinstance(self.model, OrderN):
            return super().save(path)
        head = {
            "kind": "equal-info",
            "width": self.width,
            "token_bits": self.token_bits,
            "rule": self.rule,
            "reset": self.reset,
            "m1": self.model.spelling,
        }
        write_whole(path, pack_arrays(head, self.model.arrays()))

    @classmethod
    def from_arrays(cls, head: dict, arrays: dict, spelling: str) -> WindowCodec:
        try:
            return cls(
                OrderN.from_arrays(arrays, head.get("m1")),
                *check(head["width"], head["token_bits"], head["rule"], head["reset"], spelling),
                spelling,
            )
        except KeyError as error:
            raise DataError(f"{spelling}: damaged: no {error}") from None


class PairCodec(WindowCodec):
    """``equal-info[b=16,v=256]`` by the compiled table: a string's cell as two bytes. ``owner[cell]``: the
    string in ``strings`` that the cell decodes to."""

    def __init__(self, table: WindowTable, facts: dict, spelling: str):
        super().__init__(None, 16, 8, spelling=spelling)
        self._strings, self._table, self.facts = strings_codec(table.strings, facts, spelling), table, facts
        self.strings = self._strings.strings
        place = {s: i for i, s in enumerate(self.strings)}
        own = np.array([place[s] for s in table.strings], dtype=np.int64)
        self._cells = np.full(len(place), -1, np.int64)
        self._cells[own] = table.emitted
        self.owner = own[table.owner]
        self._bytes = np.array([place[bytes([b])] for b in range(256)])

    def windows(self, data):
        ids = self._strings.encode(data)
        cells = np.zeros((len(ids), CELL_LIMBS), np.int64)
        cells[:, 0] = self._cells[ids]
        sizes = self._strings.token_lengths()[ids]
        literal = cells[:, 0] < 0
        cells[literal, 0] = self._strings._arena[self._strings._starts[ids[literal]]]
        sizes[literal] = 0
        return cells, sizes

    def expand(self, cells, literals):
        ids = np.where(literals, self._bytes[np.minimum(cells[:, 0], 255)], self.owner[cells[:, 0]])
        ends = np.cumsum(self._strings.token_lengths()[ids])
        return bpe_kernel.decode(ids, self._strings._starts, self._strings._arena).tobytes(), ends

    def cells_beginning_with(self, text, before):
        low = bisect_left(self.strings, text)
        high = bisect_left(self.strings, True, low, key=lambda s: not s.startswith(text))
        cells = np.flatnonzero((self.owner >= low) & (self.owner < high))
        return range(int(cells[0]), int(cells[-1]) + 1) if len(cells) else range(0)

    def description(self) -> dict:
        digest = hashlib.sha256(
            self._table.emitted.astype("<i8").tobytes() + self._table.owner.astype("<i4").tobytes()
        ).hexdigest()
        return {**self._strings.description(), "token_bits": 8, "cells": digest}

    def save(self, path) -> None:
        head = {"kind": "equal-info-pairs", "facts": self.facts}
        write_whole(path, pack_arrays(head, table_arrays(self._table)))


def _limbs(cell: int) -> list[int]:
    return [cell >> 32 * i & MASK for i in range(CELL_LIMBS)]


def strings_codec(strings: list[bytes], facts: dict, spelling: str) -> StringsCodec:
    """``equal-info[b=16,v=65k]``: the strings of the table and the bytes that are none, which only a text's
    end can need."""
    strings = sorted({*strings, *(bytes([b]) for b in range(256))})
    return StringsCodec(strings, facts, spelling, nominal=1 << 16)


def widest_strings(table: WindowTable, count: int) -> list[bytes]:
    """The strings that most cells decode to (which M1 finds likeliest), equals in their order, so many that
    with the 256 bytes they are ``count``."""
    chosen = {bytes([b]) for b in range(256)}
    cells = np.bincount(table.owner, minlength=len(table.strings))
    for i in np.argsort(-cells, kind="stable"):
        if len(chosen) >= count:
            break
        chosen.add(table.strings[i])
    return sorted(chosen)


def check(width, token_bits, rule, reset, spelling) -> tuple[int, int, str, int]:
    """The parameters of a codec, or :class:`LabError`."""
    if not all(type(n) is int for n in (width, token_bits, reset)):
        raise LabError(f"codec {spelling!r}: b, v and reset are whole numbers")
    if width % 8 or not 16 <= width <= 128:
        raise LabError(f"codec {spelling!r}: b must be 16, 24, 32 … 128")
    if token_bits not in (8, 16) or width % token_bits:
        raise LabError(f"codec {spelling!r}: v must be 256, or 65k where b is a multiple of 16")
    if rule not in (*twin.RULES, "fit"):
        raise LabError(f"codec {spelling!r}: rule must be one of {', '.join(twin.RULES)}, fit")
    if rule == "fit" and (width, token_bits, reset) != (16, 16, 1):
        raise LabError(f"codec {spelling!r}: rule=fit is for b=16, v=65k, reset=1")
    if not 0 <= reset < 1 << 31:
        raise LabError(f"codec {spelling!r}: reset must be 1, or a number of windows, or never")
    return width, token_bits, rule, reset


def create(
    model: ByteModel,
    width: int,
    token_bits: int,
    rule: str,
    reset: int,
    spelling: str,
    keep: int | None = None,
) -> Codec:
    """The codec of these parameters; at b = 16 its table is compiled, or taken from the cache. ``keep``: ids
    in all, where not all of the table's strings are wanted."""
    check(width, token_bits, rule, reset, spelling)
    if keep is not None and (keep < 512 or (width, token_bits, rule, reset) != (16, 16, "stop", 1)):
        raise LabError(f"codec {spelling!r}: keep is for b=16, v=65k, rule=stop, and 512 or more")
    if width > 16 or rule in ("delay", "greedy") or reset != 1:
        return WindowCodec(model, width, token_bits, rule, reset, spelling)
    facts = {
        "codec": "equal-info",
        "version": VERSION,
        "width": 16,
        "rule": rule,
        "cdf_bits": CDF_BITS,
        "m1": model.fingerprint(),
    }
    if rule == "fit":
        return strings_codec(fitting_strings(model, 16, CDF_BITS), facts, spelling)
    table = cached_table(model, CDF_BITS, facts)
    if keep is not None:
        return strings_codec(widest_strings(table, keep - 2), {**facts, "keep": keep}, spelling)
    return (
        strings_codec(table.strings, facts, spelling)
        if token_bits == 16
        else PairCodec(table, facts, spelling)
    )
