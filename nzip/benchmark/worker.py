"""The process that runs nzip for the bench: ``python -m nzip.benchmark.worker compress|decompress SPELLING
IN OUT primed|cold``.

A fresh process each time, so that its peak memory is its own. It tells start-up from work:

* ``startup``: imports, loading (or compiling) the kernels, and a first tiny round trip;
* ``fixed``: what coding the file's first 256 bytes costs once warm: tables, priming, the passport's probe;
* ``codec``: coding the whole file, ``fixed`` included.

One line of JSON on standard output: CPU and wall seconds of each, and the peak memory of the process when
numba had run an empty function and nothing else had been done (``idle``).
"""

from __future__ import annotations

import io
import json
import resource
import shutil
import sys
import time
from typing import Any, cast

FIXED_BYTES = 256
WARM_BYTES = 4096


def peak_memory() -> int:
    """Peak memory of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Timer:
    """``with Timer() as t``: afterwards ``t.cpu`` and ``t.wall`` are seconds."""

    def __enter__(self):
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_):
        self.cpu, self.wall = time.process_time() - self._cpu, time.perf_counter() - self._wall


def main(direction: str, spelling: str, source: str, target: str, start: str) -> None:
    """Measure one direction over one file."""
    import numba  # what every user of nzip pays; its memory is told apart

    numba.njit(lambda: 0)()  # numba's own tables come with the first function, whatever it does
    idle = peak_memory()
    import nzip

    compressing = direction == "compress"
    options: Any = {"predictor": spelling, "primer": None if start == "primed" else False}
    with open(source, "rb") if compressing else nzip.open(source, "rb") as file:
        head = file.read(WARM_BYTES)
    if nzip.decompress(nzip.compress(head, **options)) != head:
        raise SystemExit("the first bytes do not round-trip")
    startup_cpu = time.process_time()

    # Twice, because so short a head may choose another primer, whose snapshot is only now being made.
    for _ in range(2):
        small = io.BytesIO()
        with Timer() as fixed, nzip.open(small, "wb", **options) as out:
            out.write(head[:FIXED_BYTES])
    if not compressing:
        small.seek(0)
        with Timer() as fixed, nzip.open(small, "rb") as packed:
            packed.read()

    with Timer() as codec:
        if compressing:
            with open(source, "rb") as file, nzip.open(target, "wb", **options) as out:
                shutil.copyfileobj(file, cast(Any, out), 1 << 20)
        else:
            with nzip.open(source, "rb") as file, open(target, "wb") as out:
                shutil.copyfileobj(cast(Any, file), out, 1 << 20)
    report = {"startup_cpu": startup_cpu, "idle": idle}
    for name, timer in (("fixed", fixed), ("codec", codec)):
        report[f"{name}_cpu"], report[f"{name}_wall"] = timer.cpu, timer.wall
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
