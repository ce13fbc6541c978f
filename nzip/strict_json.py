"""JSON from files that may lie: objects without doubled names, nothing deep, no numbers that are none.

``json.loads`` takes what no writer means: a name twice (the last one wins, and another reader takes the
first), NaN, 1e999, integers of thousands of digits, and a thousand lists in each other, which it reads and
``repr`` then fails at. Here all of these are a :class:`ValueError` of one line. Headers of streams and of
experts, tables of tensors, a model's ``config.json`` and ``tokenizer.json`` are read by this.

Concession: a text takes up to thirty times its length while it is read, so callers say how long one may be.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

DEPTH = 16
MAX_DIGITS = 64  # of an integer


def loads(text: bytes | str, limit: int, depth: int = DEPTH) -> Any:
    """The value of ``text``, UTF-8 of at most ``limit`` bytes, of at most ``depth`` lists and objects in each
    other.

    Raises :class:`ValueError`, its text one line, for anything else."""
    if len(text) > limit:
        raise ValueError(f"more than {limit:,} bytes of JSON")
    try:
        if not isinstance(text, str):
            text = bytes(text).decode()
        value = json.loads(
            text,
            object_pairs_hook=_distinct,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no UTF-8") from error
    except RecursionError as error:
        raise ValueError(f"lists and objects are nested more than {depth} deep") from error
    level = _containers([value])
    for _ in range(depth):
        level = _containers(
            inner for held in level for inner in (held.values() if isinstance(held, dict) else held)
        )
    if level:
        raise ValueError(f"lists and objects are nested more than {depth} deep")
    return value


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"an integer of more than {MAX_DIGITS} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number that is not finite")
    return number


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
