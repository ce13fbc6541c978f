"""What compressing takes, said once: the options' names, types and defaults, and what they choose.

Five callables take the same ones (:func:`nzip.compress`, :func:`nzip.measure`, :func:`nzip.open`,
:class:`nzip.NzipFile`, :class:`nzip.Compressor`). Each is declared with ``**options: Unpack[Coding]`` (or one
of its relatives below), which is what a type checker reads, and :func:`shown` gives it a signature with every
option in it, which is what ``help`` and an editor read. :func:`settled` fills in the defaults and refuses
other names, as Python itself would.

Concession: an option that is not there is noticed by the call's first line, not by the call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, cast, overload

from nzip.container import embedded_models, pipeline
from nzip.container.embedded_models import Model
from nzip.container.short_streams import Lesser
from nzip.levels import levels_below, spelling_of
from nzip.predictors import registry
from nzip.predictors.base import Predictor
from nzip.predictors.model_files import Models
from nzip.predictors.own_primer import OwnPrimer
from nzip.primer.file import Given, load

Primer: TypeAlias = "Given | Literal[False] | None"
"""A primer file's path, its bytes, False for a cold start, or None for the predictor's own choice."""


class BlockOptions(TypedDict, total=False):
    """What a block is coded with, and how; every key may be left out."""

    predictor: str | Predictor | None
    """A spelling such as ``"mix:3"``, or a predictor object, in place of a level."""
    primer: Primer
    """A text of one's own that the mix reads first (:func:`nzip.train_primer`), as the path or the bytes of a
    primer file, which decompressing then needs, too; False: start cold; None: the mix chooses among those
    that ship."""
    block_size: int | None
    """Bytes a block. Smaller ones cost size and gain parallelism and finer random access. None: 16 MiB, and 4
    to 8 MiB at levels 0 to 5 where more than 16 MiB are known to come
    (:func:`nzip.container.pipeline.block_size_for`), since later blocks start from the head of the first
    there."""
    verify: bool | None
    """Decode and compare every block at once; None: where the predictor is not exact."""
    embed_model: bool
    """Put the experts that the predictor names by path (``"mix+ssm:my.expert"``) into the stream, so that
    decompressing needs no file; experts that ship are never embedded."""


class Pricing(TypedDict, total=False):
    """What decides the bits of a byte."""

    predictor: str | Predictor | None
    """As in :class:`BlockOptions`."""
    primer: Primer
    """As in :class:`BlockOptions`."""
    block_size: int | None
    """As in :class:`BlockOptions`."""


class Coding(BlockOptions, total=False):
    """Of a whole stream."""

    threads: int
    """Blocks coded at a time, 0 for all cores; the bytes do not depend on it."""


class Opening(Coding, total=False):
    """Of a file that is opened, to be written or to be read."""

    level: int | None
    """1 (fast) to 9 (small), see :mod:`nzip.levels`; None: the default, or as ``predictor`` says."""
    memory: int | None
    """Bytes that decoding may take, None for no limit."""
    models: Models | None
    """For reading: where models lie that the file names, as ``{"my.expert": PATH}``."""


DEFAULTS: Opening = {
    "level": None,
    "predictor": None,
    "primer": None,
    "block_size": None,
    "threads": 1,
    "verify": None,
    "memory": pipeline.DEFAULT_MEMORY,
    "models": None,
    "embed_model": False,
}

RESUMABLE_BLOCK_SIZE = 1 << 20

_F = TypeVar("_F", bound=Callable[..., Any])


def shown(function: _F) -> _F:
    """Decorate a function whose last parameter is ``**options: Unpack[X]``, X of this module: its signature
    shows the keys of X with their defaults."""
    signature = inspect.signature(function)
    *named, last = signature.parameters.values()
    # the annotation is text: "Unpack[Coding]"
    kind: type = globals()[last.annotation.removeprefix("Unpack[").removesuffix("]")]
    named += [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=_annotation(kind, name)
        )
        for name, default in DEFAULTS.items()
        if name in kind.__annotations__
    ]
    cast(Any, function).__signature__ = signature.replace(parameters=named)
    return function


def _annotation(kind: type, name: str) -> Any:
    found = kind.__annotations__[name]
    return getattr(found, "__forward_arg__", found)


def settled(kind: type[BlockOptions | Pricing], given: BlockOptions | Pricing) -> Opening:
    """``given``, with the defaults for what it does not hold. Raises :class:`TypeError` for a name that is no
    key of ``kind``."""
    unknown = sorted(set(given) - set(kind.__annotations__))
    if unknown:
        raise TypeError(
            f"unexpected keyword argument {unknown[0]!r}: there are "
            + ", ".join(name for name in DEFAULTS if name in kind.__annotations__)
        )
    return cast(Opening, {**DEFAULTS, **given})


class Machinery(TypedDict):
    """The options that :class:`nzip.container.pipeline.StreamEncoder` takes."""

    block_size: int | None
    threads: int
    verify: bool | None
    models: tuple[Model, ...]
    lesser: tuple[Lesser, ...]


def chosen(level: int | None, options: Opening) -> tuple[Predictor, Machinery]:
    """What codes a stream: the predictor that ``level`` and the settled ``options`` ask for, and how. Raises
    as :func:`choose_predictor`."""
    found = choose_predictor(level, options["predictor"])
    started = _started(options["primer"])
    predictor, models = embedded_models.chosen(started(found), options["embed_model"])
    return predictor, {
        "block_size": options["block_size"],
        "threads": options["threads"],
        "verify": options["verify"],
        "models": models,
        "lesser": () if options["predictor"] is not None else lesser(level, started),
    }


def lesser(level: int | None, primed: Callable[[Predictor], Predictor]) -> tuple[Lesser, ...]:
    """What is tried on a short file beside the predictor of ``level``; ``primed`` starts each as that one is
    started."""

    def maker(below: int) -> Callable[[], Predictor]:
        return functools.cache(lambda: primed(choose_predictor(below)))

    return tuple(Lesser(most, maker(below)) for below, most in levels_below(level))


def resumable_block_size(predictor: Predictor) -> int | None:
    """Bytes a block where a job is to be gone on with, unless told otherwise: as ever (None) where 16 MiB are
    a matter of a minute, of the mix alone; 1 MiB for what takes minutes over that."""
    fast = predictor.spelling.startswith("mix:") and not predictor.experts
    return None if fast else RESUMABLE_BLOCK_SIZE


def made_by(primer: Primer | bool = None) -> str:
    """What decides the bytes of an output and cannot be seen in the part of it that is there: for the name of
    a partial output."""
    return "cold" if primer is False else ""


def choose_predictor(
    level: int | None = None, predictor: str | Predictor | None = None, primer: Primer = None
) -> Predictor:
    """The predictor object for a level (0 to 9, None for the default) or for a spelling or object, started
    from ``primer``: a path or the bytes of a primer file, False for a cold start, None for its own choice.

    Raises :class:`ValueError` where level and predictor are given, :class:`nzip.NzipError` for what does not
    exist, and for a primer as :func:`nzip.primer.file.load`.
    """
    if predictor is None:
        found = registry.create(spelling_of(level))
    elif level is not None:
        raise ValueError("give a level or a predictor, not both")
    else:
        found = known(predictor)
    return _started(primer)(found)


def _started(primer: Primer) -> Callable[[Predictor], Predictor]:
    """What starts a predictor from ``primer``, which is read now, once: it may be a pipe."""
    if primer is None:
        return lambda found: found
    own = own_primer(primer)
    return lambda found: found.with_primer(own)


@overload
def known(predictor: str | Predictor) -> Predictor: ...
@overload
def known(predictor: str | Predictor | None) -> Predictor | None: ...
def known(predictor: str | Predictor | None) -> Predictor | None:
    """The object that a spelling names; objects and None as they are. Raises :class:`nzip.NzipError`."""
    return registry.create(predictor) if isinstance(predictor, str) else predictor


def own_primer(primer: Primer, memory: int | None = None) -> OwnPrimer | None:
    """What a primer holds that may be given as ``primer=``; None for None and False. ``memory``: bytes that
    unpacking it may take, None for no limit. Raises as :func:`nzip.primer.file.load`."""
    if primer is None or primer is False:
        return None
    return load(primer, memory)
