"""Instruction sets are used only where numba compiles for them: naming an instruction that the compiler may
not use ends the process in LLVM."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_llama
from support import ROOT, child_output

from nzip.exact import cpu

SETS = "from nzip.exact import cpu; print(cpu.detect(), cpu.has(cpu.AVX2), cpu.has(cpu.AVX512))"
has_avx2 = pytest.mark.skipif(not cpu.has(cpu.AVX2), reason="needs a processor with AVX2")


@has_avx2
@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"NUMBA_CPU_NAME": "generic"}, "0 False False"),
        ({"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, "0 False False"),
        ({"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}, "0 False False"),  # asks for too little
        ({"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse4.2,+avx2"}, "1 True False"),
        ({"NUMBA_CPU_FEATURES": "+avx2,-avx2"}, "0 False False"),
        ({"NUMBA_ENABLE_AVX": "0"}, "0 False False"),
    ],
)
def test_what_numba_compiles_for_decides(environment, found):
    assert child_output(SETS, **environment).strip() == found


@has_avx2
def test_what_the_machine_lacks_is_never_used():
    assert child_output(
        "import llvmlite.binding as llvm\n"
        "llvm.get_host_cpu_features = lambda: {'avx2': False, 'sse2': True}\n" + SETS,
        NUMBA_CPU_FEATURES="+sse2,+avx2",
    ).split() == ["0", "False", "False"]


CODE = """
import hashlib, sys
import nzip
data = open(sys.argv[1], "rb").read()
for spelling in sys.argv[2:]:
    packed = nzip.compress(data, predictor=spelling, primer=False)
    assert nzip.decompress(packed) == data
    print(hashlib.sha256(packed).hexdigest())
"""


def coded(path: Path, *spellings: str, **environment: str) -> list[str]:
    """Hashes of what a process of its own makes of a file."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path), *spellings],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.split()


@pytest.mark.slow  # compiles a network anew
def test_experts_compile_for_the_oldest_processor(tmp_path):
    """mix:1+ssm, the expert that ships; here and there the same bytes."""
    text = tmp_path / "text"
    text.write_bytes((ROOT / "README.md").read_bytes()[:300])
    generic = coded(text, "mix:1+ssm", NUMBA_CPU_NAME="generic")
    assert generic == coded(text, "mix:1+ssm") and len(generic) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"NUMBA_CPU_NAME": "generic"},
        {"NUMBA_CPU_NAME": "x86-64-v2"},
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+avx2"},
        {"NUMBA_CPU_FEATURES": "+avx2,+avx512f,+avx512bw,+avx512vl,+avx512vnni"},
        {"NUMBA_ENABLE_AVX": "0"},
    ],
    ids=lambda environment: " ".join(f"{k}={v}" for k, v in environment.items()),
)
def test_language_models_compile_for_any_processor(tmp_path, environment):
    if "avx512f" in environment.get("NUMBA_CPU_FEATURES", "") and not cpu.has(cpu.AVX512):
        pytest.skip("needs a processor with AVX-512 and VNNI")
    if "avx2" in environment.get("NUMBA_CPU_FEATURES", "") and not cpu.has(cpu.AVX2):
        pytest.skip("needs a processor with AVX2")
    text = tmp_path / "text"
    text.write_bytes((ROOT / "README.md").read_bytes()[:700])
    tiny = tiny_llama.write_gguf(tmp_path / "tiny.gguf", "Q4_1")
    spellings = ["mix:1+ssm", f"lm:{tiny}", f"mix:1+lm:{tiny}", "mix:1+online"]
    assert coded(text, *spellings, **environment) == coded(text, *spellings)
