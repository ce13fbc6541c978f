"""``lm:`` and ``mix+lm:`` over a tiny random model: any bytes round-trip, and the bytes depend on nothing but
the data."""

import copy
import random

import numpy as np
import pytest
import tiny_llama

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.coding.symbol_kernel import start_decoder, start_encoder
from nzip.errors import CorruptError, NzipError
from nzip.predictors import registry
from nzip.predictors.bare import BarePredictor
from nzip.predictors.content import BINARY, Content
from nzip.predictors.lm import adapt, coder, softmax, spans
from nzip.predictors.lm.adaptive_state import new_state
from nzip.predictors.lm.expert import LmExpert
from nzip.predictors.lm.predictor import LmPredictor
from nzip.predictors.lm.settings import Settings, parse
from nzip.predictors.lm.source import load
from nzip.predictors.mix import MixPredictor
from nzip.predictors.ssm.expert import SsmExpert

TEXT = (
    b"The theory of the thing is that, and in the end, another thing is not. " * 6
    + b"x = [1, 2, 300]\n\n  for i in range(100):\n"
    + "но это другое дело. ".encode() * 4
    + b"\x00\xff\xc0\x04 the \xf5 end"
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tiny_llama.write_gguf(tmp_path_factory.mktemp("lm") / "tiny.gguf", "Q4_1")


@pytest.fixture(scope="module")
def model(path):
    return load(path)


@pytest.fixture(scope="module", autouse=True)
def _short_tokens_will_do():
    """The tiny vocabulary's tokens are short; only what is no text is kept from the model here."""
    before, spans.LEAST = spans.LEAST, 0.5
    yield
    spans.LEAST = before


def predictor(model, lanes=1, window=24, threads=1):
    return LmPredictor(Settings("tiny", window, lanes), model, threads)


def round_trip(p, data):
    params, payload = p.encode(data)
    told = np.zeros(len(data), np.int64)

    def sink(start, part):
        assert data[start : start + len(part)] == part
        told[start : start + len(part)] += 1

    assert p.decode(params, payload, len(data), sink=sink) == data
    assert (told == 1).all()
    assert p.decode(params, payload, len(data)) == data
    return params, payload


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_text_and_stray_bytes_round_trip_on_lanes(model, lanes):
    for data in (TEXT, TEXT[:1], b"\xf5", b"\x04" * 40, bytes(range(256))):
        round_trip(predictor(model, lanes), data)


@settings(max_examples=25)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.text(max_size=20).map(str.encode),
            st.sampled_from([b"<|endoftext|>", b" the", b"\r\n"]),
        )
    )
)
def test_any_bytes_round_trip_through_the_vocabulary(parts):
    vocabulary = test_any_bytes_round_trip_through_the_vocabulary.model.vocabulary
    data = b"".join(parts)
    symbols = vocabulary.encode(data)
    assert vocabulary.decode(symbols) == data
    assert all(s < vocabulary.live or s >= vocabulary.size for s in symbols)


@pytest.fixture(scope="module", autouse=True)
def _give_model(model):
    for test in (test_any_bytes_round_trip_through_the_vocabulary, test_damage_never_hangs_or_crashes):
        test.model = model
        test.hypothesis.inner_test.model = model


def test_bytes_do_not_depend_on_threads_or_reading_ahead(model, monkeypatch):
    from nzip.predictors.lm import runner

    reference = predictor(model, 4).encode(TEXT)
    assert predictor(model, 4, threads=3).encode(TEXT) == reference
    for chunk, ahead in ((1, 1), (7, 3), (64, 64)):
        monkeypatch.setattr(runner, "CHUNK", chunk)
        monkeypatch.setattr(runner, "ROWS_AHEAD", ahead)
        assert predictor(model, 4).encode(TEXT) == reference
    assert predictor(model, 4, threads=3).decode(*reference, len(TEXT)) == TEXT


def test_the_expert_s_bytes_do_not_depend_on_threads(model):
    """More lanes than it takes for a team to share their running sums."""
    by_threads = [MixPredictor(1, (LmExpert(Settings("tiny", 24, 8), model, threads),)) for threads in (1, 3)]
    alone, shared = (p.encode(TEXT) for p in by_threads)
    assert alone == shared
    assert by_threads[0].decode(*shared, len(TEXT)) == by_threads[1].decode(*alone, len(TEXT)) == TEXT


def test_lanes_and_window_change_the_bytes_and_one_lane_is_the_settings_business(model):
    assert predictor(model, 1).encode(TEXT) != predictor(model, 2).encode(TEXT)
    assert predictor(model, 1, 16).encode(TEXT) != predictor(model, 1, 32).encode(TEXT)
    params, payload = predictor(model, 2).encode(TEXT)
    with pytest.raises(CorruptError, match="lanes"):
        predictor(model, 3).decode(params, payload, len(TEXT))


def test_spans_that_the_model_cannot_help_are_given_to_the_mix(model):
    noise = random.Random(1).randbytes(40_000)
    text = (b"the thing in the end is another thing and " * 1000)[:40_000]
    lengths = spans.find(text + noise + text, model)
    assert len(lengths) == 3 and abs(lengths[0] - 40_000) < spans.REGION and sum(lengths) == 120_000
    assert spans.find(noise, model) == [0, len(noise)]
    p = predictor(model, 1)
    params, payload = p.encode(noise)
    assert len(payload) < len(noise) * 1.002 + 100
    assert p.decode(params, payload, len(noise)) == noise
    short = noise[:33_000] + text[:700]
    round_trip(p, short)


@given(st.binary(max_size=40), st.integers(0, 1000))
def test_span_lengths_parse_or_are_refused(params, size):
    try:
        lengths = spans.parse(params, size)
    except CorruptError:
        return
    assert sum(lengths) == size


@settings(max_examples=8)
@given(st.data())
def test_damage_never_hangs_or_crashes(data):
    p = predictor(test_damage_never_hangs_or_crashes.model, 2)
    params, payload = p.encode(TEXT[:200])
    payload = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    payload = bytes(payload[: data.draw(st.integers(0, len(payload)))])
    try:
        assert len(p.decode(params, payload, 200)) == 200
    except CorruptError:
        pass


def test_coded_size_is_what_the_shares_say(model):
    """The encoder's bits are the sum of the candidates' and tokens' ideal lengths, and the decoder takes the
    same path."""
    rng = np.random.default_rng(1)
    V = model.vocabulary.size
    logits = rng.normal(size=(60, V)).astype(np.float32) * 3
    symbols = rng.integers(2, 8, 60)
    streams = []
    for decoding in (False, True):
        state = new_state(V, 1, 64, 0)
        e, f = np.zeros(V, np.float32), np.zeros(V, np.uint32)
        range_coder = np.zeros(4 if decoding else 3, np.uint64)
        out = np.zeros(4096, np.uint8) if not decoding else streams[0]
        (start_decoder(range_coder, out) if decoding else start_encoder(range_coder))
        ideal = 0.0
        for t, symbol in enumerate(symbols):
            total = softmax.frequencies(logits[t], state.bias.value, e, f)
            assert abs(total / 2**30 - 1) < 1e-3 and f.min() >= 1
            if decoding:
                assert coder.decode_token(state, 0, f, total, range_coder, out) == symbol
            else:
                before = copy.deepcopy(state)
                count, shares, left = adapt.propose(before, 0, f, total)
                share = [before.shares[0, i] for i in range(count) if before.candidates[0, i] == symbol] or [
                    int(f[symbol])
                ]
                ideal -= np.log2(share[0] / (shares + left + max(1, int((shares + left) * state.escape[0]))))
                coder.encode_token(state, 0, f, total, symbol, range_coder, out)
            softmax.settle_bias(state.bias, f[None], np.zeros(1, np.int64), symbols[t : t + 1], 0, V)
        if not decoding:
            from nzip.coding.symbol_kernel import finish_encoder

            size = finish_encoder(range_coder, out)
            assert abs(size * 8 - ideal) < 16
            streams.append(out[: size + 8].copy())


def test_adaptation_pays(model):
    """Repeated text must come to cost far less than the random model alone makes it cost."""
    once = len(predictor(model).encode(TEXT[:430])[1])
    twice = len(predictor(model).encode(TEXT[:430] * 4)[1])
    assert twice < 1.6 * once


def test_the_bias_follows_the_gradient_at_each_tokens_own_rate():
    """Against float64 by the book, for several lanes, an escape among them; in parts as in one piece, to the
    bit."""
    rng = np.random.default_rng(5)
    V, lanes = 3000, np.array([0, 2, 3])
    bias, parts = softmax.new_bias(V), softmax.new_bias(V)
    value, squares = np.zeros(V), np.zeros(V)
    for step in range(20):
        p = rng.dirichlet(np.full(V, 0.01), 4)
        f = np.maximum(1, p * 2**30).astype(np.uint32)
        symbols = np.array([step % 7, 2999, V + 65 if step % 2 else 1024])
        softmax.settle_bias(bias, f, lanes, symbols, 0, V)
        for a, b in ((0, 1), (1, 1500), (1500, V)):
            softmax.settle_bias(parts, f, lanes, symbols, a, b)
        slope = np.zeros(V)
        for lane, symbol in zip(lanes, symbols):
            if symbol < V:
                g = f[lane] / -(2.0**30)
                g[symbol] += 1
                slope += g
                squares += g * g
        value += 0.6 * slope / np.sqrt(1 + squares)
    assert np.array_equal(bias.value, parts.value) and np.array_equal(bias.squares, parts.squares)
    assert np.allclose(bias.value, value, rtol=1e-4, atol=1e-5) and np.allclose(
        bias.squares, squares, rtol=1e-4, atol=1e-5
    )


def test_a_match_is_found_across_lanes_and_followed():
    """Tokens that one lane has seen are predicted in another from the fourth on, and the match ends where
    they differ."""
    state = new_state(50, 2, 64, 0)
    f = np.full(50, 1000, np.uint32)

    def say(lane, token):
        adapt.propose(state, lane, f, 50_000)
        predicted = int(adapt.predicted_token(state, lane))
        adapt.learn(state, lane, token)
        return predicted

    seen = [7, 3, 9, 4, 11, 2, 13, 5, 17]
    assert [say(0, token) for token in seen] == [-1] * len(seen)
    assert [say(1, token) for token in seen[:7]] == [-1] * 4 + seen[4:7]
    assert say(1, 40) == seen[7]
    assert say(1, 1) == -1


# As an expert of the mix.


@pytest.mark.parametrize("lanes", [1, 3])
def test_the_expert_coded_bare_and_in_the_mix_round_trips(model, lanes):
    expert = LmExpert(Settings("tiny", 24, lanes), model, 1)
    for data in (TEXT[:300], TEXT[-80:], b"\xf5\x04", b"\xd0" * 5 + b"\xd0\xbe"):
        round_trip(BarePredictor(expert, lanes), data)
    round_trip(MixPredictor(1, (expert,)), TEXT)


def test_the_trie_loses_next_to_nothing_against_tokens(model):
    expert = LmExpert(Settings("tiny", 24, 1), model, 1)
    tokens = len(predictor(model).encode(TEXT)[1])
    through_bytes = len(BarePredictor(expert, 1).encode(TEXT)[1])
    assert through_bytes < tokens * 1.03 + 8


def test_the_expert_sleeps_where_the_model_cannot_help(model):
    noise = random.Random(2).randbytes(5000)
    expert = LmExpert(Settings("tiny", 24, 1), model, 1)
    p = MixPredictor(1, (expert,))
    params, payload = round_trip(p, noise + TEXT[:200])
    # A block that is mostly noise is given to the mix without the expert, and costs what it costs there.
    params, payload = round_trip(p, noise)
    alone = MixPredictor(1).encode(noise)
    assert payload == alone[1] and params[:-1] == alone[0] and params != alone[0]
    # One that is mostly text keeps the expert, which sleeps through the noise.
    both = TEXT * 20 + noise
    assert expert.helps(np.frombuffer(both, np.uint8), Content(BINARY))
    params, payload = round_trip(p, both)
    assert len(payload) - len(p.encode(TEXT * 20)[1]) < len(noise) * 1.02 + 100


def test_small_experts_beside_the_model_come_behind_it_in_whatever_order(model):
    def mix(*experts):
        return MixPredictor(1, experts, lanes=2)

    lm, ssm = LmExpert(Settings("tiny", 24, 2), model, 1), SsmExpert()
    first, last = mix(ssm, lm), mix(lm, ssm)
    assert first.spelling == last.spelling == "mix:1+lm:tiny,window=24,lanes=2+ssm"
    assert round_trip(first, TEXT * 3) == last.encode(TEXT * 3) != mix(lm).encode(TEXT * 3)


# Names, settings, refusals.


def test_spellings(path, model, monkeypatch, tmp_path):
    p = registry.create(f"lm:{path},window=32,lanes=2")
    assert isinstance(p, LmPredictor) and p.spelling == f"lm:{path},window=32,lanes=2"
    assert p.config()["window"] == 32 and len(p.config()["weights"]) == 32
    assert p.config()["tokenizer"] == model.vocabulary.hash()
    assert p.probe() == predictor(model, 2, 32).probe() != predictor(model, 2, 16).probe()
    assert registry.create(f"mix:1+lm:{path}").spelling == f"mix:1+lm:{path}"
    monkeypatch.setenv("NZIP_MODELS", str(tmp_path))
    with pytest.raises(NzipError, match="nzip model fetch smollm2-135m"):
        registry.create("lm:smollm2-135m").probe()


@pytest.mark.parametrize(
    "argument", [None, "", "x,window=3", "x,lanes=0", "x,lanes=a", "x,speed=9", "x,window=²"]
)
def test_wrong_settings_are_refused_in_one_line(argument):
    with pytest.raises(NzipError) as error:
        parse(argument)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"architecture": "qwen2"}, "architecture 'qwen2'"),
        ({"rope_scaling": "yarn"}, "RoPE scaling"),
        ({"tokenizer": "llama"}, "tokenizer 'llama'"),
        ({"extra_tensor": "rope_freqs.weight"}, "rope_freqs"),
    ],
)
def test_models_that_are_not_supported_are_refused_in_one_line(tmp_path, change, says):
    file = tiny_llama.write_gguf(tmp_path / "other.gguf", "F16", **change)
    with pytest.raises(NzipError, match=says) as error:
        load(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "mistral"},
        {"rope_scaling": {"rope_type": "llama3"}},
        {"attention_bias": True},
        {"hidden_act": "gelu"},
        {"num_key_value_heads": 3},
        {"intermediate_size": 128},
    ],
)
def test_folders_that_are_not_supported_are_refused_in_one_line(tmp_path, change):
    with pytest.raises(NzipError) as error:
        load(tiny_llama.write_folder(tmp_path / "other", **change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("cut", [0, 3, 100, 5000])
def test_damaged_model_files_are_refused(tmp_path, path, cut):
    file = tmp_path / "cut.gguf"
    file.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(NzipError) as error:
        load(file)
    assert "\n" not in str(error.value)


def test_gguf_and_safetensors_of_the_same_weights_agree(tmp_path):
    """F32 in both containers: the same codes, rows of q and k turned alike, the same vocabulary."""
    a = load(tiny_llama.write_gguf(tmp_path / "a.gguf", "F32"))
    b = load(tiny_llama.write_folder(tmp_path / "b", "F32"))
    assert a.vocabulary.tokens == b.vocabulary.tokens and a.vocabulary.hash() == b.vocabulary.hash()
    data = TEXT[:200]
    assert predictor(a).encode(data) == predictor(b).encode(data)
    for kind in ("F16", "BF16"):
        c = load(tiny_llama.write_folder(tmp_path / kind, kind))
        round_trip(predictor(c), data)


def test_the_window_suits_the_lanes(model):
    assert [Settings("tiny").window_for(lanes) for lanes in (1, 15, 16, 64)] == [1024, 1024, 640, 640]
    assert Settings("tiny", 24).window_for(64) == 24
    for lanes, window, other in ((1, 1024, 640), (16, 640, 1024)):
        text = random.Random(lanes).randbytes(lanes * (window + 100)).hex().encode()[: lanes * (window + 100)]
        params, payload = LmPredictor(Settings("tiny", 0, lanes), model).encode(text)
        assert (params, payload) == LmPredictor(Settings("tiny", window, lanes), model).encode(text)
        assert (params, payload) != LmPredictor(Settings("tiny", other, lanes), model).encode(text)
        assert (
            bytes(LmPredictor(Settings("tiny", 0, lanes), model).decode(params, payload, len(text))) == text
        )


@pytest.mark.parametrize("lanes", [1, 3])
def test_what_tokens_cost(model, lanes):
    from nzip.errors import NzipError
    from nzip.predictors.pricing import Wish

    text = TEXT * 3
    one = predictor(model, lanes)
    params, payload = one.encode(text)
    found = one.price(text)
    assert (found.params, found.payload) == (params, len(payload))
    (stream,) = found.streams
    assert stream.form == "tokens" and abs(stream.bits.sum() / 8 - len(payload)) < 8
    assert np.array_equal(stream.starts, np.cumsum(stream.lengths) - stream.lengths)
    assert stream.lengths.sum() == len(text) and stream.lengths.max() > 1
    with pytest.raises(NzipError, match="codes tokens"):
        one.price(text, Wish(rows=lambda places, rows: None))


def test_what_was_expected_before_each_token(model):
    from nzip.predictors.pricing import Wish

    text = TEXT * 3
    one = predictor(model, 2)
    plain = one.price(text)
    found = one.price(text, Wish(guesses=3))
    (stream,), (before,) = found.streams, plain.streams
    assert found.payload == plain.payload and np.array_equal(stream.bits, before.bits)
    guesses = stream.guesses
    assert guesses is not None and guesses.numbers.shape == (len(stream.bits), 3)
    assert (np.diff(guesses.chances, axis=1) <= 0).all() and guesses.chances.sum(1).max() <= 1.001
    right = 0
    for k in range(3):
        for i, number in enumerate(guesses.numbers[:, k]):
            start, length = stream.starts[i], stream.lengths[i]
            if guesses.names[number] == text[start : start + length]:
                # what came cost what its chance says
                assert stream.bits[i] == pytest.approx(-np.log2(guesses.chances[i, k]), abs=0.01)
                right += 1
    assert right > len(stream.bits) / 4


def test_what_a_block_costs_that_the_model_helps_in_part(model):
    from nzip.predictors.pricing import Wish

    noise = np.random.default_rng(3).integers(0, 256, 3 << 14, np.uint8).tobytes()
    text = (TEXT * 60)[: 2 << 14]
    data = text + noise + text
    one = predictor(model, 1)
    params, payload = one.encode(data)
    found = one.price(data)
    assert (found.params, found.payload) == (params, len(payload)) and len(found.streams) > 1
    starts = np.concatenate([s.starts for s in found.streams])
    lengths = np.concatenate([s.lengths for s in found.streams])
    order = np.argsort(starts)
    assert np.array_equal(starts[order], np.cumsum(lengths[order]) - lengths[order])
    assert lengths.sum() == len(data)
    assert abs(sum(s.bits.sum() for s in found.streams) / 8 - len(payload)) < 8
    told = one.price(data, Wish(guesses=2))
    assert [len(s.guesses.numbers) for s in told.streams if s.guesses] == [
        len(s.bits) for s in told.streams if s.form != "stored"
    ]
