"""Spellings to predictors: ``mix:3``, ``mix:3+EXPERT:ARG``, ``EXPERT:ARG``.

A spelling (:mod:`nzip.predictors.spelling`) is a head and any number of experts, each a name and perhaps an
argument that the name's factory understands. A head that is a predictor takes the experts as further inputs;
a head that is an expert is coded bare, through the many-symbol coder, and takes none.

Other packages add names through two entry-point groups:

* ``nzip.predictors``: a callable ``(argument: str | None, experts: tuple[Expert, ...]) -> Predictor``
* ``nzip.experts``: a callable ``(argument: str | None) -> Expert``; one whose model may be embedded in files
  (:meth:`nzip.predictors.base.Expert.embedded`) also takes ``data=``, that model's bytes, in place of what
  ``argument`` names; one whose argument names a model says so with
  :func:`nzip.predictors.model_files.takes_model`, and else is given numbers alone from a file's header

Nothing is imported before its name is asked for. A name that two claim is an error, and our own names
cannot be claimed. ``NZIP_NO_PLUGINS=1`` in the environment leaves other packages' names out.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from nzip.errors import CorruptError, LimitError, ModelMismatchError, NzipError
from nzip.exact.compiler import need_compiler
from nzip.predictors.base import Expert, Predictor
from nzip.predictors.model_files import (
    NOTHING,
    Found,
    Models,
    check_room,
    compare,
    find,
    is_settings,
    kind_of,
)
from nzip.predictors.spelling import Part, is_name, parse

MAX_EXPERTS = 6  # as many as the mix takes

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


@functools.lru_cache(maxsize=8)
def create(spelling: str) -> Predictor:
    """The predictor that a user's ``spelling`` names; its arguments may be paths. Predictors are immutable,
    so the last few are kept.

    Raises :class:`NzipError` for unknown names and refused arguments."""
    need_compiler()
    terms = _terms(spelling)
    return _build(spelling, terms, (NOTHING,) * len(terms))


class _Term(NamedTuple):
    part: Part
    entry: Entry


def _terms(spelling: str) -> tuple[_Term, ...]:
    """The terms of a spelling and who gives each its meaning; nothing is imported yet, let alone built."""
    head, *others = parse(spelling)
    entry = _entry(head.name)
    if entry is None:
        raise NzipError(
            f"there is no predictor or expert named {head.name!r}: there are {', '.join(sorted(entries()))}"
        )
    if others and entry.kind != "predictor":
        raise NzipError(
            f"{head.name} is an expert, coded bare it takes no further experts: write mix+{spelling[:200]}"
        )
    if len(others) > MAX_EXPERTS:
        raise NzipError(
            f"a predictor takes at most {MAX_EXPERTS} experts, and {spelling[:60]} has {len(others)}"
        )
    return (_Term(head, entry), *(_Term(part, _expert_entry(part)) for part in others))


def _expert_entry(part: Part) -> Entry:
    entry = _entry(part.name)
    if entry is None or entry.kind != "expert":
        known = sorted(name for name, found in entries().items() if found.kind == "expert")
        what = "is a predictor, not an expert" if entry else "is no expert"
        raise NzipError(f"{part.name!r} {what}: there are {', '.join(known) or 'none'}")
    return entry


def _build(spelling: str, terms: tuple[_Term, ...], found: tuple[Found, ...]) -> Predictor:
    """The predictor of ``terms``, each with the model that was found for it."""
    (head, entry), *others = terms
    if entry.kind == "predictor":
        experts = tuple(_expert(term, model) for term, model in zip(others, found[1:], strict=True))
        return _made(entry.load(), head, experts)
    from nzip.predictors.bare import BarePredictor  # start-up: numba

    expert = _expert(terms[0], found[0])
    return expert.alone() or BarePredictor(expert)


def _expert(term: _Term, model: Found) -> Expert:
    factory = term.entry.load()
    given: dict[str, object] = {}
    if model.data is not None:
        given["data"] = model.data
    if model.path is not None:
        given["path"] = model.path
    return _made(factory, term.part, **given)


def _made(factory: Callable, part: Part, *arguments: Any, **given: Any) -> Any:
    try:
        return factory(part.argument, *arguments, **given)
    except ValueError as error:  # of a factory that does not know our errors
        raise NzipError(f"{str(part)[:200]} is refused: {error}") from error


def create_for_reading(
    spelling: str,
    embedded: Mapping[str, bytes] | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    models: Models | None = None,
    memory: int | None = None,
) -> Predictor:
    """As :func:`create`, for a spelling from a file's header, which opens no file that the header names (see
    :mod:`nzip.predictors.model_files`). ``embedded``: the models in the stream, by their names; ``config``:
    what the header pins; ``models``: where the caller says that models lie; ``memory``: bytes that building
    may take, None for no limit.

    Raises :class:`ModelMismatchError` where it names nothing here, :class:`CorruptError` for embedded models
    that are damaged or that no expert names, :class:`LimitError`."""
    need_compiler()
    embedded, config, models = embedded or {}, config or {}, models or {}
    try:
        terms = _terms(spelling)
        unused = embedded.keys() - {term.part.argument for term in terms}
        if unused:
            raise CorruptError(f"the file embeds a model that its predictor does not name: {min(unused)}")
        alone = len(terms) == 1
        found = tuple(
            _found(term, embedded, config if alone else _of_expert(config, term.part), models)
            for term in terms
        )
        if all(model == NOTHING for model in found):
            return create(spelling)
        check_room(sum(model.cost for model in found), memory, spelling)
        try:
            return _build(spelling, terms, found)
        except NzipError as error:
            if not embedded or isinstance(error, ModelMismatchError | LimitError):
                raise
            raise CorruptError(
                f"an embedded model of {spelling[:200]} is damaged: {error.message}"
            ) from error
    except (ModelMismatchError, CorruptError, LimitError):
        raise
    except (NzipError, ImportError) as error:
        message = error.message if isinstance(error, NzipError) else str(error)
        raise ModelMismatchError(
            f"the file needs the predictor {spelling[:200]}: {message}", getattr(error, "remedy", None)
        ) from error


def check_models(
    spelling: str, config: Mapping[str, Any], models: Models, embedded: Collection[str] = ()
) -> None:
    """Compare what the caller says of models with what a header pins; nothing is built, and models that the
    header does not name are ignored. The arguments as for :func:`create_for_reading`.

    Raises :class:`ModelMismatchError` for another model or none, and :class:`NzipError` where an expert is
    not known here."""
    terms = _terms(spelling)
    for term in terms:
        kind = None if term.part.argument is None else kind_of(term.entry.load())
        if kind is not None and term.part.argument not in embedded:
            compare(term.part, kind, config if len(terms) == 1 else _of_expert(config, term.part), models)


def _of_expert(config: Mapping[str, Any], part: Part) -> Mapping[str, Any]:
    """What a predictor's config pins of one of its experts."""
    own = config.get(str(part))
    return own if isinstance(own, dict) else {}


def _found(term: _Term, embedded: Mapping[str, bytes], config: Mapping[str, Any], models: Models) -> Found:
    """What the factory of a header's term may be given. Raises :class:`NzipError` where its argument would
    be a file's name to it, and there is no such model."""
    part, entry = term
    if part.argument is None:
        return NOTHING
    factory = entry.load()
    kind = kind_of(factory)
    if part.argument in embedded:
        if entry.kind != "expert" or "data" not in inspect.signature(factory).parameters:
            raise NzipError(
                f"a model is embedded for {part}, and the {part.name} of {entry.origin} takes none"
            )
        data = embedded[part.argument]
        return Found(data=data, cost=kind.cost(data) if kind is not None and not kind.by_path else len(data))
    if kind is not None:
        return find(part, kind, config, models)
    if is_settings(part.argument):
        return NOTHING
    raise NzipError(
        f"{part.name} of {entry.origin} does not say what its argument is, and so is given none from a file"
    )
