"""Training and judging language models: resumed runs, stopped runs, exact bytes, and bits per byte against
plain loops."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from support import ROOT

torch = pytest.importorskip("torch")

import itertools

from tokenizers_lab.datasets import TokenReader, build
from tokenizers_lab.errors import AccountingError, DataError, LabError
from tokenizers_lab.lm.batches import Batches
from tokenizers_lab.lm.evaluation import account, evaluate, trivial
from tokenizers_lab.lm.flops import cost, m1_flops
from tokenizers_lab.lm.model import Llama, Shape
from tokenizers_lab.lm.runs import Plan, Run
from tokenizers_lab.lm.training import optimiser, rate_at, train

PLAN = Plan(8, batch=4, rate=3e-3, warm_up=2, evaluations=3, eval_bytes=5000)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory, english, one_torch_thread):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "a.txt").write_bytes(english[:60_000])
    build("bytes", [folder / "a.txt"], folder / "bytes", held_out=0.25, document_bytes=2048, workers=1)
    build("gzip", [folder / "a.txt"], folder / "gzip", held_out=0.25, document_bytes=2048, workers=1)
    build(
        "equal-info[b=16,v=65k,m1=order-2]",
        [folder / "a.txt"],
        folder / "ei",
        held_out=0.25,
        document_bytes=2048,
        workers=1,
    )
    return folder


def shape_of(folder, context=32):
    return Shape.named("tiny", TokenReader(folder).vocab_size, context)


def test_a_stopped_run_goes_on_to_the_same_losses(data, tmp_path):
    shape, handler = shape_of(data / "bytes"), signal.getsignal(signal.SIGINT)
    whole = train(data / "bytes", tmp_path / "whole", shape, PLAN)
    assert len(whole["losses"]) == 8 and whole["losses"][-1] < whole["losses"][0] - 0.1

    def stop_at(step):
        return lambda f: signal.raise_signal(signal.SIGINT) if f["step"] == step else None

    for step in (2, 5):
        with pytest.raises(KeyboardInterrupt):
            train(data / "bytes", tmp_path / "parts", shape, PLAN, stop_at(step))
        assert Run.read(tmp_path / "parts").checkpoint()["step"] == step + 1
    parts = train(data / "bytes", tmp_path / "parts", shape, PLAN)
    assert parts["losses"] == whole["losses"] and parts["curve"] == whole["curve"]
    a, b = (Run.read(tmp_path / name).model().state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert signal.getsignal(signal.SIGINT) == handler
    assert (
        train(data / "bytes", tmp_path / "parts", shape, PLAN)["losses"] == whole["losses"]
    )  # complete: nothing happens
    lines = [json.loads(x) for x in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [x["loss"] for x in lines if "loss" in x] == whole["losses"]


def test_bfloat16_products_train_alike_and_do_not_mix_with_float32(data, tmp_path):
    shape, half = shape_of(data / "bytes"), replace(PLAN, precision="bfloat16")
    exact = train(data / "bytes", tmp_path / "exact", shape, PLAN)["losses"]
    near = train(data / "bytes", tmp_path / "near", shape, half)["losses"]
    assert near != exact and near == pytest.approx(exact, abs=0.02)
    with pytest.raises(LabError, match="its plan differs"):
        train(data / "bytes", tmp_path / "exact", shape, half)
    with pytest.raises(LabError, match="precision 'int8'"):
        replace(PLAN, precision="int8")
    kept = tmp_path / "exact" / "run.json"  # a run from before there was a choice goes on
    old = json.loads(kept.read_text())
    del old["plan"]["precision"]
    kept.write_text(json.dumps(old))
    assert train(data / "bytes", tmp_path / "exact", shape, PLAN)["losses"] == exact


@pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler: apt install g++")
@pytest.mark.slow
def test_compiled_training_comes_to_the_same_losses_and_resumes_to_them(data, tmp_path, monkeypatch):
    shape, compiled = shape_of(data / "bytes"), replace(PLAN, compiled=True)
    plain = train(data / "bytes", tmp_path / "plain", shape, PLAN)["losses"]
    fused = train(data / "bytes", tmp_path / "fused", shape, compiled)["losses"]
    assert fused == pytest.approx(plain, abs=2e-3)
    with pytest.raises(KeyboardInterrupt):
        train(
            data / "bytes",
            tmp_path / "parts",
            shape,
            compiled,
            lambda f: signal.raise_signal(signal.SIGINT) if f["step"] == 2 else None,
        )
    assert train(data / "bytes", tmp_path / "parts", shape, compiled)["losses"] == fused
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    with pytest.raises(LabError, match=r"needs a C\+\+ compiler.*install g\+\+"):
        train(data / "bytes", tmp_path / "none", shape, compiled)


def test_a_loss_that_is_no_number_stops_with_its_step(data, tmp_path):
    with pytest.raises(LabError, match=r"step [23]: .*(nan|inf).*lower rate than 1e\+30"):
        train(data / "bytes", tmp_path / "run", shape_of(data / "bytes"), replace(PLAN, rate=1e30, warm_up=0))


def test_a_checkpoint_is_written_whole_or_not_at_all(data, tmp_path, monkeypatch):
    shape = shape_of(data / "bytes")
    train(data / "bytes", tmp_path / "run", shape, PLAN)
    run = Run.read(tmp_path / "run")
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(LabError, match="no space left"):
            run.save(run.checkpoint())
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before
    assert sorted(os.listdir(tmp_path / "run")) == ["checkpoint.pt", "codec.bin", "log.jsonl", "run.json"]
    (tmp_path / "run" / "checkpoint.pt").write_bytes(before[:1000])
    with pytest.raises(DataError, match="remove it to begin anew"):
        run.model()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(DataError, match="damaged"):
        Run.read(tmp_path / "run")


def test_another_run_in_the_folder_is_refused(data, tmp_path):
    reader = TokenReader(data / "bytes")
    Run.create(tmp_path / "run", shape_of(data / "bytes"), PLAN, reader)
    with pytest.raises(LabError, match="its plan differs"):
        Run.create(tmp_path / "run", shape_of(data / "bytes"), replace(PLAN, seed=2), reader)
    with pytest.raises(LabError, match="its shape differs"):
        Run.create(tmp_path / "run", shape_of(data / "bytes", 16), PLAN, reader)
    with pytest.raises(LabError, match="holds no run"):
        Run.create(data, shape_of(data / "bytes"), PLAN, reader)
    with pytest.raises(LabError, match="a vocabulary of 300"):
        train(data / "bytes", tmp_path / "new", Shape.named("tiny", 300, 32), PLAN)
    with pytest.raises(LabError, match="fewer than a context"):
        train(data / "bytes", tmp_path / "new", shape_of(data / "bytes", 1 << 17), PLAN)


def test_batches_are_a_permutation_of_the_blocks_shared_by_ranks(data):
    reader = TokenReader(data / "bytes")
    batches, again = Batches(reader, 64, 8, 7), Batches(reader, 64, 8, 7)
    seen = torch.cat([batches(i)[0] for i in range(batches.blocks // 8)])
    firsts = {tuple(row.tolist()) for row in seen}
    blocks = {tuple(reader.read(i * 64, i * 64 + 64).tolist()) for i in range(batches.blocks)}
    assert len(firsts) == len(seen) and firsts <= blocks
    for step in (batches.blocks // 8 + 1, 3):  # in any order, over the epoch's end
        x, y = again(step)
        shares = [Batches(reader, 64, 8, 7)(step, rank, 2) for rank in range(2)]
        assert torch.equal(torch.cat([s[0] for s in shares]), x) and torch.equal(
            torch.cat([s[1] for s in shares]), y
        )
        assert torch.equal(x[:, 1:], y[:, :-1])


@pytest.mark.parametrize(
    ("name", "stride"), [("bytes", None), ("bytes", 32), ("bytes", 7), ("gzip", 7), ("ei", None)]
)
def test_bits_per_byte_against_a_plain_loop(data, name, stride):
    torch.manual_seed(3)
    reader = TokenReader(data / name, "held_out")
    model = Llama(Shape.named("tiny", reader.vocab_size, 32)).eval()
    at_most = 2100
    score = evaluate(model, reader, at_most=at_most, stride=stride)
    documents = next(k for k in range(reader.documents) if reader.docs[: k + 1, 2].sum() > at_most) or 1
    tokens = reader.read(0, int(reader.ends[documents])).tolist()
    assert (
        score.bytes == reader.docs[:documents, 2].sum()
        and score.tokens == len(tokens)
        and score.ends == documents
    )
    stream, total, correct = [reader.eos, *tokens], 0.0, 0
    step = stride or 16
    with torch.no_grad():
        for i, token in enumerate(tokens):
            if i < 32:
                start = 0
            else:  # the end of the stretch of new targets that i lies in
                end = min(32 + ((i - 32) // step + 1) * step, len(tokens))
                start = end - 32
            logits = model(torch.tensor([stream[start : i + 1]]))[0, -1]
            total -= float(logits.double().log_softmax(-1)[token])
            correct += int(logits.argmax()) == token
    assert score.bits == pytest.approx(total / math.log(2), rel=1e-5) and score.correct == correct
    assert score.bits_per_byte == score.bits / score.bytes


def test_no_figure_where_bytes_do_not_add_up(data):
    for name in ("bytes", "gzip"):
        reader = TokenReader(data / name, "held_out")
        assert account(reader, 2) == reader.docs[:2, 2].sum()
        reader = TokenReader(data / name, "held_out")
        reader.docs[1, 2] += 1
        model = Llama(Shape.named("tiny", reader.vocab_size, 32))
        with pytest.raises(AccountingError, match="no bits per byte"):
            evaluate(model, reader)


def test_trivial_models_and_cost(data):
    train_split, held = TokenReader(data / "bytes"), TokenReader(data / "bytes", "held_out")
    figures = trivial(train_split, held, 4000)
    assert figures["uniform"] == pytest.approx(math.log2(257)) and 4 < figures["unigram"] < 5.5
    shape = Shape.named("4M", 257, 512)
    model = Llama(shape)
    assert shape.parameters == sum(
        p.numel() for n, p in model.named_parameters() if not n.startswith(("embed", "head"))
    )
    assert 3.9e6 < shape.parameters < 4.1e6 and 0.95e6 < Shape.named("1M", 257).parameters < 1.05e6
    spent = cost(shape, train_split, m1=1e6)
    ratio = train_split.tokens / train_split.bytes
    assert spent["with_m1"] == pytest.approx(spent["model"] + 1e6) and spent["body"] == pytest.approx(
        ratio * shape.flops(False)
    )
    assert spent["model"] - spent["body"] == pytest.approx(ratio * 2 * 257 * 256)
    assert m1_flops(TokenReader(data / "ei").codec) == 0.0
    with pytest.raises(LabError, match="known are"):
        Shape.named("7B", 257)


def test_rates_rise_and_fall():
    plan = Plan(100, rate=1.0, warm_up=10)
    rates = [rate_at(i, plan) for i in range(101)]
    assert rates[0] == 0.1 and rates[9] == rates[10] == 1.0 and rates[100] == pytest.approx(0.1)
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))


def test_the_second_moment_forgets_by_tokens_whatever_the_batch():
    shape = Shape.named("tiny", 10, 64)
    model = Llama(shape)
    for batch in (1, 2, 4):
        for group in optimiser(model, Plan(1, batch, half_life=4096)).param_groups:
            assert group["betas"][0] == 0.9 and group["betas"][1] ** (4096 / (batch * 64)) == pytest.approx(
                0.5
            )
    assert (
        optimiser(model, Plan(1, 64, half_life=4096)).param_groups[0]["betas"][1] == 0.95
    )  # no average of a few steps
    assert optimiser(Llama(Shape.named("tiny", 10, 512)), Plan(1)).param_groups[0]["betas"][
        1
    ] == pytest.approx(0.9786, abs=1e-4)
    with pytest.raises(LabError, match="half-life above 0"):
        Plan(1, half_life=0)


def test_the_loss_is_that_of_the_logits():
    torch.manual_seed(1)
    model = Llama(Shape.named("tiny", 40, 16))
    x, y = torch.randint(40, (3, 16)), torch.randint(40, (3, 16))
    y[0, :5] = -100  # has no loss, as in the probes
    own = -torch.log_softmax(model(x).double(), -1).gather(-1, y.clamp(min=0)[..., None])[..., 0]
    assert float(model(x, y)) == pytest.approx(float(own[y >= 0].sum()), rel=1e-5)


def test_logits_in_parts_give_the_same_gradients(data, monkeypatch):
    from tokenizers_lab.lm import training

    torch.manual_seed(1)
    reader = TokenReader(data / "bytes")
    model = Llama(Shape.named("tiny", reader.vocab_size, 32))
    x, y = Batches(reader, 32, 6, 1)(0)
    found = []
    for rows in (1 << 25, 257 * 32 * 2, 1):
        monkeypatch.setattr(training, "ROWS", rows)
        model.zero_grad()
        loss = training.gradients(model, x, y, 257, torch.device("cpu"))
        found.append((float(loss), model.head.weight.grad.clone()))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-6) and torch.allclose(
            gradient, found[0][1], atol=1e-7
        )


@pytest.mark.slow
def test_two_processes_of_torchrun_train_as_one(data, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    arguments = [
        "--size",
        "tiny",
        "--context",
        "32",
        "--batch",
        "4",
        "--steps",
        "12",
        "--warm-up",
        "2",
        "--seed",
        "3",
    ]

    def lab(*launcher, output, steps=None):
        return subprocess.run(
            [
                sys.executable,
                "-m",
                *launcher,
                "lm",
                "train",
                str(data / "bytes"),
                "-o",
                str(output),
                *arguments,
            ],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    one = lab("tokenizers_lab", output=tmp_path / "one")
    assert one.returncode == 0, one.stderr
    two = lab(
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        "-m",
        "tokenizers_lab",
        output=tmp_path / "two",
    )
    assert two.returncode == 0, two.stderr
    a, b = (Run.read(tmp_path / name).checkpoint() for name in ("one", "two"))
    assert np.allclose(a["losses"], b["losses"], rtol=1e-4) and a["losses"][0] == pytest.approx(
        b["losses"][0], rel=1e-6
    )
    assert all(torch.allclose(a["model"][k], b["model"][k], atol=1e-4) for k in a["model"])
    assert sorted(os.listdir(tmp_path / "two")) == ["checkpoint.pt", "codec.bin", "log.jsonl", "run.json"]
