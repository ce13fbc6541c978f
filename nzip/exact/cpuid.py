"""What an x86-64 processor says of itself, asked as LLVM asks it, without LLVM.

Machine code that is kept must be used by like processors only, and to ask LLVM means importing llvmlite, a
fifth of NumPy's import. The instruction CPUID is a few bytes of code. ``/proc/cpuinfo`` would not do: under
an emulator it may speak of another machine than the code will see.

Concession: which bits matter is LLVM's affair, so all are compared that its detection reads, and one that
means nothing to it may cost compiling anew.
"""

from __future__ import annotations

import ctypes
import functools

from nzip.exact import image

# uint32 (leaf, subleaf, out[4]) -> none, and -> uint64: register XCR0, which says what the system saves.
_CPUID = bytes.fromhex("53 4989d0 89f8 89f1 0fa2 418900 41895804 41894808 4189500c 5b c3")
_XGETBV = bytes.fromhex("31c9 0f01d0 48c1e220 4809d0 c3")
_EAX, _EBX, _ECX, _EDX = range(4)
# Leaf, subleaf and registers that LLVM's detection reads (llvm/lib/TargetParser/Host.cpp), but for the number
# of the core that is asked.
_READ = (
    (0x1, 0, (_EAX, _ECX, _EDX)),
    (0x7, 0, (_EBX, _ECX, _EDX)),
    (0x7, 1, (_EAX, _EBX, _ECX, _EDX)),
    (0xD, 1, (_EAX,)),
    (0x14, 0, (_EBX,)),
    (0x19, 0, (_EBX,)),
    (0x1E, 1, (_EAX,)),
    (0x24, 0, (_EBX,)),
    (0x80000001, 0, (_ECX, _EDX)),
    (0x80000008, 0, (_EBX,)),
)
_SAVED_AVX, _SAVED_AVX512 = 0x6, 0xE6
_OSXSAVE, _AVX = 1 << 27, 1 << 28
# Of leaf 7: LLVM's name, register, bit.
_AVX_SETS = (("avx2", _EBX, 5),)
_AVX512_SETS = (
    ("avx512f", _EBX, 16),
    ("avx512bw", _EBX, 30),
    ("avx512vl", _EBX, 31),
    ("avx512vnni", _ECX, 11),
)


@functools.cache
def facts() -> tuple[int, ...] | None:
    """All that LLVM's choice of instructions follows from; None on other processors, and where no code can be
    made."""
    asked = _functions()
    if asked is None:
        return None
    ask, saved = asked
    basic, extended = ask(0, 0), ask(0x80000000, 0)
    found = [*basic, extended[_EAX]]
    for leaf, subleaf, registers in _READ:
        if leaf <= (extended if leaf >> 31 else basic)[_EAX]:
            answer = ask(leaf, subleaf)
            found += (answer[register] for register in registers)
        else:
            found += [0] * len(registers)
    return (*found, saved() if ask(1, 0)[_ECX] & _OSXSAVE else 0)


@functools.cache
def sets() -> frozenset[str] | None:
    """LLVM's names of AVX2 and of those parts of AVX-512 that are used here (cpu.py), where the processor has
    them and the system saves their registers; None where :func:`facts` is."""
    asked = _functions()
    if asked is None:
        return None
    ask, saved = asked
    has_avx = ask(1, 0)[_ECX] & (_OSXSAVE | _AVX) == _OSXSAVE | _AVX
    if not has_avx or ask(0, 0)[_EAX] < 7:
        return frozenset()
    seven, kept = ask(7, 0), saved()
    known = [*_AVX_SETS] if kept & _SAVED_AVX == _SAVED_AVX else []
    known += _AVX512_SETS if kept & _SAVED_AVX512 == _SAVED_AVX512 else ()
    return frozenset(name for name, register, bit in known if seven[register] >> bit & 1)


@functools.cache
def _functions():
    """(leaf, subleaf) to its four registers, and () to XCR0."""
    if not image.possible():
        return None
    second = -len(_CPUID) % 16 + len(_CPUID)
    code = _CPUID.ljust(second, b"\0") + _XGETBV
    address = image.placed(image.Image(code, len(code), 0, 0, [], {}), image.symbol)
    if address is None:
        return None
    cpuid = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)(address)
    saved = ctypes.CFUNCTYPE(ctypes.c_uint64)(address + second)

    def ask(leaf: int, subleaf: int) -> tuple[int, ...]:
        out = (ctypes.c_uint32 * 4)()
        cpuid(leaf, subleaf, out)
        return tuple(out)

    return ask, saved
