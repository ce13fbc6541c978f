"""How many of a language's common words stay whole? Single-token word retention, as TokLens asks.

The words are the runs of letters of the text's first MiB, the 1,000 most frequent ones of two letters or
more. A word is retained if it is one token, with the space before it or without.

Concession: scripts without spaces (Chinese, Japanese, Thai) have no such words; a run of letters there is a
clause."""

from __future__ import annotations

import re
from collections import Counter

from tokenizers_lab.codec import Codec

_MOST = 1 << 20
_WORD = re.compile(r"[^\W\d_]{2,}")
WORDS = 1000


def retention(codec: Codec, raw: bytes) -> dict | None:
    """``{"words", "types": share of these words that are one token, "running": the same weighted by how often
    each occurs}``; None where the text has no word."""
    counts = Counter(_WORD.findall(raw[:_MOST].decode("utf-8", "ignore")))
    common = counts.most_common(WORDS)
    if not common:
        return None
    whole = [
        len(codec.encode(w.encode())) == 1 or len(codec.encode(f" {w}".encode())) == 1 for w, _ in common
    ]
    return {
        "words": len(common),
        "types": sum(whole) / len(common),
        "running": sum(n for kept, (_, n) in zip(whole, common) if kept) / sum(n for _, n in common),
    }
