"""``list`` and ``levels``: what is in compressed files, and what the levels stand for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from nzip import listing
from nzip.cli.inputs import each, expect_compressed, open_input, own_primer
from nzip.cli.options import Decoding, Files, Talking
from nzip.cli.tables import (
    add_row,
    bits_cell,
    bits_value,
    make_table,
    print_columns,
    print_json,
    print_table,
    print_text,
)
from nzip.cli.terminal import OK, one_line
from nzip.levels import DEFAULT_LEVEL, LEVELS


class _Row(NamedTuple):
    file: str
    found: listing.Contents


def list_files(
    files: Files, decoding: Decoding, talking: Talking, *, check: bool = False, as_json: bool = False
) -> int:
    """What the headers of compressed files say; with ``check``, after reading and hashing every stored
    byte. ``decoding``: a primer and models to compare theirs with."""
    rows: list[_Row] = []
    own = own_primer(decoding.primer)

    def one(path: str) -> None:
        with open_input(path) as source:
            expect_compressed(path, source, "list")
            found = listing.read(source, check=check)
        if own is not None:
            listing.check_primer(found, own)
        listing.check_models(found, dict(decoding.models))
        rows.append(_Row(path, found))

    code = each(files, one)
    if as_json:
        print_json({"files": [_as_json(row) for row in rows]}, "list")
    elif rows:
        _print_list(rows)
        if talking.verbose:
            for row in rows:
                _print_streams(row)
    return code


def _as_json(row: _Row) -> dict[str, Any]:
    found = row.found
    return {
        "file": row.file,
        "compressed": found.compressed,
        "size": found.size,
        "bits_per_byte": bits_value(found.compressed, found.size),
        "ratio": found.ratio,
        "primers": found.primers,
        "skippable_frames": found.skippable_frames,
        "checked": found.checked,
        "streams": [_stream_as_json(stream) for stream in found.streams],
    }


def _stream_as_json(stream: listing.Stream) -> dict[str, Any]:
    value: dict[str, Any] = {
        "predictor": stream.predictor,
        "exact": stream.exact,
        "config": stream.config,
        "probe": stream.probe,
        "blocks": [
            {**block._asdict(), "parts": [part._asdict() for part in block.parts]} for block in stream.blocks
        ],
    }
    if stream.models:
        value["models"] = [model._asdict() for model in stream.models]
    if not stream.exact:
        value["environment"] = stream.environment
    return value


def _print_list(rows: list[_Row]) -> None:
    table = make_table(
        "streams",
        "blocks",
        "compressed",
        "size",
        "bits/byte",
        "ratio",
        "predictor",
        "primer",
        "file",
        left=("predictor", "primer", "file"),
    )
    for file, found in rows:
        names = sorted({_name(stream) for stream in found.streams})
        checked = " (stored bytes are intact)" if found.checked else ""
        add_row(
            table,
            str(len(found.streams)),
            str(sum(len(stream.blocks) for stream in found.streams)),
            f"{found.compressed:,}",
            f"{found.size:,}",
            bits_cell(found.compressed, found.size),
            _ratio(found.compressed, found.size),
            ", ".join(names),
            one_line(", ".join(found.primers)),
            file + checked,
        )
    if len(rows) > 1:
        stored, size = sum(row.found.compressed for row in rows), sum(row.found.size for row in rows)
        table.add_section()
        cells = f"{stored:,}", f"{size:,}", bits_cell(stored, size), _ratio(stored, size)
        add_row(table, "", "", *cells, "", "", "total")
    print_table(table)


def _ratio(compressed: int, size: int) -> str:
    """How many times as large it was; a dash for no bytes."""
    return f"{size / compressed:.2f}" if size and compressed else "-"


def _name(stream: listing.Stream) -> str:
    name = stream.predictor
    inside = ", ".join(f"{one_line(m.name)} ({m.compressed:,} bytes)" for m in stream.models)
    return f"{name} with {inside} inside" if inside else name


def _print_streams(row: _Row) -> None:
    """A line for streams in a row that are of one kind, then one table of all blocks."""
    said = [_about(stream) for stream in row.found.streams]
    first = 0
    for end in range(1, len(said) + 1):
        if end == len(said) or said[end] != said[first]:
            which = f"stream {end}" if end == first + 1 else f"streams {first + 1} to {end}"
            print_text(f"{one_line(row.file)}, {which}: {said[first]}\n")
            first = end
    print_columns(
        ("stream", "block", "offset", "compressed", "size", "bits/byte", "method"),
        [
            row_of
            for number, stream in enumerate(row.found.streams, 1)
            for count, block in enumerate(stream.blocks, 1)
            for row_of in _block_rows(number, count, block)
        ],
        left=("method",),
    )


def _block_rows(number: int, count: int, block: listing.Block) -> Iterator[tuple[str, ...]]:
    """A row for a block, and one for each of the streams that it was cut into."""
    cells = f"{block.compressed:,}", f"{block.size:,}", bits_cell(block.compressed, block.size)
    yield str(number), str(count), f"{block.offset:,}", *cells, _method(block)
    for part in block.parts if len(block.parts) > 1 else ():
        cells = f"{part.compressed:,}", f"{part.size:,}", bits_cell(part.compressed, part.size)
        yield "", "", "", *cells, "  " + _called(part)


def _about(stream: listing.Stream) -> str:
    kind = "exact" if stream.exact else "NOT exact"
    said = f"{one_line(stream.predictor)}, {kind}, probe {stream.probe}"
    for key, value in (("config", stream.config), ("environment", stream.environment)):
        if value:
            said += f", {key} {one_line(json.dumps(value, sort_keys=True))}"
    return said


def _method(block: listing.Block) -> str:
    """How a block is kept, and what it was found to hold."""
    if len(block.parts) > 1:
        return f"{block.method}: {len(block.parts)} streams"
    return f"{block.method}: {_called(block.parts[0])}" if block.parts else block.method


def _called(part: listing.Part) -> str:
    return part.kind + f" as {part.form}" * bool(part.form) + f", primer {part.primer}" * bool(part.primer)


def levels(as_json: bool) -> int:
    """What each level stands for."""
    if as_json:
        entries = [{"level": n, "default": n == DEFAULT_LEVEL, **e._asdict()} for n, e in LEVELS.items()]
        print_json({"levels": entries}, "levels")
        return OK
    table = make_table(
        "level", "predictor", "alice29", "KB/s", "what it is", left=("level", "predictor", "what it is")
    )
    for n, entry in LEVELS.items():
        size, speed = (f"{v:,}" if v else "" for v in (entry.size, entry.speed))
        add_row(table, f"-{n}", entry.spelling or "", size, speed, entry.summary)
    print_table(table)
    return OK
