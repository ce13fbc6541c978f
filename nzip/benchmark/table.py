"""Results as tables: with rich on a terminal, or as Markdown for a README.

bpb: compressed bits a byte, over all bytes. "to X": geometric mean over the files of size / X's; in "X less
N B" the N bytes that X takes for an archive of one byte are subtracted from its sizes first (zpaq: about 1
KB). "+ weights": bpb with all that was read beforehand counted, once over all files (weights.py). KB/s: of
1000 bytes, per CPU-second, all files together, compressing (C) and decompressing (D); nzip's without
start-up and fixed costs, which stand under the table; "wall": the same per second of the clock. MB: peak
memory of the whole process, the largest over the files. Rows of entropies are what the bytes' own counts
say (entropy.py), and rows in brackets are what others have published, on their machines (published.py)."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nzip.benchmark import published, whole
from nzip.benchmark.comparison import Comparison
from nzip.benchmark.results import Summary, summaries, system_line


def _number(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def _megabytes(peak: int) -> str:
    """Peak memory; 0 stands for what was too small and short to see."""
    return _number(peak / 1e6) if peak else "< 10"


def _columns(results: dict, baseline: str) -> tuple[list[str], list[list[str]], list[Summary], list[str]]:
    rows, failures = summaries(results, baseline)
    label = next((row.label for row in rows if row.key == baseline), None)
    head = ["", "bytes", "bpb"]
    weighed = any(row.weights for row in rows)
    head += ["+ weights"] * weighed
    if label:
        fixed = next(c["fixed_bytes"] for c in results["contenders"] if c["key"] == baseline)
        head += [f"to {label}", f"to it less {fixed:,} B"]
    head += ["KB/s C", "KB/s D", "wall C", "wall D", "MB C", "MB D"]
    body = []
    for row in rows:
        line = [row.label, f"{row.bytes:,}", f"{row.bits_per_byte:.3f}"]
        if weighed:
            line.append(f"{row.bits_per_byte_with_weights:.3f}")
        if label:
            line += ["–" if value is None else f"{value:.3f}" for value in (row.ratio, row.ratio_less_fixed)]
        line += [
            _number(row.compress_speed),
            _number(row.decompress_speed),
            _number(row.compress_wall_speed),
            _number(row.decompress_wall_speed),
            _megabytes(row.compress_peak),
            _megabytes(row.decompress_peak),
        ]
        body.append(line)
    return head, body, rows, failures


def _floors(results: dict, width: int, theirs: bool) -> list[list[str]]:
    """Rows that nothing here was run for: entropies over all files, and, where asked for, published
    figures."""
    found = []
    total = sum(file["bytes"] for file in results["files"])
    for order in range(3):
        known = [(file["bytes"], (file.get("entropies") or [None] * 3)[order]) for file in results["files"]]
        if total and all(bits is not None for _, bits in known):
            bits = sum(size * value for size, value in known)
            found.append([f"order-{order} entropy", f"{bits / 8:,.0f}", f"{bits / total:.3f}"])
    for entry in published.of(results["files"]) if theirs else ():
        size = entry.bits_per_byte * entry.size / 8
        uncounted = "" if entry.weights_counted else ", weights not counted"
        name = f"[{entry.label}: theirs{uncounted}]"
        found.append([name, f"{size:,.0f}", f"{entry.bits_per_byte:.3f}"])
    return [row + [""] * (width - len(row)) for row in found]


def _notes(results: dict, rows: list[Summary], failures: list[str], theirs: bool) -> list[str]:
    notes = []
    if theirs:
        entries = published.of(results["files"])
        notes += [
            f"{entry.label}, published: {entry.source}"
            + (f"; {entry.speed:g} KB/s there" if entry.speed else "")
            for entry in entries
        ] or ["no published figures of others are known for just this file"]
    notes += whole.lines(results)
    for row in rows:
        if row.fixed_cpu is not None and row.idle is not None:
            notes.append(
                f"{row.label}: start-up {row.startup_cpu:.2f} CPU s a process, and {row.fixed_cpu[0]:.3f} C, "
                f"{row.fixed_cpu[1]:.3f} D a file (tables, priming), not in KB/s; "
                f"{row.idle / 1e6:.0f} MB of its memory are Python and numba, an empty function run"
            )
    for contender in results["contenders"]:
        if contender["kind"] == "peer" and contender.get("fixed_bytes", 0) > 300:
            notes.append(
                f"{contender['label']}: an archive of one byte takes {contender['fixed_bytes']:,} bytes"
            )
    notes += [f"{label}: skipped, {reason}" for label, reason in results["missing"].items()]
    notes += [f"FAILED: {line}" for line in failures]
    versions = ", ".join(
        f"{c['command'].split()[0]} {c['version']}" for c in results["contenders"] if c["kind"] == "peer"
    )
    notes.append(
        f"{results['date'][:10]}, {system_line(results['machine'])}" + (f"; {versions}" if versions else "")
    )
    notes.append(f"made by: {results['command']}")
    return notes


def _title(results: dict) -> str:
    files = results["files"]
    names = ", ".join(file["name"] for file in files[:6]) + (
        f" and {len(files) - 6} more" if len(files) > 6 else ""
    )
    return f"{names}: {sum(file['bytes'] for file in files):,} bytes"


def show(
    results: dict, console: Console, baseline: str, per_file: bool = False, theirs: bool = False
) -> None:
    """Print the table, the notes under it, and with ``per_file`` the sizes of every file. ``theirs``: with
    what others have published of the one file."""
    head, body, rows, failures = _columns(results, baseline)
    table = Table(title=_title(results), title_justify="left", header_style="bold")
    for index, name in enumerate(head):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=index == 0)
    for line, row in zip(body, rows, strict=True):
        table.add_row(*line, style="bold cyan" if row.kind == "nzip" else None)
    table.add_section()
    for line in _floors(results, len(head), theirs):
        table.add_row(*map(escape, line), style="italic" if "theirs" in line[0] else "dim")
    console.print(table)
    if per_file:
        sizes = Table(title="bytes, file by file", title_justify="left", header_style="bold")
        sizes.add_column("")
        for row in rows:
            sizes.add_column(row.label, justify="right")
        for file in results["files"]:
            sizes.add_row(
                f"{file['name']} {file['bytes']:,}", *(f"{row.sizes[file['name']]:,}" for row in rows)
            )
        console.print(sizes)
    for note in _notes(results, rows, failures, theirs):
        console.print(
            note, highlight=False, markup=False, style="red" if note.startswith("FAILED") else "dim"
        )


def markdown(results: dict, baseline: str, per_file: bool = False, theirs: bool = False) -> str:
    """The same as Markdown."""
    head, body, rows, failures = _columns(results, baseline)
    bold = {row.label for row in rows if row.kind == "nzip"}
    lines = [_title(results), "", "| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    for line in body:
        cells = [f"**{cell}**" for cell in line] if line[0] in bold else line
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["| " + " | ".join(line) + " |" for line in _floors(results, len(head), theirs)]
    if per_file:
        lines += [
            "",
            "| bytes | " + " | ".join(row.label for row in rows) + " |",
            "|---" + "|--:" * len(rows) + "|",
        ]
        lines += [
            f"| {file['name']} {file['bytes']:,} | "
            + " | ".join(f"{row.sizes[file['name']]:,}" for row in rows)
            + " |"
            for file in results["files"]
        ]
    return "\n".join([*lines, "", *(f"* {note}" for note in _notes(results, rows, failures, theirs))]) + "\n"


def show_comparison(found: Comparison, console: Console) -> None:
    """Print what two receipts have in common: every regression, then what became better, then a line on the
    noise."""
    table = Table(title="beside the older receipt", title_justify="left", header_style="bold")
    for name in ("", "file", "what", "before", "now", "change", "noise"):
        table.add_column(name, justify="right" if name in ("before", "now", "change", "noise") else "left")
    better = sorted((change for change in found.changes if change.better), key=lambda change: change.ratio)
    for change in (*found.regressions, *better):
        amount = (
            (lambda value: f"{value:,.0f}") if change.what == "bytes" else (lambda value: f"{value:.2f} s")
        )
        table.add_row(
            escape(change.label),
            escape(change.file),
            change.what if change.what == "bytes" else f"CPU to {change.what}",
            amount(change.before),
            amount(change.after),
            f"{100 * (change.ratio - 1):+.1f} %",
            f"± {100 * change.noise:.0f} %" if change.noise else "none",
            style="red" if change.worse else "green",
        )
    if table.row_count:
        console.print(table)
    same = len(found.changes) - table.row_count
    worse = len(found.regressions)
    said = f"{worse} regressions, {len(better)} improvements, {same} figures within their noise"
    if found.drift is None:
        said += "; no peer of one version is in both receipts, so the machine's own drift is not known"
    else:
        said += (
            f"; unchanged peers took {found.drift:.2f} times as long, ± {100 * found.spread:.0f} %,"
            " which is taken off"
        )
    console.print(said, highlight=False, markup=False)
    if found.unmatched:
        console.print(f"in one receipt alone: {', '.join(found.unmatched)}", highlight=False, markup=False)
