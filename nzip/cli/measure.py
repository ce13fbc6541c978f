"""``nzip measure --protocol``: what a bare language model makes of files, in bits per byte, character and
token."""

from __future__ import annotations

import click

from nzip.cli.main import files, one_line, worst
from nzip.cli.show import make_table, print_json, print_table


def measure(given: dict) -> int:
    """Measure each file by the protocol that was asked for, and all together."""
    from nzip.predictors.lm.measure import BLOCK, STRIDE, Measured

    predictor = files.predictor_of(given)
    measured = getattr(predictor, "measure_text", None)
    protocol, block, stride = given["protocol"], given["window"] or BLOCK, given["stride"] or STRIDE
    if measured is None:
        raise click.UsageError(
            f"--protocol {protocol} measures language models: --predictor lm:MODEL or hf:MODEL"
        )
    if stride > block:
        raise click.UsageError(f"--stride {stride} passes over tokens: windows have {block}")
    rows: list[tuple[str, Measured]] = []

    def one(path: str) -> None:
        with files.open_input(path) as source:
            data = source.read()
        rows.append((path, measured(data, protocol, block, stride)))

    code = worst([files.guarded(path, one) for path in given["files"] or ("-",)])
    total = sum((row for _, row in rows), Measured(0.0, 0, 0, 0))
    if given["as_json"]:
        how = {"block": block, "stride": stride} if protocol == "windows" else {}
        print_json(
            {
                "predictor": predictor.spelling,
                "exact": predictor.exact,
                "protocol": protocol,
                **how,
                "files": [{"file": path, **_figures(row)} for path, row in rows],
                "total": _figures(total),
            }
        )
    elif rows:
        exact = "" if predictor.exact else ", not exact"
        how = f"windows of {block} tokens by {stride}" if protocol == "windows" else "sliding with sinks"
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
            table.add_row(*_cells(row), one_line(path))
        if len(rows) > 1:
            table.add_section()
            table.add_row(*_cells(total), "total")
        print_table(table)
    return code


def _figures(row) -> dict:
    return {
        **row._asdict(),
        "bits_per_byte": row.bits_per_byte,
        "bits_per_character": row.bits_per_character,
        "bits_per_token": row.bits_per_token,
    }


def _cells(row) -> tuple[str, ...]:
    return (
        f"{row.bytes:,}",
        f"{row.characters:,}",
        f"{row.tokens:,}",
        f"{row.bits_per_byte:.4f}",
        f"{row.bits_per_character:.4f}",
        f"{row.bits_per_token:.4f}",
    )
