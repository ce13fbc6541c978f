"""The training loop: Adam with warm-up and decay to zero, checkpoints that a killed run resumes from, a log.

The log is one JSON object a line: bytes seen, seconds of CPU, training loss and held-out loss by kind, in
bits per byte. ``python scripts/train_expert.py plot`` draws it.

Concession: a resumed run draws other pieces of text than an unbroken one would have (the streams are not kept
in the checkpoint), so only an unbroken run is reproducible from its seed."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from nzip.bits_per_byte import from_nats
from nzip.io.safe_output import write_whole
from nzip.training.muon import Muon
from nzip.training.processor import quick
from nzip.training.stopping import Clock
from nzip.training.text import Slice, Source, Streams, slices_of

_TOGETHER = 8


class Run(NamedTuple):
    """One training run: ``total`` bytes seen in steps of ``lanes`` × ``span``; rates are Adam's peaks."""

    total: int = 100_000_000
    lanes: int = 16
    span: int = 256
    rate: float = 3e-3
    table_rate: float = 1e-2
    warm_up: int = 200
    decay_from: float = 0.3  # share of the run with the full rate, then a cosine to zero
    seed: int = 20251
    every: float = (
        180.0  # seconds between checkpoints at least, and ten times what one takes, held-out text and all
    )
    momentum: float = 0.0  # of Muon for the layers' matrices (0.95 is usual), 0: Adam for all
    budget: float = (
        1e9  # seconds of wall clock, all sittings together, in which the rate falls to zero at the latest
    )
    short: float = (
        0.0  # share of the run read in quarters of a span, each from nothing (a network without a state)
    )
    drop: float = 0.0  # share of the n-gram tables' rows left out in training (of a recurrent network)
    before: int = 0  # bytes of ``total`` that the weights had seen when the run began


def rate_at(done: float, run: Run) -> float:
    """The factor on the learning rate when ``done`` (0 to 1) of the run is behind."""
    if done <= run.decay_from:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - run.decay_from) / (1 - run.decay_from))))


def evaluate(net, slices: dict[str, Slice]) -> dict[str, float]:
    """Held-out bits per byte of raw text by kind; each slice is read once, from a fresh state, ``net.reach``
    bytes at a time."""
    result = {}
    with torch.no_grad():
        for kind, (data, size) in slices.items():
            text = np.frombuffer(data, np.uint8)
            hashes = net.hashes(1)
            states, total, at, count = net.start(1), 0.0, 0, max(0, len(text) - 1)
            while at < count:
                # A network without a state reads several parts at once: each begins from nothing anyway.
                parts = min(_TOGETHER, (count - at) // net.reach) if states is None else 1
                length = net.reach if parts > 1 else min(net.reach, count - at)
                end = at + max(1, parts) * length
                x, y = (
                    text[at:end].reshape(-1, length),
                    torch.from_numpy(text[at + 1 : end + 1].astype(np.int64)),
                )
                logits = net(torch.from_numpy(x.astype(np.int64)), net.rows(x, hashes), states)
                total += float(torch.nn.functional.cross_entropy(logits.view(-1, 256), y, reduction="sum"))
                at = end
            result[kind] = from_nats(total, max(1, count)) * len(text) / max(1, size)
    return result


@quick()
def train(
    net,
    sources: list[Source],
    run: Run,
    folder: Path,
    progress: Callable[[int, float], None] | None = None,
    deadline: float | None = None,
    compiled: bool = False,
) -> list[dict]:
    """Train ``net`` (a :class:`.recurrent.Recurrent` or a :class:`.transformer.Llama`) in place; ``folder``
    keeps ``checkpoint.pt`` and ``log.jsonl``. Returns the log.

    A checkpoint of the same run in ``folder`` is gone on from. ``progress(bytes seen, loss)`` is called each
    step. ``deadline``: CPU seconds after which the run stops early (for trials). ``compiled``: by
    ``torch.compile``, which needs a C++ compiler."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(run.seed)
    net.drop = run.drop
    tables = net.table_parameters()
    matrices = net.layer_matrices() if run.momentum else []
    known = {id(p) for p in (*tables, *matrices)}
    rest = [p for p in net.parameters() if id(p) not in known]
    groups = [
        {"params": rest, "lr": run.rate, "peak": run.rate},
        {"params": tables, "lr": run.table_rate, "peak": run.table_rate},
    ]
    adam = torch.optim.Adam(
        [group for group in groups if group["params"]], betas=(0.9, 0.99), eps=1e-10, fused=True
    )
    muon = Muon(matrices, run.rate, run.momentum)
    seen, log, spent, sat = run.before, [], 0.0, 0.0
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        same = kept["words"] == (net.words.name if net.words else None)
        if kept["run"] != list(run) or kept["shape"] != _words(net.shape) or not same:
            raise ValueError(f"{checkpoint} belongs to another run: delete it, or use another folder")
        net.load_state_dict(kept["net"])
        adam.load_state_dict(kept["adam"])
        muon.buffers = kept["muon"]
        seen, spent, sat = kept["seen"], kept["spent"], kept["sat"]
        log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        log = [entry for entry in log if entry["seen"] <= seen]  # it is written before the checkpoint
    slices = slices_of(sources, net.words)
    fed = getattr(net.shape, "fed", False)
    streams = Streams(sources, run.lanes, run.seed + seen, net.words, long=fed)
    states, hashes = net.start(run.lanes), net.hashes(run.lanes)
    last = np.zeros((run.lanes, 1), np.uint8)
    clock = Clock(run.every, budget=run.budget, deadline=deadline, spent=spent, sat=sat)
    forward = torch.compile(net, dynamic=False) if compiled else net

    def behind() -> float:
        return clock.behind((seen - run.before) / (run.total - run.before))

    losses, done = [], behind()
    carried: list[list[int]] = [[] for _ in range(run.lanes)]
    while done < 1:
        fresh = streams.next(run.span)
        x = np.concatenate([last, fresh[:, :-1]], axis=1)
        last = fresh[:, -1:]
        if done < run.short:
            x, fresh = x.reshape(4 * run.lanes, -1), fresh.reshape(4 * run.lanes, -1)
        if fed:
            # The network reads a byte one step after it was asked for it.
            begins = [
                [*late, *(at + 1 for at in new)] for late, new in zip(carried, streams.begins, strict=True)
            ]
            carried = [[0] if own and own[-1] == run.span else [] for own in begins]
            begins = [[at for at in own if at < run.span] for own in begins]
            rows = net.rows(x, hashes, begins)
        else:
            rows = net.rows(x, hashes)
        for group in adam.param_groups:
            warm = min(1.0, ((seen - run.before) / (run.lanes * run.span) + 1) / run.warm_up)
            group["lr"] = group["peak"] * warm * rate_at(done, run)
        logits = forward(torch.from_numpy(x.astype(np.int64)), rows, states)
        loss = torch.nn.functional.cross_entropy(
            logits.view(-1, 256), torch.from_numpy(fresh.reshape(-1).astype(np.int64))
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*rest, *matrices], 1.0)
        muon.step(warm * rate_at(done, run))
        adam.step()
        adam.zero_grad(set_to_none=True)
        muon.zero_grad()
        if fed:
            net.remember(states)
        seen += fresh.size
        done = behind()
        losses.append(from_nats(loss.item(), 1))
        if progress:
            progress(seen, losses[-1])
        over = clock.over
        if clock.due or done >= 1 or over:
            with clock.keeping():
                spent, sat = clock.spent, clock.sat
                log.append(
                    {
                        "seen": seen,
                        "cpu": round(spent, 1),
                        "train": round(float(np.mean(losses)), 4),
                        "held": {k: round(v, 4) for k, v in evaluate(net, slices).items()},
                    }
                )
                losses = []
                write_whole(folder / "log.jsonl", "".join(json.dumps(entry) + "\n" for entry in log).encode())
                _save(checkpoint, net, adam, muon, run, seen, spent, sat)
        if over:
            break
    return log


def _words(shape) -> list[str]:
    return list(map(str, shape if isinstance(shape, tuple) else vars(shape).values()))


def _save(path: Path, net, adam, muon: Muon, run: Run, seen: int, spent: float, sat: float) -> None:
    packed = io.BytesIO()
    torch.save(
        {
            "net": net.state_dict(),
            "adam": adam.state_dict(),
            "muon": muon.buffers,
            "words": net.words.name if net.words else None,
            "run": list(run),
            "shape": _words(net.shape),
            "seen": seen,
            "spent": spent,
            "sat": sat,
        },
        packed,
    )
    write_whole(path, packed.getbuffer())
