"""The lab's files: sources read block by block, outputs that appear whole, arrays with a JSON head.

What a codec, an M1, a table of windows or a checkpoint of training keeps on disk are NumPy's zipped arrays
beside one named ``head``, written by :func:`pack_arrays`: the same bytes for the same content, so files can
be compared by hash.

Concession: what is written whole is held in memory first. Shards of datasets and checkpoints of networks are
written as they come, under a temporary name, where they are made.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from nzip.io import safe_output
from tokenizers_lab.errors import DataError, LabError

BLOCK = 4 << 20


def read_blocks(path, size: int = BLOCK) -> Iterator[bytes]:
    """A file as blocks of ``size`` bytes; ``.xz`` and ``.gz`` files are unpacked as they are read."""
    openers: dict[str, Callable] = {".xz": lzma.open, ".gz": gzip.open}
    opener = openers.get(str(path)[-3:], open)
    with opener(path, "rb") as source:
        while block := source.read(size):
            yield block


def write_whole(path, data: bytes) -> None:
    """Make ``data`` the content of ``path``, all of it or none: :func:`nzip.io.safe_output.write_whole`.
    Raises
    :class:`LabError` where that fails."""
    try:
        safe_output.write_whole(path, data)
    except safe_output.FileError as error:
        raise LabError(str(error)) from None


def write_json(path, value, *, ascii: bool = True) -> None:
    """JSON for people and programs, whole: an indent of one, a line end behind it. ``ascii``: other
    characters as escapes."""
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=ascii).encode() + b"\n")


def pack_arrays(head: dict, arrays: dict) -> bytes:
    """Zipped arrays with a JSON head, the same bytes for the same content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in [
            ("head", np.frombuffer(json.dumps(head, sort_keys=True).encode(), np.uint8)),
            *arrays.items(),
        ]:
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0)), member.getvalue(), zipfile.ZIP_DEFLATED
            )
    return out.getvalue()


def unpack_arrays(path) -> tuple[dict, dict[str, np.ndarray]]:
    """The head and the arrays of a file written by :func:`pack_arrays`. Raises :class:`DataError`."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return json.loads(arrays.pop("head").tobytes()), arrays
    except (
        OSError,
        ValueError,
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        MemoryError,
    ) as error:  # of zipfile, whatever stands in a damaged head
        raise DataError(f"{path}: not a file of this lab, or damaged: {error}") from None


def pack_strings(strings: list[bytes]) -> dict[str, np.ndarray]:
    """Byte strings as arrays for a file: ``arena`` (uint8, end to end) and ``lengths`` (int32)."""
    return {
        "arena": np.frombuffer(b"".join(strings), dtype=np.uint8),
        "lengths": np.array([len(s) for s in strings], dtype=np.int32),
    }


def unpack_strings(arrays: dict, name: str) -> list[bytes]:
    """The inverse of :func:`pack_strings`; raises :class:`DataError` where the arrays contradict each
    other."""
    try:
        arena, lengths = arrays["arena"].astype(np.uint8).tobytes(), arrays["lengths"].astype(np.int64)
    except (KeyError, ValueError) as error:
        raise DataError(f"{name}: damaged: {error}") from None
    if lengths.ndim != 1 or (lengths < 1).any() or int(lengths.sum()) != len(arena):
        raise DataError(f"{name}: damaged: its strings do not add up")
    ends = np.cumsum(lengths).tolist()
    return [arena[a:b] for a, b in zip([0, *ends], ends)]
