"""A block of the mix decoded in plain Python: twin of model.py, as far as reading goes.

Concession: a primed block reads its primer first, which takes an hour.
"""

from __future__ import annotations

from nzip.errors import CorruptError, FormatError, ModelMismatchError
from nzip.hashes import text_hash
from nzip.predictors.content import EXECUTABLE, KIND_NAMES
from nzip.predictors.mix import primers
from nzip.predictors.mix.constants import PRIMED_SIZE
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.twin.call_filter import undo_call_filter
from nzip.predictors.mix.twin.coder import BinaryDecoder
from nzip.predictors.mix.twin.kernel import Mix


def decode_block(level: int, params: bytes, payload: bytes, size: int, primer: bytes | None = None) -> bytes:
    """A block of ``mix:LEVEL``, ``size`` bytes. ``primer``: the user's own, where the block names one.

    Raises :class:`CorruptError`, :class:`FormatError` for what it does not know, :class:`ModelMismatchError`."""
    if (
        len(params) < 7
        or len(params) != 7 + primers.HASH_BYTES * (params[6] > 0)
        or params[0] >= len(KIND_NAMES)
    ):
        raise CorruptError("a mix block with impossible parameters")
    kind, stride, pixel, number = params[0], int.from_bytes(params[1:4], "little"), params[4], params[6]
    if params[5]:
        raise FormatError(
            "several lanes: this block was made with experts, which the reference does not know"
        )
    chosen = plan(level, kind, stride)
    mix = Mix(chosen, PRIMED_SIZE if number else size, stride, pixel)
    if number:
        text = primer if number == primers.USER else primers.named(number).text
        if text is None or text_hash(text)[: primers.HASH_BYTES] != params[7:]:
            raise ModelMismatchError("the block wants another primer")
        mix.read_primer(text[-primers.READS[level] :])
        if number != primers.USER and number & primers.HABITS:
            mix.forget_words()
    start = len(mix.data)
    decoder = BinaryDecoder(payload)
    for _ in range(size):
        mix.code_byte(decoder.decode)
    data = mix.data[start:]
    if kind == EXECUTABLE:
        undo_call_filter(data)
    return bytes(data)
