"""Checkpoints of a training run: the counted pre-tokens, the merges so far, the settings. Written whole or
not at all; a run that goes on from one gives the same vocabulary as a run that was never interrupted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, unpack_arrays, write_whole
from tokenizers_lab.training.counts import CorpusCounts, CountTable


def save(
    path, settings: dict, counts: CorpusCounts, files_done: int, merges: np.ndarray, stream: bytes
) -> None:
    """Keep the state of a run at ``path``."""
    data, ends, weights = counts.table.arrays()
    head = {
        "kind": "training",
        "settings": settings,
        "files_done": files_done,
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


def load(path, settings: dict) -> tuple[CorpusCounts, int, np.ndarray, bytes]:
    """(counts, files done, merges, stream). Raises :class:`LabError` naming the first setting that
    differs."""
    head, arrays = unpack_arrays(Path(path))
    if head.get("kind") != "training":
        raise DataError(f"{path}: not a checkpoint of training")
    for key, value in json.loads(json.dumps(settings)).items():
        if head["settings"].get(key) != value:
            raise LabError(
                f"{path}: was made with {key}={head['settings'].get(key)!r}, not {value!r}; "
                "resume with the same settings, or remove the checkpoint"
            )
    ends = arrays["ends"]
    if len(arrays["counts"]) != len(ends) or (len(ends) and int(ends[-1]) != len(arrays["data"])):
        raise DataError(f"{path}: the checkpoint's tables contradict each other")
    size, documents, dropped, threshold = head["corpus"]
    table = CountTable().add_pieces(arrays["data"], ends, arrays["counts"])
    counts = CorpusCounts(table, size, documents, dropped, threshold)
    return counts, head["files_done"], arrays["merges"], arrays["stream"].tobytes()
