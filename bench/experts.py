"""What each part adds: the mix cold and primed, a static expert, an online one, all; and the exact kernels' speed.

``python -m bench experts FILES --sizes 10K,150K,1M`` codes the beginnings of FILES with each predictor and prints bytes;
``--engine`` prints GMAC/s of the recurrent expert beside the same matrix products done by the kernel alone in the same
run. Weights are part of the package and not counted, and neither are primers.

Concession: CPU seconds of one thread include reading the primed tables once they are cached, not making them.
"""

from __future__ import annotations

import time

import numpy as np

from nzip.predictors import registry

# Name of the column: spelling, and whether blocks start from a primer.
PARTS = {
    "mix:5 cold": ("mix:5", False),
    "+primer (-5)": ("mix:5", True),
    "+ssm (-6)": ("mix:5+ssm", True),
    "+online": ("mix:5+online", True),
    "+online:ssm": ("mix:5+online:ssm", True),
    "-7": ("mix:5+ssm+online", True),
    "without ssm": ("mix:5+online:ssm+online", True),
    "all (-8)": ("mix:5+online:ssm+online+ssm", True),
}


def sizes(data: bytes, parts: list[str]) -> dict[str, tuple[int, float]]:
    """Bytes of params and payload, and CPU seconds, by part."""
    found = {}
    for part in parts:
        spelling, primed = PARTS[part]
        predictor = registry.create(spelling)
        if not primed:
            predictor = predictor.with_primer(None)
        start = time.process_time()
        params, payload = predictor.encode(data)
        found[part] = (len(params) + len(payload), time.process_time() - start)
    return found


def engine_speed(bytes_: int = 20_000, repeats: int = 3) -> tuple[float, float, float]:
    """GMAC/s of whole steps of the shipped expert, of its matrix products alone, and KB/s; one thread, CPU time."""
    from nzip.predictors.ssm.expert import SsmExpert
    from nzip.predictors.ssm.kernel import steps
    from nzip.predictors.ssm.matvec import matvec

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
    from numba import njit

    @njit
    def products(matrices, vectors, sums, isa, rounds, matvec):
        for _ in range(rounds):
            for i in range(len(matrices)):
                matvec(matrices[i], vectors[i], sums[: 16 * matrices[i].shape[0]], isa)

    return products


def show(rows: list[tuple[str, int, dict]], console) -> None:
    """A table of sizes: bytes, and per cent of the primed mix where that was measured."""
    from rich import box
    from rich.table import Table

    parts = list(rows[0][2])
    base = "+primer (-5)"
    table = Table("file", "bytes", *parts, box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, size, found in rows:
        cells = []
        for part in parts:
            count, _ = found[part]
            gain = f" ({100 * (count / found[base][0] - 1):+.1f}%)" if base in found and part != base else ""
            cells.append(f"{count:,}{gain}")
        table.add_row(name, f"{size:,}", *cells)
    console.print(table)
    total = sum(size for _, size, _ in rows)
    seconds = ((part, sum(found[part][1] for _, _, found in rows)) for part in parts)
    speeds = ", ".join(f"{part} {total / spent / 1e3:.1f}" for part, spent in seconds)
    console.print(f"KB/s, CPU time: {speeds}", highlight=False)
