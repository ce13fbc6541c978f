"""``--embed-model``: streams that carry their experts decode by every way there is, wherever they are, and
damage is noticed."""

from __future__ import annotations

import hashlib
import io
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_experts import TEXT, random_file
from support import child_output

import nzip
from nzip import reference
from nzip.container import embedded_models, index, parser, passport
from nzip.errors import CorruptError, FormatError, LimitError, ModelMismatchError, NzipError
from nzip.predictors import registry


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "own.expert").write_bytes(random_file())
    return folder


@pytest.fixture(scope="module")
def stream(folder) -> bytes:
    return nzip.compress(TEXT, predictor=f"mix:1+ssm:{folder}/own.expert", embed_model=True, primer=False)


def test_decodes_without_the_file(stream, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # nothing of that name is here
    registry.create.cache_clear()
    assert nzip.decompress(stream) == TEXT
    assert len(stream) > 0.7 * len(random_file())
    bare = nzip.compress(TEXT, predictor="mix:1", primer=False)
    with pytest.raises(ModelMismatchError, match="no model file"):
        start = next(parser.pull(io.BytesIO(stream), parser.parse()))
        registry.create_for_reading(start.passport.spelling)
    assert nzip.decompress(stream + bare + stream) == TEXT * 3


def test_the_name_has_no_folders_and_the_bytes_do_not_depend_on_them(stream, folder, tmp_path):
    (tmp_path / "own.expert").write_bytes(random_file())
    again = nzip.compress(TEXT, predictor=f"mix:1+ssm:{tmp_path}/own.expert", embed_model=True, primer=False)
    assert again == stream and os.fsencode(folder) not in stream


def test_one_model_serves_all_experts_that_name_it(folder):
    predictor = f"mix:1+ssm:{folder}/own.expert+online:{folder}/own.expert"
    both = nzip.compress(TEXT[:400], predictor=predictor, embed_model=True, primer=False)
    start = next(parser.pull(io.BytesIO(both), parser.parse()))
    assert [m.name for m in start.models] == ["own.expert"]
    assert nzip.decompress(both) == TEXT[:400]


@pytest.mark.slow  # compiles the loop of three experts
def test_two_models_and_the_transformer(folder, tmp_path):
    pytest.importorskip("safetensors")
    from nzip.predictors.llama.model import Shape
    from nzip.predictors.transformer import byte_file

    torch_free = Shape(1, 32, 2, 1, 16, 32, 256, 10000.0, 1e-5)
    (tmp_path / "t.expert").write_bytes(byte_file.write(torch_free, {}, _tensors(torch_free)))
    predictor = f"mix:1+transformer:{tmp_path}/t.expert+ssm:{folder}/own.expert"
    data = nzip.compress(TEXT, predictor=predictor, embed_model=True, primer=False)
    (tmp_path / "t.expert").unlink()
    start = next(parser.pull(io.BytesIO(data), parser.parse()))
    assert [m.name for m in start.models] == ["t.expert", "own.expert"]
    assert start.passport.spelling == "mix:1+transformer:t.expert+ssm:own.expert"
    assert nzip.decompress(data) == TEXT


def _tensors(shape):
    import numpy as np

    chance = np.random.default_rng(1)
    b = "model.layers.0."
    dims = {
        "model.embed_tokens": (256, 32), "lm_head": (256, 32), "model.norm": (32,),
        b + "self_attn.q_proj": (32, 32), b + "self_attn.k_proj": (16, 32),
        b + "self_attn.v_proj": (16, 32), b + "self_attn.o_proj": (32, 32),
        b + "mlp.gate_proj": (32, 32), b + "mlp.up_proj": (32, 32), b + "mlp.down_proj": (32, 32),
        b + "input_layernorm": (32,), b + "post_attention_layernorm": (32,),
    }  # fmt: skip
    return {f"{name}.weight": chance.standard_normal(d).astype(np.float32) for name, d in dims.items()}


def test_by_every_way_there_is(folder, tmp_path):
    predictor = f"mix:1+ssm:{folder}/own.expert"
    path = tmp_path / "x.nz"
    with nzip.open(path, "wb", predictor=predictor, embed_model=True, primer=False, block_size=300) as file:
        file.write(TEXT)
    data = path.read_bytes()
    compressor = nzip.Compressor(predictor=predictor, embed_model=True, primer=False, block_size=300)
    assert compressor.compress(TEXT) + compressor.flush() == data
    decompressor = nzip.Decompressor()
    assert b"".join(decompressor.decompress(data[i : i + 777]) for i in range(0, len(data), 777)) == TEXT
    with nzip.open(path) as file:
        file.seek(450)
        assert file.read(100) == TEXT[450:550]
    found = index.read_index(io.BytesIO(data))
    assert found.size == len(TEXT) and found.streams[0].models[0].name == "own.expert"
    assert nzip.measure(
        TEXT, predictor=predictor, embed_model=True, primer=False, block_size=300
    ).compressed == len(data)


def test_several_blocks_in_another_process(folder, tmp_path):
    data = nzip.compress(
        TEXT, predictor=f"mix:1+ssm:{folder}/own.expert", embed_model=True, primer=False, block_size=400
    )
    (tmp_path / "a.nz").write_bytes(data)
    code = (
        f"import nzip, hashlib; data = open({str(tmp_path / 'a.nz')!r}, 'rb').read(); "
        "print(hashlib.sha256(nzip.decompress(data, threads=2)).hexdigest())"
    )
    assert child_output(code, NZIP_ISA="portable").strip() == hashlib.sha256(TEXT).hexdigest()


def test_what_ships_needs_none(nzip_cli, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    ran = nzip_cli("compress", "-1", "--no-primer", "--embed-model", path)
    assert ran.code == 0 and "nothing but nzip itself, so no model is embedded\n" in ran.err
    assert (tmp_path / "a.txt.nz").read_bytes() == nzip.compress(TEXT, 1, primer=False)


def test_from_the_shell(nzip_cli, folder, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    spelled = f"mix:1+ssm:{folder}/own.expert"
    assert (
        nzip_cli("compress", "--predictor", spelled, "--embed-model", "--no-primer", "--rm", path).code == 0
    )
    assert not path.exists()
    out = nzip_cli("list", tmp_path / "a.txt.nz").out.decode()
    assert "with own.expert (" in out and "inside" in out
    streams = json.loads(nzip_cli("list", "--json", "--check", tmp_path / "a.txt.nz").out)["files"][0][
        "streams"
    ]
    assert streams[0]["models"][0]["size"] == len(random_file())
    monkeypatch.chdir(tmp_path)
    data = (tmp_path / "a.txt.nz").read_bytes()
    assert nzip_cli("test", tmp_path / "a.txt.nz").code == 0
    assert nzip_cli("cat", "--range", "10:60", tmp_path / "a.txt.nz").out == TEXT[10:60]
    assert nzip_cli("-dc", input=data).out == TEXT
    assert (
        nzip_cli("-c", "--predictor", spelled, "--embed-model", "--no-primer", "-f", input=TEXT).out == data
    )
    assert nzip_cli("decompress", "--recover", tmp_path / "a.txt.nz").code == 0 and path.read_bytes() == TEXT


class TestRefusals:
    def test_other_models_stay_outside(self, toys):
        class Pinned(toys.CountingExpert):
            def config(self):
                return {"weights": "abc"}

        from nzip.predictors.mix import MixPredictor

        with pytest.raises(NzipError, match="cannot be embedded"):
            nzip.compress(TEXT, predictor=MixPredictor(1, (Pinned(),)), embed_model=True)

    def test_two_of_one_name(self, folder, tmp_path):
        (tmp_path / "own.expert").write_bytes(random_file(2))
        with pytest.raises(NzipError, match="two different models are named own.expert"):
            nzip.compress(
                TEXT,
                predictor=f"mix:1+ssm:{folder}/own.expert+online:{tmp_path}/own.expert",
                embed_model=True,
            )

    def test_too_large(self, monkeypatch):
        monkeypatch.setattr(embedded_models, "MAX_SIZE", 100)
        with pytest.raises(LimitError, match="at most 100"):
            embedded_models.pack("x", bytes(101))

    def test_what_does_not_know_the_flag_says_so(self, stream, monkeypatch):
        monkeypatch.setattr(passport, "KNOWN_FLAGS", passport.FLAG_INEXACT | passport.FLAG_CONFIG)
        with pytest.raises(FormatError, match="a feature that this nzip does not know"):
            nzip.decompress(stream)
        with pytest.raises(Exception, match="flags"):
            reference.decode(stream)

    def test_memory(self, stream):
        with pytest.raises(LimitError, match="needs .* MiB"):
            nzip.decompress(stream, memory=1 << 20)


def _rebuilt(stream: bytes, models) -> bytes:
    """``stream`` with other embedded models, every hash right."""
    from nzip.codec import CodedBlock
    from nzip.container.writer import HashedBlock, StreamWriter

    events = list(parser.pull(io.BytesIO(stream), parser.parse()))
    writer = StreamWriter(events[0].passport, models)
    out = writer.header()
    for block in events[1:-1]:
        coded = CodedBlock(block.header.method, block.header.params, block.payload)
        out += b"".join(
            writer.block(
                HashedBlock(
                    coded,
                    block.header.size,
                    block.header.stored_hash,
                    block.header.decoded_hash,
                    block.header.check_points,
                )
            )
        )
    return out + writer.end()


def test_models_that_contradict_are_damage(stream):
    good = next(parser.pull(io.BytesIO(stream), parser.parse())).models[0]
    assert _rebuilt(stream, (good,)) == stream
    bomb = embedded_models.pack("own.expert", bytes(1 << 20))
    for models, said in [
        ((embedded_models.pack("own.expert", random_file(2)),), "not those that the header names"),
        ((good, embedded_models.pack("b", b"b")), "does not name: b"),
        ((good, good), "the name of"),
        ((good._replace(size=good.size - 1),), "the size that its frame says"),
        ((good._replace(size=good.size + 1),), "the size that its frame says"),
        ((bomb._replace(size=10),), "the size that its frame says"),
        ((good._replace(payload=b"text" * 9),), "cannot be unpacked"),
        ((embedded_models.pack("own.expert", b"text"),), "not a file of expert weights"),
        ((good._replace(name="\n"),), "the name of"),
    ]:
        with pytest.raises(CorruptError, match=said) as caught:
            nzip.decompress(_rebuilt(stream, models))
        assert "\n" not in str(caught.value)


@settings(max_examples=150)
@given(st.data())
def test_damage_is_noticed(stream, data):
    how = data.draw(st.sampled_from(["flip", "cut", "hole", "drop"]))
    at = data.draw(st.integers(0, min(400, len(stream)) - 1) | st.integers(0, len(stream) - 1))
    length = data.draw(st.integers(1, 60))
    bad = {
        "flip": stream[:at] + bytes([stream[at] ^ 1 << data.draw(st.integers(0, 7))]) + stream[at + 1 :],
        "cut": stream[:at],
        "hole": stream[:at] + bytes(len(stream[at : at + length])) + stream[at + length :],
        "drop": stream[:at] + stream[at + length :],
    }[how]
    if bad == stream:
        return
    for read in (nzip.decompress, lambda data: index.read_index(io.BytesIO(data)).read(0)):
        try:
            found = read(bad)
        except NzipError as error:
            assert error.exit_code == 2 and "\n" not in str(error)
        else:
            assert read is not nzip.decompress or found == TEXT
