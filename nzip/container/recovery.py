"""Saving what can be saved of a damaged file. Damage stays inside its block: the others decode, and of a
damaged one whatever its check points prove.

Where the end frame is intact every block is found through it, whatever happened between; else the headers
are walked from the front until one is damaged. Bytes that are lost become zeros, so that the others keep
their places, up to a limit: what a damaged file claims may be a thousand times what it ever held.

Concessions: with the end frame and a block's header both gone, the blocks behind it are not searched for. A
coder's damage spoils all that it decodes later, so of a coded block what came before is saved; of a stored
one, all but the segments that the damage touched, and the last one, which has no check point.
"""

from __future__ import annotations

from collections.abc import Callable

from nzip import codec
from nzip.container import decoding, index, parser
from nzip.container.check_points import Proof
from nzip.errors import CorruptError, NzipError
from nzip.predictors.own_primer import OwnPrimer

TYPE_CHECKING = False
if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor
    from nzip.predictors.model_files import Models

# Zeros written for what is lost, unless the caller says otherwise.
DEFAULT_MAX_SIZE = 1 << 30
_ZEROS = bytes(1 << 16)


def recover(
    source,
    write: Callable[[bytes], object],
    *,
    predictor: Predictor | None = None,
    memory: int | None = decoding.DEFAULT_MEMORY,
    primer: OwnPrimer | None = None,
    models: Models | None = None,
    max_size: int | None = DEFAULT_MAX_SIZE,
    skip: Callable[[int], object] | None = None,
) -> list[str]:
    """Decode what can be decoded of ``source``, and hand it to ``write``. Returns one line for each loss.
    ``predictor``, ``memory``, ``primer`` and ``models``: see :class:`nzip.container.decoding.StreamDecoder`.

    ``max_size``: zeros that may be written for lost bytes, all together (None: any number); what is lost
    beyond is left out, and its line says so. ``skip``: called with a number of zeros, where the target has a
    better way than to be given them (a hole).

    Raises :class:`NzipError` where nothing can be done: no stream header, or a predictor that is missing or
    different here.
    """
    decoder = decoding.StreamDecoder(predictor, memory, primer=primer, models=models)
    rescue = _Rescue(decoder, write, skip, max_size)
    if source.seekable():
        try:
            found = index.read_backwards(source)
        except NzipError:
            source.seek(0)
        else:
            _by_index(found, rescue)
            return rescue.lost
    _from_the_front(source, rescue)
    return rescue.lost


def _by_index(found: index.Index, rescue: _Rescue) -> None:
    stream = None
    for number, entry in enumerate(found.entries):
        if entry.stream != stream:
            stream = entry.stream
            rescue.decoder.start(found.streams[stream])
        try:
            block = found.read(number, keep_damaged=True)
        except CorruptError as error:
            if entry.number == 1:
                rescue.decoder.lost_first(error)
            rescue.lose(entry.size, error)
        else:
            rescue.block(block)


def _from_the_front(source, rescue: _Rescue) -> None:
    begun = False
    try:
        for event in parser.pull(source, parser.parse(keep_damaged=True)):
            if isinstance(event, parser.StreamStart):
                begun = True
                rescue.decoder.start(event)
            elif isinstance(event, parser.Block):
                rescue.block(event)
    except CorruptError as error:
        if not begun:
            raise
        rescue.lost.append(f"everything from decoded byte {rescue.position} on is lost: {error}")


class _Rescue:
    """What was saved so far. ``position``: decoded bytes, lost ones included; ``lost``: a line for each
    loss."""

    def __init__(
        self,
        decoder: decoding.StreamDecoder,
        write: Callable[[bytes], object],
        skip: Callable[[int], object] | None,
        max_size: int | None,
    ):
        self.decoder = decoder
        self.position = 0
        self.lost: list[str] = []
        self._write = write
        self._skip = skip or self._write_zeros
        self._left = max_size  # zeros that may still be written

    def block(self, block: parser.Block) -> None:
        """Save a block, or what of it can be. A block that the file ends in is as long as what was saved."""
        size = block.header.size
        proven: dict[int, bytes] = {}
        error = _decode(self.decoder, block, proven)
        if error is None:
            self._write(proven[0])
            self.position += size
            return
        if block.payload is not None and len(block.payload) < block.header.payload_size:
            size = max((at + len(data) for at, data in proven.items()), default=0)
        self.lose(size, error, proven)

    def lose(self, size: int, error: NzipError, proven: dict[int, bytes] | None = None) -> None:
        """The next ``size`` bytes are lost, but for those that are ``proven``, by where they begin."""
        known = sorted((proven or {}).items())
        gaps, end = [], 0
        for at, data in known:
            if at > end:
                gaps.append((end, at))
            end = at + len(data)
        if end < size:
            gaps.append((end, size))
        zeros = sum(end - at for at, end in gaps)
        fits = self._left is None or zeros <= self._left
        if gaps:
            self._tell(gaps, known, fits, zeros, error)
        end = 0
        for at, data in [*known, (size, b"")]:
            if at > end and fits:
                self._skip(at - end)
            if data:
                self._write(data)
            end = at + len(data)
        if fits and self._left is not None:
            self._left -= zeros
        self.position += size

    def _tell(self, gaps, known, fits: bool, zeros: int, error: NzipError) -> None:
        def ranges(pairs) -> str:
            return ", ".join(f"{self.position + at} to {self.position + end}" for at, end in pairs)

        line = f"decoded bytes {ranges(gaps)} are lost and were "
        if fits:
            line += "replaced by zeros"
        else:
            line += f"left out ({zeros} zeros are more than max_size allows)"
        if known:
            line += f"; {ranges(_merged(known))} are proven"
        self.lost.append(f"{line}: {error}")

    def _write_zeros(self, size: int) -> None:
        for at in range(0, size, len(_ZEROS)):
            self._write(_ZEROS[: size - at])


def _merged(known: list[tuple[int, bytes]]) -> list[tuple[int, int]]:
    """Ranges of bytes that lie one behind the other, as few as there can be."""
    out: list[tuple[int, int]] = []
    for at, data in known:
        if out and out[-1][1] == at:
            out[-1] = (out[-1][0], at + len(data))
        else:
            out.append((at, at + len(data)))
    return out


def _decode(
    decoder: decoding.StreamDecoder, block: parser.Block, proven: dict[int, bytes]
) -> CorruptError | None:
    """Decode a block; ``proven`` gets its bytes, by where they begin, as far as they are proven. Returns the
    error that keeps the rest from being."""

    def keep(start: int, data: memoryview) -> None:
        proven[start] = bytes(data)

    header = block.header
    if header.method == codec.STORED and not block.intact:
        Proof(header.size, header.check_points, keep, stop=False).whole(block.payload)
        return CorruptError(f"block {block.number} at byte {block.offset} is damaged")
    _, job = decoder.prepare(block)
    try:
        data = job(None, keep)
    except CorruptError as error:
        return error
    proven.clear()
    proven[0] = data
    return None
