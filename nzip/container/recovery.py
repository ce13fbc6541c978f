"""Saving what can be saved of a damaged file. Damage stays inside its block: the others decode.

Where the end frame is intact every block is found through it, whatever happened between; else the headers
are walked from the front until one is damaged. Bytes of a lost block become zeros, so that the others keep
their places. Concession: with the end frame and a block's header both gone, the blocks behind it are not
searched for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nzip.container import decoding, index, parser
from nzip.errors import CorruptError, NzipError

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor
    from nzip.predictors.model_files import Models

_ZEROS = bytes(1 << 16)
_Write = Callable[[bytes], object]
_DecoderOf = Callable[[parser.StreamStart], decoding.StreamDecoder]


def recover(
    source,
    write: Callable[[bytes], object],
    *,
    predictor: Predictor | None = None,
    memory: int | None = decoding.DEFAULT_MEMORY,
    primer: bytes | None = None,
    models: Models | None = None,
) -> list[str]:
    """Decode what can be decoded of ``source``, and hand it to ``write``. Returns one line for each loss.
    ``predictor``, ``memory``, ``primer`` and ``models``: see :class:`nzip.container.decoding.StreamDecoder`.

    Raises :class:`NzipError` where nothing can be done: no stream header, or a predictor that is missing or
    different here.
    """

    def decoder_of(start: parser.StreamStart) -> decoding.StreamDecoder:
        decoder = decoding.StreamDecoder(predictor, memory, primer=primer, models=models)
        decoder.start(start)
        return decoder

    if source.seekable():
        try:
            found = index.read_backwards(source)
        except NzipError:
            source.seek(0)
        else:
            return _by_index(found, write, decoder_of)
    return _from_the_front(source, write, decoder_of)


def _by_index(found: index.Index, write: _Write, decoder_of: _DecoderOf) -> list[str]:
    lost: list[str] = []
    decoders: dict[int, decoding.StreamDecoder] = {}  # that of the stream at hand
    for number, entry in enumerate(found.entries):
        if entry.stream not in decoders:
            decoders = {entry.stream: decoder_of(found.streams[entry.stream])}
        try:
            block = found.read(number)
            data = decoders[entry.stream].prepare(block)[1]()
        except CorruptError as error:
            _lose(lost, write, entry.start, entry.size, error)
        else:
            write(data)
    return lost


def _from_the_front(source, write: _Write, decoder_of: _DecoderOf) -> list[str]:
    lost: list[str] = []
    position = 0
    events = parser.pull(source, parser.parse(keep_damaged=True))
    decoder: decoding.StreamDecoder | None = None
    try:
        for event in events:
            if isinstance(event, parser.StreamStart):
                decoder = decoder_of(event)
            elif isinstance(event, parser.Block) and decoder is not None:
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
        if decoder is None:
            raise
        lost.append(f"everything from decoded byte {position} on is lost: {error}")
    return lost


def _lose(lost: list[str], write: _Write, start: int, size: int, error: NzipError) -> None:
    lost.append(f"decoded bytes {start} to {start + size} are lost and were replaced by zeros: {error}")
    for at in range(0, size, len(_ZEROS)):
        write(_ZEROS[: size - at])
