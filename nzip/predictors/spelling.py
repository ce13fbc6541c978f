"""Spellings as text: ``mix:3+lm:PATH`` taken apart into names and arguments, and put together again.

A spelling is a head and any number of experts, joined by ``+``; each is a name, or a name, a colon and an
argument. An argument that contains ``+``, ``%`` or white space writes it as in a URL (``%2B``). What a name
means is the business of :mod:`nzip.predictors.registry`; experts, which spell themselves, need this file
alone.

Concession: names are lower-case ASCII, so that a spelling is read aloud as it is typed.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from nzip.errors import NzipError

_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
MAX_NAME = 64
MAX_TERMS = 32  # more than any predictor takes; each may say less
MAX_TERM = 4096


class Part(NamedTuple):
    """One term of a spelling: a name and its argument (None without a colon). ``str`` spells it."""

    name: str
    argument: str | None

    def __str__(self) -> str:
        if self.argument is None:
            return self.name
        return f"{self.name}:{quote(self.argument, safe='/:@,=~.-_')}"


def is_name(text: str) -> bool:
    """Whether ``text`` can name a predictor or an expert: lower-case letters, digits, '_', '.', '-', a letter
    first."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def parse(spelling: str) -> tuple[Part, ...]:
    """The terms of a spelling: ``parse("mix:3+lm:a%2Bb") == (Part("mix", "3"), Part("lm", "a+b"))``.

    Raises :class:`NzipError` where a term has no name, is too long, or there are too many."""
    parts = []
    terms = spelling.split("+", MAX_TERMS)
    if len(terms) > MAX_TERMS:
        raise NzipError(f"a predictor of more than {MAX_TERMS} terms: {spelling[:60]}...")
    for term in terms:
        if len(term) > MAX_TERM:
            raise NzipError(
                f"a term of {len(term)} characters, and at most {MAX_TERM} are one: {term[:60]}..."
            )
        name, colon, argument = term.partition(":")
        if not is_name(name):
            raise NzipError(
                f"{spelling[:200]!r} is no predictor: write NAME, NAME:ARGUMENT or NAME+EXPERT, as in mix:3"
            )
        parts.append(Part(name, unquote(argument) if colon else None))
    return tuple(parts)
