"""The inner loop of the expert's product, written as x86 vectors. matvec.py calls it, which imports it, and
so numba, only when it is compiled."""

from __future__ import annotations

from llvmlite import ir

from nzip.exact import cpu, x86_emitter
from nzip.predictors.ssm.matvec import GROUP


def _emit(e, vectors: int) -> None:
    """``vectors`` × 16 rows. Arguments: matrix, pairs of columns, vector, out; all addresses but the
    second."""
    matrix, pairs, vector, out = e.args
    b = e.b
    halves = 1 if e.wide else 2
    stride = b.shl(pairs, x86_emitter.I64(5))
    accs = e.accumulators(vectors * halves)
    with e.loop(pairs) as pair:
        word = e.word(e.at(vector, b.shl(pair.index, x86_emitter.I64(2))))
        at = e.at(matrix, b.shl(pair.index, x86_emitter.I64(5)))
        for i in range(vectors):
            for half in range(halves):
                eight = e.load(ir.VectorType(x86_emitter.I8, 2 * e.words), e.at(at, 16 * half))
                e.accumulate(accs[i * halves + half], e.madd_words(b.sext(eight, e.v16), word))
            at = e.at(at, stride)
    for i, acc in enumerate(accs):
        e.store(b.load(acc), e.at(out, 4 * e.words * i))


wide = x86_emitter.kernel_of("ssm", 4, cpu.AVX512, _emit, GROUP)
narrow = x86_emitter.kernel_of("ssm", 4, cpu.AVX2, _emit, GROUP)
