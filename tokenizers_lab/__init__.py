"""tokenizers_lab: which tokenizer should I train my model on, and why?

>>> import tokenizers_lab as lab
>>> codec = lab.load("bytes")          # or a path: T.json, m.model, x.tiktoken; or gzip, ac[m1=order-3]
>>> codec.decode(codec.encode(b"any bytes"))
b'any bytes'

Training, analyses and reports: :func:`tokenizers_lab.train`, :func:`analyze`, :func:`write_report`,
:func:`compare`; each is also a verb of the command line ``tokenizers-lab``. Heavy imports wait until they are
needed."""

from tokenizers_lab.errors import AccountingError, DataError, LabError

__all__ = [
    "AccountingError",
    "DataError",
    "LabError",
    "analyze",
    "compare",
    "load",
    "train",
    "write_report",
    "Codec",
]
_WHERE = {
    "load": "registry",
    "Codec": "codec",
    "train": "training",
    "analyze": "analysis",
    "write_report": "report",
    "compare": "analysis.compare",
}


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
