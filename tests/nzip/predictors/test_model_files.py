"""What a header names: nothing is opened but what ships, what is embedded, and what has the pinned hash in
the places that hold models."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from small_experts import TEXT, random_file
from support import ROOT

import nzip
from nzip.container import parser, pipeline
from nzip.container.passport import Passport
from nzip.container.writer import StreamWriter, code_block
from nzip.errors import LimitError, ModelMismatchError, NzipError
from nzip.predictors import model_files, registry
from nzip.predictors.mix.model import MAX_EXPERTS


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The model folder, empty; the current folder is another one."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("NZIP_MODELS", str(folder))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return folder


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "elsewhere" / "own.expert"
    path.parent.mkdir()
    path.write_bytes(random_file())
    return path


@pytest.fixture
def stream(own):
    return nzip.compress(TEXT, predictor=f"mix:1+ssm:{own}", primer=False, block_size=300)


def spelled(spelling: str, config: dict | None = None, predictor="mix:1") -> bytes:
    """A stream that claims to be of ``spelling``: one coded block, every hash right."""
    made = registry.create(predictor)
    passport = Passport.of(made)._replace(spelling=spelling, config=config or {})
    writer = StreamWriter(passport)
    out = writer.header() + b"".join(map(bytes, writer.block(code_block(made, TEXT, verify=False))))
    writer.saw(TEXT)
    return out + writer.end()


def test_the_path_in_a_header_is_not_opened_even_where_it_is_right(stream, own):
    with pytest.raises(ModelMismatchError, match="no model file") as caught:
        nzip.decompress(stream)
    assert caught.value.remedy.option == "models" and caught.value.remedy.value == {"own.expert": "PATH"}
    assert "models={'own.expert': 'PATH'}" in str(caught.value)


def test_a_model_in_the_folder_is_found_by_its_hash_whatever_its_name(stream, own, folder):
    for i in range(3):
        (folder / f"{i}.expert").write_bytes(random_file(2 + i))
    (folder / "own.expert").write_bytes(random_file(9))  # the name is right, the hash is not
    with pytest.raises(ModelMismatchError, match="no model file"):
        nzip.decompress(stream)
    own.rename(folder / "renamed.bin")
    assert nzip.decompress(stream) == TEXT


def test_a_link_in_the_folder_is_followed_to_a_regular_file_only(stream, own, folder, tmp_path):
    (folder / "a").symlink_to("/dev/zero")
    os.mkfifo(folder / "own.expert")
    (folder / "c").symlink_to(folder / "own.expert")
    (folder / "d").symlink_to("/")
    (folder / "e").symlink_to("nowhere")
    (folder / "f").symlink_to(own)
    assert nzip.decompress(stream) == TEXT


def test_by_option_everywhere(stream, own, tmp_path):
    for key in ("own.expert", str(own), "ssm"):
        assert nzip.decompress(stream, models={key: own}) == TEXT
    models = {"own.expert": str(own)}
    decompressor = nzip.Decompressor(models=models)
    assert decompressor.decompress(stream) == TEXT
    with nzip.open(io.BytesIO(stream), models=models) as file:
        assert file.read(10) == TEXT[:10] and file.seek(400) and file.read(5) == TEXT[400:405]
    target = io.BytesIO()
    assert nzip.recover(io.BytesIO(stream), target, models=models) == [] and target.getvalue() == TEXT
    assert nzip.contents(io.BytesIO(stream)).size == len(TEXT)  # headers alone: no model is wanted


def test_contents_compares_models(stream, own, nzip_cli, tmp_path, monkeypatch):
    """Where one is named; by hash, and nothing is built of it."""
    monkeypatch.setattr(registry, "_build", lambda *a: pytest.fail("built"))
    other, path = tmp_path / "other", tmp_path / "x.nz"
    other.write_bytes(random_file(2))
    path.write_bytes(stream)
    for models in ({"own.expert": own}, {"ssm": own}, {"somebody's": other}, {}):
        assert nzip.contents(path, models=models).size == len(TEXT)
    for models in ({"own.expert": other}, {"ssm": other}, {str(own): tmp_path / "none"}):
        with pytest.raises(NzipError):
            nzip.contents(path, models=models)
    with pytest.raises(ModelMismatchError, match="is another"):
        nzip.contents(path, models={"own.expert": other})
    for words in (("list",), ("list", "--json"), ("list", "--check"), ("-l",)):
        assert nzip_cli(*words, path, "--model", f"own.expert={own}").code == 0
        wrong = nzip_cli(*words, path, "--model", f"own.expert={other}")
        assert wrong.code == 1 and "is another" in wrong.err and wrong.err.count("\n") == 1
    # What is embedded needs none, and none is looked at.
    monkeypatch.undo()
    embedded = nzip.compress(TEXT, predictor=f"mix:1+ssm:{own}", primer=False, embed_model=True)
    assert nzip.contents(io.BytesIO(embedded), models={"own.expert": other}).streams[0].models


def test_an_option_that_names_another_model_is_refused_before_it_is_parsed(stream, tmp_path, monkeypatch):
    (tmp_path / "other").write_bytes(random_file(2))
    from nzip.predictors.ssm import weights

    monkeypatch.setattr(weights, "read", lambda *a: pytest.fail("parsed before its hash was right"))
    for path in (tmp_path / "other", tmp_path / "none", tmp_path, "/dev/zero", "x" * 300, "\0"):
        with pytest.raises(NzipError) as caught:
            nzip.decompress(stream, models={"own.expert": path})
        assert "\n" not in str(caught.value)


def test_in_the_shell(stream, own, nzip_cli, tmp_path):
    path = tmp_path / "x.nz"
    path.write_bytes(stream)
    refused = nzip_cli("test", path)
    assert refused.code == 1 and refused.err.rstrip().endswith("--model own.expert=PATH")
    option = "--model", f"own.expert={own}"
    assert nzip_cli("test", path, *option).code == 0
    assert nzip_cli("cat", path, *option).out == TEXT
    assert nzip_cli("cat", "--range", "10:20", path, *option).out == TEXT[10:20]
    assert nzip_cli("list", path, *option).code == 0
    assert nzip_cli("-dc", *option, input=stream).out == TEXT
    assert nzip_cli("decompress", "--recover", "-o", tmp_path / "y", path, *option).code == 0
    assert (tmp_path / "y").read_bytes() == TEXT
    wrong = nzip_cli("test", path, "--model", "own.expert")
    assert wrong.code == 1 and "NAME=PATH" in wrong.err


def test_rm_compares_with_the_predictor_that_was_spelled(own, nzip_cli, tmp_path):
    (tmp_path / "t").write_bytes(TEXT)
    assert nzip_cli("--rm", "--predictor", f"mix:1+ssm:{own}", tmp_path / "t").code == 0
    assert not (tmp_path / "t").exists()


ZERO, ODD = "/dev/zero", ("ssm:", "ssm:%00", "lm:", "lm:%00,lanes=9", "mix:9", "mix:1+mix:1", "mix:1+")
HOSTILE = [
    *(
        f"{head}:{path}"
        for head in (
            "ssm",
            "mix:1+ssm",
            "mix:1+online",
            "mix:1+transformer",
            "lm",
            "mix:1+lm",
            "hf",
            "stranger",
            "mix:1+stranger",
            "theirs",
        )
        for path in (ZERO, "FIFO", "FOLDER", "SECRET", "secret")
    ),
    *ODD,
    "lm:FIFO,window=64",
    "hf:gpt2",
    "mix:1+ssm:..",
    "mix:1+ssm:~",
    "mix:1+ssm:" + "a" * 300,
    "mix:1+stranger:SECRET,1",
    "mix:1+online:ssm%00",
    "mix:1+" + "+".join(["ssm"] * 7),
    "mix:1+ssm:smollm2-135m",
    "lm:smollm2-135m",
    "mix:1+ssm:%E2%80%A8",
]

READER = f"""
import json, sys
sys.path[:0] = [{str(ROOT / "tests")!r}, {str(ROOT / "tests" / "fuzz")!r}]
import hostile_runner, hostile_writer
import nzip
from nzip.predictors import registry
import nzip.predictors.mix.model, nzip.predictors.bare, nzip.predictors.lm.expert
import nzip.predictors.ssm.expert, nzip.predictors.online.expert, nzip.predictors.transformer.expert
hostile_writer.register_toys()
def theirs(argument, experts):
    open(argument).read()
registry.register_predictor("theirs", theirs)
streams = json.load(sys.stdin)
spy = hostile_runner.Spy(hostile_runner.allowed_places())
for stream in streams:
    spy.seen.clear()
    try:
        nzip.decompress(bytes.fromhex(stream))
        said = "nothing"
    except nzip.NzipError as error:
        said = type(error).__name__ if str(error).isprintable() else "more than a line"
    print(json.dumps([said, spy.seen]), flush=True)
"""


def test_nothing_is_opened_however_it_is_spelled(tmp_path):
    """In a process of its own, since an audit hook stays; the hook sees what any code opens, by any way."""
    (tmp_path / "here" / "secret").write_bytes(b"secret")
    os.mkfifo(tmp_path / "fifo")
    wanted, streams = [], []
    for spelling in HOSTILE:
        for word, path in {"SECRET": "here/secret", "FIFO": "fifo", "FOLDER": "here"}.items():
            spelling = spelling.replace(word, str(tmp_path / path))
        terms = spelling.split("+")
        pin = {"weights": "0" * 32}
        for config in (None, pin if len(terms) == 1 else dict.fromkeys(terms[1:], pin)):
            wanted.append(spelling)
            streams.append(spelled(spelling, config).hex())
    ran = subprocess.run(
        [sys.executable, "-c", READER],
        input=json.dumps(streams).encode(),
        capture_output=True,
        cwd=tmp_path / "here",
        env={**os.environ, "PYTHONPATH": str(ROOT), "NZIP_NO_PLUGINS": "1"},
        check=False,
        timeout=300,
    )
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    wrong = [
        (spelling, said)
        for spelling, said in zip(wanted, found, strict=False)
        if said not in (["ModelMismatchError", []], ["CorruptError", []])
    ]
    assert wrong == [] and len(found) == len(wanted), ran.stderr.decode()[-2000:]


def test_two_hundred_experts_are_refused_before_one_is_built(monkeypatch):
    from nzip.predictors.ssm import expert

    monkeypatch.setattr(expert, "create", lambda *a, **k: pytest.fail("built before it was counted"))
    for count in (7, 32, 170):
        spelling = "+".join(["mix:1", *["ssm"] * count])
        with pytest.raises(ModelMismatchError, match="at most|more than"):
            nzip.decompress(spelled(spelling))
        with pytest.raises(NzipError, match="at most|more than"):
            registry.create(spelling)
    assert registry.MAX_EXPERTS == MAX_EXPERTS


def test_a_spelling_that_cannot_be_is_refused_before_anything_is_imported():
    for spelling in ("mix:1+" + "a" * 70, "a" * 5000, "mix:1+ssm:" + "x" * 5000, "+".join("a" * 40)):
        with pytest.raises(NzipError) as caught:
            registry.create(spelling)
        assert len(str(caught.value)) < 400


def test_strangers_are_given_numbers_or_what_they_say_that_they_take(toys, folder):
    seen = []

    def silent(argument):
        seen.append(argument)
        return toys.CountingExpert()

    @model_files.takes_model(
        model_files.ModelKind("toy", lambda data: data.hex(), len, lambda head: head.startswith(b"toy"))
    )
    def declared(argument, data=None):
        seen.append((argument, data))
        return toys.CountingExpert()

    registry.register_expert("silent", silent)
    registry.register_expert("declared", declared)
    try:
        for argument in ("7", "lanes=2,rate=5"):
            registry.create_for_reading(f"mix:1+silent:{argument}")
        for argument in ("name", "7/7", "../7", "-", "1e5", "7.expert", ""):
            with pytest.raises(ModelMismatchError, match="does not say"):
                registry.create_for_reading(f"mix:1+silent:{argument}")
        (folder / "x").write_bytes(b"toy weights")
        pin = {"declared:/dev/zero": {"weights": b"toy weights".hex()}}
        registry.create_for_reading("mix:1+declared:/dev/zero", config=pin)
        with pytest.raises(ModelMismatchError, match="no model file"):
            registry.create_for_reading(
                "mix:1+declared:/dev/zero", config={"declared:/dev/zero": {"weights": "00"}}
            )
    finally:
        registry.unregister("silent")
        registry.unregister("declared")
    assert seen == ["7", "lanes=2,rate=5", ("/dev/zero", b"toy weights")]


def test_a_model_too_large_or_no_regular_file_is_not_read(folder, stream):
    with open(folder / "own.expert", "wb") as file:
        file.truncate(1 << 40)  # a hole
    with pytest.raises(ModelMismatchError, match="no model file"):
        nzip.decompress(stream)
    with pytest.raises(NzipError, match="at most"):
        nzip.decompress(stream, models={"own.expert": folder / "own.expert"})


def test_one_model_of_many_streams_is_hashed_once(folder, own, monkeypatch):
    own.rename(folder / "x.expert")
    whole = nzip.compress(b"few words", predictor=f"mix:1+ssm:{folder}/x.expert", primer=False)
    calls = []
    real = model_files.read_regular
    monkeypatch.setattr(model_files, "read_regular", lambda *a: calls.append(a) or real(*a))
    model_files._digest.cache_clear()
    assert nzip.decompress(whole * 5) == b"few words" * 5
    assert len(calls) <= 6


def test_memory_holds_while_a_predictor_is_made(own, stream):
    with pytest.raises(LimitError, match="memory") as caught:
        nzip.decompress(stream, models={"own.expert": own}, memory=100_000)
    assert caught.value.remedy.option == "memory"
    start = next(parser.pull(io.BytesIO(stream), parser.parse()))
    needed = caught.value.remedy.value
    assert start.passport.config and needed > 0
    with pytest.raises(LimitError):
        list(pipeline.decode_stream(io.BytesIO(stream), models={"own.expert": own}, memory=needed // 2))


def test_the_passport_pins_what_the_search_asks_for(stream, own):
    start = next(parser.pull(io.BytesIO(stream), parser.parse()))
    assert json.dumps(start.passport.config) and str(own) in start.passport.spelling
    from nzip.predictors.ssm.weights import KIND

    assert start.passport.config[f"ssm:{own}"]["weights"] == KIND.digest(own.read_bytes())


@pytest.mark.parametrize("kind", ["gguf", "folder"])
def test_a_language_model_is_found_by_its_hash(kind, folder, tmp_path):
    pytest.importorskip("tokenizers")
    import tiny_llama

    if kind == "gguf":
        pytest.importorskip("gguf")
        model = tiny_llama.write_gguf(tmp_path / "tiny.gguf", "Q4_1")
    else:
        model = tiny_llama.write_folder(tmp_path / "tiny")
    packed = nzip.compress(TEXT[:200], predictor=f"lm:{model},window=32")
    with pytest.raises(ModelMismatchError, match="no model file"):
        nzip.decompress(packed)
    assert nzip.decompress(packed, models={model.name: model}) == TEXT[:200]
    with pytest.raises(LimitError):
        nzip.decompress(packed, models={model.name: model}, memory=100 << 20)
    model.rename(folder / "another name")
    assert nzip.decompress(packed) == TEXT[:200]
