"""Compiled functions cost no compiler before they are called."""

from __future__ import annotations

from test_jit import python

from nzip.exact import cpu

IMPORTS = """
import sys
import nzip.predictors.mix.kernel, nzip.coding.symbol_kernel, nzip.predictors.online.products
import nzip.predictors.ssm.matvec, nzip.predictors.mix.words.encoder
print("numba" in sys.modules, "llvmlite" in sys.modules)
from nzip.coding.binary import start_encoder
print(start_encoder, "numba" in sys.modules, start_encoder.py_func.__name__)
"""


def test_numba_is_imported_when_something_is_called():
    assert python(IMPORTS).splitlines() == [
        "False False",
        "<nzip.coding.binary.start_encoder, compiled when called> False start_encoder",
    ]


def test_numba_compiles_for_what_is_said(monkeypatch):
    from numba.core.codegen import get_host_cpu_features

    if cpu.compiles_for_all():
        import llvmlite.binding as llvm

        assert llvm.get_host_cpu_features().flatten() == get_host_cpu_features()
    for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX"):
        with monkeypatch.context() as context:
            context.setenv(name, "")
            assert not cpu.compiles_for_all.__wrapped__()
