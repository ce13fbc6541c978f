"""Costs as files: ``.npy``, ``.jsonl`` or ``.parquet``, written a block at a time, whole or not at all.

Concession: the header of ``.npy`` holds a count that is known at the end only, so that its entries wait in a
temporary file."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from nzip.errors import NzipError
from nzip.io.safe_output import Output

SUFFIXES = (".npy", ".jsonl", ".parquet")
_SYMBOL = np.dtype([("start", np.int64), ("length", np.int32), ("bits", np.float64)])


def check(path: str) -> str:
    """The suffix of a file for costs. Raises :class:`NzipError` where it is none, or where what writes such a
    file is not there."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise NzipError(f"{path}: costs are written as .npy, .jsonl or .parquet: give one of these suffixes")
    if suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401  # optional
        except ImportError as error:
            raise NzipError(f"{path}: writing Parquet needs pyarrow: pip install pyarrow") from error
    return suffix


class Entries(Protocol):
    """What is written: a :class:`nzip.pricing.Costs`, which see."""

    @property
    def bits(self) -> np.ndarray: ...

    @property
    def starts(self) -> np.ndarray: ...

    @property
    def lengths(self) -> np.ndarray: ...

    def __len__(self) -> int: ...

    def columns(self) -> dict[str, np.ndarray]: ...


class Writer:
    """``take`` each block's costs in turn, then ``commit`` what they are all together."""

    def __init__(self, path: str, view: str, force: bool = True):
        self._suffix, self._view = check(path), view
        self._output = Output(path, force=force)

    def __enter__(self) -> Self:
        self._output.__enter__()
        self._spool: Any = tempfile.TemporaryFile() if self._suffix != ".parquet" else None
        self._count = 0
        self._parquet: Any = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._spool is not None:
            self._spool.close()
        self._output.__exit__(kind, value, traceback)

    def take(self, costs: Entries) -> None:
        """One block's, of the writer's view."""
        self._count += len(costs)
        if self._suffix == ".npy":
            self._spool.write(self._records(costs).tobytes())
        elif self._suffix == ".jsonl":
            for at in range(0, len(costs), 1 << 14):
                part = slice(at, at + (1 << 14))
                rows = zip(
                    costs.starts[part].tolist(), costs.lengths[part].tolist(), costs.bits[part].tolist()
                )
                text = "".join(f'{{"start":{s},"length":{n},"bits":{b:.6g}}}\n' for s, n, b in rows)
                self._spool.write(text.encode())
        else:
            self._write_parquet(costs)

    def commit(self, header: dict[str, Any]) -> None:
        """All is there: ``header`` says what it is, and the file appears."""
        if self._suffix == ".npy":
            kind = np.dtype(np.float64) if self._view == "bytes" else _SYMBOL
            shape = {
                "descr": np.lib.format.dtype_to_descr(kind),
                "fortran_order": False,
                "shape": (self._count,),
            }
            np.lib.format.write_array_header_1_0(self._output, shape)  # type: ignore[arg-type]
        elif self._suffix == ".jsonl":
            self._output.write((json.dumps(header) + "\n").encode())
        else:
            if self._parquet is None:  # no bytes: a table without rows
                self._write(_nothing())
            self._parquet.add_key_value_metadata({"nzip": json.dumps(header)})
            self._parquet.close()
        if self._spool is not None:
            self._spool.seek(0)
            shutil.copyfileobj(self._spool, self._output, 1 << 20)  # type: ignore[misc]
        self._output.commit()

    def _records(self, costs: Entries) -> np.ndarray:
        if self._view == "bytes":
            return costs.bits
        records = np.empty(len(costs), _SYMBOL)
        records["start"], records["length"], records["bits"] = costs.starts, costs.lengths, costs.bits
        return records

    def _write_parquet(self, costs: Entries) -> None:
        import pyarrow  # optional

        self._write(pyarrow.table(costs.columns()))

    def _write(self, table: Any) -> None:
        import pyarrow.parquet  # optional

        if self._parquet is None:
            self._parquet = pyarrow.parquet.ParquetWriter(
                _Sink(self._output), table.schema, compression="zstd"
            )
        self._parquet.write_table(table)


def _nothing() -> Any:
    import pyarrow  # optional

    fields = [("start", pyarrow.int64()), ("length", pyarrow.int32()), ("bits", pyarrow.float64())]
    return pyarrow.schema(fields).empty_table()


class _Sink:
    """What pyarrow writes to: an output that it may neither close nor ask much."""

    def __init__(self, output: Output):
        self._output, self._at, self.closed = output, 0, False

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self._output.write(data)
        self._at += size
        return size

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """What is to be flushed is the output's affair."""

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False
