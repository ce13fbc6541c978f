"""Samples of every codec as text, unfinished streams included; and the circle from the lab to nzip."""

import json
from pathlib import Path

import numpy as np
import pytest
from every import NAMES
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

import nzip
from nzip.predictors.llama.kv_cache import Cache
from nzip.predictors.lm.source import load as load_model
from tokenizers_lab.codecs.huggingface import HuggingFaceCodec
from tokenizers_lab.datasets import TokenReader, build
from tokenizers_lab.errors import LabError
from tokenizers_lab.lm.exporting import export
from tokenizers_lab.lm.healing import Healer
from tokenizers_lab.lm.model import Llama, Shape
from tokenizers_lab.lm.partial import begin, text_of
from tokenizers_lab.lm.runs import Plan, Run
from tokenizers_lab.lm.sampling import generate, sample
from tokenizers_lab.lm.training import train

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_cut_anywhere_gives_a_beginning_of_its_text(name, codecs, english):
    codec, text = codecs[name], english[5000:5400]
    ids = codec.encode(text)
    offsets = codec.offsets(text, ids)
    assert text_of(codec, ids) == (text, None)
    longest = 0
    for cut in range(len(ids)):
        found, remark = text_of(codec, ids[:cut])
        assert text.startswith(found) and longest <= len(found)
        assert len(found) >= (
            offsets[cut] if codec.token_lengths() is not None or "equal-info" in name else 0
        )
        assert remark is None or "ac[" in name or "gzip" in name or "equal-info" in name
        longest = len(found)
    assert longest > 0


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_ids_give_text_or_a_remark(name, codecs, data):
    codec = codecs[name]
    ids = data.draw(
        st.lists(
            st.one_of(
                st.integers(0, codec.vocab_size - 1),
                st.integers(max(0, codec.vocab_size - 4), codec.vocab_size - 1),
            ),
            max_size=24,
        )
    )
    if "ac[" in name:  # a length in front, or each example decodes a megabyte
        ids = [3 << 8 if codec.bits == 16 else 100, *ids]
    text, remark = text_of(codec, np.array(ids, np.int64))
    assert isinstance(text, bytes) and (remark is None or remark)


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_is_begun_so_that_it_may_go_on(name, codecs, english):
    codec, prompt = codecs[name], english[300:420]
    ids = begin(codec, prompt, 100)
    text = text_of(codec, ids)[0]
    assert prompt.startswith(text) and len(text) >= len(prompt) - 24
    assert len(begin(codec, b"", 100)) == 0
    if "equal-info" in name and codec.token_lengths() is None:
        whole = codec.encode(prompt + b" and so it went on")
        assert (
            whole[: len(ids)].tolist() == ids.tolist() and len(ids) % (codec.width // codec.token_bits) == 0
        )


def test_a_hugging_face_tokenizer_is_begun_and_decoded(english):
    tokenizers = pytest.importorskip("tokenizers")
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="?"))
    theirs.pre_tokenizer, theirs.decoder = (
        tokenizers.pre_tokenizers.Whitespace(),
        tokenizers.decoders.WordPiece(),
    )
    theirs.train_from_iterator(
        [english[:30_000].decode()],
        tokenizers.trainers.WordPieceTrainer(vocab_size=400, special_tokens=["?"]),
    )
    codec = HuggingFaceCodec(theirs.to_str())
    ids = begin(codec, b"He shall return", 50)
    assert ids.tolist() == theirs.encode("He shall return").ids and text_of(codec, ids) == (
        b"He shall return",
        None,
    )
    assert Healer(codec, b"He shall return", 80).allowed(ids) is None


@pytest.fixture(scope="module")
def trained(tmp_path_factory, english, bpe, one_torch_thread):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "a.txt").write_bytes(english[:50_000])
    runs = {}
    for name, codec in (
        ("bytes", "bytes"),
        ("bpe", bpe),
        ("ei", "equal-info[b=16,v=65k,m1=order-2]"),
        ("gzip", "gzip"),
    ):
        build(codec, [folder / "a.txt"], folder / name, document_bytes=4096, workers=1)
        shape = Shape.named("tiny", TokenReader(folder / name).vocab_size, 48)
        train(
            folder / name,
            folder / f"run-{name}",
            shape,
            Plan(20, batch=4, rate=1e-2, warm_up=3, evaluations=0),
        )
        runs[name] = Run.read(folder / f"run-{name}")
    return runs


def test_samples(trained):
    for run in trained.values():
        text, _ = sample(run, b"In the beginning", 30, temperature=0.8, top_k=20, seed=5)
        assert text.startswith(b"In the beginning")
        assert sample(run, b"In the beginn", 0, seed=5)[0].startswith(b"In the beginn")
        assert sample(run, b"In the beginning", 30, temperature=0.8, top_k=20, seed=5)[0] == text
    assert sample(trained["bytes"], b"", 0)[0] == b""
    with pytest.raises(LabError, match="top-k"):
        sample(trained["bytes"], b"", 5, top_k=0)


def test_generation_draws_from_the_models_distribution():
    torch.manual_seed(0)
    model = Llama(Shape.named("tiny", 5, 8))
    with torch.no_grad():
        model.head.weight *= 40
        want = model(torch.tensor([[1, 2, 3]]))[0, -1].softmax(-1)
    drawn = np.array([generate(model, [2, 3], 1, start=1, seed=i)[0] for i in range(300)])
    shares = np.bincount(drawn, minlength=5) / 300
    assert np.abs(shares - want.numpy()).max() < 0.1
    assert generate(model, [2, 3], 1, start=1, temperature=0)[0] == int(want.argmax())
    assert set(generate(model, [2, 3], 40, start=1, top_k=1)) <= set(range(5))


@pytest.mark.parametrize("name", ["bytes", "bpe", "ei"])
def test_an_exported_model_works_in_nzip(name, trained, tmp_path, english):
    run = trained[name]
    folder = tmp_path / "made" / "here"
    made = export(run, folder)
    assert {p.name for p in made} == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert all(p.is_file() for p in made)
    found = load_model(folder / "model.safetensors")
    text = english[60_000:60_800]
    symbols = found.vocabulary.encode(text)
    assert found.vocabulary.decode(symbols) == text
    ids = found.vocabulary.order[symbols]
    assert ids.tolist() == run.codec.encode(text).tolist()  # the same tokens as the lab's
    inputs = np.concatenate([[run.data["eos"]], ids[:40]])
    ranks = np.argsort(found.vocabulary.order)[inputs]
    assert found.vocabulary.start == ranks[0]
    logits = found.engine.logits(
        found.engine.forward(Cache(found.engine.shape, 1, 64, 64), np.zeros(len(ranks), np.int64), ranks)
    )
    with torch.no_grad():
        want = run.model()(torch.from_numpy(inputs)[None])[0].numpy()[:, found.vocabulary.order]
    got = np.asarray(logits, np.float64)[:, : want.shape[1]]
    assert all(np.corrcoef(a, b)[0, 1] > 0.99 for a, b in zip(got, want))  # 8-bit activations against float32
    small = nzip.compress(text + b"\xff\x00", predictor=f"mix:1+lm:{folder / 'model.safetensors'}")
    assert (
        nzip.decompress(small, models={"model.safetensors": folder / "model.safetensors"})
        == text + b"\xff\x00"
    )


def test_what_cannot_be_exported(trained, tmp_path):
    with pytest.raises(LabError, match="cannot be exported"):
        export(trained["gzip"], tmp_path / "new" / "m.safetensors")
    with pytest.raises(LabError, match="X.safetensors"):
        export(trained["bytes"], tmp_path / "new" / "m.bin")
    assert list(Path(tmp_path).iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="file: cannot make this folder"):
        export(trained["bytes"], tmp_path / "file" / "m.safetensors")
    assert (tmp_path / "file").is_file()


def test_hugging_face_reads_the_tokenizers(trained, tmp_path, english):
    tokenizers = pytest.importorskip("tokenizers")
    text = english[61_000:61_400]
    for name in ("bytes", "bpe", "ei"):
        export(trained[name], tmp_path / "m.safetensors")
        theirs = tokenizers.Tokenizer.from_str((tmp_path / "tokenizer.json").read_text())
        assert theirs.encode(text.decode()).ids == trained[name].codec.encode(text).tolist()
        assert json.loads((tmp_path / "config.json").read_text())["eos_token_id"] == trained[name].data["eos"]


@pytest.mark.parametrize("name", ["bytes", "bpe", "ei"])
def test_transformers_reads_the_folder_by_its_name(name, trained, tmp_path, english):
    """With whichever release is installed: the same ids, nothing before them, an end, the same logits."""
    transformers = pytest.importorskip("transformers")
    run, text = trained[name], english[60_000:60_300]
    export(run, tmp_path / "out")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = run.codec.encode(text).tolist()
    assert tokenizer(text.decode())["input_ids"] == ids and tokenizer.decode(ids) == text.decode()
    assert tokenizer.eos_token_id == run.data["eos"] and len(tokenizer) <= run.shape.vocabulary
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", torch_dtype=torch.float32)
    assert model.generation_config.eos_token_id == run.data["eos"]
    inputs = torch.tensor([ids[:40]])
    with torch.no_grad():
        assert torch.allclose(model(inputs).logits, run.model()(inputs), atol=2e-3, rtol=1e-3)
