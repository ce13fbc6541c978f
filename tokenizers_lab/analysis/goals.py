"""What a verdict weighs: the few figures of one codec on one text that a choice of tokenizer turns on.

Bytes a token and fertility; bits a byte of the token stream under nzip and xz; held-out cross-entropy a byte
of order 0 and order 2; encoding speed. (Parity and the embedding belong to a codec, not to a text.) Every
figure carries its estimates with each stretch of the text left out. Stretches are of raw bytes, the same for
every codec, so that a difference between two codecs has an interval of its own
(``tokenizers_lab.jackknife``).

Concessions. Compressors are strong and slow: they see the first ``STRONG_BYTES`` of a text. Their intervals
are how much parts of that differ: for nzip stretches within the one pass, less the line over the logarithm of
the place that learning draws; for xz ``PARTS`` parts, each compressed alone. Orders 0 and 2 see the first
``KGRAM_BYTES``; they learn on the even stretches and are judged on the odd ones. Speed is by the CPU time of
the encoding thread: others on the machine do not count."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable

import numpy as np

from tokenizers_lab.analysis.compression import STRONG_BYTES, compressed, serialisation
from tokenizers_lab.analysis.entropy import held_out_by_group
from tokenizers_lab.analysis.estimate import GROUPS, interval
from tokenizers_lab.bits_per_byte import Tokenised
from tokenizers_lab.codec import Codec
from tokenizers_lab.training.stream import serialise

KGRAM_BYTES = 2 << 20
PARTS = 8
_LEAST = 1 << 14  # bytes of a text whose parts are worth compressing alone
_SECONDS = 2.0
_SPEED_BYTES = 1 << 20


def estimate(numerators, denominators) -> dict | None:
    """Σ numerators / Σ denominators: ``{"value", "low", "high", "without"}``, the last with each group left
    out; None where nothing is to be divided by."""
    a, b = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if b.sum() <= 0:
        return None
    rest = b.sum() - b
    if len(b) < 2 or (rest <= 0).any():
        return {**interval(float(a.sum() / b.sum()), []), "without": []}
    return _with(float(a.sum() / b.sum()), (a.sum() - a) / rest)


def _with(value: float, without: np.ndarray) -> dict:
    return {**interval(value, without), "without": [float(x) for x in without]}


def goals(stream: Tokenised, streams_bits: dict | None, strong: int = STRONG_BYTES) -> dict:
    """``{goal: estimate}`` of one text under one codec. ``streams_bits``: what
    :func:`.compression.stream_bits_per_byte` gave. Figures "a byte" are left out where bytes do not add
    up."""
    raw = np.frombuffer(stream.raw, np.uint8)
    bounds = np.linspace(0, len(raw), min(GROUPS, max(len(raw), 1)) + 1).astype(np.int64)
    tokens = np.diff(np.searchsorted(stream.offsets[:-1], bounds))
    tokens[-1] += len(stream.ids) - tokens.sum()
    space = np.isin(raw, np.frombuffer(b" \t\n\r\v\f", np.uint8))
    words = np.add.reduceat(~space & np.concatenate([[True], space[:-1]]), bounds[:-1])
    out = {"bytes_per_token": estimate(np.diff(bounds), tokens), "fertility": estimate(tokens, words)}
    if stream.problem:
        return _there(out)
    out |= _orders(stream)
    if streams_bits and "nzip" in streams_bits:
        out["nzip"] = _within(streams_bits["nzip"])
    if streams_bits and "lzma" in streams_bits:
        out["xz"] = _compressor(stream, streams_bits["lzma"], "lzma", strong)
    return _there(out)


def _there(found: dict) -> dict:
    return {goal: entry for goal, entry in found.items() if entry is not None}


def _prefix(stream: Tokenised, most: int) -> int:
    """How many tokens hold the first ``most`` bytes at the most; at least one."""
    return max(1, min(len(stream.ids), int(np.searchsorted(stream.offsets, most, side="right")) - 1))


def _orders(stream: Tokenised) -> dict:
    """Held-out cross-entropies of orders 0 and 2, in bits a raw byte."""
    if not len(stream.ids):
        return {}
    n = _prefix(stream, KGRAM_BYTES)
    ends = stream.offsets[: n + 1]
    bounds = np.linspace(0, ends[-1], min(GROUPS, max(int(ends[-1]), 1)) + 1)[1:-1]
    group = np.searchsorted(bounds, ends[:-1], side="right")
    bits, _, _ = held_out_by_group(stream.ids[:n], group, stream.codec.vocab_size, 3)
    sizes = np.bincount(group, weights=np.diff(ends), minlength=bits.shape[1])
    odd = np.arange(len(sizes)) % 2 == 1
    return {"order0": estimate(bits[0][odd], sizes[odd]), "order2": estimate(bits[2][odd], sizes[odd])}


def _within(whole: dict) -> dict:
    """nzip's figure, and how the stretches of the text spread about what one expects at their place: the less
    the more has been seen."""
    value, sizes = whole["bits_per_byte"], np.array(whole.get("part_bytes", ()), float)
    if len(sizes) < 4 or whole["raw_bytes"] < _LEAST:
        return _with(value, np.zeros(0))
    each = np.array(whole["part_bits"]) / sizes
    place = np.log(np.arange(len(sizes)) + 0.5)
    line = np.polyfit(place, each, 1)
    # The line takes two degrees of freedom where a mean takes one.
    apart = (each - np.polyval(line, place)) * math.sqrt((len(sizes) - 1) / (len(sizes) - 2))
    return _with(value, value - apart * sizes / (sizes.sum() - sizes))


def _compressor(stream: Tokenised, whole: dict, name: str, strong: int) -> dict:
    """The whole stream's figure, and how its parts, each compressed alone, spread about theirs."""
    value = whole["bits_per_byte"]
    n = _prefix(stream, min(strong, whole["raw_bytes"]))
    size = int(stream.offsets[n])
    if size < _LEAST:
        return _with(value, np.zeros(0))
    cuts = np.searchsorted(stream.offsets[:n], np.linspace(0, size, PARTS + 1)[1:-1])
    borders = [0, *cuts.tolist(), n]
    how = serialisation(stream.codec.vocab_size)
    bits, sizes = np.zeros(PARTS), np.zeros(PARTS)
    for i, (a, b) in enumerate(itertools.pairwise(borders)):
        sizes[i] = stream.offsets[b] - stream.offsets[a]
        if b > a:
            bits[i] = 8 * compressed(serialise(stream.ids[a:b].astype(np.int64), how), name)
    if (sizes == 0).any():
        return _with(value, np.zeros(0))
    alone = bits.sum() / sizes.sum()
    return _with(value, value * ((bits.sum() - bits) / (sizes.sum() - sizes)) / alone)


def encoding_speed(codec: Codec, raw: bytes) -> dict | None:
    """MB of text a second of CPU time: stretches of the first ``_SPEED_BYTES``, each timed alone, until
    ``_SECONDS`` are over."""
    part = raw[:_SPEED_BYTES]
    codec.encode(part[:4096])  # compiled before it is timed
    bounds = np.linspace(0, len(part), min(GROUPS, len(part)) + 1).astype(int)
    sizes, seconds = [], []
    for a, b in _shuffled(list(itertools.pairwise(bounds.tolist()))):
        begun = time.thread_time()
        codec.encode(part[a:b])
        seconds.append(max(time.thread_time() - begun, 1e-9))
        sizes.append((b - a) / 1e6)
        if sum(seconds) > _SECONDS:
            break
    return estimate(sizes, seconds)


def _shuffled(stretches: list) -> Iterable:
    """In an order that a cut-off leaves spread over the text; the same in every run."""
    return (stretches[i] for i in np.random.default_rng(0).permutation(len(stretches)))
