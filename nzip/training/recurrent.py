"""The recurrent network in torch, as it is trained: float32 master weights, bfloat16 matrix products.

x = E[byte] + P [rows of the n-gram tables]; then, per layer, u = norm(x), (a, c, o) = W u + b, a gated linear
recurrence over the position (minGRU of Feng et al. 2024, with a state bounded by one and an output gate as in
Griffin, De et al. 2024), x += V y; at the end logits = H norm(x) + b. A network that is *fed* is told what
counts of the text so far say of the next byte (:mod:`nzip.predictors.ssm.counts`), as f: x += F f at the
beginning, and logits += g f at the end.

Concession: the elementwise parts run as compiled loops on the CPU (:mod:`.cells`); there is no GPU path.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from nzip.predictors.mix.words.dictionary import Dictionary, index, named
from nzip.predictors.ssm import counts, weights
from nzip.predictors.ssm.contexts import TABLES, begin, rows_of_text
from nzip.predictors.ssm.kernel import FEED_UNIT, GATED_BITS, UNIT_BITS
from nzip.predictors.ssm.weights import Shape
from nzip.training import cells


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        flat = x.reshape(-1, x.shape[-1])
        u, inverse = torch.empty_like(flat), torch.empty(flat.shape[0])
        cells.norm_forward(flat.numpy(), u.numpy(), inverse.numpy())
        ctx.save_for_backward(u, inverse)
        return u.view_as(x)

    @staticmethod
    def backward(ctx, du):
        u, inverse = ctx.saved_tensors
        dx = torch.empty_like(u)
        cells.norm_backward(du.reshape(u.shape).contiguous().numpy(), u.numpy(), inverse.numpy(), dx.numpy())
        return dx.view_as(du)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pre, state):
        b, t, d3 = pre.shape
        h, y = torch.empty(b, t, d3 // 3), torch.empty(b, t, d3 // 3)
        before = state.clone()
        cells.scan_forward(pre.numpy(), state.numpy(), h.numpy(), y.numpy())
        ctx.save_for_backward(pre, before, h)
        return y

    @staticmethod
    def backward(ctx, dy):
        pre, before, h = ctx.saved_tensors
        dpre, carry = torch.empty_like(pre), torch.zeros_like(before)
        cells.scan_backward(
            dy.contiguous().numpy(), pre.numpy(), before.numpy(), h.numpy(), dpre.numpy(), carry.numpy()
        )
        return dpre, None


class _Layer(nn.Module):
    def __init__(self, width: int, layers: int):
        super().__init__()
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.mix.weight, std=1 / math.sqrt(width))
        nn.init.normal_(self.out.weight, std=1 / math.sqrt(2 * layers * width))
        with torch.no_grad():
            self.mix.bias.zero_()
            # Time scales from 2 to about 250 bytes: sigma(a) = 1 / scale, inverted.
            z = 2.0 ** -torch.linspace(0.7, 8.0, width)
            s = 2 * z - 1
            self.mix.bias[:width] = s / torch.sqrt(1 - s * s)

    def forward(self, x, state, product):
        pre = product(_Norm.apply(x), self.mix)
        y = _Scan.apply(pre, state)
        return x + product(y, self.out)


DEFAULT = Shape()
LATE = 1 / 500  # of the mean state, what a step's share is


class Past(NamedTuple):
    """What of the bytes before says which rows are read, and the counts, of every lane."""

    hashes: np.ndarray  # uint64 (lanes, 6)
    counts: list[counts.Counts]  # none where a network is not fed


class Read(NamedTuple):
    """What a network reads of positions beside their bytes."""

    rows: torch.Tensor  # int64 (b, t, 7)
    fed: torch.Tensor | None  # float32 (b, t, 256): f of the counts, as it is learnt from


class Recurrent(nn.Module):
    """Next-byte logits. ``forward(bytes (b, t) int64, Read, states)``; see :meth:`rows` and :meth:`start`.

    ``mixed``: products in bfloat16, else all in float32. ``words``: it reads text coded by that dictionary,
    None: raw text. ``reach``: bytes read at a time when it is measured. ``drop``: the share of table rows
    that are taken for zeros while gradients are kept, so that no small text is learnt by heart."""

    begin: torch.Tensor  # (layers, width), of a fed network: the state before the first byte
    reach = 4096
    drop = 0.0

    def __init__(self, shape: Shape = DEFAULT, mixed: bool = True, words: Dictionary | None = None):
        super().__init__()
        self.shape, self.mixed, self.words = shape, mixed, words
        self.bytes = nn.Embedding(256, shape.width)
        tables = [nn.Embedding(1 << bits, shape.row) for bits in shape.bits]
        self.tables = nn.ModuleList(tables)
        self.project = nn.Linear(TABLES * shape.row, shape.width, bias=False)
        self.layers = nn.ModuleList(_Layer(shape.width, shape.layers) for _ in range(shape.layers))
        self.head = nn.Linear(shape.width, 256)
        nn.init.normal_(self.bytes.weight, std=0.5)
        for table in tables:
            nn.init.normal_(table.weight, std=0.02)
        nn.init.normal_(self.project.weight, std=1.0 / math.sqrt(shape.row))
        nn.init.normal_(self.head.weight, std=0.3 / math.sqrt(shape.width))
        nn.init.zeros_(self.head.bias)
        if shape.fed:
            # At first it says what the counts say of themselves, nearly.
            self.feed = nn.Linear(256, shape.width, bias=False)
            nn.init.normal_(self.feed.weight, std=0.06)
            self.gain = nn.Parameter(torch.tensor([0.7]))
            self.register_buffer("begin", torch.zeros(shape.layers, shape.width))

    def start(self, lanes: int) -> list[torch.Tensor]:
        """States before the first byte: one (lanes, width) a layer. ``forward`` moves them in place."""
        if self.shape.fed:
            return [state.repeat(lanes, 1) for state in self.begin]
        return [torch.zeros(lanes, self.shape.width) for _ in range(self.shape.layers)]

    def remember(self, states: list[torch.Tensor]) -> None:
        """A text begins with what states were in the mean of late: nearer to what the network knows than
        zeros, which it never meets in training."""
        if self.shape.fed:
            self.begin.lerp_(torch.stack([state.mean(0) for state in states]), LATE)

    def hashes(self, lanes: int) -> Past:
        """What :meth:`rows` moves along, at the beginning."""
        hashes = np.tile(begin(self.words is not None), (lanes, 1))
        return Past(hashes, [counts.new_counts() for _ in range(lanes if self.shape.fed else 0)])

    def rows(self, streams: np.ndarray, past: Past, begins: list[list[int]] | None = None) -> Read:
        """What (b, t) uint8 bytes are read with; ``past`` moves along. ``begins``: for each lane, before
        which bytes the counts forget all."""
        out = np.empty((*streams.shape, TABLES), np.int64)
        bits = np.array(self.shape.bits, np.int64)
        for i in range(streams.shape[0]):
            rows_of_text(streams[i], past.hashes[i], bits, out[i])
        if not self.shape.fed:
            return Read(torch.from_numpy(out), None)
        f = np.empty((*streams.shape, 256), np.int16)
        for i, own in enumerate(past.counts):
            ends = [*(begins[i] if begins else ()), streams.shape[1]]
            counts.take_all(own, streams[i, : ends[0]], f[i, : ends[0]])
            for at, end in itertools.pairwise(ends):
                counts.forget(own)
                counts.take_all(own, streams[i, at:end], f[i, at:end])
        return Read(torch.from_numpy(out), torch.from_numpy(f) * FEED_UNIT)

    def _product(self, x, linear):
        if not self.mixed:
            return nn.functional.linear(x, linear.weight, linear.bias)
        bias = None if linear.bias is None else linear.bias.bfloat16()
        return nn.functional.linear(x.bfloat16(), linear.weight.bfloat16(), bias).float()

    def forward(self, symbols, read, states):
        rows = read.rows
        grams = torch.cat([table(rows[..., i]) for i, table in enumerate(self.tables)], dim=-1)
        if self.drop and torch.is_grad_enabled():
            kept = (torch.rand(*rows.shape, 1) >= self.drop) / (1 - self.drop)
            grams = (grams.view(*rows.shape, -1) * kept).view_as(grams)
        x = self.bytes(symbols) + self._product(grams, self.project)
        if read.fed is not None:
            x = x + self._product(read.fed, self.feed)
        for layer, state in zip(self.layers, states, strict=True):
            x = layer(x, state, self._product)
        logits = self._product(_Norm.apply(x), self.head)
        if read.fed is not None:
            # f's unit is an eighth of an octave here
            logits = logits + read.fed * (self.gain * (8 * math.log(2)))
        return logits

    def matrix_parameters(self) -> int:
        """Weights that every byte is multiplied with."""
        return sum(
            p.numel()
            for n, p in self.named_parameters()
            if p.dim() == 2 and not n.startswith(("tables", "bytes"))
        )

    def layer_matrices(self) -> list[nn.Parameter]:
        """The layers' matrices (rows a multiple of their width): what Muon trains."""
        named = self.named_parameters()
        return [p for name, p in named if name.startswith("layers.") and p.dim() == 2]

    def table_parameters(self) -> list[nn.Parameter]:
        """The n-gram tables: sparse gradients, a learning rate of their own."""
        return [table.weight for table in self.tables if isinstance(table.weight, nn.Parameter)]


def from_file(path: Path, fed: bool = False) -> tuple[Recurrent, dict]:
    """The network in an expert's file, to train on, and what its header says it was ``made`` from: rounded
    weights as floats. ``fed``: with counts from now on, of which it knows nothing yet. ``ValueError`` where
    it reads codes of a dictionary that does not ship."""
    w = weights.read(path.read_bytes(), str(path))
    known = {named(number + 1).hash: named(number + 1) for number in range(len(index()))}
    if w.words and w.words not in known:
        raise ValueError(f"{path} reads codes of a dictionary that does not ship")
    net = Recurrent(w.shape._replace(fed=w.shape.fed or fed), words=known[w.words] if w.words else None)
    unit, row = float(1 << UNIT_BITS), w.shape.row
    project = w.project.astype(np.float32) * w.project_scale[:, None]
    state = {"head.weight": w.head * (w.head_scale * unit)[:, None], "head.bias": w.head_bias}
    state["bytes.weight"] = w.bytes.astype(np.float32) * w.bytes_scale
    for i, table in enumerate(w.tables):
        # Rows and projection share one unit; training wants the rows small.
        state[f"tables.{i}.weight"] = table * np.float32(1 / 64)
        project[:, i * row : (i + 1) * row] *= 64
    state["project.weight"] = project
    for i in range(w.shape.layers):
        state[f"layers.{i}.mix.weight"] = w.mix[i] * (w.mix_scale[i] * unit)[:, None]
        state[f"layers.{i}.mix.bias"] = w.mix_bias[i]
        state[f"layers.{i}.out.weight"] = w.out[i] * (w.out_scale[i] * float(1 << GATED_BITS))[:, None]
    if fed and not w.shape.fed:
        state["feed.weight"], state["gain"] = np.zeros((w.shape.width, 256)), np.zeros(1)
        state["begin"] = np.zeros((w.shape.layers, w.shape.width))
    elif w.shape.fed:
        state["feed.weight"] = w.feed * (w.feed_scale / FEED_UNIT)[:, None]
        state["begin"] = w.start
        state["gain"] = w.gain * (2.0**counts.UNIT_BITS / math.log(2))
    net.load_state_dict({name: torch.from_numpy(np.array(v, np.float32)) for name, v in state.items()})
    return net, w.made
