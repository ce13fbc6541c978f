"""Learning a BPE vocabulary from files or documents, with a pluggable objective: :func:`train`.

``frequency`` is Hugging Face's ``BpeTrainer`` merge for merge; the compression-aware objectives choose among
the most frequent pairs. Any number of workers gives the same result; merges are nested, so one run holds
every smaller vocabulary (``codec.truncated``); a checkpoint resumes, a vocabulary extends, tokens seed,
merges are vetoed. With a transition, ``second_stage`` goes on across words.

Concession: seeds and vetoed runs make one Python call a merge; a resumed run replays its merges first.
"""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.codecs.marked import MarkedCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.pretokenize.marks import Marks
from tokenizers_lab.registry import load
from tokenizers_lab.sources.finding import STANDARD_INPUT, find
from tokenizers_lab.sources.finding import shown as shown_source
from tokenizers_lab.sources.left_out import LeftOut, left_out
from tokenizers_lab.sources.reading import digest, read_text, size_of, watch_utf8
from tokenizers_lab.sources.reading import documents as documents_of
from tokenizers_lab.training import checkpoint as checkpoints
from tokenizers_lab.training import second_stage
from tokenizers_lab.training.compression_aware import choose
from tokenizers_lab.training.counts import CorpusCounts, CountTable, count_corpus
from tokenizers_lab.training.engine import Engine
from tokenizers_lab.training.objectives import objective as make_objective
from tokenizers_lab.training.sampler import Sampler
from tokenizers_lab.training.stream import Stream
from tokenizers_lab.training.wishes import agree, shown, special_names, spelling_of

_CHECKPOINT_SECONDS = 60.0
_STEP = 256


@dataclass
class Training:
    """What a run gave: the codec, what it was counted on (``not_utf8``: files that are no UTF-8 text, as far
    as this run has read them; ``left_out``: with ``on_error="skip"``), and per-merge costs for
    compression-aware objectives."""

    codec: BpeCodec | MarkedCodec
    bytes: int
    documents: int
    distinct: int
    dropped: int
    costs: list[float] = field(default_factory=list)
    seconds: float = 0.0
    exhausted: bool = False
    not_utf8: list[str] = field(default_factory=list)
    left_out: LeftOut | None = None


def train(
    files=None, vocab_size: int = 8192, objective: str = "frequency", **options
) -> BpeCodec | MarkedCodec:
    """The vocabulary of a run; see :func:`train_full` for all options and for what the run tells beside
    it."""
    return train_full(files, vocab_size, objective, **options).codec


def train_full(
    files=None,
    vocab_size: int = 8192,
    objective: str = "frequency",
    *,
    documents=None,
    pre: str = "gpt2",
    special=(),
    min_frequency: int = 0,
    max_token_length: int = 0,
    workers: int = 0,
    max_memory: int = 1 << 30,
    candidates: int = 32,
    level: int | None = None,
    serialisation: str = "u16",
    order: int = 1,
    validation=None,
    stream_bytes: int = 256 << 10,
    extend=None,
    seed=(),
    veto=(),
    veto_pattern: str | None = None,
    text_key: str = "text",
    on_error: str = "stop",
    transition: int | None = None,
    marks: str | None = None,
    checkpoint=None,
    progress=None,
) -> Training:
    """Train on ``files`` (paths, folders, "-"; what they may be: ``tokenizers_lab.sources``) or on
    ``documents`` (bytes or str). ``text_key``: the field of JSON lines, the column of Parquet; each is a
    document. ``on_error``: ``stop`` at lines and rows that hold no text, or ``skip`` them.

    ``vocab_size`` counts special tokens and the 256 bytes. ``special``: names (a string is one) that get ids
    0.. and no bytes; no merge ever spells one.
    ``max_token_length`` in bytes, 0 for none (Hugging Face's meaning: pairs that would reach it are not
    counted). ``workers``: threads, 0 for all cores. ``max_memory``: bytes of the table of distinct pre-tokens
    before the rarest are dropped. ``candidates``, ``level``, ``serialisation``, ``order``: of the
    compression-aware objectives; ``validation``: text (bytes) or a path for their stream, else
    ``stream_bytes`` sampled from the corpus. ``extend``: a BpeCodec or path whose merges come first.
    ``seed``: tokens (bytes) made next. ``veto``: tokens (bytes) never made; ``veto_pattern``: a regular
    expression over token bytes, the same. ``transition``: the tokens after which merges may cross words
    (superwords: ``pre`` cuts before it, and the vocabulary cuts ``lines``; ``max_memory`` is then what pairs
    may take, too). ``marks``: ``case``, ``space`` or ``case+space``, written into the text before all else
    (``pretokenize/marks.py``); seeds, vetoes, lengths and counted bytes are then of marked text.
    ``checkpoint``: a path kept during the run and on Ctrl-C; if it exists, the run resumes from it; removed
    at the end. ``progress(stage, done, total)`` with stages ``count`` (bytes), ``merge`` (tokens) and,
    between the two of a run with ``transition``, ``encode`` (bytes).

    Raises :class:`LabError` for settings out of range and files that cannot be read.
    """
    started = time.perf_counter()
    special, left = special_names(special), left_out(on_error)
    judge = make_objective(objective, level, serialisation, order)
    if vocab_size < 256 + len(special):
        raise LabError(
            f"vocabulary size {vocab_size} is too small: 256 bytes and {len(special)} special tokens "
            "stand in it"
        )
    if candidates < 1 or workers < 0:
        raise LabError("candidates must be at least 1, workers at least 0 (all cores)")
    pretokenizer, marker = PreTokenizer(pre), Marks(marks) if marks else None
    workers = workers or _cores()
    seed = [bytes(t) for t in seed]
    forbidden = {bytes(t) for t in veto}
    try:
        pattern = re.compile(veto_pattern.encode()) if veto_pattern else None
    except re.error as error:
        raise LabError(f"veto pattern {veto_pattern!r}: {error}") from None
    agree(seed, forbidden, pattern, special)
    paths = find(files or ())
    if bool(paths) == (documents is not None):
        raise LabError("give files or documents to train on (not both)")
    if transition is not None:
        second_stage.check(transition, vocab_size, special, pre, paths, documents)
    parent = _parent(extend, special, pretokenizer, transition, marker)
    settings = {
        **({"marks": marker.name} if marker else {}),
        "objective": objective,
        "pre": pre,
        "special": special,
        "min_frequency": min_frequency,
        "level": judge.level,
        "max_token_length": max_token_length,
        "candidates": candidates,
        "serialisation": serialisation,
        "order": order,
        "stream_bytes": stream_bytes,
        "max_memory": max_memory,
        "files": [[shown_source(p), size_of(p), digest(p) if checkpoint else ""] for p in paths],
        "text_key": text_key,
        "on_error": on_error,
        "extend": parent.fingerprint() if parent else None,
        "seed": [t.hex() for t in seed],
        "veto": sorted(t.hex() for t in forbidden),
        "veto_pattern": veto_pattern,
        "transition": transition,
    }

    if transition is not None:

        def again():
            if documents is not None:
                return (_marked(marker, _bytes(d)) for d in documents)
            return (_marked(marker, d) for p in paths for d in documents_of(p, text_key, left_out(on_error)))

        def finish(kept, not_utf8):
            stage = second_stage.Stage(kept, settings, checkpoint)
            unwanted = _unwanted(forbidden, pattern) if forbidden or pattern else None
            codec, exhausted = stage.run(
                again, vocab_size, workers, max_memory, max_token_length, min_frequency, unwanted, progress
            )
            if checkpoint:
                second_stage.remove(checkpoint)
            out = Training(
                _codec(codec, marker), **kept.counts, exhausted=exhausted, not_utf8=not_utf8, left_out=left
            )
            out.seconds = time.perf_counter() - started
            return out

        if parent is not None and parent.pre.name == "lines" and not Path(checkpoint or "").is_file():
            return finish(second_stage.Kept.begin(parent, 0, 0, 0, 0), [])
    first_size = transition or vocab_size
    state = _Run(
        settings,
        checkpoint,
        CorpusCounts(CountTable()),
        Sampler(stream_bytes if judge.name != "frequency" else 0),
        left,
        marker,
    )
    resumed = np.zeros((0, 3), np.int32)
    if checkpoint and Path(checkpoint).exists():
        kept = second_stage.load(checkpoint, settings) if transition is not None else None
        if kept is not None:
            return finish(kept, [])
        state.counts, state.files_done, resumed, text = checkpoints.load(checkpoint, settings, left)
        try:
            state.sampler.restore(text)
        except ValueError:
            raise DataError(f"{checkpoint}: its sample is damaged; remove it to begin anew") from None
    try:
        state.count(paths, documents, pretokenizer, workers, max_memory, progress, text_key)
        if paths and not state.counts.bytes:
            raise LabError("these files hold no text to learn from")
        engine = Engine(
            state.counts.table, len(special), max_token_length, min_frequency, list(map(spelling_of, special))
        )
        state.engine = engine
        stream = None
        if judge.name != "frequency":
            judged = _validation(validation, state.sampler, text_key, left, marker)
            stream = Stream.of(judged, pretokenizer, len(special))
        counts = state.counts
        result = Training(
            None,  # type: ignore[arg-type] # known at the end
            counts.bytes,
            counts.documents,
            len(counts.table),
            counts.dropped,
        )

        unwanted = _unwanted(forbidden, pattern)

        def vetoed(a, b):
            return unwanted(engine.token(a) + engine.token(b)) or engine.spells_special(a, b)

        stream = _first_merges(engine, parent, seed, stream, first_size, vetoed)
        if stream is None:
            _by_frequency(
                engine, first_size, vetoed if forbidden or pattern else None, state, progress, result, resumed
            )
        else:
            _by_compression(
                engine,
                first_size,
                judge,
                candidates,
                stream,
                workers,
                vetoed,
                state,
                progress,
                result,
                resumed,
            )
    except KeyboardInterrupt:
        state.save(True)
        raise
    learnt = to_codec(engine, pretokenizer, special)
    result.codec = _codec(learnt, marker)
    result.left_out = left
    result.not_utf8 = list(dict.fromkeys(state.not_utf8))
    if transition is not None:
        numbers = result.bytes, result.documents, result.distinct, result.dropped
        del engine, state  # the second stage has arrays of its own
        return finish(second_stage.Kept.begin(learnt, *numbers), result.not_utf8)
    if checkpoint:
        Path(checkpoint).unlink(missing_ok=True)
    result.seconds = time.perf_counter() - started
    return result


def _unwanted(forbidden, pattern):
    def unwanted(token: bytes) -> bool:
        return token in forbidden or bool(pattern and pattern.search(token))

    return unwanted


class _Run:
    """What a checkpoint keeps, and when it was last kept."""

    def __init__(self, settings, path, counts, sampler, left, marker=None):
        self.left, self.marker = left, marker
        self.settings, self.path, self.counts, self.sampler = settings, path, counts, sampler
        self.files_done, self.engine, self.saved, self.base = 0, None, time.monotonic(), 0
        self.not_utf8: list[str] = []

    def save(self, now: bool = False) -> None:
        if self.path and (now or time.monotonic() - self.saved > _CHECKPOINT_SECONDS):
            merges = self.engine.merges()[self.base :] if self.engine else np.zeros((0, 3), np.int32)
            checkpoints.save(
                self.path, self.settings, self.counts, self.files_done, merges, self.sampler.text(), self.left
            )
            self.saved = time.monotonic()

    def count(self, paths, documents, pre, workers, max_memory, progress, text_key):
        if documents is not None:
            if not self.files_done:
                self.counts = count_corpus(
                    (self.sampler.blocks(_marked(self.marker, _bytes(d))) for d in documents),
                    pre,
                    workers,
                    max_memory,
                    progress and (lambda n: progress("count", n, None)),
                )
                self.files_done = 1
            return
        total = sum(map(size_of, paths))
        for path in paths[self.files_done :]:
            shown = [self.counts.bytes]

            def step(n, shown=shown):
                shown[0] += n
                progress("count", shown[0], max(total, shown[0]))

            before = self.sampler.snapshot()
            left = (self.left.count, list(self.left.first)) if self.left else None
            try:
                fresh = count_corpus(
                    (self._blocks(path, d) for d in documents_of(path, text_key, self.left)),
                    pre,
                    workers,
                    max_memory,
                    progress and step,
                )
            except KeyboardInterrupt:
                self.sampler.restore(before)  # the checkpoint holds whole files only
                if self.left and left:
                    self.left.count, self.left.first = left
                raise
            self.counts.absorb(fresh.table, pre, max_memory)
            self.counts.bytes += fresh.bytes
            self.counts.documents += fresh.documents
            self.counts.dropped += fresh.dropped
            self.files_done += 1
            self.save()

    def _blocks(self, path, document):
        watched = watch_utf8(document, lambda: self.not_utf8.append(path))
        return self.sampler.blocks(_marked(self.marker, watched))


def _marked(marker: Marks | None, blocks):
    return marker.blocks(blocks) if marker else blocks


def _codec(codec: BpeCodec, marker: Marks | None) -> BpeCodec | MarkedCodec:
    return MarkedCodec(codec, marker.name) if marker else codec


def _bytes(document):
    return [document.encode("utf-8") if isinstance(document, str) else document]


def _validation(given, sampler: Sampler, text_key: str, left: LeftOut | None, marker: Marks | None) -> bytes:
    if given is None:
        text, marker = sampler.joined(), None  # the sample is of marked text
    elif isinstance(given, (str, Path)):
        if str(given) != STANDARD_INPUT and not Path(given).exists():
            raise LabError(f"{given}: no such file for the validation stream")
        text = read_text(given, text_key, left)
    else:
        text = bytes(given)
    if not text:
        raise LabError("the validation stream is empty")
    return marker.mark(text).tobytes() if marker else text


def _parent(extend, special, pre, transition=None, marker: Marks | None = None) -> BpeCodec | None:
    if extend is None:
        return None
    parent = load(extend)
    own = parent.marks.name if isinstance(parent, MarkedCodec) else "none"
    if own != (marker.name if marker else "none"):
        raise LabError(f"{extend}: was trained with marks {own}; extend it with the same")
    parent = parent.of if isinstance(parent, MarkedCodec) else parent
    if not isinstance(parent, BpeCodec):
        raise LabError(f"{extend}: only a byte-level BPE tokenizer.json can be extended")
    if any(not t.special for t in parent.added):
        raise LabError(f"{extend}: has added tokens that are not special; training cannot go on from it")
    if transition is not None and parent.pre.name == "lines":  # its superwords go on
        second_stage.check_parent(extend, parent, special, transition)
        return parent
    if list(parent.special) != special or parent.pre.name != pre.name:
        raise LabError(
            f"{extend}: was trained with special tokens {list(parent.special)} and pre-tokenizer "
            f"{parent.pre.name}; extend it with the same"
        )
    return parent


def _first_merges(engine: Engine, parent, seed, stream, vocab_size, vetoed):
    """Apply the merges of ``parent``, then those that spell the seeds; returns the stream merged alike."""

    def merge(a, b):
        nonlocal stream
        new = engine.apply(a, b)
        if stream is not None:
            stream = stream.merged(a, b, new)
        return new

    if parent is not None:
        for a, b, new in parent.merges.tolist():
            if merge(a, b) != new:
                raise LabError(
                    "the vocabulary to extend numbers its tokens in another order than training would"
                )
    for token in seed:
        ids = (
            to_codec(engine, PreTokenizer("none"), [str(i) for i in range(engine.special)])
            .encode(token)
            .tolist()
        )
        while len(ids) > 1:
            if vetoed(ids[0], ids[1]):
                way = engine.token(ids[0]) + engine.token(ids[1])
                raise LabError(
                    f"the seed {shown(token)} is made through {shown(way)}, which is vetoed or a special "
                    "token"
                )
            ids[:2] = [merge(ids[0], ids[1])]
    if engine.tokens > vocab_size:
        raise LabError(
            f"the extended vocabulary and the seeds need {engine.tokens} tokens, more than {vocab_size}"
        )
    return stream


def _by_frequency(engine, vocab_size, vetoed, state, progress, result, resumed):
    state.base = engine.merged
    more = True
    if vetoed is None and len(resumed):
        more = engine.run(vocab_size, len(resumed))
        if not np.array_equal(engine.merges()[state.base :], resumed):
            raise LabError(f"{state.path}: its merges are not those of this corpus; remove the checkpoint")
    while more and engine.tokens < vocab_size:
        if vetoed is None:
            more = engine.run(vocab_size, _STEP)
        else:
            found = engine.top(1)
            more = bool(found)
            if found and vetoed(*found[0][:2]):
                engine.drop_best()
            elif found:
                engine.apply(*found[0][:2])
        if progress:
            progress("merge", engine.tokens, vocab_size)
        state.save()
    result.exhausted = not more


def _by_compression(
    engine, vocab_size, judge, candidates, stream, workers, vetoed, state, progress, result, resumed
):
    state.base = engine.merged
    for a, b, _ in resumed.tolist():
        if not (0 <= a < engine.tokens and 0 <= b < engine.tokens):
            raise DataError(f"{state.path}: its merges are not those of this corpus; remove the checkpoint")
        stream = stream.merged(a, b, engine.apply(a, b))
    with ThreadPoolExecutor(workers) as pool:
        while engine.tokens < vocab_size:
            chosen = choose(engine, stream, judge, candidates, pool, vetoed)
            if chosen is None:
                result.exhausted = True
                break
            a, b, cost = chosen
            stream = stream.merged(a, b, engine.apply(a, b))
            result.costs.append(cost)
            if progress:
                progress("merge", engine.tokens, vocab_size)
            state.save()


def to_codec(engine: Engine, pre: PreTokenizer, special) -> BpeCodec:
    """The codec of an engine's merges. A pair merged twice keeps its last rank, as in Hugging Face's
    trainer."""
    merges: dict[tuple[int, int], int] = {}
    for a, b, new in engine.merges().tolist():
        merges.pop((a, b), None)
        merges[a, b] = new
    names = {name: i for i, name in enumerate(special)}
    return BpeCodec(
        [engine.token(i) for i in range(engine.tokens)],
        [(a, b, n) for (a, b), n in merges.items()],
        pre,
        names,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
