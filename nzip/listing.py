"""What is in a compressed file, told from its headers: what ``nzip list`` shows, as a library call.

Nothing is decoded, and payloads are passed over (with ``check`` they are read, and compared with the hashes
that were stored of them), so that this takes moments where decompressing takes hours. Concession: it is no
proof that the file decodes here; ``nzip test`` is.
"""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

from nzip import codec
from nzip.api import Readable
from nzip.bits_per_byte import bits_per_byte
from nzip.container import framing, parser, passport
from nzip.options import Primer, own_primer
from nzip.predictors.kinds import STREAM_NAMES
from nzip.predictors.mix import params
from nzip.predictors.mix.primer_index import name_of
from nzip.predictors.model_files import Models
from nzip.predictors.own_primer import OwnPrimer


class Part(NamedTuple):
    """What of a block the mix coded as one: its ``kind`` of content, its ``form`` ("words" where words were
    replaced by codes, "lines" where only line ends were, else empty), the name of the ``primer`` that it
    starts from (empty for none), its bytes and what they take."""

    kind: str
    form: str
    primer: str
    size: int
    compressed: int


class Block(NamedTuple):
    """A block: where it starts in the file, its bytes there and decoded, and its ``method``, ``coded`` or
    ``stored``. ``parts``: the streams of a coded block of the mix; of others nothing is known."""

    offset: int
    compressed: int
    size: int
    method: str
    parts: list[Part]


class Model(NamedTuple):
    """A model that is embedded in a stream: ``size`` bytes, of which ``compressed`` stand in the file."""

    name: str
    size: int
    compressed: int


class Stream(NamedTuple):
    """A stream: its ``predictor`` by spelling, what pins it (``config``, ``probe`` in hexadecimal), its
    blocks and models. ``environment``: where it was written, empty where ``exact``."""

    predictor: str
    exact: bool
    config: dict
    probe: str
    blocks: list[Block]
    models: list[Model]
    environment: dict


class Contents(NamedTuple):
    """A file: its bytes up to the end of the last stream or skippable frame, the bytes that it decodes to,
    and its streams. ``checked``: the stored bytes have been compared with their hashes.
    Use it to know a file without decoding it."""

    compressed: int
    size: int
    streams: list[Stream]
    skippable_frames: int
    checked: bool

    @property
    def bits_per_byte(self) -> float:
        """Compressed bits for each decoded byte; NaN for none."""
        return bits_per_byte(self.compressed, self.size)

    @property
    def ratio(self) -> float | None:
        """How many times as large it was before; None for no bytes."""
        return self.size / self.compressed if self.size and self.compressed else None

    @property
    def primers(self) -> list[str]:
        """Names of the primers that its streams start from; of the user's own the hash (16 digits)."""
        found: dict[str, None] = {}
        for stream in self.streams:
            own = stream.config.get("primer")
            if isinstance(own, str):
                found[own[:16]] = None
                continue
            for block in stream.blocks:
                for part in block.parts:
                    if part.primer:
                        found[part.primer] = None
        return list(found)


def contents(
    file: str | os.PathLike[str] | Readable,
    *,
    check: bool = False,
    primer: Primer = None,
    models: Models | None = None,
) -> Contents:
    """What the headers of ``file`` say: a path, or a binary file from where it stands.

    ``check``: read every stored byte and compare the hashes. ``primer``: compare the streams that were made
    with a primer of the user's own with this one (a primer file's path or bytes). ``models``: compare the
    models that the streams name with those that lie here (``{"my.expert": PATH}``), by their hashes; names
    that no stream has are ignored.

    Raises :class:`nzip.FormatError`, :class:`nzip.CorruptError` or :class:`nzip.TruncatedError` as
    :func:`nzip.decompress`, and :class:`nzip.ModelMismatchError` for another primer or model.

    >>> import io, nzip
    >>> found = contents(io.BytesIO(nzip.compress(b"text " * 100, level=1, block_size=400)))
    >>> found.size, [(block.size, block.method) for block in found.streams[0].blocks]
    (500, [(400, 'coded'), (100, 'coded')])
    """
    own = own_primer(primer)
    with contextlib.ExitStack() as stack:
        if isinstance(file, str | os.PathLike):
            file = stack.enter_context(open(file, "rb"))
        found = read(file, check=check)
    if own is not None:
        check_primer(found, own)
    check_models(found, models)
    return found


def check_primer(found: Contents, primer: OwnPrimer) -> None:
    """Raises :class:`nzip.ModelMismatchError` where a stream was made with another primer."""
    for stream in found.streams:
        passport.check_primer(stream.config, primer)


def check_models(found: Contents, models: Models | None) -> None:
    """Raises :class:`nzip.ModelMismatchError` where a stream names a model of ``models``, and means another
    than lies there."""
    if not models:
        return
    from nzip.predictors import registry  # start-up: NumPy, which listing a file does without

    seen = set[str]()
    for stream in found.streams:
        key = repr((stream.predictor, stream.config, stream.models))
        if key not in seen:  # a file may hold very many streams of one kind
            seen.add(key)
            inside = {model.name for model in stream.models}
            registry.check_models(stream.predictor, stream.config, models, inside)


def read(source: Readable, *, check: bool) -> Contents:
    """:func:`contents` of a binary file."""
    streams: list[Stream] = []
    skippable = size = stored = 0
    for event in parser.pull(source, parser.parse(payloads="check" if check else "skip")):
        if isinstance(event, parser.StreamStart):
            streams.append(_stream(event))
            stored = event.offset + event.header_size
        elif isinstance(event, parser.Block):
            header = event.header
            stored_block = header.method == codec.STORED
            method, parts = (
                ("stored", []) if stored_block else ("coded", _parts(streams[-1].predictor, header))
            )
            streams[-1].blocks.append(Block(event.offset, header.frame_size, header.size, method, parts))
            size += header.size
        elif isinstance(event, parser.StreamEnd):
            stored = event.offset
        elif isinstance(event, parser.Skippable):
            skippable += 1
            stored = event.end
    return Contents(stored, size, streams, skippable, check)


def _parts(predictor: str, header: framing.BlockHeader) -> list[Part]:
    """The streams of a block. Raises :class:`nzip.CorruptError` where a mix block's parameters are
    impossible."""
    if predictor.partition(":")[0].partition("+")[0] != "mix":
        return []
    block = params.read(header.params, header.size, header.payload_size, "+" in predictor)
    return [
        Part(STREAM_NAMES[d.content.kind], d.form, name_of(d.primer), size, coded)
        for d, size, coded in block.streams
    ]


def _stream(event: parser.StreamStart) -> Stream:
    found = event.passport
    models = [Model(model.name, model.size, len(model.payload)) for model in event.models]
    return Stream(found.spelling, found.exact, found.config, found.probe.hex(), [], models, found.environment)
