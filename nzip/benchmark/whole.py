"""What all 100 MB of enwik8 would take, told from a run over their beginning.

Times grow with the bytes: what a contender takes besides its fixed costs, CPU seconds of the beginning, times
the bytes that are left. Blocks of nzip are coded apart, so that its time and memory are those of so many
blocks. Concession: sizes are not guessed, for the later pages of enwik8 are not like the first ones; a level
that leaves experts out of blocks that are too long for them is faster than is said here.
"""

from __future__ import annotations

from nzip.benchmark.results import DIRECTIONS, summaries
from nzip.benchmark.suites import WHOLE


def of(results: dict) -> dict | None:
    """For a receipt over one beginning of enwik8: {"bytes": 10^8, "contenders": {key: {"compress": seconds,
    "decompress": seconds}}, "seconds": all together}, CPU seconds; None for other files, and for all of
    it."""
    files = results["files"]
    if len(files) != 1 or not files[0]["name"].startswith("enwik8:"):
        return None
    rows, _ = summaries(results)
    told: dict[str, dict[str, float]] = {}
    for row in rows:
        fixed = row.fixed_cpu or (0.0, 0.0)
        speeds = (row.compress_speed, row.decompress_speed)
        told[row.key] = {
            direction: round(WHOLE / 1000 / speed + once, 1)
            for direction, speed, once in zip(DIRECTIONS, speeds, fixed, strict=True)
        }
    total = sum(sum(times.values()) for times in told.values())
    return {"bytes": WHOLE, "contenders": told, "seconds": round(total, 1)}


def lines(results: dict) -> list[str]:
    """The same in words, one line for each contender, the fastest first."""
    found = results.get("whole")
    if not found:
        return []
    labels = {c["key"]: c["label"] for c in results["contenders"]}
    times = sorted(found["contenders"].items(), key=lambda item: sum(item[1].values()))
    said = [
        f"{labels[key]}: {duration(took['compress'])} and {duration(took['decompress'])} back"
        for key, took in times
    ]
    return [f"All {WHOLE:,} bytes of enwik8 would take {duration(found['seconds'])} of CPU:", *said]


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``6 h 40 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(whole / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
