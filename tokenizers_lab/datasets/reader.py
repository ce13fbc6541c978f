"""Reading a dataset back: one long stream of tokens over all shards of a split, with its documents and its
bytes.

NumPy alone (Parquet needs pyarrow); shards are memory-mapped and opened when first touched, so a reader is
cheap to make and to send to another process. Bytes are exact: whole documents always, any stretch where
tokens have bytes of their own."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from tokenizers_lab.bits_per_byte import held
from tokenizers_lab.datasets.claims import MOST
from tokenizers_lab.datasets.manifest import TRAIN, Manifest
from tokenizers_lab.datasets.writers import DOCS
from tokenizers_lab.errors import AccountingError, DataError, LabError
from tokenizers_lab.files import read_array


class TokenReader:
    """``TokenReader(folder, "train")``; the other split, where the build made one, is ``"held_out"``.
    Use it to read tokens as NumPy arrays, in any order; torch's loaders take
    :class:`tokenizers_lab.datasets.torch_data.TokenDataset`.

    ``vocab_size``: ids are below it, ``eos`` (or None) included. ``tokens``, ``bytes``, ``documents``: the
    split's totals. Raises :class:`LabError` for an unfinished dataset or a split that is not there,
    :class:`DataError` where files and manifest contradict each other."""

    def __init__(self, folder, split: str = TRAIN):
        self.manifest = Manifest.read(folder).require_complete()
        data = self.manifest.data
        if split not in data["totals"]:
            raise LabError(f"{folder}: has no split {split!r}; it has: {', '.join(data['totals'])}")
        self.split = split
        self.vocab_size, self.eos, self.pad = data["vocab_size"], data["eos"], data["pad"]
        self._records = [s["splits"][split] for s in data["shards"] if split in s["splits"]]
        self._starts = np.concatenate([[0], np.cumsum([r["tokens"] for r in self._records])]).astype(np.int64)
        total = data["totals"][split]
        self.tokens, self.bytes, self.documents = total["tokens"], total["bytes"], total["documents"]
        self._open: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return self.tokens

    def __getstate__(self):
        return {**self.__dict__, "_open": {}}  # maps are opened again where they are needed

    def _shard(self, index: int) -> np.ndarray:
        if index not in self._open:
            record = self._records[index]
            name = next(n for n in record["files"] if n.endswith((".bin", ".parquet")))
            path = self.manifest.folder / name
            try:
                if name.endswith(".parquet"):
                    tokens = _parquet_tokens(path, record["tokens"])
                else:
                    dtype = np.dtype(self.manifest.data["dtype"]).newbyteorder("<")
                    tokens = (
                        np.memmap(path, dtype=dtype, mode="r") if record["tokens"] else np.zeros(0, dtype)
                    )
            except (OSError, ValueError) as error:
                raise DataError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
            if len(tokens) != record["tokens"]:
                raise DataError(
                    f"{path}: holds {len(tokens)} tokens, the manifest says {record['tokens']}; run "
                    "'dataset verify'"
                )
            self._open[index] = tokens
        return self._open[index]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Tokens ``start .. stop`` of the split's stream: uint16, uint32 or int32, as stored. The end may lie
        behind it."""
        start, stop = max(start, 0), min(stop, self.tokens)
        if stop <= start:
            return np.zeros(0, np.dtype(self.manifest.data["dtype"]))
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        parts = []
        while start < stop:
            end = min(stop, int(self._starts[first + 1]))
            base = int(self._starts[first])
            if end > start:
                parts.append(self._shard(first)[start - base : end - base])
            start, first = max(start, end), first + 1
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @cached_property
    def docs(self) -> np.ndarray:
        """int64 of shape (documents, 4): source (index in the manifest), key in it, raw bytes, tokens (with
        ``eos``)."""
        tables = []
        for record in self._records:
            path = self.manifest.folder / next(n for n in record["files"] if n.endswith(DOCS))
            try:
                table = read_array(path)
            except OSError as error:
                raise DataError(f"{path}: cannot be read: {error.strerror}") from None
            if (
                table.shape != (record["documents"], 4)
                or table.dtype != np.dtype("<i8")
                or not ((table >= 0) & (table < MOST)).all()
                or (table[:, 0] >= len(self.manifest.data["sources"])).any()
                or (self.eos is not None and (table[:, 3] < 1).any())
                or sum(table[:, 3].tolist()) != record["tokens"]
                or sum(table[:, 2].tolist()) != record["bytes"]
            ):
                raise DataError(
                    f"{path}: its documents do not add up to the manifest's; run 'dataset verify'"
                )
            tables.append(table)
        return np.concatenate(tables) if tables else np.zeros((0, 4), np.int64)

    @cached_property
    def ends(self) -> np.ndarray:
        """Token offsets of the documents: int64 of shape (documents + 1,); document i is ``ends[i] ..
        ends[i+1]``."""
        return np.concatenate([[0], np.cumsum(self.docs[:, 3])]).astype(np.int64)

    @cached_property
    def byte_ends(self) -> np.ndarray:
        """Raw bytes before each document: int64 of shape (documents + 1,)."""
        return np.concatenate([[0], np.cumsum(self.docs[:, 2])]).astype(np.int64)

    def document(self, index: int) -> np.ndarray:
        """The tokens of document ``index``, without the end-of-sequence token."""
        ids = self.read(int(self.ends[index]), int(self.ends[index + 1]))
        return ids if self.eos is None else ids[:-1]

    @cached_property
    def codec(self):
        """The codec that made the tokens, from the folder, its fingerprint checked."""
        return self.manifest.codec()

    @cached_property
    def token_lengths(self) -> np.ndarray | None:
        """Bytes of every id (0 for special ones): int64 of shape (vocab_size,); None where tokens have none
        of their own."""
        lengths = self.codec.token_lengths()
        if lengths is None:
            return None
        return np.concatenate([lengths, np.zeros(self.vocab_size - len(lengths), np.int64)])

    def bytes_between(self, start: int, stop: int) -> int:
        """Raw bytes of exactly the tokens ``start .. stop``. Raises :class:`AccountingError` where that has
        no answer: tokens without bytes of their own (gzip, ac), cut inside a document."""
        a, b = (int(np.searchsorted(self.ends, x)) for x in (start, stop))
        if self.ends[a] == start and self.ends[b] == stop:
            return int(self.byte_ends[b] - self.byte_ends[a])
        if self.token_lengths is None:
            raise AccountingError(
                f"tokens {start}..{stop} do not begin and end with documents, and {self.codec.spelling} "
                "tokens have "
                "no bytes of their own: score whole documents"
            )
        return held(self.token_lengths, self.read(start, stop))


def _parquet_tokens(path, claimed: int) -> np.ndarray:
    import pyarrow as pa  # start-up, and an optional dependency
    import pyarrow.parquet as pq  # start-up, and an optional dependency

    try:
        found = pq.read_metadata(path)
        groups = [found.row_group(i) for i in range(found.num_row_groups)]
        held = {g.column(j).path_in_schema: 0 for g in groups for j in range(g.num_columns)}
        for group in groups:
            for j in range(group.num_columns):
                held[group.column(j).path_in_schema] += group.column(j).num_values
        ids = sum(n for name, n in held.items() if name.split(".")[0] == "input_ids")
        if groups and not claimed <= ids <= claimed + found.num_rows:  # an empty list counts as one
            raise ValueError(f"its index has {ids} tokens, the manifest {claimed}; run 'dataset verify'")
        column = pq.read_table(path, columns=["input_ids"]).column(0)
        if not (pa.types.is_list(column.type) and pa.types.is_integer(column.type.value_type)):
            raise ValueError(f"its input_ids are {column.type}, no lists of ids")
        flat = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    except (pa.ArrowException, IndexError, MemoryError) as error:
        raise ValueError((str(error) or type(error).__name__).splitlines()[0]) from None
    return np.concatenate(flat) if flat else np.zeros(0, np.uint16)
