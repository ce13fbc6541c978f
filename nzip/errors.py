"""The errors that nzip raises on purpose: one base class and five children.

Each carries one line for the user (what, where, what to do) and the exit code that the command line
answers with: 1 for usage or environment (a missing model, a limit reached), 2 for data that is corrupt,
cut short or not ours. Anything else that escapes is a bug of ours (exit code 3).
"""

from __future__ import annotations

from typing import NamedTuple


class Remedy(NamedTuple):
    """An option that would help, in no dialect: ``Remedy("allow it with", "memory", 5 << 20)``. The library
    shows it as a keyword (``memory=5242880``), the command line as a flag (``--memory 5MiB``)."""

    doing: str
    option: str
    value: object

    def __str__(self) -> str:
        shown = self.value if isinstance(self.value, str) else repr(self.value)
        return f"{self.doing} {self.option}={shown}"


class NzipError(Exception):
    """Base of all errors that nzip raises on purpose. ``exit_code`` is what the command line returns;
    ``message`` is the line without ``remedy``, the option that would help, if one would."""

    exit_code = 1

    def __init__(self, message: str = "", remedy: Remedy | None = None):
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return self.message if self.remedy is None else f"{self.message}: {self.remedy}"


class FormatError(NzipError):
    """The data is not an nzip stream, or one of a version or with a feature that this reader refuses."""

    exit_code = 2


class CorruptError(NzipError):
    """The stream is nzip's, but its bytes are damaged: a hash, a length or a reserved bit is wrong."""

    exit_code = 2


class TruncatedError(CorruptError):
    """The stream ends before its end mark."""


class ModelMismatchError(NzipError):
    """The predictor named in the passport is missing here, or answers the probe differently. ``part``: what
    of it differs: spelling, weights, tokenizer, primer, parameters, exactness, probe; None where nothing was
    there to be compared."""

    def __init__(self, message: str = "", remedy: Remedy | None = None, part: str | None = None):
        super().__init__(message, remedy)
        self.part = part


class LimitError(NzipError):
    """Decoding would exceed a limit that the caller set (memory, output size)."""
