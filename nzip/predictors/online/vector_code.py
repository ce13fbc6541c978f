"""The inner loop of the online network's backward product, written as LLVM vectors of float32.

LLVM does not keep the accumulators of a short inner loop in registers by itself. The code here is plain
vector IR (multiply, then add, no fast-math flags, so nothing is fused or reordered), legal on every
processor: there is no second path. Each element's sum runs over n in rising order, as in :mod:`.products`.

Concession: raw addresses, no bounds checked; :func:`.products.backward` owns the shapes.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nzip.predictors.online.products import ROWS

_I64, _F32 = ir.IntType(64), ir.FloatType()


def _kernel(columns: int):
    """``ROWS`` rows of dx, ``columns`` columns of it. A tuple of intp: weight, bytes of a weight row, n, dy,
    dx, bytes of a row of dy and dx."""

    @intrinsic
    def kernel(typingctx, arguments):
        vector = ir.VectorType(_F32, columns)

        def codegen(context, builder, signature, values):
            weight, weight_row, count, dy, dx, row = cgutils.unpack_tuple(builder, values[0], 6)
            name = f"nzip.online.backward.{columns}"
            module = builder.module
            if name in module.globals:
                function = module.globals[name]
            else:
                function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_I64] * 6), name)
                function.linkage = "internal"
                function.attributes.add("noinline")
                _emit(function, vector)
            builder.call(function, [weight, weight_row, count, dy, dx, row])
            return context.get_dummy_value()

        return types.void(types.UniTuple(types.intp, 6)), codegen

    return kernel


def _emit(function: ir.Function, vector: ir.VectorType) -> None:
    weight, weight_row, count, dy, dx, row = function.args
    entry, loop, done = (function.append_basic_block(n) for n in ("entry", "loop", "done"))
    b = ir.IRBuilder(entry)
    zero = ir.Constant(vector, [0.0] * vector.count)
    rows = [weight]
    for _ in range(ROWS - 1):
        rows.append(b.add(rows[-1], weight_row))
    b.branch(loop)
    b.position_at_end(loop)
    n = b.phi(_I64)
    n.add_incoming(_I64(0), entry)
    sums = [b.phi(vector) for _ in range(ROWS)]
    y = b.load(b.inttoptr(b.add(dy, b.mul(n, row)), vector.as_pointer()), align=4)
    after = []
    for at, total in zip(rows, sums, strict=True):
        total.add_incoming(zero, entry)
        w = b.load(b.inttoptr(b.add(at, b.shl(n, _I64(2))), _F32.as_pointer()), align=4)
        undefined = ir.Constant(vector, ir.Undefined)
        one = b.insert_element(undefined, w, ir.IntType(32)(0))
        spread = b.shuffle_vector(
            one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        )
        after.append(b.fadd(total, b.fmul(spread, y)))
        total.add_incoming(after[-1], loop)
    following = b.add(n, _I64(1))
    n.add_incoming(following, loop)
    b.cbranch(b.icmp_unsigned("<", following, count), loop, done)
    b.position_at_end(done)
    at = dx
    for total in after:
        b.store(total, b.inttoptr(at, vector.as_pointer()), align=4)
        at = b.add(at, row)
    b.ret_void()


@intrinsic
def prefetch(typingctx, address):
    """Ask for the cache line at ``address``, an intp, to be read soon."""

    def codegen(context, builder, signature, values):
        pointer = builder.inttoptr(values[0], ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        function = ir.FunctionType(ir.VoidType(), [pointer.type, word, word, word])
        call = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
        builder.call(call, [pointer, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


backward32, backward8 = _kernel(32), _kernel(8)
