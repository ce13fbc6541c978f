"""How far codecs are from the best vocabulary of a size, as far as that is proved (``bound.py``): tokens over
the lower bound.

A codec is held to the bound only where the bound is about it: its tokens must cross no cut, and it may have
no more ids than the vocabulary size. What is not is told, with its figure. Codecs whose tokens are no byte
strings have none. Concession: that each token is short and frequent enough for ``longest`` and ``least`` is
not asked.
"""

from __future__ import annotations

import numpy as np

from tokenizers_lab.analysis.bound import lower_bound
from tokenizers_lab.codecs.segment import SegmentCodec
from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.registry import load

BOUND_BYTES = 2 << 20
"""Of each text that an analysis is asked to bound."""


def gaps(codecs, text: bytes, vocab_size: int, labels=None, pre: str = "gpt2", **options) -> dict:
    """The bound of ``text`` and the gap of each codec, as JSON types. ``codecs``: spellings or codecs, by
    ``labels``; ``options``: of :func:`.bound.lower_bound`. Raises :class:`LabError`."""
    loaded = [load(codec) for codec in codecs]
    for codec in loaded:
        if codec.token_lengths() is None:
            raise LabError(
                f"{codec.spelling}: its tokens have no bytes of their own, so no bound is about it"
            )
    bound = lower_bound(text, vocab_size, pre=pre, **options)
    cuts = PreTokenizer(pre).ends(np.frombuffer(text, np.uint8))
    rows = []
    for codec, label in zip(loaded, labels or [codec.spelling for codec in loaded]):
        ids, offsets = codec.encode_with_offsets(text)
        why = []
        if codec.used_vocab_size() > vocab_size:
            why.append(f"has {codec.used_vocab_size():,} ids")
        if not np.isin(cuts, offsets).all():
            why.append("tokens cross the cuts")
        rows.append(
            {
                "codec": label,
                "ids": codec.used_vocab_size(),
                "tokens": len(ids),
                "gap": len(ids) / bound.tokens - 1,
                "outside": "; ".join(why) or None,
            }
        )
    return {
        "vocab_size": vocab_size,
        "pre": pre,
        "bytes": bound.raw_bytes,
        "candidates": bound.candidates,
        "bound": bound.tokens,
        "reached": bound.reached,
        "options": options
        if "progress" not in options
        else {k: v for k, v in options.items() if k != "progress"},
        "codecs": rows,
        "strings": bound.strings,
    }


def codec_of(strings: list[bytes], pre: str, spelling: str = "bound") -> SegmentCodec:
    """The vocabulary that was found on the way, cut by fewest tokens: ids in the order of the strings."""
    every = sorted({*strings, *(bytes([b]) for b in range(256))})
    facts = {"codec": "segment", "by": "fewest", "of": "bound"}
    return SegmentCodec(every, np.ones(len(every), np.int64), PreTokenizer(pre), facts, spelling)
