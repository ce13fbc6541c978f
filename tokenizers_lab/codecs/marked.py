"""Any codec over text with marks for case and spaces (``pretokenize/marks.py``): ``marked[of=T.json]``, and
what ``train --marks`` learns. A text is written with marks, the codec cuts that; decoding takes them off.

Ids are the codec's, and it loses nothing where that loses nothing. A token's bytes are those of marked text,
and what they are of the text depends on marks before them, so tokens have no bytes of their own: offsets say
what each covers, a mark nothing.

Concession: no library has a normalizer that can be undone, so a saved codec is a file of the lab's, the codec
that it is ``of`` whole inside.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array
from tokenizers_lab.errors import LabError
from tokenizers_lab.files import pack_arrays, write_whole
from tokenizers_lab.pretokenize.marks import Marks

DEFAULT = "case+space"


class MarkedCodec(Codec):
    """``of`` over text as ``marks`` write it. Raises :class:`LabError` where ``of`` has marks already."""

    elsewhere = (
        "`tokenizers` has no normalizer that can be undone and cannot load it: encode with it here, by its "
        "path, or in Python (tokenizers_lab.load)"
    )

    def __init__(self, of: Codec, marks: str = DEFAULT, spelling: str = "marked"):
        if isinstance(of, MarkedCodec):
            raise LabError(f"{spelling}: {of.spelling} writes its text with marks already")
        self.of, self.marks, self.spelling = of, Marks(marks), spelling
        self.vocab_size, self.nominal_vocab_size = of.vocab_size, of.nominal_vocab_size
        self.lossless, self.loss = of.lossless, of.loss
        self.eos_id, self.pad_id, self.token_bits = of.eos_id, of.pad_id, of.token_bits

    def encode(self, data) -> np.ndarray:
        return self.of.encode(self.marks.mark(as_bytes_array(data)))

    def decode(self, ids) -> bytes:
        return self.marks.undo(self.of.decode(ids))

    def offsets(self, data, ids: np.ndarray | None = None) -> np.ndarray:
        marked = self.marks.mark(as_bytes_array(data))
        return self.marks.places(marked)[self.of.offsets(marked, ids)]

    def encode_with_offsets(self, data) -> tuple[np.ndarray, np.ndarray]:
        marked = self.marks.mark(as_bytes_array(data))
        ids, offsets = self.of.encode_with_offsets(marked)
        return ids, self.marks.places(marked)[offsets]

    def special_id(self, name: str) -> int | None:
        return self.of.special_id(name)

    def used_vocab_size(self) -> int:
        return self.of.used_vocab_size()

    def description(self) -> dict:
        return {"codec": "marked", "marks": self.marks.name, "of": self.of.description()}

    def truncated(self, vocab_size: int) -> MarkedCodec:
        """The smaller vocabulary that the same training run would have given. Raises :class:`LabError` where
        ``of`` is no BPE."""
        of: Any = self.of
        if not hasattr(of, "truncated"):
            raise LabError(f"{self.spelling}: only a byte-level BPE can be cut short")
        return MarkedCodec(of.truncated(vocab_size), self.marks.name, "marked")

    def save(self, path) -> None:
        with tempfile.TemporaryDirectory() as folder:  # a codec writes files alone
            inside = Path(folder) / "of"
            self.of.save(inside)
            data = inside.read_bytes()
        head = {"kind": "marked", "marks": self.marks.name}
        write_whole(path, pack_arrays(head, {"of": np.frombuffer(data, np.uint8)}))
