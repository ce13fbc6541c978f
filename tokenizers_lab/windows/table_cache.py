"""Compiled tables of 16-bit windows as arrays, and kept on disk: one is made once for each M1
(``growth.py``), which takes seconds.

They lie in nzip's cache (:data:`nzip.cache.LAB`), which gives back what was put in or nothing. An entry's
name is the hash of all that the table depends on, so a table is never another model's.

Concession: two processes that need the same table at once both make it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io

import numpy as np

from nzip import cache
from tokenizers_lab.errors import DataError
from tokenizers_lab.files import pack_arrays, pack_strings, unpack_arrays, unpack_strings
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
    name = f"windows-{key[:32]}"
    content = cache.LAB.get(name)
    if content is not None:
        # What was kept is what was written, yet perhaps by another version of the lab.
        with contextlib.suppress(DataError):
            head, arrays = unpack_arrays(io.BytesIO(content))
            if head == {"kind": "windows", "key": key}:
                return table_from_arrays(arrays, name)
    table = window_strings(model, 16, bits)
    cache.LAB.put(name, [pack_arrays({"kind": "windows", "key": key}, table_arrays(table))])
    return table
