"""``measure``: bits per byte of files, every byte of the stream counted; and under ``--protocol`` what a bare
language model makes of them, in bits per byte, character and token.

Concession: speeds are of this run on this machine, whatever else it was doing; ``bench`` measures with care.
"""

from __future__ import annotations

from typing import Any

import click

from nzip.cli.inputs import (
    STDIN,
    block_size_of,
    coding_of,
    each,
    lesser_of,
    open_input,
    own_primer,
    predictor_of,
    size_of,
)
from nzip.cli.options import Coding, Files, Running, Talking
from nzip.cli.tables import add_row, bits_cell, bits_value, make_table, print_json, print_table
from nzip.cli.terminal import ShownMeter
from nzip.container import passport, pipeline
from nzip.exact.compiler import need_compiler


def measure(files: Files, coding: Coding, running: Running, talking: Talking, *, as_json: bool) -> int:
    """Bits per byte of each file, and of all together; nothing is written."""
    if coding.budget is not None:
        from nzip.cli.estimate import within_budget  # start-up: estimates are asked for rarely

        coding = within_budget(files, coding, running, talking)
    primer = own_primer(coding.primer)
    predictor, models = coding_of(coding, talking, primer)
    lesser = lesser_of(coding, primer)
    block_size = block_size_of(coding)
    rows: list[dict[str, Any]] = []

    def one(path: str) -> None:
        with open_input(path) as source, ShownMeter(path, size_of(source), talking) as meter:
            pipeline.encode_stream(
                source,
                len,
                predictor,
                block_size=block_size,
                size=None if path == STDIN else size_of(source),
                threads=running.threads,
                memory=running.memory,
                verify=coding.verify,
                meter=meter,
                background=True,
                models=models,
                lesser=lesser,
            )
            meter.stop()
            rows.append(
                {"file": path, "size": meter.consumed, "compressed": meter.produced, "seconds": meter.seconds}
            )

    code = each(files, one)
    total: dict[str, Any] = {key: sum(row[key] for row in rows) for key in ("size", "compressed", "seconds")}
    for row in (*rows, total):
        row["bits_per_byte"] = bits_value(row["compressed"], row["size"])
        row["kb_per_second"] = row["size"] / max(row["seconds"], 1e-9) / 1000
    if as_json:
        found = passport.Passport.of(predictor)
        head = {
            "predictor": found.spelling,
            "exact": found.exact,
            "config": found.config,
            "block_size": block_size,
        }
        print_json({**head, "files": rows, "total": total}, "measure")
    elif rows:
        table = make_table(
            "size", "compressed", "bits/byte", "KB/s", "file", left=("file",), title=predictor.spelling
        )
        for row in rows:
            add_row(table, *_cells(row), row["file"])
        if len(rows) > 1:
            table.add_section()
            add_row(table, *_cells(total), "total")
        print_table(table)
    return code


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    bits = bits_cell(row["compressed"], row["size"])
    return f"{row['size']:,}", f"{row['compressed']:,}", bits, f"{row['kb_per_second']:,.0f}"


def measure_bare(
    files: Files, coding: Coding, protocol: str, window: int | None, stride: int | None, *, as_json: bool
) -> int:
    """Measure each file by ``protocol``, and all together: ``windows`` of that many tokens, from one to the
    next by ``stride`` (None: the defaults), or ``sliding``."""
    from nzip.predictors.lm.measure import BLOCK, STRIDE, Measured  # start-up: language models

    need_compiler()
    predictor = predictor_of(coding, own_primer(coding.primer))
    measured = getattr(predictor, "measure_text", None)
    block, stride = window or BLOCK, stride or STRIDE
    if measured is None:
        raise click.UsageError(
            f"--protocol {protocol} measures language models: --predictor lm:MODEL or hf:MODEL"
        )
    if stride > block:
        raise click.UsageError(f"--stride {stride} passes over tokens: windows have {block}")
    rows: list[tuple[str, Measured]] = []

    def one(path: str) -> None:
        with open_input(path) as source:
            data = source.read()
        rows.append((path, measured(data, protocol, block, stride)))

    code = each(files, one)
    total = sum((row for _, row in rows), Measured(0.0, 0, 0, 0))
    windows = protocol == "windows"
    if as_json:
        print_json(
            {
                "predictor": predictor.spelling,
                "exact": predictor.exact,
                "protocol": protocol,
                **({"block": block, "stride": stride} if windows else {}),
                "files": [{"file": path, **_bare_figures(row)} for path, row in rows],
                "total": _bare_figures(total),
            },
            "measure",
        )
    elif rows:
        exact = "" if predictor.exact else ", not exact"
        how = f"windows of {block} tokens by {stride}" if windows else "sliding with sinks"
        table = make_table(
            "bytes",
            "characters",
            "tokens",
            "bits/byte",
            "bits/character",
            "bits/token",
            "file",
            left=("file",),
            title=f"{predictor.spelling}, bare, {how}{exact}",
        )
        for path, row in rows:
            add_row(table, *_bare_cells(row), path)
        if len(rows) > 1:
            table.add_section()
            add_row(table, *_bare_cells(total), "total")
        print_table(table)
    return code


def _bare_figures(row: Any) -> dict[str, Any]:
    return {
        **row._asdict(),
        "bits_per_byte": row.bits_per_byte,
        "bits_per_character": row.bits_per_character,
        "bits_per_token": row.bits_per_token,
    }


def _bare_cells(row: Any) -> tuple[str, ...]:
    return (
        f"{row.bytes:,}",
        f"{row.characters:,}",
        f"{row.tokens:,}",
        f"{row.bits_per_byte:.4f}",
        f"{row.bits_per_character:.4f}",
        f"{row.bits_per_token:.4f}",
    )
