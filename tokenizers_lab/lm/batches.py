"""Which tokens a training step sees: a pure function of the seed and the step, so a resumed run sees what an
unbroken one does.

Blocks of one context lie end to end over the split's stream; each epoch takes them in an order of its own.
Reading is a slice of a memory map, so there is no worker process to feed."""

from __future__ import annotations

import numpy as np
import torch

from tokenizers_lab.datasets.reader import TokenReader
from tokenizers_lab.errors import LabError


class Batches:
    """``batches(step, rank, world)`` → (x, y), int64 (batch / world, context): rank's share of step's
    batch."""

    def __init__(self, reader: TokenReader, context: int, batch: int, seed: int):
        self.reader, self.context, self.batch, self.seed = reader, context, batch, seed
        self.blocks = max(reader.tokens - 1, 0) // context
        if not self.blocks:
            raise LabError(
                f"{reader.manifest.folder}: {reader.tokens:,} tokens are fewer than a context of {context}"
            )
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def _block(self, index: int) -> int:
        epoch, place = divmod(index, self.blocks)
        if epoch != self._epoch:
            self._epoch, self._order = (
                epoch,
                np.random.default_rng([self.seed, epoch]).permutation(self.blocks),
            )
        return int(self._order[place])

    def __call__(self, step: int, rank: int = 0, world: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        share = self.batch // world
        out = np.empty((share, self.context + 1), np.int64)
        for i in range(share):
            start = self._block(step * self.batch + rank * share + i) * self.context
            out[i] = self.reader.read(start, start + self.context + 1)
        both = torch.from_numpy(out)
        return both[:, :-1], both[:, 1:]
