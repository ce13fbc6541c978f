"""FLOPs a byte against the tables of Lester et al. 2024."""

import pytest

from tokenizers_lab.lm.flops import flops_per_byte


def test_flops_are_the_papers():
    # Lester et al.'s 25m SentencePiece row: 2 · 25M / 4.28 bytes a token = 11.7M.
    assert flops_per_byte(25_000_000, 0, 0, 100, 428, output_layer=False) == pytest.approx(11.7e6, rel=0.01)
    # EI[16,65k]: 2 · 25M / 5.31 + 2 · 3M = 15.4M.
    assert flops_per_byte(25_000_000, 0, 0, 100, 531, 3_000_000, output_layer=False) == pytest.approx(
        15.42e6, rel=0.01
    )
    assert flops_per_byte(1000, 64, 65536, 1, 4) == 2 * (1000 + 64 * 65536) / 4
