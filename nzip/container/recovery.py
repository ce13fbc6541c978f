"""Saving what can be saved of a damaged file. Damage stays inside its block: the others decode.

Where the end frame is intact every block is found through it, whatever happened between; else the headers
are walked from the front until one is damaged. Bytes of a lost block become zeros, so that the others keep
their places. Concession: with the end frame and a block's header both gone, the blocks behind it are not
searched for.
"""

from __future__ import annotations

from nzip.container import decoding, index, parser
from nzip.errors import CorruptError, NzipError

_ZEROS = bytes(1 << 16)


def recover(
    source,
    write,
    *,
    predictor=None,
    memory: int | None = decoding.DEFAULT_MEMORY,
    primer: bytes | None = None,
) -> list[str]:
    """Decode what can be decoded of ``source``, and hand it to ``write``. Returns one line for each loss.
    ``predictor``, ``memory`` and ``primer`` as for :class:`nzip.container.decoding.StreamDecoder`.

    Raises :class:`NzipError` where nothing can be done: no stream header, or a predictor that is missing or
    different here.
    """
    if source.seekable():
        try:
            found = index.read_backwards(source)
        except NzipError:
            source.seek(0)
        else:
            return _by_index(found, write, predictor, memory, primer)
    return _from_the_front(source, write, predictor, memory, primer)


def _by_index(found: index.Index, write, predictor, memory, primer) -> list[str]:
    lost: list[str] = []
    decoder, stream = None, -1
    for number, entry in enumerate(found.entries):
        if entry.stream != stream:
            stream = entry.stream
            decoder = decoding.StreamDecoder(predictor, memory, primer=primer)
            decoder.start(found.streams[stream])
        try:
            block = found.read(number)
            data = decoder.prepare(block)[1]()
        except CorruptError as error:
            _lose(lost, write, entry.start, entry.size, error)
        else:
            write(data)
    return lost


def _from_the_front(source, write, predictor, memory, primer) -> list[str]:
    lost: list[str] = []
    decoder = decoding.StreamDecoder(predictor, memory, primer=primer)
    position = 0
    events = parser.pull(source, parser.parse(keep_damaged=True))
    begun = False
    try:
        for event in events:
            if isinstance(event, parser.StreamStart):
                begun = True
                decoder.start(event)
            elif isinstance(event, parser.Block):
                try:
                    if not event.intact:
                        raise CorruptError(f"block {event.number} at byte {event.offset} is damaged")
                    data = decoder.prepare(event)[1]()
                except CorruptError as error:
                    _lose(lost, write, position, event.header.size, error)
                else:
                    write(data)
                position += event.header.size
    except CorruptError as error:
        if not begun:
            raise
        lost.append(f"everything from decoded byte {position} on is lost: {error}")
    return lost


def _lose(lost: list[str], write, start: int, size: int, error: NzipError) -> None:
    lost.append(f"decoded bytes {start} to {start + size} are lost and were replaced by zeros: {error}")
    for at in range(0, size, len(_ZEROS)):
        write(_ZEROS[: size - at])
