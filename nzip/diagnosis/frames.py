"""The frames of a file under diagnosis, from its start on; and where they break off, what is there, and how
to go on behind it.

A block whose header is damaged is stepped over by the index; other breaks end at the next stream. Concession:
where a block's header is damaged and the index, too, what lies behind it in its stream is one finding. And a
stream that stands whole inside another's stored bytes may then be taken for the next one.
"""

from __future__ import annotations

from nzip.container import framing, index, parser
from nzip.container.workers import Workers
from nzip.diagnosis.blocks import Blocks
from nzip.diagnosis.findings import AGAIN, RECOVER, Diagnosis
from nzip.errors import CorruptError, FormatError, NzipError, TruncatedError
from nzip.hashes import hash32
from nzip.io import foreign
from nzip.varint import read_back_varint, u32


class Frames(Blocks):
    """One diagnosis, from the first frame to the last."""

    def whole(self) -> Diagnosis:
        """The file from its start as far as its frames lead; where they break off, behind the break."""
        workers = Workers(self.threads, self.memory)
        at: int | None = 0
        try:
            while at is not None:
                at = self._from(workers, at)
        finally:
            workers.close()
        self.findings.sort(key=lambda finding: (finding.stored or (0, 0))[0])
        return Diagnosis(self.size, self.position, self.streams, self.blocks, self.proven, self.findings)

    def _from(self, workers: Workers, base: int) -> int | None:
        """Frames from byte ``base`` on, where a stream or a skippable frame begins. Returns where to go on
        behind a frame that cannot be read; None at the end."""
        self.source.seek(base)
        at, self.inside = base, False
        try:
            for event in parser.pull(self.source, parser.parse(keep_damaged=True)):
                event = event._replace(offset=base + event.offset)
                if isinstance(event, parser.Block):
                    self._results(self._block(workers, event))
                    at = min(self.size, event.offset + event.header.frame_size)
                    continue
                self._results(workers.drain())
                if isinstance(event, parser.StreamStart):
                    self._begin(event)
                    at = event.offset + event.header_size
                elif isinstance(event, parser.StreamEnd):
                    self._end(event, at)
                    at, self.inside = event.offset, False
                elif isinstance(event, parser.Skippable):
                    at = base + event.end
        except NzipError as error:
            self._results(workers.drain())
            # A stream that was gone on with is none of the first, but for the parser.
            if isinstance(error, FormatError) and base == 0 and at == 0:
                self._no_format(error)
                return None
            return self._broken(workers, error, at)
        return None

    # Frames that cannot be read ---------------------------------------------------------------------------

    def _broken(self, workers: Workers, error: NzipError, at: int) -> int | None:
        """The frame at byte ``at`` cannot be read: say what it is. Go on behind it by the index, if that is
        whole, else where another stream begins: the byte is returned."""
        what, remedy = self._frame_at(at, error), AGAIN
        self.hash = None
        if self.inside and what == "block header" and self._by_index(workers, at):
            return None
        behind = self._next_stream(at + 1)
        until = self.size if behind is None else behind
        message = f"{_called(what)} at byte {at:,} is damaged"
        if what == "truncated":
            message = f"it ends at byte {self.size:,}, inside the frame that begins at byte {at:,}"
            remedy = f"transfer it again, or go on with the transfer at byte {self.size:,}"
            if not self.size:
                message, remedy = "it is empty: it ends at byte 0", "transfer it again"
        elif what == "junk":
            message = f"behind the last stream there are {until - at:,} bytes that are none of ours"
            remedy = f"cut the file off at byte {at:,}" if behind is None else "take these bytes out"
        elif what == "end frame":
            remedy = "the blocks before it are all there is of its stream: save them"
        elif what == "block header":
            message += ", and so is the index: blocks behind it cannot be found"
        elif isinstance(error, FormatError):
            message, remedy = error.message, "use the nzip that wrote it"
        self._say(
            what,
            message + self._zeros(at, self._read(at, until - at)),
            remedy=remedy,
            option=RECOVER if self.blocks and what != "junk" else None,
            stream=self.streams if self.inside else None,
            stored=(at, until),
        )
        return behind

    def _frame_at(self, at: int, error: NzipError) -> str:
        if isinstance(error, TruncatedError):
            return "truncated"
        start = self._read(at, 8)
        if self.inside:
            return "end frame" if start and start[0] in framing.END_KINDS else "block header"
        if start[:7] != framing.MAGIC:
            return "junk"
        if "embedded model" in error.message:
            return "model"
        return "skippable" if start[7:] == bytes([framing.SKIPPABLE_BYTE]) else "header"

    def _by_index(self, workers: Workers, at: int) -> bool:
        """The blocks from byte ``at`` on, as the end frames list them; False where these are damaged."""
        try:
            found = index.read_backwards(self.source)
        except NzipError:
            return False
        entries = [entry for entry in found.entries if entry.offset >= at]
        if not entries or entries[0].offset != at:
            return False
        current = entries[0].stream
        for entry in entries:
            if entry.stream != current:
                current = entry.stream
                self._results(workers.drain())
                self._begin(found.streams[current])
                self.hash = None
            self.source.seek(entry.offset)
            try:
                block = next(parser.pull(self.source, _block_of(entry)))
            except CorruptError:
                self.blocks += 1
                if entry.number == 1:
                    self.head.lost(CorruptError("its header is damaged"))
                self._say(
                    "block header",
                    f"block {entry.number} of stream {self.streams}: its header is damaged",
                    remedy=AGAIN,
                    option=RECOVER,
                    stream=self.streams,
                    block=entry.number,
                    stored=(entry.offset, entry.offset + entry.frame_size),
                    decoded=(self.position, self.position + entry.size),
                )
                self.position += entry.size
            else:
                self._results(self._block(workers, block))
        self._results(workers.drain())
        return True

    def _next_stream(self, at: int) -> int | None:
        """Where the first stream header or skippable frame behind byte ``at`` begins."""
        self.source.seek(at)
        before = b""
        while data := self.source.read(parser.CHUNK):
            there = before + data
            for kind in (framing.VERSION_BYTE, framing.SKIPPABLE_BYTE):
                found = there.find(framing.MAGIC + bytes([kind]))
                if found >= 0:
                    return at - len(before) + found
            at += len(data)
            before = there[-7:]
        return None

    def _no_format(self, error: FormatError) -> None:
        start = self._read(0, foreign.ENOUGH)
        known_as = foreign.what_is(start)
        message, remedy = error.message, "see whether it is the right file"
        if not start.strip(b"\0"):
            message, remedy = "it begins with zeros: its start was lost, or never written", AGAIN
        elif start[:7] == framing.MAGIC:
            message, _, remedy = message.partition(": ")
        elif known_as is not None:
            message, _, remedy = known_as.partition(": ")
        elif framing.text_damage(start[:8]):
            message, _, remedy = message.partition(": ")
        elif self._ends_as_ours():
            message = "its end is that of an nzip stream, and its start is damaged or missing"
            remedy = AGAIN
        self._say("format", message, remedy=remedy, stored=(0, min(8, self.size)))

    def _ends_as_ours(self) -> bool:
        tail = self._read(max(0, self.size - parser.CHUNK), parser.CHUNK)
        try:
            length, taken = read_back_varint(tail[:-4], "the end")
        except CorruptError:
            return False
        body = tail[-4 - taken - length : -4]
        return 0 < length < len(tail) - 4 - taken and u32(hash32(body)) == tail[-4:]


def _called(what: str) -> str:
    """What of a file is damaged, in a sentence."""
    return {
        "header": "the stream header",
        "model": "an embedded model, or its frame, behind the stream header",
        "block header": "the header of a block",
        "end frame": "the end frame",
        "skippable": "the skippable frame",
    }.get(what, "what stands")


def _block_of(entry: index.Entry):
    """A parser of the one block that the index lists."""
    kind = yield 1
    header = yield from parser.read_block_header(
        kind[0] if kind else 0, entry.chain, entry.number, entry.offset
    )
    payload, intact = yield from parser.read_payload(header, "keep", entry.number, entry.offset, True)
    yield parser.Block(header, payload, entry.number, entry.offset, intact)
