"""Two receipts beside each other: what became larger or slower, and how much of that is noise.

Sizes have no noise: a byte more is a byte more. CPU times have two kinds. One is the spread of a
contender's own repeats, told from both receipts. The other is the machine's: programs of the same version
that were run in both receipts did the same work twice, so that the change of *their* times is what this
day, this machine or its neighbours changed. A change counts as a regression where it exceeds their drift by
more than both together (and by LEAST, which nobody can measure).

Concession: without repeats in both receipts, and with fewer than ENOUGH times of such programs, of which each
shows a single run's noise, nothing is known of the noise: the allowance is then UNKNOWN.
"""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

from nzip.benchmark.results import DIRECTIONS, ResultsError

LEAST = 0.03  # of a time
UNKNOWN = 0.25
ENOUGH = 6
SHORTEST = 0.05  # CPU seconds; what takes less says nothing

Key = tuple[str, str, str]  # file by name, hash, and contender


class Change(NamedTuple):
    """One figure of one contender on one file (``what``: bytes, compress or decompress): ``before`` and
    ``after`` (bytes, or CPU seconds as medians of the repeats), ``ratio`` of both with the machine's drift
    taken off, ``noise``: what the ratio may differ from 1 by without saying anything."""

    label: str
    file: str
    what: str
    before: float
    after: float
    ratio: float
    noise: float

    @property
    def worse(self) -> bool:
        """A regression."""
        return self.ratio > 1 + self.noise

    @property
    def better(self) -> bool:
        """The reverse of one."""
        return self.ratio < 1 / (1 + self.noise)


class Comparison(NamedTuple):
    """``changes`` of all that both receipts have; ``drift``: how many times as long unchanged peers took
    now (None: there are none), and ``spread`` of their ratios; ``unmatched``: labels that one receipt has
    alone."""

    changes: list[Change]
    drift: float | None
    spread: float
    unmatched: list[str]

    @property
    def regressions(self) -> list[Change]:
        """What is worse, the worst first."""
        return sorted((change for change in self.changes if change.worse), key=lambda c: -c.ratio)

    def as_json(self) -> dict:
        """For a receipt."""
        return {
            "drift": self.drift,
            "spread": self.spread,
            "unmatched": self.unmatched,
            "changes": [{**c._asdict(), "worse": c.worse, "better": c.better} for c in self.changes],
        }


def compare(old: dict, new: dict) -> Comparison:
    """``new`` beside ``old``, receipts as :func:`nzip.benchmark.results.load` gives them. Raises
    :class:`ResultsError` where they have no file and contender in common."""
    before, after = _runs(old), _runs(new)
    labels = {c["key"]: c["label"] for c in (*old["contenders"], *new["contenders"])}
    both = [key for key in after if key in before]
    if not both:
        raise ResultsError("the two receipts have no contender on one and the same file in common")
    drift, spread, count = _drift(old, new, both, before, after)
    changes = []
    for key in both:
        name, _, contender = key
        sizes = (before[key][0]["bytes"], after[key][0]["bytes"])
        ratio = sizes[1] / sizes[0] if sizes[0] else 1.0
        changes.append(Change(labels[contender], name, "bytes", sizes[0], sizes[1], ratio, 0.0))
        for direction in DIRECTIONS:
            was, now = (_times(runs[key], direction) for runs in (before, after))
            medians = statistics.median(was), statistics.median(now)
            if max(medians) < SHORTEST:
                continue
            own = _spread(was) + _spread(now)
            known = count >= ENOUGH or min(len(was), len(now)) > 1
            noise = max(LEAST, own + spread) if known else UNKNOWN
            ratio = medians[1] / max(medians[0], 1e-9) / (drift or 1)
            changes.append(Change(labels[contender], name, direction, medians[0], medians[1], ratio, noise))
    mine, theirs = ({c["key"] for c in receipt["contenders"]} for receipt in (old, new))
    return Comparison(changes, drift, spread, sorted(labels[key] for key in mine ^ theirs))


def _runs(receipt: dict) -> dict[Key, list[dict]]:
    """The verified runs of each contender on each file."""
    hashes = {file["name"]: file["sha256"] for file in receipt["files"]}
    found: dict[Key, list[dict]] = {}
    for run in receipt["runs"]:
        if run["verified"]:
            found.setdefault((run["file"], hashes[run["file"]], run["contender"]), []).append(run)
    return found


def _times(runs: list[dict], direction: str) -> list[float]:
    return [run[direction]["cpu"] for run in runs]


def _spread(values: list[float]) -> float:
    """Half of what lies between the least and the most, as a share of the median; 0 for one value."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


def _drift(
    old: dict, new: dict, both: list[Key], before: dict, after: dict
) -> tuple[float | None, float, int]:
    """The median ratio of the times of peers whose version is the same in both receipts, its spread (half of
    the middle half's width), and how many ratios there are."""
    versions = [
        {c["key"]: (c["kind"], c["version"]) for c in receipt["contenders"]} for receipt in (old, new)
    ]
    ratios = []
    for key in both:
        kind, version = versions[1][key[2]]
        if kind == "nzip" or versions[0][key[2]] != (kind, version):
            continue
        for direction in DIRECTIONS:
            was, now = (statistics.median(_times(runs[key], direction)) for runs in (before, after))
            if min(was, now) >= SHORTEST:
                ratios.append(math.log(now / was))
    if not ratios:
        return None, 0.0, 0
    middle = statistics.median(ratios)
    deviations = statistics.median(abs(ratio - middle) for ratio in ratios)
    return math.exp(middle), math.expm1(2 * deviations), len(ratios)
