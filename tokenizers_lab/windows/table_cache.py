"""Compiled tables of 16-bit windows as arrays, and kept on disk: one is made once for each M1
(``growth.py``), which takes seconds.

They lie in nzip's cache, in ``lab``. A file's name is the hash of all that the table depends on, and its
content carries its own, so a damaged or foreign file is made anew and never believed.

Concession: nothing is ever removed from the cache.
"""

from __future__ import annotations

import hashlib

import numpy as np

from nzip import cache
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, pack_strings, unpack_arrays, unpack_strings, write_whole
from tokenizers_lab.m1.byte_model import ByteModel
from tokenizers_lab.windows.growth import WindowTable, window_strings


def table_arrays(table: WindowTable) -> dict:
    """What a file keeps of a table; :func:`table_from_arrays` is its inverse."""
    return {**pack_strings(table.strings), "emitted": table.emitted, "owner": table.owner}


def table_from_arrays(arrays: dict, name: str) -> WindowTable:
    """Raises :class:`DataError` where the arrays contradict each other."""
    strings = unpack_strings(arrays, name)
    try:
        emitted, owner = arrays["emitted"].astype(np.int64), arrays["owner"].astype(np.int32)
    except (KeyError, ValueError) as error:
        raise DataError(f"{name}: damaged: {error}") from None
    n = len(strings)
    if (
        emitted.shape != (n,)
        or owner.shape != (1 << 16,)
        or not n
        or (owner < 0).any()
        or (owner >= n).any()
        or (emitted < 0).any()
        or (emitted >> 16).any()
        or (owner[emitted] != np.arange(n)).any()
    ):
        raise DataError(f"{name}: damaged: its cells and strings contradict each other")
    return WindowTable(strings, emitted, owner)


def cached_table(model: ByteModel, bits: int, facts: dict) -> WindowTable:
    """The table under ``model`` with CDFs of ``bits`` bits, kept on disk under the hash of ``facts``, which
    are all it depends on."""
    key = hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()
    folder = cache.folder("lab")  # None: nothing is to be kept
    path = folder and folder / f"windows-{key[:32]}.npz"
    if path and path.is_file():
        try:
            head, arrays = unpack_arrays(path)
            table = table_from_arrays(arrays, str(path))
            if head.get("key") == key and head.get("digest") == _digest(table):
                return table
        except DataError:
            path.unlink(missing_ok=True)
    table = window_strings(model, 16, bits)
    if folder and path:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(
                path,
                pack_arrays({"kind": "windows", "key": key, "digest": _digest(table)}, table_arrays(table)),
            )
        except (OSError, LabError):
            return table  # no place to keep it: the next process compiles it again
    return table


def _digest(table: WindowTable) -> str:
    arrays = pack_strings(table.strings)
    return hashlib.sha256(
        b"".join(a.tobytes() for a in (*arrays.values(), table.emitted, table.owner))
    ).hexdigest()
