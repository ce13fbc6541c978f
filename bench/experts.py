"""What each part adds: the mix without priors, with them, primed, with a static expert, with online ones,
with all.

``python -m bench experts FILES --sizes 10K,150K,1M --out FILE.json`` codes the beginnings of FILES with each
predictor and prints bytes. Every cell is kept in FILE.json as soon as it is known; a later run takes those
that the same predictor (spelling, weights, probe) coded from the same bytes, so long columns can be filled in
the background and stopped at any time. ``--engine`` prints GMAC/s of the recurrent expert beside the same
matrix products done by the kernel alone in the same run. Weights and primers are part of the package and not
counted.

Concession: CPU seconds of one thread include reading the primed tables once they are cached, not making them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nzip.benchmark.results import machine
from nzip.predictors import registry

PRIORS, COLD, PRIMED, UNREFINED = "no priors", "cold", "primed", "no last stage"
# Name of the row: spelling, and how blocks start.
PARTS = {
    "mix:5 without priors": ("mix:5", PRIORS),
    "+priors": ("mix:5", COLD),
    "+primer (-5)": ("mix:5", PRIMED),
    "+ssm without last stage": ("mix:5+ssm", UNREFINED),
    "+ssm (-6)": ("mix:5+ssm", PRIMED),
    "+transformer": ("mix:5+transformer", PRIMED),
    "+online": ("mix:5+online", PRIMED),
    "+ssm +online": ("mix:5+ssm+online", PRIMED),
    "+online:ssm": ("mix:5+online:ssm", PRIMED),
    "+online:ssm +ssm (-7)": ("mix:5+online:ssm+ssm", PRIMED),
    "all (-8)": ("mix:5+online:ssm+online+ssm", PRIMED),
}
BASE = "+primer (-5)"


@dataclass(frozen=True)
class Cell:
    """One coded beginning of a file: ``count`` bytes of params and payload, CPU ``seconds``."""

    file: str
    size: int
    part: str
    stamp: str
    count: int
    seconds: float


def predictor_of(part: str):
    """The predictor of a row."""
    spelling, start = PARTS[part]
    predictor = registry.create(spelling)
    return predictor.with_primer(None) if start in (PRIORS, COLD) else predictor


@contextlib.contextmanager
def _without_priors():
    """Maps that start from one half with no count, and APMs that change nothing."""
    from nzip.predictors.mix import state  # start-up: numba
    from nzip.predictors.mix.tables import tables  # start-up: numba

    half = {
        name: np.full_like(getattr(tables(), name), 1 << 31)
        for name in ("state_start", "match_start", "run_start")
    }
    before = state.tables
    state.tables = lambda: tables()._replace(**half)  # type: ignore[assignment]  # it is called, and no more
    try:
        yield
    finally:
        state.tables = before


@contextlib.contextmanager
def _without_last_stage():
    """The mix's own word is the last."""
    from nzip.predictors.mix import last_stage  # start-up: numba

    before = last_stage.of
    last_stage.of = lambda *_: last_stage.NONE
    try:
        yield
    finally:
        last_stage.of = before


def _stamp(data: bytes, part: str) -> str:
    """What a cell depends on, hashed."""
    predictor = predictor_of(part)
    facts = [PARTS[part], predictor.config(), predictor.probe().hex(), hashlib.sha256(data).hexdigest()]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def code(name: str, data: bytes, part: str, stamp: str = "") -> Cell:
    """Code ``data`` as ``part`` says."""
    lacking = {PRIORS: _without_priors, UNREFINED: _without_last_stage}
    with lacking.get(PARTS[part][1], contextlib.nullcontext)():
        predictor = predictor_of(part)
        start = time.process_time()
        params, payload = predictor.encode(data)
        return Cell(
            name, len(data), part, stamp, len(params) + len(payload), round(time.process_time() - start, 2)
        )


class Kept:
    """Cells in a JSON file (or nowhere, for None)."""

    def __init__(self, path: Path | None):
        self._path = path
        known = json.loads(path.read_text())["cells"] if path is not None and path.exists() else []
        self.cells = {(c["file"], c["size"], c["part"]): Cell(**c) for c in known if c["part"] in PARTS}

    def get(self, name: str, data: bytes, part: str) -> Cell:
        """The cell, coded now if it is not known, or if it was coded by another predictor or from other
        bytes."""
        stamp = _stamp(data, part)
        found = self.cells.get((name, len(data), part))
        if found is None or found.stamp != stamp:
            found = self.cells[name, len(data), part] = code(name, data, part, stamp)
            self._save()
        return found

    def _save(self) -> None:
        if self._path is None:
            return
        text = json.dumps({"machine": machine(), "cells": [asdict(c) for c in self.cells.values()]}, indent=1)
        new = self._path.with_suffix(".new")
        new.write_text(text + "\n")
        os.replace(new, self._path)


def engine_speed(bytes_: int = 20_000, repeats: int = 3) -> tuple[float, float, float]:
    """GMAC/s of whole steps of the shipped expert, of its matrix products alone, and KB/s; one thread, CPU
    time."""
    from nzip.predictors.ssm.expert import SsmExpert  # start-up: numba
    from nzip.predictors.ssm.kernel import steps  # start-up: numba
    from nzip.predictors.ssm.matvec import matvec  # start-up: numba

    expert = SsmExpert()
    net, _ = expert.fresh()
    data = np.arange(bytes_, dtype=np.int64) * 37 % 97 + 32
    data = data.astype(np.uint8)
    out = np.zeros((bytes_, 256), np.uint32)
    matrices = [net.project, *net.mix, *net.out, net.head]
    vectors = [np.full(2 * m.shape[1], 77, np.int16) for m in matrices]
    sums = np.zeros(16 * max(m.shape[0] for m in matrices), np.int32)
    work = sum(m.size for m in matrices) * bytes_ * repeats / 1e9
    spent = {"step": 0.0, "kernel": 0.0}
    products = _products()
    for repeat in range(repeats + 1):
        _, stream = expert.fresh()
        start = time.process_time()
        steps(net, stream, data, out)
        middle = time.process_time()
        products(tuple(matrices), tuple(vectors), sums, net.isa, bytes_, matvec)
        if repeat:  # the first round compiles
            spent["step"] += middle - start
            spent["kernel"] += time.process_time() - middle
    return work / spent["step"], work / spent["kernel"], bytes_ * repeats / spent["step"] / 1e3


def _products():
    from numba import njit  # start-up: numba

    @njit
    def products(matrices, vectors, sums, isa, rounds, matvec):
        for _ in range(rounds):
            for i in range(len(matrices)):
                matvec(matrices[i], vectors[i], sums[: 16 * matrices[i].shape[0]], isa)

    return products


def show(
    columns: list[tuple[str, int]], parts: list[str], kept: Kept, console, markdown: bool = False
) -> None:
    """A table: a row a part, a column a beginning of a file; bytes, and per cent of the primed mix where that
    is known."""
    from rich import box  # start-up: rich
    from rich.table import Table  # start-up: rich

    heads = [f"{name}, {size:,}" for name, size in columns]
    rows = []
    for part in parts:
        cells, spent, done = [], 0.0, 0
        for name, size in columns:
            found, base = (kept.cells.get((name, size, p)) for p in (part, BASE))
            if found is None:
                cells.append("")
                continue
            spent, done = spent + found.seconds, done + size
            gain = (
                f" ({100 * (found.count / base.count - 1):+.1f}%)"
                if base is not None and part != BASE
                else ""
            )
            cells.append(f"{found.count:,}{gain}")
        rows.append([part, *cells, f"{done / spent / 1e3:.1f}" if spent else ""])
    if markdown:
        lines = ["| | " + " | ".join([*heads, "KB/s"]) + " |", "|---" + "|--:" * (len(heads) + 1) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
        return
    table = Table("", *heads, "KB/s", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    console.print(table)


def mean_gain(columns: list[tuple[str, int]], part: str, kept: Kept) -> float | None:
    """Geometric mean over ``columns`` of a part's size against the primed mix's, minus one."""
    logs = []
    for name, size in columns:
        found, base = (kept.cells.get((name, size, p)) for p in (part, BASE))
        if found is None or base is None:
            return None
        logs.append(np.log(found.count / base.count))
    return float(np.exp(np.mean(logs)) - 1)
