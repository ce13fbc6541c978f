"""The promises of an expert (:class:`nzip.predictors.base.Expert`), one check each."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import numpy as np

from nzip.errors import CorruptError
from nzip.predictors.bare import BarePredictor
from nzip.predictors.base import EXPERT_BITS, SIDE_BITS, Expert
from nzip.predictors.probe import expert_probe
from nzip.testing.samples import damaged, elsewhere, require, samples


def expert_distributions_are_valid(make: Callable[[], Expert]) -> None:
    """uint32 of shape (lanes, 256), at least 1 each, every row summing to 2**24; side decisions in range."""
    for data in samples(120).values():
        for rows, active, sides in _run(make(), [data, data[:7]], batch=True):
            require(rows.dtype == np.uint32, f"distributions are uint32, not {rows.dtype}")
            require(rows.shape == (2, 256), f"distributions have the shape (lanes, 256), not {rows.shape}")
            rows = rows[active]
            require(rows.min() >= 1, "an entry of a distribution is below 1")
            require(
                (rows.sum(axis=1, dtype=np.int64) == 1 << EXPERT_BITS).all(),
                "a distribution does not sum to 2**24",
            )
            require(
                all(0 < p1 < 1 << SIDE_BITS for _, p1, _ in sides),
                "a side decision's probability is out of range",
            )


def expert_batch_equals_step(make: Callable[[], Expert]) -> None:
    """Computed ahead from the data or step by step without it, the integers are equal."""
    expert = make()
    for name, data in samples(160).items():
        _compare(
            f"{name}: in batch and step by step",
            _run(expert, [data], batch=True),
            _run(expert, [data], batch=False),
        )


def expert_lanes_end_alone(make: Callable[[], Expert]) -> None:
    """Lanes of unequal length, down to none at all, run in batch as step by step."""
    expert = make()
    text = samples()["text and binary"]
    lanes = [text[:100], text[100:101], b"", text[50:113]]
    _compare("unequal lanes", _run(expert, lanes, batch=True), _run(expert, lanes, batch=False))


def expert_is_unmoved_by_use(make: Callable[[], Expert]) -> None:
    """Runs do not disturb each other: alone, one after another, or interleaved."""
    expert, fresh = make(), make()
    text, noise = samples(160)["text and binary"], samples(160)["noise"]
    alone = list(_run(fresh, [text], batch=False))
    interleaved = []
    for one, _ in itertools.zip_longest(
        _run(expert, [text], batch=False), _run(expert, [noise], batch=False)
    ):
        interleaved.append(one)
    _compare("interleaved runs", alone, interleaved)
    _compare("a second run", alone, _run(expert, [text], batch=False))


def expert_probe_is_stable(make: Callable[[], Expert]) -> None:
    """The probe and the config are the same for each instance and in a fresh process."""
    first, second = make(), make()
    require(
        first.spelling == second.spelling and first.config() == second.config(),
        "two instances differ in name or config",
    )
    probe = expert_probe(first)
    require(probe == expert_probe(second) == expert_probe(first), "the probe is not stable")
    require(elsewhere(_probe_elsewhere, make) == probe, "another process gives another probe")


def expert_codes_bare(make: Callable[[], Expert]) -> None:
    """Bare, on one lane and on three, everything round-trips."""
    for lanes in (1, 3):
        predictor = BarePredictor(make(), lanes)
        for name, data in samples(120).items():
            params, payload = predictor.encode(data)
            require(
                predictor.decode(params, payload, len(data)) == data,
                f"{name} on {lanes} lane(s) does not round-trip",
            )


def expert_survives_damage(make: Callable[[], Expert]) -> None:
    """Fed what a damaged payload decodes to, an expert goes on, or raises CorruptError."""
    predictor = BarePredictor(make())
    chance = random.Random(3)
    data = samples(120)["text and binary"]
    params, payload = predictor.encode(data)
    for changed in damaged(payload, chance, 12):
        try:
            back = predictor.decode(params, changed, len(data))
        except CorruptError:
            continue
        require(len(back) == len(data), "a damaged payload gave a block of another size")


def _run(expert: Expert, lanes: list[bytes], *, batch: bool):
    """Walk ``lanes``; yields for each position the distributions, which lanes are active (the others' rows
    mean nothing), and the side decisions (lane, p1, bit).

    Step by step, the decisions are those that a run in batch took: a decoder is told them, too.
    """
    arrays = [np.frombuffer(lane, np.uint8) for lane in lanes]
    chooser = expert.start(len(lanes), arrays)
    state = chooser if batch else expert.start(len(lanes))
    at = np.zeros(len(lanes), np.int64)
    sizes = np.array([len(lane) for lane in lanes])
    while (at < sizes).any():
        active = at < sizes
        sides = []
        for lane in np.flatnonzero(active).tolist():
            while (p1 := chooser.side(lane)) is not None:
                bit = chooser.choose(lane)
                if not batch:
                    p1 = state.side(lane)
                    require(p1 is not None, "a side decision is asked for in batch and not step by step")
                    state.decided(lane, bit)
                chooser.decided(lane, bit)
                sides.append((lane, p1, bit))
            require(
                batch or state.side(lane) is None,
                "a side decision is asked for step by step and not in batch",
            )
        ready = chooser.ready(active.copy())
        if not batch:
            also = state.ready(active.copy())
            require(
                (ready is None) == (also is None) and (ready is None or (ready == also).all()),
                "other lanes are held",
            )
        active = active if ready is None else active & ready
        require(active.any(), "lanes are left and none is ready")
        rows = state.distributions().copy()
        if not batch:
            chooser.distributions()
        yield rows, active, sides
        symbols = np.array(
            [lane[i] if i < len(lane) else 0 for lane, i in zip(lanes, at, strict=True)], np.uint8
        )
        chooser.update(symbols, active)
        if not batch:
            state.update(symbols, active)
        at[active] += 1


def _compare(what: str, first, second) -> None:
    for i, (one, two) in enumerate(itertools.zip_longest(first, second)):
        require(one[2] == two[2], f"{what}: the side decisions at position {i} differ")
        require((one[0][one[1]] == two[0][two[1]]).all(), f"{what}: the distributions at position {i} differ")


def _probe_elsewhere(make) -> bytes:
    return expert_probe(make())
