"""One results file from any number of codecs and files: :func:`analyze`, behind ``tokenizers-lab analyze``.

The JSON holds facts only (values, intervals, what was refused and why); tables and pictures are the report's
work."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from tokenizers_lab.analysis import compression, fairness, glitch, morphology, overlap
from tokenizers_lab.analysis.aligned import read_passages, source_passages
from tokenizers_lab.analysis.digits import digits, indentation
from tokenizers_lab.analysis.dynamic import dynamic as shortened
from tokenizers_lab.analysis.gap import BOUND_BYTES, gaps
from tokenizers_lab.analysis.goals import KGRAM_BYTES, encoding_speed
from tokenizers_lab.analysis.hunspell import Dictionary
from tokenizers_lab.analysis.mismatch import mismatch
from tokenizers_lab.analysis.one_stream import Settings, one_stream, seen_ids
from tokenizers_lab.analysis.resume import Finished
from tokenizers_lab.analysis.views import views
from tokenizers_lab.analysis.window_sweep import window_sweep
from tokenizers_lab.analysis.workers import each, in_turn, workers_of
from tokenizers_lab.bits_per_byte import Tokenised
from tokenizers_lab.errors import LabError
from tokenizers_lab.files import write_json
from tokenizers_lab.m1.spelling import load_model
from tokenizers_lab.registry import load, m1_advice
from tokenizers_lab.report.goals import VERSION, WIDTH
from tokenizers_lab.report.results import Results
from tokenizers_lab.report.weights import matched
from tokenizers_lab.sources.finding import find
from tokenizers_lab.sources.finding import shown as shown_source
from tokenizers_lab.sources.left_out import left_out
from tokenizers_lab.sources.reading import is_utf8, read_text

OVERLAP_BYTES = 1 << 20


def analyze(
    codecs,
    files,
    *,
    json_path=None,
    compressors=compression.COMPRESSORS,
    strong_bytes: int = compression.STRONG_BYTES,
    nzip_level: int | None = compression.NZIP_LEVEL,
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
    weights: dict[str, float] | None = None,
    width: int = WIDTH,
    robustness: bool = False,
    bound: int | None = None,
    dynamic: bool = False,
    workers: int | None = None,
    progress=None,
) -> Results:
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

    ``strong_bytes``: of each text, what LZMA, zstd and nzip see. ``weights``: by file (its name, or its name
    without suffixes), for the means of the verdict; without them every file counts the same. ``width``: of
    the embedding that the verdict weighs. ``robustness``: adds how tokens and bits change under typos, case,
    Unicode forms, spaces, line ends and other identifiers. ``bound``: a vocabulary size; adds how far codecs
    are from its certified lower bound within GPT-2's words, on the first 2 MiB of each file. ``dynamic``:
    adds how much shorter batches of tokens become by merges of their own. ``workers``:
    threads (None: one a core); figures but speed do not depend on them.

    ``on_error``: ``stop`` at lines and rows that hold no text, or ``skip`` them (``left_out`` in the
    results).

    Returns the results, a dict that shows its verdict in a notebook (``warnings``, where there are any: files
    that are no UTF-8, M1s that do not fit), written to ``json_path`` if given; an interrupted run then goes
    on where it stopped (resume.py). Raises :class:`LabError` for input that cannot be used; a codec that
    loses bytes is no error: its bits per byte are missing, and the reason stands in their place."""
    loaded = [load(c) for c in codecs]
    if not loaded:
        raise LabError("name at least one codec")
    names = labelled(loaded, labels)
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
    if domains and len(loaded) != len(texts):
        raise LabError(
            f"domains: {len(loaded)} codecs but {len(texts)} files; the i-th codec belongs to the i-th file"
        )
    given = matched(weights, list(texts))
    settings = Settings(tuple(compressors), strong_bytes, nzip_level, dictionary, robustness)
    finished = Finished(json_path, VERSION, *settings.key(), language, str(hunspell))
    hashes = {name: hashlib.sha256(raw).hexdigest() for name, raw in texts.items()}
    out = Results({"tokenizers_lab": VERSION, "files": [], "codecs": [], "baselines": {}})
    out["settings"] = {
        "nzip_level": nzip_level,
        "strong_bytes": strong_bytes,
        "kgram_bytes": KGRAM_BYTES,
        "overlap_bytes": OVERLAP_BYTES,
        "width": width,
        "weights": given,
    }
    warnings = [
        f"{name}: is not UTF-8 text; taken as bytes" for name, raw in texts.items() if not is_utf8(raw)
    ]
    warnings += filter(None, (m1_advice(c, raw, places[name]) for c in loaded for name, raw in texts.items()))
    if warnings:
        out["warnings"] = warnings
    if left is not None and left.count:
        out["left_out"] = left.json()
    prints = [codec.fingerprint() for codec in loaded]
    # The spelling, too: a class of the caller's own may count otherwise than the one whose ids it gives.
    keys = [f"{p} {codec.spelling}" for p, codec in zip(prints, loaded)]
    pairs = [(i, file) for i in range(len(loaded)) for file in texts]
    total = len(texts) + 2 * len(pairs)
    threads = workers_of(workers)
    raw_tasks: dict[tuple, Callable] = {
        ("baseline", hashes[f]): partial(
            compression.raw_bits_per_byte, raw, compressors, strong_bytes, nzip_level
        )
        for f, raw in texts.items()
    }
    # Alone on the machine as far as this process goes: the others wait.
    speed_tasks: dict[tuple, Callable] = {
        ("speed", keys[i], hashes[f]): partial(encoding_speed, loaded[i], texts[f]) for i, f in pairs
    }
    tasks: dict[tuple, Callable] = {
        (keys[i], hashes[f]): partial(one_stream, loaded[i], texts[f], f, settings) for i, f in pairs
    }
    named: dict[tuple, str] = {(keys[i], hashes[f]): f"{names[i]} on {f}" for i, f in pairs}
    named |= {("speed", *key): f"speed of {what}" for key, what in named.items()}
    named |= {("baseline", hashes[f]): f for f in texts}

    def step(done: int, key) -> None:
        if progress:
            progress(done, total, named[key])

    found = in_turn(finished, raw_tasks, threads, step, 0)
    found |= in_turn(finished, speed_tasks, 1, step, len(raw_tasks))
    found |= in_turn(finished, tasks, threads, step, len(raw_tasks) + len(speed_tasks))
    for name, raw in texts.items():
        out["files"].append({"name": name, "bytes": len(raw), "sha256": hashes[name]})
        out["baselines"][name] = found["baseline", hashes[name]]
    used = {
        i: np.unique(np.concatenate([seen_ids(found[keys[i], h]["seen"]) for h in hashes.values()]))
        for i in range(len(loaded))
    }
    glitches: dict[tuple, Callable] = {
        ("glitch", keys[i], *hashes.values()): partial(_glitch, loaded[i], used[i]) for i in used
    }
    found |= in_turn(finished, glitches, threads, lambda *_: None, 0)
    beginnings = dict(
        zip(
            [(names[i], file) for i, file in pairs],
            each(threads, [partial(_beginning, loaded[i], file, texts[file]) for i, file in pairs]),
        )
    )
    for i, (name, codec) in enumerate(zip(names, loaded)):
        entry: dict = {
            "name": name,
            "spelling": codec.spelling,
            "fingerprint": prints[i],
            "vocab": codec.vocab_size,
            "used_vocab": codec.used_vocab_size(),
            "nominal_vocab": codec.nominal_vocab_size,
            "lossless": codec.lossless,
            "loss": codec.loss,
            "digits": digits(codec),
            "indentation": indentation(codec),
            "files": {},
        }
        for file in texts:
            measured = dict(found[keys[i], hashes[file]])
            del measured["seen"]
            speed = found["speed", keys[i], hashes[file]]
            measured["goals"] = {**measured["goals"], **({"speed": speed} if speed else {})}
            entry["files"][file] = measured
        entry["glitch"] = found["glitch", keys[i], *hashes.values()]["found"]
        if words:
            entry["gold"] = morphology.gold_boundaries(codec, words)
        if passages:
            entry["parity"] = fairness.parity(codec, passages, reference or next(iter(passages)))
        out["codecs"].append(entry)
    out["views"] = views(names, texts, beginnings)
    if len(loaded) > 1:
        out["overlap"] = _overlaps(names, loaded, beginnings, texts)
        first = out["codecs"][0]["files"]
        for entry in out["codecs"]:
            for file in texts:
                entry["files"][file]["nsl"] = entry["files"][file]["counts"]["tokens"] / max(
                    first[file]["counts"]["tokens"], 1
                )
    if swept is not None:
        out["window_sweep"] = {
            name: finished.get(
                ("sweep", swept.fingerprint(), hashes[name]), partial(window_sweep, swept, raw)
            )
            for name, raw in texts.items()
        }
    if bound is not None:
        bounded = [(c, n) for c, n in zip(loaded, names) if c.token_lengths() is not None]
        out["bound"] = {
            name: finished.get(
                ("bound", bound, hashes[name], *(c.fingerprint() for c, _ in bounded)),
                partial(_bound, bounded, raw, bound),
            )
            for name, raw in texts.items()
        }
    if dynamic:
        out["dynamic"] = {
            file: {
                n: finished.get(("dynamic", c.fingerprint(), hashes[file]), partial(_dynamic, c, raw))
                for c, n in zip(loaded, names)
            }
            for file, raw in texts.items()
        }
    if domains:
        out["mismatch"] = mismatch(dict(zip(texts, loaded)), texts)
    if progress:
        progress(total, total, "")
    out = Results(finite(out))
    if json_path is not None:
        write_json(json_path, out)
        finished.remove()
    return out


def labelled(codecs, labels=None) -> list[str]:
    """What codecs are called in results: ``labels``, or their spellings, shortened and made distinct."""
    names = list(labels) if labels else [_short(c.spelling) for c in codecs]
    names = _distinct([name.encode("utf-8", "replace").decode() for name in names])  # of odd paths
    if len(names) != len(codecs):
        raise LabError("give one label for each codec")
    return names


def _glitch(codec, ids) -> dict:
    return {"found": glitch.candidates(codec, ids)}


def _dynamic(codec, raw: bytes) -> dict:
    return {"rows": shortened(codec.encode(raw), codec.vocab_size)}


def _bound(measured, raw: bytes, size: int) -> dict:
    found = gaps([c for c, _ in measured], raw[:BOUND_BYTES], size, [n for _, n in measured])
    return {key: value for key, value in found.items() if key != "strings"}


def _beginning(codec, file: str, raw: bytes) -> Tokenised:
    part = raw[:OVERLAP_BYTES]
    ids, offsets = codec.encode_with_offsets(part)
    return Tokenised(codec, file, part, ids, offsets, None)


def _overlaps(names, codecs, streams, texts) -> dict:
    sets = [overlap.vocabulary(c) for c in codecs]
    n = len(names)
    out: dict = {
        "names": names,
        "jaccard": [[None] * n for _ in range(n)],
        "weighted": {},
        "boundary_f1": {},
    }
    for i in range(n):
        for j in range(i, n):
            mine, theirs = sets[i], sets[j]
            if mine is not None and theirs is not None:
                out["jaccard"][i][j] = out["jaccard"][j][i] = overlap.jaccard(mine, theirs)
    for f in texts:
        weighted, borders = overlap.every_pair([streams[name, f] for name in names])
        out["weighted"][f], out["boundary_f1"][f] = weighted.tolist(), borders.tolist()
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
