"""Reads very many of a hostile writer's streams (tests/fuzz/hostile_writer.py), and keeps what came of it.

    python scripts/fuzz.py --count 1000000 --seed 1 --out fuzz.json

Batches run in processes of their own, under limits of memory, processor time and descriptors, and with every
file noted that they open (tests/fuzz/hostile_runner.py). After each batch the results are written to --out;
the same command goes on from there. It ends with 1 where a case ended uncleanly; such a case is a seed and a
number, from which `--case N` makes and reads it once more, without limits and with its traceback.

Concession: Linux only.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import json
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "fuzz")]

BATCH = 5000


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Read a hostile writer's streams.")
    parser.add_argument("--count", type=int, default=100_000, help="cases in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="batches at a time")
    parser.add_argument(
        "--out", type=Path, default=Path("fuzz.json"), help="results, and where to go on from"
    )
    parser.add_argument("--fast", action="store_true", help="only predictors that are read quickly")
    parser.add_argument("--case", type=int, help="make and read this one alone")
    given = parser.parse_args()
    # Models that lie about would be allowed to be read: there are none here.
    with tempfile.TemporaryDirectory() as models:
        os.environ["NZIP_MODELS"] = models
        return _one(given) if given.case is not None else _many(given)


def _many(given: argparse.Namespace) -> int:
    import hostile_runner
    import hostile_writer

    names = hostile_writer.FAST if given.fast else tuple(hostile_writer.WEIGHTS)
    hostile_writer.register_toys()
    hostile_runner.warm(names)
    kept = _begun(given, names)
    firsts = [first for first in range(0, given.count, BATCH) if first not in kept["batches"]]
    # Forked, so that all have what was made above.
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(max(1, given.jobs), context) as pool:
        jobs = {
            pool.submit(
                hostile_runner.run,
                hostile_runner.Job(given.seed, first, min(BATCH, given.count - first), names),
            ): first
            for first in firsts
        }
        for done in concurrent.futures.as_completed(jobs):
            found = done.result()
            for name, count in found["counts"].items():
                kept["counts"][name] = kept["counts"].get(name, 0) + count
            kept["unclean"] += found["unclean"]
            kept["batches"].append(jobs[done])
            _keep(kept, given.out)
            cases = sum(kept["counts"].values())
            print(f"{cases:,} cases, {len(kept['unclean'])} unclean", file=sys.stderr)
    for entry in kept["unclean"]:
        print(f"case {entry['case']}: {entry['what']}")
    return 1 if kept["unclean"] else 0


def _begun(given: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """What an earlier run of this command kept, or an empty result."""
    from nzip.container.framing import DRAFT
    from nzip.container.passport import describe_environment

    new: dict[str, Any] = {
        "what": "streams of a hostile writer, read",
        "seed": given.seed,
        "count": given.count,
        "predictors": list(names),
        "draft": DRAFT,
        "machine": describe_environment(),
        "begun": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "counts": {},
        "unclean": [],
        "batches": [],
    }
    if not given.out.exists():
        return new
    kept = json.loads(given.out.read_text(encoding="utf-8"))
    same = ("seed", "count", "predictors", "draft")
    if any(kept.get(key) != new[key] for key in same):
        raise SystemExit(f"{given.out}: holds another run: name another file with --out")
    return kept


def _keep(kept: dict[str, Any], path: Path) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, path)


def _one(given: argparse.Namespace) -> int:
    import hostile_runner
    import hostile_writer

    hostile_writer.register_toys()
    names = hostile_writer.FAST if given.fast else tuple(hostile_writer.WEIGHTS)
    case = hostile_writer.case(given.seed, given.case, names)
    print(case.told, f"({len(case.stream):,} bytes)")
    for way in hostile_runner.WAYS:
        print(f"{way.__name__}: {hostile_runner.read(case, way)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
