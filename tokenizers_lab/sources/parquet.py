"""Parquet files as rows of bytes: what of a file that pyarrow reads is text, whatever type the column has.

Strings are the bytes that stand there, whether UTF-8 or not. pyarrow insists on UTF-8 where a column was
written as a dictionary (pandas' categories), so there the note that says so is hidden from it
(:class:`_Unnoted`), and it reads the strings plainly.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from nzip.io.streams import read_fully
from tokenizers_lab.errors import DataError
from tokenizers_lab.sources.finding import place

_NOTE = b"ARROW:schema"  # the key under which pyarrow keeps the types it was given
_ROWS = 1024


def footer(path):
    """What a Parquet file says of itself. Raises :class:`DataError`."""
    import pyarrow  # start-up, and an optional dependency
    import pyarrow.parquet as pq  # start-up, and an optional dependency

    try:
        return pq.read_metadata(place(str(path)))
    except (pyarrow.ArrowInvalid, pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{path}: not a Parquet file, or half-written: {str(error).splitlines()[0]}"
        ) from None


def texts(file, path: str, start: int, stop: int | None, column: str) -> Iterator[tuple[int, bytes | None]]:
    """Number and bytes (None where there is no text) of each row in the row groups ``start .. stop`` (None:
    to the end) of an open ``file``. Raises :class:`DataError`; ``path`` is for errors."""
    import pyarrow  # start-up, and an optional dependency
    import pyarrow.parquet as pq  # start-up, and an optional dependency

    try:
        opened = pq.ParquetFile(file)
        names = opened.schema_arrow.names
        if column not in names:
            raise DataError(
                f"{path}: no column {column!r} (there are {', '.join(names)}); name it by --text-key"
            )
        if names.count(column) > 1:
            raise DataError(f"{path}: has {names.count(column)} columns {column!r}; one can be read")
        if pyarrow.types.is_dictionary(opened.schema_arrow.field(column).type):
            opened = pq.ParquetFile(_Unnoted(file))
        stop = opened.num_row_groups if stop is None else stop
        row = sum(opened.metadata.row_group(g).num_rows for g in range(start))
        for group in range(start, stop):
            for batch in opened.iter_batches(batch_size=_ROWS, row_groups=[group], columns=[column]):
                # A dot in the name would ask for what is nested, too.
                for value in _as_bytes(batch.column(batch.schema.get_field_index(column))).to_pylist():
                    yield row, value if isinstance(value, bytes) else None
                    row += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged: {(str(error) or 'no reason given').splitlines()[0]}") from None


def _as_bytes(column):
    import pyarrow as pa  # start-up, and an optional dependency

    if isinstance(column, pa.ExtensionArray) and pa.types.is_string(column.type.storage_type):
        column = column.storage  # JSON that is marked as such
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type):
        return column.cast(pa.binary())
    if pa.types.is_large_string(column.type) or str(column.type) == "string_view":
        return column.cast(pa.large_binary())
    return column


class _Unnoted(io.RawIOBase):
    """A Parquet file whose footer says nothing of Arrow's types: the key of that note has another name, of
    the same length."""

    def __init__(self, file):
        self._file = file
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 8))
        length = int.from_bytes(read_fully(file, 4), "little")
        begin = max(0, size - 8 - length)
        file.seek(begin)
        found = re.finditer(re.escape(_NOTE), read_fully(file, length))
        self._notes = [begin + match.start() for match in found]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset, whence=io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer) -> int:
        at = self._file.tell()
        raw = bytearray(self._file.read(len(buffer)))
        for note in self._notes:
            for i in range(max(note, at), min(note + len(_NOTE), at + len(raw))):
                raw[i - at] = ord("-")
        buffer[: len(raw)] = raw
        return len(raw)
