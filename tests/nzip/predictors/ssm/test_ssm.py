"""The recurrent expert: exact over instruction sets, batches, threads and processes; twin; file;
conformance."""

from __future__ import annotations

import hashlib
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_experts import FED, SHAPE, TEXT, random_file, random_weights
from support import ROOT, child_output

from nzip import testing
from nzip.errors import CorruptError, NzipError
from nzip.exact import cpu
from nzip.predictors import registry
from nzip.predictors.content import detect
from nzip.predictors.mix import MixPredictor, trials
from nzip.predictors.mix.primer_choice import Start
from nzip.predictors.mix.words import marks
from nzip.predictors.mix.words.choice import with_lines
from nzip.predictors.mix.words.dictionary import named
from nzip.predictors.ssm import contexts, kernel, matvec, weights
from nzip.predictors.ssm.expert import SsmExpert
from nzip.predictors.ssm.twin import Twin


def expert() -> SsmExpert:
    return SsmExpert("tests.expert", random_weights())


def all_steps(net, data: bytes) -> np.ndarray:
    out = np.zeros((len(data), 256), np.uint32)
    kernel.steps(net, kernel.new_stream(net), np.frombuffer(data, np.uint8), out)
    return out


def fed() -> SsmExpert:
    return SsmExpert("tests.expert", random_weights(7, FED))


@pytest.mark.parametrize("make", [expert, fed])
@pytest.mark.parametrize("check", testing.EXPERT_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, make):
    check(make)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([cpu.PORTABLE, cpu.AVX2, cpu.AVX512]),
)
def test_matvec_is_the_integer_product(blocks, pairs, seed, isa):
    if isa > cpu.detect():
        isa = cpu.PORTABLE
    chance = np.random.default_rng(seed)
    matrix = chance.integers(-127, 128, (64 * blocks, 2 * pairs)).astype(np.int8)
    vector = chance.integers(-32767, 32768, 2 * pairs).astype(np.int16)
    out = np.empty(64 * blocks, np.int32)
    matvec.matvec(matvec.pack(matrix), vector, out, isa)
    assert (out == matrix.astype(np.int64) @ vector.astype(np.int64)).all()


@pytest.mark.parametrize("shape", [SHAPE, FED], ids=["alone", "fed"])
@pytest.mark.parametrize("words", [b"", named(1).hash], ids=["raw", "words"])
def test_twin_agrees(words, shape):
    w = random_weights(shape=shape, words=words)
    text = TEXT + bytes(range(256)) + b"@The @mill \x07stood @\xc0\x81. @by \x80" if words else TEXT
    out = all_steps(kernel.make_net(w), text)
    twin = Twin(w)
    for t, byte in enumerate(text):
        assert (twin.step(byte) == out[t]).all(), t


def test_the_marks_of_capitals_are_those_of_words():
    assert (contexts.CAPITAL, contexts.CAPITALS) == (marks.CAPITAL, marks.CAPITALS)


@pytest.mark.parametrize("shape", [SHAPE, FED], ids=["alone", "fed"])
def test_all_instruction_sets_agree(shape):
    w = random_weights(3, shape)
    results = [all_steps(kernel.make_net(w, isa), TEXT) for isa in range(cpu.detect() + 1)]
    assert all((r == results[0]).all() for r in results)


def test_threads_agree():
    net = kernel.make_net(random_weights())
    alone = all_steps(net, TEXT)
    results = [None] * 3

    def work(i):
        results[i] = all_steps(net, TEXT)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((r == alone).all() for r in results)


@pytest.mark.parametrize(("words", "shape"), [(b"", SHAPE), (named(1).hash, FED)], ids=["raw", "words, fed"])
def test_another_process_on_the_plainest_machine_agrees(words, shape):
    here = hashlib.sha256(
        all_steps(kernel.make_net(random_weights(shape=shape, words=words)), TEXT[:200]).tobytes()
    ).hexdigest()
    code = (
        "import sys, hashlib; sys.path[:0] = ['tests', 'tests/nzip/predictors/ssm']\n"
        "from small_experts import TEXT, random_weights; from test_ssm import all_steps\n"
        "from nzip.predictors.ssm.weights import Shape\n"
        "from nzip.predictors.ssm import kernel\n"
        f"out = all_steps(kernel.make_net(random_weights(1, {shape!r}, {words!r})), TEXT[:200])\n"
        "print(hashlib.sha256(out.tobytes()).hexdigest())"
    )
    assert child_output(code, NZIP_ISA="portable").strip() == here


@pytest.mark.parametrize("lanes", [1, 3])
def test_mix_with_it_round_trips(lanes):
    predictor = MixPredictor(1, (expert(),), lanes=lanes, primed=False)
    params, payload = predictor.encode(TEXT)
    assert predictor.decode(params, payload, len(TEXT)) == TEXT


def test_it_sits_out_what_is_no_text():
    noise = np.random.default_rng(1).integers(0, 256, 4096).astype(np.uint8).tobytes()
    for data, helped in ((TEXT, True), (noise, False)):
        block = np.frombuffer(data, np.uint8)
        assert expert().helps(block, detect(block)) == helped
    with_it, without = MixPredictor(1, (expert(),)), MixPredictor(1)
    assert with_it.encode(noise)[1] == without.encode(noise)[1]
    params, payload = with_it.encode(noise)
    assert with_it.decode(params, payload, len(noise)) == noise


class TestFile:
    def test_reads_what_was_written(self):
        data = random_file(made={"seed": 7})
        w = weights.read(data)
        assert w.shape == SHAPE and w.made == {"seed": 7}
        tensors = {n: getattr(w, n) for n, _, _ in weights.layout(SHAPE) if not n.startswith("table")}
        tensors.update({f"table{i}": t for i, t in enumerate(w.tables)})
        assert weights.write(w.shape, w.made, tensors) == data

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_damage_is_one_clear_error(self, data):
        whole = random_file()
        how = data.draw(st.sampled_from(["cut", "long", "flip"]))
        if how == "cut":
            bad = whole[: data.draw(st.integers(0, len(whole) - 1))]
        elif how == "long":
            bad = whole + data.draw(st.binary(min_size=1, max_size=9))
        else:  # in magic, length or header
            at = data.draw(st.integers(0, 60))
            bad = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
        try:
            weights.read(bad)
        except NzipError as error:
            assert "\n" not in str(error)
        else:
            assert how == "flip"  # a digit of the header may say another word that is as good

    def test_another_version_is_named(self):
        whole = random_file()
        with pytest.raises(NzipError, match="another version"):
            weights.read(whole.replace(b"\x02\n", b"\x01\n", 1))

    def test_no_numbers_that_are_none(self):
        w = random_weights()
        tensors = {n: getattr(w, n) for n, _, _ in weights.layout(SHAPE) if not n.startswith("table")}
        tensors.update({f"table{i}": t for i, t in enumerate(w.tables)})
        tensors["mix_bias"] = tensors["mix_bias"] * np.float32("nan")
        with pytest.raises(NzipError, match="no weights have"):
            weights.read(weights.write(SHAPE, {}, tensors))

    def test_by_path(self, tmp_path):
        path = tmp_path / "own.expert"
        path.write_bytes(random_file())
        predictor = registry.create(f"mix:1+ssm:{path}")
        assert predictor.config() == {predictor.experts[0].spelling: {"weights": random_weights().digest}}
        with pytest.raises(NzipError, match="no model file"):
            registry.create(f"mix:1+ssm:{tmp_path}/other.expert")
        path.write_bytes(b"text")
        with pytest.raises(NzipError, match="not a file of expert weights"):
            registry.create(f"mix:2+ssm:{path}")


@pytest.mark.slow
@pytest.mark.parametrize("level", range(1, 9))
def test_levels_are_as_small_as_nzip_levels_says(level):
    from nzip.levels import LEVELS

    data = (ROOT / "corpora/samples/alice29.txt").read_bytes()
    params, payload = registry.create(LEVELS[level].spelling).encode(data)
    assert len(params) + len(payload) == LEVELS[level].size


def test_all_weights_take_twelve_megabytes_of_the_wheel():
    from nzip.predictors.transformer.expert import FILES

    files = [*weights.FILES.shipped.values(), *FILES.shipped.values()]
    assert len(files) == 3 and sum(len(zlib.compress(f.read_bytes(), 6)) for f in files) < 12_000_000


def test_the_network_for_words_reads_words():
    text = np.frombuffer((ROOT / "corpora/samples/alice29.txt").read_bytes()[:4000], np.uint8)
    coded = with_lines(text, named(1)).apply(text)
    net = kernel.make_net(SsmExpert("words").weights)
    out = all_steps(net, coded.tobytes())
    cost = -np.log2(out[np.arange(len(coded) - 1), coded[1:]] / 2**24).sum() / len(text)
    assert len(coded) < 0.6 * len(text) and cost < 2.0


def test_what_ships_is_small_and_reads_text():
    w = SsmExpert().weights
    size = sum(t.nbytes for t in (*w.tables, w.mix, w.out, w.head, w.project, w.bytes))
    assert size < 8_000_000 and w.made["seen"] > 40_000_000
    text = (ROOT / "corpora/samples/alice29.txt").read_bytes()[:4000]
    out = all_steps(kernel.make_net(w), text)
    cost = -np.log2(out[np.arange(len(text) - 1), np.frombuffer(text, np.uint8)[1:]] / 2**24)
    assert cost.mean() < 2.5


def test_a_block_names_those_of_its_experts_that_it_used(monkeypatch):
    raw = Start(None, None)  # however small words would be without them
    monkeypatch.setattr(trials, "ways", lambda streams, data, content, helpers, kept=None: [(helpers, raw)])

    class Never(SsmExpert):
        def helps(self, data, content):
            return False

    own, never = expert(), Never("never.expert", random_weights(4))
    both, one = MixPredictor(1, (never, own)), MixPredictor(1, (own,))
    params, payload = both.encode(TEXT)
    assert params[-1] == 255 - 0b10 and payload == one.encode(TEXT)[1]
    assert both.decode(params, payload, len(TEXT)) == TEXT
    with pytest.raises(CorruptError, match="names experts"):
        both.decode(params[:-1] + bytes([255 - 0b11]), payload, len(TEXT))
    with pytest.raises(ValueError, match="at most 6 experts"):
        MixPredictor(1, (own,) * 7)
