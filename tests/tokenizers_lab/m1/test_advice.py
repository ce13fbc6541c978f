"""An M1 that does not know the text is told of, with the command that makes one that does."""

import re

import pytest

import tokenizers_lab as lab
from tokenizers_lab.registry import m1_advice


@pytest.fixture(scope="module")
def foreign(english) -> bytes:
    """Text of no language that the M1 that ships has seen: English in other letters."""
    letters = {c: 0x10A0 + c - 97 for c in range(97, 123)} | {c: 0x10D0 + c - 65 for c in range(65, 91)}
    return english[:70_000].decode().translate(letters).encode()


@pytest.mark.parametrize("codec", ["equal-info[b=24,v=256]", "equal-info[b=16,v=256]"])
def test_a_text_that_the_m1_does_not_know(codec, foreign, english, tmp_path):
    assert m1_advice(lab.load(codec), english) is None
    advice = m1_advice(lab.load(codec), foreign, str(tmp_path / "a.txt"))
    now, then = map(float, re.search(r"([\d.]+) bytes a token, .* gives ([\d.]+);", advice).groups())
    assert now < 0.6 * then and "\n" not in advice
    (tmp_path / "a.txt").write_bytes(foreign)
    spelling = re.search(r"save '(.*)' -o", advice).group(1)
    own = lab.load(spelling)
    assert m1_advice(own, foreign) is None and len(foreign) / len(own.encode(foreign)) > 1.4 * now


@pytest.mark.parametrize(
    "inside", ["b=24,v=256", "b=16,v=256", "b=16,keep=600", "b=32,v=65k,rule=greedy,reset=3"]
)
def test_a_codec_from_its_file_is_told_of_too(inside, foreign, tmp_path):
    named = lab.load(f"equal-info[{inside},m1=order-1]")
    named.save(tmp_path / "saved.codec")
    advice = m1_advice(lab.load(tmp_path / "saved.codec"), foreign, "a.txt")
    assert (
        advice is not None
        and advice.split("make one")[0] == m1_advice(named, foreign, "a.txt").split("make one")[0]
    )
    (spelled,) = re.findall(r"equal-info\[(.*),m1=order-3,train=a.txt\]", advice)
    assert set(inside.split(",")) <= set(spelled.split(","))


def test_nothing_is_said_of_others(foreign, bpe):
    assert m1_advice(bpe, foreign) is None and m1_advice(lab.load("gzip"), foreign) is None
    assert m1_advice(lab.load("equal-info[b=24,v=256]"), foreign[:1000]) is None
