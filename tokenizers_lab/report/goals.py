"""The goals that a verdict weighs: what each is called, whether more is better, and its figure in a results
file. ``analysis/goals.py`` measures them."""

from __future__ import annotations

from typing import NamedTuple

VERSION = 2
"""Of results files: the schema of the JSON, and of the tables made of it."""
READ = (1, 2)
"""Versions that reports are made of; those of version 1 have no verdict."""
WIDTH = 768
WEIGHT_BYTES = 2  # bfloat16


class Goal(NamedTuple):
    """``short``: heads a column. ``words``: follows "best for". ``more``: whether more is better."""

    key: str
    short: str
    title: str
    words: str
    more: bool
    digits: int


GOALS = (
    Goal("bytes_per_token", "bytes/tok", "bytes a token", "length", True, 3),
    Goal("fertility", "tok/word", "fertility, tokens a word", "whole words", False, 3),
    Goal("parity", "Gini", "parity: Gini of tokens over the languages", "parity of languages", False, 3),
    Goal("speed", "MB/s", "encoding, MB a second, one thread", "speed", True, 1),
    Goal("embedding", "emb MB", "MB of the embedding", "a small embedding", False, 1),
    Goal("nzip", "nzip", "bits a byte of the token stream under nzip", "nzip", False, 3),
    Goal("xz", "xz", "bits a byte of the token stream under xz", "xz", False, 3),
    Goal("order0", "order 0", "held-out unigram cross-entropy, bits a byte", "a unigram model", False, 3),
    Goal("order2", "order 2", "held-out order-2 cross-entropy, bits a byte", "an order-2 model", False, 3),
)
BY_KEY = {goal.key: goal for goal in GOALS}


def embedding_bytes(vocab: int, width: int) -> int:
    """One table of ``vocab`` rows in bfloat16."""
    return vocab * width * WEIGHT_BYTES


def figure(results: dict, codec: dict, file: str, goal: str) -> dict | None:
    """``{"value", "without": [...] or None where the figure is exact}`` of a goal, for one codec and file;
    what belongs to the codec alone is the same for every file."""
    if goal == "embedding":
        width = results["settings"]["width"]
        return {"value": embedding_bytes(codec["vocab"], width) / 1e6, "without": None}
    if goal == "parity":
        gini = (codec.get("parity") or {}).get("gini")
        if not gini or gini.get("value") is None:
            return None
        return {"value": gini["value"], "without": gini.get("without", [])}
    found = codec["files"][file].get("goals", {}).get(goal)
    return None if not found or found.get("value") is None else found
