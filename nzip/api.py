"""One-shot calls: bytes in, bytes out. For files see :mod:`nzip.file`, for pieces :mod:`nzip.streaming`."""

from __future__ import annotations

import io
from typing import NamedTuple

from nzip.container import embedded_models, pipeline
from nzip.container.framing import pack_skippable


def choose_predictor(level=None, predictor=None, primer=None):
    """The predictor object for a level (1 to 9, None for the default) or for a spelling or object, started
    from ``primer``: a path or the bytes of a primer file, False for a cold start, None for its own choice.

    Raises :class:`ValueError` where level and predictor are given, :class:`nzip.NzipError` for what does not
    exist, and for a primer as :func:`nzip.primer.file.load`.
    """
    from nzip.levels import spelling_of
    from nzip.predictors import registry

    if predictor is None:
        chosen = registry.create(spelling_of(level))
    elif level is not None:
        raise ValueError("give a level or a predictor, not both")
    else:
        chosen = registry.create(predictor) if isinstance(predictor, str) else predictor
    return chosen if primer is None else chosen.with_primer(primer_text(primer))


def primer_text(primer) -> bytes | None:
    """The text of a primer that may be given as ``primer=``; None for None and False."""
    if primer is None or primer is False:
        return None
    from nzip.primer.file import load

    return load(primer)


def as_bytes(data) -> memoryview:
    """Any bytes-like object as a flat view of bytes; copies only what is not contiguous."""
    view = memoryview(data)
    if not view.c_contiguous:
        return memoryview(view.tobytes())
    return view.cast("B") if view.nbytes else memoryview(b"")


def compress(
    data,
    level: int | None = None,
    *,
    predictor=None,
    primer=None,
    block_size: int = pipeline.DEFAULT_BLOCK_SIZE,
    threads: int = 1,
    verify: bool | None = None,
    embed_model: bool = False,
) -> bytes:
    """Compress a bytes-like object to one stream.

    ``level``: 1 (fast) to 9 (small), see :mod:`nzip.levels`; or ``predictor``: a spelling such as
    ``"mix:3"``, or a predictor object. ``primer``: a text of your own that the mix reads first
    (:func:`nzip.train_primer`), as the path or the bytes of a primer file, which decompressing then needs,
    too; False: start cold; None: the mix chooses among those that ship. ``block_size``: bytes a block; blocks
    are coded independently, so smaller ones cost size and gain parallelism and finer random access.
    ``threads``: 0 for all cores; the bytes do not depend on it. ``verify`` decodes and compares every block
    at once; None does so where the predictor is not exact. ``embed_model``: put the experts that the
    predictor names by path (``"mix+ssm:my.expert"``) into the stream, so that decompressing needs no file;
    experts that ship are never embedded.

    >>> decompress(compress(b"")) == b""
    True
    """
    out = io.BytesIO()
    chosen, models = embedded_models.chosen(choose_predictor(level, predictor, primer), embed_model)
    pipeline.encode_stream(
        _ViewReader(data),
        out.write,
        chosen,
        block_size=block_size,
        threads=threads,
        verify=verify,
        models=models,
    )
    return out.getvalue()


def decompress(
    data,
    *,
    max_size: int | None = None,
    predictor=None,
    primer=None,
    threads: int = 1,
    memory: int | None = pipeline.DEFAULT_MEMORY,
) -> bytes:
    """Decompress a bytes-like object that holds one or more complete streams.

    ``max_size``: raise :class:`nzip.LimitError` rather than return more bytes than this. ``predictor``: an
    object to use where its spelling is the stream's, for predictors that are registered nowhere. ``primer``:
    the path or the bytes of the primer file that the data was compressed with, if any (it is ignored where it
    was compressed without). ``memory``: bytes that decoding may take, None for no limit.

    Raises :class:`nzip.FormatError` for what is not nzip's, :class:`nzip.CorruptError` for damage (junk after
    the last stream included), :class:`nzip.TruncatedError` for a missing end,
    :class:`nzip.ModelMismatchError` for a predictor that is not here or predicts differently, and
    :class:`nzip.LimitError`.
    """
    parts = list(
        pipeline.decode_stream(
            _ViewReader(data),
            predictor=predictor,
            primer=primer_text(primer),
            threads=threads,
            memory=memory,
            max_size=max_size,
        )
    )
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Measurement(NamedTuple):
    """What :func:`measure` found: sizes in bytes, before and after."""

    raw: int
    compressed: int

    @property
    def bits_per_byte(self) -> float:
        """Compressed bits for each raw byte; NaN for no bytes at all."""
        return 8 * self.compressed / self.raw if self.raw else float("nan")


def measure(
    data,
    level: int | None = None,
    *,
    predictor=None,
    primer=None,
    block_size: int = pipeline.DEFAULT_BLOCK_SIZE,
    threads: int = 1,
    verify: bool | None = None,
    embed_model: bool = False,
) -> Measurement:
    """How small ``data`` (bytes-like, or a binary file to be read to its end) would be: every byte of the
    stream counted, none kept. Parameters as for :func:`compress`.

    >>> measure(b"abc" * 1000).bits_per_byte < 1
    True
    """
    source = data if hasattr(data, "read") else _ViewReader(data)
    counted = _Counting(source)
    total = 0

    def count(part):
        nonlocal total
        total += len(part)

    chosen, models = embedded_models.chosen(choose_predictor(level, predictor, primer), embed_model)
    pipeline.encode_stream(
        counted,
        count,
        chosen,
        block_size=block_size,
        threads=threads,
        verify=verify,
        models=models,
    )
    return Measurement(counted.size, total)


def skippable_frame(payload) -> bytes:
    """A frame with an application's own bytes that every reader of nzip files passes over. It may be put
    before, between or after streams (not inside one)."""
    return pack_skippable(as_bytes(payload))


class _ViewReader:
    """``read(n)`` over a bytes-like object: copies a block at a time, never the whole."""

    def __init__(self, data):
        self._view = as_bytes(data)
        self._position = 0

    def read(self, n: int) -> bytes:
        part = self._view[self._position : self._position + n]
        self._position += len(part)
        return bytes(part)


class _Counting:
    """``read(n)`` of another reader, counted."""

    def __init__(self, source):
        self._source = source
        self.size = 0

    def read(self, n: int) -> bytes:
        data = self._source.read(n)
        self.size += len(data or b"")
        return data
