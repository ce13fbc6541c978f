"""The conformance kit: what every predictor and every expert must pass, ours or a stranger's.

>>> import pytest, nzip.testing
>>> @pytest.mark.parametrize("check", nzip.testing.PREDICTOR_CHECKS, ids=lambda check: check.__name__)
... def test_mine(check):
...     check(make_my_predictor)

or all at once, ``nzip.testing.check_predictor(make)`` and ``check_expert(make)``. ``make`` takes nothing and
returns a new instance each time; the checks across processes need one that can be pickled (a function at a
module's top level). A check that fails raises :class:`ConformanceError`, an :class:`AssertionError` that says
what was promised and what was found.

Concession: passing is evidence, not proof. Exactness across machines in particular cannot be checked on one.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import multiprocessing
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from nzip import codec
from nzip.container.passport import Passport
from nzip.errors import CorruptError
from nzip.predictors.bare import BarePredictor
from nzip.predictors.base import EXPERT_BITS, SIDE_BITS, Expert, Predictor
from nzip.predictors.probe import expert_probe, kilobyte

# Long enough to reach a model's steady state, short enough for one that takes a millisecond a byte.
SIZE = 600


class ConformanceError(AssertionError):
    """A promise of the contract was not kept."""


def require(condition, message: str) -> None:
    """Raises :class:`ConformanceError` with ``message`` unless ``condition``."""
    if not condition:
        raise ConformanceError(message)


def samples(size: int = SIZE) -> dict[str, bytes]:
    """Edge cases by name, each of at most ``size`` bytes: one byte, every byte, runs, noise, text, binary."""
    noise = random.Random(1)
    return {
        "one byte": b"\xff",
        "two bytes": b"\x00\x80",
        "every byte": bytes(range(256))[:size],
        "every byte, downwards": bytes(range(255, -1, -1))[:size],
        "zeros": bytes(size),
        "ones": b"\xff" * size,
        "period of 3": (b"abc" * size)[:size],
        "noise": noise.randbytes(size),
        "noise twice": (noise.randbytes(size // 2) * 2)[:size],
        "biased bits": bytes(sum((noise.random() < 0.05) << b for b in range(8)) for _ in range(size)),
        "text and binary": (kilobyte() * (size // 1024 + 1))[:size],
        "invalid UTF-8": (b"caf\xe9 \xc3\xa9 \xf0\x9f\x98 \xed\xa0\x80 " * size)[:size],
    }


# Predictors ------------------------------------------------------------------------------------------------


def predictor_passport(make: Callable[[], Predictor]) -> None:
    """Spelling, config and probe are fit for a file's header, and the same for each instance."""
    first, second = make(), make()
    passport = Passport.of(first)
    require(isinstance(first.exact, bool), "exact is True or False")
    require(
        passport == Passport.of(second),
        f"two instances give two passports: {passport} and {Passport.of(second)}",
    )
    require(first.probe() == first.probe(), "the probe changes when it is asked for again")
    len(Passport.of(first).pack())


def predictor_probe_is_unmoved_by_use(make: Callable[[], Predictor]) -> None:
    """Coding leaves no trace in the predictor."""
    used, fresh = make(), make()
    before = used.probe()
    for data in samples(200).values():
        used.encode(data)
    require(
        used.probe() == before == fresh.probe(), "the probe changes with use: the predictor is not immutable"
    )
    text = samples()["text and binary"]
    require(used.encode(text) == fresh.encode(text), "a used predictor codes otherwise than a fresh one")


def predictor_round_trips(make: Callable[[], Predictor]) -> None:
    """Every edge case decodes to itself, by another instance, from any bytes-like object."""
    encoder, decoder = make(), make()
    for name, data in samples().items():
        params, payload = encoder.encode(data)
        require(isinstance(params, bytes) and isinstance(payload, bytes), "encode returns bytes and bytes")
        require(len(params) <= 0xFFFF, f"{name}: params may have 65,535 bytes, these have {len(params)}")
        back = decoder.decode(params, payload, len(data))
        require(isinstance(back, bytes), f"{name}: decode returns bytes, not {type(back).__name__}")
        require(back == data, f"{name}: {len(data)} bytes do not round-trip")
        require(
            encoder.encode(memoryview(bytearray(data))) == (params, payload),
            f"{name}: a memoryview codes otherwise",
        )
        require(
            decoder.decode(params, memoryview(payload), len(data)) == data,
            f"{name}: a memoryview decodes otherwise",
        )
        coded = codec.encode_block(encoder, data)
        require(
            codec.decode_block(decoder, *coded, len(data)) == data, f"{name}: does not round-trip as a block"
        )


def predictor_leaves_its_input_alone(make: Callable[[], Predictor]) -> None:
    """encode and decode do not write to what they are given."""
    predictor = make()
    data = bytearray(samples()["text and binary"])
    params, payload = predictor.encode(data)
    require(data == samples()["text and binary"], "encode changed its input")
    given = bytearray(payload)
    predictor.decode(params, given, len(data))
    require(given == payload, "decode changed the payload")


def predictor_is_thread_safe(make: Callable[[], Predictor]) -> None:
    """One instance on several threads at once gives the bytes that it gives alone."""
    predictor = make()
    inputs = list(samples().values())
    alone = [predictor.encode(data) for data in inputs]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(predictor.encode, inputs * 2))
        require(together == alone * 2, "encoding on several threads gives other bytes")
        back = list(pool.map(lambda i: predictor.decode(*alone[i], len(inputs[i])), range(len(inputs))))
    require(back == inputs, "decoding on several threads gives other bytes")


def predictor_is_process_safe(make: Callable[[], Predictor]) -> None:
    """A process started afresh gives the same probe and bytes."""
    predictor = make()
    data = samples()["text and binary"]
    here = predictor.probe(), predictor.encode(data)
    require(
        _elsewhere(_code_elsewhere, make, data) == here, "another process gives another probe or other bytes"
    )


def predictor_survives_damage(make: Callable[[], Predictor]) -> None:
    """On damaged parameters, payloads and sizes: bytes of the size asked for, or CorruptError."""
    predictor = make()
    chance = random.Random(2)
    data = samples()["text and binary"]
    params, payload = predictor.encode(data)

    def attempt(what: str, params: bytes, payload: bytes, size: int) -> None:
        try:
            back = predictor.decode(params, payload, size)
        except CorruptError:
            return
        except Exception as error:
            raise ConformanceError(
                f"{what}: raised {type(error).__name__}, not CorruptError: {error}"
            ) from error
        require(
            isinstance(back, bytes) and len(back) == size, f"{what}: gave {len(back)} bytes instead of {size}"
        )

    for damaged in _damaged(payload, chance, 24):
        attempt("a damaged payload", params, damaged, len(data))
    for damaged in _damaged(params, chance, 24):
        attempt("damaged params", damaged, payload, len(data))
    for size in (1, len(data) - 1, len(data) + 1, 2 * len(data)):
        attempt("a wrong size", params, payload, size)


def predictor_keeps_within_its_memory(make: Callable[[], Predictor]) -> None:
    """memory() is an upper bound of what Python and NumPy allocate (what compiled code allocates is not
    seen)."""
    predictor = make()
    data = samples(4096)["text and binary"][: 4 * SIZE]
    promised = predictor.memory(len(data))
    require(isinstance(promised, int) and promised > 0, f"memory() gives a positive int, not {promised!r}")
    require(predictor.memory(1 << 24) >= predictor.memory(1), "memory() shrinks as blocks grow")
    params, payload = predictor.encode(data[:100])  # what is made once is not a block's
    for what, call in (
        ("encode", lambda: predictor.encode(data)),
        ("decode", lambda: predictor.decode(params, payload, 100)),
    ):
        tracemalloc.start()
        try:
            call()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        # Python's own objects, a few hundred KB at most, are not what the promise is about.
        require(
            peak <= promised + (1 << 19),
            f"{what} took {peak} bytes for a block of {len(data)}, and {promised} were promised",
        )


def predictor_reports_progress(make: Callable[[], Predictor]) -> None:
    """Where ``reports_progress`` is set, positions end at the block's size."""
    predictor = make()
    if not predictor.reports_progress:
        return
    data = samples()["text and binary"]
    progress = np.zeros(1, np.int64)
    told: dict[str, Any] = {"progress": progress}  # which the contract asks of those alone that report it
    coded = predictor.encode(data, **told)
    require(progress[0] == len(data), f"after encoding {len(data)} bytes the position is {progress[0]}")
    require(coded == predictor.encode(data), "reporting progress changes the bytes")
    progress[0] = 0
    predictor.decode(*coded, len(data), **told)
    require(progress[0] == len(data), f"after decoding {len(data)} bytes the position is {progress[0]}")


# Experts ---------------------------------------------------------------------------------------------------


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
    require(_elsewhere(_probe_elsewhere, make) == probe, "another process gives another probe")


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
    for damaged in _damaged(payload, chance, 12):
        try:
            back = predictor.decode(params, damaged, len(data))
        except CorruptError:
            continue
        require(len(back) == len(data), "a damaged payload gave a block of another size")


PREDICTOR_CHECKS = (
    predictor_passport,
    predictor_probe_is_unmoved_by_use,
    predictor_round_trips,
    predictor_leaves_its_input_alone,
    predictor_is_thread_safe,
    predictor_is_process_safe,
    predictor_survives_damage,
    predictor_keeps_within_its_memory,
    predictor_reports_progress,
)
EXPERT_CHECKS = (
    expert_distributions_are_valid,
    expert_batch_equals_step,
    expert_lanes_end_alone,
    expert_is_unmoved_by_use,
    expert_probe_is_stable,
    expert_codes_bare,
    expert_survives_damage,
)


def check_predictor(make: Callable[[], Predictor]) -> None:
    """Every check for predictors. Raises :class:`ConformanceError` at the first that fails."""
    for check in PREDICTOR_CHECKS:
        check(make)


def check_expert(make: Callable[[], Expert]) -> None:
    """Every check for experts. Raises :class:`ConformanceError` at the first that fails."""
    for check in EXPERT_CHECKS:
        check(make)


def _damaged(data: bytes, chance: random.Random, count: int):
    """Variants of ``data``: nothing, cuts, flipped bits, holes, noise, junk behind."""
    yield b""
    yield data + b"junk"
    yield bytes(len(data))
    yield b"\xff" * (len(data) + 8)
    yield chance.randbytes(len(data) + 1)
    for _ in range(count if data else 0):
        at = chance.randrange(len(data))
        yield data[:at]
        yield data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        yield data[:at] + bytes(min(16, len(data) - at)) + data[at + 16 :]


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


def _elsewhere(job, *args):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(job, *args).result()


def _code_elsewhere(make, data: bytes):
    predictor = make()
    return predictor.probe(), predictor.encode(data)


def _probe_elsewhere(make) -> bytes:
    return expert_probe(make())
