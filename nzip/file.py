"""``nzip.open`` and :class:`NzipFile`: compressed files read and written like any other.

Reading from front to back streams, and checks everything on the way, the whole-file hash at the end
included. The first ``seek`` of a file that can seek switches to its index: from then on only the blocks
that are read are decoded, each checked by its own hashes (not by the whole-file hash, which would need the
whole file). Concession: a file opened for writing is written in place as it comes; for output that appears
whole or not at all use the command line, or write to a temporary name and rename.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias, Unpack, cast, overload

from nzip.api import Readable, Writable, as_bytes
from nzip.container import pipeline
from nzip.container.raw import RawReader
from nzip.options import Opening, chosen, known, primer_text, settled, shown

if TYPE_CHECKING:
    from typing_extensions import Buffer

File: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes] | Readable | Writable"
"""What can be opened: a path, or a binary file object."""
BinaryMode: TypeAlias = Literal["r", "rb", "w", "wb", "x", "xb", "a", "ab"]
TextMode: TypeAlias = Literal["rt", "wt", "xt", "at"]


@overload
def open(
    file: File,
    mode: BinaryMode = "rb",
    *,
    encoding: None = None,
    errors: None = None,
    newline: None = None,
    **options: Unpack[Opening],
) -> NzipFile: ...


@overload
def open(
    file: File,
    mode: TextMode,
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **options: Unpack[Opening],
) -> io.TextIOWrapper: ...


@overload
def open(
    file: File,
    mode: str,
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **options: Unpack[Opening],
) -> NzipFile | io.TextIOWrapper: ...


@shown
def open(
    file: File,
    mode: str = "rb",
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **options: Unpack[Opening],
) -> NzipFile | io.TextIOWrapper:
    """Open an nzip file in binary (``rb``, ``wb``, ``xb``, ``ab``, the default ``rb``) or text mode (``rt``,
    ``wt``, ``xt``, ``at``).

    ``file``: a path, or a binary file object. ``encoding``, ``errors`` and ``newline`` are for text mode, the
    rest is as for :class:`NzipFile`. Returns an :class:`NzipFile`, in text mode wrapped in an
    :class:`io.TextIOWrapper`.

    >>> target = io.BytesIO()
    >>> with open(target, "wt", encoding="utf-8") as text:
    ...     count = text.write("two lines\\nof text")
    >>> with open(io.BytesIO(target.getvalue())) as file:
    ...     file.readlines()
    [b'two lines\\n', b'of text']
    """
    if "t" in mode:
        if "b" in mode:
            raise ValueError(f"invalid mode {mode!r}")
    elif encoding is not None or errors is not None or newline is not None:
        raise ValueError("encoding, errors and newline are for text mode")
    binary = NzipFile(file, mode.replace("t", ""), **options)
    return io.TextIOWrapper(binary, encoding, errors, newline) if "t" in mode else binary


class NzipFile(io.BufferedIOBase):
    """A compressed file as a binary file object: read-only, or write-only.

    ``file``: a path, or a file object (which is not closed with this one). ``mode``: ``r``, ``w`` (truncate),
    ``x`` (must not exist) or ``a`` (append another stream), with or without ``b``. Writing takes ``level``,
    ``predictor``, ``block_size``, ``verify`` and ``embed_model`` as :func:`nzip.compress`; reading takes
    ``predictor``, ``models`` and ``memory`` as :func:`nzip.decompress`; both take ``primer`` as these do, and
    ``threads`` (0 for all cores).

    Reading raises the errors of :func:`nzip.decompress`; damaged data is never returned.
    """

    @shown
    def __init__(self, file: File, mode: str = "r", **options: Unpack[Opening]):
        self._file: IO[bytes] | Any = None
        self._owns = False
        self._reader: io.BufferedReader | None = None
        self._encoder: pipeline.StreamEncoder | None = None
        if mode not in ("r", "w", "x", "a", "rb", "wb", "xb", "ab"):
            raise ValueError(f"invalid mode {mode!r}")
        self._mode = mode[0] + "b"
        settings = settled(Opening, options)
        reading = mode[0] == "r"
        if reading:
            text = primer_text(settings["primer"])
            if settings["level"] is not None:
                raise ValueError("a level is for writing: a file's own header says how to read it")
        else:
            # Before the file is touched, so that a wrong level leaves it alone.
            predictor, machinery = chosen(settings["level"], settings)
            pipeline.check_block_size(settings["block_size"])
        if isinstance(file, str | bytes | os.PathLike):
            self._file = builtins.open(file, self._mode)  # noqa: SIM115 - `close` closes it
            self._owns = True
        elif hasattr(file, "read" if reading else "write"):
            self._file = cast(Any, file)
        else:
            raise TypeError("file is a path or a binary file object")
        if reading:
            raw = RawReader(
                self._file,
                known(settings["predictor"]),
                settings["threads"],
                settings["memory"],
                text,
                settings["models"],
            )
            self._reader = io.BufferedReader(raw, 1 << 16)
        else:
            self._encoder = pipeline.StreamEncoder(self._file.write, predictor, **machinery)
            self._position = 0

    def close(self) -> None:
        """End the stream, if one is being written. Closing twice does nothing."""
        if self._file is None:
            return
        try:
            if self._encoder is not None:
                self._encoder.finish()
            if self._reader is not None:
                self._reader.close()
        finally:
            file, self._file = self._file, None
            if self._encoder is not None:
                self._encoder.close()
            self._reader = self._encoder = None
            if self._owns:
                file.close()

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._file is None

    @property
    def mode(self) -> str:
        """``rb``, ``wb``, ``xb`` or ``ab``."""
        return self._mode

    @property
    def name(self) -> Any:
        """The underlying file's name."""
        self._check()
        return self._file.name

    def fileno(self) -> int:
        """The underlying file's descriptor."""
        self._check()
        return self._file.fileno()

    def readable(self) -> bool:
        """Whether opened for reading."""
        self._check()
        return self._reader is not None

    def writable(self) -> bool:
        """Whether opened for writing."""
        self._check()
        return self._encoder is not None

    def seekable(self) -> bool:
        """Whether opened for reading from a file that can seek."""
        self._check()
        return self._reader is not None and self._reader.seekable()

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to ``size`` bytes (all for -1 or None), ``b""`` at the end."""
        return self._input().read(size)

    def read1(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes with few reads underneath."""
        return self._input().read1(size if size >= 0 else io.DEFAULT_BUFFER_SIZE)

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a writable buffer; returns the bytes read."""
        return self._input().readinto(buffer)

    def readinto1(self, buffer: Buffer, /) -> int:
        """As :meth:`readinto` with few reads underneath."""
        return self._input().readinto1(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line with its end, at most ``size`` bytes of it."""
        return self._input().readline(-1 if size is None else size)

    def peek(self, size: int = 0) -> bytes:
        """Bytes that the next read will give, at least one unless at the end; the position stays."""
        return self._input().peek(size)

    def __iter__(self) -> Iterator[bytes]:
        self._input()
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a decoded byte; reading there decodes its block alone. Returns the new position."""
        return self._input().seek(offset, whence)

    def tell(self) -> int:
        """The position in decoded bytes."""
        self._check()
        return self._position if self._reader is None else self._reader.tell()

    def write(self, data: Buffer, /) -> int:
        """Take any bytes-like object in; returns its length in bytes."""
        encoder = self._output()
        view = as_bytes(data)
        encoder.write(view)
        self._position += len(view)
        return len(view)

    def flush(self) -> None:
        """Flush the underlying file. The block under way stays open, since cutting it would cost size: use
        :meth:`flush_block` for that."""
        self._check()
        if self._encoder is not None and hasattr(self._file, "flush"):
            self._file.flush()

    def flush_block(self) -> None:
        """End the block under way, so that everything written so far can be read."""
        self._output().flush_block()
        self.flush()

    def _check(self) -> None:
        if self._file is None:
            raise ValueError("I/O operation on closed file")

    def _input(self) -> io.BufferedReader:
        self._check()
        if self._reader is None:
            raise io.UnsupportedOperation("file was not opened for reading")
        return self._reader

    def _output(self) -> pipeline.StreamEncoder:
        self._check()
        if self._encoder is None:
            raise io.UnsupportedOperation("file was not opened for writing")
        return self._encoder
