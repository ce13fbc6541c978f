"""Compression-aware BPE: each objective is the length it says, each merge the best of its candidates."""

import math
import random
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.training import nzip_bridge, train_full
from tokenizers_lab.training.compression_aware import choose
from tokenizers_lab.training.counts import count_corpus
from tokenizers_lab.training.engine import Engine
from tokenizers_lab.training.objectives import adaptive_bits, objective, unigram_bits
from tokenizers_lab.training.stream import Stream, serialise


def unleb(data):
    out, value, shift = [], 0, 0
    for b in data:
        value |= (b & 127) << shift
        shift += 7
        if b < 128:
            out.append(value)
            value = shift = 0
    return out


def test_serialisations_hold_the_ids():
    ids = np.array([3, 300, 3, 70_000, 3, 300], dtype=np.int64)
    assert unleb(serialise(ids, "leb128")) == ids.tolist()
    assert unleb(serialise(ids, "rank")) == [0, 1, 0, 2, 0, 1]
    assert np.frombuffer(serialise(ids[:3], "u16"), "<u2").tolist() == [3, 300, 3]
    for how in ("u16", "u8", "morse"):
        with pytest.raises(LabError):
            serialise(ids, how)


def test_adaptive_bits_equal_a_plain_reading_of_the_formula():
    rng = random.Random(1)
    ids = rng.choices(range(5), k=300)
    for order in (0, 1, 2):
        counts: dict = {}
        bits = 0.0
        for i, s in enumerate(ids):
            p = 1 / 7
            for k in range(min(order, i) + 1):
                context = (k, *ids[i - k : i])
                seen = counts.setdefault(context, {})
                n, t = sum(seen.values()), len(seen)
                if n:
                    p = (seen.get(s, 0) + t * p) / (n + t)
                seen[s] = seen.get(s, 0) + 1
            bits -= math.log2(p)
        assert adaptive_bits(np.array(ids, np.int32), 7, order) == pytest.approx(bits, rel=1e-9)


@pytest.mark.parametrize("name", ["gzip", "entropy", "likelihood"])
def test_each_merge_is_the_best_candidate(name, english):
    pre = PreTokenizer("gpt2")
    text = english[:12_000]
    engine, stream, judge = Engine(count_corpus([text], pre).table), Stream.of(text, pre), objective(name)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(4):
            options = [(a, b) for a, b, _ in engine.top(8)]

            def cost(pair, stream=stream):
                ids, i, out = stream.ids.tolist(), 0, []
                while i < len(ids):  # the plain way to merge
                    if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair and not stream.first[i + 1]:
                        out.append(engine.tokens)
                        i += 2
                    else:
                        out.append(ids[i])
                        i += 1
                out = np.array(out, np.int32)
                if name == "gzip":
                    return len(zlib.compress(out.astype("<u2").tobytes(), 6))
                if name == "likelihood":
                    return unigram_bits(out, engine.tokens + 1) / 8
                return adaptive_bits(out, engine.tokens + 1, 1) / 8

            costs = [cost(p) for p in options]
            a, b, least = choose(engine, stream, judge, 8, pool, lambda a, b: False)
            assert least == min(costs) and (a, b) == options[costs.index(min(costs))]
            stream = stream.merged(a, b, engine.apply(a, b))
    assert stream.ids.size == engine_tokens(engine, text)


def engine_tokens(engine, text):
    from tokenizers_lab.training.bpe import to_codec

    return len(to_codec(engine, PreTokenizer("gpt2"), []).encode(text))


def test_workers_do_not_matter_and_costs_fall(english):
    runs = [
        train_full(
            documents=[english[:40_000]],
            vocab_size=266,
            objective="entropy",
            candidates=8,
            stream_bytes=16_384,
            workers=w,
        )
        for w in (1, 3)
    ]
    assert runs[0].codec.fingerprint() == runs[1].codec.fingerprint() and runs[0].costs == runs[1].costs
    assert runs[0].costs == sorted(runs[0].costs, reverse=True)
    assert (
        runs[0].codec.fingerprint()
        != train_full(documents=[english[:40_000]], vocab_size=266).codec.fingerprint()
    )


def test_vetoes_hold_for_candidates(english):
    free = train_full(
        documents=[english[:20_000]], vocab_size=260, objective="gzip", candidates=4, stream_bytes=8192
    )
    banned = free.codec.tokens[256]
    held = train_full(
        documents=[english[:20_000]],
        vocab_size=260,
        objective="gzip",
        candidates=4,
        stream_bytes=8192,
        veto=[banned],
    )
    assert banned not in held.codec.tokens and held.codec.vocab_size == 260


def test_the_nzip_objective_is_nzips_own_predictor(english):
    run = train_full(
        documents=[english[:8_000]], vocab_size=258, objective="nzip", candidates=6, stream_bytes=4096
    )
    stream = Stream.of(english[:4096], PreTokenizer("gpt2"))
    ids = run.codec.encode(english[:4096]).astype(np.int32)
    assert run.costs[-1] == nzip_bridge.compressed_size(serialise(ids, "u16"), 1) and len(stream.ids) > len(
        ids
    )


def test_a_given_validation_stream_decides(english, tmp_path):
    (tmp_path / "v.txt").write_bytes(b"xyxyxy xy " * 400)
    codec = train_full(
        documents=[english[:20_000] + b" xy" * 300],
        vocab_size=257,
        objective="entropy",
        candidates=64,
        validation=tmp_path / "v.txt",
    ).codec
    assert codec.tokens[256] in (b"xy", b" xy", b" x")


def test_likelihood_is_that_of_the_unigram_model():
    ids = np.array([3, 1, 3, 3, 0], dtype=np.int64)
    bits = -sum(math.log2(ids.tolist().count(i) / 5) for i in ids.tolist())
    assert abs(unigram_bits(ids, 9) - bits) < 1e-9 and unigram_bits(ids[:0], 9) == 0
    # of pairs as often, one whose parts occur nowhere else makes the text likelier
    run = train_full(documents=["xy ab az bz " * 9], vocab_size=257, objective="likelihood")
    assert run.codec.tokens[256] == b"xy"
