"""What the experts that ship answer, pinned by hash: files made with them must decode for ever.

A change here is a change of the format: it raises the draft number, and ships new weights under another name.
"""

from __future__ import annotations

import numpy as np
import pytest
import xxhash
from small_experts import TEXT

from nzip.predictors.online.expert import OnlineExpert
from nzip.predictors.ssm.expert import SsmExpert

ANSWERS = [
    (lambda: SsmExpert(), "6d8c30dee9fb2314"),
    (lambda: OnlineExpert(), "836a883b7682b6b8"),
    (lambda: OnlineExpert("ssm"), "8a58ac6f06dd7788"),
    (lambda: SsmExpert("words"), "558023e3a5c46f97"),
    (lambda: OnlineExpert("words"), "321c13dd7f1767b2"),
]


@pytest.mark.parametrize(
    ("make", "answer"), ANSWERS, ids=["ssm", "online", "online:ssm", "ssm:words", "online:words"]
)
def test_answers_never_change(make, answer):
    data = np.frombuffer(TEXT[:150], np.uint8)  # four updates of what learns
    expert, out = make(), np.zeros((150, 256), np.uint32)
    expert.advance(expert.fresh(), data, out)
    assert xxhash.xxh3_64_hexdigest(out.tobytes()) == answer


def test_the_weights_never_change():
    assert SsmExpert().weights.digest == "7f34f8d797c60d096dda2df04695a479"
    assert SsmExpert("words").weights.digest == "9b5436e49dedc0ac9789c5f9b457395d"
