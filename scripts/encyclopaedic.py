"""Cleaning of encyclopaedic texts for gather_texts.py.

Pages of wikis keep their markup, articles of older encyclopaedias get one, and both become what a wiki's dump
holds; books and dictionaries become paragraphs.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import unquote

TITLE = "\x01"  # begins the line that holds a page's title until dumped() has made the dump's elements of it
PAGE = 200  # bytes below which a page is a stub or a redirect, and is left out
ENOUGH = 1000  # characters after which a further entry of a scanned encyclopaedia is a page of its own
PARAGRAPH = 120  # characters from which an entry of a collection of facts is a paragraph

_TAG = re.compile(r"<[^<>]*>")
_LATIN = re.compile("[A-Za-z]")


def title_of(path: str) -> str:
    """A page's title by its file's path."""
    name = re.sub(r"\.(mw|wiki|mediawiki|txt)$", "", path.split("/")[-1])
    return escaped(unquote(name).replace("_", " "))


def escaped(text: str) -> str:
    """As dumps write it: the apostrophe stays."""
    return html.escape(text, quote=False).replace('"', "&quot;")


def english(text: str) -> bool:
    """Whether the commonest words of English come as often as in prose (or as in a list with some of it)."""
    words = re.findall(r"[A-Za-z]+", text)
    common = sum(word.lower() in {"the", "of", "and", "to", "a", "in", "is", "for", "it"} for word in words)
    letters = sum(map(str.isalpha, text))
    return common * 12 >= len(words) > 20 and len(_LATIN.findall(text)) * 20 >= letters * 19


def page(text: str) -> str:
    """The markup of a wiki's page as a dump holds it, without code, nothing if it is short or not English."""
    text = re.sub(r"<(source|syntaxhighlight|pre|gallery)\b[^>]*>.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--T:\d+-->|</?translate>|^.*\(UTC\).*\n?", "", text, flags=re.MULTILINE)  # of talks
    text = re.sub(r"^ .*\n?", "", text.replace(TITLE, ""), flags=re.MULTILINE).strip()  # of commands
    if len(text) < PAGE or re.match(r"#redirect", text, re.IGNORECASE) or not english(text):
        return ""
    return escaped(text)


def pages(text: str) -> str:
    """The articles of a dump (MediaWiki's export), each one's title and markup."""
    out = []
    for found in re.finditer(
        r"<title>([^<]*)</title>\s*<ns>0</ns>.*?<text[^>]*>(.*?)</text>", text, re.DOTALL
    ):
        if body := page(html.unescape(found.group(2))):
            out.append(f"{TITLE}{found.group(1)}\n{body}")
    return "\n".join(out)


def dumped(text: str) -> str:
    """Marked titles and the markup after each as the elements of a dump, as far as they are known."""
    out = []
    for one in text.split(TITLE)[1:]:
        title, _, body = one.partition("\n")
        if len(body) >= PAGE:
            out.append(
                f"  <page>\n    <title>{title}</title>\n    <revision>\n"
                f'      <text xml:space="preserve">{body.strip()}</text>\n    </revision>\n  </page>\n'
            )
    return "".join(out)


def _paragraph(text: str, letters: float = 0.66) -> str:
    """A paragraph without tags, nothing where less of it are letters."""
    text = " ".join(html.unescape(_TAG.sub("", text)).split())
    return text if len(_LATIN.findall(text)) >= letters * len(text) else ""


def scan(text: str) -> str:
    """The scanned pages of an encyclopaedia as a wiki's, without headers, notes, tables. A page of the wiki
    begins at an entry (its name in capitals) where the one before has ENOUGH, and is named by it."""
    out: list[str] = []
    size = 0
    for block in re.findall(r'data-label="Text">(.*?)</div>', text, re.DOTALL):
        for raw in re.findall(r"<p>(.*?)</p>", block, re.DOTALL):
            found = _paragraph(re.sub(r"</?i>", "''", raw))
            if len(found) <= PARAGRAPH:
                continue
            if entry := re.match(r"([A-Z]{3,}(?: [A-Z]{3,})*)(?=[,.] )", found):
                name = entry.group().capitalize()
                found = f"'''{name}'''{found[entry.end() :]}"
                if not out or size >= ENOUGH:
                    out.append(TITLE + name)
                    size = 0
            if out:
                out.append(escaped(found) + "\n")
                size += len(found)
    return "\n".join(out)


def book(text: str) -> str:
    """The paragraphs and headings of a chapter (XHTML), without the numbers of its notes."""
    text = re.sub(r"<head\b.*?</head>|<a [^>]*noteref[^>]*>.*?</a>|[\u2060\ufeff]", "", text, flags=re.DOTALL)
    return "\n".join(
        filter(
            None, map(_paragraph, re.findall(r"<(?:p|h[1-6])\b[^>]*>(.*?)</(?:p|h[1-6])>", text, re.DOTALL))
        )
    )


def coded(text: str) -> str:
    """An article whose markup stands in guillemets as a wiki's page, without notes and tables."""
    text = re.sub(r"«(TABLE|FN|MATH)\b.*?«/\1»", "", text, flags=re.DOTALL)
    text = re.sub(r"«LN(?:\[[^\]]*\])?:([^|»]*)\|([^«»]*)«/LN»", r"[[\1|\2]]", text)
    text = re.sub(r"\[\[([^|\]]*)\|\1\]\]", r"[[\1]]", text)
    text = re.sub(r"«SH:[^»]*»(.*?)\.?«/SH»", r"\n\n== \1 ==\n", text)
    text = re.sub(r"«/?P»|«BR»", "\n\n", re.sub(r"«/?I»", "''", re.sub(r"«/?B»", "'''", text)))
    text = "\n".join(" ".join(line.split()) for line in re.sub(r"«[^»]*»", "", text).split("\n"))
    name = re.match(r"'''(.*?)'''", text)
    body = page(text)
    return f"{TITLE}{escaped(name.group(1).capitalize())}\n{body}" if name and body else ""


def facts(text: str) -> str:
    """A country's page of a book of facts (JSON), its longer texts under the headings they have there."""
    held = json.loads(text)
    out: list[str] = []

    def add(value: Any, depth: int) -> None:
        for key, one in value.items():
            if isinstance(one, str):
                one = re.sub(r"</?(strong|b)>", "'''", re.sub(r"</?(em|i)>", "''", one))
                parts = [_paragraph(part, 0.6) for part in re.split(r"<br ?/?>|</?p>|\n", one)]
                out.extend(part + "\n" for part in parts if len(part) >= PARAGRAPH // 2)
            elif isinstance(one, dict):
                mark = "=" * depth
                out.append(f"{mark}{key.strip()}{mark}")
                add(one, depth + 1)
                if out[-1].startswith("="):  # nothing came under it
                    out.pop()

    name = held.get("Government", {}).get("Country name", {}).get("conventional short form", {}).get("text")
    add(held, 2)
    body = page("\n".join(out))
    return f"{TITLE}{escaped(name)}\n{body}" if name and body else ""


def entries(text: str) -> str:
    """A dictionary's entries (JSON: name and definitions), each with its name before it."""
    out = []
    for entry in json.loads(text).values():
        for one in entry["definitions"]:
            if len(found := _paragraph(one["text"])) >= PARAGRAPH:
                out += ["", entry["name"], found]
    return "\n".join(out)


def fandom(text: str) -> str:
    """The paragraphs and headings of a wiki's page that was saved without its markup."""
    out = []
    for line in map(str.strip, text.split("\n")):
        if line.endswith("[]"):
            out += ["", line.removesuffix("[]")]
        elif len(line) >= PARAGRAPH and line[-1] in '.!?"\u201d)]' and english(line):
            out.append(re.sub(r"\[\d+\]", "", line))
    return "\n".join(out)
