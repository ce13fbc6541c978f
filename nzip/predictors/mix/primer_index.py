"""The shipped primers' index, and what a stream's primer is called: without NumPy, for who lists files.

Concession: the texts themselves, and all that is done with them, are :mod:`nzip.predictors.mix.primers`.
"""

from __future__ import annotations

import functools
import json
from importlib.resources import files

USER = 255
HEAD = 126  # the head of the stream that a block is of: heads.py
HABITS = 128


def read(name: str) -> bytes:
    """A file of ``primer_texts``."""
    return files(__package__).joinpath("primer_texts", name).read_bytes()


@functools.cache
def index() -> tuple[dict, ...]:
    """The shipped primers in order of their numbers: dicts with name, bytes, hash (hex), width, signature."""
    return tuple(json.loads(read("index.json"))["primers"])


def name_of(code: int) -> str:
    """What the primer ``code`` of a stream's descriptor is called; empty for none."""
    if not code:
        return ""
    if code == USER:
        return "of the user"
    if code == HEAD:
        return "head"
    number = code & ~HABITS
    name = index()[number - 1]["name"] if 1 <= number <= len(index()) else f"unknown ({number})"
    return f"{name}, habits alone" if code & HABITS else name
