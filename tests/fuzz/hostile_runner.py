"""Reads what :mod:`hostile_writer` writes, in processes of their own that may take little and open nothing.

A batch of cases is one forked process, under limits of address space, processor time and descriptors, with an
audit hook that notes every file that is opened outside the places that reading may open. A case ends cleanly
where it gives the bytes that were compressed, or raises an :class:`nzip.NzipError` of one line; everything
else is *unclean*: other bytes, another exception, a signal, a limit reached, a file opened. The process that
forked knows from a shared counter which case it was.

Concession: limits of address space and forks are Unix's.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import mmap
import os
import random
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import hostile_writer
from hostile_writer import DATA, Case

import nzip
from nzip.errors import LimitError, NzipError

MEMORY = 5 << 28  # what decoding is allowed
ROOM = 1 << 30  # of address space, beyond what the process has when it begins
MAX_OUT = 64 << 20
SECONDS = 600  # of processor time, a batch
_Found = dict[str, Any]


class Unclean(Exception):
    """A case that ended as none may end."""


class Spy:
    """Notes what is opened. Allowed: ``places`` and what lies in them, and by its bare name what lies in one
    of ``folders`` (the cache opens its entries so, in a folder it has checked; the hook is not told which).
    There is no way to unhook it, so it belongs in a process of its own."""

    def __init__(self, places: list[str], folders: Sequence[str] = ()):
        self.places = [os.path.realpath(place) for place in places]
        self.folders = folders
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.fsdecode(arguments[0])
            if not self._entry(path) and not any(_inside(path, place) for place in self.places):
                self.seen.append(path)
        elif event in ("socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
            self.seen.append(event)

    def _entry(self, path: str) -> bool:
        return os.sep not in path and any(os.path.exists(os.path.join(one, path)) for one in self.folders)


def _inside(path: str, place: str) -> bool:
    path = os.path.realpath(path)
    return path == place or path.startswith(place + os.sep)


def allowed_places() -> list[str]:
    """Where reading may open files: the package, Python and what is installed, the model folder, the
    cache."""
    from nzip import cache, pretrained

    package = os.path.dirname(nzip.__file__)
    memory = [
        "/proc/meminfo",
        "/proc/cpuinfo",
        "/proc/self/maps",
        "/sys/devices/system/cpu",
        "/sys/fs/cgroup",
    ]
    return [
        package, str(Path(__file__).parent), sys.prefix, sys.base_prefix, *sys.path, str(cache.home()),
        os.environ.get("NZIP_CACHE") or package,
        str(pretrained.directory()), tempfile.gettempdir() + "/numba", *memory,
    ]  # fmt: skip


def cache_folders() -> list[str]:
    """The folders whose entries the cache opens by their bare names."""
    from nzip import cache

    return [str(found) for kind in ("code", "primed") if (found := cache.folder(kind))]


# Ways to read -----------------------------------------------------------------------------------------------


def whole(case: Case) -> bytes:
    return nzip.decompress(case.stream, memory=MEMORY, max_size=MAX_OUT, primer=_primer(case))


def pieces(case: Case) -> bytes:
    decompressor = nzip.Decompressor(memory=MEMORY, primer=_primer(case))
    out = bytearray()
    for at in range(0, len(case.stream), 149):
        if decompressor.eof:
            break
        out += decompressor.decompress(case.stream[at : at + 149], max_length=1 << 16)
    while not decompressor.eof and not decompressor.needs_input:
        out += decompressor.decompress(b"", max_length=1 << 16)
    if not decompressor.eof:
        raise NzipError("cut short")
    return bytes(out)


def by_index(case: Case) -> bytes:
    with nzip.NzipFile(io.BytesIO(case.stream), memory=MEMORY, primer=_primer(case)) as file:
        size = file.seek(0, 2)
        file.seek(0)
        out = bytearray()
        while part := file.read(1 << 16):
            out += part
            if len(out) > MAX_OUT:
                raise Unclean(f"more than {MAX_OUT} bytes, of {size}")
        if len(out) != size:
            raise Unclean(f"{len(out)} bytes, and the index says {size}")
    return bytes(out)


def recovered(case: Case) -> bytes:
    out = _Bounded()
    limit = {"max_size": MAX_OUT} if "max_size" in inspect.signature(nzip.recover).parameters else {}
    lost = nzip.recover(io.BytesIO(case.stream), out, memory=MEMORY, primer=_primer(case), **limit)
    if lost:
        raise NzipError(lost[0])
    return out.getvalue()


def listed(case: Case) -> None:
    found = nzip.contents(io.BytesIO(case.stream), check=len(case.stream) % 2 == 0)
    json.dumps(found.streams[0].config)


class _Bounded(io.BytesIO):
    def write(self, data, /) -> int:
        if self.tell() + len(data) > MAX_OUT:
            raise LimitError("enough")
        return super().write(data)


WAYS = (whole, pieces, by_index, recovered, listed)


def _primer(case: Case) -> bytes | None:
    from nzip.primer.file import pack

    return None if case.primer is None else pack(case.primer)


def read(case: Case, way) -> str:
    """How the case ended: ``exact``, or an error's class. Raises :class:`Unclean`."""
    try:
        found = way(case)
    except NzipError as error:
        text = str(error)
        if "\n" in text or len(text) > 2000 or not text.isprintable():
            raise Unclean(f"an error that is not one printable line: {text[:300]!r}") from error
        if error.exit_code not in (1, 2):
            raise Unclean(f"the exit code {error.exit_code}") from error
        return type(error).__name__
    if way is listed or case.free or found in (b"", DATA, DATA + DATA):
        return "exact"
    if way is pieces and DATA.startswith(found):
        return "exact"
    raise Unclean(f"{len(found)} other bytes than were compressed")


# Runs -------------------------------------------------------------------------------------------------------


class Job(NamedTuple):
    """Cases ``first`` to ``first + count`` of the run ``seed``."""

    seed: int
    first: int
    count: int
    names: tuple[str, ...] = tuple(hostile_writer.WEIGHTS)


def warm(names: tuple[str, ...]) -> None:
    """Make what every batch needs, before it is forked: machine code, honest streams."""
    for name in names:
        for size in (100, 250, 1000):
            parts = hostile_writer.honest(name, size)
            case = Case(hostile_writer.put_together(parts), name, False, hostile_writer.OWN)
            for way in WAYS:
                if read(case, way) != "exact":
                    raise AssertionError(f"an honest stream of {name} does not read back by {way.__name__}")


def run(job: Job) -> _Found:
    """A batch in a process of its own: ``counts`` of how cases ended, and ``unclean``, what did not."""
    shared = mmap.mmap(-1, 8)
    unclean: list[_Found] = []
    counts: dict[str, int] = {}
    first, left = job.first, job.count
    while left:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            _child(job._replace(first=first, count=left), shared, writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        # A line for each case that ended uncleanly, as it ended, and a last one of counts.
        lines = [json.loads(line) for line in told.splitlines()]
        here = {} if status else lines.pop()
        unclean += lines
        done = left
        if status:
            at = int.from_bytes(shared[:8], "little")
            unclean.append(_said(job.seed, at, f"the process ended with status {status}"))
            done = at - first + 1
            here = {"before a crash": done - 1 - len(lines), "unclean": len(lines) + 1}
        for name, count in here.items():
            counts[name] = counts.get(name, 0) + count
        first, left = first + done, left - done
    return {"counts": counts, "unclean": unclean}


def _said(seed: int, number: int, what: str) -> _Found:
    return {"seed": seed, "case": number, "what": what}


def _child(job: Job, shared: mmap.mmap, writer: int) -> None:
    code = 1
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        with os.fdopen(writer, "wb", 0) as pipe:
            counts = _batch(job, shared, lambda entry: pipe.write(json.dumps(entry).encode() + b"\n"))
            pipe.write(json.dumps(counts).encode() + b"\n")
        code = 0
    except BaseException:  # noqa: BLE001  # told, and the process ends
        with contextlib.suppress(OSError, ValueError):
            os.write(1, traceback.format_exc().encode())
    finally:
        os._exit(code)


def limit() -> None:
    """The limits of a batch, for this process, for good."""
    with open("/proc/self/statm", encoding="ascii") as file:
        own = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (own + MEMORY + ROOM,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _batch(job: Job, shared: mmap.mmap, tell: Callable[[_Found], object]) -> dict[str, int]:
    limit()
    spy = Spy(allowed_places(), cache_folders())
    counts: dict[str, int] = {}
    for number in range(job.first, job.first + job.count):
        shared[:8] = number.to_bytes(8, "little")
        case = hostile_writer.case(job.seed, number, job.names)
        way = WAYS[random.Random(f"way {job.seed} {number}").randrange(len(WAYS))]
        spy.seen.clear()
        try:
            ended = read(case, way)
            if spy.seen:
                raise Unclean(f"opened {spy.seen[0]!r}")
        except BaseException as error:  # noqa: BLE001  # told as unclean
            ended = "unclean"
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            tell(_said(job.seed, number, f"{way.__name__}, {case.told}: {what}"[:600]))
        counts[ended] = counts.get(ended, 0) + 1
    return counts
