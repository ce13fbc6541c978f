"""Weights of files, as a user writes them (``en=.5,tr=.3,code=.2``), and the files that they mean."""

from __future__ import annotations

import math

from tokenizers_lab.errors import LabError


def read_weights(text: str | None) -> dict[str, float] | None:
    """``"en=.5,tr=.3"`` → ``{"en": 0.5, "tr": 0.3}``; None for None. Raises :class:`LabError`."""
    if text is None:
        return None
    out: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, equals, value = part.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not equals or not name or not math.isfinite(number) or number < 0:
            raise LabError(f"--weights {part!r}: write FILE=NUMBER, 0 or more: en=.5,tr=.3")
        if name in out:
            raise LabError(f"--weights: {name} stands there twice")
        out[name] = number
    if not out:
        raise LabError("--weights: is empty; write FILE=NUMBER: en=.5,tr=.3")
    return out


def matched(weights: dict[str, float] | None, files: list[str]) -> dict[str, float]:
    """The weight of every file, adding up to 1. A key is a file's name, or its name up to the first dot where
    no other's begins so; without weights all are equal, with weights the files that none names have none.
    Raises :class:`LabError` for a key that means no file or several, and for weights that are all 0."""
    if weights is None:
        return {name: 1 / len(files) for name in files}
    out = dict.fromkeys(files, 0.0)
    given: dict[str, str] = {}
    for key, value in weights.items():
        if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
            raise LabError(f"the weight of {key} must be a number, 0 or more, not {value!r}")
        found = [key] if key in out else [n for n in files if n.split("/")[-1].split(".")[0] == key]
        if not found:
            raise LabError(f"a weight for {key!r}, which is no file here; the files: {', '.join(files)}")
        if len(found) > 1:
            raise LabError(f"a weight for {key!r}, which may mean {' or '.join(found)}; write the whole name")
        if found[0] in given:
            raise LabError(f"{found[0]} has two weights, as {given[found[0]]} and as {key}")
        given[found[0]] = key
        out[found[0]] = float(value)
    total = sum(out.values())
    if total <= 0:
        raise LabError("the weights are all 0; at least one file must count")
    return {name: value / total for name, value in out.items()}
