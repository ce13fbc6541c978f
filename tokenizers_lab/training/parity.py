"""Parity-aware BPE (arXiv 2508.04796): at each merge the language that is worst off chooses.

Each source is a language, and the sources are translations of one text, so the language with the most tokens
is the worst off: its most frequent pair is merged, in all of them. With one source this is plain BPE.

Concessions: one Python call a merge and language; an interrupted run begins anew. While it runs, a language's
tokens are counted down by the pair's count, which says too much where a token stands beside itself; every 256
merges they are counted again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.codecs.marked import MarkedCodec
from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.pretokenize.marks import Marks
from tokenizers_lab.sources.finding import find
from tokenizers_lab.sources.left_out import LeftOut, left_out
from tokenizers_lab.sources.reading import documents as documents_of
from tokenizers_lab.training.bpe import to_codec
from tokenizers_lab.training.counts import count_corpus
from tokenizers_lab.training.engine import Engine
from tokenizers_lab.training.merger import _find
from tokenizers_lab.training.wishes import special_names, spelling_of

_AGAIN = 256


@dataclass
class ParityTraining:
    """The codec; the tokens that each language's text has, and how many merges it chose, in the order of the
    sources."""

    codec: BpeCodec | MarkedCodec
    bytes: int
    tokens: list[int]
    chose: list[int]
    exhausted: bool = False
    seconds: float = 0.0
    left_out: LeftOut | None = field(default=None)


class _Language:
    def __init__(self, corpus, special: list[str], longest: int, least: int):
        _, ends, counts = corpus.table.arrays()
        sizes = np.diff(ends, prepend=0)
        self.bytes = corpus.bytes
        self.single = int(counts[sizes == 1].sum())
        self.engine = Engine(corpus.table, len(special), longest, least, [spelling_of(s) for s in special])
        self.tokens, self.chose, self.done = 0, 0, False
        self.recount()

    def recount(self) -> None:
        s = self.engine.state
        self.tokens = self.single + int(s.weight[s.word[s.symbol >= 0]].sum())

    def best(self) -> tuple[int, int] | None:
        """Its most frequent pair that may be merged."""
        while found := self.engine.top(1):
            a, b, _ = found[0]
            if not self.engine.spells_special(a, b):
                return a, b
            self.engine.drop_best()
        return None

    def merge(self, a: int, b: int) -> None:
        p = int(_find(self.engine.state, np.int64(a) << 32 | np.int64(b)))
        self.tokens -= int(self.engine.state.count[p]) if p >= 0 else 0
        self.engine.apply(a, b)


def train_parity(
    sources,
    vocab_size: int = 8192,
    *,
    pre: str = "gpt2",
    special=(),
    min_frequency: int = 0,
    max_token_length: int = 0,
    workers: int = 1,
    max_memory: int = 1 << 30,
    text_key: str = "text",
    on_error: str = "stop",
    marks: str | None = None,
    progress=None,
) -> ParityTraining:
    """Train on ``sources``: a path or bytes for each language, all translations of one text. Options as of
    ``train_full``; ``max_memory`` is each language's. Raises :class:`LabError`."""
    started = time.perf_counter()
    special, left = special_names(special), left_out(on_error)
    if vocab_size < 256 + len(special):
        raise LabError(
            f"vocabulary size {vocab_size} is too small: 256 bytes and {len(special)} special tokens "
            "stand in it"
        )
    if len(sources) < 2:
        raise LabError("parity is between languages: give two sources or more, translations of one text")
    pretokenizer, marker = PreTokenizer(pre), Marks(marks) if marks else None
    languages = []
    for source in sources:
        documents: Iterable[Any] = (
            [source]
            if isinstance(source, bytes)
            else (d for path in find([source]) for d in documents_of(path, text_key, left))
        )
        if marker:
            documents = (marker.blocks([d] if isinstance(d, bytes) else d) for d in documents)
        corpus = count_corpus(documents, pretokenizer, max(1, workers), max_memory)
        if not corpus.bytes:
            raise LabError(f"{source!r:.60} holds no text to learn from")
        languages.append(_Language(corpus, special, max_token_length, min_frequency))
        if progress:
            progress("count", sum(x.bytes for x in languages), None)
    first, made, exhausted = languages[0].engine, 0, False
    while first.tokens < vocab_size:
        for worst in sorted(languages, key=lambda x: -x.tokens):
            pair = None if worst.done else worst.best()
            if pair is not None:
                break
            worst.done = True  # nothing of its own is left; what others choose may still help it
        else:
            exhausted = True
            break
        worst.chose += 1
        for language in languages:
            language.merge(*pair)
            language.done = False
        made += 1
        if made % _AGAIN == 0:
            for language in languages:
                language.recount()
            if progress:
                progress("merge", first.tokens, vocab_size)
    for language in languages:
        language.recount()
    codec = to_codec(first, pretokenizer, special)
    return ParityTraining(
        MarkedCodec(codec, marker.name) if marker else codec,
        sum(x.bytes for x in languages),
        [x.tokens for x in languages],
        [x.chose for x in languages],
        exhausted,
        time.perf_counter() - started,
        left,
    )
