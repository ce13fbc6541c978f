"""Denormal numbers are zero while training, in every thread of torch that began there, and themselves again
afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from nzip.training import loop
from nzip.training.processor import denormals_are_zero, quick
from nzip.training.text import Source
from nzip.training.transformer import Llama, shape_of

torch.set_num_threads(1)
can = torch.set_flush_denormal(True)
torch.set_flush_denormal(False)
pytestmark = pytest.mark.skipif(not can, reason="this processor knows no flush to zero")


def test_within_and_after():
    assert not denormals_are_zero()
    with quick():
        assert denormals_are_zero()
        with quick():
            assert denormals_are_zero()
        assert denormals_are_zero()
    assert not denormals_are_zero()


def test_after_an_error():
    with pytest.raises(ZeroDivisionError), quick():
        raise ZeroDivisionError
    assert not denormals_are_zero()


def test_a_training_loop_is_within(tmp_path):
    text = Source("t", b"to be or not to be, that is the question\n" * 500, 1.0, "prose")
    seen = []
    run = loop.Run(total=4_000, lanes=2, span=64, every=1e9)
    loop.train(Llama(shape_of(64, 1)), [text], run, tmp_path, lambda *_: seen.append(denormals_are_zero()))
    assert seen and all(seen) and not denormals_are_zero()


def test_threads_begun_within_flush_too():
    code = """
import torch
from nzip.training.processor import quick
torch.set_num_threads(4)
with quick():
    small = torch.full((4_000_000,), 2.0**-126)
    assert torch.count_nonzero(small * 0.5) == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True)
