"""All that is measured of one codec on one text: the unit of work of ``analyze``, kept when it is done.

Concession: statistics of k-grams see the first ``KGRAM_BYTES`` of a text, since their tables are as large as
the text; strong compressors see ``strong`` bytes. The report says so where it shows them."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import numpy as np

from tokenizers_lab.analysis import bits, compression, entropy, fertility, morphology, utf8
from tokenizers_lab.analysis.efficiency import efficiency
from tokenizers_lab.analysis.goals import KGRAM_BYTES, goals
from tokenizers_lab.analysis.hunspell import Dictionary
from tokenizers_lab.analysis.perturbation import perturbation
from tokenizers_lab.analysis.retention import retention
from tokenizers_lab.analysis.robustness import robustness
from tokenizers_lab.analysis.stability import stability
from tokenizers_lab.bits_per_byte import Tokenised, tokenise
from tokenizers_lab.codec import Codec


class Settings(NamedTuple):
    """What an analysis measures. ``strong``: bytes of each text that strong compressors see."""

    compressors: tuple[str, ...]
    strong: int
    nzip_level: int | None
    dictionary: Dictionary | None
    robustness: bool

    def key(self) -> tuple:
        """All that results depend on, but for the dictionary."""
        return (self.compressors, self.strong, self.nzip_level, self.robustness)


def one_stream(codec: Codec, raw: bytes, name: str, settings: Settings) -> dict:
    """Every metric of ``codec`` on ``raw``, as JSON types."""
    stream = tokenise(codec, raw, name)
    entry: dict[str, Any] = {
        "accounting": stream.problem or "ok",
        "counts": fertility.counts(stream),
        "efficiency": efficiency(stream.ids, codec.vocab_size, codec.used_vocab_size()),
        "utf8": utf8.completeness(stream),
        "retention": retention(codec, raw),
        "seen": _packed(stream),
    }
    part = stream.ids[: int(np.searchsorted(stream.offsets, KGRAM_BYTES, side="right")) - 1 or 1]
    held = int(stream.offsets[len(part)]) if len(stream.ids) else 0
    entry["entropies"] = entropy.conditional_entropies(part, codec.vocab_size, held / max(len(part), 1))
    if stream.problem:
        entry["stream_bits_per_byte"] = None
        for e in entry["entropies"]:
            e["per_byte"] = None
    else:
        entry["stream_bits_per_byte"] = compression.stream_bits_per_byte(
            stream, settings.compressors, settings.strong, settings.nzip_level
        )
    entry["goals"] = goals(stream, entry["stream_bits_per_byte"], settings.strong)
    if codec.token_bits and len(stream.ids):
        entry["bit_ngrams"] = bits.bit_ngrams(stream.ids, codec.token_bits)
    if not stream.problem:
        entry["stability"] = stability(codec, raw)
        entry["perturbation"] = perturbation(codec, raw)
    if settings.dictionary is not None:
        entry["morphology"] = morphology.purity(stream, settings.dictionary)
    if settings.robustness:
        entry["robustness"] = robustness(codec, raw)
    return entry


def _packed(stream: Tokenised) -> str:
    """Which ids occur, one bit each, in base 64."""
    seen = np.zeros(stream.codec.vocab_size, np.uint8)
    seen[stream.ids] = 1
    return base64.b64encode(np.packbits(seen).tobytes()).decode("ascii")


def seen_ids(packed: str) -> np.ndarray:
    """The ids that :func:`one_stream` gave under ``seen``: int64, ascending."""
    return np.flatnonzero(np.unpackbits(np.frombuffer(base64.b64decode(packed), np.uint8)))
