"""What each part of the adapted language model brings, and how near the engine comes to its bare kernel.

``python -m bench.lm --model smollm2-135m FILE [--bytes N] [--mix LEVEL]`` prints, for one lane, the size of the
bare model, with the logit bias, with n-gram candidates, with recall (what ``lm:`` writes) and mixed (``mix+lm:``); then
GMAC/s of the layers at prefill beside the same products done by the kernel alone in the same run. Weights are
not counted in any size.
"""

from __future__ import annotations

import time

import click
import numpy as np

from nzip import models
from nzip.predictors.lm import adapt, softmax
from nzip.predictors.lm.recall import look_up
from nzip.predictors.lm.expert import LmExpert
from nzip.predictors.lm.settings import WINDOW, Settings
from nzip.predictors.lm.source import LanguageModel, load
from nzip.predictors.transformer.engine import Cache
from nzip.predictors.transformer.kernels import aligned, matmul, padded_cols, quantise

CHUNK = 256
PARTS = ("bare", "bias", "n-grams", "recall")


def ablation(model: LanguageModel, data: bytes, window: int = WINDOW) -> dict[str, float]:
    """Bytes (ideal code lengths) by part (:data:`PARTS`, each with those before it), and ``tokens``."""
    v, engine = model.vocabulary, model.engine
    symbols = v.encode(data)
    tokens = symbols[symbols < v.size]
    sequence = np.concatenate([[v.start], tokens])
    cache = Cache(engine.shape, 1, window, CHUNK)
    states = {"n-grams": adapt.new_state(v.size, 1, len(tokens) + 1, 0),
              "recall": adapt.new_state(v.size, 1, len(tokens) + 1, engine.shape.width)}
    bias = softmax.new_bias(v.size)
    none = np.zeros(v.size, np.float32)
    e, f = np.zeros(v.size, np.float32), np.zeros((1, v.size), np.uint32)
    lane = np.zeros(1, np.int64)
    bits = dict.fromkeys(PARTS, 8.0 * (len(symbols) - len(tokens)))
    spent = 0.0
    for at in range(0, len(tokens), CHUNK):
        part = sequence[at : at + CHUNK][: len(tokens) - at]
        before = time.process_time()
        hidden = engine.forward(cache, np.zeros(len(part), np.int64), part)
        logits = engine.logits(hidden)
        spent += time.process_time() - before
        for state, row, token in zip(hidden, logits, tokens[at : at + CHUNK]):
            total = softmax.frequencies(row, none, e, f[0])
            bits["bare"] -= np.log2(f[0, token] / total)
            total = softmax.frequencies(row, bias.value, e, f[0])
            bits["bias"] -= np.log2(f[0, token] / total)
            for name, A in states.items():
                look_up(engine.isa, A.recall, lane, state[None])
                count, shares, left = adapt.propose(A, 0, f[0], total)
                hit = np.flatnonzero(A.candidates[0, :count] == token)
                bits[name] -= np.log2((A.shares[0, hit[0]] if len(hit) else f[0, token]) / (shares + left))
                adapt.learn(A, 0, token)
            softmax.settle_bias(bias, f, lane, np.array([token]), 0, v.size)
    return {name: b / 8 for name, b in bits.items()} | {"tokens": len(symbols), "ms/token": spent / max(1, len(tokens)) * 1e3}


def engine_speed(model: LanguageModel, tokens: int = 256, repeats: int = 4) -> tuple[float, float]:
    """GMAC/s of the layers at prefill (attention and norms included in the time, not in the count), and of the
    matrix kernel alone on the same shapes; CPU time of one thread, alternating."""
    engine = model.engine
    spent = {"engine": 0.0, "kernel": 0.0}
    sequence = np.arange(tokens) * 37 % engine.vocabulary
    jobs = []
    for packed in engine._layers:
        cols = padded_cols(packed.cols)
        x = np.random.default_rng(0).normal(size=(tokens, packed.cols)).astype(np.float32)
        act = (aligned((tokens, cols), np.int8), aligned((tokens, cols // 32), np.uint8), aligned((tokens, cols // 32), np.int16), np.zeros(tokens, np.float32))
        quantise(x, tokens, *act)
        jobs.append((packed, act, aligned((tokens, packed.rs.shape[1]), np.float32)))
    for repeat in range(repeats + 1):
        cache = Cache(engine.shape, 1, WINDOW, tokens)
        start = time.process_time()
        engine.forward(cache, np.zeros(tokens, np.int64), sequence)
        middle = time.process_time()
        for packed, act, out in jobs:
            for layer in range(packed.codes.shape[0]):
                matmul(engine.isa, packed.bits, packed.codes[layer], packed.d[layer], packed.m[layer], packed.rs[layer],
                       *act, tokens, out, 0, packed.codes.shape[1])
        if repeat:  # the first round compiles
            spent["engine"] += middle - start
            spent["kernel"] += time.process_time() - middle
    work = engine.multiplications_per_token() * tokens * repeats / 1e9
    return work / spent["engine"], work / spent["kernel"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--model", "name", default="smollm2-135m", show_default=True)
@click.option("--bytes", "limit", default=51200, show_default=True, help="Of each file, its first bytes.")
@click.option("--window", default=WINDOW, show_default=True)
@click.option("--mix", "level", type=click.IntRange(1, 5), help="Also mix at this level.")
def main(files, name, limit, window, level):
    """The ablation of lm:, and the engine's speed."""
    from rich.console import Console
    from rich.table import Table

    model = load(models.find(name))
    table = Table("file", "bytes", "bare", *(f"+{part}" for part in PARTS[1:]), *(["+mix"] if level else []), "ms/token", box=None)
    for file in files:
        with open(file, "rb") as source:
            data = source.read(limit)
        row = ablation(model, data, window)
        cells = [f"{row[part]:,.0f} ({8 * row[part] / len(data):.4f})" for part in PARTS]
        if level:
            from nzip.predictors.mix import MixPredictor

            size = sum(map(len, MixPredictor(level, (LmExpert(Settings(name, window, 1), model),)).encode(data)))
            cells.append(f"{size:,} ({8 * size / len(data):.4f})")
        table.add_row(file.rsplit("/", 1)[-1], f"{len(data):,}", *cells, f"{row['ms/token']:.2f}")
    Console().print(table)
    engine, kernel = engine_speed(model)
    Console().print(f"prefill {engine:.1f} GMAC/s, kernel alone {kernel:.1f} GMAC/s, ratio {engine / kernel:.2f}; one thread, CPU time")


if __name__ == "__main__":
    main()
