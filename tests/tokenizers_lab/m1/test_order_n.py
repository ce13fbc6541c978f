"""The order-n model and arithmetic coding: whole numbers that sum, equal to a plain reading of the rule;
exact both ways."""

import math
import random

import numpy as np
import pytest

from nzip.varint import varint
from tokenizers_lab.codecs.ac import ArithmeticCodec, read_length
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays
from tokenizers_lab.m1.byte_model import ByteModel, quantise
from tokenizers_lab.m1.order_n import OrderN
from tokenizers_lab.m1.spelling import load_model
from tokenizers_lab.registry import load


@pytest.mark.parametrize("order", [0, 1, 3, 4, 6])
@pytest.mark.parametrize("bits", [9, 14, 16])
def test_cdfs_are_whole_and_never_empty(order, bits, english):
    model = OrderN.train(english[:5000], order)
    rng = random.Random(order)
    for _ in range(40):
        at = rng.randrange(4000)
        context = rng.choice([b"", english[at : at + rng.randrange(9)], rng.randbytes(5)])
        cdf = model.cdf(context, bits)
        assert cdf[0] == 0 and cdf[256] == 1 << bits and (np.diff(cdf) >= 1).all()


def test_equals_a_plain_reading_of_the_rule(english):
    """Witten and Bell's interpolation in fractions, against the whole-number kernel: equal to rounding."""
    from fractions import Fraction

    text = english[:3000]
    for order in (2, 4, 5):
        model = OrderN.train(text, order)
        for at in (0, 1, 3, 700, 2999):
            context = text[max(0, at - order) : at]
            p = [Fraction(1, 256)] * 256
            for k in range(min(order, len(context)) + 1):
                tail = context[len(context) - k :]
                counts: dict[int, int] = {}
                for i in range(k, len(text)):
                    if text[i - k : i] == tail:
                        counts[text[i]] = counts.get(text[i], 0) + 1
                if not counts:
                    break
                n, t = sum(counts.values()), len(counts)
                p = [(counts.get(s, 0) + t * p[s]) / (n + t) for s in range(256)]
            got = np.diff(model.cdf(context, 16))
            want = np.array([1 + float(x) * (65536 - 256) for x in p])
            assert np.abs(got - want)[np.argsort(-want)[1:]].max() < 1.01


def test_training_in_chunks_changes_nothing(english, monkeypatch):
    whole = OrderN.train(english[:30_000], 5)
    monkeypatch.setattr("tokenizers_lab.m1.order_n._CHUNK", 777)
    assert OrderN.train(english[:30_000], 5).fingerprint() == whole.fingerprint()


def test_higher_orders_predict_better(english):
    lengths = [OrderN.train(english[:120_000], n).code_length(english[120_000:121_500]) for n in (0, 1, 2, 3)]
    assert lengths == sorted(lengths, reverse=True) and lengths[3] < 0.7 * lengths[0]


@pytest.mark.parametrize("order,bits", [(0, 8), (3, 16), (6, 8)])
def test_arithmetic_coding_comes_to_the_code_length(order, bits, english):
    model = OrderN.train(english[:60_000], order)
    codec = ArithmeticCodec(model, bits)
    text = english[60_000:62_000]
    used = len(codec.encode(text)) * bits
    assert model.code_length(text) <= used - 8 <= model.code_length(text) + 8 + 2 * bits
    assert codec.decode(codec.encode(text)) == text


def test_skewed_and_repeated_texts():
    for text in (b"a" * 5000, b"ab" * 3000 + b"\xff", bytes(range(256)) * 8):
        codec = ArithmeticCodec(OrderN.train(b"a" * 1000 + b"b", 2))
        assert codec.decode(codec.encode(text)) == text


def test_any_byte_model_serves(english):
    class Uniform(ByteModel):
        spelling = "uniform"

        def cdf(self, context, bits=16):
            return np.arange(257) << (bits - 8)

        def fingerprint(self):
            return "uniform"

    codec = ArithmeticCodec(Uniform())
    ids = codec.encode(english[:300])
    assert (
        codec.decode(ids) == english[:300] and 302 <= len(ids) <= 303
    )  # eight bits a byte, a length, a last bit or two


def test_the_python_path_equals_the_compiled_one(english):
    class Wrapped(ByteModel):
        spelling = "wrapped"

        def __init__(self, model):
            self.model = model

        def cdf(self, context, bits=16):
            return self.model.cdf(context, bits)

        def fingerprint(self):
            return "w"

    model = OrderN.train(english[:20_000], 3)
    fast, slow = ArithmeticCodec(model), ArithmeticCodec(Wrapped(model))
    text = english[20_000:20_400] + b"\xff\x00"
    assert fast.encode(text).tolist() == slow.encode(text).tolist() and slow.decode(fast.encode(text)) == text
    assert fast.offsets(text).tolist() == slow.offsets(text).tolist()


def test_an_nzip_expert_serves(toys):
    import toys as module

    from tokenizers_lab.m1.expert import ExpertModel

    expert = module.count_factory(None)
    codec = ArithmeticCodec(ExpertModel(expert))
    text = b"abracadabra " * 5
    assert codec.decode(codec.encode(text)) == text


def test_models_and_codecs_keep_in_files(tmp_path, english):
    model = OrderN.train(english[:9000], 5)
    model.save(tmp_path / "x.m1")
    assert load_model(str(tmp_path / "x.m1")).fingerprint() == model.fingerprint()
    codec = load(f"ac[m1={tmp_path / 'x.m1'},v=65k]")
    codec.save(tmp_path / "ac.bin")
    assert load(tmp_path / "ac.bin").encode(b"the end").tolist() == codec.encode(b"the end").tolist()
    (tmp_path / "t.txt").write_bytes(english[:9000])
    assert load(f"ac[m1=order-5,train={tmp_path / 't.txt'},v=65k]").fingerprint() == codec.fingerprint()
    raw = (tmp_path / "x.m1").read_bytes()
    (tmp_path / "cut.m1").write_bytes(raw[:-30])
    broken = model.arrays() | {"starts": model.starts[:-1]}
    (tmp_path / "odd.m1").write_bytes(pack_arrays({"kind": "order-n"}, broken))
    for name in ("cut.m1", "odd.m1"):
        with pytest.raises(DataError):
            load_model(str(tmp_path / name))
    with pytest.raises(LabError, match="not a codec"):
        load(tmp_path / "x.m1")


def test_lengths_and_claims():
    for value in (0, 1, 127, 128, 1 << 40):
        assert read_length(varint(value)) == (value, len(varint(value)))
    codec = load("static-ac")
    with pytest.raises(DataError, match="claim"):
        codec.decode(list(varint(1 << 60)))
    with pytest.raises(DataError, match="length"):
        codec.decode([])
    with pytest.raises(DataError, match="end before"):
        codec.decode([*varint(1 << 20), 1])
    for order in (-1, 99):
        with pytest.raises(LabError):
            OrderN.train(b"abc", order)
    with pytest.raises(LabError, match="at least one byte"):
        OrderN.train(b"", 2)


def test_quantised_weights():
    weights = np.zeros(256, np.int64)
    weights[65] = 1 << 30
    cdf = quantise(weights, 14)
    assert cdf[66] - cdf[65] == (1 << 14) - 255 and math.isclose(cdf[256], 1 << 14)
