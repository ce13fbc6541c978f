"""Aligned translations: the same passages in several languages, by identifier.

Reads gettext catalogues (``.po``, ``.mo``; the identifier is the message in the source language, which is
itself the language ``source``) and Bibles with a verse a line (``Ge1:1 In the beginning …`` or
``Ge1:1<TAB>…``).

Concession: plural forms beyond the singular, and fuzzy or untranslated messages, are left out.
"""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

from tokenizers_lab.errors import DataError, LabError

_VERSE = re.compile(r"^([1-4]?\s?[^\W\d_]+\.?\s?\d+[:.]\d+)[\s]+(\S.*)$")


def read_passages(path) -> dict[str, str]:
    """``{identifier: text}``. Raises :class:`DataError` naming the line that cannot be read."""
    path = Path(path)
    if not path.is_file():
        raise LabError(f"{path}: no such file")
    if path.suffix == ".mo":
        with open(path, "rb") as source:
            try:
                # the parsed table; the class offers lookups only
                catalogue = vars(gettext.GNUTranslations(source))["_catalog"]
            except (OSError, UnicodeDecodeError, ValueError, IndexError) as error:
                raise DataError(f"{path}: not a gettext catalogue: {error}") from None
        return {k.split("\x04")[-1]: v for k, v in catalogue.items() if isinstance(k, str) and k and v}
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}") from None
    if path.suffix in (".po", ".pot"):
        return dict(_read_po(path, lines))
    verses = (_VERSE.match(line) for line in lines)
    found = {m.group(1).replace(" ", ""): m.group(2).strip() for m in verses if m}
    if not found:
        raise DataError(f"{path}: neither a gettext catalogue nor verses ('Ge1:1 text') stand in it")
    return found


def _read_po(path, lines):
    entry: dict[str, str] = {}
    field, fuzzy = "", False
    for number, line in enumerate([*lines, ""], 1):
        line = line.strip()
        if line.startswith("#,") and "fuzzy" in line:
            fuzzy = True
        if line.startswith("#"):
            continue
        keyword = re.match(r"(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s+(?=\")", line)
        if not line or (keyword and keyword.group(1) in ("msgid", "msgctxt") and "msgstr" in entry):
            if entry.get("msgid") and entry.get("msgstr") and not fuzzy:
                yield entry["msgid"], entry["msgstr"]
            entry, fuzzy = {}, fuzzy and bool(line) and "msgstr" not in entry
        if not line:
            continue
        if keyword:
            field = keyword.group(1)
            line = line[keyword.end() :]
        try:
            text = ast.literal_eval(line)
        except (ValueError, SyntaxError):
            raise DataError(f"{path}: line {number} is not a quoted string") from None
        name = "msgstr" if field == "msgstr[0]" else field
        entry[name] = entry.get(name, "") + text


def source_passages(passages: dict[str, str]) -> dict[str, str]:
    """The source language of a catalogue: each identifier is its own text."""
    return {k: k for k in passages}
