"""The tables of what a text's way of writing does to its tokens: the same text changed, numbers, indentation,
common words."""

from __future__ import annotations

from tokenizers_lab.report.cells import Table, number, percent

_TOKENS = (
    "Edit distance of the tokens of 1 KiB passages before and after, relative to their number; in "
    "parentheses how much longer the sequence is."
)
_BITS = (
    "Held-out bits a byte of the changed text under an order-2 model of the text as it was; in parentheses "
    "against the unchanged text."
)
_WORDS = (
    "Of the most frequent words of the text, 1,000 at most, with the space before or without; running: "
    "weighted by how often they occur. Scripts without spaces have no such words."
)
_NUMBERS = (
    "Digits a token over numbers of 1 to 8 digits; mean tokens of a number of so many digits; tokens that an "
    "indentation of so many spaces (or tabs) adds to a line of code."
)


def robustness_tables(results: dict, file: str, entries) -> list[Table]:
    """As ``tables.tables``, for one file; ``entries`` are (codec name, its entry for the file)."""
    out = []
    measured = [(n, e["robustness"]) for n, e in entries if e.get("robustness")]
    changes = list(dict.fromkeys(c for _, found in measured for c in found))
    if changes:
        for title, note, show in (
            ("robustness, tokens that change", _TOKENS, _tokens),
            ("robustness, bits a byte", _BITS, _bits),
        ):
            rows = [[n, *(show(found.get(c)) for c in changes)] for n, found in measured]
            out.append(Table(f"{file}: {title}", note, ["codec", *changes], rows))
    kept = [(n, e["retention"]) for n, e in entries if e.get("retention")]
    if kept:
        rows = [[n, number(r["words"]), percent(r["types"]), percent(r["running"])] for n, r in kept]
        head = ["codec", "words", "retained", "retained, running"]
        out.append(Table(f"{file}: common words that are one token", _WORDS, head, rows))
    return out


def _tokens(found: dict | None) -> str:
    return "–" if found is None else f"{100 * found['changed']:.1f}% ({100 * (found['length'] - 1):+.1f}%)"


def _bits(found: dict | None) -> str:
    if found is None:
        return "–"
    if found["bits_change"] is None:
        return "refused"
    return f"{number(found['bits_per_byte'])} ({100 * found['bits_change']:+.1f}%)"


def answers(results: dict) -> list[Table]:
    """Numbers and indentation, which no text is needed for."""
    rows = [
        [
            c["name"],
            number(c["digits"]["digits_per_token"], 2),
            *(number(c["digits"]["tokens"][k], 2) for k in ("1", "2", "3", "4", "8")),
            *(number(v) for k, v in c["indentation"].items() if k != "mean"),
        ]
        for c in results["codecs"]
        if c.get("digits")
    ]
    if not rows:
        return []
    indents = [k for k in results["codecs"][0]["indentation"] if k != "mean"]
    head = [
        "codec",
        "digits a token",
        *(f"{k} digit{'s' * (k > 1)}" for k in (1, 2, 3, 4, 8)),
        *(f"{k} spaces" if k.isdigit() else k for k in indents),
    ]
    return [Table("Numbers and indentation", _NUMBERS, head, rows)]
