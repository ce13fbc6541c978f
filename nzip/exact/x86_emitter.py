"""Writing x86 vector instructions from Python: LLVM IR in, a numba intrinsic over raw addresses out.

LLVM does not form ``vpmaddubsw``, ``vpmaddwd`` or ``vpdpbusd`` from plain loops. :class:`Emitter` holds what
such a loop is made of, for vectors of 256 or 512 bits; :func:`kernel_of` makes an emitted loop callable from
compiled code. The loops themselves stand where they are used, and in :mod:`.x86`.

Concession: nothing here checks a bound; the callers own the shapes.
"""

from __future__ import annotations

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nzip.exact import cpu

I8, I16, I32, I64, F32 = (ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType())
# vpdpbusd's operands are typed as bytes from LLVM 22 on, as 32-bit words before.
_DOT_BYTES = llvm.llvm_version_info[0] >= 22


class Emitter:
    """Writes one kernel: vectors of ``words`` 32-bit lanes, addresses as 64-bit integers."""

    def __init__(self, fn: ir.Function, isa: int):
        self.b = ir.IRBuilder(fn.append_basic_block("entry"))
        self.args = fn.args
        self.module = fn.module
        self.wide = isa == cpu.AVX512
        self.words = 16 if self.wide else 8
        self.v32 = ir.VectorType(I32, self.words)
        self.v16 = ir.VectorType(I16, 2 * self.words)
        self.v8 = ir.VectorType(I8, 4 * self.words)
        self.vf = ir.VectorType(F32, self.words)

    def const(self, vtype, value):
        return ir.Constant(vtype, [value] * vtype.count)

    def call(self, name, restype, args):
        fnty = ir.FunctionType(restype, [a.type for a in args])
        return self.b.call(cgutils.get_or_insert_function(self.module, fnty, name), args)

    def at(self, base, offset):
        """Address ``base + offset``; offset an int or an IR value."""
        return self.b.add(base, I64(offset) if isinstance(offset, int) else offset)

    def load(self, vtype, address):
        return self.b.load(self.b.inttoptr(address, vtype.as_pointer()), align=1)

    def store(self, value, address):
        self.b.store(value, self.b.inttoptr(address, value.type.as_pointer()), align=1)

    def splat(self, scalar, vtype):
        undef = ir.Constant(vtype, ir.Undefined)
        one = self.b.insert_element(undef, scalar, I32(0))
        return self.b.shuffle_vector(
            one, undef, ir.Constant(ir.VectorType(I32, vtype.count), [0] * vtype.count)
        )

    def prefetch(self, address, nearness=3):
        """Ask for the cache line at ``address``, which need not be ours: to be read once, soon (3), or a
        little later (2)."""
        pointer = self.b.inttoptr(address, I8.as_pointer())
        fnty = ir.FunctionType(ir.VoidType(), [pointer.type, I32, I32, I32])
        call = cgutils.get_or_insert_function(self.module, fnty, "llvm.prefetch.p0")
        self.b.call(call, [pointer, I32(0), I32(nearness), I32(1)])

    def word(self, address):
        """The 32 bits at ``address`` in every lane."""
        return self.splat(self.load(I32, address), self.v32)

    def madd_words(self, a, b):
        """vpmaddwd: pairs of int16 products summed to int32."""
        name = "llvm.x86.avx512.pmaddw.d.512" if self.wide else "llvm.x86.avx2.pmadd.wd"
        return self.call(name, self.v32, [self.b.bitcast(a, self.v16), self.b.bitcast(b, self.v16)])

    def madd_bytes(self, unsigned, signed):
        """vpmaddubsw (256 bits): pairs of u8 × s8 products summed to int16, saturating."""
        return self.call(
            "llvm.x86.avx2.pmadd.ub.sw",
            self.v16,
            [self.b.bitcast(unsigned, self.v8), self.b.bitcast(signed, self.v8)],
        )

    def dot_bytes(self, acc, unsigned, signed):
        """vpdpbusd (512 bits): four u8 × s8 products added to each int32."""
        vtype = self.v8 if _DOT_BYTES else self.v32
        return self.call(
            "llvm.x86.avx512.vpdpbusd.512",
            self.v32,
            [acc, self.b.bitcast(unsigned, vtype), self.b.bitcast(signed, vtype)],
        )

    def accumulators(self, count, initial=None):
        slots = []
        for i in range(count):
            slot = cgutils.alloca_once(self.b, self.v32)
            self.b.store(self.const(self.v32, 0) if initial is None else initial[i], slot)
            slots.append(slot)
        return slots

    def accumulate(self, slot, value):
        self.b.store(self.b.add(self.b.load(slot), value), slot)

    def loop(self, count):
        return cgutils.for_range(self.b, count, intp=I64)


def kernel_of(name: str, nargs: int, isa: int, emit, *shape):
    """A numba intrinsic taking one tuple of ``nargs`` intp. On machines without ``isa`` it does nothing, and
    its callers, who look at :func:`nzip.exact.cpu.detect`, never call it."""
    symbol = f"nzip.{name}.{cpu.NAMES[isa]}." + ".".join(map(str, shape))

    @intrinsic
    def kernel(typingctx, args):
        sig = types.void(types.UniTuple(types.intp, nargs))

        def codegen(context, builder, signature, arguments):
            if not cpu.has(isa):
                return context.get_dummy_value()
            module = builder.module
            if symbol in module.globals:
                fn = module.globals[symbol]
            else:
                fn = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * nargs), symbol)
                fn.linkage = "internal"
                fn.attributes.add("noinline")
                emitter = Emitter(fn, isa)
                emit(emitter, *shape)
                emitter.b.ret_void()
            builder.call(fn, cgutils.unpack_tuple(builder, arguments[0], nargs))
            return context.get_dummy_value()

        return sig, codegen

    return kernel
