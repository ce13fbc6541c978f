"""One results file from any number of codecs and files: :func:`analyze`, behind ``tokenizers-lab analyze``.

The JSON holds facts only (values, intervals, what was refused and why); tables and pictures are the report's
work."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tokenizers_lab.analysis import (
    bits,
    compression,
    entropy,
    fairness,
    fertility,
    glitch,
    morphology,
    overlap,
    utf8,
)
from tokenizers_lab.analysis.aligned import read_passages, source_passages
from tokenizers_lab.analysis.efficiency import efficiency
from tokenizers_lab.analysis.hunspell import Dictionary
from tokenizers_lab.analysis.mismatch import mismatch
from tokenizers_lab.analysis.perturbation import perturbation
from tokenizers_lab.analysis.resume import Finished
from tokenizers_lab.analysis.stability import stability
from tokenizers_lab.analysis.window_sweep import window_sweep
from tokenizers_lab.bits_per_byte import tokenise
from tokenizers_lab.errors import LabError
from tokenizers_lab.files import write_json
from tokenizers_lab.m1.spelling import load_model
from tokenizers_lab.registry import load, m1_advice
from tokenizers_lab.sources.finding import find
from tokenizers_lab.sources.finding import shown as shown_source
from tokenizers_lab.sources.left_out import left_out
from tokenizers_lab.sources.reading import is_utf8, read_text

VERSION = 1


def analyze(
    codecs,
    files,
    *,
    json_path=None,
    compressors=compression.COMPRESSORS,
    nzip_bytes: int = compression.NZIP_BYTES,
    nzip_level: int | None = None,
    language: str | None = None,
    hunspell=None,
    gold=None,
    aligned=None,
    reference: str | None = None,
    domains: bool = False,
    labels=None,
    sweep: str | None = None,
    sweep_train: str | None = None,
    text_key: str = "text",
    on_error: str = "stop",
    progress=None,
) -> dict:
    """Every metric of every codec on every file.

    ``codecs``: spellings or codecs. ``files``: paths, folders, "-" (what they may be:
    ``tokenizers_lab.sources``; ``text_key``: the field of JSON lines, the column of Parquet), or ``{name:
    bytes}``. ``compressors``: of the token
    stream. ``language``: ``tr``, ``hu`` …: adds %TR and %Pure, with dictionaries from the folder ``hunspell``
    or the usual places. ``gold``: a file of segmented words. ``aligned``: ``{language: path}`` of
    translations; ``reference`` is the language that parity divides by (the first). ``domains``: the i-th
    codec was trained on the i-th file's domain; adds the mismatch matrix. ``labels``: names for the codecs.
    ``sweep``: an M1 (``order-3``, trained on the file ``sweep_train`` or the text that ships): adds the
    window sweep on every file. ``progress(done, total, what)``.

    ``on_error``: ``stop`` at lines and rows that hold no text, or ``skip`` them (``left_out`` in the
    results).

    Returns the results (``warnings``, where there are any: files that are no UTF-8, M1s that do not fit),
    written to ``json_path`` if given; an interrupted run then goes on where it stopped (resume.py). Raises
    :class:`LabError` for input that cannot be used; a codec that loses bytes is no error: its bits per byte
    are missing, and the reason stands in their place."""
    loaded = [load(c) for c in codecs]
    if not loaded:
        raise LabError("name at least one codec")
    names = _distinct(list(labels) if labels else [_short(c.spelling) for c in loaded])
    if len(names) != len(loaded):
        raise LabError("give one label for each codec")
    left = left_out(on_error)
    texts, places = _texts(files, text_key, left)
    dictionary = Dictionary.find(language, hunspell) if language else None
    words = morphology.read_gold(gold) if gold else None
    passages = None
    if aligned:
        passages = {
            k: source_passages(read_passages(v[7:])) if str(v).startswith("source:") else read_passages(v)
            for k, v in aligned.items()
        }
    swept = load_model(sweep, sweep_train) if sweep else None
    total, done = len(loaded) * len(texts), 0
    finished = Finished(
        json_path, VERSION, tuple(compressors), nzip_bytes, nzip_level, language, str(hunspell)
    )
    hashes = {name: hashlib.sha256(raw).hexdigest() for name, raw in texts.items()}
    out: dict = {"tokenizers_lab": VERSION, "files": [], "codecs": [], "baselines": {}}
    for name, raw in texts.items():
        out["files"].append({"name": name, "bytes": len(raw), "sha256": hashes[name]})
        out["baselines"][name] = finished.get(
            ("baseline", hashes[name]),
            partial(compression.raw_bits_per_byte, raw, compressors, nzip_bytes, nzip_level),
        )
    warnings = [
        f"{name}: is not UTF-8 text; taken as bytes" for name, raw in texts.items() if not is_utf8(raw)
    ]
    warnings += filter(None, (m1_advice(c, raw, places[name]) for c in loaded for name, raw in texts.items()))
    if warnings:
        out["warnings"] = warnings
    if left is not None and left.count:
        out["left_out"] = left.json()
    streams: dict = {}
    for name, codec in zip(names, loaded):
        entry: dict = {
            "name": name,
            "spelling": codec.spelling,
            "fingerprint": codec.fingerprint(),
            "vocab": codec.vocab_size,
            "used_vocab": codec.used_vocab_size(),
            "nominal_vocab": codec.nominal_vocab_size,
            "lossless": codec.lossless,
            "loss": codec.loss,
            "files": {},
        }
        for file, raw in texts.items():
            if progress:
                progress(done, total, f"{name} on {file}")
            stream = tokenise(codec, raw, file)
            streams[name, file] = stream
            entry["files"][file] = finished.get(
                (entry["fingerprint"], hashes[file]),
                partial(_one, stream, compressors, nzip_bytes, nzip_level, dictionary),
            )
            done += 1
        everything = (
            np.concatenate([streams[name, f].ids for f in texts]) if texts else np.zeros(0, np.uint32)
        )
        entry["glitch"] = glitch.candidates(codec, everything)
        if words:
            entry["gold"] = morphology.gold_boundaries(codec, words)
        if passages:
            entry["parity"] = fairness.parity(codec, passages, reference or next(iter(passages)))
        out["codecs"].append(entry)
    if len(loaded) > 1:
        out["overlap"] = _overlaps(names, loaded, streams, texts)
        for entry in out["codecs"]:
            for file in texts:
                entry["files"][file]["nsl"] = fertility.normalised_sequence_length(
                    streams[entry["name"], file], streams[names[0], file]
                )
    if swept is not None:
        out["window_sweep"] = {
            name: finished.get(
                ("sweep", swept.fingerprint(), hashes[name]), partial(window_sweep, swept, raw)
            )
            for name, raw in texts.items()
        }
    if domains:
        if len(loaded) != len(texts):
            raise LabError(
                f"domains: {len(loaded)} codecs but {len(texts)} files; the i-th codec belongs to the "
                "i-th file"
            )
        out["mismatch"] = mismatch(dict(zip(texts, loaded)), texts)
    if progress:
        progress(total, total, "")
    if json_path is not None:
        write_json(json_path, finite(out))
        finished.remove()
    return out


def _one(stream, compressors, nzip_bytes, nzip_level, dictionary) -> dict:
    codec = stream.codec
    entry: dict[str, Any] = {
        "accounting": stream.problem or "ok",
        "counts": fertility.counts(stream),
        "efficiency": efficiency(stream.ids, codec.vocab_size, codec.used_vocab_size()),
        "utf8": utf8.completeness(stream),
    }
    ratio = len(stream.raw) / max(len(stream.ids), 1)
    entry["entropies"] = entropy.conditional_entropies(stream.ids, codec.vocab_size, ratio)
    if stream.problem:
        entry["stream_bits_per_byte"] = None
        for e in entry["entropies"]:
            e["per_byte"] = None
    else:
        entry["stream_bits_per_byte"] = compression.stream_bits_per_byte(
            stream, compressors, nzip_bytes, nzip_level
        )
    if codec.token_bits and len(stream.ids):
        entry["bit_ngrams"] = bits.bit_ngrams(stream.ids, codec.token_bits)
    if not stream.problem:
        entry["stability"] = stability(codec, stream.raw)
        entry["perturbation"] = perturbation(codec, stream.raw)
    if dictionary is not None:
        entry["morphology"] = morphology.purity(stream, dictionary)
    return entry


def _overlaps(names, codecs, streams, texts) -> dict:
    sets = [overlap.vocabulary(c) for c in codecs]
    n = len(names)
    out: dict = {
        "names": names,
        "jaccard": [[None] * n for _ in range(n)],
        "weighted": {f: [[None] * n for _ in range(n)] for f in texts},
        "boundary_f1": {f: [[None] * n for _ in range(n)] for f in texts},
    }
    for i in range(n):
        for j in range(i, n):
            mine, theirs = sets[i], sets[j]
            if mine is not None and theirs is not None:
                out["jaccard"][i][j] = out["jaccard"][j][i] = overlap.jaccard(mine, theirs)
            for f in texts:
                a, b = streams[names[i], f], streams[names[j], f]
                out["weighted"][f][i][j] = out["weighted"][f][j][i] = overlap.weighted_jaccard(a, b)
                out["boundary_f1"][f][i][j] = out["boundary_f1"][f][j][i] = overlap.segmentation_f1(a, b)
    return out


def _texts(files, text_key, left) -> tuple[dict[str, bytes], dict[str, str]]:
    """The texts by name, and where each lies."""
    if isinstance(files, dict):
        texts = {str(k): bytes(v) for k, v in files.items()}
        places = {name: "FILE" for name in texts}
    else:
        paths = find(files)
        names = _distinct([shown_source(p) for p in paths])
        places = dict(zip(names, paths))
        texts = dict(zip(names, (read_text(p, text_key, left) for p in paths)))
    if not texts:
        raise LabError("name at least one file to analyse")
    for name, raw in texts.items():
        if not raw:
            raise LabError(f"{name}: is empty; there is nothing to measure")
    return texts, places


def _short(spelling: str) -> str:
    head, bracket, rest = spelling.partition("[")
    return (Path(head).name if "/" in head else head) + bracket + rest


def _distinct(names: list[str]) -> list[str]:
    out: list[str] = []
    for name in names:
        n, unique = 2, name
        while unique in out:
            unique, n = f"{name} ({n})", n + 1
        out.append(unique)
    return out


def finite(value):
    """JSON knows no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
