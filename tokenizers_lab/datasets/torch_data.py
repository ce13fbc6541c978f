"""A dataset of tokens as a plain ``torch.utils.data.Dataset``: blocks of equal length over a split's stream.

Map-style, so ``DataLoader``'s own samplers shuffle it, split it over ranks and start it in the middle.
Documents are not kept apart: the end-of-sequence token stands between them, as in nanoGPT."""

from __future__ import annotations

import numpy as np
import torch

from tokenizers_lab.datasets.manifest import TRAIN
from tokenizers_lab.datasets.reader import TokenReader
from tokenizers_lab.errors import LabError


class TokenDataset(torch.utils.data.Dataset):
    """Item i: ``(x, y)``, int64 tensors of shape (length,): the tokens from ``i * length`` on and the ones
    that follow each. Use it under torch's ``DataLoader``.

    The last, shorter stretch (at most ``length`` tokens) is left out unless ``tail`` is true; its item is
    then shorter, so score it in a batch of its own. With ``tail`` every token but the stream's first is a
    target exactly once, which is what exact bits per byte want. ``reader`` is the :class:`TokenReader` behind
    (bytes, documents, codec)."""

    def __init__(self, folder, split: str = TRAIN, length: int = 512, tail: bool = False):
        if length < 1:
            raise LabError(f"length {length}: a block needs at least one token")
        self.reader = TokenReader(folder, split)
        self.length = length
        targets = max(self.reader.tokens - 1, 0)
        self._blocks = -(-targets // length) if tail else targets // length

    def __len__(self) -> int:
        return self._blocks

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"block {index} of {len(self)}")
        start = index % len(self) * self.length
        both = torch.from_numpy(self.reader.read(start, start + self.length + 1).astype(np.int64))
        return both[:-1], both[1:]

    def target_bytes(self, index: int) -> int:
        """Raw bytes of exactly the targets of block ``index`` (``TokenReader.bytes_between``)."""
        start = index % len(self) * self.length + 1
        return self.reader.bytes_between(start, min(start + self.length, self.reader.tokens))
