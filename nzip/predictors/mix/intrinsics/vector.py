"""Vector building blocks of the mixer: dot product, weight update and cache prefetch as LLVM IR.

Where AVX2 is there, two x86 instructions are named (vpmaddwd, vpmulhrsw), since LLVM does not find these
patterns by itself; elsewhere portable vector IR says the same. All are exact integer operations, so both
paths give the same bits (``intrinsics/test_vector.py`` of the tests holds them against plain NumPy).

Concession: lengths must be multiples of ``VECTOR``. 32-bit sums of saturated weights could overflow in
theory; they then wrap around, alike on both paths."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nzip.predictors.mix.intrinsics import VECTOR

_I8, _I16, _I32, _I64 = (ir.IntType(b) for b in (8, 16, 32, 64))
_HALF = ir.VectorType(_I16, 16)
_WIDE = ir.VectorType(_I32, 16)
_ACC = ir.VectorType(_I32, 8)


def _splat(ty, value):
    return ir.Constant(ty, [ir.Constant(ty.element, value)] * ty.count)


def _places(indices):
    return ir.Constant(ir.VectorType(_I32, len(indices)), [ir.Constant(_I32, k) for k in indices])


def _function(builder, name, ty):
    known = builder.module.globals.get(name)
    return known if known is not None else ir.Function(builder.module, ty, name)


def _pointer(context, builder, array_type, array, offset):
    if isinstance(array_type, types.CPointer):
        return builder.gep(array, [offset])
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [offset])


def _load(builder, pointer, ty=_HALF):
    value = builder.load(builder.bitcast(pointer, ty.as_pointer()))
    value.align = 2
    return value


def _has_avx2(context):
    triple, _, features = context.codegen().magic_tuple()
    return "x86_64" in triple and "+avx2" in features


@intrinsic
def dot(typing, weights, offset, inputs, n):
    """sum(weights[offset + i] * inputs[i] for i < n) as int32; int16 arrays, n a multiple of VECTOR."""
    sig = types.int32(weights, types.int64, inputs, types.int64)

    def codegen(context, builder, sig, args):
        w = _pointer(context, builder, sig.args[0], args[0], args[1])
        x = _pointer(context, builder, sig.args[2], args[2], ir.Constant(_I64, 0))
        before = builder.block
        loop, end = builder.append_basic_block("dot"), builder.append_basic_block("dot.end")
        builder.branch(loop)
        builder.position_at_end(loop)
        i, acc = builder.phi(_I64), builder.phi(_ACC)
        i.add_incoming(ir.Constant(_I64, 0), before)
        acc.add_incoming(_splat(_ACC, 0), before)
        undef = ir.Constant(_HALF, ir.Undefined)
        total = acc
        for half in range(0, VECTOR, 16):  # 16 at a time: one 256-bit register on x86
            at = builder.add(i, ir.Constant(_I64, half))
            wv = _load(builder, builder.gep(w, [at]))
            xv = _load(builder, builder.gep(x, [at]))
            if _has_avx2(context):
                ty = ir.FunctionType(_ACC, [_HALF, _HALF])
                pairs = builder.call(_function(builder, "llvm.x86.avx2.pmadd.wd", ty), [wv, xv])
            else:
                products = []
                for pairs_half in (_places(range(0, 16, 2)), _places(range(1, 16, 2))):
                    a = builder.sext(builder.shuffle_vector(wv, undef, pairs_half), _ACC)
                    b = builder.sext(builder.shuffle_vector(xv, undef, pairs_half), _ACC)
                    products.append(builder.mul(a, b))
                pairs = builder.add(*products)
            total = builder.add(total, pairs)
        following = builder.add(i, ir.Constant(_I64, VECTOR))
        i.add_incoming(following, loop)
        acc.add_incoming(total, loop)
        builder.cbranch(builder.icmp_signed("<", following, args[3]), loop, end)
        builder.position_at_end(end)
        reduce = _function(builder, "llvm.vector.reduce.add.v8i32", ir.FunctionType(_I32, [_ACC]))
        return builder.call(reduce, [total])

    return sig, codegen


@intrinsic
def train(typing, weights, offset, inputs, n, error):
    """weights[offset + i] += (inputs[i] * error + 2**14) >> 15, saturating at int16, for i < n.

    int16 arrays, n a multiple of VECTOR, error in -32768 .. 32767."""
    sig = types.void(weights, types.int64, inputs, types.int64, types.int64)

    def codegen(context, builder, sig, args):
        w = _pointer(context, builder, sig.args[0], args[0], args[1])
        x = _pointer(context, builder, sig.args[2], args[2], ir.Constant(_I64, 0))
        undef = ir.Constant(_HALF, ir.Undefined)
        error = builder.insert_element(undef, builder.trunc(args[4], _I16), ir.Constant(_I32, 0))
        error = builder.shuffle_vector(error, undef, _splat(_WIDE, 0))
        before = builder.block
        loop, end = builder.append_basic_block("train"), builder.append_basic_block("train.end")
        builder.branch(loop)
        builder.position_at_end(loop)
        i = builder.phi(_I64)
        i.add_incoming(ir.Constant(_I64, 0), before)
        for half in range(0, VECTOR, 16):
            at = builder.add(i, ir.Constant(_I64, half))
            place = builder.gep(w, [at])
            wv = _load(builder, place)
            xv = _load(builder, builder.gep(x, [at]))
            if _has_avx2(context):
                multiply = _function(
                    builder, "llvm.x86.avx2.pmul.hr.sw", ir.FunctionType(_HALF, [_HALF, _HALF])
                )
                delta = builder.call(multiply, [xv, error])
            else:
                product = builder.mul(builder.sext(xv, _WIDE), builder.sext(error, _WIDE))
                rounded = builder.ashr(builder.add(product, _splat(_WIDE, 1 << 14)), _splat(_WIDE, 15))
                delta = builder.trunc(rounded, _HALF)
            add = _function(builder, "llvm.sadd.sat.v16i16", ir.FunctionType(_HALF, [_HALF, _HALF]))
            stored = builder.store(builder.call(add, [wv, delta]), builder.bitcast(place, _HALF.as_pointer()))
            stored.align = 2
        following = builder.add(i, ir.Constant(_I64, VECTOR))
        i.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, args[3]), loop, end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def prefetch(typing, array, index):
    """Ask the cache for the line of array[index]; changes nothing."""
    sig = types.void(array, types.uint64)

    def codegen(context, builder, sig, args):
        place = builder.bitcast(_pointer(context, builder, sig.args[0], args[0], args[1]), _I8.as_pointer())
        ty = ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32])
        call = _function(builder, "llvm.prefetch.p0", ty)
        builder.call(call, [place, ir.Constant(_I32, 1), ir.Constant(_I32, 3), ir.Constant(_I32, 1)])
        return context.get_dummy_value()

    return sig, codegen


def _local(dtype):
    @intrinsic(prefer_literal=True)
    def local(typing, count):
        """``count`` (a constant) zeros on the stack, or in registers where every index is known. For the
        compiled function that asks, as long as it runs."""
        sig = types.CPointer(dtype)(count)
        number = count.literal_value

        def codegen(context, builder, sig, args):
            place = cgutils.alloca_once(
                builder, context.get_value_type(dtype), size=ir.Constant(_I32, number)
            )
            cgutils.memset(builder, place, ir.Constant(_I64, number * dtype.bitwidth // 8), 0)
            return place

        return sig, codegen

    return local


local_u64, local_i64, local_i16 = _local(types.uint64), _local(types.int64), _local(types.int16)
