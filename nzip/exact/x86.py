"""The integer inner loops of matrices and attention in x86 vector instructions: AVX2, and AVX-512 with VNNI.

The loops are written as LLVM IR (:mod:`.x86_emitter`) and called from numba as intrinsics over raw addresses.
:mod:`nzip.predictors.llama.kernels` holds the portable twins over arrays, the choice between them and the
memory layout that all of them read; a test proves the results equal, which they are by construction: every
sum is an int32 sum that wraps, so its order cannot matter.

Three loops (and :mod:`.x86_softmax`), each for a fixed number of tokens or queries held in registers:

* ``matmul``: 16 rows of a packed matrix times ``tt`` quantised activation vectors;
* ``score``: keys of consecutive 16-slot blocks times ``nq`` int16 queries;
* ``value``: int8 values of slot pairs, weighted by ``nq`` rows of int16 weights.

Concession: nothing here checks a bound; the callers own the shapes.
"""

from __future__ import annotations

from llvmlite import ir

from nzip.exact.cpu import AVX2, AVX512
from nzip.exact.x86_emitter import F32, I8, I64, Emitter, kernel_of

# A decoder reads each lane's keys and values from memory once a token, in streams too short for the processor
# to guess where they go: it is told, so many groups of key blocks and bytes of values ahead.
_KEYS_AHEAD, _VALUES_AHEAD = 8, 4096


def _emit_matmul(e: Emitter, bits: int, tt: int) -> None:
    """16 rows × ``tt`` tokens. Arguments: codes, d, m, rs of the row block; a, factors, sums, scale of the
    first token; out; bytes of a token in a (K); groups; bytes of a token in out; where lie half the codes
    that are read next. See
    :mod:`nzip.predictors.llama.kernels` for layouts."""
    codes, d, m, rs, a, factors, sums, scale, out, k_stride, groups, out_stride, after = e.args
    b = e.b
    per_group = 256 if bits == 4 else 512
    pairs = b.lshr(groups, I64(1))
    sums_stride = b.shl(groups, I64(1))
    factors_stride = b.shl(groups, I64(2))
    for half in range(1 if e.wide else 2):
        accs = e.accumulators(tt)
        with e.loop(pairs) as pair:
            for odd in range(2):
                group = b.add(b.shl(pair.index, I64(1)), I64(odd))
                at_codes = e.at(codes, b.add(b.mul(group, I64(per_group)), I64(32 * half)))
                for line in range(0, per_group // 2, 64):
                    e.prefetch(e.at(after, b.add(b.mul(group, I64(per_group // 2)), I64(line))), 2)
                words = []
                for chunk in range(4 if bits == 4 else 8):
                    v = e.load(e.v8, e.at(at_codes, 64 * chunk))
                    if bits == 4:
                        low = e.const(e.v8, 15)
                        words.append(b.and_(v, low))
                        high = b.bitcast(b.lshr(b.bitcast(v, e.v16), e.const(e.v16, 4)), e.v8)
                        words.append(b.and_(high, low))
                    else:
                        words.append(v)
                at_d = e.at(d, b.add(b.shl(group, I64(4)), I64(8 * half)))
                dv = b.zext(e.load(ir.VectorType(I8, e.words), at_d), e.v32)
                in_words = not (e.wide and bits == 7)  # d is used as int16 pairs, or as int32
                if in_words:
                    dv = b.or_(dv, b.shl(dv, e.const(e.v32, 16)))
                dv = b.bitcast(dv, e.v16)
                at_a = e.at(a, b.shl(group, I64(5)))
                at_f = e.at(factors, b.shl(group, I64(2)))
                for t in range(tt):
                    df = b.bitcast(b.mul(dv, b.bitcast(e.word(at_f), e.v16)), e.v32)
                    if e.wide:
                        zero = e.const(e.v32, 0)
                        parts = [zero, zero]
                        for j in range(8):
                            part = j // 4 if bits == 4 else 0
                            parts[part] = e.dot_bytes(parts[part], words[j], e.word(e.at(at_a, 4 * j)))
                        if bits == 4:  # two sums below 2**15 side by side, then one vpmaddwd
                            both = b.or_(
                                b.and_(parts[0], e.const(e.v32, 0xFFFF)), b.shl(parts[1], e.const(e.v32, 16))
                            )
                            e.accumulate(accs[t], e.madd_words(both, df))
                        else:
                            e.accumulate(accs[t], b.mul(parts[0], df))
                    elif bits == 4:
                        total = None
                        for j in range(8):
                            product = e.madd_bytes(words[j], e.word(e.at(at_a, 4 * j)))
                            total = product if total is None else b.add(total, product)
                        e.accumulate(accs[t], e.madd_words(total, df))
                    else:
                        for j in range(8):
                            product = e.madd_bytes(words[j], e.word(e.at(at_a, 4 * j)))
                            e.accumulate(accs[t], e.madd_words(product, df))
                    at_a = e.at(at_a, k_stride)
                    at_f = e.at(at_f, factors_stride)
            mv = e.load(e.v32, e.at(m, b.add(b.shl(pair.index, I64(6)), I64(32 * half))))
            at_s = e.at(sums, b.shl(pair.index, I64(2)))
            for t in range(tt):
                e.accumulate(accs[t], e.madd_words(mv, e.word(at_s)))
                at_s = e.at(at_s, sums_stride)
        row_scale = e.load(e.vf, e.at(rs, 32 * half))
        at_out = e.at(out, 32 * half)
        for t in range(tt):
            value = b.fmul(b.sitofp(b.load(accs[t]), e.vf), row_scale)
            token_scale = e.splat(e.load(F32, e.at(scale, 4 * t)), e.vf)
            e.store(b.fmul(value, token_scale), at_out)
            at_out = e.at(at_out, out_stride)


def _emit_score(e: Emitter, nq: int, nb: int) -> None:
    """``nq`` queries against ``groups * nb`` blocks of 16 keys. Arguments: keys, groups of blocks, queries,
    bytes of a query, half the head size, out, bytes of a query in out."""
    keys, groups, queries, q_stride, pairs, out, out_stride = e.args
    b = e.b
    halves = 1 if e.wide else 2
    block_bytes = b.shl(pairs, I64(5))
    ahead = b.mul(block_bytes, I64(_KEYS_AHEAD * nb))
    with e.loop(groups) as group:
        at_keys = e.at(keys, b.mul(group.index, b.mul(block_bytes, I64(nb))))
        accs = e.accumulators(nq * nb * halves)
        with e.loop(pairs) as pair:
            at_q = e.at(queries, b.shl(pair.index, I64(2)))
            qs = []
            for _ in range(nq):
                qs.append(e.word(at_q))
                at_q = e.at(at_q, q_stride)
            at_k = e.at(at_keys, b.shl(pair.index, I64(5)))
            i = 0
            for _ in range(nb):
                e.prefetch(b.add(at_k, ahead))
                for half in range(halves):
                    k8 = e.load(ir.VectorType(I8, 2 * e.words), e.at(at_k, 16 * half))
                    k16 = b.sext(k8, e.v16)
                    for q in range(nq):
                        e.accumulate(accs[i], e.madd_words(k16, qs[q]))
                        i += 1
                at_k = e.at(at_k, block_bytes)
        i = 0
        for block in range(nb):
            for half in range(halves):
                at_out = e.at(out, b.add(b.mul(group.index, I64(64 * nb)), I64(64 * block + 32 * half)))
                for _ in range(nq):
                    e.store(b.load(accs[i]), at_out)
                    i += 1
                    at_out = e.at(at_out, out_stride)


def _emit_value(e: Emitter, nq: int, nc: int) -> None:
    """Add the weighted values of ``pairs`` slot pairs to out. Arguments: values, pairs, weights, bytes of a
    weight row, head size, out, bytes of a row in out, where lies what is read after this and is as long.
    ``nc`` vectors of dimensions at a time."""
    values, pairs, weights, w_stride, size, out, out_stride, after = e.args
    b = e.b
    step = nc * e.words  # dimensions
    with e.loop(b.udiv(size, I64(step))) as part:
        at_out = e.at(out, b.mul(part.index, I64(4 * step)))
        accs, places = [], []
        for _ in range(nq):
            for c in range(nc):
                place = e.at(at_out, 4 * e.words * c)
                places.append(place)
                accs += e.accumulators(1, [e.load(e.v32, place)])
            at_out = e.at(at_out, out_stride)
        with e.loop(pairs) as pair:
            inside = b.add(b.mul(pair.index, b.shl(size, I64(1))), b.mul(part.index, I64(2 * step)))
            at_v, at_after = e.at(values, inside), e.at(after, inside)
            at_w = e.at(weights, b.shl(pair.index, I64(2)))
            ws = []
            for _ in range(nq):
                ws.append(e.word(at_w))
                at_w = e.at(at_w, w_stride)
            for line in range(0, 2 * step, 64):
                e.prefetch(e.at(at_v, _VALUES_AHEAD + line))
                e.prefetch(e.at(at_after, line), 2)
            for c in range(nc):
                v8 = e.load(ir.VectorType(I8, 2 * e.words), e.at(at_v, 2 * e.words * c))
                v16 = b.sext(v8, e.v16)
                for q in range(nq):
                    e.accumulate(accs[q * nc + c], e.madd_words(v16, ws[q]))
        for place, acc in zip(places, accs):
            e.store(b.load(acc), place)


matmul4_512 = {t: kernel_of("matmul", 13, AVX512, _emit_matmul, 4, t) for t in (8, 6, 5, 4, 3, 2, 1)}
matmul7_512 = {t: kernel_of("matmul", 13, AVX512, _emit_matmul, 7, t) for t in (8, 6, 5, 4, 3, 2, 1)}
matmul4_256 = {t: kernel_of("matmul", 13, AVX2, _emit_matmul, 4, t) for t in (4, 2, 1)}
matmul7_256 = {t: kernel_of("matmul", 13, AVX2, _emit_matmul, 7, t) for t in (4, 2, 1)}
# (queries, blocks at a time) and (queries, vectors of dimensions at a time)
score_512 = {
    s: kernel_of("score", 7, AVX512, _emit_score, *s)
    for s in ((8, 2), (8, 1), (3, 4), (3, 1), (1, 4), (1, 1))
}
score_256 = {s: kernel_of("score", 7, AVX2, _emit_score, *s) for s in ((3, 2), (3, 1), (1, 4), (1, 1))}
value_512 = {
    s: kernel_of("value", 8, AVX512, _emit_value, *s)
    for s in ((8, 2), (8, 1), (3, 4), (3, 1), (1, 4), (1, 1))
}
value_256 = {s: kernel_of("value", 8, AVX2, _emit_value, *s) for s in ((3, 4), (3, 1), (1, 4), (1, 1))}
