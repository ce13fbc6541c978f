"""Make the further training texts of the raw experts again, from git clones of the pinned commits.

Every row of gather_texts.tsv is one text: repository, commit, the files taken, how they are cleaned, the
licence, and the size and hash of what comes out. Clones lie in --repos as OWNER/NAME. Lines that the judged
texts hold too are removed (--judged, several folders or files), and lines that an earlier text of the table
holds, so the hashes hold only for the whole table and with the same judged texts. Ends with 1 where a text is
not as listed.

    python scripts/gather_texts.py --repos CLONES --judged CORPORA/dev --judged CORPORA/enwik8 --out FOLDER
"""

from __future__ import annotations

import csv
import hashlib
import html
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from encyclopaedic import TITLE, book, coded, dumped, entries, facts, fandom, page, pages, scan, title_of
from near_duplicates import LINE, Judged, judged_bytes, normal

TABLE = Path(__file__).with_name("gather_texts.tsv")
OFTEN = 20  # how often a shorter line may come (headings of reference pages come thousands of times)
PROSE = {
    "tr",
    "ru",
    "zh",
    "en",
    "pages",
}  # of other kinds (JSON) no line goes but those that the judged texts have
LARGEST = 4 << 20  # bytes; larger files are left out (snapshots of repositories may lack them)


@dataclass(frozen=True)
class Text:
    """A row of the table: `files` is a regular expression; `each` (file) and `cap` (in all) are bytes."""

    name: str
    language: str
    repo: str
    commit: str
    files: str
    clean: str
    each: int
    cap: int
    licence: str
    size: int
    sha256: str


def read_table(path: Path = TABLE) -> list[Text]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = []
    for row in rows:
        fields: dict[str, Any] = dict(row)
        found.append(Text(**fields | {name: int(row[name]) for name in ("each", "cap", "size")}))
    return found


# Files of a clone


def git(clone: Path, *words: str, given: bytes | None = None) -> bytes:
    return subprocess.run(
        ["git", "-C", str(clone), *words], input=given, stdout=subprocess.PIPE, check=True
    ).stdout


def files_of(clone: Path, text: Text) -> Iterator[tuple[str, bytes]]:
    """The wanted files, path and contents, in the order of their paths' hashes, which mixes the folders."""
    wanted = re.compile(text.files)
    found = []
    for entry in git(clone, "ls-tree", "-r", "-z", text.commit).split(b"\0")[:-1]:
        head, _, path = entry.partition(b"\t")
        mode, kind, blob = head.split()
        if kind == b"blob" and mode != b"120000" and wanted.search(path.decode("utf-8", "replace")):
            found.append((hashlib.sha256(path).digest(), blob, path.decode("utf-8", "replace")))
    found.sort()
    for first in range(0, len(found), 256):
        part = found[first : first + 256]
        sizes = git(clone, "cat-file", "--batch-check", given=b"\n".join(b for _, b, _ in part) + b"\n")
        held = {
            fields[0]
            for fields in map(bytes.split, sizes.splitlines())
            if len(fields) == 3 and int(fields[2]) < LARGEST
        }
        part = [one for one in part if one[1] in held]
        data = git(clone, "cat-file", "--batch", given=b"".join(b + b"\n" for _, b, _ in part))
        at = 0
        for _, _, path in part:
            end = data.index(b"\n", at)
            size = int(data[at:end].split()[2])
            yield path, data[end + 1 : end + 1 + size]
            at = end + 2 + size


# Cleaning: each takes the text of a file and gives its prose

_FENCE = re.compile(r"^[ \t>]*(```|~~~).*?^[ \t>]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]\n]*)\](\([^)\n]*\)|\[[^\]\n]*\])")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\?.*?\?>", re.DOTALL)
_CODE = re.compile(
    r"<(programlisting|screen|methodsynopsis|constructorsynopsis|classsynopsis|synopsis|literallayout)\b.*?</\1>",
    re.DOTALL,
)


def markdown(text: str) -> str:
    text = _COMMENT.sub("", _FENCE.sub("", _FRONT.sub("", text)))
    return _TAG.sub("", _LINK.sub(r"\1", text))


def docbook(text: str) -> str:
    text = re.sub(r"<!\[CDATA\[.*?\]\]>", "", _COMMENT.sub("", text), flags=re.DOTALL)
    text = _TAG.sub("", _CODE.sub("", text))
    text = re.sub(
        r"&[\w.-]+;",
        lambda m: html.unescape(m.group()) if html.unescape(m.group()) != m.group() else "",
        text,
    )
    return "\n".join(line.strip() for line in text.split("\n"))


def cnxml(text: str) -> str:
    """A module of a textbook, without its formulae."""
    text = re.sub(r"<(metadata|m:math)\b.*?</\1>", "", text, flags=re.DOTALL)
    return docbook(text)


def mediawiki(text: str) -> str:
    """A proposal in MediaWiki markup, if it says that its licence is a free one."""
    found = re.findall(r"^ *License: *(\S+)", text, re.MULTILINE)
    return text if found and all(re.match("BSD|CC0|PD|MIT|CC-BY", one) for one in found) else ""


def gettext(text: str) -> str:
    """The translations of a .po file."""
    out = []
    for found in re.finditer(r'^msgstr(?:\[\d\])? ((?:"(?:[^"\\\n]|\\.)*"\n?)+)', text, re.MULTILINE):
        joined = "".join(
            json.loads(part) for part in re.findall(r'"(?:[^"\\\n]|\\[nt"\\])*"', found.group(1))
        )
        out.append(joined)
    return "\n".join(out[1:])  # the first is the header


def conllu(text: str) -> str:
    return "\n".join(line[9:] for line in text.split("\n") if line.startswith("# text = "))


def notebook(text: str) -> str:
    try:
        cells = json.loads(text)["cells"]
    except (ValueError, KeyError):
        return ""
    return "\n\n".join(markdown("".join(c["source"])) for c in cells if c["cell_type"] == "markdown")


def minified(text: str) -> str:
    """A JSON file without blanks."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) + "\n"
    except ValueError:
        return ""


def plain(text: str) -> str:
    return text


CLEAN = {
    f.__name__: f for f in (markdown, docbook, cnxml, mediawiki, gettext, conllu, notebook, minified, plain)
} | {f.__name__: f for f in (page, pages, scan, book, coded, facts, entries, fandom)}

_TURKISH = re.compile("[çğıöşüÇĞİÖŞÜâîû]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_HAN = re.compile("[\u3001-\u303f\u4e00-\u9fff\uff01-\uff5e]")


def in_language(line: str, language: str) -> bool:
    """Whether a line is written in the language, by the letters of it."""
    letters = sum(map(str.isalpha, line))
    if language == "ru":
        return len(_CYRILLIC.findall(line)) * 2 >= letters > 0
    if language == "zh":
        return len(_HAN.findall(line)) * 3 >= len(line) > 0
    if language == "tr":
        return len(_TURKISH.findall(line)) * 25 >= letters > 0
    return True


def gather(text: Text, clone: Path, judged: Judged, seen: Counter[bytes]) -> tuple[bytes, Counter[str]]:
    """The text, and how many lines were dropped for what."""
    out: list[str] = []
    size = 0
    dropped: Counter[str] = Counter()
    for path, data in files_of(clone, text):
        if size >= text.cap:
            break
        cleaned = CLEAN[text.clean](data.decode("utf-8", "replace").replace("\r\n", "\n").lstrip("\ufeff"))
        if text.clean == "page" and cleaned:
            cleaned = TITLE + title_of(path) + "\n" + cleaned
        until = size + text.each
        for raw in cleaned.split("\n"):
            line = raw.rstrip() if text.language in PROSE else raw
            if size >= until:
                break
            if not line:
                if out and out[-1]:
                    out.append("")
                continue
            key = normal(line)
            if text.language not in PROSE:
                if judged.holds(line):
                    dropped["that a judged text has"] += 1
                else:
                    out.append(line)
                    size += len(line.encode()) + 1
            elif "\ufffd" in line or not in_language(line, text.language):
                dropped["of another language"] += 1
            elif seen[key] >= (1 if len(key) >= LINE else OFTEN) and (
                text.language != "pages" or len(key) >= LINE
            ):
                dropped["seen before"] += 1
            elif judged.holds(line):
                dropped["that a judged text has"] += 1
            else:
                seen[key] += 1
                out.append(line)
                size += len(line.encode()) + 1
    kept, dropped["that share a shingle with one"] = judged.without_shared("\n".join(out))
    if text.language == "pages":
        kept = dumped(kept)
    return (kept.strip("\n") + "\n").encode(), dropped


@click.command(help=__doc__)
@click.option("--repos", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--judged", type=click.Path(path_type=Path, exists=True), required=True, multiple=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
def main(repos: Path, judged: tuple[Path, ...], out: Path) -> None:
    held = Judged(judged_bytes(judged))
    seen: Counter[bytes] = Counter()
    out.mkdir(parents=True, exist_ok=True)
    wrong = []
    for text in read_table():
        if not (repos / text.repo).exists():
            raise click.ClickException(f"there is no clone of {text.repo} in {repos}")
        data, dropped = gather(text, repos / text.repo, held, seen)
        (out / text.name).write_bytes(data)
        if (len(data), hashlib.sha256(data).hexdigest()) != (text.size, text.sha256):
            wrong.append(text.name)
        counts = ", ".join(f"{count} lines {why}" for why, count in sorted(dropped.items()) if count)
        click.echo(f"{text.name}: {len(data):,} B, {text.licence}; left out: {counts or 'nothing'}")
    if wrong:
        raise click.ClickException(f"not as listed: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
