"""How far is the choice of a text's form from the best: files, or their beginnings, raw and as words, each
from the primer that is chosen for that form, against what the encoder chooses; and what it judges by.

The columns tell where thresholds belong: the share of bytes that the dictionary leaves (words/choice.py's
SHORTER), and what words gain on the sample at -1 (primer_choice.py's WORTH_LONG and CLOSE), beside what they
gain on the whole. Concession: only sizes, and only levels that code in a second or two a file.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from nzip.predictors.kinds import TEXT, Content
from nzip.predictors.mix import primer_choice, trials
from nzip.predictors.mix.stream import Streams
from nzip.predictors.mix.words import choice
from nzip.predictors.mix.words.options import Words

FORMAT = "forms-1"


def read(path: Path, size: int, skip: int = 0) -> np.ndarray:
    """``size`` bytes (uint8) of a file, .xz unpacked, from the first line on that begins behind ``skip``."""
    with lzma.open(path) if path.suffix == ".xz" else open(path, "rb") as file:
        data = file.read(skip + size)
    start = data.find(b"\n", skip) + 1 if skip else 0
    return np.frombuffer(data[start:], np.uint8)


def one(data: np.ndarray, level: int) -> dict:
    """What is known of ``data`` (uint8): ``left``, the share that the best dictionary leaves; ``sampled``,
    the gain of words on the sample; ``raw`` and ``words``, bytes at ``level``; ``chosen``, those of the
    encoder's choice."""
    samples = choice.sample(data)
    left, dictionary = choice.best(samples)
    found = choice.choose(data)
    form = Words(dictionary, found.width, found.crlf) if found else Words(dictionary)
    sizes = {}
    for name, wanted in (("raw", None), ("words", form)):
        start = primer_choice.starts(data, [wanted], {})[0]
        sizes[name] = _size(data, level, start)
    chosen = _size(data, level)
    sample = primer_choice.sample(data)
    raw, words = (primer_choice.coded(sample, wanted, None) for wanted in (None, form))
    return {"bytes": len(data), "left": left, "sampled": 1 - words / raw, **sizes, "chosen": chosen}


def _size(data: np.ndarray, level: int, start: primer_choice.Start | None = None) -> int:
    descriptor, payload = trials.encode(Streams(level), data, Content(TEXT), start=start)
    return len(descriptor.pack(False)) + len(payload)


def measure(
    paths: list[Path],
    size: int,
    level: int,
    out: Path | None,
    skip: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, dict]:
    """A row for each file, kept in ``out`` as it comes; those that are there are not measured again."""
    rows: dict[str, dict] = {}
    if out is not None and out.exists():
        found = json.loads(out.read_text(encoding="utf-8"))
        if found.get("format") != FORMAT:
            raise ValueError(f"{out} is no run of forms")
        rows = found["rows"]
    for path in paths:
        name = f"{path.name} {size} -{level}"
        if name not in rows:
            tell(name)
            rows[name] = one(read(path, size, skip), level)
            if out is not None:
                out.write_text(
                    json.dumps({"format": FORMAT, "rows": rows}, indent=1) + "\n", encoding="utf-8"
                )
    return rows


def show(rows: dict[str, dict], console: Console) -> None:
    """The table, by what the dictionary leaves."""
    table = Table(box=None, pad_edge=False)
    for name in ("text", "left", "sampled", "raw", "words", "gain", "chosen", "lost"):
        table.add_column(name, justify="left" if name == "text" else "right")
    for name, row in sorted(rows.items(), key=lambda item: item[1]["left"]):
        raw, words, chosen = row["raw"], row["words"], row["chosen"]
        lost = chosen / min(raw, words) - 1
        table.add_row(
            name, f"{row['left']:.2f}", f"{row['sampled']:.1%}", f"{raw:,}", f"{words:,}",
            f"{1 - words / raw:.2%}", f"{chosen:,}", f"{lost:.2%}",
        )  # fmt: skip
    console.print(table)
