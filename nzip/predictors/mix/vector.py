"""Vector building blocks of the mixer: dot product, weight update and cache prefetch as LLVM IR.

Written as portable vector IR that LLVM turns into vpmaddwd / vpaddsw on x86 and into the matching
instructions elsewhere; only the rounding multiply names its x86 instruction (vpmulhrsw) where AVX2 is
there, since LLVM does not find that pattern by itself. All are exact integer operations, so every path
gives the same bits (``tests/nzip/predictors/mix/test_vector.py`` holds them against plain NumPy).

Concession: lengths must be multiples of ``LANES``, and 32-bit sums must not overflow; the mixer's inputs
are clamped to ±2047 and weights are int16, so 32 lanes × 16 rounds stay far below 2**31.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 32

_I8, _I16, _I32, _I64 = (ir.IntType(b) for b in (8, 16, 32, 64))
_V16 = ir.VectorType(_I16, LANES)
_V32 = ir.VectorType(_I32, LANES)
_ACC = ir.VectorType(_I32, LANES // 2)
_HALF = ir.VectorType(_I16, 16)


def _splat(ty, value):
    return ir.Constant(ty, [ir.Constant(ty.element, value)] * ty.count)


def _lanes(indices):
    return ir.Constant(ir.VectorType(_I32, len(indices)), [ir.Constant(_I32, k) for k in indices])


def _function(builder, name, ty):
    known = builder.module.globals.get(name)
    return known if known is not None else ir.Function(builder.module, ty, name)


def _pointer(context, builder, array_type, array, offset):
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [offset])


def _load(builder, pointer, align=2):
    value = builder.load(builder.bitcast(pointer, _V16.as_pointer()))
    value.align = align
    return value


def _has_avx2(context):
    triple, _, features = context.codegen().magic_tuple()
    return "x86_64" in triple and "+avx2" in features


@intrinsic
def dot(typing, weights, offset, inputs, n):
    """sum(weights[offset + i] * inputs[i] for i < n) as int32; int16 arrays, n a multiple of LANES."""
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
        wv, xv = _load(builder, builder.gep(w, [i])), _load(builder, builder.gep(x, [i]))
        undef = ir.Constant(_V16, ir.Undefined)

        def products(lanes):  # even and odd lanes apart: the pattern that becomes vpmaddwd
            a = builder.sext(builder.shuffle_vector(wv, undef, lanes), _ACC)
            b = builder.sext(builder.shuffle_vector(xv, undef, lanes), _ACC)
            return builder.mul(a, b)

        pairs = builder.add(products(_lanes(range(0, LANES, 2))), products(_lanes(range(1, LANES, 2))))
        total = builder.add(acc, pairs)
        following = builder.add(i, ir.Constant(_I64, LANES))
        i.add_incoming(following, loop)
        acc.add_incoming(total, loop)
        builder.cbranch(builder.icmp_signed("<", following, args[3]), loop, end)
        builder.position_at_end(end)
        reduce = _function(builder, f"llvm.vector.reduce.add.v{LANES // 2}i32", ir.FunctionType(_I32, [_ACC]))
        return builder.call(reduce, [total])

    return sig, codegen


@intrinsic
def train(typing, weights, offset, inputs, n, error):
    """weights[offset + i] += (inputs[i] * error + 2**14) >> 15, saturating at int16, for i < n.

    int16 arrays, n a multiple of LANES, error in -32768 .. 32767."""
    sig = types.void(weights, types.int64, inputs, types.int64, types.int64)

    def codegen(context, builder, sig, args):
        w = _pointer(context, builder, sig.args[0], args[0], args[1])
        x = _pointer(context, builder, sig.args[2], args[2], ir.Constant(_I64, 0))
        undef = ir.Constant(_V16, ir.Undefined)
        error = builder.insert_element(undef, builder.trunc(args[4], _I16), ir.Constant(_I32, 0))
        error = builder.shuffle_vector(error, undef, _splat(_V32, 0))
        before = builder.block
        loop, end = builder.append_basic_block("train"), builder.append_basic_block("train.end")
        builder.branch(loop)
        builder.position_at_end(loop)
        i = builder.phi(_I64)
        i.add_incoming(ir.Constant(_I64, 0), before)
        place = builder.gep(w, [i])
        wv, xv = _load(builder, place), _load(builder, builder.gep(x, [i]))
        if _has_avx2(context):
            multiply = _function(builder, "llvm.x86.avx2.pmul.hr.sw", ir.FunctionType(_HALF, [_HALF, _HALF]))
            halves = [
                builder.call(multiply, [builder.shuffle_vector(v, undef, lanes) for v in (xv, error)])
                for lanes in (_lanes(range(16)), _lanes(range(16, 32)))
            ]
            delta = builder.shuffle_vector(halves[0], halves[1], _lanes(range(LANES)))
        else:
            product = builder.mul(builder.sext(xv, _V32), builder.sext(error, _V32))
            rounded = builder.ashr(builder.add(product, _splat(_V32, 1 << 14)), _splat(_V32, 15))
            delta = builder.trunc(rounded, _V16)
        add = _function(builder, f"llvm.sadd.sat.v{LANES}i16", ir.FunctionType(_V16, [_V16, _V16]))
        stored = builder.store(builder.call(add, [wv, delta]), builder.bitcast(place, _V16.as_pointer()))
        stored.align = 2
        following = builder.add(i, ir.Constant(_I64, LANES))
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
