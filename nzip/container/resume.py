"""Going on where an interrupted job ended: what of its partial output is just what this job would write.

Nothing is remembered beside the partial output, and nothing in it is believed: a compressed block is kept if
its header and its stored bytes have their hashes and it decodes, by its hash, to the bytes that the source
has at that place now; decoded bytes are kept as far as they have the hashes that the compressed file gives.
So no block is coded or decoded to find out, and a power cut, a torn block or a source that has changed since
cost the blocks from there on.

Concession: what stands in neither header nor blocks (that a cold start was asked for) is the business of
whoever names the partial output (:mod:`nzip.io.partial_output`); and a later version of nzip, which may
choose otherwise for the same format, goes on in its own way, to a file that is as good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import xxhash

from nzip.container import framing, heads, parser
from nzip.container.writer import StreamWriter
from nzip.errors import CorruptError, FormatError, TruncatedError
from nzip.hashes import hash32, low32


class Partial(Protocol):
    """An output that holds what an earlier run wrote."""

    def read(self, n: int, /) -> bytes:
        """Up to ``n`` bytes of it, from its start on."""

    def seek(self, position: int, /) -> object:
        """Read from ``position`` on."""

    def go_on_at(self, position: int, *, whole: bool) -> None:
        """Forget what lies behind byte ``position``, and write there from now on. ``whole``: the job is done
        but for what cost nothing to make again."""


class Kept(NamedTuple):
    """What an earlier run has done: whole ``blocks``, of ``decoded`` bytes, in ``stored`` bytes of output
    (the stream's header among them). ``first``: the head of the first of them (heads.py). ``note``: one line
    for the user, where it is less than could be expected."""

    blocks: int = 0
    decoded: int = 0
    stored: int = 0
    note: str | None = None
    first: bytes = b""


def keep_blocks(partial: Partial, source, writer: StreamWriter, block_size: int) -> Kept:
    """Bring ``writer``, which has written nothing yet, to where an earlier run's whole blocks in ``partial``
    end, and ``source`` (seekable, at its start) and ``partial`` with it. Where no block is kept, nothing is,
    and the header is to be written again."""
    kept, note, ended = Kept(), None, False
    header = writer.header()
    begun = parser.read_fully(partial, len(header))
    partial.seek(0)
    if begun == header:
        try:
            for event in parser.pull(partial, parser.parse(payloads="check")):
                if isinstance(event, parser.StreamEnd):
                    ended = not source.read(1)
                    break
                if not isinstance(event, parser.Block):
                    continue
                data = parser.read_fully(source, block_size)
                if not _is_of(event.header, data):
                    what = "source" if event.header.size == len(data) else "source or the block size"
                    note = f"the {what} has changed since, in block {event.number}"
                    break
                writer.saw(data)
                writer.count(event.header)
                stored = event.offset + event.header.frame_size
                first = kept.first if kept.blocks or not writer.takes_head else heads.of(data)
                kept = Kept(kept.blocks + 1, kept.decoded + len(data), stored, None, first)
        except TruncatedError:
            note = None  # the block that was under way when the job ended
        except (CorruptError, FormatError):
            note = f"the partial output is damaged behind block {kept.blocks}"
    elif begun and not header.startswith(begun):
        note = "the partial output is another command's"
    if note is not None:
        note += f": going on from byte {kept.decoded:,}" if kept.blocks else ": beginning anew"
    source.seek(kept.decoded)
    partial.go_on_at(kept.stored, whole=ended)
    return kept._replace(note=note)


def _is_of(header: framing.BlockHeader, data: bytes) -> bool:
    return len(data) == header.size and hash32(data) == header.decoded_hash


class KeptBytes:
    """Decoded bytes that an earlier run wrote to ``partial``, block by block: :meth:`choose` is the parser's
    ``payloads``, which passes over those that are there.

    ``size``: bytes that are kept; ``note`` as in :class:`Kept`."""

    def __init__(self, partial: Partial):
        self._partial = partial
        self._ended = False
        self.size = 0
        self._last = 0
        self.note: str | None = None

    def choose(self, header: framing.BlockHeader) -> str:
        """``skip`` for a block whose bytes are there, ``keep`` from the first that is not on."""
        if self._ended:
            return "keep"
        digest, there = xxhash.xxh3_64(), 0
        for part in self._parts(header.size):
            digest.update(part)
            there += len(part)
        if there == header.size and low32(digest) == header.decoded_hash:
            self._last = header.size
            self.size += header.size
            return "skip"
        if there == header.size:
            self.note = "the partial output does not hold this file's bytes" + (
                f" from byte {self.size:,} on: going on there" if self.size else ": beginning anew"
            )
        self._end(whole=False)
        return "keep"

    def again(self) -> Iterator[bytes]:
        """The bytes of the block that was passed over last, in pieces."""
        self._partial.seek(self.size - self._last)
        return self._parts(self._last)

    def close(self) -> None:
        """The file has ended: nothing more is to be kept."""
        if not self._ended:
            self._end(whole=True)

    def _end(self, *, whole: bool) -> None:
        self._ended = True
        self._partial.go_on_at(self.size, whole=whole)

    def _parts(self, left: int) -> Iterator[bytes]:
        # In pieces: what a header claims claims no memory.
        while left and (part := parser.read_fully(self._partial, min(parser.CHUNK, left))):
            left -= len(part)
            yield part
