"""The lab's own files: outputs that appear whole, arrays with a JSON head, files read block by block.

What a codec, an M1, a table of windows or a checkpoint of training keeps on disk are NumPy's zipped arrays
beside one named ``head``, written by :func:`pack_arrays`: the same bytes for the same content, so files can
be compared by hash.

Concession: what is written whole is held in memory first. Shards of datasets and checkpoints of networks are
written as they come, under a temporary name, where they are made.
"""

from __future__ import annotations

import io
import json
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from nzip.io import safe_output
from nzip.io.streams import read_fully
from tokenizers_lab.errors import DataError, LabError

BLOCK = 4 << 20
_FAULTS = (
    ValueError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    AttributeError,
    TypeError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,  # NumPy mends headers of old with Python's tokenizer
)
# What arrays may unpack to: ours shrink to a tenth at best, a file made to fill memory to a thousandth.
_SMALL, _RATIO = 64 << 20, 100
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_blocks(file, size: int = BLOCK) -> Iterator[bytes]:
    """What is left of an open file as blocks of up to ``size`` bytes."""
    while block := read_fully(file, size):
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


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """An array of an archive, allocated only once its header agrees with the member's size."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename}: packed in a way that this lab never packs")
    with archive.open(member) as file:
        return _from_npy(file, member.file_size, member.filename)


def _from_npy(file, length: int, name: str) -> np.ndarray:
    """An array of ``length`` bytes with its header."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"{name}: a header of version {version}")
    shape, fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError(f"{name}: holds Python objects")
    if any(n < 0 for n in shape):
        raise ValueError(f"{name}: has the shape {shape}")
    size = math.prod(shape) * dtype.itemsize
    if file.tell() + size != length:
        raise ValueError(f"{name}: its shape {shape} does not fit {length} bytes")
    data = bytearray()
    while block := file.read(min(BLOCK, size + 1 - len(data))):
        data += block  # grows with what is there, whatever the archive claims
    if len(data) != size:
        raise ValueError(f"{name}: is cut short")
    if not dtype.itemsize:
        raise ValueError(f"{name}: its items have no bytes")
    array = np.frombuffer(data, dtype).reshape(shape[::-1] if fortran else shape)
    return array.T if fortran else array


def read_array(path, name: str | None = None) -> np.ndarray:
    """The array of an ``.npy`` file, in memory that grows with what it holds, never by what it claims.
    ``name``: for errors. Raises :class:`DataError`, and :class:`OSError` where it cannot be opened."""
    with open(path, "rb") as file:
        try:
            return _from_npy(file, os.fstat(file.fileno()).st_size, "its header")
        except _FAULTS as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{name or path}: not a NumPy array, or damaged: {why}") from None


def unpack_arrays(path, name: str | None = None) -> tuple[dict, dict[str, np.ndarray]]:
    """The head and the arrays of a file (a path, or open) written by :func:`pack_arrays`, in memory that
    grows with what the file holds, never by what it claims. ``name``: for errors. Raises
    :class:`DataError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            packed = sum(m.compress_size for m in members)
            if sum(m.file_size for m in members) > _SMALL + _RATIO * packed:
                raise ValueError(f"{packed} bytes claim to unpack to {sum(m.file_size for m in members)}")
            if len({m.filename for m in members}) < len(members):
                raise ValueError("two arrays of one name")
            arrays = {m.filename.removesuffix(".npy"): _array(archive, m) for m in members}
        head = json.loads(arrays.pop("head").tobytes())
        if not isinstance(head, dict):
            raise ValueError("its head is no object")  # noqa: TRY004 - a fault of the file
        return head, arrays
    except (OSError, *_FAULTS) as error:  # of zipfile, whatever stands in a damaged head
        raise DataError(f"{name or path}: not a file of this lab, or damaged: {error}") from None


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
