"""The blocks of a file under diagnosis: their stored bytes, their predictor, what they decode to.

Blocks are decoded on several threads and judged in order. Concession: a predictor that is missing or answers
otherwise is one finding a stream, and the stream's blocks are not decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import xxhash

from nzip import codec
from nzip.container import decoding, framing, heads, parser
from nzip.container.meter import Meter
from nzip.container.workers import Workers
from nzip.diagnosis.findings import AGAIN, MENDS, RECOVER, Finding
from nzip.errors import CorruptError, LimitError, ModelMismatchError, NzipError
from nzip.hashes import hash32
from nzip.predictors.base import Predictor
from nzip.predictors.model_files import Models
from nzip.predictors.own_primer import OwnPrimer
from nzip.predictors.spelling import parse
from nzip.varint import read_u32

SEGMENT = 1 << 16  # decoded bytes that a check point proves
_ZEROS = 512  # bytes: a sector; fewer zeros are nothing to speak of


def first_difference(header: framing.BlockHeader, data: bytes) -> int | None:
    """The first segment of :data:`SEGMENT` decoded bytes whose check point in a block's ``header`` is not
    that of ``data``, counted from 0; None where all that have one are right."""
    points = getattr(header, "check_points", b"")
    for number in range(len(points) // 4):
        segment = memoryview(data)[number * SEGMENT : (number + 1) * SEGMENT]
        if hash32(segment, number) != read_u32(points, number * 4):
            return number
    return None


class Blocks:
    """One diagnosis under way, as far as blocks go."""

    def __init__(
        self,
        source: Any,
        predictor: Predictor | None,
        primer: OwnPrimer | None,
        models: Models | None,
        memory: int | None,
        meter: Meter,
        decode: bool,
        threads: int,
    ):
        self.source, self.given, self.primer, self.memory = source, predictor, primer, memory
        self.models = models
        self.meter, self.decode, self.threads = meter, decode, threads
        self.findings: list[Finding] = []
        self.size = source.seek(0, 2)
        self.streams = self.blocks = self.proven = 0
        self.position = 0  # of the next block's first decoded byte
        self.start: parser.StreamStart | None = None
        self.predictor: Predictor | None = None
        self.sought = False  # whether this stream's predictor was looked for
        self.head = heads.Head()  # this stream's
        self.first: parser.Block | None = None  # this stream's, where its stored bytes are damaged
        self.hash: Any = None  # of the stream's decoded bytes; None once one is not known
        self.inside = False  # whether a stream is open

    def _say(self, what: str, message: str, **more) -> None:
        damage = more.pop("damage", True)
        self.findings.append(Finding(what, message, damage, **more))

    def _begin(self, event: parser.StreamStart) -> None:
        self.streams += 1
        self.start, self.predictor, self.sought = event, None, False
        self.head, self.first = heads.Head(), None
        self.hash = xxhash.xxh3_64()
        self.inside = True

    # Blocks -----------------------------------------------------------------------------------------------

    def _block(self, workers: Workers, block: parser.Block) -> Iterator[tuple]:
        """Queue a block's decoding; gives earlier results."""
        header, position, payload = block.header, self.position, block.payload or b""
        self.blocks += 1
        self.position += header.size
        begin = block.offset + header.header_size
        if block.number == 1:
            self.head.begins(header)
        if not block.intact:
            self.hash = None
            if block.number == 1:
                self.first = block
            if len(payload) == header.payload_size:
                self._say(
                    "stored",
                    f"block {block.number} of stream {self.streams}: its stored bytes are damaged"
                    + self._zeros(begin, payload),
                    remedy=AGAIN,
                    option=RECOVER,
                    stream=self.streams,
                    block=block.number,
                    stored=(begin, begin + header.payload_size),
                    decoded=(position, position + header.size),
                )
            return
        predictor = None
        if header.method != codec.STORED:
            predictor = self._find_predictor()
            if predictor is None or not self.decode:
                self.hash = None
                return
        weight, shared = decoding.weight_of(block, predictor), 0
        job = partial(self._decode_one, predictor, block, self.head)
        start = self.start
        if predictor is not None and start and start.passport.head and decoding.needs_head(predictor, block):
            coder = predictor.with_head(bytes(heads.SIZE))
            job = partial(self._decode_later, predictor, block, self.head, self.first, start)
            weight, shared = max(weight, coder.memory(header.size)), coder.shared_memory()
            if self.first is not None:
                weight = max(weight, shared + decoding.weight_of(self.first, predictor))
        try:
            spelling = self.start.passport.spelling if self.start else ""
            decoding.check_memory(weight, self.memory, "decoding", spelling)
        except LimitError as error:
            self.hash = None
            if block.number == 1:
                self.head.lost(error)
            self._environment("limit", error, block, position)
            return
        workers.share(shared)
        yield from workers.submit(weight - shared, self._decoded, block, job, position, self.streams)

    def _decoded(
        self, _hand_on, block: parser.Block, job: Callable[[Any], bytes], position: int, stream: int
    ) -> tuple:
        header = block.header
        try:
            with self.meter.block(header.size) as progress:
                data = job(progress)
        except NzipError as error:
            return block, position, stream, None, error
        return block, position, stream, data, None

    def _decode_one(
        self, predictor: Predictor | None, block: parser.Block, head: heads.Head, progress
    ) -> bytes:
        """A block's bytes, whether they are right or not."""
        header, found = block.header, list[bytes]()

        def decode(_told: heads.Hand | None) -> bytes:
            found.append(
                codec.decode_block(
                    predictor, header.method, header.params, block.payload, header.size, progress
                )
            )
            if hash32(found[0]) != header.decoded_hash:
                raise CorruptError(f"block {block.number} decodes to other bytes than were compressed")
            return found[0]

        try:
            return head.first(decode, None, False) if block.number == 1 else decode(None)
        except CorruptError:
            if not found:
                raise
            return found[0]

    def _decode_later(
        self,
        predictor: Predictor,
        block: parser.Block,
        head: heads.Head,
        first: parser.Block | None,
        start: parser.StreamStart,
        progress,
    ) -> bytes:
        """:meth:`_decode_one` of a block that starts from its stream's head; ``first``: the stream's first,
        where nobody else decodes it."""
        decode = None if first is None else decoding.first_of(first, head, predictor, start)
        return self._decode_one(head.later(predictor, decode), block, head, progress)

    def _results(self, results) -> None:
        for block, position, stream, data, error in results:
            header = block.header
            self.meter.finished(header.frame_size, header.size)
            if data is not None and len(data) == header.size and hash32(data) == header.decoded_hash:
                self.proven += 1
                if self.hash is not None:
                    self.hash.update(data)
                continue
            self.hash = None
            if isinstance(error, ModelMismatchError | LimitError):
                what = "limit" if isinstance(error, LimitError) else error.part or "primer"
                self._environment(what, error, block, position)
            elif isinstance(error, heads.HeadLostError):
                self._say(
                    "head",
                    f"block {block.number} of stream {stream}: its stored bytes are intact, and {error}",
                    remedy=AGAIN,
                    option=RECOVER,
                    stream=stream,
                    block=block.number,
                    stored=(block.offset, block.offset + header.frame_size),
                    decoded=(position, position + header.size),
                )
            else:
                self._differs(block, position, stream, data, error)

    def _differs(
        self, block: parser.Block, position: int, stream: int, data: bytes | None, error: Exception | None
    ) -> None:
        header = block.header
        where = f"block {block.number} of stream {stream}"
        first = None if data is None else first_difference(header, data)
        lost = (position, position + header.size)
        message = f"{where}: its stored bytes are intact and decode to other bytes than were compressed"
        if error is not None:
            message = f"{where}: its stored bytes are intact and do not decode: {error}"
        elif first is not None:
            lost = (position + first * SEGMENT, position + header.size)
            message += f", from the check point of decoded bytes {lost[0]:,} to {lost[0] + SEGMENT:,} on"
        exact = self.start is None or self.start.passport.exact
        self._say(
            "environment" if not exact else "decoded" if first is None else "check point",
            message,
            damage=exact,
            remedy="try another machine: this one, or the one that wrote it, computes wrongly, or its nzip "
            "has a fault: please report it"
            if exact
            else MENDS["environment"],
            option=RECOVER if exact else None,
            stream=stream,
            block=block.number,
            stored=(block.offset, block.offset + header.frame_size),
            decoded=lost,
        )

    def _end(self, event: parser.StreamEnd, at: int) -> None:
        right = self.hash is None or event.file_hash is None or event.file_hash == self.hash.intdigest()
        if not right:
            self._say(
                "file",
                f"stream {self.streams}: the hash of all its decoded bytes differs, though every block's is "
                "right: blocks were exchanged, or the hash is damaged",
                remedy=AGAIN,
                stream=self.streams,
                stored=(at, event.offset),
            )

    # The predictor ----------------------------------------------------------------------------------------

    def _find_predictor(self) -> Predictor | None:
        """The stream's predictor, looked for at its first coded block; None where it is not here."""
        start = self.start
        if self.sought or start is None:
            return self.predictor
        self.sought = True
        try:
            self.predictor = decoding.find_predictor(
                start.passport,
                self.given,
                self.meter,
                self.primer,
                start.models,
                models=self.models,
                memory=self.memory,
            )
        except ModelMismatchError as error:
            self._environment(error.part or self._missing(start.passport.spelling), error)
        except LimitError as error:
            self._environment("limit", error)
        except NzipError as error:
            self._say(
                "model",
                f"stream {self.streams}: {error.message}",
                remedy=AGAIN,
                stream=self.streams,
                stored=(start.offset, start.offset + start.header_size),
            )
        return self.predictor

    def _missing(self, spelling: str) -> str:
        """What of a predictor that cannot be made is missing: its name, or the model behind it."""
        from nzip.predictors import registry  # start-up: NumPy

        try:
            names = {part.name for part in parse(spelling)}
        except NzipError:
            return "spelling"
        return "weights" if names <= registry.entries().keys() else "spelling"

    def _environment(
        self, what: str, error: NzipError, block: parser.Block | None = None, position: int = 0
    ) -> None:
        self._say(
            what,
            f"stream {self.streams}: {error.message}",
            damage=False,
            remedy="" if error.remedy is not None else MENDS.get(what, ""),
            option=error.remedy,
            stream=self.streams,
            block=block.number if block else None,
            decoded=(position, position + block.header.size) if block else None,
        )

    def _read(self, at: int, size: int) -> bytes:
        self.source.seek(at)
        return parser.read_fully(self.source, max(0, min(size, parser.CHUNK)))

    def _zeros(self, at: int, data: bytes) -> str:
        """Where damaged ``data``, which stands at byte ``at``, is zeros: lost sectors, or a transfer that
        made room first."""
        zeros = bytes(_ZEROS)
        first = data.find(zeros)
        if first < 0:
            return ""
        end = first + _ZEROS
        while data[end : end + 1] == b"\0":
            end += 1
        return f" (from byte {at + first:,} there are {end - first:,} zeros, which were never stored or lost)"
