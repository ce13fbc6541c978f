"""The errors that tokenizers_lab raises on purpose: one line for the user (what, where, what to do).

They descend from nzip's base class so that one ``except NzipError`` serves both packages. Exit codes are the
house's: 1 for usage or environment, 2 for data that is corrupt or not ours.
"""

from nzip.errors import NzipError


class LabError(NzipError):
    """Usage or environment: an unknown spelling, a missing file, an option out of range."""

    exit_code = 1


class DataError(LabError):
    """A file or an id stream that is damaged, or is not what its name claims."""

    exit_code = 2


class AccountingError(LabError):
    """The bytes of the tokens do not add up to the raw bytes, so no bits per byte may be printed."""

    exit_code = 2
