"""Bits per byte, exactly: every token of whole documents is a target once, and the bytes are those the
documents were made from.

Before a figure is given, the bytes of the tokens are counted a second way (by their lengths, or by decoding
them) and must equal the raw bytes that the dataset recorded; else :class:`AccountingError`. The
end-of-sequence tokens cost bits and have no bytes: they are counted, as in a compressor, and their share is
given.

Concession: a token sees between context - stride and context tokens before it (half a context at least, by
default)."""

from __future__ import annotations

import contextlib
import math
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from tokenizers_lab.bits_per_byte import from_bits, held, require_equal
from tokenizers_lab.datasets.reader import TokenReader
from tokenizers_lab.errors import LabError

ROWS = 1 << 25  # elements of logits at a time: 128 MiB of float32


class Score(NamedTuple):
    """``bits`` over ``tokens`` tokens (``ends`` of them ends of sequence, which cost ``end_bits``) of
    ``bytes`` raw bytes; ``correct``: how often the likeliest token was right."""

    bits: float
    tokens: int
    bytes: int
    ends: int
    end_bits: float
    correct: int

    @property
    def bits_per_byte(self) -> float:
        return from_bits(self.bits, self.bytes)

    @property
    def end_bits_per_byte(self) -> float:
        """What the ends of sequence cost of them."""
        return from_bits(self.end_bits, self.bytes)

    def json(self) -> dict:
        return {
            "bits_per_byte": self.bits_per_byte,
            "bits_per_token": self.bits / self.tokens,
            "accuracy": self.correct / self.tokens,
            "bytes": self.bytes,
            "tokens": self.tokens,
            "documents": self.ends or None,
            "end_bits_per_byte": self.end_bits_per_byte,
        }


PRECISIONS = ("auto", "float32", "bfloat16")


def autocast(device, precision: str = "auto"):
    """Matrix products in ``precision``; ``auto``: bfloat16 on a GPU, float32 on the CPU."""
    kind = torch.device(device).type
    half = precision == "bfloat16" or precision == "auto" and kind == "cuda"
    return torch.autocast(kind, torch.bfloat16) if half else contextlib.nullcontext()


def first_documents(reader: TokenReader, at_most: int | None) -> int:
    """How many of the split's documents hold at most so many bytes (one at least)."""
    if not reader.documents:
        raise LabError(f"{reader.manifest.folder}: the split {reader.split!r} holds no document")
    if at_most is None:
        return reader.documents
    return max(1, int(np.searchsorted(reader.byte_ends, at_most, side="right")) - 1)


def account(reader: TokenReader, documents: int) -> int:
    """Raw bytes of the split's first documents. Raises :class:`AccountingError` where their tokens hold
    another number."""
    recorded = int(reader.byte_ends[documents])
    lengths = reader.token_lengths
    if lengths is not None:
        total = held(lengths, reader.read(0, int(reader.ends[documents])))
    else:
        total = sum(len(reader.codec.decode(reader.document(i))) for i in range(documents))
    return require_equal(total, recorded, f"{reader.manifest.folder}: the tokens of {documents} documents")


def evaluate(
    model, reader: TokenReader, *, at_most: int | None = None, stride: int | None = None, on_targets=None
) -> Score:
    """The score of ``model`` on the first documents of the reader's split that hold ``at_most`` bytes (all by
    default). ``stride`` (half the context by default): new targets of each read context. ``on_targets(start,
    correct)`` is given the hits of each run of targets: their place in the stream, bool."""
    shape, device = model.shape, next(model.parameters()).device
    documents = first_documents(reader, at_most)
    size = account(reader, documents)
    tokens = reader.read(0, int(reader.ends[documents])).astype(np.int64)
    if tokens.size and int(tokens.max()) >= shape.vocabulary:
        raise LabError(
            f"{reader.manifest.folder}: has ids up to {int(tokens.max())}, the model a vocabulary of "
            f"{shape.vocabulary}"
        )
    context = shape.context
    stride = stride or max(1, context // 2)
    if not 1 <= stride <= context:
        raise LabError(f"stride {stride} is outside 1..{context}, the context")
    inputs = np.concatenate([[reader.eos if reader.eos is not None else 0], tokens[:-1]])
    jobs = [(0, 0, min(context, len(tokens)))]  # (input start, first target, end)
    while jobs[-1][2] < len(tokens):
        end = min(jobs[-1][2] + stride, len(tokens))
        jobs.append((end - min(context, end), jobs[-1][2], end))
    lanes = max(1, min(32, ROWS // (context * shape.vocabulary)))
    bits = end_bits = 0.0
    correct = ends = 0
    training = model.training
    model.eval()
    at = 0
    with torch.no_grad(), autocast(device):
        while at < len(jobs):
            alike = [
                j
                for j in jobs[at : at + lanes]
                if (j[2] - j[0], j[2] - j[1]) == (jobs[at][2] - jobs[at][0], jobs[at][2] - jobs[at][1])
            ]
            alike = alike if alike == jobs[at : at + len(alike)] else jobs[at : at + 1]
            at += len(alike)
            x = torch.from_numpy(np.stack([inputs[a:end] for a, _, end in alike])).to(device)
            y = torch.from_numpy(np.stack([tokens[first:end] for _, first, end in alike])).to(device)
            logits = model.head(model.hidden(x)[:, -y.shape[1] :]).float()
            lost = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").double() / math.log(2)
            hit = logits.argmax(-1) == y
            bits += float(lost.sum())
            correct += int(hit.sum())
            if reader.eos is not None:
                special = y.flatten() == reader.eos
                ends += int(special.sum())
                end_bits += float(lost[special].sum())
            if on_targets:
                for (_, first, _), row in zip(alike, hit.cpu().numpy()):
                    on_targets(first, row)
    model.train(training)
    return Score(bits, len(tokens), size, ends, end_bits, correct)


def trivial(train: TokenReader, held: TokenReader, at_most: int | None = None) -> dict:
    """Bits a token of the two models that know no context: uniform over the ids that can occur, and the
    training split's frequencies (plus one each), on the held-out documents. A model that does no better has
    learnt nothing."""
    vocabulary = train.vocab_size
    usable = train.manifest.data["codec"]["used_vocab_size"] + (train.eos is not None)
    counts = np.ones(vocabulary)
    for start in range(0, train.tokens, 1 << 22):
        counts += np.bincount(train.read(start, start + (1 << 22)), minlength=vocabulary)
    tokens = held.read(0, int(held.ends[first_documents(held, at_most)]))
    return {"uniform": math.log2(usable), "unigram": float(-np.log2(counts[tokens] / counts.sum()).mean())}
