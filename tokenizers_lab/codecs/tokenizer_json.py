"""A Hugging Face tokenizer.json as checked data: nothing of a stranger's file is believed before this.

:func:`parse` reads the JSON and refuses what is malformed with one line that names the place; only then is it
handed to our encoder or to the `tokenizers` library, which ends the process on some such files.
:func:`byte_level` gives the vocabulary of a byte-level BPE as bytes.

Concession: a vocabulary may have gaps, but no id above four times its entries and 65,536 (memory must not
follow a number in a file), and none above 2^24."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nzip import strict_json
from tokenizers_lab.codecs import added_tokens, charsmap
from tokenizers_lab.codecs.added_tokens import AddedToken
from tokenizers_lab.errors import DataError
from tokenizers_lab.pretokenize import bytelevel

KEY = "tokenizers_lab"
"""What of a codec has no place in the format stands under this key of ``model``, which the library passes
over."""
_LARGEST = 1 << 28  # bytes of a file; the largest known has a tenth
_DEPTH = 32
_MODELS = ("BPE", "WordPiece", "WordLevel", "Unigram")


def read_json(data: bytes, name: str) -> Any:
    """JSON of a stranger: :class:`DataError` for all that is wrong with it."""
    if data[:3] == b"\xef\xbb\xbf":
        raise DataError(
            f"{name}: begins with a byte order mark, which JSON may not; remove its first 3 bytes"
        )
    try:
        value = strict_json.loads(data, _LARGEST, _DEPTH)
        if b"\\u" in data:  # an escape can be half a character, which is no text
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except ValueError as error:
        raise DataError(f"{name}: not JSON: {error}") from None


def parse(data: bytes, name: str) -> dict:
    """The checked entry of a tokenizer.json."""
    entry = read_json(data, name)
    check(entry, name)
    return entry


def check(entry, name: str) -> None:
    """Raises :class:`DataError` naming the first place that is not as the format says."""
    need = _Need(name)
    need(isinstance(entry, dict), "the file", "an object", entry)
    model = entry.get("model")
    need(isinstance(model, dict), "model", "an object", model)
    kind = model.get("type")
    need(kind is None or kind in _MODELS, "model.type", f"one of {', '.join(_MODELS)}", kind)
    vocab = model.get("vocab")
    if isinstance(vocab, list) and kind in (None, "Unigram"):
        for i, piece in enumerate(vocab):
            good = (
                isinstance(piece, list)
                and len(piece) == 2
                and isinstance(piece[0], str)
                and _number(piece[1])
            )
            need(good, f"model.vocab[{i}]", "[piece, score]", piece)
        unk = model.get("unk_id")
        need(
            unk is None or _whole(unk) and 0 <= unk < len(vocab),
            "model.unk_id",
            "an id of the vocabulary",
            unk,
        )
        ids = [len(vocab) - 1]
    else:
        need(isinstance(vocab, dict), "model.vocab", "an object of ids", vocab)
        ids = list(vocab.values())
        for token, i in vocab.items():
            need(_whole(i) and i >= 0, f"model.vocab[{token[:40]!r}]", "an id, 0 or more", i)
    if "merges" in model or kind == "BPE":
        merges = model.get("merges")
        need(isinstance(merges, list), "model.merges", "a list", merges)
        prefix = model.get("continuing_subword_prefix") or ""
        need(isinstance(prefix, str), "model.continuing_subword_prefix", "text", prefix)
        for i, merge in enumerate(merges):
            pair = merge.split(" ") if isinstance(merge, str) else merge
            good = isinstance(pair, list) and len(pair) == 2 and all(isinstance(x, str) for x in pair)
            need(good, f"model.merges[{i}]", "two tokens", merge)
            # The library cuts so many bytes off every second token, whether they are there or not.
            need(
                pair[1].startswith(prefix),
                f"model.merges[{i}]",
                "one whose second token has the prefix",
                merge,
            )
    dropout = model.get("dropout")
    need(dropout is None or _number(dropout) and 0 <= dropout <= 1, "model.dropout", "from 0 to 1", dropout)
    most = model.get("max_input_chars_per_word")
    need(
        most is None or _whole(most) and 0 <= most < 1 << 62,
        "model.max_input_chars_per_word",
        "a count",
        most,
    )
    added = entry.get("added_tokens")
    need(added is None or isinstance(added, list), "added_tokens", "a list", added)
    for i, token in enumerate(added or ()):
        where = f"added_tokens[{i}]"
        need(isinstance(token, dict), where, "an object", token)
        need(isinstance(token.get("content"), str), f"{where}.content", "text", token.get("content"))
        need(_whole(token.get("id")) and token["id"] >= 0, f"{where}.id", "an id, 0 or more", token.get("id"))
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special"):
            value = token.get(flag, False)
            need(isinstance(value, bool), f"{where}.{flag}", "true or false", value)
        ids.append(token["id"])
    count = len(vocab) + len(added or ())
    need(count > 0, "model.vocab", "not empty", vocab)
    top = max(ids)
    need(top <= largest_id(count), "the largest id", f"possible among {count} tokens", top)
    own = model.get(KEY)
    if own is not None:
        need(isinstance(own, dict), f"model.{KEY}", "an object", own)
        for key, length in (("ranks", len(model.get("merges") or ())), ("unspelled", None)):
            numbers = own.get(key, [0] * (length or 0))
            good = isinstance(numbers, list) and all(_whole(n) and 0 <= n <= top for n in numbers)
            good = good and length in (None, len(numbers))
            need(good, f"model.{KEY}.{key}", "a list of ids, one a merge if they are ranks", numbers)
        special = own.get("special", {})
        good = isinstance(special, dict) and all(_whole(n) and 0 <= n <= 2 * top for n in special.values())
        need(good, f"model.{KEY}.special", "an object of ids", special)
        size = own.get("size", 0)
        need(_whole(size) and 0 <= size <= 2 * top + 65536, f"model.{KEY}.size", "a vocabulary's size", size)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        need(entry.get(part) is None or isinstance(entry[part], dict), part, "an object", entry.get(part))
        for table in _values(entry.get(part), "precompiled_charsmap"):
            need(_charsmap_fault(table) is None, part, f"sound ({_charsmap_fault(table)})", table)
        own_group = next(
            (text for text in _values(entry.get(part), "Regex") if isinstance(text, str) and "\\g" in text),
            None,
        )
        need(own_group is None, part, "free of patterns that call themselves", own_group)


def _values(value, name: str) -> Iterator[Any]:
    """What stands under the key ``name``, anywhere in a part of the file."""
    for key, inside in value.items() if isinstance(value, dict) else enumerate(value or ()):
        if key == name:
            yield inside
        if isinstance(inside, dict | list):
            yield from _values(inside, name)


def _charsmap_fault(table) -> str | None:
    """Why a ``precompiled_charsmap`` is none, or None."""
    if not isinstance(table, str):
        return "its table is no text"
    try:
        return charsmap.what_is_wrong(base64.b64decode(table, validate=True))
    except (ValueError, binascii.Error):
        return "its table is not base64"


def largest_id(count: int) -> int:
    """The largest id that is believed where a file has ``count`` tokens."""
    return min((1 << 24) - 1, 4 * count + 65535)


class _Need:
    def __init__(self, name: str):
        self.name = name

    def __call__(self, good, where: str, what: str, found) -> None:
        if not good:
            shown = repr(found) if isinstance(found, (int, float)) else json.dumps(found, default=repr)
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            raise DataError(f"{self.name}: not a tokenizer.json: {where} must be {what}, not {shown}")


def _whole(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@dataclass
class ByteLevel:
    """The vocabulary of a byte-level BPE. ``tokens``: bytes of each id, ``b""`` where it has none (special
    ones that nothing spells, gaps). ``special``: the special tokens that have none. ``outside``: ids with
    bytes that the model itself does not know. ``clash``: why some token has no bytes of its own."""

    tokens: list[bytes]
    merges: list[tuple[int, int, int]]
    special: dict[str, int]
    added: list[AddedToken]
    outside: set[int] = field(default_factory=set)
    clash: str | None = None


def byte_level(entry: dict) -> ByteLevel | None:
    """None where a token is spelled outside the byte alphabet, or a merge names none."""
    model = entry["model"]
    vocab: dict[str, int] = dict(model["vocab"])
    added = added_tokens.read(entry.get("added_tokens"))
    contents = {a.content: a for a in added}
    own = model.get(KEY) if isinstance(model.get(KEY), dict) else {}
    unspelled = set(own.get("unspelled", ()))
    hidden = own.get("special", {})
    ids = [*vocab.values(), *(a.id for a in added), *hidden.values(), own.get("size", 0) - 1]
    tokens = [b""] * (max(ids) + 1)
    out = ByteLevel(tokens, [], dict(hidden), added)
    try:
        pairs = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
        out.merges = [(vocab[a], vocab[b], vocab[a + b]) for a, b in pairs]
        for text, i in vocab.items():
            if text not in contents:
                tokens[i] = bytelevel.to_bytes(text)
    except KeyError:
        return None
    out.clash = _twice([*vocab.values(), *hidden.values()], [a for a in added if a.content not in vocab])
    made = {new for _, _, new in out.merges}
    whole = bool(model.get("ignore_merges"))
    for token in added:
        i, content = token.id, token.content
        known = content in vocab and i not in unspelled
        # Does the model itself give this id? By a merge, as one byte, or as a whole pre-token.
        reached = known and (i in made or len(content) == 1 or whole) and _spelled(content)
        if not known:
            out.outside.add(i)
        if reached:
            tokens[i] = bytelevel.to_bytes(content)
            if not token.special and tokens[i] != content.encode("utf-8"):
                out.clash = f"the added token {content!r} is also spelled {tokens[i]!r}"
        elif token.special:
            out.special[content] = i
        else:
            tokens[i] = content.encode("utf-8")
    return out


def _twice(ids: list[int], behind: list[AddedToken]) -> str | None:
    """Why some id stands for two tokens, where one does: ``ids`` of the vocabulary, added tokens ``behind``
    it."""
    known = set(ids)
    if len(known) < len(ids):
        return "two tokens of the vocabulary have one id"
    found = next((a for a in behind if a.id in known), None)
    return None if found is None else f"the added token {found.content!r} has an id of the vocabulary's"


def _spelled(text: str) -> bool:
    return all(c in bytelevel.BYTE_OF for c in text)
