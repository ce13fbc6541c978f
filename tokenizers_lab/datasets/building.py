"""Planning a dataset, and building it on one machine: :func:`build`, behind ``tokenizers-lab dataset build``.

Processes are started afresh ("spawn"), so no thread or lock of the caller is copied; each opens the manifest,
builds the shards it is handed, and its death is noticed. Ctrl-C, a bad file or a killed worker leave the
finished shards good: the same call goes on with those that are missing."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from nzip.io.safe_output import TEMPORARY_SUFFIX
from tokenizers_lab.codec import Codec
from tokenizers_lab.datasets import sources as src
from tokenizers_lab.datasets import stamps
from tokenizers_lab.datasets.manifest import (
    CODEC,
    FORMATS,
    NAME,
    PARTS,
    VERSION,
    Manifest,
    changed,
    difference,
)
from tokenizers_lab.datasets.shard import build_shard
from tokenizers_lab.datasets.writers import dtype_of
from tokenizers_lab.errors import LabError
from tokenizers_lab.registry import load
from tokenizers_lab.sources.finding import STANDARD_INPUT, keep_standard_input


def plan(
    codec,
    files,
    folder,
    *,
    format: str = "nanogpt",
    held_out: float = 0.0,
    eos: bool | str = True,
    document_bytes: int = 1 << 16,
    shard_bytes: int = 16 << 20,
    text_key: str = "text",
    on_error: str = "stop",
) -> Manifest:
    """Decide all of a build and write it down in ``folder`` (made if need be), or take up one that was begun
    there.

    ``codec``: a spelling or a codec; a copy is kept in the folder. ``files``: paths, folders included, "-".
    ``held_out``: the share of documents (0..1, chosen by their hash) that go to the split ``held_out``.
    ``eos``: end each document with the codec's end-of-sequence id, or with a new one behind its vocabulary; a
    name: with that special token of the codec. ``on_error``: ``stop`` at lines and rows that hold no text, or
    ``skip`` them: they are counted and named in the manifest.
    ``document_bytes``, ``shard_bytes``: where text is cut (``sources.py``). Raises :class:`LabError` where
    ``folder`` holds another dataset or other files.

    A source that has changed since an unfinished build began is cut anew, into shards of its own where
    finished ones would move; what was built of it is removed, all else stays."""
    if format not in FORMATS:
        raise LabError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if not 0 <= held_out < 1:
        raise LabError(f"held_out {held_out}: give a share from 0 to below 1")
    if document_bytes < 0 or shard_bytes < 1:
        raise LabError("document_bytes must be 0 or more and shard_bytes 1 or more")
    if on_error not in ("stop", "skip"):
        raise LabError(f"on_error {on_error!r}: stop or skip")
    codec, folder = load(codec), Path(folder)
    sources = src.find_sources(files, (folder, f"{folder}.logs"))
    if not any(s.size for s in sources):
        raise LabError("all of these files are empty")
    sources, stamped = stamps.hashed(sources, folder / PARTS)
    vocab, end = codec.vocab_size, _end(codec, eos)
    if end is not None:
        vocab = max(vocab, end + 1)
    shards = src.plan_shards(sources, shard_bytes, document_bytes)
    data = {
        "tokenizers_lab_dataset": VERSION,
        "complete": False,
        "codec": {
            "spelling": _portable(codec.spelling),
            "fingerprint": codec.fingerprint(),
            "vocab_size": codec.vocab_size,
            "used_vocab_size": codec.used_vocab_size(),
            "nominal_vocab_size": codec.nominal_vocab_size,
            "lossless": codec.lossless,
            "description": codec.description(),
        },
        "format": format,
        "dtype": dtype_of(vocab, format),
        "vocab_size": vocab,
        "eos": end,
        "pad": codec.pad_id,
        "held_out": held_out,
        "document_bytes": document_bytes,
        "shard_bytes": shard_bytes,
        "text_key": text_key,
        "on_error": on_error,
        "sources": src.as_json(sources),
        "totals": {},
        "shards": [{"segments": [list(s) for s in shard]} for shard in shards],
    }
    if (folder / NAME).exists():
        begun = Manifest.read(folder)
        differs = difference(begun.data, data)
        if differs:
            raise LabError(f"{folder}: holds another dataset: {differs}; name another folder, or remove it")
        if not begun.data["complete"]:
            _take_up(begun, data, sources, stamped)
        return begun
    if folder.exists() and not _only_begun(folder):
        raise LabError(f"{folder}: is there already and holds no dataset; name a new or empty folder")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    codec.save(folder / CODEC)
    manifest = Manifest(folder, data)
    manifest.codec()  # it must come back from its file as the same codec
    _keep(stamped, folder)
    manifest.write()
    return manifest


def _only_begun(folder: Path) -> bool:
    """Whether ``folder`` holds nothing but what an earlier plan wrote before it failed, or nothing at all."""
    parts = folder / PARTS
    if not folder.is_dir() or (any(folder.iterdir()) and not parts.is_dir()):
        return False
    ours = {folder: {PARTS, CODEC}, parts: {stamps.NAME, stamps.KEPT_INPUT}}
    found = [path for place in ours if place.is_dir() for path in place.iterdir()]
    left = [path for path in found if path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX)]
    if any(path.name not in ours[path.parent] for path in found if path not in left):
        return False
    for path in left:
        path.unlink(missing_ok=True)
    return True


def _end(codec: Codec, eos: bool | str) -> int | None:
    if isinstance(eos, str):
        found = codec.special_id(eos)
        if found is None:
            raise LabError(f"{codec.spelling}: has no special token {eos!r} to end documents with")
        return found
    if not eos:
        return None
    return codec.eos_id if codec.eos_id is not None else codec.vocab_size


def _keep(stamped: dict, folder: Path) -> None:
    stamps.keep(stamped, folder / PARTS)
    if STANDARD_INPUT in stamped:
        keep_standard_input(folder / PARTS / stamps.KEPT_INPUT)


def _take_up(begun: Manifest, data: dict, sources: list[src.Source], stamped: dict) -> None:
    """Go on with an unfinished build: the plan stays but for sources that have changed."""
    with _alone(begun.folder):
        (begun.folder / PARTS).mkdir(exist_ok=True)
        other = changed(begun.data, data)
        if other:
            begun.data["shards"] = _cut_anew(begun, data, sources, set(other))
        if not _covered(begun.data["shards"], data["shards"]):
            raise LabError(
                f"{begun.folder}: its shards do not cover the sources; name another folder, or remove it"
            )
        if other or begun.data.get("on_error") != data["on_error"]:
            begun.data.update(sources=data["sources"], on_error=data["on_error"])
            begun.write()
        missing = set(begun.missing())
        for path in [*begun.folder.iterdir(), *(begun.folder / PARTS).iterdir()]:
            name = re.match(r"(?:\w+-)?(\d{5,})\.", path.name)
            if name and (int(name[1]) in missing or int(name[1]) >= begun.shards):
                path.unlink(missing_ok=True)  # of a source that is no more, or half a shard
        _keep(stamped, begun.folder)


def _covered(shards: list[dict], fresh: list[dict]) -> bool:
    """Whether two plans cover the same of each source, every byte or row group once."""

    def ranges(plan):
        out: list[list] = []
        for source, start, stop in sorted(
            (s for shard in plan for s in shard["segments"]), key=lambda s: s[:2]
        ):
            if out and out[-1][0] == source and out[-1][2] == start:
                out[-1][2] = stop
            else:
                out.append([source, start, stop])
        return out

    return ranges(shards) == ranges(fresh)


def _cut_anew(begun: Manifest, data: dict, sources: list[src.Source], other: set[int]) -> list[dict]:
    """The shards once the sources ``other`` have changed: as a new build would have them if that moves no
    finished shard; else theirs are new ones, in the places of their old ones and behind all."""
    done = [
        i
        for i in range(begun.shards)
        if begun.part(i) is not None and not any(s.source in other for s in begun.segments(i))
    ]
    fresh, old = data["shards"], begun.data["shards"]
    if all(i < len(fresh) and fresh[i]["segments"] == old[i]["segments"] for i in done):
        return fresh
    shards = [{"segments": [s for s in shard["segments"] if s[0] not in other]} for shard in old]
    alone = [s if i in other else replace(s, size=0) for i, s in enumerate(sources)]
    own = [
        {"segments": [list(s) for s in shard]}
        for shard in src.plan_shards(alone, data["shard_bytes"], data["document_bytes"])
    ]
    for i, shard in enumerate(shards):
        if own and not shard["segments"]:
            shards[i] = own.pop(0)
    shards += own
    while not shards[-1]["segments"]:
        shards.pop()
    return shards


def _portable(spelling: str) -> str:
    """A path's last part: the folder keeps the codec itself, and where it came from is nobody's business."""
    return os.path.basename(spelling) if os.path.exists(spelling) else spelling


def build(
    codec: str | Codec, files, folder, *, workers: int = 0, progress: Callable | None = None, **options
) -> Manifest:
    """Build a dataset in ``folder`` with ``workers`` processes (0: one for each core). ``options`` go to
    :func:`plan`; ``progress(done, total)`` counts shards. Any number of workers writes the same files.
    Returns the manifest."""
    manifest = plan(codec, files, folder, **options)
    run_local(manifest, workers, progress)
    return manifest


def run_local(manifest: Manifest, workers: int = 0, progress: Callable | None = None) -> None:
    """Build the missing shards of a planned dataset here, and finish it."""
    if workers < 0:
        raise LabError(f"workers {workers}: give 0 (one for each core) or more")
    if manifest.data["complete"]:
        manifest.tidy()
        return
    with _alone(manifest.folder):
        missing = manifest.missing()
        workers = min(workers or os.cpu_count() or 1, len(missing))
        done, total = manifest.shards - len(missing), manifest.shards
        try:
            for _ in (
                _in_processes(manifest, missing, workers)
                if workers > 1
                else (build_shard(manifest.folder, i) for i in missing)
            ):
                done += 1
                if progress:
                    progress(done, total)
        except BrokenProcessPool:
            raise LabError(
                f"a worker was killed (out of memory?); {total - len(manifest.missing())} of {total} "
                "shards are done: "
                "run the same command again"
            ) from None
        finally:
            for left in manifest.folder.glob(".*.tmp"):
                left.unlink(missing_ok=True)
        manifest.finish()


def _in_processes(manifest, missing, workers):
    """Yields as shards are done. Whatever goes wrong ends all workers at once."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_silent)
    try:
        with _interrupts_wait():  # for workers that are still being started, too
            pending = {pool.submit(build_shard, str(manifest.folder), index) for index in missing}
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _interrupts_wait():
    """Ctrl-C waits until this is over; processes that are started meanwhile begin with it waiting."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _silent() -> None:
    """Ctrl-C ends a worker without a word; the parent says what there is to say. And it ends with its parent,
    however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    end_with(multiprocessing.parent_process())


def end_with(parent) -> None:
    """End this process once ``parent`` (a handle of multiprocessing's) is no more: the pipe to it breaks even
    where a signal gave it no time to say so."""
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


@contextlib.contextmanager
def _alone(folder: Path):
    """One local build at a time in a folder."""
    import fcntl  # not on every system

    handle = os.open(folder / NAME, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise LabError(f"{folder}: another build is at work there") from None
    finally:
        os.close(handle)
