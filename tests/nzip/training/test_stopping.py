"""When a run keeps a checkpoint, and when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from nzip.training import stopping
from nzip.training.stopping import Clock, Interrupt


@pytest.fixture
def now(monkeypatch):
    """Both clocks, in the test's hands: [wall, CPU]."""
    times = [100.0, 10.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: times[0])
    monkeypatch.setattr(stopping.time, "process_time", lambda: times[1])
    return times


def test_all_sittings_count(now):
    clock = Clock(60, budget=1000, deadline=50, spent=30, sat=400)
    now[0] += 100
    now[1] += 19
    assert (clock.spent, clock.sat, clock.over) == (49, 500, False)
    assert clock.behind(0.2) == 0.5 and clock.behind(0.7) == 0.7
    now[1] += 2
    assert clock.over and Clock(60).behind(0.0) == 0 and not Clock(60).over


def test_checkpoints_that_take_long_are_rarer(now):
    clock = Clock(60)
    now[0] += 60
    assert not clock.due
    now[0] += 1
    assert clock.due
    with clock.keeping():
        now[0] += 500  # suspended meanwhile: what counts is the processor's time
        now[1] += 3
    now[0] += 60
    assert not clock.due
    now[0] += 1
    assert clock.due
    with clock.keeping():
        now[1] += 7
    now[0] += 70
    assert not clock.due
    now[0] += 1
    assert clock.due


@pytest.fixture
def usual_course():
    """Python's own handler of SIGINT, whatever ran in this process before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_a_first_signal_is_noted_and_a_second_takes_its_course(usual_course):
    with Interrupt() as interrupt:
        assert not interrupt.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
    assert signal.getsignal(signal.SIGINT) is usual_course


def test_torch_is_not_needed():
    code = "import sys; sys.modules['torch'] = None; import nzip.training.stopping"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
