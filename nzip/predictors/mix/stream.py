"""One stream of a block, coded in a given way (trials.py chooses it) and decoded: a mix for its content,
started from a primer or from nothing, with the experts that help.

Without experts a stream is one lane and one call of the kernel after the other; with experts lanes advance in
lock step (lockstep.py), or experts and mix in one compiled loop (fused.py).

A stream is copied once, behind its primer's text where it has one, in the *form* that the mix codes:
an executable's calls are filtered in place (:func:`_put_on`, :func:`_take_off`), a text's words and lines are
transformed, where no expert, who reads raw bytes, helps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nzip.errors import CorruptError, ModelMismatchError, Remedy
from nzip.predictors.base import Expert
from nzip.predictors.kinds import EXECUTABLE, KIND_NAMES, STORED, TEXT, Content
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import last_stage, lockstep
from nzip.predictors.mix.call_filter import call_filter
from nzip.predictors.mix.coder import CHUNK, Input, Output
from nzip.predictors.mix.handing_on import HandingOn, Sink, Told, Undoing
from nzip.predictors.mix.kernel import best
from nzip.predictors.mix.ledger import Ledger
from nzip.predictors.mix.params import RATE_STEP, Descriptor
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.pool import POOL
from nzip.predictors.mix.primer_choice import NO_EXPERTS, Form, Payloads, Start
from nzip.predictors.mix.primers import HEAD, USER, Primer, named, pin, portion
from nzip.predictors.mix.state import Mix, build, memory
from nzip.predictors.mix.warm_start import warm_behind, with_experts
from nzip.predictors.mix.words.dictionary import HASH_BYTES, Dictionary, index
from nzip.predictors.mix.words.options import Words
from nzip.predictors.stepping import ADAPTED, ONLINE

MAX_LANES = 192
HELD = 2  # snapshots of a head that stay in memory (heads.py)
# In place of lanes - 1: a stream that not all experts help is coded as by a predictor with only those whose
# bits are set in 255 minus this.
_SOME = 192

Progress = Callable[[int], None]


@functools.lru_cache(maxsize=64)
def _plans_memory(
    level: int, room: int, experts: int, kinds: tuple[int, ...] = (*range(len(KIND_NAMES)), at.CODED)
) -> int:
    """The most that tables of a plan of ``level`` take, of any of these ``kinds``; of thousands of files it
    is asked for each."""
    return max(memory(plan(level, kind, 1), room, experts) for kind in kinds)


def told_as(form: Form) -> bytes:
    """A form of text as experts are told of it (:attr:`nzip.predictors.base.Expert.reads`)."""
    if form is None:
        return b""
    return form.dictionary.hash if form.dictionary else b"lines"


def untold(done: int) -> None:
    """For those who want to know nothing of progress."""


def scaled(progress: Progress, size: int, length: int) -> Progress:
    """Tells ``progress`` in bytes of a stream of ``size`` what is done of its ``length`` in another form."""
    return progress if size == length else lambda done: progress(done * size // length)


class Streams(NamedTuple):
    """What a predictor codes its streams with. ``experts``: leading ones first; ``lanes`` and ``primed`` as
    for :class:`nzip.predictors.mix.MixPredictor`; ``primer`` and ``dictionary``: the user's own; ``raw``: no
    form but raw bytes is tried; ``head``: of the stream that the block is of, for blocks after the first."""

    level: int
    experts: tuple[Expert, ...] = ()
    lanes: int | None = None
    primed: bool = True
    primer: Primer | None = None
    dictionary: Dictionary | None = None
    raw: bool = False
    head: Primer | None = None

    @property
    def leading(self) -> int:
        """How many of the experts lead."""
        return sum(e.leads for e in self.experts)

    def told_forms(self) -> list[bytes]:
        """The forms of text that some expert has a network for, raw bytes first
        (:attr:`nzip.predictors.base.Expert.reads`)."""
        codes = {bytes.fromhex(entry["hash"])[:HASH_BYTES] for entry in index()}
        codes |= {e.reads for e in self.experts if e.reads}

        def is_read(code: bytes) -> bool:
            found = (e.reading(code) for e in self.experts)
            return any(e is not None and e.reads == code for e in found)

        return [b"", *sorted(filter(is_read, codes))]

    @property
    def transforms(self) -> bool:
        """Whether texts are told apart by the dictionaries that they want: no expert leads, who reads raw
        bytes, and where there are experts, some have a network for words."""
        return not self.raw and not self.leading and (not self.experts or len(self.told_forms()) > 1)

    def readers(self, helpers: int, form: Form, size: int) -> int:
        """Those of the experts whose bits are set that read ``form`` of a text of ``size`` bytes. Of words
        one that starts from nothing is left out where one that has learnt words before goes on learning: it
        saves nothing there, of long texts neither."""
        if form and self.only(helpers).lanes_for(size) > 1:
            return 0
        told = told_as(form)
        reading = {i: e.reading(told) for i, e in enumerate(self.experts) if helpers >> i & 1}
        slots = {i: getattr(e, "slot", None) for i, e in reading.items() if e is not None}
        idle = ONLINE if form and ADAPTED in slots.values() else -1
        return sum(1 << i for i, slot in slots.items() if slot != idle)

    def for_form(self, form: Form) -> Streams:
        """The same with each expert as it reads ``form``. ``ValueError`` where one does not."""
        experts = tuple(e.reading(told_as(form)) for e in self.experts)
        if None in experts:
            raise ValueError("an expert does not read that form of text")
        return self._replace(experts=experts)  # type: ignore[arg-type]  # none is None

    def lanes_for(self, size: int) -> int:
        """Lanes of a stream of ``size`` bytes that every expert helps."""
        wanted = self.lanes or max((e.lanes_for(size) for e in self.experts), default=1)
        return max(1, min(wanted, MAX_LANES, size)) if self.experts else 1

    def only(self, helpers: int) -> Streams:
        """The same with those experts only whose bits are set."""
        return self._replace(experts=tuple(e for i, e in enumerate(self.experts) if helpers >> i & 1))

    def kernel(self, content: Content):
        """The compiled kernel for a content."""
        return best(plan(self.level, content.kind, content.stride), len(self.experts))

    def memory(self, size: int) -> int:
        """Bytes needed to code a stream of ``size`` bytes, an upper bound, what comes out included."""
        plans = _plans_memory(self.level, max(size, at.PRIMED_SIZE), len(self.experts))
        # A snapshot as it is kept: of a primer that ships a third of the tables at most, of a user's, which
        # may fill them, four bytes a slot and a byte for each byte.
        kept = 0 if not self.primed else plans * 5 // 4 if self.primer else plans * 2 // 5
        own = (
            plans
            + kept
            + self.head_memory()
            + 3 * (size + len(self.primer.text if self.primer else b""))
            + 24 * CHUNK
        )
        own += self.dictionary.memory if self.dictionary else 0
        return own + sum(e.memory(size, self.lanes_for(size)) for e in self.experts)

    def head_memory(self) -> int:
        """Bytes of what is kept of a head, an upper bound: its text in two forms, and snapshots."""
        if self.head is None:
            return 0
        plans = _plans_memory(self.level, at.PRIMED_SIZE, len(self.experts), (TEXT, at.CODED))
        # Of noise, which touches the most, a snapshot took 41% of the tables at -1, 35% at -3; of text 27%.
        return 4 * len(self.head.text) + HELD * (plans * 3 // 5)

    # Encoding, in one way; trials.py chooses it.

    def encode_as(
        self,
        data: np.ndarray,
        content: Content,
        helpers: int,
        start: Start,
        progress: Progress = untold,
        rate: int = 0,
        ledger: Ledger | None = None,
        kept: Payloads | None = None,
    ) -> tuple[Descriptor, bytes]:
        """``data`` (uint8), of content ``content``, coded with the experts whose bits are set, from a start;
        a payload longer than ``data`` where it is hopeless. ``rate``: its own; ``ledger``: told of all of it;
        ``kept``: what was coded already, as it would be."""
        some = self.only(helpers).for_form(start.form)
        lanes = 1 if start.form else some.lanes_for(len(data))
        words, primer = start
        dictionary = words.dictionary if words else None
        primer = portion(primer, self.level, dictionary) if primer else None
        said = lanes - 1 if len(some.experts) == len(self.experts) else 255 - helpers
        descriptor = Descriptor(content, primer.code if primer else 0, lanes=said)
        if words:
            coded = words.apply(data)
            if len(coded) > len(data):  # the samples that spoke for words were not of its kind
                helpers = self.readers(helpers, None, len(data))
                return self.encode_as(
                    data, content, helpers, Start(None, start.primer), progress, rate, ledger
                )
            descriptor = descriptor._replace(words=words.params(), length=len(coded))
            if ledger is not None:
                ledger.expect_bytes(descriptor.form)
            form = Content(at.CODED) if dictionary else content
        else:
            coded, form = data, content
        descriptor = descriptor._replace(pinned=pin(primer, dictionary), rate=rate)
        told = scaled(progress, len(data), len(coded))
        payload = None if helpers or ledger is not None or not kept else kept.get((words, descriptor.primer))
        if payload is not None:
            progress(len(data))
            return descriptor, payload
        if primer is None or some.experts or ledger is not None or not POOL.takes(len(coded)):
            return descriptor, some.code(coded, form, lanes, primer, told, rate, ledger)[0]
        # A level with experts asks what a start gives without them, and then the level without any is tried.
        known = "coded", self.level, form, lanes, primer.code, primer.hash, primer.dictionary, rate
        payload = POOL.once(
            (*known, coded.tobytes()), lambda: some.code(coded, form, lanes, primer, told, rate)[0]
        )
        told(len(coded))
        return descriptor, payload

    def code(
        self,
        data: np.ndarray,
        content: Content,
        lanes: int,
        primer: Primer | None,
        progress: Progress = untold,
        rate: int = 0,
        ledger: Ledger | None = None,
    ) -> tuple[bytes, Mix]:
        """The payload of a stream that every expert helps, in its form (``content`` that of the form, of kind
        CODED where words are), and the mix as it ends."""
        if primer and lanes == 1 and ledger is None and POOL.takes(len(data)):
            return self._code_lent(data, content, primer, progress, rate)
        mix, ends, room, first = self._start(content, lanes, len(data), primer, rate)
        room[first:] = data
        _put_on(room[first:], content)
        output = Output(len(data))
        watched = mix
        if ledger is not None:
            chosen = plan(self.level, content.kind, content.stride)
            spellings = tuple(e.spelling for e in self.experts)
            watched = ledger.open(mix, chosen, spellings, room, first, self._in_lockstep(lanes))
        walked = self._walk(content, watched, ends, room, first, output, False, progress, None, ledger)
        if ledger is not None:
            ledger.close()
        # hopeless: longer than the data, so it is stored
        return output.finish() if walked else bytes(len(data) + 1), mix

    def _code_lent(
        self, data: np.ndarray, content: Content, primer: Primer, progress: Progress, rate: int
    ) -> tuple[bytes, Mix]:
        """As :meth:`code` of a short stream, from a mix of the pool; the mix is in use no more."""
        with POOL.lent(self.level, primer, data) as (mix, room, first):
            if self.experts:
                chosen = plan(self.level, primer.kind)
                mix = with_experts(mix, chosen, len(self.experts), self.leading, first, [first])
                mix = last_stage.put_on(mix, last_stage.of(self.level, primer.kind, self.experts))
            if rate:
                mix.lanes[:, at.L_RATE] = RATE_STEP * rate
            output = Output(len(data))
            ends = np.array([len(room)], np.int64)
            walked = self._walk(content, mix, ends, room, first, output, False, progress, None)
        return output.finish() if walked else bytes(len(data) + 1), mix

    # Decoding.

    def decode(
        self,
        descriptor: Descriptor,
        payload,
        size: int,
        progress: Progress = untold,
        sink: Sink | None = None,
    ) -> np.ndarray:
        """The stream's bytes, uint8 (size,). ``sink`` as in
        :attr:`nzip.predictors.base.Predictor.hands_on`. Raises :class:`CorruptError`, and
        :class:`ModelMismatchError` where a primer is another."""
        content = descriptor.content
        if content.kind == STORED:
            out = np.frombuffer(payload, np.uint8)
            progress(size)
            if sink is not None:
                sink(0, out.data.toreadonly())
            return out
        some = self._helping(descriptor.lanes, size)
        words = Words.parse(descriptor.words, self.dictionary) if descriptor.words else None
        dictionary = words.dictionary if words else None
        primer = some._primer(descriptor) if descriptor.primer else None
        some._check_pin(descriptor, primer, dictionary)
        if primer:
            primer = portion(primer, self.level, dictionary)
        try:
            some = some.for_form(words)
        except ValueError:
            raise CorruptError("a mix block with experts that do not read its form of text") from None
        if not words:
            return some._decode(payload, descriptor, some.lanes_for(size), primer, size, progress, sink)
        if some.lanes_for(size) > 1:
            raise CorruptError("a mix block with words on several lanes")
        return some._decode_words(payload, descriptor, words, primer, size, progress, sink)

    def _helping(self, said: int, size: int) -> Streams:
        """The same with the experts that a stream's descriptor says, its lanes checked."""
        if said >= _SOME and self.experts:
            helpers = 255 - said
            if helpers >= (1 << len(self.experts)) - 1:
                raise CorruptError("a mix block that names experts which its predictor has not")
            return self.only(helpers)
        if said + 1 != self.lanes_for(size):
            raise CorruptError("a mix block with another number of lanes than its predictor gives it")
        return self

    def _primer(self, descriptor: Descriptor) -> Primer:
        """The primer that a stream names, whole. :class:`ModelMismatchError` if it is not here, and
        :class:`CorruptError` for a head where there is none."""
        if descriptor.primer == HEAD:
            if self.head is None:
                raise CorruptError("a mix block that starts from the stream's head, and there is none")
            return self.head
        primer = self.primer if descriptor.primer == USER else named(descriptor.primer)
        if primer is None:
            raise ModelMismatchError(
                "this file was made with a primer of the user's own", Remedy("give it with", "primer", "FILE")
            )
        return primer

    def _check_pin(
        self, descriptor: Descriptor, primer: Primer | None, dictionary: Dictionary | None
    ) -> None:
        """:class:`ModelMismatchError` if what is read beforehand is not what the stream pins."""
        here = pin(primer, dictionary)
        if here != descriptor.pinned and primer is not None and primer.number == HEAD:
            raise CorruptError("a mix block that starts from another head than its stream has")
        if here != descriptor.pinned:
            names = [f"the primer {primer.name}"] if primer else []
            names += [f"the dictionary {dictionary.name}"] if dictionary else []
            raise ModelMismatchError(
                f"{' or '.join(names)} is not the one this file was made with "
                f"(hash {here.hex()}, the file wants {descriptor.pinned.hex()})"
            )

    def _decode_words(
        self,
        payload,
        descriptor: Descriptor,
        words: Words,
        primer: Primer | None,
        size: int,
        progress: Progress,
        sink: Sink | None,
    ) -> np.ndarray:
        """A stream of ``size`` bytes whose words or lines were transformed."""
        form = Content(at.CODED) if words.dictionary else descriptor.content
        length = descriptor.length
        mix, ends, room, first = self._start(form, 1, length, primer, descriptor.rate)
        undoing = Undoing(sink, room[first:], size, words)
        told = scaled(progress, size, length)
        self._walk(form, mix, ends, room, first, Input(payload), True, told, undoing)
        return undoing.finish()

    def _decode(
        self,
        payload,
        descriptor: Descriptor,
        lanes: int,
        primer: Primer | None,
        size: int,
        progress: Progress,
        sink: Sink | None,
    ) -> np.ndarray:
        content = descriptor.content
        mix, ends, room, first = self._start(content, lanes, size, primer, descriptor.rate)
        told = None
        if sink is not None:
            starts = [0, *(ends[:-1] - first).tolist()]
            told = HandingOn(sink, room[first:], starts, content.kind == EXECUTABLE)
        self._walk(content, mix, ends, room, first, Input(payload), True, progress, told)
        if told is not None:
            return told.finish()
        _take_off(room[first:], content)
        return room[first:]

    def _start(
        self, content: Content, lanes: int, size: int, primer: Primer | None, rate: int = 0
    ) -> tuple[Mix, np.ndarray, np.ndarray, int]:
        """For a stream of ``size`` bytes: a mix ready for it, its learning rate at a descriptor's ``rate``;
        where each lane ends, an array (uint8) for primer and stream with the primer's text in place, and
        where the stream begins in it."""
        edges = [size * lane // lanes for lane in range(lanes + 1)]
        experts = len(self.experts)
        if primer:
            POOL.let_go()
            mix, prefix = warm_behind(self.level, primer, edges[:-1], experts, self.leading)
        else:
            chosen, prefix = plan(self.level, content.kind, content.stride), np.zeros(0, np.uint8)
            mix = build(chosen, size, content.stride, content.pixel, edges[:-1], experts, self.leading)
        mix = last_stage.put_on(mix, last_stage.of(self.level, content.kind, self.experts))
        first = len(prefix)
        room = np.zeros(first + size, np.uint8)
        room[:first] = prefix
        if rate:
            mix.lanes[:, at.L_RATE] = RATE_STEP * rate
        return mix, np.array(edges[1:], np.int64) + first, room, first

    def _in_lockstep(self, lanes: int) -> bool:
        """Whether experts are asked through Python, lane by lane."""
        if not self.experts:
            return False
        from nzip.predictors.mix import fused  # start-up: the experts' kernels

        return lanes > 1 or not fused.fits(self.experts)

    def _walk(
        self,
        content: Content,
        mix: Mix,
        ends: np.ndarray,
        data: np.ndarray,
        first: int,
        bits: Output | Input,
        decoding: bool,
        progress: Progress,
        told: Told | None,
        ledger: Ledger | None = None,
    ) -> bool:
        """Code ``data[first:]``, with ``told`` told of what is decoded, and ``ledger``, whose mix this is, of
        what is encoded; False once it is hopeless (see ``bits.drain``)."""
        if self.experts:
            from nzip.predictors.mix import fused  # start-up: the experts' kernels

            runs = fused.start(self.experts) if len(ends) == 1 else None
            if runs is not None:
                return fused.drive(runs, mix, data, first, ends, bits, decoding, progress, told, ledger)
            return lockstep.drive(
                self.experts, mix, data, first, ends, bits, decoding, progress, told, ledger
            )
        kernel = self.kernel(content)
        if ledger is not None:
            kernel = ledger.kernel
        for start in range(first, len(data), CHUNK):
            steps = min(CHUNK, len(data) - start)
            if ledger is not None:
                ledger.begin(start)
            kernel(mix, data, ends, steps, decoding, bits.coder, bits.buffer, NO_EXPERTS)
            if ledger is not None:
                ledger.end(start, steps)
            if not bits.drain():
                return False
            progress(start + steps - first)
            if told is not None:
                told.reached(0, start + steps - first)
        return True


def _put_on(stream: np.ndarray, content: Content) -> None:
    """A stream, in place, in the form that the mix codes."""
    if content.kind == EXECUTABLE:
        call_filter(stream, 1)


def _take_off(stream: np.ndarray, content: Content) -> None:
    """The inverse of :func:`_put_on`."""
    if content.kind == EXECUTABLE:
        call_filter(stream, -1)
