"""Training on a few kilobytes: it learns, goes on after a stop, exports what it is; gradients; text's
variations."""

from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import pytest
from small_experts import TEXT
from support import ROOT

torch = pytest.importorskip("torch")

from nzip import api
from nzip.cli.main import run
from nzip.errors import NzipError
from nzip.io.safe_output import FileError
from nzip.predictors.mix.words.choice import with_lines
from nzip.predictors.mix.words.dictionary import Dictionary, named
from nzip.predictors.ssm import kernel, weights
from nzip.predictors.ssm.expert import SsmExpert
from nzip.predictors.ssm.weights import Shape
from nzip.predictors.transformer import byte_file
from nzip.training import checkpoint, llama_cells, loop, transformer
from nzip.training import text as training_text
from nzip.training.attention import causal_attention
from nzip.training.export import export
from nzip.training.loop import Run, evaluate, rate_at, train
from nzip.training.muon import Muon, orthogonal
from nzip.training.recurrent import Recurrent, from_file
from nzip.training.transformer import Llama, shape_of

torch.set_num_threads(1)
SMALL = Shape(64, 2, 4, (6, 7, 7, 8, 6, 7, 8))
SHORT = Run(total=30_000, lanes=4, span=64, warm_up=10, every=1e9)
PROSE = (ROOT / "corpora/samples/alice29.txt").read_bytes()[:30_000]


def source(**changes):
    return training_text.Source("alice", PROSE, 1.0, "prose", True)._replace(**changes)


def small(words: Dictionary | None = None, fed: bool = False) -> Recurrent:
    torch.manual_seed(5)
    return Recurrent(SMALL._replace(fed=fed), words=words)


def plain(data: bytes) -> training_text.Slice:
    return training_text.Slice(data, len(data))


def test_an_expert_for_words_reads_what_the_mix_codes(tmp_path):
    english = named(1)
    net = small(english)
    log = train(net, [source()], SHORT._replace(momentum=0.9), tmp_path)
    held = training_text.slices_of([source()], english)["prose"]
    raw = training_text.held_out(source())[1]
    form = with_lines(np.frombuffer(raw, np.uint8), english)
    assert held.size == len(raw) and form.undo(np.frombuffer(held.data, np.uint8), len(raw)).tobytes() == raw
    assert form.width and len(held.data) < 0.7 * len(raw)
    # bits per byte of raw text
    assert log[-1]["held"]["prose"] == pytest.approx(evaluate(net, {"x": held})["x"], abs=1e-4) and (
        log[-1]["held"]["prose"] < 3.6
    )
    w = weights.read(export(net, {}))
    assert w.words == english.hash == SsmExpert("x", w).reads
    exact = kernel.make_net(w)
    out = np.zeros((len(held.data), 256), np.uint32)
    data = np.frombuffer(held.data, np.uint8)
    kernel.steps(exact, kernel.new_stream(exact), data, out)
    bits = -np.log2(out[np.arange(len(data) - 1), data[1:]] / 2**24).sum()
    assert bits / held.size == pytest.approx(log[-1]["held"]["prose"], abs=0.02)
    (tmp_path / "x.expert").write_bytes(export(net, {"seen": 7}))
    again, made = from_file(tmp_path / "x.expert")
    assert made == {"seen": 7} and again.words == english
    assert evaluate(again, {"x": held})["x"] == pytest.approx(log[-1]["held"]["prose"], abs=0.02)
    # what is kept goes on, and is the same network
    kept, _ = checkpoint.load(tmp_path)
    assert kept.words == english and checkpoint.pack(kept, {}) == export(net, {})


def test_muon_s_steps_are_orthogonal():
    chance = torch.Generator().manual_seed(1)
    matrices = torch.randn((3, 64, 64), generator=chance)
    u, _, v = torch.linalg.svd(matrices)
    near, best = orthogonal(matrices), u @ v
    assert torch.linalg.svdvals(near).max() < 1.4
    cosine = (near * best).sum((1, 2)) / (near.norm(dim=(1, 2)) * best.norm(dim=(1, 2)))
    assert cosine.min() > 0.9
    matrix = torch.nn.Parameter(torch.zeros(128, 64))
    muon = Muon([matrix], rate=0.1, momentum=0.9)
    matrix.grad = torch.randn((128, 64), generator=chance)
    muon.step(0.5)
    moved = torch.linalg.svdvals(matrix.detach().view(2, 64, 64)) / (0.1 * 0.5 * 0.2 * 8)
    assert moved.max() < 1.4 and moved.median() > 0.6
    assert (matrix.detach() * matrix.grad).sum() < 0


@pytest.mark.parametrize("fed", [False, True], ids=["alone", "fed"])
def test_it_learns_and_the_exact_expert_is_the_network(tmp_path, fed):
    net = small(fed=fed)
    before = evaluate(net, {"x": plain(PROSE[-3000:])})["x"]
    log = train(net, [source()], SHORT, tmp_path)
    after = evaluate(net, {"x": plain(PROSE[-3000:])})["x"]
    assert before > (3 if fed else 7) and after < (3.2 if fed else 4.4) and log[-1]["seen"] >= SHORT.total
    w = weights.read(export(net, {"seed": 1}))
    data = np.frombuffer(PROSE[-3000:], np.uint8)
    stream_net = kernel.make_net(w)
    out = np.zeros((len(data), 256), np.uint32)
    kernel.steps(stream_net, kernel.new_stream(stream_net), data, out)
    exact = -np.log2(out[np.arange(len(data) - 1), data[1:]] / 2**24).mean()
    assert abs(exact - after) < 0.01


def test_the_same_seed_gives_the_same_weights(tmp_path):
    nets = [small(), small()]
    for i, net in enumerate(nets):
        train(net, [source()], SHORT._replace(total=5_000), tmp_path / str(i))
    assert export(nets[0], {}) == export(nets[1], {})


@pytest.mark.parametrize("name", ["log.jsonl", "checkpoint.pt"])
def test_it_goes_on_after_a_checkpoint_that_could_not_be_kept(tmp_path, monkeypatch, name):
    """Whichever of its two files fails, the other alone misleads nobody."""
    true, tried = loop.write_whole, []

    def fails(path, data):
        tried.append(path.name)
        if path.name == name:
            raise FileError(f"{path}: cannot write: no space left on device")
        true(path, data)

    run = SHORT._replace(total=3_000)
    monkeypatch.setattr(loop, "write_whole", fails)
    with pytest.raises(FileError, match="no space left"):
        train(small(), [source()], run, tmp_path)
    monkeypatch.setattr(loop, "write_whole", true)
    log = train(small(), [source()], run, tmp_path)
    assert len(log) == 1 and log[-1]["seen"] >= run.total and name in tried


def test_it_goes_on_after_a_stop(tmp_path):
    stopped = train(small(), [source()], SHORT, tmp_path, deadline=0.0)
    assert 0 < stopped[-1]["seen"] < SHORT.total
    net = small()
    log = train(net, [source()], SHORT, tmp_path)
    assert (
        [e["seen"] for e in log] == sorted(e["seen"] for e in log)
        and len(log) == 2
        and log[-1]["seen"] >= SHORT.total
    )
    with pytest.raises(ValueError, match="another run"):
        train(small(), [source()], SHORT._replace(seed=2), tmp_path)


def test_counts_of_one_piece_are_not_told_of_the_next():
    """What streams say of pieces' beginnings is where the network's counts forget."""
    streams = training_text.Streams([source(), source(name="other")], 2, 3, long=True)
    net = small(fed=True)
    past, read, carried = net.hashes(2), np.zeros((2, 0), np.uint8), [[], []]
    for _ in range(60):
        fresh = streams.next(500)
        carried = [own + [at + read.shape[1] for at in new] for own, new in zip(carried, streams.begins)]
        read = np.concatenate([read, fresh], axis=1)
    assert all(own[0] == 0 and 1 < len(own) < 20 and own == sorted(set(own)) for own in carried)
    whole = net.rows(read, past, carried).fed
    for lane, own in enumerate(carried):
        for at, end in itertools.pairwise([*own, read.shape[1]]):
            alone = net.rows(read[lane : lane + 1, at:end], net.hashes(1)).fed
            assert torch.equal(alone[0], whole[lane, at:end])


def test_a_network_begins_to_be_fed(tmp_path):
    """Weights that knew no counts say at first what they said, and learn from them then."""
    (tmp_path / "x.expert").write_bytes(export(small(), {"seen": 0}))
    alone, fed = from_file(tmp_path / "x.expert")[0], from_file(tmp_path / "x.expert", fed=True)[0]
    assert fed.shape.fed and not alone.shape.fed
    held = {"x": plain(PROSE[-3000:])}
    assert evaluate(fed, held) == evaluate(alone, held)
    train(fed, [source()], SHORT._replace(total=3_000), tmp_path / "run")
    assert fed.gain.item() != 0 and fed.feed.weight.abs().max() > 0
    assert fed.begin.abs().max() > 0 and torch.equal(fed.start(3)[1][2], fed.begin[1])
    (tmp_path / "y.expert").write_bytes(export(fed, {"seen": 3_000}))
    again = from_file(tmp_path / "y.expert")[0]
    assert again.shape.fed and abs(evaluate(again, held)["x"] - evaluate(fed, held)["x"]) < 0.02


def test_the_rate_falls_to_zero():
    rates = [rate_at(done, SHORT) for done in np.linspace(0, 1, 50)]
    assert rates[0] == 1 and rates[-1] == 0 and rates == sorted(rates, reverse=True)


def test_fused_gradients_are_autograd_s():
    """The hand-written backward passes against the same formula in plain torch."""
    net = Recurrent(SMALL, mixed=False)
    symbols = torch.from_numpy(np.frombuffer(TEXT[:48], np.uint8).astype(np.int64)[None])
    rows = net.rows(np.frombuffer(TEXT[:48], np.uint8)[None], net.hashes(1))
    net(symbols, rows, net.start(1)).square().mean().backward()
    fused = {n: p.grad.clone() for n, p in net.named_parameters()}
    net.zero_grad()

    def norm(x):
        return x / torch.sqrt(x.square().mean(-1, keepdim=True) + 1e-4)

    def s(x):
        return x / torch.sqrt(1 + x * x)

    x = net.bytes(symbols) + net.project(
        torch.cat([t(rows.rows[..., i]) for i, t in enumerate(net.tables)], -1)
    )
    for layer in net.layers:
        a, c, o = layer.mix(norm(x)).chunk(3, -1)
        h, states = torch.zeros(1, SMALL.width), []
        for t in range(48):
            h = h + (0.5 + 0.5 * s(a[:, t])) * (s(c[:, t]) - h)
            states.append(h)
        x = x + layer.out(torch.stack(states, 1) * o * (0.5 + 0.5 * s(o)))
    net.head(norm(x)).square().mean().backward()
    for name, parameter in net.named_parameters():
        theirs = parameter.grad
        assert (fused[name] - theirs).abs().max() <= 1e-4 * theirs.abs().max() + 1e-9, name


def test_table_rows_are_dropped_in_training_alone():
    torch.manual_seed(5)
    net = Recurrent(SMALL, mixed=False)
    text = np.frombuffer(TEXT[:48], np.uint8)[None]
    symbols, rows = torch.from_numpy(text.astype(np.int64)), net.rows(text, net.hashes(1))
    whole = net(symbols, rows, net.start(1)).detach()
    net.drop = 0.5
    with torch.no_grad():
        assert torch.equal(net(symbols, rows, net.start(1)), whole)
    net(symbols, rows, net.start(1)).square().mean().backward()
    table = net.tables[0].weight.grad
    met, moved = len(set(rows.rows[0, :, 0].tolist())), int((table.abs().sum(1) > 0).sum())
    assert 0 < moved < met


def test_the_transformer_s_fused_passes_are_the_plain_network():
    """Loss and gradients of the bfloat16 path against float32 autograd over the formulas: what bfloat16's 8
    bits leave."""
    torch.manual_seed(3)
    net = Llama(shape_of(128, 2))
    symbols = torch.from_numpy(np.frombuffer(TEXT[:200], np.uint8).astype(np.int64).reshape(2, 100))
    losses, gradients = [], []
    for mixed in (True, False):
        net.mixed = mixed
        net.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            net(symbols[:, :-1], None, None).reshape(-1, 256), symbols[:, 1:].reshape(-1)
        )
        loss.backward()
        losses.append(loss.item())
        gradients.append({name: p.grad.clone() for name, p in net.named_parameters()})
    assert abs(losses[0] - losses[1]) < 0.005
    for name, exact in gradients[1].items():
        assert (gradients[0][name] - exact).norm() < 0.03 * exact.norm(), name


@pytest.mark.parametrize("kind, near", [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
@pytest.mark.parametrize("t", [1, 5, 128, 300])
def test_attention_by_blocks_is_torch_s(t, kind, near):
    torch.manual_seed(t)
    given = [torch.randn(2, 3, t, 16) for _ in range(4)]
    ours = [x.to(kind, copy=True).requires_grad_() for x in given[:3]]
    theirs = [x.clone().requires_grad_() for x in given[:3]]
    y = causal_attention(*ours)
    plain = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=True)
    y.backward(given[3].to(kind))
    plain.backward(given[3])
    assert y.dtype == kind
    for a, b in zip([y, *(x.grad for x in ours)], [plain, *(x.grad for x in theirs)], strict=True):
        assert (a.float() - b).norm() <= near * b.norm() + 1e-6


@pytest.mark.parametrize(
    "values",
    [[0.0, 1.0, -1.0, 1.00390625, 1.01171875, 3e38, 1e-30, -65504.0], list(np.linspace(-80, 80, 333))],
)
def test_fused_cells_against_torch(values):
    x = torch.tensor(values, dtype=torch.float32)
    codes = np.empty(len(x), np.uint16)
    llama_cells._round(x.numpy(), codes)
    assert np.array_equal(codes, x.bfloat16().view(torch.int16).numpy().view(np.uint16))
    out = np.empty(len(x), np.float32)
    llama_cells._sigmoid(x.numpy(), out)
    assert torch.allclose(torch.from_numpy(out), torch.sigmoid(x.clamp(-60, 60)), rtol=4e-6, atol=0)


def test_a_transformer_learns(tmp_path):
    torch.manual_seed(1)
    net = Llama(shape_of(64, 1))
    log = train(net, [source()], SHORT._replace(rate=3e-3), tmp_path)
    assert log[-1]["held"]["prose"] < 5


def test_an_expert_s_file_is_trained_on(tmp_path):
    torch.manual_seed(2)
    net = Llama(shape_of(64, 2))
    train(net, [source()], SHORT._replace(total=4000), tmp_path / "one")
    (tmp_path / "x.safetensors").write_bytes(transformer.export(net, {"seen": 4000}))
    again, made = transformer.from_file(tmp_path / "x.safetensors")
    assert made == {"seen": 4000}
    for name, tensor in transformer.tensors_of(net).items():
        assert (transformer.tensors_of(again)[name] - tensor).abs().max() <= tensor.abs().max() / 60, name
    held = {"x": plain(PROSE[-3000:])}
    assert abs(evaluate(again, held)["x"] - evaluate(net, held)["x"]) < 0.05
    run_ = SHORT._replace(total=9000, before=4000, rate=1e-3, short=0.5)
    log = train(again, [source()], run_, tmp_path / "two")
    assert log[-1]["seen"] == 4000 + 20 * 256 and log[-1]["held"]["prose"] < evaluate(net, held)["x"] + 0.1
    with pytest.raises(NzipError):
        transformer.from_file(ROOT / "corpora/samples/alice29.txt")


def test_held_out_text_costs_the_same_in_whatever_parts(monkeypatch):
    torch.manual_seed(6)
    net = Llama(shape_of(64, 1), mixed=False)
    net.reach = 100
    slices = {str(n): plain(PROSE[:n]) for n in (0, 1, 2, 99, 100, 101, 250, 1001, 2111)}
    together = evaluate(net, slices)
    monkeypatch.setattr(loop, "_TOGETHER", 1)
    alone = evaluate(net, slices)
    assert together == pytest.approx(alone, rel=1e-5) and together["0"] == together["1"] == 0 < together["2"]


def test_short_spans_are_read_from_nothing(tmp_path):
    """In the run's short part the network gets four times the lanes, of a fourth of the span, and the same
    text."""
    seen = []

    class Spy(Llama):
        def forward(self, symbols, rows, states):
            seen.append(symbols)
            return super().forward(symbols, rows, states)

    for short in (0.0, 1.0):
        torch.manual_seed(3)
        train(Spy(shape_of(64, 1)), [source()], SHORT._replace(total=256, short=short), tmp_path / str(short))
    whole, parts = (next(x for x in seen if x.shape == shape) for shape in ((4, 64), (16, 16)))
    assert torch.equal(whole.reshape(16, 16), parts)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_compiled_training_is_training(tmp_path):
    held = []
    for compiled in (False, True):
        torch.manual_seed(4)
        net = Llama(shape_of(64, 1), mixed=False)
        held.append(
            train(
                net,
                [source()],
                SHORT._replace(rate=3e-3, total=10_000),
                tmp_path / str(compiled),
                compiled=compiled,
            )[-1]["held"]["prose"]
        )
    assert abs(held[0] - held[1]) < 0.02


class TestText:
    def test_variations_keep_the_words(self):
        chance = np.random.default_rng(0)
        seen = set()
        for _ in range(60):
            varied = training_text.vary(PROSE[:2000], True, chance)
            seen.add(varied)
            plain = varied.replace(b"``", b'"').replace(b"''", b'"').translate(None, b"`'\"")
            assert plain.split() == PROSE[:2000].replace(b"``", b'"').translate(None, b"`'\"").split()
        assert len(seen) > 20 and any(b"\r\n" in v for v in seen) and any(b"\r\n" not in v for v in seen)

    def test_variations_keep_letters_of_several_bytes(self):
        # Two of these end in bytes that Latin-1 takes for spaces: Cyrillic r (D0 A0) and kh (D1 85).
        words = ["Рим", "храмы", "хорошо", "à", "例如"]
        text = " ".join(words * 40).encode() + b"\xff \xa0cut\n"
        chance = np.random.default_rng(1)
        for _ in range(20):
            assert training_text.vary(text, True, chance).split() == text.split()

    def test_the_held_out_part_never_trains(self):
        data = b"a\n" * 50_000 + b"z\n" * 5_000
        streams = training_text.Streams([source(data=data, prose=False)], 2, 1)
        assert b"z" not in streams.next(200_000).tobytes()

    def test_streams_follow_the_shares(self):
        sources = [
            source(name="x", data=b"x\n" * 20_000, share=3.0, prose=False),
            source(name="y", data=b"y\n" * 20_000, share=1.0, prose=False),
        ]
        out = training_text.Streams(sources, 4, 2).next(400_000).tobytes()
        assert 0.6 < out.count(b"x") / (out.count(b"x") + out.count(b"y")) < 0.9


class TestCommand:
    def test_train_then_compress(self, tmp_path, capfd):
        log, own = tmp_path / "x.log", tmp_path / "own.expert"
        log.write_bytes(PROSE)
        command = ["train", str(log), "-o", str(own), "--total", "20000", "--width", "64", "--layers", "1"]
        assert run(command) == 0
        said = capfd.readouterr().err
        assert (
            "bits per byte" in said
            and said.count("\n") == 1
            and not (tmp_path / "own.expert.training").exists()
        )
        made = weights.read(own.read_bytes()).made
        assert made["files"] == 1 and made["bytes"] == len(PROSE) and made["seed"] == 1
        packed = api.compress(PROSE[:2000], predictor=f"mix:1+ssm:{own}")
        assert api.decompress(packed, models={"own.expert": own}) == PROSE[:2000]
        assert run(command) == 1 and "-f" in capfd.readouterr().err

    @pytest.mark.parametrize(("arguments", "said"), [
        ([], "name the files"), (["nowhere.txt"], "No such file"), (["FILE"], "too few"),
        (["FILE", "--width", "100"], "multiple of 64"),
    ])  # fmt: skip
    def test_bad_input_is_one_line(self, tmp_path, capfd, arguments, said):
        (tmp_path / "f").write_bytes(b"few")
        arguments = [str(tmp_path / "f") if a == "FILE" else a for a in arguments]
        assert run(["train", *arguments, "-o", str(tmp_path / "o.expert")]) == 1
        err = capfd.readouterr().err
        assert said.lower() in err.lower() and err.count("\n") == 1 and not (tmp_path / "o.expert").exists()

    def test_without_torch_one_line_says_what_to_install(self, tmp_path, capfd, monkeypatch):
        import sys

        monkeypatch.setitem(sys.modules, "torch", None)
        assert run(["train", __file__, "-o", str(tmp_path / "o.expert")]) == 1
        assert "'.[neural]'" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["ssm", "words", "languages", "transformer"])
def test_the_script_trains_exports_measures_and_plots(tmp_path, monkeypatch, kind):
    """scripts/train_expert.py over a corpora folder in miniature."""
    import hashlib
    import importlib.util

    from click.testing import CliRunner

    monkeypatch.syspath_prepend(ROOT / "scripts")
    spec = importlib.util.spec_from_file_location("train_expert", ROOT / "scripts/train_expert.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for folder in ("train", "gathered"):
        (tmp_path / folder).mkdir()
    lines, made = ["path\tsha256"], ["name\tsha256"]
    mixture = script.MIXTURES[kind if kind in script.MIXTURES else "english"]
    for name in mixture:
        data = PROSE[:12_000] + name.encode()
        digest = hashlib.sha256(data).hexdigest()
        if name.startswith("more_"):
            (tmp_path / "gathered" / name).write_bytes(data)
            made.append(f"{name}\t{digest}")
        else:
            (tmp_path / "train" / name).write_bytes(data)
            lines.append(f"train/{name}\t{digest}")
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "made.tsv").write_text("\n".join(made) + "\n")
    monkeypatch.setattr(script, "GATHERED", tmp_path / "made.tsv")
    common = ["--corpora", str(tmp_path), "--folder", str(tmp_path / "run")]
    shape = ["--words", "english", "--fed"] if kind == "words" else []
    if kind in ("languages", "words"):
        common += ["--mixture", kind]
        lacking = CliRunner().invoke(script.main, ["run", *common])
        assert lacking.exit_code == 2 and "--gathered" in lacking.output
        common += ["--gathered", str(tmp_path / "gathered")]
    kind = "transformer" if kind == "transformer" else "ssm"
    shape += [
        "--kind",
        kind,
        "--set",
        "width=64",
        "--set",
        "layers=1",
        "--set",
        "lanes=4",
        "--set",
        "span=32",
    ]
    shape += ["--set", "bits=[5,5,5,5,5,5,8]"] * (kind == "ssm")
    result = CliRunner().invoke(
        script.main, ["run", *common, "--total", "3000", *shape], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert json.loads(result.output.splitlines()[-1])["held"].keys() == {k for _, k, _ in mixture.values()}
    expert = tmp_path / "x.expert"
    result = CliRunner().invoke(
        script.main, ["export", "--folder", str(tmp_path / "run"), "-o", str(expert)], catch_exceptions=False
    )
    made = weights.read(expert.read_bytes()).made if kind == "ssm" else byte_file.read(expert)[1]
    assert result.exit_code == 0 and made["seen"] >= 3000
    loss = CliRunner().invoke(script.main, ["loss", *common, "--bytes", "1500"], catch_exceptions=False)
    rows = [line.split() for line in loss.output.splitlines()[1:]]
    assert {row[0] for row in rows} == {k for _, k, _ in mixture.values()} | {"mean"}
    # Rounded weights and activations cost little, and what they cost is measured, not made up.
    assert all(abs(float(row[2]) - float(row[4])) < 0.02 for row in rows) and any(
        row[2] != row[4] for row in rows
    )
    plot = CliRunner().invoke(
        script.main,
        ["plot", "--folder", str(tmp_path / "run"), "-o", str(tmp_path / "c.png")],
        catch_exceptions=False,
    )
    assert plot.exit_code == 0 and (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    kept = json.loads((tmp_path / "c.json").read_text())
    assert kept["held"].keys() == {k for _, k, _ in mixture.values()}
    again = ["plot", "--curves", str(tmp_path / "c.json"), "-o", str(tmp_path / "d.png")]
    assert CliRunner().invoke(script.main, again, catch_exceptions=False).exit_code == 0
    assert (tmp_path / "d.png").read_bytes() == (tmp_path / "c.png").read_bytes()
    (tmp_path / "train" / "austen.txt").write_bytes(b"another text")
    assert CliRunner().invoke(script.main, ["run", *common, "--total", "3000", *shape]).exit_code == 1
