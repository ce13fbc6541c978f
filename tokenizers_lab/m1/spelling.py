"""M1s by their spelling, as it stands in a codec's: ``ac[m1=order-3,train=FILE]``."""

from __future__ import annotations

from pathlib import Path

from nzip.errors import NzipError
from nzip.predictors import registry as predictors
from tokenizers_lab.errors import LabError
from tokenizers_lab.files import unpack_arrays
from tokenizers_lab.m1.byte_model import ByteModel
from tokenizers_lab.m1.expert import ExpertModel
from tokenizers_lab.m1.order_n import OrderN, default_text
from tokenizers_lab.sources.finding import STANDARD_INPUT
from tokenizers_lab.sources.reading import read_text


def load_model(spelling: str, train: str | None = None) -> ByteModel:
    """The byte model (M1) of a spelling: ``order-3`` (on ``train``, a file or folder, or on the text that
    ships), a ``.m1`` file, or the spelling of an exact nzip expert (``transformer``). Raises
    :class:`LabError` for what is none of these, :class:`DataError` for a damaged file."""
    if spelling.startswith("order-") and spelling[6:].isdigit():
        if train not in (None, STANDARD_INPUT) and not Path(train).exists():
            raise LabError(f"{train}: no such file to train the M1 {spelling} on")
        text = read_text(train) if train else default_text()
        return OrderN.train(text, int(spelling[6:]), spelling)
    if Path(spelling).is_file():
        head, arrays = unpack_arrays(spelling)
        return OrderN.from_arrays(arrays, head.get("spelling"))
    try:
        predictor = predictors.create(spelling)
    except NzipError as error:
        raise LabError(
            f"M1 {spelling!r}: neither order-N, nor a .m1 file, nor an nzip expert ({error})"
        ) from None
    if not hasattr(predictor, "expert"):
        raise LabError(
            f"M1 {spelling!r}: {predictor.spelling} adapts as it codes and gives no static distribution"
        )
    return ExpertModel(predictor.expert)
