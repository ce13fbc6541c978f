"""What a model has learnt about its tokens: accuracy by position, and whether it can compress and decompress.

``seq2seq`` trains a model of the same kind on pairs of a passage and its tokens, one written behind the
other, and counts how much of the second part it gets right on held-out passages, told the truth so far
(Lester et al. 2024, section 6). A codec whose tokens can be read in place is decompressed well; under plain
arithmetic coding the first part helps no more than if it were not there, which ``blind``, the same model
without the source, measures.

Concession: teacher forcing, passages of one length, one learning rate.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from nzip.training.processor import quick
from tokenizers_lab.codecs.equal_info import WindowCodec
from tokenizers_lab.datasets.reader import TokenReader
from tokenizers_lab.errors import LabError
from tokenizers_lab.lm.evaluation import evaluate, first_documents
from tokenizers_lab.lm.model import Llama, Shape
from tokenizers_lab.lm.runs import Plan
from tokenizers_lab.lm.training import best_device, gradients, optimiser, rate_at, trainable

_IGNORE = -100


def position_accuracy(model, reader: TokenReader, at_most: int) -> list[dict]:
    """How often the likeliest token is right, by position: within the window for windows of several tokens,
    else by quarters of a document. Rows of ``position``, ``tokens``, ``accuracy``; ends of sequence are left
    out."""
    documents = first_documents(reader, at_most)
    hits = np.zeros(int(reader.ends[documents]), bool)

    def note(start, correct):
        hits[start : start + len(correct)] = correct

    evaluate(model, reader, at_most=at_most, on_targets=note)
    codec = reader.codec
    per = codec.width // codec.token_bits if isinstance(codec, WindowCodec) else 0
    classes = per if per > 1 else 4
    right, count = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for i in range(documents):
        a, b = int(reader.ends[i]), int(reader.ends[i + 1]) - (reader.eos is not None)
        place = np.arange(b - a)
        position = place % per if per > 1 else place * 4 // max(b - a, 1)
        right += np.bincount(position, hits[a:b], classes).astype(np.int64)
        count += np.bincount(position, minlength=classes)
    name = "token {} of the window" if per > 1 else "quarter {} of a document"
    return [
        {
            "position": name.format(i + 1),
            "tokens": int(count[i]),
            "accuracy": float(right[i] / max(count[i], 1)),
        }
        for i in range(classes)
    ]


def pairs(
    codec, reader: TokenReader, passage: int, count: int, seed: int, way: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(source, target) ids of passages drawn from a dataset of bytes: tokens and bytes for ``decompress``,
    the other way round for ``compress``. Bytes keep their values; tokens do too, and are told apart by where
    they stand."""
    chance, out = np.random.default_rng(seed), list[tuple[np.ndarray, np.ndarray]]()
    if reader.tokens <= 2 * passage:
        raise LabError(f"the text is too short for passages of {passage} bytes")
    while len(out) < count:
        at = int(chance.integers(0, reader.tokens - passage))
        raw = reader.read(at, at + passage)
        if reader.eos is not None and (raw == reader.eos).any():
            continue
        raw = raw.astype(np.uint8)
        tokens = codec.encode(raw.tobytes()).astype(np.int64)
        two = (tokens, raw.astype(np.int64))
        out.append(two if way == "decompress" else two[::-1])
    return out


def sequences(examples, vocabulary: int, context: int, blind: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets of ``source, mark, target``: int64 (n, context). Only the target's ids are scored.
    ``vocabulary`` is the mark; source ids stand behind it, at ``vocabulary + 1 + id``, so that no id means
    two things. ``blind`` leaves the source out."""
    x = torch.full((len(examples), context), vocabulary, dtype=torch.long)
    y = torch.full((len(examples), context), _IGNORE, dtype=torch.long)
    for i, (source, target) in enumerate(examples):
        front = source[:0] if blind else source + vocabulary + 1
        whole = np.concatenate([front, [vocabulary], target])[: context + 1]
        x[i, : len(whole) - 1] = torch.from_numpy(whole[:-1])
        y[i, len(front) : len(whole) - 1] = torch.from_numpy(whole[len(front) + 1 :])
    return x, y


@quick()
def seq2seq(
    codec,
    text: TokenReader,
    held: TokenReader,
    *,
    size: str,
    way: str,
    seed: int = 1,
    passage: int = 64,
    steps: int = 1000,
    batch: int = 32,
    rate: float = 2e-3,
    examples: int = 256,
    precision: str = "auto",
    compiled: bool = False,
    progress=None,
) -> dict:
    """Accuracy on the target part of held-out pairs, with the source and ``blind``; ``text`` and ``held`` are
    the splits of a dataset of bytes, ``way`` is ``decompress`` or ``compress``. ``curve``: [step, accuracy]
    after each quarter of the training, ``blind_curve`` beside it."""
    if way not in ("decompress", "compress"):
        raise LabError(f"way {way!r}: decompress or compress")
    source_ids, target_ids = (codec.vocab_size, 256) if way == "decompress" else (256, codec.vocab_size)
    tests = pairs(codec, held, passage, examples, seed + 1_000_003, way)
    device, plan = (
        best_device(),
        Plan(steps, batch, rate, warm_up=min(50, steps), seed=seed, precision=precision),
    )
    since, tokens = None, 0
    pace: dict[str, float] = {}
    found: dict[str, Any] = {"way": way, "passage": passage, "steps": steps}
    for blind in (False, True):
        context = (
            max(len(t) + (0 if blind else len(s)) for s, t in tests) * 9 // 8 + 2
        )  # training passages may have more tokens
        torch.manual_seed(seed)
        model, name = (
            Llama(Shape.named(size, target_ids + 1 + source_ids, context)).to(device),
            "blind" if blind else "accuracy",
        )
        test, curve = (
            sequences(tests, target_ids, context, blind),
            found.setdefault("blind_curve" if blind else "curve", []),
        )
        called, adam = trainable(model, compiled), optimiser(model, plan)
        for step in range(steps):
            for group in adam.param_groups:
                group["lr"] = rate_at(step, plan)
            x, y = sequences(
                pairs(codec, text, passage, batch, seed * 1_000_000 + step, way), target_ids, context, blind
            )
            loss = gradients(called, x.to(device), y.to(device), model.shape.vocabulary, device, precision)
            if not torch.isfinite(loss):
                raise LabError(f"seq2seq probe: step {step + 1}: the loss is {float(loss)}; lower its rate")
            torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
            adam.step()
            adam.zero_grad(set_to_none=True)
            done, now = step + 1 + blind * steps, time.perf_counter()
            if since is None:  # the first step compiles, and says nothing of the others' pace
                since = now
            else:
                tokens += batch * context
                pace = {
                    "tokens_per_second": tokens / (now - since),
                    "eta": (2 * steps - done) * (now - since) / (done - 1),
                }
            if progress:
                progress({"step": done, "steps": 2 * steps, "loss": float(loss), **pace})
            if (step + 1) * 4 // steps > step * 4 // steps:
                found[name], found["blind_bits" if blind else "bits"] = _measure(model, *test, device)
                curve.append([step + 1, found[name]])
    return found


def _measure(model, x, y, device) -> tuple[float, float]:
    """(share of targets whose likeliest id is right, bits a target)."""
    right = count = 0
    nats = 0.0
    with torch.no_grad():
        for at in range(0, len(x), 16):
            logits = model(x[at : at + 16].to(device)).float().cpu()
            target = y[at : at + 16]
            scored = target != _IGNORE
            right += int((logits.argmax(-1) == target)[scored].sum())
            count += int(scored.sum())
            nats += float(
                F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=_IGNORE, reduction="sum")
            )
    return right / count, nats / count / float(np.log(2))
