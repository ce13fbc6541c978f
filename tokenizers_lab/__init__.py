"""tokenizers_lab: which tokenizer should I train my model on, and why?

>>> import tokenizers_lab as lab
>>> codec = lab.load("bytes")          # or a path: T.json, m.model, x.tiktoken; or gzip, ac[m1=order-3]
>>> codec.decode(codec.encode(b"any bytes"))
b'any bytes'

Training, analyses and reports: :func:`tokenizers_lab.train`, :func:`analyze`, :func:`write_report`,
:func:`compare`; each is also a verb of the command line ``tokenizers-lab``. Heavy imports wait until they are
needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tokenizers_lab.errors import AccountingError, DataError, LabError

if TYPE_CHECKING:
    from tokenizers_lab.analysis.all_metrics import analyze as analyze
    from tokenizers_lab.analysis.comparison import compare as compare
    from tokenizers_lab.codec import Codec as Codec
    from tokenizers_lab.registry import load as load
    from tokenizers_lab.report.page import write_report as write_report
    from tokenizers_lab.training.bpe import train as train

__all__ = [
    "AccountingError",
    "Codec",
    "DataError",
    "LabError",
    "analyze",
    "compare",
    "load",
    "train",
    "write_report",
]
_WHERE = {
    "Codec": "codec",
    "analyze": "analysis.all_metrics",
    "compare": "analysis.comparison",
    "load": "registry",
    "train": "training.bpe",
    "write_report": "report.page",
}


def __getattr__(name: str):
    """Found when first asked for: numba takes a second to import."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
