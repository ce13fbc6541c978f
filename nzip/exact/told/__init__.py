"""``told``: a number that general code is given and special code knows, as LLVM IR.

To compile a large function costs numba four times what it costs LLVM. So a function that serves many plans is
compiled by numba once, and asks for what a plan says by ``told(table, place, value)``, which is ``value``: a
call of a small function that stands beside it. Where all tables are known, LLVM alone compiles it once more
with other such functions, which answer from the tables (templates.py): loops then have constant bounds, and
branches go.

It has a folder of its own, because kernels are compiled anew when a file beside their intrinsics changes.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nzip.exact.machine_code import told_symbol

_I64 = ir.IntType(64)


@intrinsic(prefer_literal=True)
def told(typing, table, place, value):
    """``value`` (int64) in general code; what stands at ``place`` (int64) of ``table`` (a constant) where
    that is known. Only the function itself may ask, none that it calls: those are made once for all."""
    number = table.literal_value

    def codegen(context, builder, sig, args):
        function = builder.module.globals.get(told_symbol(number))
        if function is None:
            kind = ir.FunctionType(_I64, [_I64, _I64])
            function = ir.Function(builder.module, kind, told_symbol(number))
            function.linkage = "linkonce_odr"
            inner = ir.IRBuilder(function.append_basic_block())
            inner.ret(function.args[1])
        return builder.call(function, [args[1], args[2]])

    return types.int64(table, types.int64, types.int64), codegen
