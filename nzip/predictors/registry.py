"""Spellings to predictors: ``mix:3``, ``mix:3+EXPERT:ARG``, ``EXPERT:ARG``.

A spelling (:mod:`nzip.predictors.spelling`) is a head and any number of experts, each a name and perhaps an
argument that the name's factory understands. A head that is a predictor takes the experts as further inputs;
a head that is an expert is coded bare, through the many-symbol coder, and takes none.

Other packages add names through two entry-point groups:

* ``nzip.predictors``: a callable ``(argument: str | None, experts: tuple[Expert, ...]) -> Predictor``
* ``nzip.experts``: a callable ``(argument: str | None) -> Expert``; one whose model may be embedded in files
  (:meth:`nzip.predictors.base.Expert.embedded`) also takes ``data=``, that model's bytes, in place of what
  ``argument`` names

Nothing is imported before its name is asked for. A name that two claim is an error, and our own names
cannot be claimed. ``NZIP_NO_PLUGINS=1`` in the environment leaves other packages' names out.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections.abc import Callable
from typing import NamedTuple

from nzip.errors import CorruptError, ModelMismatchError, NzipError
from nzip.predictors.base import Expert, Predictor
from nzip.predictors.spelling import Part, is_name, parse

NO_PLUGINS = "NZIP_NO_PLUGINS"
GROUPS = {"predictor": "nzip.predictors", "expert": "nzip.experts"}

__all__ = [
    "Entry", "Part", "create", "create_for_reading", "entries", "parse", "register_expert",
    "register_predictor", "unregister",
]  # fmt: skip


class Entry(NamedTuple):
    """Who gives a name its meaning: ``load()`` returns the factory; ``origin`` names the giver."""

    kind: str  # "predictor" or "expert"
    load: Callable[[], Callable]
    origin: str


def _lazy(target: str) -> Callable[[], Callable]:
    module, _, name = target.partition(":")
    return lambda: getattr(importlib.import_module(module), name)


_BUILT_IN: dict[str, Entry] = {
    "mix": Entry("predictor", _lazy("nzip.predictors.mix:create"), "nzip"),
    "lm": Entry("expert", _lazy("nzip.predictors.lm:create"), "nzip"),
    "ssm": Entry("expert", _lazy("nzip.predictors.ssm.expert:create"), "nzip"),
    "transformer": Entry("expert", _lazy("nzip.predictors.transformer.expert:create"), "nzip"),
    "online": Entry("expert", _lazy("nzip.predictors.online.expert:create"), "nzip"),
    "hf": Entry("expert", _lazy("nzip.predictors.lm.hugging_face:create"), "nzip"),
}
_registered: dict[str, Entry] = {}


def register_predictor(name: str, factory: Callable) -> None:
    """Give ``name`` a meaning in this process: ``factory(argument, experts)`` makes the predictor.

    Raises :class:`ValueError` where the name is taken.
    """
    _register(name, "predictor", factory)


def register_expert(name: str, factory: Callable) -> None:
    """Give ``name`` a meaning in this process: ``factory(argument)`` makes the expert.

    Raises :class:`ValueError` where the name is taken.
    """
    _register(name, "expert", factory)


def _register(name: str, kind: str, factory: Callable) -> None:
    if not is_name(name):
        raise ValueError(
            f"{name!r} cannot be a name: lower-case letters, digits, '_', '.', '-', a letter first"
        )
    taken = _BUILT_IN.get(name) or _registered.get(name)
    if taken:
        raise ValueError(f"the name {name!r} is taken by a {taken.kind} of {taken.origin}")
    _registered[name] = Entry(kind, lambda: factory, getattr(factory, "__module__", "this process"))


def unregister(name: str) -> None:
    """Take a registered name back (for tests). Raises :class:`KeyError` where there is none."""
    del _registered[name]
    create.cache_clear()


def entries() -> dict[str, Entry]:
    """Every name there is, ours, registered ones and other packages'.

    Raises :class:`NzipError` where two claim one name.
    """
    found = {**_BUILT_IN, **_registered}
    if os.environ.get(NO_PLUGINS, "") not in ("", "0"):
        return found
    from importlib.metadata import entry_points  # start-up: email, zipfile and what else metadata reads

    for kind, group in GROUPS.items():
        for point in entry_points(group=group):
            origin = point.dist.name if point.dist is not None else point.value
            taken = found.get(point.name)
            if taken is not None:
                raise NzipError(
                    f"the name {point.name!r} is claimed by {taken.origin} and by {origin}: "
                    f"remove one of them, or set {NO_PLUGINS}=1"
                )
            found[point.name] = Entry(kind, point.load, origin)
    return found


def _entry(name: str) -> Entry | None:
    # Our own names are not looked up among other packages', which may be many and slow to list.
    return _BUILT_IN.get(name) or _registered.get(name) or entries().get(name)


@functools.lru_cache(maxsize=4)
def create(spelling: str) -> Predictor:
    """The predictor that ``spelling`` names. Predictors are immutable, so the last few are kept.

    Raises :class:`NzipError` for unknown names and refused arguments.
    """
    return _create(spelling, {})


def _create(spelling: str, models: dict[str, bytes]) -> Predictor:
    head, *others = parse(spelling)
    entry = _entry(head.name)
    if entry is None:
        raise NzipError(
            f"there is no predictor or expert named {head.name!r}: there are {', '.join(sorted(entries()))}"
        )
    if entry.kind == "predictor":
        return entry.load()(head.argument, tuple(_expert(part, models) for part in others))
    if others:
        raise NzipError(
            f"{head.name} is an expert, coded bare it takes no further experts: write mix+{spelling}"
        )
    from nzip.predictors.bare import BarePredictor  # start-up: numba

    expert = _expert(head, models)
    return expert.alone() or BarePredictor(expert)


def _expert(part: Part, models: dict[str, bytes]) -> Expert:
    entry = _entry(part.name)
    if entry is None or entry.kind != "expert":
        known = sorted(name for name, found in entries().items() if found.kind == "expert")
        what = "is a predictor, not an expert" if entry else "is no expert"
        raise NzipError(f"{part.name!r} {what}: there are {', '.join(known) or 'none'}")
    factory = entry.load()
    if part.argument not in models:
        return factory(part.argument)
    if "data" not in inspect.signature(factory).parameters:
        raise NzipError(f"a model is embedded for {part}, and the {part.name} of {entry.origin} takes none")
    try:
        return factory(part.argument, data=models[part.argument])
    except NzipError as error:
        raise CorruptError(f"the embedded model of {part} is damaged: {error}") from error


def create_for_reading(spelling: str, models: dict[str, bytes] | None = None) -> Predictor:
    """As :func:`create`, for a spelling from a file's header, and the ``models`` embedded there, by their
    names.

    Raises :class:`ModelMismatchError` where it names nothing here, :class:`CorruptError` for embedded models
    that are damaged or that no expert names."""
    try:
        if not models:
            return create(spelling)
        unused = models.keys() - {part.argument for part in parse(spelling)}
        if unused:
            raise CorruptError(f"the file embeds a model that its predictor does not name: {min(unused)}")
        return _create(spelling, models)
    except (ModelMismatchError, CorruptError):
        raise
    except (NzipError, ImportError) as error:
        raise ModelMismatchError(f"the file needs the predictor {spelling}: {error}") from error
