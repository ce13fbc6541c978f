"""Entropies H₁ … H₅ of a token stream, three ways, because the naive one misleads.

H_k = H(k-gram) − H((k−1)-gram), in bits a token; × T/B gives bits a byte. The *plug-in* value undersamples:
with a million tokens and 16k types almost every 5-gram is unique, and H₅ falls towards zero whatever the
text. Beside it stand the *Miller–Madow* value, H + (m − 1) / (2 n ln 2) for m observed types in n samples,
and the *held-out cross-entropy*: an interpolated order-(k−1) model learned on one half of the stream and
scored on the other, with its context coverage: the share of scored tokens whose context had been seen."""

from __future__ import annotations

import math

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.analysis.estimate import GROUPS, groups_of, interval
from tokenizers_lab.bits_per_byte import from_bits


def plug_in(counts) -> float:
    """H = −Σ p log₂ p of a count vector, in bits."""
    counts = np.asarray(counts, dtype=np.float64)
    counts = counts[counts > 0]
    n = counts.sum()
    return float(math.log2(n) - (counts * np.log2(counts)).sum() / n) if n else 0.0


def miller_madow(counts) -> float:
    """H + (m − 1) / (2 n ln 2): the plug-in entropy with Miller and Madow's first-order correction, in
    bits."""
    counts = np.asarray(counts, dtype=np.float64)
    m, n = int((counts > 0).sum()), counts.sum()
    return plug_in(counts) + (m - 1) / (2 * n * math.log(2)) if n else 0.0


def grams(ids: np.ndarray, most: int):
    """For k = 1 … ``most``: int64 labels of the k-grams, equal where the k-grams are, numbered from 0 as they
    first occur; shape (n − k + 1,)."""
    ids = np.ascontiguousarray(ids, dtype=np.int64)
    labels, single = _labels(ids, ids, 0), np.zeros(0, np.int64)
    for k in range(1, most + 1):
        if k == 1:
            single = labels
        elif len(ids) < k:
            labels = np.zeros(0, np.int64)
        else:
            labels = _labels(labels[:-1], single[k - 1 :], int(single.max(initial=0)) + 1)
        yield labels


@njit(cache=True, nogil=True)
def _labels(first, second, types):
    """Numbers of the pairs first · types + second, as they first occur."""
    n = len(first)
    size = 16
    while size < 2 * n:
        size *= 2
    keys = np.full(size, -1, dtype=np.int64)
    numbers = np.empty(size, dtype=np.int64)
    out = np.empty(n, dtype=np.int64)
    count = 0
    for i in range(n):
        key = first[i] * types + second[i]
        at = _cell(keys, key)
        if keys[at] == -1:
            keys[at] = key
            numbers[at] = count
            count += 1
        out[i] = numbers[at]
    return out


def _with_jackknife(labels: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Plug-in and Miller–Madow entropies of labels, and the plug-in with each group of positions left out."""
    counts = np.bincount(labels)
    group = groups_of(len(labels))
    used = int(group.max(initial=0)) + 1
    totals = _left_out(labels, group, used, counts)
    sizes = len(labels) - np.bincount(group, minlength=used)
    loo = np.log2(np.maximum(sizes, 1)) - totals / np.maximum(sizes, 1)
    return plug_in(counts), miller_madow(counts), loo


@njit(cache=True, nogil=True)
def _left_out(labels, group, groups, counts):
    """Σ c·log₂ c over the counts of all positions but those of each group; ``group`` never falls."""
    f = np.zeros(len(counts))
    whole = 0.0
    for i in range(len(counts)):
        f[i] = counts[i] * np.log2(float(counts[i]))
        whole += f[i]
    out = np.full(groups, whole)
    seen = np.zeros(len(counts), dtype=np.int64)
    i = 0
    while i < len(labels):
        begun = i
        while i < len(labels) and group[i] == group[begun]:
            seen[labels[i]] += 1
            i += 1
        for j in range(begun, i):
            label = labels[j]
            if seen[label]:
                left = counts[label] - seen[label]
                out[group[begun]] += (left * np.log2(float(left)) if left else 0.0) - f[label]
                seen[label] = 0
    return out


def conditional_entropies(ids: np.ndarray, vocab: int, bytes_per_token: float, most: int = 5) -> list[dict]:
    """H₁ … H_most of ``ids``; each a dict: ``k``, ``value``/``low``/``high`` (plug-in, bits a token),
    ``corrected`` (Miller–Madow), ``held_out`` and ``coverage``, ``types`` (distinct k-grams), ``per_byte``
    (plug-in)."""
    out: list[dict] = []
    if not len(ids):
        return out
    before = (0.0, 0.0, np.zeros(1))
    scored = held_out(ids, vocab, most)
    for k, labels in enumerate(grams(ids, most), 1):
        if not len(labels):
            break
        now = _with_jackknife(labels)
        loo = now[2] - (before[2] if k > 1 and len(before[2]) == len(now[2]) else 0.0)
        entry = {
            "k": k,
            **interval(now[0] - before[0], loo),
            "corrected": now[1] - before[1],
            "held_out": scored[k - 1][0],
            "coverage": scored[k - 1][1],
            "types": int(labels.max()) + 1,
            "samples": len(labels),
            "per_byte": from_bits(now[0] - before[0], bytes_per_token),
        }
        out.append(entry)
        before = now
    return out


def held_out(
    ids: np.ndarray, vocab: int, most: int = 5, stretches: int = GROUPS
) -> list[tuple[float, float]]:
    """For k = 1 … most: (cross-entropy in bits a token, context coverage) of an order-(k−1) interpolated
    Witten–Bell model over ``vocab`` ids, learned on the even stretches of the stream and scored on the odd
    ones."""
    bits, covered, scored = held_out_by_group(ids, groups_of(len(ids), stretches), vocab, most)
    if not scored.any():
        return [(float("nan"), float("nan"))] * most
    total = scored.sum()
    return [(float(b.sum() / total), float(c / total)) for b, c in zip(bits, covered)]


def held_out_by_group(
    ids: np.ndarray, group: np.ndarray, vocab: int, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same model, learned on the tokens of even groups and scored on those of odd ones: (bits, float64 of
    shape (most, groups); tokens whose context was seen, int64 (most,); tokens scored, int64 (groups,)).
    ``group``: int64, of each token, never falling."""
    ids = np.ascontiguousarray(ids, dtype=np.int64)
    group = np.ascontiguousarray(group, dtype=np.int64)
    count = int(group.max(initial=0)) + 1
    return _held_out(ids, group, count, float(max(vocab, 1)), most)


def cross_entropy(learned: np.ndarray, scored: np.ndarray, vocab: int, order: int) -> float:
    """Bits of all of ``scored`` under the same model of that order (contexts of ``order`` tokens), learned on
    ``learned``."""
    ids = np.concatenate([learned, scored]).astype(np.int64)
    group = np.repeat(np.array([0, 1], np.int64), [len(learned), len(scored)])
    return float(held_out_by_group(ids, group, vocab, order + 1)[0][order].sum())


@njit(cache=True, nogil=True)
def _cell(keys, key):
    mask = np.int64(len(keys) - 1)
    at = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & mask
    return at


@njit(cache=True, nogil=True)
def _mix(key, value):
    h = (np.uint64(key) ^ (np.uint64(value) + np.uint64(0x632BE59BD9B4E019))) * np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(32)
    return np.int64(h & np.uint64(0x7FFFFFFFFFFFFFFF))


@njit(cache=True, nogil=True)
def _held_out(ids, group, groups, vocab, most):
    n = len(ids)
    size = 16
    while size < 2 * most * n + 16:
        size *= 2
    context_key = np.full(size, -1, dtype=np.int64)
    total = np.zeros(size, dtype=np.int32)
    types = np.zeros(size, dtype=np.int32)
    gram_key = np.full(size, -1, dtype=np.int64)
    count = np.zeros(size, dtype=np.int32)
    bits = np.zeros((most, groups))
    covered = np.zeros(most, dtype=np.int64)
    scored = np.zeros(groups, dtype=np.int64)
    for phase in range(2):
        for i in range(n):
            if group[i] & 1 != phase:
                continue
            p = 1.0 / vocab
            context = np.int64(1)
            alive = True
            for k in range(most):
                # The context must lie in the same stretch, so that no scored text is learned from or looked
                # at.
                if k and (i - k < 0 or group[i - k] != group[i]):
                    alive = False
                if alive:
                    if k:
                        context = _mix(context, ids[i - k])
                    at = _cell(context_key, context)
                    cell = _cell(gram_key, _mix(context ^ np.int64(0x5DEECE66D), ids[i]))
                    if phase == 0:
                        context_key[at] = context
                        total[at] += 1
                        if gram_key[cell] == -1:
                            gram_key[cell] = _mix(context ^ np.int64(0x5DEECE66D), ids[i])
                            types[at] += 1
                        count[cell] += 1
                    elif context_key[at] == context:
                        c = count[cell] if gram_key[cell] != -1 else 0
                        p = (c + types[at] * p) / (total[at] + types[at])
                        covered[k] += 1
                    else:
                        alive = False
                if phase == 1:
                    bits[k, group[i]] -= np.log2(p)
            if phase == 1:
                scored[group[i]] += 1
    return bits, covered, scored
