"""The processor that this runs on: its name, and the instruction sets that compiled code may use, which are
those that the machine has and numba is allowed to compile for.

Results never depend on it: each kernel that asks has a portable twin which gives the same bits. ``NZIP_ISA``
(portable, avx2, avx512) forbids better sets, which is how tests and a user with a doubt compare them.

Concession: x86-64 alone has sets of its own here; on other processors LLVM's vectors of plain loops serve.
"""

from __future__ import annotations

import functools
import os
import platform

from nzip.exact import cpuid

PORTABLE, AVX2, AVX512 = 0, 1, 2
NAMES = ("portable", "avx2", "avx512")
_NEEDED = {AVX2: ("avx2",), AVX512: ("avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni")}


@functools.cache
def _usable() -> frozenset[str]:
    """LLVM's names of what this machine has and numba compiles for (``NUMBA_CPU_NAME=generic``,
    ``NUMBA_CPU_FEATURES``, ``NUMBA_ENABLE_AVX``): naming an instruction of a set that the compiler may not
    use ends the process. What a processor's name alone implies is not counted."""
    known = None if is_told() else cpuid.sets()
    if known is not None:  # the processors on which numba leaves AVX alone have none of these
        return known
    import llvmlite.binding as llvm  # start-up: the processor's name alone needs no LLVM

    if not llvm.get_default_triple().startswith("x86_64"):
        return frozenset()
    try:
        here = {name for name, there in llvm.get_host_cpu_features().items() if there}
    except RuntimeError:  # LLVM does not know this processor
        return frozenset()
    if compiles_for_all():
        return frozenset(here)
    from numba.core import config  # start-up
    from numba.core.codegen import get_host_cpu_features  # start-up

    compiled_for: set[str] = set()
    named = config.CPU_FEATURES  # type: ignore[attr-defined]  # set when numba is imported
    told = get_host_cpu_features() if named is None else named
    for feature in told.split(","):
        sign, name = feature.strip()[:1], feature.strip()[1:]
        if sign == "+":
            compiled_for.add(name)
        elif sign == "-":
            compiled_for.discard(name)
    return frozenset(here & compiled_for)


@functools.cache
def compiles_for_all() -> bool:
    """Whether numba, as it is set, compiles for all that this machine has. Asked without importing it."""
    if is_told():
        return False
    import llvmlite.binding as llvm  # start-up

    # On these numba leaves AVX alone, which LLVM compiled badly for them once.
    return llvm.get_host_cpu_name() not in ("corei7-avx", "core-avx-i", "sandybridge", "ivybridge")


def is_told() -> bool:
    """Whether somebody set numba to compile for another machine than this."""
    named = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if named != (None, None) or os.environ.get("NUMBA_ENABLE_AVX") is not None:
        return True
    return os.path.exists(".numba_config.yaml")


def has(isa: int) -> bool:
    """Whether this machine has the set and code is compiled for it, whatever ``NZIP_ISA`` says."""
    return isa == PORTABLE or _usable().issuperset(_NEEDED[isa])


def detect() -> int:
    """The best instruction set of those that :func:`has` and ``NZIP_ISA`` (portable, avx2, avx512) allow."""
    allowed = os.environ.get("NZIP_ISA", "avx512")
    best = PORTABLE
    if has(AVX2):
        best = AVX512 if has(AVX512) else AVX2
    return min(best, NAMES.index(allowed)) if allowed in NAMES else best


def processor_facts() -> dict[str, str]:
    """What Linux says of one core in ``/proc/cpuinfo`` ("model name", "cpu family", "model" ...); empty where
    there is no such file."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            core = lines.read().split("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in core)}


def processor_name() -> str:
    """The processor's name as its maker spells it; the empty string where nobody knows."""
    return processor_facts().get("model name") or platform.processor()
