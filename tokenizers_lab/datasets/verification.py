"""Checking a dataset: hashes of its files, tokens decoded back to bytes, and those bytes against the sources.

:func:`verify` reports every fault it finds instead of stopping at the first, in words that name shard and
document."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from tokenizers_lab.bits_per_byte import held
from tokenizers_lab.datasets import sources as src
from tokenizers_lab.datasets.manifest import Manifest, split_of
from tokenizers_lab.datasets.reader import TokenReader
from tokenizers_lab.datasets.writers import hash_file
from tokenizers_lab.errors import LabError


def verify(folder, against=None, progress: Callable | None = None) -> list[str]:
    """The faults found: ``[]`` if the dataset is sound.

    1. Every file has the size and SHA-256 of the manifest. 2. Every document decodes, its tokens' bytes add
    up, and the decoded bytes have the SHA-256 that the source's had. 3. ``against``: the files it was built
    from (in the same order): every document is compared with what stands there, and every byte of every text
    file is in one."""
    manifest = Manifest.read(folder).require_complete()
    faults = []
    for record in (r for s in manifest.data["shards"] for r in s["splits"].values()):
        for name, entry in record["files"].items():
            try:
                digest, size = hash_file(manifest.folder / name)
            except OSError as error:
                faults.append(f"{name}: {error.strerror}")
                continue
            if (digest, size) != (entry["sha256"], entry["bytes"]):
                faults.append(
                    f"{name}: damaged: {size:,} bytes, SHA-256 {digest[:12]}; the manifest has "
                    f"{entry['bytes']:,}, "
                    f"{entry['sha256'][:12]}"
                )
    if faults:
        return faults
    found = src.find_sources(against, (folder, f"{folder}.logs")) if against is not None else None
    if found is not None and [(s.size, s.kind) for s in found] != [
        (s.size, s.kind) for s in manifest.sources
    ]:
        return [
            (
                f"--against: {len(found)} files of {sum(s.size for s in found):,} bytes, but the dataset was "
                "built from "
                f"{len(manifest.sources)} of {sum(s.size for s in manifest.sources):,}"
            )
        ]
    readers = {split: TokenReader(folder, split) for split in manifest.splits}
    at = dict.fromkeys(readers, 0)
    for index, shard in enumerate(manifest.data["shards"]):
        decoded = {}
        for split, record in shard["splits"].items():
            start, at[split] = at[split], at[split] + record["documents"]
            decoded[split] = _decode(readers[split], start, at[split])
        if found is None:
            for split, documents in decoded.items():
                faults += _hash_only(f"shard {index}, {split}", documents, shard["splits"][split])
        else:
            faults += _compare(manifest, index, found, decoded)
        if progress:
            progress(index + 1, manifest.shards)
    return faults


def _decode(reader: TokenReader, start: int, stop: int):
    """(source, key, bytes or None, fault or None) of each document."""
    lengths = reader.token_lengths
    for i in range(start, stop):
        source, key, size, _ = reader.docs[i].tolist()
        try:
            stored = reader.read(int(reader.ends[i]), int(reader.ends[i + 1]))
            ids = reader.document(i)
            raw = reader.codec.decode(np.asarray(ids))
        except LabError as error:
            yield source, key, None, str(error)
            continue
        fault = None
        if reader.eos is not None and (not len(stored) or stored[-1] != reader.eos):
            fault = "does not end with the end-of-sequence token"
        elif len(raw) != size:
            fault = f"decodes to {len(raw)} bytes, its table says {size}"
        elif lengths is not None and held(lengths, stored) != size:
            fault = "its tokens' bytes do not add up"
        yield source, key, raw, fault


def _hash_only(where, documents, record) -> list[str]:
    digest, faults = hashlib.sha256(), []
    for _, key, raw, fault in documents:
        if fault:
            faults.append(f"{where}: the document at {key}: {fault}")
        digest.update(raw or b"")
    if not faults and digest.hexdigest() != record["raw_sha256"]:
        faults.append(f"{where}: decodes to other bytes than it was made from")
    return faults


def _unheard(where: str, why: str) -> None:
    """Of what was left out at building, nothing is said again."""


def _compare(manifest, index, found, decoded) -> list[str]:
    data, faults = manifest.data, []
    for segment in manifest.segments(index):
        source = found[segment.source]
        for document in src.read_segment(
            source, segment, data["document_bytes"], data["text_key"], _unheard if manifest.skips else None
        ):
            split = split_of(document.raw, data["held_out"])
            got = next(decoded.get(split, iter(())), None)
            if got is None or got[:2] != (segment.source, document.key) or got[3] or got[2] != document.raw:
                why = "is missing" if got is None else got[3] or "differs from what the tokens decode to"
                faults.append(f"shard {index}: {source.path}: the document at {document.key} {why}")
                return faults  # the rest of this shard would only repeat it
    for split, documents in decoded.items():
        if next(documents, None) is not None:
            faults.append(f"shard {index}, {split}: holds documents that the files do not")
    return faults
