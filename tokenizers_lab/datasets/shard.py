"""The one function that makes a shard: every executor, on one machine or many, calls :func:`build_shard` and
nothing else.

It depends on the manifest and the sources alone, so a shard is the same whoever builds it, and building it
again after a crash is safe: files appear whole, and the shard's part (its record) is written last."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache

import numpy as np

from tokenizers_lab.bits_per_byte import require
from tokenizers_lab.codec import Codec
from tokenizers_lab.datasets.manifest import HELD_OUT, NAMED, PARTS, TRAIN, Manifest, split_of
from tokenizers_lab.datasets.sources import read_segment
from tokenizers_lab.datasets.stamps import require_unchanged, where
from tokenizers_lab.datasets.writers import WRITERS
from tokenizers_lab.files import write_whole
from tokenizers_lab.sources.reading import is_utf8


@lru_cache(maxsize=2)
def _opened(folder: str, stamp) -> tuple[Manifest, Codec]:
    manifest = Manifest.read(folder)
    return manifest, manifest.codec()


def open_build(folder) -> tuple[Manifest, Codec]:
    """The manifest and its codec, kept for the next shard of the same process."""
    path = os.path.join(folder, "manifest.json")
    stamp = (os.stat(path).st_mtime_ns, os.stat(path).st_ino) if os.path.exists(path) else None
    return _opened(str(folder), stamp)


def build_shard(folder, index: int, root: str | None = None) -> dict:
    """Build shard ``index`` of the dataset in ``folder`` unless it is done; returns its record. ``root``: the
    folder that relative source paths start from (the working folder of whoever planned the build).

    Raises :class:`DataError`/:class:`LabError` naming file and line for bad sources, :class:`AccountingError`
    where a codec loses bytes; nothing is then left of the shard."""
    manifest, codec = open_build(folder)
    done = manifest.part(index)
    if done is not None:
        return done
    data, sources = manifest.data, manifest.sources
    end = np.array([] if data["eos"] is None else [data["eos"]], dtype=np.uint32)
    lengths = codec.token_lengths()
    left_out: list[str] = []
    odd: dict[int, int] = {}
    used: dict = {}
    parts = manifest.folder / PARTS
    with ExitStack() as stack:
        writers: dict = {}
        for segment in manifest.segments(index):
            planned = sources[segment.source]
            source = replace(planned, path=where(planned, parts, root))
            if segment.source not in used:
                used[segment.source] = planned, source.path
                require_unchanged(planned, source.path, parts)

            def skip(place, why, name=planned.path):
                left_out.append(f"{name}: {place}: {why}")

            for document in read_segment(
                source, segment, data["document_bytes"], data["text_key"], skip if manifest.skips else None
            ):
                if not is_utf8(document.raw):
                    odd[segment.source] = odd.get(segment.source, 0) + 1
                ids = codec.encode(document.raw)
                require(codec, lengths, document.raw, ids, f"{source.path}: the document at {document.key}")
                split = split_of(document.raw, data["held_out"])
                if split not in writers:
                    writers[split] = stack.enter_context(
                        WRITERS[data["format"]](manifest.folder, f"{split}-{index:05d}", data["dtype"])
                    )
                writers[split].add(
                    segment.source,
                    document.key,
                    document.raw,
                    np.concatenate([ids, end]) if len(end) else ids,
                )
        for planned, path in used.values():
            require_unchanged(planned, path, parts)
        part: dict = {
            "plan": manifest.shard_hash(index),
            "splits": {k: writers[k].commit() for k in (TRAIN, HELD_OUT) if k in writers},
        }
    if left_out:
        part["left_out"] = {"count": len(left_out), "first": left_out[:NAMED]}
    if odd:
        part["not_utf8"] = odd
    write_whole(manifest.part_path(index), json.dumps(part).encode())
    return part
