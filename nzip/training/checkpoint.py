"""What a run left behind: its network, of whichever kind, its expert's file, and what rounding to integers
costs.

Concession: the cost is that of the whole exact expert, rounded weights and rounded activations together,
against the same network in float32."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch

from nzip.predictors.mix.words.dictionary import by_name
from nzip.predictors.ssm import weights
from nzip.predictors.ssm.expert import SsmExpert
from nzip.predictors.transformer.expert import Model, TransformerExpert
from nzip.training import export as recurrent_export
from nzip.training import transformer
from nzip.training.loop import evaluate
from nzip.training.recurrent import Recurrent, Shape
from nzip.training.text import Slice

SSM, TRANSFORMER = "ssm", "transformer"
Network = Recurrent | transformer.Llama


def kind_of(net: Network) -> str:
    """``ssm`` or ``transformer``."""
    return TRANSFORMER if isinstance(net, transformer.Llama) else SSM


def pack(net: Network, made: dict) -> bytes:
    """The expert's file; ``made`` goes into its header."""
    if isinstance(net, transformer.Llama):
        return transformer.export(net, made)
    return recurrent_export.export(net, made)


def load(folder: Path) -> tuple[Network, dict]:
    """The network in ``folder/checkpoint.pt``, and what its expert's header says of the run."""
    kept = torch.load(folder / "checkpoint.pt", weights_only=True)
    words = kept["shape"]
    if "embed" in kept["net"]:
        sizes: list = [*map(int, words[:7]), *map(float, words[7:])]
        net: Network = transformer.Llama(transformer.Shape(*sizes))
    else:
        width, layers, row, bits = (
            json.loads(word.replace("(", "[").replace(")", "]")) for word in words[:4]
        )
        dictionary = by_name(kept["words"]) if kept["words"] else None
        net = Recurrent(Shape(width, layers, row, tuple(bits), words[4:] == ["True"]), words=dictionary)
    net.load_state_dict(kept["net"])
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    made = {
        "by": "scripts/train_expert.py",
        "seen": kept["seen"],
        "cpu seconds": round(kept["spent"]),
        "run": kept["run"],
        "held out": log[-1]["held"],
    }
    return net, made


def rounding(net: Network, slices: dict[str, Slice], size: int) -> dict[str, tuple[float, float]]:
    """Bits per byte of the first ``size`` bytes of each slice: in float32, and by the exact expert."""
    mixed, net.mixed = net.mixed, False
    try:
        slices = {kind: _begin(part, size) for kind, part in slices.items()}
        floats = evaluate(net, slices)
    finally:
        net.mixed = mixed
    exact = expert_of(net, {})
    return {kind: (floats[kind], _cost(exact, part, net)) for kind, part in slices.items()}


def _begin(part: Slice, size: int) -> Slice:
    data = part.data[:size]
    return Slice(data, max(1, part.size * len(data) // max(1, len(part.data))))


def expert_of(net: Network, made: dict) -> SsmExpert | TransformerExpert:
    """The exact expert that the network's file would hold."""
    data = pack(net, made)
    if isinstance(net, transformer.Llama):
        return TransformerExpert("rounded", Model(data, "rounded"))
    return SsmExpert("rounded", weights.read(data, "rounded"))


def _cost(expert: SsmExpert | TransformerExpert, part: Slice, net: Network) -> float:
    """As :func:`evaluate` counts: a transformer forgets all every ``reach`` bytes, a recurrent network
    nothing."""
    text, bits = np.frombuffer(part.data, np.uint8), 0.0
    reach = net.reach if kind_of(net) == TRANSFORMER else len(text)
    for at in range(0, len(text) - 1, reach):
        read = text[at : min(at + reach, len(text) - 1)]
        out = np.empty((len(read), 256), np.uint32)
        expert.advance(expert.fresh(), read, out)
        shares = out[np.arange(len(read)), text[at + 1 : at + 1 + len(read)]]
        bits += float(np.log2(shares).sum())
    if len(text) < 2:
        return math.nan
    return (24 - bits / (len(text) - 1)) * len(text) / part.size
