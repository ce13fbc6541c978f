"""The mixer's building blocks where one vector of weights is all there is (fast_kernel.py): as vector.py has
them, for inputs that come in pairs, two int16 in a word, and go from general registers into a vector one.

Stores of sixteen inputs and one load of all would wait for each other, every bit. Concession: exactly
``PAIRS`` pairs, as many as one vector holds.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nzip.predictors.mix.intrinsics.vector import (
    _ACC,
    _HALF,
    _I16,
    _I32,
    _I64,
    _WIDE,
    _function,
    _has_avx2,
    _load,
    _local,
    _places,
    _pointer,
    _splat,
)  # fmt: skip

PAIRS = 8

local_u32 = _local(types.uint32)


def _inputs(context, builder, array_type, array):
    """The pairs as one vector of int16."""
    found = ir.Constant(_ACC, ir.Undefined)
    for k in range(PAIRS):
        pair = builder.load(_pointer(context, builder, array_type, array, ir.Constant(_I64, k)))
        found = builder.insert_element(found, pair, ir.Constant(_I32, k))
    return builder.bitcast(found, _HALF)


@intrinsic
def dot_pairs(typing, weights, offset, pairs):
    """As ``dot`` of vector.py: int16 ``weights``, the ``PAIRS`` words of ``pairs`` (of ``local_u32``)."""
    sig = types.int32(weights, types.int64, pairs)

    def codegen(context, builder, sig, args):
        weights = _load(builder, _pointer(context, builder, sig.args[0], args[0], args[1]))
        inputs = _inputs(context, builder, sig.args[2], args[2])
        if _has_avx2(context):
            multiply = ir.FunctionType(_ACC, [_HALF, _HALF])
            total = builder.call(_function(builder, "llvm.x86.avx2.pmadd.wd", multiply), [weights, inputs])
        else:
            undef = ir.Constant(_HALF, ir.Undefined)
            products = []
            for each in (_places(range(0, 16, 2)), _places(range(1, 16, 2))):
                a = builder.sext(builder.shuffle_vector(weights, undef, each), _ACC)
                b = builder.sext(builder.shuffle_vector(inputs, undef, each), _ACC)
                products.append(builder.mul(a, b))
            total = builder.add(*products)
        reduce = _function(builder, "llvm.vector.reduce.add.v8i32", ir.FunctionType(_I32, [_ACC]))
        return builder.call(reduce, [total])

    return sig, codegen


@intrinsic
def train_pairs(typing, weights, offset, pairs, error):
    """As ``train`` of vector.py, likewise."""
    sig = types.void(weights, types.int64, pairs, types.int64)

    def codegen(context, builder, sig, args):
        place = _pointer(context, builder, sig.args[0], args[0], args[1])
        inputs = _inputs(context, builder, sig.args[2], args[2])
        undef = ir.Constant(_HALF, ir.Undefined)
        error = builder.insert_element(undef, builder.trunc(args[3], _I16), ir.Constant(_I32, 0))
        error = builder.shuffle_vector(error, undef, _splat(_WIDE, 0))
        if _has_avx2(context):
            multiply = ir.FunctionType(_HALF, [_HALF, _HALF])
            change = builder.call(_function(builder, "llvm.x86.avx2.pmul.hr.sw", multiply), [inputs, error])
        else:
            product = builder.mul(builder.sext(inputs, _WIDE), builder.sext(error, _WIDE))
            rounded = builder.ashr(builder.add(product, _splat(_WIDE, 1 << 14)), _splat(_WIDE, 15))
            change = builder.trunc(rounded, _HALF)
        add = _function(builder, "llvm.sadd.sat.v16i16", ir.FunctionType(_HALF, [_HALF, _HALF]))
        sums = builder.call(add, [_load(builder, place), change])
        builder.store(sums, builder.bitcast(place, _HALF.as_pointer())).align = 2
        return context.get_dummy_value()

    return sig, codegen
