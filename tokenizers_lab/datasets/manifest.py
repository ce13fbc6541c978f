"""The manifest of a dataset: what it is made from, by which codec, in which shards, and the hashes of all of
it.

``manifest.json`` stands from the beginning of a build (the plan, ``complete`` false) and is rewritten once
all shards are done. Until then each finished shard leaves ``parts/NNNNN.json``, written last: a shard is done
when its part is there. Nothing in a manifest depends on time, machine or number of workers, so equal inputs
give equal files."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import cached_property
from pathlib import Path

from nzip.hashes import text_hash
from tokenizers_lab.codec import Codec
from tokenizers_lab.datasets import claims
from tokenizers_lab.datasets.sources import Segment, Source, from_json
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json
from tokenizers_lab.registry import load

VERSION = 1
NAMED = 1000  # lines and rows left out that are named, of a shard and of a dataset; all are counted
NAME, CODEC, PARTS = "manifest.json", "codec.bin", "parts"
TRAIN, HELD_OUT = "train", "held_out"
FORMATS = ("nanogpt", "megatron", "parquet")


# What only the building tells.
_FOUND = ("complete", "totals", "shards", "on_error", "left_out", "not_utf8")


def split_of(raw: bytes, share: float) -> str:
    """The split of a document of these bytes where ``share`` (0..1) of all are held out: by their hash, so
    that a text is on one side wherever it stands."""
    threshold = int(share * 2.0**64)
    held = threshold and int.from_bytes(text_hash(raw), "big") < threshold
    return HELD_OUT if held else TRAIN


class Manifest:
    """A dataset's folder and its manifest as JSON types (``data``)."""

    def __init__(self, folder, data: dict):
        self.folder, self.data = Path(folder), data

    @classmethod
    def read(cls, folder) -> Manifest:
        """Raises :class:`LabError` where there is no dataset, :class:`DataError` where its manifest is
        damaged."""
        path = Path(folder) / NAME
        try:
            data = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise LabError(f"{folder}: not a dataset: {NAME}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: not JSON: {str(error).splitlines()[0]}") from None
        if not isinstance(data, dict) or data.get("tokenizers_lab_dataset") != VERSION:
            raise DataError(f"{path}: not the manifest of a dataset of version {VERSION}")
        try:
            claims.require_manifest(data)
            from_json(data["sources"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: damaged: {error!r}") from None
        return cls(folder, data)

    def write(self) -> None:
        write_json(self.folder / NAME, self.data)

    @cached_property
    def plan_hash(self) -> str:
        """SHA-256 of all that is decided before the first shard is built."""
        plan = {k: v for k, v in self.data.items() if k not in _FOUND}
        plan["segments"] = [s["segments"] for s in self.data["shards"]]
        return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()

    def shard_hash(self, shard: int) -> str:
        """SHA-256 of all that decides what is in one shard: the options, its segments, the sources of these.
        A shard that was built under another is not this one."""
        plan = {k: v for k, v in self.data.items() if k not in (*_FOUND, "sources")}
        plan["segments"] = segments = self.data["shards"][shard]["segments"]
        plan["sources"] = {s[0]: self.data["sources"][s[0]] for s in segments}
        return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()

    @property
    def skips(self) -> bool:
        """Whether lines and rows without text are left out; else they stop the build."""
        return self.data.get("on_error") == "skip"

    @property
    def content_hash(self) -> str:
        """SHA-256 of what the files of a complete dataset hold, and by which codec: equal wherever its
        sources lie."""
        return self._content_hash(self.data["codec"]["fingerprint"])

    def content_hashes(self) -> tuple[str, ...]:
        """:attr:`content_hash`, and what it was where earlier versions of the codec gave these very ids."""
        earlier = map(self._content_hash, self.codec().earlier_fingerprints())
        return (self.content_hash, *earlier)

    def _content_hash(self, fingerprint: str) -> str:
        files = [
            (split, name, entry["sha256"])
            for shard in self.data["shards"]
            for split, part in sorted(shard["splits"].items())
            for name, entry in sorted(part["files"].items())
        ]
        return hashlib.sha256(json.dumps([fingerprint, files]).encode()).hexdigest()

    def require_complete(self) -> Manifest:
        if not self.data["complete"]:
            done = sum(self.part(i) is not None for i in range(self.shards))
            raise LabError(
                f"{self.folder}: {done} of {self.shards} shards are built; run the same 'dataset build' "
                "again to finish"
            )
        return self

    @property
    def shards(self) -> int:
        return len(self.data["shards"])

    @property
    def sources(self) -> list[Source]:
        return from_json(self.data["sources"])

    def segments(self, shard: int) -> list[Segment]:
        return [Segment(*s) for s in self.data["shards"][shard]["segments"]]

    @property
    def splits(self) -> list[str]:
        return list(self.data["totals"])

    def codec(self) -> Codec:
        """The codec kept in the folder, its fingerprint checked."""
        path = self.folder / CODEC
        if not path.is_file():
            raise DataError(f"{path}: the dataset's codec is missing")
        codec = load(str(path))
        if self.data["codec"]["fingerprint"] not in (codec.fingerprint(), *codec.earlier_fingerprints()):
            raise DataError(
                f"{path}: not the codec of {NAME}: fingerprint {codec.fingerprint()[:12]} against "
                f"{self.data['codec']['fingerprint'][:12]}"
            )
        eos = self.data["eos"]
        if eos is not None and eos > codec.vocab_size:
            raise DataError(f"{path}: has {codec.vocab_size} ids, and {NAME} an end of sequence {eos}")
        if self.data["vocab_size"] != max(codec.vocab_size, -1 if eos is None else eos + 1):
            raise DataError(f"{path}: has {codec.vocab_size} ids, {NAME} says {self.data['vocab_size']}")
        return codec

    def part_path(self, shard: int) -> Path:
        return self.folder / PARTS / f"{shard:05d}.json"

    def part(self, shard: int) -> dict | None:
        """The record of a finished shard whose files are all there in full length, else None."""
        try:
            part = json.loads(self.part_path(shard).read_bytes())
            if part["plan"] != self.shard_hash(shard) or (part.get("left_out") and not self.skips):
                return None
            claims.require_part(part, shard, self.data["format"], len(self.data["sources"]))
            for split in part["splits"].values():
                for name, entry in split["files"].items():
                    if (self.folder / name).stat().st_size != entry["bytes"]:
                        return None
            return part
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None  # not there or cut short: the shard is to be built

    def missing(self) -> list[int]:
        """The shards still to build."""
        return [] if self.data["complete"] else [i for i in range(self.shards) if self.part(i) is None]

    def finish(self) -> None:
        """Take all parts into the manifest. Raises :class:`LabError` if one is missing."""
        if self.data["complete"]:
            return
        parts = [self.part(i) for i in range(self.shards)]
        done = [part for part in parts if part is not None]
        if len(done) < len(parts):
            raise LabError(
                f"{self.folder}: {parts.count(None)} of {self.shards} shards are still missing; run the "
                "build again"
            )
        totals: dict = {}
        for entry, part in zip(self.data["shards"], done):
            entry["splits"] = part["splits"]
            for split, record in part["splits"].items():
                total = totals.setdefault(split, {"documents": 0, "tokens": 0, "bytes": 0})
                for key in total:
                    total[key] += record[key]
        _gather(self.data, done)
        if not totals:
            left = self.data.get("left_out")
            why = f": {left['count']:,} lines or rows were left out ({left['first'][0]})" if left else ""
            raise LabError(f"{self.folder}: there is no document in these sources{why}")
        self.data["totals"] = {k: totals[k] for k in (TRAIN, HELD_OUT) if k in totals}
        self.data["complete"] = True
        self.write()
        self.tidy()

    def tidy(self) -> None:
        """Remove what a complete dataset needs no more. Where that fails it does no harm, and the next build
        tries again."""
        shutil.rmtree(self.folder / PARTS, ignore_errors=True)


def _gather(data: dict, parts: list[dict]) -> None:
    """What was left out (``{"count": n, "first": [lines]}``) and the documents that are no UTF-8 text
    (``{path: n}``), where there are any."""
    left = [part["left_out"] for part in parts if part.get("left_out")]
    if left:
        named = [line for entry in left for line in entry["first"]]
        data["left_out"] = {"count": sum(entry["count"] for entry in left), "first": named[:NAMED]}
    odd: dict[str, int] = {}
    for part in parts:
        for source, count in part.get("not_utf8", {}).items():
            path = data["sources"][int(source)]["path"]
            odd[path] = odd.get(path, 0) + count
    if odd:
        data["not_utf8"] = odd


def changed(old: dict, new: dict) -> list[int]:
    """The sources, by index, that are not what they were. A hash that was never taken equals any."""

    def same(a, b):
        one, other = ({**e, "sha256": ""} for e in (a, b))
        return one == other and (a.get("sha256", "") in ("", b["sha256"]))

    return [i for i, (a, b) in enumerate(zip(old["sources"], new["sources"])) if not same(a, b)]


def difference(old: dict, new: dict) -> str | None:
    """In words, the first thing in which two plans differ; None if a build of one may go on with the
    other. Sources of an unfinished dataset may change: :func:`changed`."""
    if old["codec"]["fingerprint"] != new["codec"]["fingerprint"]:
        return (
            f"its codec is {old['codec']['spelling']!r} (fingerprint "
            f"{old['codec']['fingerprint'][:12]}), not "
            f"{new['codec']['spelling']!r} ({new['codec']['fingerprint'][:12]})"
        )
    if old["complete"] and old.get("left_out") and new["on_error"] == "stop":
        return f"it was built with on_error 'skip', and left out {old['left_out']['count']:,} lines or rows"
    if [s["path"] for s in old["sources"]] != [s["path"] for s in new["sources"]]:
        return "it was built from other files"
    for i in changed(old, new) if old["complete"] else ():
        a, b = old["sources"][i], new["sources"][i]
        return f"{b['path']} has changed since ({a['size']:,} bytes then, {b['size']:,} now)"
    for key in (
        "format",
        "held_out",
        "document_bytes",
        "shard_bytes",
        "text_key",
        "eos",
        "vocab_size",
        "dtype",
    ):
        if old.get(key) != new.get(key):
            return f"its {key} is {old.get(key)}, not {new.get(key)}"
    return None
