"""Hunspell dictionaries (``.dic`` and ``.aff``), as far as morphology needs them: stems, affixes, valid
words.

A word is valid if it is a stem, or a stem with up to two suffixes (and a prefix) that the stem's flags allow,
with the affixes' strip rules and conditions: Hunspell's own rule. ``Dictionary.find`` looks in the places
where Debian and LibreOffice put dictionaries, or where it is told.

Concession: compounds are not formed (Hunspell does for Hungarian), nor the rarer directives (CIRCUMFIX,
COMPLEXPREFIXES)."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from tokenizers_lab.errors import DataError, LabError

FOLDERS = (
    "/usr/share/hunspell",
    "/usr/share/myspell/dicts",
    "/usr/local/share/hunspell",
    "/Library/Spelling",
    "/opt/homebrew/share/hunspell",
)


class Dictionary:
    """``stems``: word → its flags; ``suffixes`` and ``prefixes``: added text → [(strip, condition, flag,
    further flags)]."""

    def __init__(self, aff: Path, dic: Path):
        self.language = dic.stem
        self._mode = "short"
        self._aliases: list[frozenset] = [frozenset()]
        self.suffixes: dict[str, list] = {}
        self.prefixes: dict[str, list] = {}
        self.cross: set[str] = set()
        self._special: dict[str, str] = {}
        self._read_aff(aff)
        self.stems: dict[str, frozenset] = {}
        self._read_dic(dic)

    @classmethod
    def find(cls, language: str, folder=None) -> Dictionary:
        """The dictionary of ``tr``, ``hu``, ``tr_TR`` … in ``folder`` or in the usual places. Raises
        :class:`LabError` with what to install."""
        places = [Path(folder)] if folder else [Path(f) for f in FOLDERS]
        for place in places:
            for dic in sorted(place.glob(f"{language}*.dic")):
                if dic.stem.split("_")[0] == language.split("_")[0] and dic.with_suffix(".aff").is_file():
                    return cls(dic.with_suffix(".aff"), dic)
        raise LabError(
            f"no hunspell dictionary for {language!r} in {', '.join(map(str, places))}; install one "
            f"(Debian: apt install hunspell-{language.split('_')[0]}) or name its folder with --hunspell"
        )

    def _flags(self, text: str) -> frozenset:
        if len(self._aliases) > 1:
            return (
                self._aliases[int(text)] if text.isdigit() and int(text) < len(self._aliases) else frozenset()
            )
        return self._split(text)

    def _split(self, text: str) -> frozenset:
        if self._mode == "num":
            return frozenset(text.split(","))
        if self._mode == "long":
            return frozenset(text[i : i + 2] for i in range(0, len(text), 2))
        return frozenset(text)

    def _read_aff(self, path: Path) -> None:
        raw = path.read_bytes()
        named = re.search(rb"^SET[ \t]+(\S+)", raw, re.MULTILINE)
        self._encoding = named.group(1).decode("ascii", "replace") if named else "iso8859-1"
        try:
            lines = raw.decode(self._encoding, "replace").lstrip("\ufeff").splitlines()
        except LookupError:
            raise DataError(f"{path}: unknown encoding {self._encoding!r}") from None
        conditions: dict[tuple, re.Pattern] = {}
        first_alias = True
        for line in lines:
            parts = line.split()
            if not parts or parts[0].startswith("#"):
                continue
            key = parts[0]
            if key == "FLAG":
                self._mode = {"num": "num", "long": "long"}.get(parts[1], "short")
            elif key == "AF":
                if first_alias:
                    first_alias = False
                else:
                    self._aliases.append(self._split(parts[1]))
            elif key in ("NEEDAFFIX", "PSEUDOROOT", "FORBIDDENWORD", "ONLYINCOMPOUND") and len(parts) > 1:
                self._special[{"PSEUDOROOT": "NEEDAFFIX"}.get(key, key)] = parts[1]
            elif key in ("SFX", "PFX") and len(parts) >= 4:
                flag = parts[1]
                if parts[2] in "YN" and parts[3].isdigit() and len(parts) == 4:
                    if parts[2] == "Y":
                        self.cross.add(key + flag)
                    continue
                strip = "" if parts[2] == "0" else parts[2]
                add, _, more = parts[3].partition("/")
                add = "" if add == "0" else add
                condition = parts[4] if len(parts) > 4 and not parts[4].startswith("#") else "."
                pattern = conditions.get((key, condition))
                if pattern is None:
                    escaped = _condition(condition)
                    try:
                        pattern = re.compile(f"{escaped}$" if key == "SFX" else f"^{escaped}")
                    except re.error:
                        raise DataError(
                            f"{path}: condition {condition!r} of flag {flag} cannot be read"
                        ) from None
                    conditions[key, condition] = pattern
                table = self.suffixes if key == "SFX" else self.prefixes
                table.setdefault(add, []).append(
                    (strip, pattern, flag, self._flags(more) if more else frozenset())
                )

    def _read_dic(self, path: Path) -> None:
        for line in path.read_bytes().decode(self._encoding, "replace").splitlines()[1:]:
            entry = line.split("\t")[0].split(" ")[0].strip()
            if not entry:
                continue
            word, flags = entry, frozenset[str]()
            cut = entry.find("/", 1)
            if cut > 0 and entry[cut - 1] != "\\":
                word, flags = entry[:cut], self._flags(entry[cut + 1 :])
            known = self.stems.get(word)
            self.stems[word] = flags if known is None else known | flags

    @cached_property
    def affixes(self) -> frozenset[str]:
        """The surface forms of all affixes, without the empty one."""
        return frozenset(self.suffixes) | frozenset(self.prefixes) - {""}

    @cached_property
    def _longest(self) -> tuple[int, int]:
        return max(map(len, self.suffixes), default=0), max(map(len, self.prefixes), default=0)

    def is_root(self, word: str) -> bool:
        """Whether ``word`` stands in the dictionary as a stem (one that is not forbidden)."""
        flags = self.stems.get(word)
        return flags is not None and self._special.get("FORBIDDENWORD") not in flags

    def is_affix(self, text: str) -> bool:
        """Whether ``text`` is the surface form of a suffix or prefix."""
        return text in self.affixes

    def is_word(self, word: str) -> bool:
        """Whether ``word`` is a stem or a stem with affixes that its flags allow."""
        flags = self.stems.get(word)
        hidden = {self._special.get("NEEDAFFIX"), self._special.get("ONLYINCOMPOUND")}
        if flags is not None:
            if self._special.get("FORBIDDENWORD") in flags:
                return False
            if not hidden & flags:
                return True
        if self._suffixed(word, frozenset(), 2):
            return True
        for size in range(1, min(self._longest[1], len(word) - 1) + 1):
            for strip, condition, flag, more in self.prefixes.get(word[:size], ()):
                stem = strip + word[size:]
                if not condition.search(stem):
                    continue
                known = self.stems.get(stem)
                if known is not None and flag in known | more:
                    return True
                if "PFX" + flag in self.cross and self._suffixed(stem, frozenset([flag]), 2):
                    return True
        return False

    def _suffixed(self, word: str, needed: frozenset, depth: int, carried: str | None = None) -> bool:
        """Whether ``word`` = stem + suffix(es); ``carried`` is the flag of the outer suffix, which the inner
        suffix (or the stem) must allow; ``needed`` flags must be the stem's or the suffix's."""
        for size in range(min(self._longest[0], len(word) - 1) + 1):
            cut = len(word) - size
            for strip, condition, flag, more in self.suffixes.get(word[cut:], ()):
                if carried is not None and carried not in more:
                    continue
                if needed and "SFX" + flag not in self.cross:
                    continue
                stem = word[:cut] + strip
                if size == 0 and not strip or not condition.search(stem):
                    continue
                if carried is None and self._special.get("NEEDAFFIX") in more:
                    continue  # this suffix must itself be suffixed
                known = self.stems.get(stem)
                if (
                    known is not None
                    and flag in known
                    and needed <= known | more
                    and self._special.get("FORBIDDENWORD") not in known
                    and self._special.get("ONLYINCOMPOUND") not in known
                ):
                    return True
                if depth > 1 and self._suffixed(stem, needed, depth - 1, flag):
                    return True
        return False


def _condition(text: str) -> str:
    """A condition as a regular expression: only ``.``, ``[…]`` and ``[^…]`` mean something; ``-`` makes no
    range."""
    out = []
    for piece in re.findall(r"\[\^?[^\]]*\]|.", text):
        if piece == ".":
            out.append(".")
        elif len(piece) > 1:
            negated = piece.startswith("[^")
            out.append(f"[{'^' if negated else ''}{re.escape(piece[2 if negated else 1 : -1])}]")
        else:
            out.append(re.escape(piece))
    return "".join(out)
