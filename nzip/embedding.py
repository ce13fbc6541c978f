"""``--embed-model``: the user's own experts go into the compressed file, so that reading it needs nothing
else.

Concession: a model costs its packed size in every stream, which pays for itself only where the data is long,
or where the file must stand alone."""

from __future__ import annotations

from nzip.container import embedded_models
from nzip.errors import NzipError
from nzip.predictors.base import Predictor


def embed(predictor: Predictor) -> tuple[Predictor, tuple[embedded_models.Model, ...]]:
    """``predictor`` with its experts under names without folders, and their models, packed; none where all of
    its experts ship with nzip. Raises :class:`NzipError` for a model that cannot be embedded."""
    files: dict[str, bytes] = {}
    experts = []
    for expert in predictor.experts:
        found = expert.embedded()
        if found is None:
            experts.append(expert)
            continue
        renamed, name, data = found
        if files.setdefault(name, data) != data:
            raise NzipError(f"two different models are named {name}: rename one of them to embed both")
        experts.append(renamed)
    if not files:
        if not predictor.experts and predictor.config().get("weights"):
            raise NzipError(f"{predictor.spelling} cannot be embedded: its model stays outside the file")
        return predictor, ()
    return predictor.with_experts(tuple(experts)), tuple(
        embedded_models.pack(name, data) for name, data in files.items()
    )


def chosen(predictor: Predictor, embed_model: bool) -> tuple[Predictor, tuple[embedded_models.Model, ...]]:
    """:func:`embed` if it is wanted."""
    return embed(predictor) if embed_model else (predictor, ())
