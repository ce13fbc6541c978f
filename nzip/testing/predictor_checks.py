"""The promises of a predictor (:class:`nzip.predictors.base.Predictor`), one check each."""

from __future__ import annotations

import concurrent.futures
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from nzip import codec
from nzip.container.passport import Passport
from nzip.errors import CorruptError
from nzip.predictors.base import Predictor
from nzip.testing.samples import SIZE, ConformanceError, damaged, elsewhere, require, samples


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


def predictor_starts_from_heads(make: Callable[[], Predictor]) -> None:
    """Where a predictor takes a head, what it codes behind one decodes behind the same, and its passport is
    what it was."""
    encoder, decoder = make(), make()
    if not encoder.takes_head:
        return
    data = samples()["text and binary"]
    later, reader = encoder.with_head(data), decoder.with_head(data)
    require(later.config() == encoder.config(), "a head changes the config")
    require(later.probe() == encoder.probe(), "a head changes the probe")
    params, payload = later.encode(data)
    require(reader.decode(params, payload, len(data)) == data, "a block behind a head does not round-trip")
    needed = encoder.needs_head(params, len(data), len(payload))
    require(
        needed or encoder.with_head(b"").decode(params, payload, len(data)) == data,
        "a block that needs no head does not decode without",
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
        elsewhere(_code_elsewhere, make, data) == here, "another process gives another probe or other bytes"
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

    for changed in damaged(payload, chance, 24):
        attempt("a damaged payload", params, changed, len(data))
    for changed in damaged(params, chance, 24):
        attempt("damaged params", changed, payload, len(data))
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


def predictor_hands_on(make: Callable[[], Predictor]) -> None:
    """Where ``hands_on`` is set, the ranges that a sink is told of are the block's bytes, all of them, and do
    not change; a sink that raises ends the decoding."""
    predictor = make()
    if not predictor.hands_on:
        return
    for name, data in samples().items():
        coded = predictor.encode(data)
        told: list[tuple[int, memoryview, bytes]] = []

        def sink(start: int, part: memoryview, told=told) -> None:
            told.append((start, part, bytes(part)))

        options: dict[str, Any] = {"sink": sink}  # which the contract asks of those alone that hand on
        require(predictor.decode(*coded, len(data), **options) == data, f"{name}: a sink changes the bytes")
        covered = np.zeros(len(data), bool)
        for start, part, then in told:
            require(bytes(part) == then, f"{name}: what was handed on has changed since")
            end = start + len(then)
            require(data[start:end] == then, f"{name}: bytes {start} to {end} were handed on as others")
            covered[start:end] = True
        require(covered.all(), f"{name}: {int((~covered).sum())} bytes were never handed on")
    options = {"sink": _refuse}
    try:
        predictor.decode(*coded, len(data), **options)
    except _EnoughError:
        return
    raise ConformanceError("the error of a sink does not end the decoding")


class _EnoughError(Exception):
    pass


def _refuse(start: int, part: memoryview) -> None:
    raise _EnoughError


def _code_elsewhere(make, data: bytes):
    predictor = make()
    return predictor.probe(), predictor.encode(data)
