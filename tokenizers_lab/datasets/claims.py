"""What a manifest and the records of its shards may claim, checked before anything is opened, added up or
allocated by it.

A dataset may come from a stranger: every number is one that a dataset can have, every file is a plain name in
its folder, and totals are the sums of the shards.

Concession: that the files hold what is said of them is for ``verify`` to find; here nothing is read.
"""

from __future__ import annotations

import math
import re

_SUFFIXES = {"nanogpt": (".bin",), "megatron": (".bin", ".idx"), "parquet": (".parquet",)}
_DTYPES = ("uint16", "uint32", "int32")
MOST = 1 << 53  # bytes, tokens, documents: sums of them stay exact
_IDS = 1 << 31


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def is_count(value, below: int = MOST) -> bool:
    """Whether ``value`` is a whole number from 0 to below ``below`` (no bool)."""
    return type(value) is int and 0 <= value < below


def _text(value) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return "\0" not in value and value.encode("utf-8", "surrogateescape") is not None
    except UnicodeEncodeError:
        return False


def require_record(split: str, record, layout: str, shard: int) -> None:
    """The record of one split of a shard. Raises :class:`ValueError`."""
    _require(isinstance(record, dict) and isinstance(record.get("files"), dict), f"{split}: no record")
    for key in ("documents", "tokens", "bytes"):
        _require(is_count(record.get(key)), f"{split}: {key}: {record.get(key)!r:.40}")
    _require(_is_hash(record.get("raw_sha256")), f"{split}: raw_sha256")
    names = {f"{split}-{shard:05d}{suffix}" for suffix in (*_SUFFIXES[layout], ".docs.npy")}
    _require(set(record["files"]) == names, f"{split}: the files of shard {shard} have other names")
    for entry in record["files"].values():
        fits = isinstance(entry, dict) and is_count(entry.get("bytes")) and _is_hash(entry.get("sha256"))
        _require(fits, f"{split}: a file without size and hash")


def _is_hash(value) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def require_left_out(value) -> None:
    """``left_out`` of a manifest or a part. Raises :class:`ValueError`."""
    if value is not None:
        fits = (
            isinstance(value, dict) and is_count(value.get("count")) and isinstance(value.get("first"), list)
        )
        _require(fits and all(_text(line) for line in value["first"]), "left_out")


def require_part(part, shard: int, layout: str, sources: int) -> None:
    """What a finished shard of an unfinished dataset left. Raises :class:`ValueError`."""
    _require(isinstance(part, dict) and isinstance(part.get("splits"), dict), "no part")
    for split, record in part["splits"].items():
        _require(split in ("train", "held_out"), f"a split {split!r:.40}")
        require_record(split, record, layout, shard)
    require_left_out(part.get("left_out"))
    odd = part.get("not_utf8", {})
    _require(isinstance(odd, dict), "not_utf8")
    for source, count in odd.items():
        _require(source.isdecimal() and int(source) < sources and is_count(count), "not_utf8")


def require_manifest(data: dict) -> None:
    """All of a manifest. Raises :class:`ValueError`, :class:`KeyError` or :class:`TypeError`."""
    _require(type(data["complete"]) is bool, "complete")
    _require(data["format"] in _SUFFIXES, f"format {data['format']!r:.40}")
    _require(data["dtype"] in _DTYPES, f"dtype {data['dtype']!r:.40}")
    _require(is_count(data["vocab_size"], _IDS) and data["vocab_size"] > 0, "vocab_size")
    for key in ("eos", "pad"):
        _require(data[key] is None or is_count(data[key], data["vocab_size"]), key)
    held = data["held_out"]
    _require(type(held) in (int, float) and math.isfinite(held) and 0 <= held < 1, "held_out")
    _require(is_count(data["document_bytes"]), "document_bytes")
    _require(is_count(data["shard_bytes"]) and data["shard_bytes"] > 0, "shard_bytes")
    _require(_text(data["text_key"]), "text_key")
    _require(data.get("on_error", "stop") in ("stop", "skip"), "on_error")
    codec = data["codec"]
    _require(isinstance(codec, dict), "codec")
    _require(isinstance(codec["description"], dict), "codec: description")
    for key in ("spelling", "fingerprint"):
        _require(_text(codec[key]), f"codec: {key}")
    for key in ("vocab_size", "used_vocab_size", "nominal_vocab_size"):
        unsaid = key.startswith("nominal") and codec[key] is None
        _require(unsaid or is_count(codec[key], _IDS), f"codec: {key}")
    _require(data["vocab_size"] >= codec["vocab_size"] >= codec["used_vocab_size"], "vocab_size")
    _require_sources(data["sources"])
    _require_shards(data)
    require_left_out(data.get("left_out"))
    odd = data.get("not_utf8", {})
    _require(isinstance(odd, dict) and all(is_count(n) for n in odd.values()), "not_utf8")


def _require_sources(sources) -> None:
    _require(isinstance(sources, list), "sources")
    for s in sources:
        _require(isinstance(s, dict) and _text(s["path"]) and s["path"] != "", "a source without a path")
        _require(s["kind"] in ("text", "jsonl", "parquet"), "a source of no kind")
        _require(_text(s["packing"]) and is_count(s["size"]), "a source's packing or size")
        _require(s["extent"] is None or is_count(s["extent"]), "a source's extent")
        _require(s.get("sha256", "") == "" or _is_hash(s["sha256"]), "a source's hash")


def _require_shards(data) -> None:
    shards, totals = data["shards"], data["totals"]
    _require(isinstance(shards, list) and isinstance(totals, dict), "shards or totals")
    sums: dict[str, dict[str, int]] = {}
    for index, shard in enumerate(shards):
        _require(isinstance(shard, dict) and isinstance(shard["segments"], list), "a shard without segments")
        for segment in shard["segments"]:
            _require(isinstance(segment, list) and len(segment) == 3, "a segment")
            source, start, stop = segment
            _require(is_count(source, len(data["sources"])) and is_count(start), "a segment")
            _require(stop is None or is_count(stop) and stop >= start, "a segment")
        if not data["complete"]:
            continue
        _require(isinstance(shard["splits"], dict), "a shard without its splits")
        for split, record in shard["splits"].items():
            _require(split in ("train", "held_out"), f"a split {split!r:.40}")
            require_record(split, record, data["format"], index)
            total = sums.setdefault(split, {"documents": 0, "tokens": 0, "bytes": 0})
            for key in total:
                total[key] += record[key]
    _require(totals == sums, "totals that are not the sums of the shards")
    _require(all(is_count(n) for total in sums.values() for n in total.values()), "totals")
