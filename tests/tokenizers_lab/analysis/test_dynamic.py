"""Merges of a batch: they are BPE's, they come back, they help where a text repeats itself."""

import random

import numpy as np

from tokenizers_lab.analysis.dynamic import dynamic, merge_batch, undo
from tokenizers_lab.training.superwords import twin_grow


def test_merges_are_the_twins_and_come_back():
    rng = random.Random(8)
    for _ in range(12):
        size = rng.choice([1, 2, 3, 50])
        ids = np.array([rng.randrange(size) for _ in range(rng.randrange(1, 300))], np.uint32)
        out, merges = merge_batch(ids, size, 20)
        names, line = [i.to_bytes(4, "big") for i in range(size)], [ids.tolist()]
        twin = twin_grow(line, names, size + 20, least=2)[: len(merges)]
        assert [list(m) for m in twin] == merges.tolist() and len(merges) <= 20
        assert (undo(out, merges) == ids).all()


def test_repeats_are_found(bpe, english):
    ids = bpe.encode(english[:60_000])
    rows = dynamic(np.tile(ids[:2048], 6), bpe.vocab_size, batches=(4096, 8192, 1 << 20), merges=(64, 512))
    assert [(r["batch"], r["merges"]) for r in rows] == [(4096, 64), (4096, 512), (8192, 64), (8192, 512)]
    assert rows[3]["left"] < rows[2]["left"] < 1 and all(r["left"] < r["with_merges"] for r in rows)
    assert dynamic(ids[:10], bpe.vocab_size) == []
