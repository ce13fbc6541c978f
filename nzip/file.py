"""``nzip.open`` and :class:`NzipFile`: compressed files read and written like any other.

Reading from front to back streams, and checks everything on the way, the whole-file hash at the end
included. The first ``seek`` of a file that can seek switches to its index: from then on only the blocks
that are read are decoded, each checked by its own hashes (not by the whole-file hash, which would need the
whole file).

As with ``lzma``, leaving a ``with`` block ends the stream, even where the block's body raised: what was
written so far is a complete file. A stream whose own writing failed gets no end mark. Concession: a file
opened for writing is written in place as it comes; for output that appears whole or not at all use the
command line, or write to a temporary name and rename.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, Unpack, cast, overload

from nzip.api import Readable, Writable
from nzip.container import index
from nzip.container.raw import RawReader
from nzip.container.workers import thread_count
from nzip.errors import NzipError
from nzip.options import Opening, chosen, known, own_primer, settled, shown
from nzip.reading import Reading
from nzip.writing import Writing

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
    if "t" in mode and "b" in mode:
        raise ValueError(f"invalid mode {mode!r}")
    if "t" not in mode:
        if encoding is not None or errors is not None or newline is not None:
            raise ValueError("encoding, errors and newline are for text mode")
        return NzipFile(file, mode, **options)
    # What is wrong with these is told before the file is touched.
    io.TextIOWrapper(io.BytesIO(), encoding, errors, newline)
    begun = mode.startswith("a") and _holds_bytes(file)
    binary = NzipFile(file, mode.replace("t", ""), **options)
    with binary._text_begins(not begun):
        return io.TextIOWrapper(binary, encoding, errors, newline)


class NzipFile(io.BufferedIOBase):
    """A compressed file as a binary file object: read-only, or write-only. Use it, or :func:`open`, which
    also makes text files, where a file object is wanted or a part of a large file is enough.

    ``file``: a path, or a file object (which is not closed with this one). ``mode``: ``r``, ``w`` (truncate),
    ``x`` (must not exist) or ``a`` (append another stream; zeros that fill the file up go), with or without
    ``b``. Writing takes ``level``,
    ``predictor``, ``block_size``, ``verify`` and ``embed_model`` as :func:`nzip.compress`; reading takes
    ``predictor``, ``models`` and ``memory`` as :func:`nzip.decompress`; both take ``primer`` as these do, and
    ``threads`` (0 for all cores).

    Reading raises the errors of :func:`nzip.decompress`; damaged data is never returned, and after an error
    comes the error, never the end: ``read(n)`` and ``readinto`` that meet damage give what is proven before
    it, and the next call raises. Threads may share one object: each call is whole. Pickling is refused, and
    after a fork only the parent may go on writing.
    """

    _file: Any = None
    _reading: Reading | None = None
    _writing: Writing | None = None
    # Only while a TextIOWrapper is made: the position that it sees.
    _shown_position: int | None = None

    @shown
    def __init__(self, file: File, mode: str = "r", **options: Unpack[Opening]):
        if mode not in ("r", "w", "x", "a", "rb", "wb", "xb", "ab"):
            raise ValueError(f"invalid mode {mode!r}")
        self._mode = mode[0] + "b"
        settings = settled(Opening, options)
        reading = mode[0] == "r"
        path = isinstance(file, str | bytes | os.PathLike)
        if not path and not hasattr(file, "read" if reading else "write"):
            raise TypeError("file is a path or a binary file object")
        # Whatever may be wrong is found before the file is opened, which may empty or make it.
        if reading:
            if settings["level"] is not None:
                raise ValueError("a level is for writing: a file's own header says how to read it")
            own = own_primer(settings["primer"], settings["memory"])
            predictor = known(settings["predictor"])
            thread_count(settings["threads"])
        else:
            writing = Writing(*chosen(settings["level"], settings))
        # Unbuffered for writing: what a fork or an exit finds in a buffer is written twice, or never.
        opened: Any = file
        if path:
            opened = builtins.open(cast(str, file), self._mode, -1 if reading else 0)  # noqa: SIM115 - `close`
        try:
            if reading:
                self._reading = Reading(
                    opened,
                    path,
                    lambda: RawReader(
                        opened,
                        predictor,
                        settings["threads"],
                        settings["memory"],
                        own,
                        settings["models"],
                    ),
                )
            else:
                padded = _padding(file, opened) if mode[0] == "a" else None
                writing.begin(opened, path, self, padded=padded)
                self._writing = writing
            self._file = opened
        except BaseException:
            if path:
                opened.close()
            raise

    def close(self) -> None:
        """End the stream, if one is being written, and let the file go. Closing twice does nothing.

        Raises what a write raised before: the stream then has no end."""
        for side in (self._writing, self._reading):
            if side is not None:
                side.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except BaseException:
            # Where it is the body's own error that `close` speaks of, that is on its way already.
            if value is None or self._writing is None or self._writing.failed is not value:
                raise

    def __del__(self) -> None:
        # Not IOBase's own, which keeps an error of `close` to itself. One that a write raised was told then.
        told = self._writing is not None and self._writing.failed is not None
        try:
            self.close()
        except BaseException:
            if not told:
                raise

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("an NzipFile cannot be pickled or copied: open the file again instead")

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        side = self._writing or self._reading
        return side is None or side.closed

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
        return self._reading is not None

    def writable(self) -> bool:
        """Whether opened for writing."""
        self._check()
        return self._writing is not None

    def seekable(self) -> bool:
        """Whether opened for reading from a file that can seek."""
        self._check()
        if self._reading is None:
            return self._shown_position is not None
        return self._reading.seekable

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to ``size`` bytes (all for -1 or None), ``b""`` at the end."""
        return self._input().read(-1 if size is None else size)

    def read1(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes with few reads underneath."""
        return self._input().read1(size if size >= 0 else io.DEFAULT_BUFFER_SIZE)

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a writable buffer; returns the bytes read."""
        return self._input().readinto("readinto", buffer)

    def readinto1(self, buffer: Buffer, /) -> int:
        """As :meth:`readinto` with few reads underneath."""
        return self._input().readinto("readinto1", buffer)

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
        """The position in decoded bytes; in bytes written by this object where opened for writing."""
        self._check()
        if self._shown_position is not None:
            return self._shown_position
        return cast("Reading | Writing", self._reading or self._writing).position

    def write(self, data: Buffer, /) -> int:
        """Take any bytes-like object in; returns its length in bytes."""
        return self._output().write(data)

    def flush(self) -> None:
        """Flush the underlying file. The block under way stays open, since cutting it would cost size: use
        :meth:`flush_block` for that."""
        self._check()
        if self._writing is not None:
            self._writing.flush()

    def flush_block(self) -> None:
        """End the block under way, so that everything written so far can be read."""
        self._output().flush_block()

    @contextlib.contextmanager
    def _text_begins(self, at_start: bool) -> Iterator[None]:
        """While a TextIOWrapper is made: it asks for the position of what it can seek in, to know whether a
        byte order mark is due. (Of what cannot seek it believes that none is, and its own reader fails.)"""
        if self._writing is not None:
            self._shown_position = 0 if at_start else 1
        try:
            yield
        finally:
            self._shown_position = None

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def _input(self) -> Reading:
        self._check()
        if self._reading is None:
            raise io.UnsupportedOperation("file was not opened for reading")
        return self._reading

    def _output(self) -> Writing:
        self._check()
        if self._writing is None:
            raise io.UnsupportedOperation("file was not opened for writing")
        return self._writing


def _padding(file: File, opened: Any) -> int | None:
    """Where the zeros begin that fill a file up which is to be appended to; None where there are none, or
    nothing can be known: it is damaged, or can be written to only."""
    with contextlib.ExitStack() as stack:
        source = opened
        try:
            if isinstance(file, str | bytes | os.PathLike):
                source = stack.enter_context(builtins.open(file, "rb"))
            elif not (opened.readable() and opened.seekable() and hasattr(opened, "truncate")):
                return None
            before = opened.tell()
            try:
                end = index.end_of_streams(source)
                size = source.seek(0, io.SEEK_END)
            finally:
                opened.seek(before)
        except (AttributeError, OSError, NzipError):
            return None
    return end if end < size and before == size else None


def _holds_bytes(file: File) -> bool:
    """Whether something was written to ``file`` before; where that cannot be told, not."""
    with contextlib.suppress(AttributeError, OSError):
        if isinstance(file, str | bytes | os.PathLike):
            with builtins.open(file, "rb") as source:
                return _decoded_size(source) > 0
        return cast(Any, file).tell() > 0
    return False


def _decoded_size(source: Any) -> int:
    """The decoded bytes of a compressed file, 1 where it is damaged, 0 where it is empty."""
    try:
        return index.read_index(source).size
    except NzipError:
        return min(1, source.seek(0, io.SEEK_END))
