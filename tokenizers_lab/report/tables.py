"""The tables of a results file, once, for both the page and the terminal: a title, a note, headings, rows.

Cells are strings, formatted here; the first column names the codec. Missing figures are an en dash, refused
ones say so."""

from __future__ import annotations

from tokenizers_lab.report.cells import Table, number, percent, with_interval
from tokenizers_lab.report.robustness_tables import answers, robustness_tables
from tokenizers_lab.report.window_tables import window_tables


def tables(results: dict) -> list[Table]:
    """All tables that the results have figures for."""
    out = [_codecs(results)]
    for file in results["files"]:
        out += _per_file(results, file["name"])
    for maker in (answers, _overlap, _mismatch, _parity, _gold, _glitch):
        out += maker(results)
    return out


def _codecs(results) -> Table:
    rows = [
        [
            c["name"],
            number(c["vocab"]) + (f" (of {c['nominal_vocab']:,})" if c.get("nominal_vocab") else ""),
            number(c["used_vocab"]),
            "yes" if c["lossless"] else f"no: {c['loss']}",
            c["fingerprint"][:12],
        ]
        for c in results["codecs"]
    ]
    return Table(
        "Codecs",
        "Used: ids that can occur at all; of: the size the method is known by. Fingerprint: equal ones "
        "give equal ids.",
        ["codec", "vocabulary", "used", "lossless", "fingerprint"],
        rows,
    )


def _per_file(results, file) -> list[Table]:
    entries = [(c["name"], c["files"][file]) for c in results["codecs"]]
    size = next(f["bytes"] for f in results["files"] if f["name"] == file)
    counts = [
        [
            n,
            number(e["counts"]["tokens"]),
            with_interval(e["counts"]["bytes_per_token"]),
            with_interval(e["counts"]["characters_per_token"]),
            with_interval(e["counts"]["fertility"]),
            with_interval(e["counts"]["bit_ratio"]),
            number(e.get("nsl")),
            e["accounting"],
        ]
        for n, e in entries
    ]
    out = [
        Table(
            f"{file}: length",
            f"{size:,} bytes. Fertility: tokens a word. Bit ratio: 8B/(T·log₂V). NSL: tokens against the "
            "first codec. Bytes: whether token bytes add up to the raw bytes. 95% intervals in parentheses.",
            [
                "codec",
                "tokens",
                "bytes a token",
                "characters a token",
                "fertility",
                "bit ratio",
                "NSL",
                "bytes",
            ],
            counts,
        )
    ]
    compressors = list(results["baselines"].get(file, {}))
    if compressors:
        rows = [
            ["(raw bytes)", *(number(results["baselines"][file][c]["bits_per_byte"]) for c in compressors)]
        ]
        for n, e in entries:
            stream = e["stream_bits_per_byte"]
            rows.append(
                [
                    n,
                    *(
                        number(stream[c]["bits_per_byte"])
                        if stream and c in stream
                        else "refused"
                        if stream is None
                        else "–"
                        for c in compressors
                    ),
                ]
            )
        note = "Compressed bits of the token stream for each raw byte. Refused where the bytes do not add up."
        parts = {c: results["baselines"][file][c]["raw_bytes"] for c in compressors}
        short = [c for c in compressors if parts[c] < size]
        if short:
            note += f" {', '.join(short)} saw the first {parts[short[0]]:,} of {size:,} bytes."
        out.append(Table(f"{file}: bits per byte of the token stream", note, ["codec", *compressors], rows))
    rows = []
    for n, e in entries:
        f = e["efficiency"]
        u = f["utilisation"]
        rows.append(
            [
                n,
                number(f["h1"]),
                with_interval(u),
                number(u["corrected"]),
                number(u["held_out"]),
                with_interval(f["redundancy"]),
                with_interval(f["kl_uniform"]),
                *(with_interval(f["renyi"][a]) for a in f["renyi"]),
            ]
        )
    alphas = list(entries[0][1]["efficiency"]["renyi"])
    out.append(
        Table(
            f"{file}: use of the vocabulary",
            "η = H₁/log₂V with the true V: plug-in, Miller–Madow, held-out. KL from "
            "uniform in bits. Rényi: efficiency H_α/log₂V.",
            [
                "codec",
                "H₁",
                "η",
                "η corrected",
                "η held out",
                "redundancy",
                "KL",
                *(f"Rényi {a}" for a in alphas),
            ],
            rows,
        )
    )
    rows = []
    for n, e in entries:
        for h in e["entropies"]:
            rows.append(
                [
                    n,
                    f"H{h['k']}",
                    with_interval(h),
                    number(h["corrected"]),
                    number(h["held_out"]),
                    percent(h["coverage"]),
                    number(h["types"]),
                    number(h["per_byte"]),
                ]
            )
    out.append(
        Table(
            f"{file}: entropies",
            "Bits a token. The plug-in value undersamples as k grows: believe it only where the "
            "held-out value (an order-(k−1) model scored on text it has not seen) agrees. Coverage: "
            "contexts seen." + _kgram_part(results, size),
            [
                "codec",
                "",
                "plug-in",
                "Miller–Madow",
                "held out",
                "coverage",
                "distinct k-grams",
                "plug-in, bits a byte",
            ],
            rows,
        )
    )
    rows = [
        [
            n,
            percent(e["utf8"]["vocabulary_complete"]),
            with_interval(e["utf8"]["stream_complete"]),
            number(e["utf8"]["split_characters"]),
            percent(e["utf8"]["split_rate"]),
        ]
        for n, e in entries
        if e["utf8"]
    ]
    if rows:
        out.append(
            Table(
                f"{file}: UTF-8",
                "Complete: valid UTF-8 by itself. Split: multi-byte characters that a token border cuts.",
                ["codec", "vocabulary complete", "stream complete", "characters split", "split rate"],
                rows,
            )
        )
    rows = []
    for n, e in entries:
        m = e.get("morphology")
        if m:
            rows.append(
                [
                    n,
                    percent(m["unique"]["tr"]),
                    with_interval(m["running"]["tr"]),
                    percent(m["unique"]["pure"]),
                    with_interval(m["running"]["pure"]),
                ]
            )
    if rows:
        out.append(
            Table(
                f"{file}: morphology",
                "%TR: tokens that are valid words. %Pure: tokens that are roots or affixes. Over "
                "distinct and over running tokens that hold a letter.",
                ["codec", "%TR distinct", "%TR running", "%Pure distinct", "%Pure running"],
                rows,
            )
        )
    out += robustness_tables(results, file, entries)
    shorter = results.get("dynamic", {}).get(file)
    if shorter:
        out.append(_dynamic(file, shorter))
    found = results.get("bound", {}).get(file)
    if found:
        out.append(_bound(file, found))
    return out + window_tables(results, file, entries)


def _dynamic(file: str, found: dict) -> Table:
    """How much shorter batches become by merges of their own."""
    rows = [
        [
            name,
            f"{r['batch']:,}",
            f"{r['merges']:,}",
            *(f"{100 * r[key]:.1f}%" for key in ("left", "with_merges")),
        ]
        for name, entries in found.items()
        for r in entries["rows"]
    ]
    return Table(
        f"{file}: merges of a batch",
        "What is left of a batch's tokens after merges made for it alone, and with the merges' own ids.",
        ["codec", "tokens of a batch", "merges at most", "left", "left, with the merges"],
        rows,
    )


def _bound(file: str, found: dict) -> Table:
    """How far from the best vocabulary."""
    rows = [["a vocabulary found on the way", *_over(found["reached"], found["bound"]), ""]]
    rows += [
        [row["codec"], *_over(row["tokens"], found["bound"]), row["outside"] or ""] for row in found["codecs"]
    ]
    return Table(
        f"{file}: distance from the best vocabulary",
        f"No vocabulary of {found['vocab_size']:,} within GPT-2's words cuts these {found['bytes']:,} bytes "
        f"into fewer than {found['bound']:,} tokens: a certified bound; {how_close(found)}. What is not "
        "held to it is told.",
        ["codec", "tokens", "above the bound", "not held to it, for"],
        rows,
    )


LOOSE = 0.05
"""Where the best that is known is so far above a bound, the bound may be why."""


def how_close(found: dict) -> str:
    """What a bound and the tokens beside it (``analysis/gap.py``) say of the best vocabulary."""
    known = [row["tokens"] for row in found["codecs"] if not row["outside"]]
    over = min([found["reached"], *known]) / found["bound"] - 1
    loose = "; the bound is loose, and how much of that is its own is not known" if over > LOOSE else ""
    return f"the best vocabulary is from 0 to {100 * over:.2f}% above it{loose}"


def _over(tokens: int, bound: int) -> list[str]:
    return [f"{tokens:,}", f"{100 * (tokens / bound - 1):.2f}%"]


def _kgram_part(results, size: int) -> str:
    """Whether k-grams were counted on a part only."""
    part = results.get("settings", {}).get("kgram_bytes", size)
    return f" On the first {part:,} of {size:,} bytes." if part < size else ""


def _matrix(title, notes, names, matrix, show=number) -> Table:
    return Table(title, notes, ["", *names], [[n, *(show(v) for v in row)] for n, row in zip(names, matrix)])


def _overlap(results) -> list[Table]:
    data = results.get("overlap")
    if not data:
        return []
    part = results.get("settings", {}).get("overlap_bytes")
    seen = f" On the first {part:,} bytes at most." if part else ""
    out = [_matrix("Vocabulary overlap", "Jaccard index of the token sets.", data["names"], data["jaccard"])]
    for file, matrix in data["weighted"].items():
        out.append(
            _matrix(
                f"{file}: overlap by use",
                "Σ min(p, q) / Σ max(p, q) of token frequencies." + seen,
                data["names"],
                matrix,
            )
        )
    for file, matrix in data["boundary_f1"].items():
        out.append(
            _matrix(
                f"{file}: agreement of borders",
                "F1 of the inner token borders." + seen,
                data["names"],
                matrix,
            )
        )
    return out


def _mismatch(results) -> list[Table]:
    data = results.get("mismatch")
    if not data:
        return []
    return [
        _matrix(
            "Domain mismatch",
            f"Rows: trained on; columns: measured on. Excess {data['cost']} a byte over the "
            "column's own codec.",
            data["domains"],
            data["excess"],
            percent,
        )
    ]


def _parity(results) -> list[Table]:
    entries = [(c["name"], c["parity"]) for c in results["codecs"] if c.get("parity")]
    if not entries:
        return []
    languages = list(entries[0][1]["languages"])
    rows = [
        [
            n,
            *(with_interval(p["languages"][x]["parity"], 2) for x in languages),
            with_interval(p["gini"]),
            number(p["gini_tokens_per_byte"]),
        ]
        for n, p in entries
    ]
    first = entries[0][1]
    return [
        Table(
            "Parity over languages",
            f"Tokens against {first['reference']} on {first['passages']:,} aligned passages; Gini of "
            "tokens a passage, and of tokens a byte.",
            ["codec", *languages, "Gini", "Gini (tokens a byte)"],
            rows,
        )
    ]


def _gold(results) -> list[Table]:
    rows = [
        [
            c["name"],
            *(number(c["gold"][k]) for k in ("precision", "recall", "f1")),
            percent(c["gold"]["exact"]),
            number(c["gold"]["words"]),
        ]
        for c in results["codecs"]
        if c.get("gold")
    ]
    return (
        [
            Table(
                "Gold morphemes",
                "Cuts inside words against the gold borders, micro-averaged.",
                ["codec", "precision", "recall", "F1", "exact words", "words"],
                rows,
            )
        ]
        if rows
        else []
    )


def _glitch(results) -> list[Table]:
    rows = [
        [
            c["name"],
            number(c["glitch"]["unreachable"]),
            number(c["glitch"].get("rare")),
            ", ".join(map(str, c["glitch"]["unreachable_ids"][:8])) or "–",
        ]
        for c in results["codecs"]
        if c.get("glitch")
    ]
    return (
        [
            Table(
                "Glitch candidates",
                "Unreachable: the encoder never gives the token for its own bytes. Unused: absent from "
                "all files here.",
                ["codec", "unreachable", "unused", "first unreachable ids"],
                rows,
            )
        ]
        if rows
        else []
    )
