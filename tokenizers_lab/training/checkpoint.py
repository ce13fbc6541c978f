"""Checkpoints of a training run: the counted pre-tokens, the merges so far, the settings. Written whole or
not at all; a run that goes on from one gives the same vocabulary as a run that was never interrupted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, unpack_arrays, write_whole
from tokenizers_lab.sources.left_out import LeftOut
from tokenizers_lab.training.counts import CorpusCounts, CountTable


def save(
    path,
    settings: dict,
    counts: CorpusCounts,
    files_done: int,
    merges: np.ndarray,
    stream: bytes,
    left: LeftOut | None = None,
) -> None:
    """Keep the state of a run at ``path``."""
    data, ends, weights = counts.table.arrays()
    head = {
        "kind": "training",
        "settings": settings,
        "files_done": files_done,
        "left_out": left.json() if left is not None else None,
        "corpus": [counts.bytes, counts.documents, counts.dropped, counts.threshold],
    }
    write_whole(
        path,
        pack_arrays(
            head,
            {
                "data": data,
                "ends": ends,
                "counts": weights,
                "merges": merges,
                "stream": np.frombuffer(stream, dtype=np.uint8),
            },
        ),
    )


def load(path, settings: dict, left: LeftOut | None = None) -> tuple[CorpusCounts, int, np.ndarray, bytes]:
    """(counts, files done, merges, stream); what was left out until then goes to ``left``. Raises
    :class:`LabError` naming the first setting that differs, :class:`DataError` for tables that are not
    sound."""
    head, arrays = unpack_arrays(Path(path))
    if head.get("kind") != "training":
        raise DataError(f"{path}: not a checkpoint of training")
    _require_sound(path, head, arrays)
    require_settings(path, head["settings"], settings)
    if left is not None:
        left.count, left.first = head["left_out"]["count"], head["left_out"]["first"]
    ends = arrays["ends"]
    size, documents, dropped, threshold = head["corpus"]
    table = CountTable().add_pieces(arrays["data"], ends, arrays["counts"])
    counts = CorpusCounts(table, size, documents, dropped, threshold)
    return counts, head["files_done"], arrays["merges"], arrays["stream"].tobytes()


def require_settings(path, made: dict, settings: dict) -> None:
    """Raises :class:`LabError` naming the first setting that differs from those of the checkpoint."""
    for key, value in json.loads(json.dumps(settings)).items():
        if made.get(key) != value:
            raise LabError(
                f"{path}: was made with {key}={made.get(key)!r}, not {value!r}; "
                "resume with the same settings, or remove the checkpoint"
            )


_ARRAYS = {
    "data": ("u1", 1),
    "ends": ("i8", 1),
    "counts": ("i8", 1),
    "merges": ("i4", 2),
    "stream": ("u1", 1),
}
_MOST = 1 << 53


def _require_sound(path, head: dict, arrays: dict) -> None:
    """What compiled code is handed is right, whoever wrote the file."""
    corpus, done = head.get("corpus"), head.get("files_done")
    numbers = [*corpus, done] if isinstance(corpus, list) and len(corpus) == 4 else [None]
    left = head.get("left_out")
    fits = left is None or isinstance(left, dict) and isinstance(left.get("first"), list)
    if left is not None and fits:
        numbers.append(left.get("count"))
        fits = all(isinstance(line, str) for line in left["first"])
    skips = isinstance(head.get("settings"), dict) and head["settings"].get("on_error") == "skip"
    fits = fits and (left is not None) == skips
    sound = (
        fits
        and isinstance(head.get("settings"), dict)
        and all(type(n) is int and 0 <= n < _MOST for n in numbers)
    )
    for name, (kind, dimensions) in _ARRAYS.items():
        array = arrays.get(name)
        sound = sound and array is not None and array.dtype == np.dtype(kind) and array.ndim == dimensions
    if sound:
        ends, counts, merges = arrays["ends"], arrays["counts"], arrays["merges"]
        sound = (
            len(counts) == len(ends)
            and (int(ends[-1]) if len(ends) else 0) == len(arrays["data"])
            and bool((np.diff(ends, prepend=0) > 0).all())
            and bool(((counts > 0) & (counts < _MOST)).all())
            and sum(counts.tolist()) < _MOST
            and merges.shape[1] == 3
        )
    if not sound:
        raise DataError(f"{path}: the checkpoint's tables contradict each other; remove it to begin anew")
