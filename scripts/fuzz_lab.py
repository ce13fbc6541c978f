"""Reads very many of a stranger's files (tests/tokenizers_lab/strangers.py) by the lab, and keeps what came.

    python scripts/fuzz_lab.py --count 20000 --seed 1 --out fuzz-lab.json

Tokenizers, codecs, M1s, datasets (whole and unfinished), checkpoints and runs are changed at random and read
in processes of their own (tests/tokenizers_lab/strangers_runner.py); one that dies or is silent for long
counts against the case at hand, and another goes on behind it. What is known is written to --out every 20
seconds. Exit code 1 where a case ended uncleanly; ``--case N`` reads one alone.

Concession: Linux only.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import datetime
import json
import math
import os
import platform
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "tokenizers_lab")]
RUNNER = ROOT / "tests" / "tokenizers_lab" / "strangers_runner.py"
SILENCE = 120  # seconds of processor time; reading what is whole comes first, and compiles


def run(templates: Path, seed: int, first: int, stop: int, out: list[dict]) -> None:
    """The cases ``first .. stop``, whatever they do to who reads them, into ``out``."""
    while first < stop:
        process = subprocess.Popen(
            [sys.executable, str(RUNNER), str(templates), str(seed), str(first), str(stop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        )
        assert process.stdout is not None and process.stderr is not None
        begun, used, line = first, 0.0, b" "
        while True:
            if not select.select([process.stdout], [], [], 10)[0]:
                if _processor_time(process.pid) - used < (10 if first == begun else 1) * SILENCE:
                    continue
                break
            line = process.stdout.readline()
            if not line.endswith(b"\n"):
                break
            out.append(json.loads(line))
            first, used = first + 1, _processor_time(process.pid)
        if first < stop:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0 if line else 20)  # one that closed its output is about to end
            alive = process.poll() is None
            process.kill()
            said = process.stderr.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            if first == begun and not begun:
                raise SystemExit(f"the reader does not start: {said}")
            end = f"{SILENCE} s of silence" if alive else f"ended with {process.wait()}: {said}"
            out.append({"case": first, "kind": "?", "what": "?", "end": end, "seconds": 0, "peak": 0})
            first += 1
        process.stdout.close()
        process.stderr.close()
        process.wait()


def _processor_time(pid: int) -> float:
    """Seconds that a process has used; endless where it is no more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.inf
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(kept: dict[str, Any]) -> str:
    """The lines of docs/SECURITY.md about a run."""
    told = (
        f"**The recorded run** (`bench/results/fuzz-lab.json`, by `python scripts/fuzz_lab.py --count "
        f"{kept['asked']} --seed {kept['seed']}`): {kept['count']:,} cases, seed {kept['seed']}, "
        f"{len(kept['unclean'])} unclean ends; the slowest took {kept['slowest_seconds']} s of processor "
        f"time, the largest {kept['largest_mib']} MiB."
    )
    if kept.get("read_again"):
        named = ", ".join(map(str, kept["read_again"]))
        told += f" Unclean at first, mended, and counted as read once more: case {named}."
    lines = [told, "", "| kind | refused in one line | read, with answers that agree |", "|---|---|---|"]
    lines += [f"| {kind} | {n['refused']:,} | {n['read']:,} |" for kind, n in kept["kinds"].items()]
    return "\n".join(lines) + "\n"


def tally(cases: list[dict]) -> dict[str, Any]:
    """Counts by kind and end, the slowest, the largest, and what went wrong."""
    kinds: dict[str, dict[str, int]] = {}
    for entry in cases:
        end = entry["end"] if entry["end"] in ("refused", "read") else "unclean"
        counts = kinds.setdefault(entry["kind"], {"refused": 0, "read": 0, "unclean": 0})
        counts[end] += 1
    return {
        "kinds": dict(sorted(kinds.items())),
        "slowest_seconds": round(max(e["seconds"] for e in cases), 2),
        "largest_mib": max(e["peak"] for e in cases) >> 20,
        "unclean": [e for e in cases if e["end"] not in ("refused", "read")],
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Read a stranger's files by the lab.")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=Path("fuzz-lab.json"))
    parser.add_argument("--case", type=int, help="make and read this one alone")
    parser.add_argument("--again", action="store_true", help="read the unclean cases of --out once more")
    parser.add_argument("--table", action="store_true", help="only print the table of what --out holds")
    given = parser.parse_args()
    if given.table:
        print(table(json.loads(given.out.read_text(encoding="utf-8"))), end="")
        return 0
    import strangers

    from tokenizers_lab.m1.order_n import default_text

    cases: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        templates = Path(folder)
        strangers.make(templates, default_text())
        if given.again:
            return _again(given, templates)
        if given.case is not None:
            run(templates, given.seed, given.case, given.case + 1, cases)
            print(json.dumps(cases, indent=1))
            return 0
        step = -(-given.count // given.jobs)
        with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
            pending = {
                pool.submit(run, templates, given.seed, first, min(first + step, given.count), cases)
                for first in range(0, given.count, step)
            }
            while pending:
                done, pending = concurrent.futures.wait(pending, timeout=20)
                for future in done:
                    future.result()
                if cases:
                    _keep(given, list(cases))
    unclean = tally(cases)["unclean"]
    for entry in unclean:
        print(f"case {entry['case']}: {entry['kind']}: {entry['what']}: {entry['end']}")
    print(f"{len(cases):,} cases, {len(unclean)} unclean", file=sys.stderr)
    return 1 if unclean else 0


def _again(given: argparse.Namespace, templates: Path) -> int:
    """Read what ended uncleanly once more, after mending; ``read_again`` says which cases these are."""
    kept = json.loads(given.out.read_text(encoding="utf-8"))
    cases: list[dict] = []
    for entry in kept["unclean"]:
        run(templates, kept["seed"], entry["case"], entry["case"] + 1, cases)
        counts = kept["kinds"][entry["kind"]]
        counts["unclean"] -= 1
    found = tally(cases)
    for kind, counts in found["kinds"].items():
        for end, count in counts.items():
            kept["kinds"][kind][end] += count
    kept["read_again"] = [*kept.get("read_again", []), *(entry["case"] for entry in cases)]
    kept["unclean"] = found["unclean"]
    _write(kept, given.out)
    print(json.dumps(cases, indent=1))
    return 1 if found["unclean"] else 0


def _keep(given: argparse.Namespace, cases: list[dict]) -> None:
    """What is known so far: ``count`` says how many of the cases are in it."""
    kept = {
        "what": "a stranger's files, read by the lab",
        "seed": given.seed,
        "asked": given.count,
        "count": len(cases),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        **tally(cases),
    }
    _write(kept, given.out)


def _write(kept: dict[str, Any], path: Path) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, path)


if __name__ == "__main__":
    sys.exit(main())
