"""What the user asks of a vocabulary by name (special tokens, seeds, vetoes), checked before anything is
counted: a training run may take hours.

A special token is never spelled by merges. What counts is the spelling in a tokenizer.json, where a token's
name and a token's bytes share one dictionary: ``###`` is three bytes spelled so, and a special token of that
name would be the same entry."""

from __future__ import annotations

from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize import bytelevel


def special_names(names, bytewise: bool = True) -> list[str]:
    """The names of special tokens, checked before anything is counted; a string is one. ``bytewise``: they
    stand beside the 256 bytes of a byte-level vocabulary."""
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if not isinstance(name, str) or not name:
            raise LabError(f"a special token is a name, not {name!r}")
        if names.count(name) > 1:
            raise LabError(f"the special token {name!r} is named twice")
        if bytewise and len(spelling_of(name)) == 1:
            raise LabError(
                f"the special token {name!r} is how the vocabulary spells a single byte, which every text "
                f"may have; give it a longer name, such as <{name}>"
            )
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise LabError(f"the special token {name!r} is not text that UTF-8 can hold") from None
    return names


def spelling_of(name: str) -> bytes:
    """The bytes that a tokenizer.json would spell ``name``, or b"" where none are spelled so."""
    try:
        return bytelevel.to_bytes(name)
    except KeyError:
        return b""


def agree(seed, forbidden, pattern, special) -> None:
    """A token is wanted or not: raises :class:`LabError` where one is both."""
    for token in seed:
        if not token:
            raise LabError("a seed is empty")
        if token in forbidden or (pattern and pattern.search(token)):
            raise LabError(f"{shown(token)} is both a seed and vetoed; leave out one")
        if token in map(spelling_of, special):
            raise LabError(f"{shown(token)} is both a seed and a special token; leave out one")


def shown(token: bytes) -> str:
    return repr(token.decode("utf-8", "backslashreplace"))
