"""How fast bytes are priced: ``python -m bench costs FILE`` codes a file's beginning, prices it, and takes
the distributions of its bytes, under each predictor, and prints the speeds beside each other.

Times are CPU seconds, the least of some turns; machine code and snapshots of primers are there before.
Concession: distributions of the mix are of raw bytes (``raw=True``), which is not how it codes most texts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from nzip import codec, pricing
from nzip.benchmark import results as results_format
from nzip.benchmark.results import system_line
from nzip.errors import NzipError
from nzip.options import choose_predictor

FORMAT = "costs-1"
WARM = 2000  # bytes


def measure(
    data: bytes,
    spellings: Sequence[str],
    rows_of: int,
    turns: int = 3,
    tell: Callable[[str], None] = lambda line: None,
) -> dict:
    """Speeds over ``data``, in bytes a CPU second; distributions over its first ``rows_of`` bytes alone,
    since they take longer."""
    found = []
    for spelling in spellings:
        predictor = choose_predictor(None, spelling, None)
        short = data[:rows_of]

        def code(part: bytes = data, predictor=predictor) -> None:
            codec.encode_block(predictor, part)

        def price(part: bytes = data, predictor=predictor) -> None:
            pricing.costs(part, predictor=predictor)

        def distribute(part: bytes = short, predictor=predictor) -> None:
            pricing.costs(part, predictor=predictor, distributions=lambda places, rows: None, raw=True)

        row: dict = {"predictor": spelling, "bytes": len(data), "rows_of": len(short)}
        works = (("code", code, data), ("price", price, data), ("code_short", code, short))
        for name, work, part in (*works, ("distribute", distribute, short)):
            tell(f"{spelling}: {name}")
            try:
                row[name] = len(part) / _least(lambda part=part, work=work: work(part), work, turns)
            except NzipError as error:  # an expert that works on tokens has none
                row[name] = None
                tell(f"{spelling}: {error}")
        found.append(row)
    return {
        "format": FORMAT,
        "date": results_format.now(),
        "machine": results_format.machine(),
        "rows": found,
    }


def _least(work: Callable[[], None], warm: Callable[[bytes], None], turns: int) -> float:
    warm(bytes(range(32, 96)) * (WARM // 64))
    times = []
    for _ in range(turns + 1):  # what the first one makes once (snapshots) is in its time
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return max(min(times[1:]), 1e-9)


def show(found: dict, console: Console) -> None:
    """The table: speeds, and the shares of coding's."""
    table = Table(title="pricing, beside coding", title_justify="left")
    for head in (
        "predictor",
        "bytes",
        "KB/s coded",
        "priced",
        "of that",
        "bytes",
        "KB/s coded",
        "distributions",
        "",
    ):
        table.add_column(head, justify="left" if head == "predictor" else "right")
    for row in found["rows"]:
        cells = [row["predictor"]]
        for size, code, other in (("bytes", "code", "price"), ("rows_of", "code_short", "distribute")):
            base, value = row[code], row[other]
            cells += [f"{row[size]:,}", f"{base / 1000:,.1f}"]
            cells += ["–", ""] if value is None else [f"{value / 1000:,.2f}", f"1/{base / value:.1f}"]
        table.add_row(*cells)
    console.print(table)
    console.print(f"{found['date'][:10]}, {system_line(found['machine'])}", style="dim", highlight=False)
