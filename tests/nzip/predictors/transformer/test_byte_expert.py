"""``transformer``: exact over chunks, instruction sets, threads and processes; twin; the torch network it
came from; its file."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_experts import TEXT, random_weights
from support import ROOT, child_output

from nzip import testing
from nzip.errors import NzipError
from nzip.exact import cpu
from nzip.predictors import distribution, registry
from nzip.predictors.llama import twin
from nzip.predictors.llama.engine import Engine
from nzip.predictors.llama.kv_cache import Cache
from nzip.predictors.llama.model import Shape
from nzip.predictors.llama.quantised import from_floats
from nzip.predictors.mix import MixPredictor, fused
from nzip.predictors.ssm.expert import SsmExpert
from nzip.predictors.ssm.weights import FILES as SSM_FILES
from nzip.predictors.transformer import byte_file, stream
from nzip.predictors.transformer.expert import FILES, WINDOW, Model, TransformerExpert

SHAPE = Shape(
    layers=2, width=64, heads=2, kv_heads=2, head_size=32, hidden=96, vocabulary=256, theta=10000.0, eps=1e-5
)


TINY = Shape(
    layers=1, width=32, heads=2, kv_heads=1, head_size=16, hidden=32, vocabulary=256, theta=10000.0, eps=1e-5
)


def tensors(shape: Shape = TINY, seed: int = 7) -> dict[str, np.ndarray]:
    """Random float32 ones by Hugging Face's names."""
    chance = np.random.default_rng(seed)
    own, kv = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    dims = {
        "model.embed_tokens": (256, shape.width),
        "lm_head": (256, shape.width),
        "model.norm": (shape.width,),
    }
    for i in range(shape.layers):
        dims |= {
            f"model.layers.{i}.{name}": dims
            for name, dims in {
                "self_attn.q_proj": (own, shape.width), "self_attn.k_proj": (kv, shape.width),
                "self_attn.v_proj": (kv, shape.width), "self_attn.o_proj": (shape.width, own),
                "mlp.gate_proj": (shape.hidden, shape.width), "mlp.up_proj": (shape.hidden, shape.width),
                "mlp.down_proj": (shape.width, shape.hidden), "input_layernorm": (shape.width,),
                "post_attention_layernorm": (shape.width,),
            }.items()
        }  # fmt: skip
    return {
        name + ".weight": (chance.standard_normal(d) * (0.3 if len(d) > 1 else 0.05) + (len(d) == 1)).astype(
            np.float32
        )
        for name, d in dims.items()
    }


def tiny_file(seed: int = 7) -> bytes:
    return byte_file.write(TINY, {"seed": seed}, tensors(seed=seed))


@functools.lru_cache
def tiny() -> Model:
    return Model(tiny_file(), "tiny.expert")


def expert() -> TransformerExpert:
    return TransformerExpert("tiny.expert", tiny())


def all_steps(engine: Engine, data: bytes, window: int = WINDOW) -> np.ndarray:
    out = np.zeros((len(data), 256), np.uint32)
    stream.steps(stream.new_stream(engine, window), np.frombuffer(data, np.uint8), out)
    return out


def network(seed: int = 3):
    torch = pytest.importorskip("torch")
    from nzip.training.transformer import Llama

    torch.manual_seed(seed)
    net = Llama(SHAPE, mixed=False)
    with torch.no_grad():
        net.head *= 5
    return net


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    pytest.importorskip("torch")
    from nzip.training.transformer import export

    path = tmp_path_factory.mktemp("transformer") / "tiny.expert"
    path.write_bytes(export(network(), {"seed": 3}))
    return str(path)


@pytest.fixture(scope="module")
def model(path) -> Model:
    return Model(Path(path).read_bytes(), path)


@pytest.mark.parametrize("check", testing.EXPERT_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check):
    check(expert)


@settings(max_examples=12)
@given(
    st.integers(8, 300),
    st.lists(st.integers(1, stream.CHUNK), min_size=1, max_size=12),
    st.binary(min_size=1, max_size=400),
)
def test_chunks_never_matter(window, cuts, data):
    whole = all_steps(tiny().engine, data, window)
    lane, at, out = stream.new_stream(tiny().engine, window), 0, np.zeros((stream.CHUNK, 256), np.uint32)
    for cut in [*cuts, *[stream.CHUNK] * 4]:
        part = np.frombuffer(data[at : at + cut], np.uint8)
        if len(part):
            stream.read(lane, part, out)
            assert (out[: len(part)] == whole[at : at + cut]).all()
        at += cut


def test_twin_agrees():
    """Past the window's end, so that the sinks and the sliding context are in it."""
    data, window = TEXT[:60], 24
    weights, _ = byte_file.read("tiny.expert", tiny_file())
    logits = twin.logits(weights, twin.forward(weights, list(data), window))
    assert (
        np.array([distribution.twin(row[:256]) for row in logits]) == all_steps(tiny().engine, data, window)
    ).all()


def test_instruction_sets_threads_and_another_process_agree():
    alone = all_steps(tiny().engine, TEXT)
    weights, _ = byte_file.read("tiny.expert", tiny_file())
    for isa in range(cpu.detect() + 1):
        assert (all_steps(Engine(weights, isa), TEXT) == alone).all()
    results = [None] * 3

    def work(i):
        results[i] = all_steps(tiny().engine, TEXT)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((r == alone).all() for r in results)
    code = (
        "import sys, hashlib; sys.path[:0] = ['tests', 'tests/nzip/predictors/transformer']\n"
        "from test_byte_expert import TEXT, all_steps, tiny\n"
        "print(hashlib.sha256(all_steps(tiny().engine, TEXT).tobytes()).hexdigest())"
    )
    assert child_output(code, NZIP_ISA="portable").strip() == hashlib.sha256(alone.tobytes()).hexdigest()


def test_it_is_the_network_that_was_trained(model):
    """Rotary positions, norms and gates as in torch; int8 activations and 7-bit weights move a share a
    little."""
    import torch

    data = np.frombuffer(TEXT[:200], np.uint8)
    with torch.no_grad():
        logits = network()(torch.from_numpy(data[None].astype(np.int64)), None, None)[0]
    cache = Cache(model.engine.shape, 1, WINDOW, len(data))
    own = model.engine.logits(
        model.engine.forward(cache, np.zeros(len(data), np.int64), data.astype(np.int64))
    )[:, :256]
    error = np.abs(own - logits.numpy()).mean(1) / np.abs(logits.numpy()).mean(1)
    # A wrong rotation would show from the second byte on, and grow.
    assert error[0] < 0.05 and error.max() < 0.06


@pytest.mark.parametrize("lanes", [None, 3])
def test_mix_with_it_round_trips(lanes):
    predictor = MixPredictor(1, (expert(),), lanes=lanes, primed=False)
    params, payload = predictor.encode(TEXT)
    assert predictor.decode(params, payload, len(TEXT)) == TEXT


def test_the_compiled_loop_codes_as_the_general_one(monkeypatch):
    for experts in ((expert(),), (SsmExpert("tests.expert", random_weights()), expert())):
        predictor = MixPredictor(1, experts, primed=False)
        assert fused.start(experts) is not None
        fast = predictor.encode(TEXT)
        assert predictor.decode(*fast, len(TEXT)) == TEXT
        with monkeypatch.context() as patch:
            patch.setattr(fused, "start", lambda experts: None)
            assert predictor.encode(TEXT) == fast
            assert predictor.decode(*fast, len(TEXT)) == TEXT


def test_the_file_holds_what_the_engine_rounds_to():
    weights, made = byte_file.read("tiny.expert", tiny_file())
    assert made == {"seed": 7}
    given_ = tensors()
    down = given_["model.layers.0.mlp.down_proj.weight"]
    own, plain = weights.down[0].dequantise(), from_floats(down).dequantise()
    # 7 bits: no weight is further off than half a step of the row's coarsest group.
    assert np.abs(own - down).max() <= np.abs(down).max() / 63 * 0.55
    assert np.abs(own - down).mean() < 1.02 * np.abs(plain - down).mean()


def test_floats_are_read_too():
    save = pytest.importorskip("safetensors.numpy").save
    metadata = {"nzip": json.dumps({"shape": vars(TINY), "made": {}})}
    weights, _ = byte_file.read("floats", save(tensors(), metadata))
    rounded, _ = byte_file.read("tiny.expert", tiny_file())
    assert np.abs(weights.qkv[0].dequantise() - rounded.qkv[0].dequantise()).max() < 0.02


def test_what_ships_is_small_and_reads_text():
    whole = sum(files.path_of(None).stat().st_size for files in (FILES, SSM_FILES))
    assert whole <= 8_000_000
    shipped = registry.create("mix:1+transformer").experts[0]
    assert shipped.model.made["seen"] > 1_000_000 and shipped.embedded() is None
    text = (ROOT / "corpora/samples/alice29.txt").read_bytes()[:1500]
    out = all_steps(shipped.model.engine, text)
    cost = -np.log2(out[np.arange(len(text) - 1), np.frombuffer(text, np.uint8)[1:]] / 2**24)
    assert cost.mean() < 4


def test_bad_files_are_one_clear_line(tmp_path):
    path = tmp_path / "bad.expert"
    for damage in (b"", b"text", (2).to_bytes(8, "little") + b"{}", (1 << 40).to_bytes(8, "little")):
        path.write_bytes(damage)
        with pytest.raises(NzipError) as caught:
            registry.create(f"mix:1+transformer:{path}")
        assert "\n" not in str(caught.value)
        registry.create.cache_clear()
    header = json.dumps(
        {"__metadata__": {"nzip": json.dumps({"shape": vars(SHAPE) | {"vocabulary": 300}, "made": {}})}}
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(NzipError, match="256 bytes"):
        registry.create(f"mix:1+transformer:{path}")


@settings(max_examples=120)
@given(st.data())
def test_damage_is_one_clear_error_or_other_weights(data):
    whole = tiny_file()
    header = 8 + int.from_bytes(whole[:8], "little")
    how = data.draw(st.sampled_from(["cut", "flip", "header"]))
    if how == "cut":
        bad = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        at = data.draw(st.integers(0, (header if how == "header" else len(whole)) - 1))
        bad = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    try:
        Model(bad, "tiny.expert")
    except NzipError as error:
        assert "\n" not in str(error)
    else:
        assert how != "cut"
