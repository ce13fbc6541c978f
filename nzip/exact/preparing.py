"""Makes what prepared.py ships of what numba compiled, without the machine code."""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm

from nzip.exact.machine_code import simplify, target_machine, told_symbol
from nzip.exact.native_entry import said_of


def module_of(compiled) -> tuple[dict[str, Any], str, str] | None:
    """What a function takes and gives, its symbol, and its module as LLVM's assembly, simplified; of the
    ``CompileResult`` of a function that pipeline.py's ``InnerCompiler`` compiled. None for what only numba
    can call."""
    said = said_of(compiled)
    if said is None:
        return None
    _, _, bitcode = compiled.library.serialize_using_object_code()
    module = llvm.parse_bitcode(bitcode)
    symbol = compiled.fndesc.llvm_func_name
    for function in module.functions:
        if not function.is_declaration and function.name != symbol and not _is_told(function.name):
            function.linkage = "internal"
    simplify(module, target_machine())
    return said, symbol, str(module)


def _is_told(name: str) -> bool:
    """Whether it is a function that answers, of which another is put in its place."""
    return name.startswith(told_symbol(0)[:-1])
