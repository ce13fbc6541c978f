"""One machine's part of scripts/anywhere.py: encode every case, and decode what another machine made.

    python anywhere_worker.py JOB.json

The job: ``cases`` (name, sample: a path, options of :func:`nzip.compress`), ``models`` (where those lie that
are named), ``streams`` (the folder for what is encoded, or None), ``others`` (the folder of the streams to
decode, or None). What runs here is said in JSON: a line for the machine, then one for each case as it is
done.

Concession: a case that fails ends the process; those behind it are missing from the results.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import time
from pathlib import Path


def main() -> None:
    """The command."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    _say(_machine())
    for case in job["cases"]:
        _say(_one(case, job))


def _one(case: dict, job: dict) -> dict:
    import nzip
    from nzip.predictors.lm import spans

    # The tiny vocabulary's tokens are short; only what is no text is kept from the model here.
    spans.LEAST = 0.5
    data = Path(case["sample"]).read_bytes()
    done: dict = {"case": case["name"], "data": hashlib.sha256(data).hexdigest()}
    if job["streams"]:
        begun = time.perf_counter()
        stream = nzip.compress(data, **case["options"])
        done["encode_seconds"] = round(time.perf_counter() - begun, 2)
        Path(job["streams"], case["name"] + ".nz").write_bytes(stream)
        done |= {"bytes": len(stream), "stream": hashlib.sha256(stream).hexdigest()}
    if job["others"]:
        begun = time.perf_counter()
        other = Path(job["others"], case["name"] + ".nz").read_bytes()
        decoded = nzip.decompress(other, models=job["models"])
        done["decode_seconds"] = round(time.perf_counter() - begun, 2)
        done |= {"decoded": hashlib.sha256(other).hexdigest(), "right": decoded == data}
    return done


def _machine() -> dict:
    import llvmlite.binding
    import numba
    import numpy
    from numba.core.codegen import get_host_cpu_features

    from nzip.exact import cpu

    simd = numpy.show_config(mode="dicts")["SIMD Extensions"]
    features = numba.config.CPU_FEATURES
    return {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "numpy_uses": simd["baseline"] + simd.get("found", []),
        "numba": numba.__version__,
        "compiled_for": numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name(),
        "avx512_compiled": "+avx512f" in (get_host_cpu_features() if features is None else features),
        "engine": cpu.NAMES[cpu.detect()],
    }


def _say(done: dict) -> None:
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
