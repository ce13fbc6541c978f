"""When the last block is done: by hand, for one core and for many."""

from __future__ import annotations

import pytest

from bench.threads import Stages, stages, wall


def test_blocks_wait_for_the_head_and_for_a_core():
    found = Stages(level=1, blocks=5, first=3, head=1, later=2, hashing=0.5)
    assert wall(found, 1) == 0.5 + 3 + 1 + 4 * 2
    assert wall(found, 2) == 7  # one core: 3, 5, 7; the other, after the head: 3, 5
    assert wall(found, 5) == wall(found, 99) == 3
    assert wall(found._replace(hashing=9), 5) == 9


def test_two_blocks_are_needed():
    with pytest.raises(ValueError, match="give two"):
        stages(bytes(1000), 100_000_000, [1], print)
