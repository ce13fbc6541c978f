"""The receipt of a bench, one JSON object: what ran where, every single run, and the figures drawn from them.

    schema       nzip.bench/2; what bench wrote before it had one says "format": 1, and is read as well
    date, command, repeat, baseline
    machine      processor, cores, memory, system, versions of nzip and of what it runs on
    environment  the variables that nzip, numba and NumPy heed, by name (those that are set, folders left out)
    contenders   key, label, kind (nzip or peer), version, command, fixed_bytes (its archive of one byte);
                 of nzip's config (hashes of weights), probe, and weights: {name: bytes} (weights.py)
    missing      {label: reason} of what was asked for and is not here
    files        name, bytes, sha256, entropies (bits per byte, orders 0 to 2)
    runs         file, contender, repeat, bytes, packed_sha256, verified, error, compress {...},
                 decompress {...}
    whole        of a beginning of enwik8: what all of it would take (whole.py), else absent

A direction holds cpu, wall (seconds of the coding alone), peak (bytes, the whole process; 0 for unknown but
under 10 MB), and for nzip also
startup_cpu, fixed_cpu (in cpu already), process_cpu (everything), idle (bytes). All in SI units.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import math
import os
import platform
import statistics
from dataclasses import dataclass
from pathlib import Path

from nzip import memory
from nzip.bits_per_byte import bits_per_byte
from nzip.errors import NzipError
from nzip.exact.cpu import processor_facts
from nzip.io.safe_output import Output

COLD = "-cold"  # ends the keys of levels without primer
SCHEMA = "nzip.bench/2"
FORMAT = 1  # before there were schemas
DIRECTIONS = ("compress", "decompress")


# What changes speeds or bytes and is set from outside; values that are folders stay here.
_HEEDED = ("NZIP_ISA", "NZIP_NO_PLUGINS", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX")


class ResultsError(NzipError):
    """One line: what is wrong with a results file."""


def environment() -> dict[str, str]:
    """The variables that change what is measured, those that are set."""
    return {name: value for name, value in os.environ.items() if name in _HEEDED}


def machine() -> dict:
    """What the figures depend on. No host name, no paths."""
    versions: dict[str, str | None] = {}
    for name in ("numpy", "numba", "llvmlite"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    import nzip  # its version alone

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "memory": memory.installed(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "nzip": nzip.__version__,
        **versions,
    }


def system_line(machine: dict) -> str:
    """The machine in a line, for captions."""
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory'] / 2**30:.0f} GiB, "
        f"{machine['system']}, Python {machine['python']}"
    )


def _processor() -> str:
    said = processor_facts()
    name = said.get("model name") or platform.machine()
    if "family" not in name and said.get("cpu family"):
        name += f" (family {said['cpu family']}, model {said.get('model')})"
    return name


def now() -> str:
    """The date and time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat()


def save(results: dict, path: Path) -> None:
    """Write the JSON whole or not at all."""
    with Output(os.fspath(path), force=True) as out:
        out.write(json.dumps(results, indent=1).encode() + b"\n")
        out.commit()


def load(path: Path) -> dict:
    """Read what :func:`save` wrote. ResultsError in one line for anything else."""
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is no JSON: {error}") from None
    if not isinstance(results, dict) or not (
        results.get("schema") == SCHEMA or results.get("format") == FORMAT
    ):
        raise ResultsError(f"{path} is not a receipt of nzip bench ({SCHEMA})")
    if not all(isinstance(results.get(key), list) for key in ("contenders", "files", "runs")):
        raise ResultsError(f"{path} is no whole receipt of nzip bench: it lacks contenders, files or runs")
    return results


@dataclass(frozen=True)
class Summary:
    """One contender over all files: what a row of the table shows. Sizes in bytes, speeds in KB a second."""

    key: str
    label: str
    kind: str
    bytes: int
    bits_per_byte: float
    ratio: float | None
    ratio_less_fixed: float | None
    compress_speed: float
    decompress_speed: float
    compress_wall_speed: float
    decompress_wall_speed: float
    compress_peak: int
    decompress_peak: int
    startup_cpu: float | None
    fixed_cpu: tuple[float, float] | None
    idle: int | None
    sizes: dict[str, int]
    weights: int = 0

    @property
    def bits_per_byte_with_weights(self) -> float:
        """With the bytes of all that was read beforehand counted as compressed, once over all files."""
        raw = 8 * self.bytes / self.bits_per_byte if self.bytes else 0
        return bits_per_byte(self.bytes + self.weights, round(raw)) if raw else math.nan


def summaries(results: dict, baseline: str = "zpaq") -> tuple[list[Summary], list[str]]:
    """The rows, smallest output last, of every contender that did all files right; and one line for each
    that did not. Ratios are geometric means over the files of size / the baseline's size; the second has the
    baseline's archive of one byte subtracted from the baseline's sizes."""
    total = sum(file["bytes"] for file in results["files"])
    good, failures = {}, []
    for contender in results["contenders"]:
        runs = [run for run in results["runs"] if run["contender"] == contender["key"]]
        bad = next((run for run in runs if not run["verified"]), None)
        if bad:
            failures.append(f"{contender['label']} failed on {bad['file']}: {bad['error']}")
        elif runs:
            good[contender["key"]] = (contender, runs)
    base_sizes = _sizes(good[baseline][1]) if baseline in good else None
    base_fixed = good[baseline][0]["fixed_bytes"] if baseline in good else 0
    rows = [
        _summary(contender, runs, total, baseline, base_sizes, base_fixed)
        for contender, runs in good.values()
    ]
    return sorted(rows, key=lambda row: -row.bytes), failures


def _sizes(runs: list[dict]) -> dict[str, int]:
    return {run["file"]: run["bytes"] for run in runs}


def _summary(
    contender: dict, runs: list[dict], total: int, baseline: str, base: dict | None, base_fixed: int
) -> Summary:
    sizes = _sizes(runs)
    size = sum(sizes.values())

    def medians(direction: str, figure) -> list[float]:
        """One figure a file: the median over repeats."""
        by_file: dict[str, list[float]] = {}
        for run in runs:
            by_file.setdefault(run["file"], []).append(figure(run[direction]))
        return [statistics.median(values) for values in by_file.values()]

    def work(told: dict) -> float:
        """CPU seconds that grow with the file. (On a file of a few bytes noise may exceed them.)"""
        fixed = told.get("fixed_cpu", 0)
        return told["cpu"] - fixed if told["cpu"] > fixed else told["cpu"]

    def speed(direction: str, figure) -> float:
        return total / 1000 / max(sum(medians(direction, figure)), 1e-9)

    def wall(told: dict) -> float:
        return told["wall"]

    def peak(direction: str) -> int:
        return max(run[direction]["peak"] for run in runs)

    def fixed(direction: str) -> float:
        return statistics.median(medians(direction, lambda told: told["fixed_cpu"]))

    is_nzip = contender["kind"] == "nzip"
    return Summary(
        contender["key"],
        contender["label"],
        contender["kind"],
        size,
        bits_per_byte(size, total),
        _geometric(sizes, 0, base, 0),
        _geometric(sizes, base_fixed if contender["key"] == baseline else 0, base, base_fixed),
        speed("compress", work),
        speed("decompress", work),
        speed("compress", wall),
        speed("decompress", wall),
        peak("compress"),
        peak("decompress"),
        statistics.median(medians("compress", lambda told: told["startup_cpu"])) if is_nzip else None,
        (fixed("compress"), fixed("decompress")) if is_nzip else None,
        min(run["compress"]["idle"] for run in runs) if is_nzip else None,
        sizes,
        sum(contender.get("weights", {}).values()),
    )


def _geometric(
    sizes: dict[str, int], own_fixed: int, base: dict[str, int] | None, fixed: int
) -> float | None:
    """Mean ratio over the files that exceed the fixed costs; None where there is none."""
    if base is None:
        return None
    logs = [
        math.log((size - own_fixed) / (base[name] - fixed))
        for name, size in sizes.items()
        if base[name] > fixed and size > own_fixed
    ]
    return math.exp(statistics.fmean(logs)) if logs else None
