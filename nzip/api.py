"""One-shot calls: bytes in, bytes out. For files see :mod:`nzip.file`, for pieces :mod:`nzip.streaming`.

What compressing takes is said once, in :mod:`nzip.options`. Concession: everything is in memory at once here,
input and output; :func:`measure` and :func:`recover` alone take files.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Unpack, cast

from nzip.bits_per_byte import bits_per_byte
from nzip.container import pipeline
from nzip.container import recovery as container_recovery
from nzip.container.framing import pack_skippable
from nzip.io import streams
from nzip.io.safe_output import Output
from nzip.options import Coding, Primer, chosen, own_primer, settled, shown
from nzip.predictors.base import Predictor
from nzip.predictors.model_files import Models

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Readable(Protocol):
    """A binary file to be read."""

    def read(self, n: int, /) -> bytes:
        """Up to ``n`` bytes, none at the end only."""


class Writable(Protocol):
    """A binary file to be written."""

    def write(self, data: bytes, /) -> object:
        """Append."""


def as_bytes(data: Buffer) -> memoryview:
    """Any bytes-like object as a flat view of bytes; copies only what is not contiguous or not native.

    To be released by ``with``: a view that lives on in an error's traceback pins a bytearray or an mmap."""
    with memoryview(data) as view:
        if not view.nbytes:
            return memoryview(b"")
        if view.c_contiguous:
            try:
                return view.cast("B")
            except TypeError:  # a format that is not native, such as big-endian numbers
                pass
        return memoryview(view.tobytes())


@shown
def compress(data: Buffer, level: int | None = None, **options: Unpack[Coding]) -> bytes:
    """Compress a bytes-like object to one stream.

    ``level``: 1 (fast) to 9 (small), see :mod:`nzip.levels`; or ``predictor``: a spelling such as
    ``"mix:3"``, or a predictor object. ``primer``: a text of your own that the mix reads first
    (:func:`nzip.train_primer`), as the path or the bytes of a primer file, which decompressing then needs,
    too; False: start cold; None: the mix chooses among those that ship. ``block_size``: bytes a block;
    smaller ones cost size and gain parallelism and finer random access; None: 16 MiB, or 4 to 8 MiB at
    levels 0 to 5 where there is more than that. ``threads``: 0 for all cores; the bytes do not depend on it.
    ``verify`` decodes and compares every block at once; None does so where the predictor is not exact.
    ``embed_model``: put the experts that the predictor names by path (``"mix+ssm:my.expert"``) into the
    stream, so that decompressing needs no file; experts that ship are never embedded.

    >>> decompress(compress(b"any bytes-like object", level=1))
    b'any bytes-like object'
    """
    out = io.BytesIO()
    with as_bytes(data) as view:
        _encode(_ViewReader(view), out.write, level, options, len(view))
    return out.getvalue()


def decompress(
    data: Buffer,
    *,
    max_size: int | None = None,
    predictor: Predictor | None = None,
    primer: Primer = None,
    models: Models | None = None,
    threads: int = 1,
    memory: int | None = pipeline.DEFAULT_MEMORY,
) -> bytes:
    """Decompress a bytes-like object that holds one or more complete streams.

    ``max_size``: raise :class:`nzip.LimitError` rather than return more bytes than this. ``predictor``: an
    object to use where its spelling is the stream's, for predictors that are registered nowhere. ``primer``:
    the path or the bytes of the primer file that the data was compressed with, if any (it is ignored where it
    was compressed without). ``models``: where models lie that the data names (``{"my.expert": PATH}``), apart
    from those in the model folder, which are found by their hashes; the paths in the data are never opened.
    ``memory``: bytes that decoding may take, None for no limit.

    Raises :class:`nzip.FormatError` for what is not nzip's, :class:`nzip.CorruptError` for damage (junk after
    the last stream included), :class:`nzip.TruncatedError` for a missing end,
    :class:`nzip.ModelMismatchError` for a predictor that is not here or predicts differently, and
    :class:`nzip.LimitError`.

    >>> decompress(compress(b"one, ") + compress(b"two"))
    b'one, two'
    """
    with as_bytes(data) as view:
        parts = list(
            pipeline.decode_stream(
                _ViewReader(view),
                predictor=predictor,
                primer=own_primer(primer, memory),
                models=models,
                threads=threads,
                memory=memory,
                max_size=max_size,
            )
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Measurement(NamedTuple):
    """What :func:`measure` found: sizes in bytes, before and after. Use it to compare levels, predictors and
    primers without keeping a byte."""

    raw: int
    compressed: int

    @property
    def bits_per_byte(self) -> float:
        """Compressed bits for each raw byte; NaN for no bytes at all."""
        return bits_per_byte(self.compressed, self.raw)

    def __repr__(self) -> str:
        bits = f", {self.bits_per_byte:.4f} bits per byte" if self.raw else ""
        return f"Measurement(raw={self.raw}, compressed={self.compressed}{bits})"

    def _repr_html_(self) -> str:
        bits = f"{self.bits_per_byte:.4f}" if self.raw else "–"
        rows = (
            ("raw bytes", f"{self.raw:,}"),
            ("compressed bytes", f"{self.compressed:,}"),
            ("bits per byte", bits),
        )
        cells = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td>{value}</td></tr>" for name, value in rows
        )
        return f"<table>{cells}</table>"


@shown
def measure(data: Buffer | Readable, level: int | None = None, **options: Unpack[Coding]) -> Measurement:
    """How small ``data`` (bytes-like, or a binary file to be read to its end) would be: every byte of the
    stream counted, none kept. Parameters as for :func:`compress`.

    >>> measure(b"abc" * 1000).bits_per_byte < 1
    True
    """
    total = 0

    def count(part: bytes | memoryview) -> None:
        nonlocal total
        total += len(part)

    size = None
    with contextlib.ExitStack() as stack:
        try:
            view = stack.enter_context(as_bytes(cast("Buffer", data)))
            counted, size = _Counting(_ViewReader(view)), len(view)
        except TypeError:
            if not hasattr(data, "read"):
                raise
            counted, size = _Counting(cast(Readable, data)), left_in(data)
        _encode(counted, count, level, options, size)
    return Measurement(counted.size, total)


def recover(
    source: str | os.PathLike[str] | Readable,
    target: str | os.PathLike[str] | Writable,
    *,
    predictor: Predictor | None = None,
    primer: Primer = None,
    models: Models | None = None,
    memory: int | None = pipeline.DEFAULT_MEMORY,
    max_size: int | None = container_recovery.DEFAULT_MAX_SIZE,
) -> list[str]:
    """Decode what can be decoded of a damaged file; returns one line for each loss, none where all is there.

    ``source``: a path, or a binary file that has ``seekable``; ``target``: a path, which is replaced and
    appears whole or not at all, or a binary file. Of a damaged block, what its check points prove is saved;
    lost bytes become zeros, so that the others keep their places, or a hole where the target can ``skip(n)``.
    ``max_size``: so many zeros at most (None: any number), since a damaged file may claim what it never held.
    The rest as for :func:`decompress`.

    Raises :class:`nzip.NzipError` where nothing can be done: no stream header is left, or the predictor is
    missing or different here.

    >>> damaged = bytearray(compress(b"first " * 50, level=1, block_size=150, primer=False))
    >>> damaged[-40] ^= 1
    >>> target = io.BytesIO()
    >>> len(recover(io.BytesIO(damaged), target)), len(target.getvalue())
    (1, 300)
    """
    own = own_primer(primer, memory)
    with contextlib.ExitStack() as stack:
        if isinstance(source, str | os.PathLike):
            source = stack.enter_context(open(source, "rb"))
        whole = None
        if isinstance(target, str | os.PathLike):
            target = whole = stack.enter_context(Output(os.fspath(target), force=True))
        lost = container_recovery.recover(
            source,
            partial(streams.write_all, target),
            predictor=predictor,
            memory=memory,
            primer=own,
            models=models,
            max_size=max_size,
            skip=getattr(target, "skip", None),
        )
        if whole is not None:
            whole.commit()
    return lost


def skippable_frame(payload: Buffer) -> bytes:
    """A frame with an application's own bytes that every reader of nzip files passes over. It may be put
    before, between or after streams (not inside one).

    >>> decompress(skippable_frame(b"made on a Monday") + compress(b"text"))
    b'text'
    """
    with as_bytes(payload) as view:
        return pack_skippable(view)


def _encode(
    source: Readable,
    write: Callable[[bytes | memoryview], object],
    level: int | None,
    given: Coding,
    size: int | None,
) -> None:
    predictor, machinery = chosen(level, settled(Coding, given))
    pipeline.encode_stream(source, write, predictor, size=size, **machinery)


def left_in(file: Any) -> int | None:
    """Bytes from where a binary file stands to its end, where it is one that can tell."""
    try:
        at = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(at)
    except (AttributeError, OSError):
        return None
    return end - at


class _ViewReader:
    """``read(n)`` over a flat view: copies a block at a time, never the whole."""

    def __init__(self, view: memoryview):
        self._view = view
        self._position = 0

    def read(self, n: int, /) -> bytes:
        part = self._view[self._position : self._position + n]
        self._position += len(part)
        return bytes(part)


class _Counting:
    """``read(n)`` of another reader, counted."""

    def __init__(self, source: Readable):
        self._source = source
        self.size = 0

    def read(self, n: int, /) -> bytes:
        data = streams.read_some(self._source, n)
        self.size += len(data)
        return data
