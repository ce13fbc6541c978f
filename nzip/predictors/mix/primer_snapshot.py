"""Snapshots of primed mixes, in nzip's cache (:data:`nzip.cache.PRIMED`).

A snapshot is read back in a fraction of the time that priming costs. It is named by a hash of all that made
it (warm_start.py), and the cache gives back what was put or nothing, so a damaged one costs time, never
correctness. Concession: several processes that start at once each prime, and the last one's file stays."""

from __future__ import annotations

import xxhash

from nzip import cache
from nzip.predictors.mix.state import Mix

# What reading a primer changes.
FIELDS = (
    "slots", "direct", "runs", "state_map", "match_map", "run_map", "weights", "final_weights", "apm",
    "match_table", "history1", "history2",
)  # fmt: skip


def hash_of(mix: Mix) -> str:
    """By which a primed mix is known: XXH3-128 of all that reading a primer changes."""
    digest = xxhash.xxh3_128()
    for field in FIELDS:
        digest.update(getattr(mix, field).data)
    return digest.hexdigest()


def load(mix: Mix, name: str) -> bool:
    """Fill ``mix`` from the snapshot of that name. False where that fails; ``mix`` is then spoilt."""
    return cache.PRIMED.get_into(name, [getattr(mix, field).data.cast("B") for field in FIELDS])


def save(mix: Mix, name: str) -> None:
    """Keep a snapshot, if there is a place for it; whole or not at all, and never more than the limit."""
    cache.PRIMED.put(name, [getattr(mix, field).data for field in FIELDS])
