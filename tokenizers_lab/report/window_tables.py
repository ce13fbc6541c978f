"""The tables of compressed tokens: bit n-grams, stability, prefix perturbation, the window sweep."""

from __future__ import annotations

from tokenizers_lab.report.cells import Table, number, percent

_SHOWN = (1, 2, 4, 8, 12, 16)
_RESETS = {
    1: "b = 16, M1 forgets every window",
    2: "b = 16, M1 forgets every other window",
    "never": "b = 16, M1 never forgets",
}


def window_tables(results: dict, file: str, entries) -> list[Table]:
    """As ``tables.tables``, for one file; ``entries`` are (codec name, its entry for the file)."""
    out = []
    rows = []
    for name, e in entries:
        data = e.get("bit_ngrams")
        for stream in ("stream", "control") if data else ():
            for kind in ("overlapping", "aligned"):
                rows.append(
                    [
                        name,
                        f"{'random bits' if stream == 'control' else 'stream'}, {kind}",
                        *(number(p["corrected"], 5) for p in data[stream][kind] if p["n"] in _SHOWN),
                    ]
                )
    if rows:
        out.append(
            Table(
                f"{file}: bit n-grams",
                "KL from uniform, bits an n-gram, with Miller–Madow's correction, over the whole stream.",
                ["codec", "", *(f"n = {n}" for n in _SHOWN)],
                rows,
            )
        )
    rows = [
        [
            name,
            str(p["position"] + 1),
            number(p["tokens"]),
            number(p["bytes"]),
            percent(p["empty"]),
            number(p["stability"]),
        ]
        for name, e in entries
        for p in e.get("stability") or ()
    ]
    if rows:
        out.append(
            Table(
                f"{file}: stability of token → text",
                "By position in the window. Bytes: what becomes certain with the token. Stability: "
                "chance that two equal ids stand for equal text. On the first 128 KiB.",
                ["codec", "position", "tokens", "bytes", "adds none", "stability"],
                rows,
            )
        )
    rows = [
        [
            name,
            *(
                number(e["perturbation"]["edits"][edit][key])
                for edit in ("change", "insert", "delete")
                for key in ("mean", "median")
            ),
        ]
        for name, e in entries
        if e.get("perturbation")
    ]
    if rows:
        out.append(
            Table(
                f"{file}: prefix perturbation",
                "Edit distance of the tokens of 1 KiB, relative to their number, after one byte near the "
                "beginning was changed, inserted or deleted.",
                [
                    "codec",
                    *(
                        f"{edit}, {key}"
                        for edit in ("change", "insert", "delete")
                        for key in ("mean", "median")
                    ),
                ],
                rows,
            )
        )
    sweep = results.get("window_sweep", {}).get(file)
    if sweep:
        rows = [
            [
                f"b = {w['width']}",
                number(w["bytes_per_window"]),
                number(w["per_token_8"]),
                number(w["per_token_16"]),
                "",
                "",
            ]
            for w in sweep["windows"]
        ]
        rows.append(
            [
                "no windows (ac)",
                "",
                number(sweep["ac"]["per_token_8"]),
                number(sweep["ac"]["per_token_16"]),
                "",
                "",
            ]
        )
        rows += [
            [
                f"b = 16, rule {r['rule']}",
                number(r["bytes_per_window"]),
                number(r["bytes_per_window"] / 2),
                number(r["bytes_per_window"]),
                percent(r["wrong"]),
                "yes" if r["lossless"] else "no",
            ]
            for r in sweep["rules"]
        ]
        rows += [
            [
                _RESETS[r["reset"]],
                number(r["bytes_per_window"]),
                number(r["bytes_per_window"] / 2),
                number(r["bytes_per_window"]),
                "",
                "",
            ]
            for r in sweep["resets"]
        ]
        out.append(
            Table(
                f"{file}: window sweep",
                f"M1 {sweep['m1']} on {sweep['bytes']:,} bytes (the rules on "
                f"{sweep['rules'][0]['bytes']:,}). Wrong: windows "
                "that decode to other bytes.",
                ["", "bytes a window", "bytes an 8-bit token", "bytes a 16-bit token", "wrong", "lossless"],
                rows,
            )
        )
    return out
