"""What the adapted language model brings, and how near the engine comes to its bare kernel.

``python -m bench.lm FILE... [--model NAME] [--bytes N] [--mix LEVEL] [--json RESULTS]`` prints, for one lane,
the table of docs/LANGUAGE_MODELS.md: bytes of the bare model, of ``lm:``, of ``mix+lm:`` and of
``mix+lm:+ssm`` (what the mixes write); then the steps between, as bits per byte: the logit bias, n-gram
candidates, the continuous cache, the mix, the network beside it; then GMAC/s of the layers at prefill beside
the same products done by the kernel alone in the same run. Weights are not counted in any size.

Concession: all but the mixes are ideal code lengths, some bytes less than ``lm:`` writes; a block's
parameters (7 to 15 bytes) are counted with the container, in no figure here."""

from __future__ import annotations

import json
import os
import time

import click
import numpy as np

from nzip import pretrained
from nzip.bits_per_byte import bits_per_byte
from nzip.predictors.base import Expert
from nzip.predictors.llama.kernels import matmul, quantise
from nzip.predictors.llama.kv_cache import Cache
from nzip.predictors.llama.packed import aligned, padded_cols
from nzip.predictors.lm import adapt, softmax
from nzip.predictors.lm.adaptive_state import new_state
from nzip.predictors.lm.continuous_cache import look_up
from nzip.predictors.lm.expert import LmExpert
from nzip.predictors.lm.settings import WINDOW, Settings
from nzip.predictors.lm.source import LanguageModel, load
from nzip.predictors.mix import MixPredictor
from nzip.predictors.ssm.expert import SsmExpert

CHUNK = 256
# As keys of the kept results; the last is the continuous cache, which was called so.
PARTS = ("bare", "bias", "n-grams", "recall")
HEADS = {"bare": "bare", "bias": "+bias", "n-grams": "+n-grams", "recall": "+cache"}


class _Replay:
    """An engine that has run already: gives one lane's hidden states again, in order, so that a text is read
    once."""

    def __init__(self, engine, hidden: np.ndarray):
        self._engine, self._hidden, self._at = engine, hidden, 0

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def forward(self, cache, lanes, tokens, out, team=None):
        known = self._hidden[
            self._at : self._at + len(tokens)
        ]  # a coder also asks what would come after the end
        out[: len(known)] = known
        self._at += len(known)
        return out


def ablation(model: LanguageModel, data: bytes, window: int) -> tuple[dict[str, float], np.ndarray]:
    """Bytes (ideal code lengths) by part (:data:`PARTS`, each with those before it), and ``tokens``; the
    hidden states."""
    v, engine = model.vocabulary, model.engine
    symbols = v.encode(data)
    tokens = symbols[symbols < v.size]
    sequence = np.concatenate([[v.start], tokens])
    cache = Cache(engine.shape, 1, window, CHUNK)
    states = {
        "n-grams": new_state(v.size, 1, len(tokens) + 1, 0),
        "recall": new_state(v.size, 1, len(tokens) + 1, engine.shape.width),
    }
    bias = softmax.new_bias(v.size)
    none = np.zeros(v.size, np.float32)
    e, f = np.zeros(v.size, np.float32), np.zeros((1, v.size), np.uint32)
    lane = np.zeros(1, np.int64)
    bits = dict.fromkeys(PARTS, 8.0 * (len(symbols) - len(tokens)))
    spent = 0.0
    states_of_all = np.empty((len(tokens), engine.shape.width), np.float32)
    for at in range(0, len(tokens), CHUNK):
        part = sequence[at : at + CHUNK][: len(tokens) - at]
        before = time.process_time()
        hidden = engine.forward(
            cache, np.zeros(len(part), np.int64), part, out=states_of_all[at : at + len(part)]
        )
        logits = engine.logits(hidden)
        spent += time.process_time() - before
        for seen, row, token in zip(hidden, logits, tokens[at : at + CHUNK]):
            total = softmax.frequencies(row, none, e, f[0])
            bits["bare"] -= np.log2(f[0, token] / total)
            total = softmax.frequencies(row, bias.value, e, f[0])
            bits["bias"] -= np.log2(f[0, token] / total)
            for name, state in states.items():
                look_up(engine.isa, state.continuous_cache, lane, seen[None])
                count, shares, left = adapt.propose(state, 0, f[0], total)
                hit = np.flatnonzero(state.candidates[0, :count] == token)
                bits[name] -= np.log2(
                    (state.shares[0, hit[0]] if len(hit) else f[0, token]) / (shares + left)
                )
                adapt.learn(state, 0, token)
            softmax.settle_bias(bias, f, lane, np.array([token]), 0, v.size)
    sizes = {name: b / 8 for name, b in bits.items()} | {
        "tokens": len(symbols),
        "ms/token": spent / max(1, len(tokens)) * 1e3,
    }
    return sizes, states_of_all


def mixed(
    model: LanguageModel, data: bytes, level: int, settings: Settings, hidden: np.ndarray, *others: Expert
) -> int:
    """Bytes that the mix with ``model`` and ``others`` codes to; ``hidden`` as :func:`ablation` gives it."""
    replay = model._replace(engine=_Replay(model.engine, hidden))  # type: ignore[arg-type]  # it answers as one
    return len(MixPredictor(level, (LmExpert(settings, replay, 1), *others)).encode(data)[1])


def engine_speed(model: LanguageModel, tokens: int = 256, repeats: int = 4) -> tuple[float, float]:
    """GMAC/s of the layers at prefill (attention and norms included in the time, not in the count), and of
    the matrix kernel alone on the same shapes; CPU time of one thread, alternating."""
    engine = model.engine
    spent = {"engine": 0.0, "kernel": 0.0}
    sequence = np.arange(tokens) * 37 % engine.vocabulary
    jobs = []
    for packed in engine.layers:
        cols = padded_cols(packed.cols)
        x = np.random.default_rng(0).normal(size=(tokens, packed.cols)).astype(np.float32)
        act = (
            aligned((tokens, cols), np.int8),
            aligned((tokens, cols // 32), np.uint32),
            aligned((tokens, cols // 32), np.int16),
            np.zeros(tokens, np.float32),
        )
        quantise(x, tokens, *act)
        jobs.append((packed, act, aligned((tokens, packed.rs.shape[1]), np.float32)))
    cache = Cache(engine.shape, 1, WINDOW, tokens)
    for repeat in range(repeats + 1):
        cache.length[:] = 0
        start = time.process_time()
        engine.forward(cache, np.zeros(tokens, np.int64), sequence)
        middle = time.process_time()
        for packed, act, out in jobs:
            for layer in range(packed.codes.shape[0]):
                matmul(
                    engine.isa,
                    packed.bits,
                    packed.codes[layer],
                    packed.d[layer],
                    packed.m[layer],
                    packed.rs[layer],
                    *act,
                    tokens,
                    out,
                    0,
                    packed.codes.shape[1],
                )
        if repeat:  # the first round compiles, and touches the cache's pages
            spent["engine"] += middle - start
            spent["kernel"] += time.process_time() - middle
    work = engine.multiplications_per_token() * tokens * repeats / 1e9
    return work / spent["engine"], work / spent["kernel"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--model", "name", default="smollm2-135m", show_default=True)
@click.option("--bytes", "limit", default=200_000, show_default=True, help="Of each file, its first bytes.")
@click.option("--window", default=WINDOW, show_default=True)
@click.option(
    "--mix", "level", type=click.IntRange(1, 5), default=3, show_default=True, help="Mix at this level."
)
@click.option("--json", "out", type=click.Path(dir_okay=False), help="Also keep the figures here.")
def main(files, name, limit, window, level, out):
    """The table of docs/LANGUAGE_MODELS.md, the steps between, and the engine's speed."""
    from rich.console import Console  # start-up: rich
    from rich.table import Table  # start-up: rich

    model = load(pretrained.find(name))
    table = Table("text", "bytes", "bare model", "lm:", "mix+lm:", "mix+lm:+ssm", "bits/byte", "", box=None)
    steps = Table(
        "text",
        *(HEADS[part] for part in PARTS),
        "+mix",
        "+ssm",
        "ms/token",
        box=None,
    )
    rows = []
    for file in files:
        with open(file, "rb") as source:
            data = source.read(limit)
        row, hidden = ablation(model, data, window)
        row["mix"] = mixed(model, data, level, Settings(name, window, 1), hidden)
        text = os.path.basename(file)
        row["ssm"] = mixed(model, data, level, Settings(name, window, 1), hidden, SsmExpert())
        change = row["ssm"] / row["bare"] - 1
        table.add_row(
            text,
            f"{len(data):,}",
            f"{row['bare']:,.0f}",
            f"{row['recall']:,.0f}",
            f"{row['mix']:,}",
            f"{row['ssm']:,}",
            f"{bits_per_byte(row['ssm'], len(data)):.3f}",
            f"{change:+.1%}",
        )
        steps.add_row(
            text,
            *(f"{bits_per_byte(row[part], len(data)):.4f}" for part in (*PARTS, "mix", "ssm")),
            f"{row['ms/token']:.2f}",
        )
        rows.append({"text": text, "bytes": len(data)} | row)
        Console(stderr=True).print(f"{text}: {row['bare']:,.0f} -> {row['ssm']:,}")
    engine, kernel = engine_speed(model)
    console = Console(width=120)
    console.print(table)
    console.print(steps)
    console.print(
        f"prefill {engine:.1f} GMAC/s, kernel alone {kernel:.1f} GMAC/s, ratio {engine / kernel:.2f}; "
        "one thread, CPU time"
    )
    if out:
        found = {
            "model": name,
            "weights": model.weights_hash,
            "window": window,
            "mix": level,
            "rows": rows,
            "engine GMAC/s": engine,
            "kernel GMAC/s": kernel,
        }
        with open(out, "w", encoding="utf-8") as sink:
            json.dump(found, sink, indent=1)


if __name__ == "__main__":
    main()
