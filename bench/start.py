"""What a call costs before it does anything, and what a small file costs in a call of thousands, in CPU time.

``start``: nzip's own start-up, and one small file each way, against ``python -c "import numpy"``, beside the
peers that are installed. ``many``: one call of nzip over a folder of small files, and each peer once a file,
as a shell's loop has it. CPU seconds (user and system) of the processes as the kernel counts them; each
figure is the least of ``repeat`` runs in turn: what other programs do to a process only ever adds to it.

Concession: the kernels must be compiled and the primers read before (an untimed round does that); a peer of
several threads is measured by what all of them take. Modules are compiled to bytecode in the untimed round,
as installing does.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from nzip.benchmark.peers import PEERS, Peer
from nzip.benchmark.running import launch

NUMPY = "import numpy"
_WARMING = 200  # files at most that are compressed before, untimed


class Taken(NamedTuple):
    """What a process took: CPU seconds, and the most memory it held, in bytes (0: little)."""

    seconds: float
    memory: int


def taken(
    command: list[str], output: Path | None = None, folder: Path | None = None, bytecode: Path | None = None
) -> Taken:
    """Run ``command`` in ``folder``, its standard output to ``output``; Python keeps its ``bytecode`` there,
    whatever the environment says, as an installed package has it. Raises
    :class:`nzip.benchmark.running.RunError`."""
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode)} if bytecode else {}
    found = launch(command, folder, output, kept)
    return Taken(found["cpu"], found["peak"])


def start(
    data: bytes, levels: Iterable[int], peers: Iterable[str], repeat: int, tell: Callable[[str], None]
) -> list[tuple[str, float]]:
    """Names and CPU seconds, the baseline first, of ``data`` as one file each way."""
    with tempfile.TemporaryDirectory() as place:
        file, bytecode = Path(place) / "small", Path(place) / "bytecode"
        file.write_bytes(data)
        calls: list[tuple[str, list[str], Path | None]] = [
            ('python -c "import numpy"', [sys.executable, "-c", NUMPY], None),
            ("nzip --version", _nzip("--version"), None),
        ]
        for level in levels:
            packed = file.with_suffix(f".{level}.nz")
            taken(_nzip("compress", f"-{level}", "-c", str(file)), packed)
            calls.append((f"nzip -{level}, there", _nzip("compress", f"-{level}", "-c", str(file)), None))
            calls.append((f"nzip -{level}, back", _nzip("decompress", "-c", str(packed)), None))
        for peer in _installed(peers):
            packed = file.with_suffix(peer.suffix)
            there, output = _call(peer, peer.compress, file, packed, peer.compress_to_stdout)
            taken(there, output, file.parent)
            calls.append((f"{peer.label}, there", there, output))
            back = file.with_suffix(".back")
            calls.append((f"{peer.label}, back", *_call(peer, peer.decompress, packed, back, True)))
        found: list[list[float]] = [[] for _ in calls]
        for turn in range(repeat + 1):
            for kept, (name, command, output) in zip(found, calls, strict=True):
                tell(name)
                _remove(output)
                seconds = taken(command, output, file.parent, bytecode).seconds
                if turn:  # the first round warms
                    kept.append(seconds)
        return [(name, min(kept)) for (name, _, _), kept in zip(calls, found, strict=True)]


class Many(NamedTuple):
    """One row: CPU seconds a file, bytes a file, the most memory in bytes."""

    name: str
    seconds: float
    size: float
    memory: int


def many(
    data: bytes,
    count: int,
    size: int,
    levels: Iterable[int],
    peers: Iterable[str],
    tell: Callable[[str], None],
    most: int = 100,
) -> list[Many]:
    """``count`` pieces of ``size`` bytes, spread over ``data``, as files; peers take ``most`` of them at
    most."""
    step = max(1, (len(data) - size) // max(1, count - 1))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "files"
        folder.mkdir()
        for n in range(count):
            (folder / f"{n:06d}").write_bytes(data[n * step :][:size])
        files = sorted(folder.iterdir())
        rows = []
        for level in levels:
            tell(f"nzip -{level}")
            call = _nzip("compress", f"-{level}", "-q", "-f", "-T", "1")
            warming = [str(file) for file in files[:: -(-count // _WARMING)]]
            for _ in range(2):  # what the first compiles and reads, the second finds
                taken([*call, *warming], bytecode=Path(place) / "bytecode")
            for file in folder.glob("*.nz"):
                file.unlink()
            found = taken([*call, "-r", str(folder)], bytecode=Path(place) / "bytecode")
            made = sorted(folder.glob("*.nz"))
            rows.append(Many(f"nzip -{level}", found.seconds / count, _sizes(made) / len(made), found.memory))
            for file in made:
                file.unlink()
        for peer in _installed(peers):
            tell(peer.label)
            seconds, memory, packed = 0.0, 0, folder / f"packed{peer.suffix}"
            total = 0
            for file in files[:most]:
                _remove(packed)
                command, output = _call(peer, peer.compress, file, packed, peer.compress_to_stdout)
                found = taken(command, output, folder)
                seconds, memory = seconds + found.seconds, max(memory, found.memory)
                total += packed.stat().st_size
            done = min(most, count)
            rows.append(Many(peer.label, seconds / done, total / done, memory))
        return rows


def start_table(rows: list[tuple[str, float]]) -> Table:
    """CPU milliseconds, and how many times the baseline's."""
    table = Table("call", "CPU ms", "× numpy")
    for name, seconds in rows:
        table.add_row(name, f"{1000 * seconds:.1f}", f"{seconds / rows[0][1]:.2f}")
    return table


def many_table(rows: list[Many]) -> Table:
    """CPU milliseconds and bytes a file, and the most memory."""
    table = Table("program", "CPU ms a file", "bytes a file", "MB held")
    for row in rows:
        table.add_row(row.name, f"{1000 * row.seconds:.2f}", f"{row.size:.1f}", f"{row.memory / 1e6:.0f}")
    return table


def _nzip(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "nzip", *arguments]


def _installed(keys: Iterable[str]) -> list[Peer]:
    return [PEERS[key] for key in keys if PEERS[key].installed()]


def _call(
    peer: Peer, words: tuple[str, ...], source: Path, target: Path, to_stdout: bool
) -> tuple[list[str], Path | None]:
    """A peer's command, and where its standard output goes."""
    names = {"IN": source.name, "OUT": target.name}  # archivers keep the names that they are given
    return [names.get(word, word) for word in words], target if to_stdout and "OUT" not in words else None


def _sizes(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _remove(path: Path | None) -> None:
    if path is None:
        return
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
