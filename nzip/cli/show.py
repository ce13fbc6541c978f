"""``list``, ``measure`` and ``levels``: tables for people, JSON for programs. Standard output holds nothing
else."""

from __future__ import annotations

import json
import sys

from nzip import codec
from nzip.cli.main import OK, files, one_line, worst
from nzip.container import parser, passport, pipeline


def list_files(given: dict) -> int:
    """What the headers of compressed files say; with ``check``, after reading and hashing every stored
    byte."""
    rows: list[dict] = []
    primer = files.with_primer_text(given)["primer_text"]

    def one(path: str) -> None:
        files.refuse_terminal(path, "list")
        with files.open_input(path) as source:
            facts = _facts(path, source, check=bool(given.get("check")))
        if primer is not None:
            for stream in facts["streams"]:
                passport.check_primer(stream["config"], primer)
        rows.append(facts)

    code = worst([files.guarded(path, one) for path in given["files"] or ("-",)])
    if given.get("as_json"):
        print_json(rows)
    elif rows:
        _print_list(rows, given)
    return code


def _facts(path: str, source, *, check: bool) -> dict:
    streams: list[dict] = []
    skippable = size = stored = 0
    for event in parser.pull(source, parser.parse(payloads="check" if check else "skip")):
        if isinstance(event, parser.StreamStart):
            found = event.passport
            streams.append(
                {
                    "predictor": found.spelling,
                    "exact": found.exact,
                    "config": found.config,
                    "probe": found.probe.hex(),
                    "blocks": [],
                }
            )
            if event.models:
                streams[-1]["models"] = [
                    {"name": m.name, "size": m.size, "compressed": len(m.payload)} for m in event.models
                ]
            if not found.exact:
                streams[-1]["environment"] = found.environment
            stored = event.offset + event.header_size
        elif isinstance(event, parser.Block):
            header = event.header
            streams[-1]["blocks"].append(
                {
                    "offset": event.offset,
                    "compressed": header.frame_size,
                    "size": header.size,
                    "method": "coded" if header.method == codec.CODED else "stored",
                }
            )
            size += header.size
        elif isinstance(event, parser.StreamEnd):
            stored = event.offset
        elif isinstance(event, parser.Skippable):
            skippable += 1
            stored = event.end
    return {
        "file": path,
        "compressed": stored,
        "size": size,
        "bits_per_byte": 8 * stored / size if size else None,
        "skippable_frames": skippable,
        "checked": check,
        "streams": streams,
    }


def _print_list(rows: list[dict], given: dict) -> None:
    table = make_table(
        "streams",
        "blocks",
        "compressed",
        "size",
        "bits/byte",
        "predictor",
        "file",
        left=("predictor", "file"),
    )
    total_stored = total_size = 0
    for row in rows:
        blocks = sum(len(stream["blocks"]) for stream in row["streams"])
        names = sorted({_name(stream) for stream in row["streams"]})
        checked = " (stored bytes are intact)" if row["checked"] else ""
        table.add_row(
            str(len(row["streams"])),
            str(blocks),
            f"{row['compressed']:,}",
            f"{row['size']:,}",
            _bits(row["compressed"], row["size"]),
            ", ".join(names),
            one_line(row["file"]) + checked,
        )
        total_stored += row["compressed"]
        total_size += row["size"]
    if len(rows) > 1:
        table.add_section()
        table.add_row(
            "", "", f"{total_stored:,}", f"{total_size:,}", _bits(total_stored, total_size), "", "total"
        )
    print_table(table)
    if given["verbose"]:
        for row in rows:
            _print_streams(row)


def _name(stream: dict) -> str:
    primer = stream["config"].get("primer")
    name = (
        stream["predictor"]
        if primer is None
        else f"{stream['predictor']} with primer {one_line(str(primer)[:16])}"
    )
    inside = ", ".join(f"{one_line(m['name'])} ({m['compressed']:,} bytes)" for m in stream.get("models", ()))
    return f"{name} with {inside} inside" if inside else name


def _print_streams(row: dict) -> None:
    for number, stream in enumerate(row["streams"], 1):
        kind = "exact" if stream["exact"] else "NOT exact"
        table = make_table("block", "offset", "compressed", "size", "bits/byte", "method", left=("method",))
        title = f"{one_line(row['file'])}, stream {number}: {stream['predictor']}, {kind}, probe {stream['probe']}"
        for key in ("config", "environment"):
            if stream.get(key):
                title += f", {key} {one_line(json.dumps(stream[key], sort_keys=True))}"
        for count, block in enumerate(stream["blocks"], 1):
            table.add_row(
                str(count),
                f"{block['offset']:,}",
                f"{block['compressed']:,}",
                f"{block['size']:,}",
                _bits(block["compressed"], block["size"]),
                block["method"],
            )
        print(title)
        print_table(table)


def measure(given: dict) -> int:
    """Bits per byte of each file, and of all together; nothing is written."""
    if given["protocol"] != "coded":
        from nzip.cli.main import measure

        return measure.measure(given)
    from nzip.cli.terminal import ShownMeter

    predictor, models = files.coding_of(given)
    block_size = files.block_size_of(given)
    rows: list[dict] = []

    def one(path: str) -> None:
        with (
            files.open_input(path) as source,
            ShownMeter(path, files.size_of(source), given) as meter,
        ):
            pipeline.encode_stream(
                source,
                len,
                predictor,
                block_size=block_size,
                threads=given["threads"],
                memory=given["memory"],
                verify=given["verify"],
                meter=meter,
                background=True,
                models=models,
            )
            meter.stop()
            rows.append(
                {"file": path, "size": meter.consumed, "compressed": meter.produced, "seconds": meter.seconds}
            )

    code = worst([files.guarded(path, one) for path in given["files"] or ("-",)])
    total = {key: sum(row[key] for row in rows) for key in ("size", "compressed", "seconds")}
    for row in (*rows, total):
        row["bits_per_byte"] = 8 * row["compressed"] / row["size"] if row["size"] else None
        row["kb_per_second"] = row["size"] / max(row["seconds"], 1e-9) / 1000
    if given["as_json"]:
        found = passport.Passport.of(predictor)
        head = {
            "predictor": found.spelling,
            "exact": found.exact,
            "config": found.config,
            "block_size": block_size,
        }
        print_json({**head, "files": rows, "total": total})
    elif rows:
        table = make_table(
            "size", "compressed", "bits/byte", "KB/s", "file", left=("file",), title=predictor.spelling
        )
        for row in rows:
            table.add_row(*_measured(row), one_line(row["file"]))
        if len(rows) > 1:
            table.add_section()
            table.add_row(*_measured(total), "total")
        print_table(table)
    return code


def _measured(row: dict) -> tuple[str, ...]:
    bits = _bits(row["compressed"], row["size"])
    return f"{row['size']:,}", f"{row['compressed']:,}", bits, f"{row['kb_per_second']:,.0f}"


def levels(given: dict) -> int:
    """What each level stands for."""
    from nzip.levels import DEFAULT_LEVEL, LEVELS

    if given["as_json"]:
        print_json(
            [{"level": n, "default": n == DEFAULT_LEVEL, **entry._asdict()} for n, entry in LEVELS.items()]
        )
        return OK
    table = make_table(
        "level", "predictor", "alice29", "KB/s", "what it is", left=("level", "predictor", "what it is")
    )
    for n, entry in LEVELS.items():
        size, speed = (f"{v:,}" if v else "" for v in (entry.size, entry.speed))
        table.add_row(f"-{n}", entry.spelling or "", size, speed, entry.summary)
    print_table(table)
    return OK


def _bits(compressed: int, size: int) -> str:
    return f"{8 * compressed / size:.3f}" if size else "-"


def make_table(*columns: str, left: tuple[str, ...], title: str | None = None):
    """An empty table; the columns not in ``left`` are flush right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right", overflow="fold")
    return table


def print_table(table) -> None:
    """Print it as wide as the terminal, or down a pipe as wide as it is."""
    from rich.console import Console

    # Down a pipe there is no width to keep to, and cutting a column short would lose data.
    console = Console(width=None if sys.stdout.isatty() else 1000, markup=False, highlight=False)
    console.print(table)


def print_json(value) -> None:
    """JSON on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=True))
