"""What a predictor has read before it sees a file: primers, dictionaries and weights, by name and size.

A compressor that ships a model has part of every file in the model. So the figure *with the weights' bytes*
counts all that a decoder must have been given beside the program: everything that ships and that the
predictor may read, whether this file wanted it or not, as small as it ships, and models of the user's own
by the size of their files. Concession: the program itself is not counted, nor the dictionaries inside other
programs (brotli has one of 122,784 bytes).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nzip.predictors.base import Predictor


def weights_of(predictor: Predictor) -> dict[str, int]:
    """Bytes by name of what ``predictor`` may read beforehand; empty for nothing."""
    found: dict[str, int] = {}
    if predictor.spelling.startswith("mix:"):
        from nzip.predictors.mix import primers, words  # start-up: NumPy

        mix = Path(primers.__file__).parent
        _add(found, mix, ["tables.bin"])
        _add(found, Path(words.__file__).parent, ["*.xz", "index.json"])
        if getattr(predictor, "primed", True) and getattr(predictor, "primer", None) is None:
            _add(found, mix / "primer_texts", ["*"])
        own = getattr(predictor, "primer", None)
        if own is not None:
            found["primer of the user"] = len(own.text) + len(own.dictionary)
        from nzip.predictors.mix import last_stage  # start-up: numba

        level = getattr(predictor, "level", 0)
        some = [  # experts that help a stream
            tuple(e for i, e in enumerate(predictor.experts) if helpers >> i & 1)
            for helpers in range(1, 1 << len(predictor.experts))
        ]
        stages = {last_stage.file_of(level, kind, those) for kind in last_stage.FILES for those in some}
        _add(found, mix, sorted(name for name in stages if name))
    for expert in predictor.experts or (predictor,):
        found |= _models(expert, every_form=predictor.spelling.startswith("mix:"))
    return found


def _add(found: dict[str, int], folder: Path, patterns: list[str]) -> None:
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            found[f"{folder.name}/{path.name}"] = path.stat().st_size


def _models(expert, every_form: bool) -> dict[str, int]:
    """The files behind an expert of weights or a language model, by name and size; empty for none.
    ``every_form``: it may be asked about words, too, as in a mix."""
    settings = getattr(expert, "settings", None)
    if settings is not None and hasattr(settings, "model"):
        from nzip import pretrained  # start-up: zipfile, subprocess

        path = Path(pretrained.find(settings.model))
        files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        return {f"{settings.model} ({path.name})": sum(each.stat().st_size for each in files)}
    if not hasattr(expert, "weights") and not hasattr(expert, "model"):
        return {}
    import importlib  # start-up: only where there is an expert

    held: Any = getattr(importlib.import_module(type(expert).__module__), "FILES", None)
    argument = getattr(expert, "_argument", None)
    if held is None or (argument is None and getattr(expert, "weights", True) is None):
        return {}
    name = None if argument == "ssm" else argument  # as experts spell the one that ships
    # Those that ship read each form of text with a network of its own.
    paths = held.shipped.values() if every_form and name is None else [held.path_of(name)]
    return {path.name: path.stat().st_size for path in paths}
