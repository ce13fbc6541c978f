"""The three layouts of a shard: nanoGPT's flat ``.bin``, Megatron's ``.bin`` and ``.idx``, Parquet.

Each writer takes documents one at a time, keeps a bounded buffer, and writes under a temporary name;
``commit`` renames, so a killed worker leaves no file that looks finished. Beside every shard stands
``STEM.docs.npy``: int64 of shape (documents, 4): source, key in it, raw bytes, tokens (the end-of-sequence
token counted). Without it bits per byte are impossible."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

DOCS = ".docs.npy"
_MEGATRON_CODES = {"uint16": 8, "int32": 4}


def dtype_of(vocab_size: int, layout: str) -> str:
    """uint16 where the ids fit, else uint32 (Megatron knows int32 only)."""
    if vocab_size <= 1 << 16:
        return "uint16"
    return "int32" if layout == "megatron" else "uint32"


class ShardWriter:
    """One split of one shard. Use as a context manager: what is not committed is removed."""

    suffixes: tuple[str, ...] = (".bin",)

    def __init__(self, folder, stem: str, dtype: str):
        self.folder, self.stem, self.dtype = Path(folder), stem, np.dtype(dtype).newbyteorder("<")
        self.tokens = self.bytes = 0
        self.raw_hash = hashlib.sha256()
        self._docs: list[tuple[int, int, int, int]] = []
        self._done = False
        for name in self.folder.glob(f".{stem}.*.tmp"):  # of a worker that was killed
            name.unlink(missing_ok=True)
        self._open()

    def temporary(self, suffix: str) -> Path:
        return self.folder / f".{self.stem}{suffix}.{os.getpid()}.tmp"

    def _open(self) -> None:
        self._file: Any = open(self.temporary(".bin"), "wb")  # noqa: SIM115 - closed by commit or exit

    def add(self, source: int, key: int, raw, ids: np.ndarray) -> None:
        """A document: its bytes and its tokens."""
        self._write(ids.astype(self.dtype, copy=False), len(raw), source)
        self._docs.append((source, key, len(raw), len(ids)))
        self.tokens += len(ids)
        self.bytes += len(raw)
        self.raw_hash.update(raw)

    def _write(self, ids: np.ndarray, raw_bytes: int, source: int) -> None:
        self._file.write(ids.data)

    def _close(self) -> None:
        _sync(self._file)

    def commit(self) -> dict:
        """Rename into place and return the record of this split for the manifest."""
        self._close()
        with open(self.temporary(DOCS), "wb") as file:
            np.save(file, np.array(self._docs, dtype="<i8").reshape(-1, 4))
            _sync(file)
        files = {}
        for suffix in (*self.suffixes, DOCS):
            digest, size = hash_file(self.temporary(suffix))
            files[self.stem + suffix] = {"bytes": size, "sha256": digest}
        for suffix in (*self.suffixes, DOCS):
            os.replace(self.temporary(suffix), self.folder / (self.stem + suffix))
        self._done = True
        return {
            "files": files,
            "documents": len(self._docs),
            "tokens": self.tokens,
            "bytes": self.bytes,
            "raw_sha256": self.raw_hash.hexdigest(),
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self._done:
            self._file.close()
            for suffix in (*self.suffixes, DOCS):
                self.temporary(suffix).unlink(missing_ok=True)


class NanoGptWriter(ShardWriter):
    """All documents end to end, no header."""


class MegatronWriter(ShardWriter):
    """``.bin`` as nanoGPT's; ``.idx``: ``MMIDIDX\\0\\0``, version 1 (u64), dtype code (u8), sequences (u64),
    documents + 1 (u64), lengths (i32), byte offsets (i64), document index (i64). Each of our documents is one
    sequence."""

    suffixes = (".bin", ".idx")

    def _close(self) -> None:
        super()._close()
        lengths = np.array([d[3] for d in self._docs], dtype="<i4")
        pointers = np.zeros(len(lengths), dtype="<i8")
        np.cumsum(lengths[:-1].astype(np.int64) * self.dtype.itemsize, out=pointers[1:])
        with open(self.temporary(".idx"), "wb") as file:
            file.write(
                b"MMIDIDX\0\0"
                + struct.pack("<QBQQ", 1, _MEGATRON_CODES[self.dtype.name], len(lengths), len(lengths) + 1)
            )
            file.write(
                lengths.tobytes() + pointers.tobytes() + np.arange(len(lengths) + 1, dtype="<i8").tobytes()
            )
            _sync(file)


class ParquetWriter(ShardWriter):
    """Columns ``input_ids`` (list of uint16 or uint32), ``bytes`` (int64, raw bytes), ``source`` (int32,
    index in the manifest)."""

    suffixes = (".parquet",)
    _GROUP = 1 << 20  # tokens a row group

    def _open(self) -> None:
        import pyarrow as pa  # start-up, and an optional dependency
        import pyarrow.parquet as pq  # start-up, and an optional dependency

        self._ids: list[np.ndarray] = []
        self._rows: list[tuple[int, int]] = []
        self._schema = pa.schema(
            [
                ("input_ids", pa.list_(pa.from_numpy_dtype(np.dtype(self.dtype.name)))),
                ("bytes", pa.int64()),
                ("source", pa.int32()),
            ]
        )
        self._file = pq.ParquetWriter(self.temporary(".parquet"), self._schema, compression="zstd")

    def _write(self, ids, raw_bytes, source) -> None:
        self._ids.append(np.array(ids))
        self._rows.append((raw_bytes, source))
        if sum(map(len, self._ids)) >= self._GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa  # start-up, and an optional dependency

        if not self._rows:
            return
        ends = np.zeros(len(self._ids) + 1, dtype=np.int32)
        np.cumsum([len(i) for i in self._ids], out=ends[1:])
        lists = pa.ListArray.from_arrays(ends, pa.array(np.concatenate(self._ids)))
        self._file.write_table(
            pa.table(
                [
                    lists,
                    pa.array([r[0] for r in self._rows], pa.int64()),
                    pa.array([r[1] for r in self._rows], pa.int32()),
                ],
                schema=self._schema,
            )
        )
        self._ids, self._rows = [], []

    def _close(self) -> None:
        self._flush()
        self._file.close()
        with open(self.temporary(".parquet"), "rb+") as file:
            os.fsync(file.fileno())


WRITERS = {"nanogpt": NanoGptWriter, "megatron": MegatronWriter, "parquet": ParquetWriter}


def _sync(file) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def hash_file(path) -> tuple[str, int]:
    """SHA-256 (hex) and size."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, file.tell()
