"""Primers of the user's own: texts that the mix reads before each block, so that small files start warm, and
dictionaries by which it codes words.

* ``file``      a primer as a file: packed, hashed, refused where damaged
* ``training``  what of many files goes into one; ``selection``: which pieces
* ``dictionaries``  whether a dictionary of their words does

Those that ship, and which of them a block starts from, are the mix's own business
(:mod:`nzip.predictors.mix.primers`); :func:`shipped` says what there is. Concession: what was compressed with
a primer needs that primer for ever; nothing here keeps a copy.
"""

from __future__ import annotations

from typing import NamedTuple


class Shipped(NamedTuple):
    """A primer that ships with nzip: its name, the bytes of its text, its hash (hexadecimal), one line on
    what it is for, and how many words are in a dictionary of its own (0: those that ship serve all)."""

    name: str
    bytes: int
    hash: str
    what_for: str
    words: int = 0


def shipped() -> list[Shipped]:
    """The primers that compressing chooses from where none is given.

    >>> [primer.what_for for primer in shipped() if primer.name == "data"]
    ['JSON, CSS, SVG']
    """
    from nzip.predictors.mix import primers  # start-up: the mix, which primer files do not need

    return [
        Shipped(entry["name"], entry["bytes"], entry["hash"], primers.WHAT_FOR[entry["name"]])
        for entry in primers.index()
    ]
