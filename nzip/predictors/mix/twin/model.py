"""A block of the mix decoded in plain Python: twin of model.py and stream.py, as far as reading goes.

Concession: a primed stream reads its primer first, which takes an hour.
"""

from __future__ import annotations

from nzip.errors import CorruptError, ModelMismatchError
from nzip.hashes import text_hash
from nzip.predictors.kinds import EXECUTABLE, STORED
from nzip.predictors.mix import params as parameters
from nzip.predictors.mix import primers
from nzip.predictors.mix.constants import CODED, PRIMED_SIZE
from nzip.predictors.mix.params import Descriptor
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.twin.call_filter import undo_call_filter
from nzip.predictors.mix.twin.coder import BinaryDecoder
from nzip.predictors.mix.twin.kernel import Mix
from nzip.predictors.mix.twin.segments import read_segments
from nzip.predictors.mix.words.dictionary import USER, index
from nzip.predictors.mix.words.twin import TwinDictionary, encode, fold, shipped, undo
from nzip.predictors.own_primer import OwnPrimer


def decode_block(
    level: int, params: bytes, payload: bytes, size: int, primer: OwnPrimer | None = None, head: bytes = b""
) -> bytes:
    """A block of ``mix:LEVEL``, ``size`` bytes. ``primer``: the user's own, where the block names one;
    ``head``: its stream's, where there is one.

    Raises :class:`nzip.errors.CorruptError` for impossible parameters,
    :class:`ModelMismatchError`."""
    block = parameters.read(params, size, len(payload), False)
    at, streams = block.layout, []
    for descriptor, own, coded in block.streams:
        streams.append(decode_stream(level, descriptor, payload[at : at + coded], own, primer, head))
        at += coded
    if len(streams) == 1:
        return streams[0]
    out, taken = bytearray(), [0] * len(streams)
    for stream, length in read_segments(payload[: block.layout], [len(s) for s in streams]):
        out += streams[stream][taken[stream] : taken[stream] + length]
        taken[stream] += length
    return bytes(out)


def decode_stream(
    level: int, stream: Descriptor, payload: bytes, size: int, primer: OwnPrimer | None, head: bytes
) -> bytes:
    """One stream, ``size`` bytes; arguments and errors as :func:`decode_block`."""
    content, number = stream.content, stream.primer
    if content.kind == STORED:
        return bytes(payload)
    words = _dictionary(stream.words, primer)
    length = stream.length or size
    mix = Mix(
        plan(level, CODED if words else content.kind, content.stride),
        PRIMED_SIZE if number else length,
        content.stride,
        content.pixel,
    )
    read = []
    if number:
        if number == primers.HEAD:
            if not head:
                raise CorruptError("the block wants a head, which its stream has not")
            text, width = head, 0
        elif number != primers.USER:
            text, width = primers.named(number).text, primers.named(number).width
        elif primer is not None:
            text, width = primer.text, 0
        else:
            raise ModelMismatchError("the block wants a primer of the user's own")
        read.append(text_hash(text)[: primers.HASH_BYTES])
        if words:
            text = encode(fold(text, width) if width else text, words)
        mix.read_primer(text if number == primers.HEAD else text[-primers.READS[level] :])
        if number not in (primers.USER, primers.HEAD) and number & primers.HABITS:
            mix.forget_words()
    if words:
        read.append(words.hash)
    if (
        text_hash(b"".join(read))[: primers.HASH_BYTES] if len(read) == 2 else b"".join(read)
    ) != stream.pinned:
        raise ModelMismatchError("the block wants another primer or dictionary")
    if stream.rate:
        mix.rate = parameters.RATE_STEP * stream.rate
    start = len(mix.data)
    decoder = BinaryDecoder(payload)
    for _ in range(length):
        mix.code_byte(decoder.decode)
    data = mix.data[start:]
    if stream.words:
        return undo(stream.words, bytes(data), words)
    if content.kind == EXECUTABLE:
        undo_call_filter(data)
    return bytes(data)


def _dictionary(words: bytes, primer: OwnPrimer | None) -> TwinDictionary | None:
    """The dictionary that a stream's transform names: one that ships, or that of the user's ``primer``."""
    number = words[0] & parameters.WORDS_DICTIONARY if words else 0
    if number == USER:
        if primer is None or not primer.dictionary:
            raise ModelMismatchError("the block wants a dictionary of the user's own")
        return TwinDictionary(primer.dictionary)
    return shipped(index()[number - 1]["name"]) if number else None
