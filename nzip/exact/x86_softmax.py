"""The exponentials of attention's softmax in x86 vector instructions, while memory brings the values that
come next.

A decoder waits for its lanes' keys and values, which lie in memory; between scores and values it computes,
from what is near. So that memory does not rest then, this loop asks for some lines of values in each of its
rounds. Also, LLVM makes its vectors of a plain loop half as wide as the machine's.

The arithmetic is that of :func:`nzip.exact.numerics.exp2`, operation by operation, and
:func:`nzip.predictors.llama.attention_softmax.exponentials` holds the twin; a test proves them equal. Sums are
of integers, and a maximum has no order.

Concession: nothing here checks a bound; the callers own the shapes.
"""

from __future__ import annotations

import numpy as np

from nzip.exact import numerics
from nzip.exact.cpu import AVX2, AVX512
from nzip.exact.x86_emitter import F32, I32, I64, Emitter, kernel_of

HIDDEN = np.float32(-1e30)  # a score that is none


def _emit_exponentials(e: Emitter, lines: int) -> None:
    """``scores = exp2(scores - top) * scales`` over ``rounds`` vectors, hidden ones zero. Arguments: scores,
    scales, rounds, the bits of top, out, and where lie the lines to ask for. out int32 (2,): the sum of
    rint(exp2 * 2**15), and the largest result's bits."""
    scores, scales, rounds, top, out, after = e.args
    b = e.b

    def floats(value):
        return b.bitcast(e.const(e.v32, int(np.float32(value).view(np.int32))), e.vf)

    def rounded(v):
        return e.call(f"llvm.rint.v{e.words}f32", e.vf, [v])

    peak = e.splat(b.bitcast(b.trunc(top, I32), F32), e.vf)
    total, heavy = e.accumulators(2)
    with e.loop(rounds) as step:
        at = b.mul(step.index, I64(4 * e.words))
        for line in range(lines):
            e.prefetch(e.at(after, b.add(b.mul(step.index, I64(64 * lines)), I64(64 * line))), 2)
        score = e.load(e.vf, e.at(scores, at))
        x = b.fsub(score, peak)
        x = b.select(b.fcmp_ordered(">", x, floats(-126.0)), x, floats(-126.0))
        x = b.select(b.fcmp_ordered("<", x, floats(127.0)), x, floats(127.0))
        whole = rounded(x)
        f = b.fsub(x, whole)
        *others, highest = numerics.EXP2_COEFFICIENTS
        p = floats(highest)
        for coefficient in reversed(others):
            p = b.fadd(b.fmul(p, f), floats(coefficient))
        power = b.shl(b.add(b.fptosi(whole, e.v32), e.const(e.v32, 127)), e.const(e.v32, 23))
        v = b.fmul(p, b.bitcast(power, e.vf))
        v = b.select(b.fcmp_ordered(">", score, floats(HIDDEN)), v, floats(0.0))
        e.accumulate(total, b.fptosi(rounded(b.fmul(v, floats(2.0**15))), e.v32))
        v = b.fmul(v, e.load(e.vf, e.at(scales, at)))
        e.store(v, e.at(scores, at))
        bits, most = b.bitcast(v, e.v32), b.load(heavy)
        b.store(b.select(b.icmp_signed(">", bits, most), bits, most), heavy)
    for i, (name, slot) in enumerate((("add", total), ("smax", heavy))):
        e.store(e.call(f"llvm.vector.reduce.{name}.v{e.words}i32", I32, [b.load(slot)]), e.at(out, 4 * i))


# By lines of values asked for in a round: three queries that ask for 6, 5 and 5 in 16 slots, or 3, 3 and 2 in
# 8, have asked for a line a slot, which is what values of 64 bytes take.
exponentials_512 = {n: kernel_of("exponentials", 6, AVX512, _emit_exponentials, n) for n in (0, 5, 6)}
exponentials_256 = {n: kernel_of("exponentials", 6, AVX2, _emit_exponentials, n) for n in (0, 2, 3)}
