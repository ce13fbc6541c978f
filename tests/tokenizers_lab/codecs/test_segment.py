"""Segmentation by dynamic programming: the twin's tokens, the fewest there are, the likeliest; any bytes come
back; what cannot be is refused."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokenizers_lab as lab
from tokenizers_lab.codecs.segment import _UNIT, _bits, create
from tokenizers_lab.codecs.segment_kernel import twin
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, unpack_arrays
from tokenizers_lab.pretokenize import PreTokenizer


def some_codec(rng, pre="none"):
    """A vocabulary over few letters, where ways to cut are many."""
    text = " ".join("".join(rng.choices("abc", k=rng.randrange(1, 9))) for _ in range(80)).encode()
    return lab.train(documents=[text], vocab_size=256 + rng.randrange(1, 60), pre=pre), text


@pytest.mark.parametrize("by", ["fewest", "likeliest"])
@pytest.mark.parametrize("pre", ["none", "gpt2", "regex:b+"])
def test_tokens_are_the_twins(by, pre):
    rng = random.Random(4)
    for _ in range(6):
        codec, text = some_codec(rng, pre)
        made = create(codec, by, text, "x")
        costs = {s: int(c) for s, c in zip(made.strings, made.costs) if s}
        for _ in range(12):
            data = "".join(rng.choices("abcd ", k=rng.randrange(60))).encode()
            cuts = [0, *PreTokenizer(pre).ends(np.frombuffer(data, np.uint8)).tolist()]
            words = [t for a, b in itertools.pairwise(cuts) for t in twin(data[a:b], costs)]
            for _ in range(2):  # the second time from memory
                assert [made.token_bytes(i) for i in made.encode(data).tolist()] == words
            cost = sum(costs[t] for t in words)
            assert cost <= sum(costs[codec.tokens[i]] for i in codec.encode(data).tolist())


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_come_back(codecs, data):
    for by in ("fewest", "likeliest"):
        made = codecs[f"segment[of=model-dictionary[n=2000,m1=order-2],by={by}]"]
        assert made.decode(made.encode(data)) == data


def test_fewest_are_fewer_than_any_other_way(bpe, english):
    fewest, likeliest = (create(bpe, by, english, "x") for by in ("fewest", "likeliest"))
    counts = [len(c.encode(english)) for c in (fewest, bpe, likeliest)]
    assert counts[0] < counts[1] and counts[0] <= counts[2]

    def bits(codec):
        return int(likeliest.costs[codec.encode(english)].sum())

    assert bits(likeliest) < min(bits(fewest), bits(bpe))


def test_costs_are_logarithms():
    for total, count in ((2, 1), (3, 1), (1_000_003, 17), (10**12, 1), (5, 5)):
        assert abs(_bits(total, count) / _UNIT - math.log2(total / count)) < 2 / _UNIT


def test_it_is_spelt_saved_and_read(bpe, english, tmp_path):
    bpe.save(tmp_path / "T.json")
    (tmp_path / "a.txt").write_bytes(english[:20_000])
    for spelling in (
        f"segment[of={tmp_path}/T.json]",
        f"segment[of={tmp_path}/T.json,by=likeliest,train={tmp_path}/a.txt]",
    ):
        codec = lab.load(spelling)
        codec.save(tmp_path / "x.codec")
        again = lab.load(tmp_path / "x.codec")
        assert again.fingerprint() == codec.fingerprint()
        assert (again.encode(english[:5000]) == codec.encode(english[:5000])).all()
    head, arrays = unpack_arrays(tmp_path / "x.codec")
    arrays["costs"][3] = -1
    (tmp_path / "bad").write_bytes(pack_arrays(head, arrays))
    with pytest.raises(DataError, match="contradict"):
        lab.load(tmp_path / "bad")


@pytest.mark.parametrize(
    "spelling,match",
    [
        ("segment", "needs the vocabulary"),
        ("segment[of=gzip]", "no bytes of their own"),
        ("segment[of=bytes,by=most]", "fewest, likeliest, not 'most'"),
        ("segment[of=bytes,train=x]", "by=likeliest"),
        ("segment[of=bytes,by=likeliest,train=nowhere.txt]", "no such"),
    ],
)
def test_what_cannot_be_is_refused(spelling, match):
    with pytest.raises(LabError, match=match) as caught:
        lab.load(spelling)
    assert "\n" not in str(caught.value)
