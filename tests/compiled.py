"""Machine code that nearly every test needs, made once where a whole suite begins: the workers of xdist share
it out, so that no two compile the same at the same time.

Concession: a kernel that is missing here is compiled by whoever comes first, as before; and where the cache
is warm all of this takes some seconds."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

TEXT_BYTES = b"What is compiled is kept, and what is kept is found. " * 20


def _kernels(level: int) -> None:
    """The kernels of a level for text, raw and in codes."""
    from nzip.predictors.kinds import TEXT, Content
    from nzip.predictors.mix.constants import CODED
    from nzip.predictors.mix.stream import Streams

    data = np.frombuffer(TEXT_BYTES, np.uint8)
    for kind in (TEXT, CODED):
        Streams(level).code(data, Content(kind), 1, None)


def _general() -> None:
    """What a first file at -1 needs, and the kernel for all content that has none of its own."""
    import nzip
    from nzip.predictors.kinds import DNA, Content
    from nzip.predictors.mix.stream import Streams

    assert nzip.decompress(nzip.compress(TEXT_BYTES, 1, primer=False)) == TEXT_BYTES
    Streams(1).code(np.frombuffer(TEXT_BYTES, np.uint8), Content(DNA), 1, None)


def _lab() -> None:
    """Pre-tokens, the learning of a vocabulary, and the kernels of each kind of codec."""
    import tokenizers_lab as lab

    codecs = [lab.train(documents=[TEXT_BYTES], vocab_size=270), *map(lab.load, SPELLINGS)]
    assert all(codec.decode(codec.encode(TEXT_BYTES)) == TEXT_BYTES for codec in codecs)


SPELLINGS = (
    "ac[m1=order-2]",
    "equal-info[b=16,v=65k,m1=order-2]",
    "equal-info[b=32,v=256,m1=order-2]",
    "segment[of=model-dictionary[n=2000,m1=order-2],by=fewest]",
    "segment[of=model-dictionary[n=2000,m1=order-2],by=likeliest]",
)
# In turn for one worker and the other, so that two take about as long; what fewer need comes later.
_LEVEL = [functools.partial(_kernels, level) for level in range(6)]
JOBS: list[Callable[[], None]] = [_general, _LEVEL[2], _LEVEL[5], _LEVEL[0], _LEVEL[4], _lab, _LEVEL[3]]


def make(worker: int, workers: int) -> None:
    """This worker's share of what is compiled beforehand."""
    for job in JOBS[worker::workers]:
        job()
