"""The conformance kit passes what keeps the contracts, and catches each promise that is broken."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import toys

from nzip import testing
from nzip.errors import CorruptError


@pytest.mark.parametrize("check", testing.PREDICTOR_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("predictor", [toys.ToyPredictor, toys.HandingToy])
def test_a_good_predictor_passes(check, predictor):
    check(predictor)


@pytest.mark.parametrize("check", testing.EXPERT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("expert", [toys.CountingExpert, toys.RunExpert])
def test_a_good_expert_passes(check, expert):
    check(expert)


class Forgetful(toys.ToyPredictor):
    """Its probe depends on what it coded."""

    used = 0

    def probe(self):
        return self.used.to_bytes(8, "little")

    def encode(self, data):
        self.used += 1
        return super().encode(data)


class Swapping(toys.ToyPredictor):
    """Decodes one byte value wrongly."""

    def decode(self, params, payload, size):
        return super().decode(params, payload, size).replace(b"\xff", b"\xfe")


class Crashing(toys.ToyPredictor):
    """Lets foreign exceptions out on damage."""

    def decode(self, params, payload, size):
        try:
            return super().decode(params, payload, size)
        except CorruptError as error:
            raise IndexError(str(error)) from error


class Short(toys.ToyPredictor):
    """Gives fewer bytes on damage."""

    def decode(self, params, payload, size):
        try:
            return super().decode(params, payload, size)
        except CorruptError:
            return b""


class Greedy(toys.ToyPredictor):
    """Takes more memory than it says."""

    def encode(self, data):
        bytearray(1 << 23)
        return super().encode(data)


class Random(toys.ToyPredictor):
    """Gives other bytes in each process."""

    def __init__(self):
        import os

        super().__init__()
        self._salt = os.getpid() % 251


class Writing(toys.ToyPredictor):
    """Writes to its input."""

    def encode(self, data):
        coded = super().encode(data)
        if isinstance(data, bytearray):
            data[0] ^= 1
        return coded


class Boastful(toys.ToyPredictor):
    """Says that it reports progress, and does not."""

    reports_progress = True

    def encode(self, data, progress=None):
        return super().encode(data)

    def decode(self, params, payload, size, progress=None):
        return super().decode(params, payload, size)


class Hiding(toys.HandingToy):
    """Never tells of the first byte."""

    def decode(self, params, payload, size, sink=None):
        return super().decode(params, payload, size, lambda at, part: sink(at, part) if sink and at else None)


class Rewriting(toys.HandingToy):
    """Hands one buffer on, again and again."""

    def decode(self, params, payload, size, sink=None):
        buffer = bytearray(self.step)

        def told(at, part):
            buffer[: len(part)] = part
            sink(at, memoryview(buffer)[: len(part)])

        return super().decode(params, payload, size, told if sink else None)


class Deaf(toys.HandingToy):
    """Goes on whatever a sink says."""

    def decode(self, params, payload, size, sink=None):
        def told(at, part):
            with contextlib.suppress(Exception):
                sink(at, part)

        return super().decode(params, payload, size, told if sink else None)


class Headless(toys.ToyPredictor):
    """Says nothing of the head that its blocks need."""

    takes_head = True
    head = b""

    def with_head(self, head):
        found = Headless()
        found.head = head
        return found

    def encode(self, data):
        params, payload = super().encode(data)
        return params + self.head[:1], payload

    def decode(self, params, payload, size):
        if self.head[:1] != params[-1:]:
            return bytes(size)
        return super().decode(params[:-1], payload, size)


class Unsteady(toys.ToyPredictor):
    """Two calls share a buffer, with time for another thread in between."""

    _shared = None

    def encode(self, data):
        import time

        self._shared = bytes(data)
        time.sleep(0.002)
        return super().encode(self._shared)


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (Forgetful, testing.predictor_probe_is_unmoved_by_use),
        (Swapping, testing.predictor_round_trips),
        (Crashing, testing.predictor_survives_damage),
        (Short, testing.predictor_survives_damage),
        (Greedy, testing.predictor_keeps_within_its_memory),
        (Random, testing.predictor_is_process_safe),
        (Writing, testing.predictor_leaves_its_input_alone),
        (Boastful, testing.predictor_reports_progress),
        (Unsteady, testing.predictor_is_thread_safe),
        (Hiding, testing.predictor_hands_on),
        (Rewriting, testing.predictor_hands_on),
        (Deaf, testing.predictor_hands_on),
        (Headless, testing.predictor_starts_from_heads),
    ],
)
def test_a_broken_promise_of_a_predictor_is_caught(make, check):
    with pytest.raises(testing.ConformanceError):
        check(make)


class BadSum(toys.CountingExpert):
    """Distributions that do not sum up."""

    def start(self, lanes, data=None):
        class State(toys.CountingState):
            def distributions(self):
                return super().distributions() + np.uint32(1)

        return State(lanes)


class Peeking(toys.CountingExpert):
    """In batch it looks at the byte to come."""

    def start(self, lanes, data=None):
        state = toys.CountingState(lanes)
        if data is not None:
            for lane, known in enumerate(data):
                state._counts[lane, known] += 9
        return state


class Sharing(toys.CountingExpert):
    """All runs share their counts."""

    def __init__(self):
        self._states = {}

    def start(self, lanes, data=None):
        return self._states.setdefault(lanes, toys.CountingState(lanes))


class Undecided(toys.RunExpert):
    """Asks for side decisions only when encoding."""

    def start(self, lanes, data=None):
        return toys.RunState(lanes, data) if data is not None else toys.CountingState(lanes)


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (BadSum, testing.expert_distributions_are_valid),
        (Peeking, testing.expert_batch_equals_step),
        (Peeking, testing.expert_codes_bare),
        (Peeking, testing.expert_lanes_end_alone),
        (Sharing, testing.expert_is_unmoved_by_use),
        (Undecided, testing.expert_batch_equals_step),
    ],
)
def test_a_broken_promise_of_an_expert_is_caught(make, check):
    with pytest.raises((testing.ConformanceError, CorruptError, ValueError)):
        check(make)


@pytest.mark.parametrize(
    ("call", "checks"), [("check_predictor", "PREDICTOR_CHECKS"), ("check_expert", "EXPERT_CHECKS")]
)
def test_all_at_once(monkeypatch, call, checks):
    made = []
    monkeypatch.setattr(testing, checks, (made.append, made.append))
    getattr(testing, call)(toys.ToyPredictor)
    assert made == [toys.ToyPredictor] * 2
