"""Added tokens of a tokenizer.json, applied as the `tokenizers` library applies them.

An added token is data: an id, its content, and flags. Special ones are never made from text (the library's
``encode_special_tokens``), but the search goes on behind where one stood, as the library's does, so they hide
others that they overlap. Those that are not special are cut out of the text before it is split: the leftmost
first, the longest of those, first all that are not ``normalized``, then the others in what is left.

Concession: ``single_word``, ``lstrip`` and ``rstrip`` of tokens that are not special, and contents above
``LONGEST`` bytes, are the library's to run (:func:`plain` says so). The twin is :func:`twin_pieces`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.windows import longest_match as trie

LONGEST = 1024


@dataclass(frozen=True)
class AddedToken:
    """One entry of ``added_tokens``."""

    id: int
    content: str
    special: bool = True
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False

    def as_json(self) -> dict:
        """The entry, with the library's order of keys."""
        order = ("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special")
        values = asdict(self)
        return {key: values[key] for key in order}


def read(entries) -> list[AddedToken]:
    """The ``added_tokens`` of a checked tokenizer.json, in its order."""
    flags = ("single_word", "lstrip", "rstrip", "special")
    return [
        AddedToken(
            a["id"],
            a["content"],
            normalized=a.get("normalized", not a.get("special", False)),
            **{flag: bool(a.get(flag, False)) for flag in flags},
        )
        for a in entries or ()
    ]


def plain(added: Iterable[AddedToken]) -> bool:
    """Whether :class:`AddedTokens` can apply these exactly."""
    return not any(
        not a.special and (a.single_word or a.lstrip or a.rstrip) or len(a.content.encode()) > LONGEST
        for a in added
    )


def given_ids(added: Iterable[AddedToken], vocab: dict[str, int]) -> dict[str, int]:
    """The ids that the library gives to ``added`` beside the model's ``vocab``, whatever the file says: the
    vocabulary's own, else the next behind all."""
    out: dict[str, int] = {}
    for token in added:
        if not token.content or token.content in out:
            continue
        last = max(out.values(), default=-1)
        following = last + 1 if out and (last >= len(vocab) or not vocab) else len(vocab)
        out[token.content] = vocab.get(token.content, following)
    return out


class AddedTokens:
    """``pieces(data)``: what of a text is one added token, and what is not."""

    def __init__(self, added: Iterable[AddedToken]):
        self.tokens = list(added)
        self._passes = []
        if all(t.special for t in self.tokens):
            return
        for normalized in (False, True):
            some = [t for t in self.tokens if t.normalized == normalized and t.content]
            if some:
                contents = [t.content.encode("utf-8") for t in some]
                starts = np.concatenate([[0], np.cumsum([len(c) for c in contents])]).astype(np.int64)
                ids = np.array([-1 if t.special else t.id for t in some], dtype=np.int64)
                arena = np.frombuffer(b"".join(contents), dtype=np.uint8)
                self._passes.append((*trie.build(arena, starts), ids))

    def pieces(self, data: np.ndarray) -> np.ndarray:
        """int64 of shape (pieces, 3): start, end, and the id of the token that it is, or -1."""
        pieces = np.array([[0, len(data), -1]], dtype=np.int64)
        for slots, accepts, ids in self._passes:
            pieces = _cut(data, pieces, slots, accepts, ids)
        return pieces


@njit(cache=True, nogil=True)
def _cut(data, pieces, slots, accepts, ids):
    """The pieces that are no tokens yet, cut around the tokens of a trie."""
    first = np.empty(256, dtype=np.int64)
    for b in range(256):
        first[b] = trie._child(slots, np.int64(0), b)
    out = np.empty((len(pieces) + 64, 3), dtype=np.int64)
    n = 0
    for q in range(len(pieces)):
        if n + 3 >= len(out):
            out = np.concatenate((out, np.empty_like(out)))
        stop = pieces[q, 1]
        if pieces[q, 2] >= 0:
            out[n] = pieces[q]
            n += 1
            continue
        at = pieces[q, 0]
        i = at
        while i < stop:
            node = first[data[i]]
            if node < 0:
                i += 1
                continue
            best = accepts[node]
            end = i + 1
            k = end
            while k < stop:
                node = trie._child(slots, node, np.int64(data[k]))
                if node < 0:
                    break
                k += 1
                if accepts[node] >= 0:
                    best = accepts[node]
                    end = k
            if best < 0:
                i += 1
                continue
            if ids[best] >= 0:
                if n + 3 >= len(out):
                    out = np.concatenate((out, np.empty_like(out)))
                if at < i:
                    out[n, 0], out[n, 1], out[n, 2] = at, i, -1
                    n += 1
                out[n, 0], out[n, 1], out[n, 2] = i, end, ids[best]
                n += 1
                at = end
            i = end
        if at < stop:
            out[n, 0], out[n, 1], out[n, 2] = at, stop, -1
            n += 1
    return out[:n].copy()


def twin_pieces(added: Iterable[AddedToken], data: bytes) -> list[tuple[int, int, int]]:
    """:meth:`AddedTokens.pieces`, slow and plain."""
    pieces = [(0, len(data), -1)] if data else []
    for normalized in (False, True):
        tokens = {t.content.encode(): t for t in added if t.normalized == normalized and t.content}
        longest = max(map(len, tokens), default=0)
        cut = []
        for start, stop, token in pieces:
            i = at = start
            while token < 0 and i < stop:
                sizes = range(min(longest, stop - i), 0, -1)
                found = next((tokens[data[i : i + k]] for k in sizes if data[i : i + k] in tokens), None)
                if found is None:
                    i += 1
                    continue
                end = i + len(found.content.encode())
                if not found.special:
                    cut += [(at, i, -1)] * (at < i) + [(i, end, found.id)]
                    at = end
                i = end
            cut += [(at, stop, token)] * (at < stop)
        pieces = cut
    return pieces
