"""The inner loops of the online network's products, written as LLVM vectors of float32.

LLVM does not keep the accumulators of a short inner loop in registers by itself. The code here is plain
vector IR (multiply, then add, no fast-math flags, so nothing is fused or reordered), legal on every
processor: there is no second path. Each element's sum runs over its index in rising order, as in
:mod:`.products`.

Concession: raw addresses, no bounds checked; :mod:`.products` owns the shapes.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nzip.predictors.online.products import BETA1, BETA2, EPSILON, ROWS, SQUARE, TILE

LANES = 16  # float32 of a vector; LLVM splits what a processor has not
_AHEAD = 1536  # bytes that a product's matrix is asked for before it is read
_I8, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()


def _kernel(name: str, integers: int, floats: int, emit):
    """An intrinsic of two tuples, ``integers`` intp and ``floats`` float32, which calls what ``emit`` wrote,
    one function a module."""

    def typed(arguments, factors):
        return types.void(types.UniTuple(types.intp, integers), types.UniTuple(types.float32, floats))

    def codegen(context, builder, signature, values):
        module = builder.module
        if name in module.globals:
            function = module.globals[name]
        else:
            arguments = [_I64] * integers + [_F32] * floats
            function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
            function.linkage = "internal"
            function.attributes.add("noinline")
            emit(function)
        given = cgutils.unpack_tuple(builder, values[0], integers)
        if floats:
            given += cgutils.unpack_tuple(builder, values[1], floats)
        builder.call(function, given)
        return context.get_dummy_value()

    if floats:

        @intrinsic
        def kernel(typingctx, arguments, factors):
            return typed(arguments, factors), codegen

    else:

        @intrinsic
        def kernel(typingctx, arguments):
            return types.void(types.UniTuple(types.intp, integers)), codegen

    return kernel


class _Vectors:
    """Vectors of ``lanes`` float32 or int32 through ``b``, which the methods write to."""

    def __init__(self, builder: ir.IRBuilder, lanes: int):
        self.b = builder
        self.floats, self.words = ir.VectorType(_F32, lanes), ir.VectorType(_I32, lanes)
        self.lanes = lanes

    def real(self, value) -> ir.Constant:
        return ir.Constant(self.floats, [float(value)] * self.lanes)

    def word(self, value: int) -> ir.Constant:
        return ir.Constant(self.words, [value] * self.lanes)

    def spread(self, one):
        """``one`` in every lane."""
        undefined = ir.Constant(self.floats, ir.Undefined)
        first = self.b.insert_element(undefined, one, _I32(0))
        return self.b.shuffle_vector(first, undefined, ir.Constant(self.words, [0] * self.lanes))

    def load(self, address, ty=None):
        return self.b.load(self.b.inttoptr(address, (ty or self.floats).as_pointer()), align=4)

    def store(self, value, address) -> None:
        self.b.store(value, self.b.inttoptr(address, value.type.as_pointer()), align=4)

    def sqrt(self, value):
        ty = ir.FunctionType(self.floats, [self.floats])
        function = cgutils.get_or_insert_function(self.b.module, ty, f"llvm.sqrt.v{self.lanes}f32")
        return self.b.call(function, [value])

    def at(self, address, offset: int):
        return self.b.add(address, _I64(offset)) if offset else address


def _loop(function: ir.Function, name: str):
    """The blocks entry, loop and done, and a builder at the first."""
    entry, loop, done = (function.append_basic_block(n) for n in ("entry", name, "done"))
    return ir.IRBuilder(entry), entry, loop, done


def _prefetch(builder, address) -> None:
    pointer = builder.inttoptr(address, _I8.as_pointer())
    function = ir.FunctionType(ir.VoidType(), [pointer.type, _I32, _I32, _I32])
    call = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
    builder.call(call, [pointer, _I32(0), _I32(3), _I32(1)])


def _outer_sums(function, columns: int, left, left_row, count, right, right_row):
    """``ROWS`` by ``columns`` sums over n < count of left[r, n] right[n, c]; returns the vectors of lanes and
    the sums, a list a row, at the end of the loop."""
    lanes = min(columns, LANES)
    b, entry, loop, done = _loop(function, "sum")
    vectors = _Vectors(b, lanes)
    rows = [left]
    for _ in range(ROWS - 1):
        rows.append(b.add(rows[-1], left_row))
    b.branch(loop)
    b.position_at_end(loop)
    n, at = b.phi(_I64), b.phi(_I64)
    n.add_incoming(_I64(0), entry)
    at.add_incoming(right, entry)
    sums = [[b.phi(vectors.floats) for _ in range(columns // lanes)] for _ in rows]
    pieces = [vectors.load(vectors.at(at, 4 * lanes * i)) for i in range(columns // lanes)]
    after: list[list] = []
    for row, totals in zip(rows, sums, strict=True):
        one = b.load(b.inttoptr(b.add(row, b.shl(n, _I64(2))), _F32.as_pointer()), align=4)
        spread = vectors.spread(one)
        after.append([])
        for total, piece in zip(totals, pieces, strict=True):
            total.add_incoming(vectors.real(0), entry)
            after[-1].append(b.fadd(total, b.fmul(spread, piece)))
            total.add_incoming(after[-1][-1], loop)
    following = b.add(n, _I64(1))
    n.add_incoming(following, loop)
    at.add_incoming(b.add(at, right_row), loop)
    b.cbranch(b.icmp_unsigned("<", following, count), loop, done)
    b.position_at_end(done)
    return vectors, after


def _backward(columns: int):
    """``ROWS`` rows of dx, ``columns`` columns of it. A tuple of intp: weight, bytes of a weight row, n, dy,
    dx, bytes of a row of dy and dx."""

    def emit(function: ir.Function) -> None:
        weight, weight_row, count, dy, dx, row = function.args
        v, sums = _outer_sums(function, columns, weight, weight_row, count, dy, row)
        at = dx
        for totals in sums:
            for i, total in enumerate(totals):
                v.store(total, v.at(at, 4 * v.lanes * i))
            at = v.b.add(at, row)
        v.b.ret_void()

    return _kernel(f"nzip.online.backward.{columns}", 6, 0, emit)


def _learn(columns: int):
    """Adam on ``ROWS`` rows and ``columns`` columns of a matrix; the gradient stays in registers. A tuple of
    intp: x transposed, bytes of a row of it, positions, dy, bytes of a row of dy and the matrices, weight, m,
    v, nearest, bytes of a row of pairs of nearest, and how many bytes on stands what is to be asked for; a
    tuple of float32: rate, first, second."""

    def emit(function: ir.Function) -> None:
        x, x_row, count, dy, row, *matrices, near, near_row, ahead = function.args[:11]
        v, sums = _outer_sums(function, columns, x, x_row, count, dy, row)
        b = v.b
        rate, first, second = (v.spread(one) for one in function.args[11:])
        one = np.float32(1)
        beta1, rest1, beta2, rest2, epsilon = map(v.real, (BETA1, one - BETA1, BETA2, one - BETA2, EPSILON))
        for pair in range(0, ROWS, 2):
            for i in range(columns // v.lanes):
                rounded = []
                for half in range(2):
                    g = sums[pair + half][i]
                    w_at, m_at, v_at = (v.at(at, 4 * v.lanes * i) for at in matrices)
                    if half:
                        w_at, m_at, v_at = (b.add(at, row) for at in (w_at, m_at, v_at))
                    mn = b.fadd(b.fmul(beta1, v.load(m_at)), b.fmul(rest1, g))
                    vn = b.fadd(b.fmul(beta2, v.load(v_at)), b.fmul(rest2, b.fmul(g, g)))
                    v.store(mn, m_at)
                    v.store(vn, v_at)
                    root = b.fadd(v.sqrt(b.fmul(vn, second)), epsilon)
                    w = b.fsub(v.load(w_at), b.fmul(rate, b.fdiv(b.fmul(mn, first), root)))
                    v.store(w, w_at)
                    bits = b.bitcast(w, v.words)
                    odd = b.and_(b.lshr(bits, v.word(16)), v.word(1))
                    rounded.append(b.add(b.add(bits, v.word(0x7FFF)), odd))
                low = b.lshr(rounded[0], v.word(16))
                v.store(b.or_(low, b.and_(rounded[1], v.word(-65536))), v.at(near, 4 * v.lanes * i))
            matrices = [b.add(at, b.shl(row, _I64(1))) for at in matrices]
            near = b.add(near, near_row)
        for at in function.args[5:8]:
            for _ in range(ROWS):
                for line in range(0, 4 * columns, 64):
                    _prefetch(b, b.add(v.at(at, line), ahead))
                at = b.add(at, row)
        b.ret_void()

    return _kernel(f"nzip.online.learn.{columns}", 11, 3, emit)


def _forward(columns: int):
    """Columns of a product with a matrix rounded to bfloat16. A tuple of intp: a tile of the matrix, its rows
    of pairs, x, out."""

    def emit(function: ir.Function) -> None:
        tile, pairs, x, out = function.args
        b, entry, loop, done = _loop(function, "pairs")
        v = _Vectors(b, LANES)
        b.branch(loop)
        b.position_at_end(loop)
        i, at = b.phi(_I64), b.phi(_I64)
        sums = [b.phi(v.floats) for _ in range(columns // LANES)]
        here = b.add(x, b.shl(i, _I64(3)))
        low, high = (v.spread(b.load(b.inttoptr(v.at(here, n), _F32.as_pointer()), align=4)) for n in (0, 4))
        after = []
        for n, total in enumerate(sums):
            pair = v.load(v.at(at, 4 * LANES * n), v.words)
            _prefetch(b, v.at(at, 4 * LANES * n + _AHEAD))
            first = b.bitcast(b.shl(pair, v.word(16)), v.floats)
            second = b.bitcast(b.and_(pair, v.word(-65536)), v.floats)
            after.append(b.fadd(b.fadd(total, b.fmul(low, first)), b.fmul(high, second)))
        following = b.add(i, _I64(1))
        for phi, start, next_ in [
            (i, _I64(0), following), (at, tile, v.at(at, 4 * columns)),
            *((total, v.real(0), new) for total, new in zip(sums, after, strict=True)),
        ]:  # fmt: skip
            phi.add_incoming(start, entry)
            phi.add_incoming(next_, loop)
        b.cbranch(b.icmp_unsigned("<", following, pairs), loop, done)
        b.position_at_end(done)
        for n, total in enumerate(after):
            v.store(total, v.at(out, 4 * LANES * n))
        b.ret_void()

    return _kernel(f"nzip.online.forward.{columns}", 4, 0, emit)


@intrinsic
def prefetch(typingctx, address):
    """Ask for the cache line at ``address``, an intp, to be read soon."""

    def codegen(context, builder, signature, values):
        _prefetch(builder, values[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


class _Term:
    """A vector of float32 whose operators write to the builder."""

    def __init__(self, v: _Vectors, value):
        self.v, self.value = v, value

    def __add__(self, other: _Term) -> _Term:
        return _Term(self.v, self.v.b.fadd(self.value, other.value))

    def __sub__(self, other: _Term) -> _Term:
        return _Term(self.v, self.v.b.fsub(self.value, other.value))

    def __mul__(self, other: _Term) -> _Term:
        return _Term(self.v, self.v.b.fmul(self.value, other.value))

    def __truediv__(self, other: _Term) -> _Term:
        return _Term(self.v, self.v.b.fdiv(self.value, other.value))

    def root(self) -> _Term:
        return _Term(self.v, self.v.sqrt(self.value))


def _each(name: str, arrays: int, body):
    """An intrinsic of a tuple of intp: the addresses of ``arrays`` float32 arrays and how many bytes of them,
    a multiple of 64. ``body(term, read, write)`` writes the code for a vector of each: read(i, by) and
    write(i, by, term), ``by`` times so many bytes on; term(number)."""

    def emit(function: ir.Function) -> None:
        *starts, size = function.args
        b, entry, loop, done = _loop(function, "each")
        v = _Vectors(b, LANES)
        b.branch(loop)
        b.position_at_end(loop)
        at = b.phi(_I64)

        def place(i, by):
            return b.add(b.add(starts[i], at), b.mul(size, _I64(by)))

        body(
            lambda number: _Term(v, v.real(number)),
            lambda i, by=0: _Term(v, v.load(place(i, by))),
            lambda i, by, term: v.store(term.value, place(i, by)),
        )
        at.add_incoming(_I64(0), entry)
        following = b.add(at, _I64(4 * LANES))
        at.add_incoming(following, loop)
        b.cbranch(b.icmp_unsigned("<", following, size), loop, done)
        b.position_at_end(done)
        b.ret_void()

    return _kernel(name, arrays + 1, 0, emit)


def _gates(term, read, write) -> None:
    pre, bias, before, after, y = range(5)
    half, one = term(0.5), term(1)
    a, c, o = (read(pre, i) + read(bias, i) for i in range(3))
    for i, value in enumerate((a, c, o)):
        write(pre, i, value)
    bent_a, bent_c, bent_o = (x * (one / (one + x * x).root()) for x in (a, c, o))
    z, g = half + half * bent_a, half + half * bent_o
    h = read(before)
    new = h + z * (bent_c - h)
    write(after, 0, new)
    write(y, 0, new * o * g)


def _gates_back(term, read, write) -> None:
    pre, before, after, dy, carry, to = range(6)
    half, one = term(0.5), term(1)
    a, c, o = (read(pre, i) for i in range(3))
    d = read(dy)
    ra, rc, ro = (one / (one + x * x).root() for x in (a, c, o))
    z, g = half + half * (a * ra), half + half * (o * ro)
    dh = read(carry) + d * o * g
    write(to, 2, d * read(after) * (g + half * o * (ro * (ro * ro))))
    write(to, 0, dh * (c * rc - read(before)) * (half * (ra * (ra * ra))))
    write(to, 1, dh * z * (rc * (rc * rc)))
    write(carry, 0, dh * (one - z))


def _emit_transpose(function: ir.Function) -> None:
    """Neighbours change places across the main diagonal of squares of two by two, then of these squares in
    squares of four by four, then of those."""
    source, row, to, to_row = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    v = _Vectors(b, SQUARE)
    lines = []
    for _ in range(SQUARE):
        lines.append(v.load(source))
        source = b.add(source, row)
    for size in (1, 2, 4):
        upper = [i + SQUARE - size if i & size else i for i in range(SQUARE)]
        lower = [i + SQUARE if i & size else i + size for i in range(SQUARE)]
        masks = [ir.Constant(v.words, mask) for mask in (upper, lower)]
        before = lines.copy()
        for i in range(SQUARE):
            if not i & size:
                for place, mask in zip((i, i + size), masks, strict=True):
                    lines[place] = b.shuffle_vector(before[i], before[i + size], mask)
    for line in lines:
        v.store(line, to)
        to = b.add(to, to_row)
    b.ret_void()


# A square of SQUARE by SQUARE. A tuple of intp: it, bytes of a row, where its transpose goes, bytes of a row.
transpose_square = _kernel("nzip.online.transpose", 4, 0, _emit_transpose)
gates, gates_back = _each("nzip.online.gates", 5, _gates), _each("nzip.online.gates_back", 6, _gates_back)
backward32, backward8 = _backward(32), _backward(8)
learn_tile, forward_tile = _learn(32), _forward(TILE)
