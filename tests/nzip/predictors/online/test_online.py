"""The online expert: gradients against torch, the twin, conformance, and that it learns."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_experts import FED, SHAPE, TEXT, random_weights
from support import child_output

from nzip import testing
from nzip.predictors.mix import MixPredictor, fused
from nzip.predictors.online import kernel, network
from nzip.predictors.online.expert import OnlineExpert
from nzip.predictors.online.twin import Twin, _near
from nzip.predictors.ssm import counts
from nzip.predictors.ssm import kernel as ssm_kernel
from nzip.predictors.ssm.expert import SsmExpert
from nzip.predictors.ssm.weights import Shape

TINY = Shape(64, 2, 4, (5, 6, 6, 7, 5, 6, 8))


class TinyOnline(OnlineExpert):
    """From nothing, in a shape that tests can afford."""

    def fresh(self):
        return network.new_run(self.weights, self.rates, span=8, shape=TINY)


def adapted() -> OnlineExpert:
    return OnlineExpert("tests.expert", random_weights())


def fed() -> OnlineExpert:
    return OnlineExpert("tests.expert", random_weights(7, FED))


def all_steps(run, data: bytes) -> np.ndarray:
    out = np.zeros((len(data), 256), np.uint32)
    kernel.steps(run, np.frombuffer(data, np.uint8), out)
    return out


@pytest.mark.parametrize("check", testing.EXPERT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", [TinyOnline, adapted, fed])
def test_conformance(make, check):
    check(make)


@pytest.mark.parametrize(
    "weights", [None, random_weights(5), random_weights(6, FED)], ids=["from nothing", "from weights", "fed"]
)
def test_twin_agrees(weights):
    runs = [network.new_run(weights, (3e-3, 2e-2), span=8, shape=TINY) for _ in range(2)]
    out = all_steps(runs[0], TEXT[:60])
    twin = Twin(runs[1])
    for t, byte in enumerate(TEXT[:60]):
        assert (twin.step(byte) == out[t]).all(), t
    for name in ("mix", "head", "tables", "bytes", "project"):
        assert (getattr(runs[0], name) == getattr(runs[1], name)).all()


@pytest.mark.parametrize("row", [2, 6, 64])
def test_every_width_of_a_table_s_row_is_exact(row):
    """Widths that are no multiple of what a product takes at a time, and rows wider than the network."""
    w = random_weights(6, Shape(64, 1, row, (4, 4, 4, 4, 4, 4, 8)))
    runs = [network.new_run(w, (3e-3, 2e-2), span=8) for _ in range(2)]
    out, twin = all_steps(runs[0], TEXT[:30]), Twin(runs[1])
    assert all((twin.step(byte) == out[t]).all() for t, byte in enumerate(TEXT[:30]))
    assert (runs[0].project == runs[1].project).all() and (runs[0].tables == runs[1].tables).all()


@pytest.mark.parametrize("shape", [SHAPE, FED], ids=["alone", "fed"])
def test_gradients_are_torch_s(shape):
    """One span with autograd on the same network: every parameter's first step of Adam and Adagrad
    follows."""
    torch = pytest.importorskip("torch")
    from nzip.predictors.ssm import contexts

    span, text = 16, np.frombuffer(TEXT[40:57], np.uint8)
    run = network.new_run(random_weights(9, shape), (1e-3, 1e-2), span=span)
    f = np.zeros((span, 256), np.int16)
    counts.take_all(counts.new_counts(), text[:span], f)
    said = torch.from_numpy(f.astype(np.float32))
    for name in (
        "project",
        "mix",
        "out",
        "head",
    ):  # numbers that bfloat16 holds, so that predicting does not round them
        getattr(run, name)[...] = _near(getattr(run, name))
    names = ("bytes", "tables", "project", "mix", "bias", "out", "head", "head_bias")
    p = {n: torch.tensor(getattr(run, n).copy(), requires_grad=True) for n in names}
    rows = np.empty((span, contexts.TABLES), np.int64)
    contexts.rows_of_text(text[:span], contexts.begin(False), run.bits, rows)
    at = torch.from_numpy(rows + run.first)
    width = p["bytes"].shape[1]
    state = [torch.tensor(run.h[l, 0].copy()) for l in range(p["mix"].shape[0])]
    loss = 0

    def bend(v):
        return v / torch.sqrt(1 + v * v)

    for t in range(span):
        seen = p["tables"][at[t]].reshape(-1)
        if shape.fed:
            seen = torch.cat([seen, said[t] * ssm_kernel.FEED_UNIT])
        x = seen @ p["project"] + p["bytes"][int(text[t])]
        for l in range(len(state)):
            u = x / torch.sqrt((x * x).mean() + 1e-4)
            a, c, o = (u @ p["mix"][l] + p["bias"][l]).reshape(3, width)
            state[l] = state[l] + (0.5 + 0.5 * bend(a)) * (bend(c) - state[l])
            x = x + (state[l] * o * (0.5 + 0.5 * bend(o))) @ p["out"][l]
        logits = (x / torch.sqrt((x * x).mean() + 1e-4)) @ p["head"] + p["head_bias"]
        logits = logits + float(run.gain[0]) * said[t]
        loss = loss + torch.nn.functional.cross_entropy(logits[None], torch.tensor([int(text[t + 1])]))
    loss.backward()
    all_steps(run, text.tobytes())  # the last byte completes the span, and learning follows its targets
    for name in ("project", "mix", "bias", "out", "head", "head_bias"):
        own, theirs = getattr(run, name + "_m") / np.float32(0.1), p[name].grad.numpy()
        assert np.abs(own - theirs).max() <= 2e-4 * np.abs(theirs).max() + 1e-6, name
    touched = np.unique(rows + run.first)
    for name, rows_ in (("tables", touched), ("bytes", np.unique(text[:span]))):
        met = np.bincount(
            (rows + run.first).reshape(-1) if name == "tables" else text[:span],
            minlength=len(getattr(run, name)),
        )
        once = [r for r in rows_ if met[r] == 1]
        assert once
        own, theirs = np.sqrt(getattr(run, name + "_v")[once]), np.abs(p[name].grad.numpy()[once])
        assert np.abs(own - theirs).max() <= 2e-4 * theirs.max() + 1e-6, name


def test_predicting_reads_what_torch_calls_bfloat16():
    torch = pytest.importorskip("torch")
    run = network.new_run(random_weights(4), (1e-3, 1e-2), span=8)
    all_steps(run, TEXT[:50])
    for name in ("project", "mix", "out", "head"):
        weight, own = getattr(run, name), getattr(run, name + "_near")
        theirs = (
            torch.from_numpy(weight)
            .to(torch.bfloat16)
            .view(torch.int16)
            .numpy()
            .reshape(-1, weight.shape[-1])
        )
        halves = own.swapaxes(-3, -2).reshape(-1, weight.shape[-1])  # tiles of columns side by side again
        assert ((halves << 16 >> 16) == theirs[::2]).all() and (halves >> 16 == theirs[1::2]).all(), name


@pytest.mark.parametrize("shape", [SHAPE, FED], ids=["alone", "fed"])
def test_without_learning_it_is_the_pretrained_expert(shape):
    w = random_weights(2, shape)
    still = all_steps(network.new_run(w, (0.0, 0.0)), TEXT)
    net = ssm_kernel.make_net(w)
    exact = np.zeros_like(still)
    ssm_kernel.steps(net, ssm_kernel.new_stream(net), np.frombuffer(TEXT, np.uint8), exact)
    assert np.abs(still.astype(np.int64) - exact).max() < 1 << 17  # of 2**24: rounding of activations


def test_it_learns():
    out = all_steps(TinyOnline().fresh(), TEXT * 4)
    cost = -np.log2(out[np.arange(len(TEXT) * 4 - 1), np.frombuffer(TEXT * 4, np.uint8)[1:]] / 2**24)
    assert cost[:200].mean() > 5 and cost[-400:].mean() < 2.5


def test_another_process_and_threads_agree():
    """What learns from nothing, and what goes on learning."""
    makers = (TinyOnline, adapted, fed)
    alone = [all_steps(make().fresh(), TEXT) for make in makers]
    code = (
        "import sys, hashlib; sys.path[:0] = ['tests', 'tests/nzip/predictors/online']\n"
        "from test_online import TEXT, TinyOnline, adapted, all_steps, fed\n"
        "for make in (TinyOnline, adapted, fed):\n"
        "    print(hashlib.sha256(all_steps(make().fresh(), TEXT).tobytes()).hexdigest())"
    )
    assert child_output(code, NZIP_ISA="portable").split() == [
        hashlib.sha256(out.tobytes()).hexdigest() for out in alone
    ]
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(all_steps, make().fresh(), TEXT) for make in makers * 2]
        assert all((job.result() == out).all() for job, out in zip(jobs, alone * 2, strict=True))


def test_the_compiled_loop_codes_as_the_general_one(monkeypatch):
    experts = (SsmExpert("tests.expert", random_weights()), adapted(), TinyOnline())
    for chosen in (experts, experts[1::-1], experts[2:]):
        predictor = MixPredictor(1, chosen, primed=False)
        assert fused.start(chosen) is not None
        fast = predictor.encode(TEXT)
        assert predictor.decode(*fast, len(TEXT)) == TEXT
        with monkeypatch.context() as patch:
            patch.setattr(fused, "start", lambda experts: None)
            assert predictor.encode(TEXT) == fast
            assert predictor.decode(*fast, len(TEXT)) == TEXT
    assert fused.start(experts[:1] * 2) is None


def everything():
    return MixPredictor(1, (adapted(), TinyOnline(), SsmExpert("tests.expert", random_weights())))


@pytest.mark.parametrize("check", [
    testing.predictor_passport, testing.predictor_round_trips, testing.predictor_reports_progress,
    testing.predictor_is_process_safe,
], ids=lambda check: check.__name__)  # fmt: skip
def test_the_mix_with_all_of_them_passes_the_kit(check):
    check(everything)
