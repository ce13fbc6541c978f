"""One block after another, decoded and checked: the predictor against the passport, sizes against limits,
bytes against hashes. No input or output here: :mod:`nzip.container.parser` brings the blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import xxhash

from nzip import codec
from nzip.container import check_points, embedded_models, heads, parser, passport
from nzip.container.check_points import Proof, UnprovenError
from nzip.container.limits import check_memory
from nzip.container.meter import Meter
from nzip.errors import CorruptError, LimitError, ModelMismatchError, NzipError, TruncatedError
from nzip.exact.compiler import need_compiler
from nzip.hashes import hash32
from nzip.predictors.own_primer import OwnPrimer

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor
    from nzip.predictors.model_files import Models

# What decoding may take unless the caller says otherwise, all threads together.
DEFAULT_MEMORY = 4 << 30
PROBED = 1 << 10  # bytes that a predictor's probe is made on


class StreamDecoder:
    """Decodes the blocks of one stream after another, and checks each stream's predictor and file hash.

    ``predictor``: a predictor object to be used where its spelling is the file's; else the registry's.
    ``primer``: the text of the user's own primer, for streams that were made with it; others ignore it.
    ``models``: where models lie here, by the names that streams call them.
    """

    def __init__(
        self,
        predictor: Predictor | None = None,
        memory: int | None = DEFAULT_MEMORY,
        meter: Meter | None = None,
        primer: OwnPrimer | None = None,
        models: Models | None = None,
    ):
        self._given = predictor
        self._models = models
        self._primer = primer
        self._memory = memory
        self._meter = meter or Meter()
        self._predictor: Predictor | None = None
        self._start: parser.StreamStart | None = None  # until the first :meth:`start`
        self._head = heads.Head()
        self._first: Callable[[], parser.Block] | None = None
        self.shared = 0  # bytes that all blocks prepared so far need together, beside what each does
        self._hash = xxhash.xxh3_64()

    def start(self, event: parser.StreamStart, first: Callable[[], parser.Block] | None = None) -> None:
        """Blocks of another stream come. Where it is coded as the one before, the predictor stays, checked
        already. ``first``: gives the stream's first block, where blocks come in any order; it may be one that
        is not intact."""
        before, self._start, self._first = self._start, event, first
        if event is not before:
            self._head = heads.Head()
        if before is None or (before.passport, before.models) != (event.passport, event.models):
            self._predictor = None
        self._hash = xxhash.xxh3_64()

    def prepare(self, block: parser.Block) -> tuple[int, Callable[..., bytes]]:
        """Before a block is decoded: ``(memory it needs, its job)``; the job takes ``progress`` and
        ``hand_on`` as :func:`decode_block`. Raises :class:`LimitError`, and
        :class:`nzip.errors.ModelMismatchError` at the first coded block; stored ones need no predictor.

        Jobs run in the order in which they were prepared, or one after the other: one may wait for the first,
        which has the head that it starts from."""
        predictor: Predictor | None = None
        start, header, head = self._start, block.header, self._head
        assert start is not None, "a block without its stream's start"
        if header.method != codec.STORED:
            predictor = self._find()
            if start.passport.head and needs_head(predictor, block):
                return self._from_head(block, predictor, start)
        weight = weight_of(block, predictor)
        check_memory(weight, self._memory, "decoding", start.passport.spelling)

        def job(progress=None, hand_on=None):
            return decode_block(block, predictor, start, progress, hand_on)

        def first_job(progress=None, hand_on=None):
            listens = block.intact or hand_on is not None
            return head.first(lambda told: job(progress, told), hand_on, listens)

        if block.number > 1 or not start.passport.head:
            return weight, job
        head.begins(header)
        return weight, first_job

    def _find(self) -> Predictor:
        """The stream's predictor."""
        start = self._start
        assert start is not None, "a predictor without its stream's start"
        if self._predictor is None:
            self._predictor = find_predictor(
                start.passport,
                self._given,
                self._meter,
                self._primer,
                start.models,
                models=self._models,
                memory=self._memory,
            )
        return self._predictor

    def _from_head(
        self, block: parser.Block, predictor: Predictor, start: parser.StreamStart
    ) -> tuple[int, Callable[..., bytes]]:
        """:meth:`prepare`, of a block that starts from the stream's head."""
        head, header, decode = self._head, block.header, None
        later = predictor.with_head(bytes(heads.SIZE))
        weight, shared = later.memory(header.size), later.shared_memory()
        if self._first is not None and not head.known:
            try:
                first = self._first()
                decode = first_of(first, head, predictor, start)
                weight = max(weight, shared + weight_of(first, predictor))
            except CorruptError as error:
                head.lost(error)
        check_memory(weight, self._memory, "decoding", start.passport.spelling)
        self.shared = max(self.shared, shared)

        def job(progress=None, hand_on=None):
            return decode_later(block, head, predictor, decode, start, progress, hand_on)

        return weight - shared, job

    def lost_first(self, error: CorruptError) -> None:
        """The stream's first block is lost."""
        self._head.lost(error)

    def kept(self, block: parser.Block, parts: Iterable[bytes]) -> None:
        """A block that need not be decoded: its bytes are there, in ``parts``."""
        first = bytearray()
        for part in parts:
            self.saw(part)
            if block.number == 1 and len(first) < heads.SIZE:
                first += part
        if block.number == 1:
            self._head.begins(block.header)
            self._head.know(first)

    def saw(self, data) -> None:
        """Tell of decoded bytes, in order, for the whole-file hash."""
        self._hash.update(data)

    def end(self, event: parser.StreamEnd) -> None:
        """The stream's end. Raises :class:`CorruptError` where the whole-file hash differs."""
        if event.file_hash is not None and event.file_hash != self._hash.intdigest():
            raise CorruptError("the whole-file hash differs, though every block's is right")


def find_predictor(
    found: passport.Passport,
    given: Predictor | None,
    meter: Meter,
    primer: OwnPrimer | None = None,
    embedded: tuple[embedded_models.Model, ...] = (),
    *,
    models: Models | None = None,
    memory: int | None = None,
) -> Predictor:
    """The predictor that a passport names, from its ``embedded`` models and from ``models``, which say where
    others lie; its answers checked against the passport's. Building it, and asking it, takes ``memory`` bytes
    at most: :class:`LimitError`."""
    need_compiler()
    if given is None or given.spelling != found.spelling:
        from nzip.predictors import registry  # start-up: NumPy, which listing a file does without

        embedded_models.check_room(embedded, memory, found.spelling)
        held = sum(model.size + len(model.payload) for model in embedded)
        files = {model.name: embedded_models.unpack(model) for model in embedded}
        given = registry.create_for_reading(
            found.spelling,
            files,
            config=found.config,
            models=models,
            memory=None if memory is None else max(0, memory - held),
        )
        if embedded:
            own, theirs = (
                {k: v for k, v in c.items() if k != "primer"} for c in (given.config(), found.config)
            )
            if own != theirs:
                raise CorruptError("the embedded models are not those that the header names by their hashes")
    if primer is not None and "primer" in found.config:
        given = given.with_primer(primer)
    check_memory(given.memory(PROBED), memory, "asking the predictor", found.spelling)
    meter.preparing(given)
    passport.check(found, given)
    if found.head:
        try:
            given.with_head(b"")
        except NzipError as error:
            raise CorruptError(f"the header says that blocks start from a head, and {error}") from error
    return given


def needs_head(predictor: Predictor, block: parser.Block) -> bool:
    """Whether ``block``, coded, of a stream whose header says that blocks may, starts from the head."""
    header = block.header
    try:
        return block.number > 1 and predictor.needs_head(header.params, header.size, header.payload_size)
    except CorruptError:
        return False  # decoding says so, and where


def weight_of(block: parser.Block, predictor: Predictor | None) -> int:
    """Bytes that decoding ``block`` takes, from no head; ``predictor`` is not asked where it is stored."""
    header = block.header
    weight = header.size + header.payload_size
    if predictor is None or header.method == codec.STORED:
        return weight
    return max(weight, predictor.memory(header.size))


def first_of(
    first: parser.Block, head: heads.Head, predictor: Predictor, start: parser.StreamStart
) -> heads.Decode:
    """What decodes the ``first`` block of a stream for its ``head`` alone."""
    head.begins(first.header)
    own = None if first.header.method == codec.STORED else predictor
    return lambda told: decode_block(first, own, start, None, told)


def decode_later(
    block: parser.Block,
    head: heads.Head,
    predictor: Predictor,
    decode: heads.Decode | None,
    start: parser.StreamStart,
    progress=None,
    hand_on: heads.Hand | None = None,
) -> bytes:
    """:func:`decode_block` of one that starts from ``head``; ``predictor`` and ``decode`` as for
    :meth:`nzip.container.heads.Head.later`."""
    try:
        later = head.later(predictor, decode)
    except heads.HeadLostError as error:
        raise heads.HeadLostError(f"block {block.number} at byte {block.offset} is lost: {error}") from error
    return decode_block(block, later, start, progress, hand_on)


def decode_block(
    block: parser.Block,
    predictor: Predictor | None,
    start: parser.StreamStart,
    progress=None,
    hand_on: Callable[[int, memoryview], None] | None = None,
) -> bytes:
    """The bytes of one block, their hashes checked: that of the stored bytes, check points as they are
    reached, that of all.

    ``predictor`` is None where the block is stored. ``hand_on``: told of each segment of the block that a
    check point has proven, as :class:`Proof` does; a block whose stored bytes are damaged is then decoded,
    too, to where the damage begins to matter (and told of to its end, if it never does). Raises
    :class:`CorruptError`; for a predictor that is not exact, wrong bytes out of intact ones are a
    :class:`nzip.errors.ModelMismatchError`.
    """
    header = block.header
    where = f"block {block.number} at byte {block.offset}"
    damaged = CorruptError(f"{where} is damaged")
    if block.payload is not None and len(block.payload) < header.payload_size:
        damaged = TruncatedError(parser.cut_in(block.number, block.offset))
    if not block.intact and (hand_on is None or not header.check_points):
        raise damaged
    proof = Proof(header.size, header.check_points, hand_on)
    unproven = ""
    try:
        data = codec.decode_block(
            predictor,
            header.method,
            header.params,
            block.payload,
            header.size,
            progress,
            proof if header.check_points else None,
        )
        if len(data) == header.size:
            proof.whole(data)
    except UnprovenError as error:
        data, unproven = b"", f": {error}"
    except CorruptError as error:
        if not block.intact:
            raise damaged from error
        raise CorruptError(f"{where} does not decode: {error}") from error
    right = not unproven and len(data) == header.size and hash32(data) == header.decoded_hash
    if not block.intact:
        if right and hand_on is not None:  # what is damaged does not matter
            last = len(header.check_points) // check_points.SIZE * check_points.CHECK_POINT
            hand_on(last, memoryview(data)[last:])
        raise type(damaged)(f"{damaged}{unproven}")
    if not right:
        if not start.passport.exact:
            raise ModelMismatchError(
                f"{where} is intact but decodes to other bytes: predictor {start.passport.spelling} is not "
                f"exact{passport.environment_difference(start.passport)}"
            )
        raise CorruptError(f"{where} decodes to other bytes than were compressed{unproven}")
    return data


def check_size(size: int, limit: int | None) -> None:
    """Raises :class:`LimitError` where decoding would give more than ``limit`` bytes."""
    if limit is not None and size > limit:
        raise LimitError(f"the decoded data is longer than the limit of {limit} bytes")
