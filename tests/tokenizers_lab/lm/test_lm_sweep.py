"""The sweep end to end on a small text: matched budgets, resumed arm by arm, one report; and the probes by
hand."""

import json
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

import tokenizers_lab as lab
from tokenizers_lab.datasets import TokenReader, build
from tokenizers_lab.datasets.manifest import Manifest
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.lm import sweep as sweep_module
from tokenizers_lab.lm.model import Llama, Shape
from tokenizers_lab.lm.probes import _IGNORE, pairs, position_accuracy, seq2seq, sequences
from tokenizers_lab.lm.sweep import Sweep, Workshop, run
from tokenizers_lab.report import read_results, write_report
from tokenizers_lab.report.lm_page import _plain, shapes, tables

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TOML = """
name = "small"
files = ["a.txt"]
budget = 24_000
match = "bytes"
sizes = ["tiny"]
held_out = 0.2
document_kib = 2
context = 32
batch = 8
warm_up = 3
half_life = 4096
evaluations = 3
eval_bytes = 4000
final_bytes = 6000
probe = { passage = 8, steps = 3, batch = 4, examples = 8 }
[[arm]]
name = "bytes"
codec = "bytes"
[[arm]]
name = "BPE 400"
vocabulary = { size = 400 }
[[arm]]
name = "EI[16,256]"
codec = "equal-info[b=16,v=256,m1=order-2,train={text}]"
seq2seq = true
[[arm]]
name = "AC"
codec = "ac[m1=order-2,train={text}]"
m1_flops = 6e6
"""


def written(folder, english):
    """The sweep's file in ``folder``, and the text that it names."""
    (folder / "a.txt").write_bytes(english[:60_000])
    (folder / "s.toml").write_text(TOML)
    return folder / "s.toml"


@pytest.fixture
def toml(tmp_path, english):
    return written(tmp_path, english)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, english, one_torch_thread):
    """A folder with a sweep that has run to its end."""
    folder = tmp_path_factory.mktemp("sweep")
    run(Sweep.read(written(folder, english)), folder / "out")
    return folder


@pytest.fixture
def done(finished, tmp_path, toml):
    """Its results beside ``toml``: what is run next goes on from there."""
    shutil.copytree(finished / "out" / "results", tmp_path / "out" / "results")
    return json.loads((finished / "out" / "results.json").read_text())


def test_a_sweep_goes_on_where_it_stopped_and_reports(toml, tmp_path, monkeypatch):
    sweep, steps = Sweep.read(toml), []
    real = sweep_module.train

    def stops(*arguments, **options):
        if len(steps) == 2:
            raise KeyboardInterrupt
        steps.append(arguments[1].name)
        return real(*arguments, **options)

    monkeypatch.setattr(sweep_module, "train", stops)
    with pytest.raises(KeyboardInterrupt):
        run(sweep, tmp_path / "out")
    assert "2 of 4 runs" in (tmp_path / "out" / "report.html").read_text()
    first = json.loads((tmp_path / "out" / "results.json").read_text())["runs"]
    monkeypatch.setattr(sweep_module, "train", real)
    results = run(sweep, tmp_path / "out")
    assert [r["arm"] for r in results["runs"]] == ["bytes", "BPE 400", "EI[16,256]", "AC"] and results[
        "runs"
    ][:2] == first
    monkeypatch.setattr(sweep_module, "train", None)  # all is done: nothing is trained again
    monkeypatch.setattr(sweep_module, "seq2seq", None)
    assert run(sweep, tmp_path / "out") == results
    held = {r["held_out"]["bytes"] for r in results["runs"]}
    assert len(held) == 1  # the same documents for every codec
    for r in results["runs"]:
        assert abs(r["bytes"] - 24_000) <= 0.5 * 32 * 8 * r["bytes"] / r["tokens"] + 1
        assert (
            r["curve"][-1]["bytes"] == r["bytes"] and r["curve"][-1]["tokens"] == r["tokens"]
        )  # seen so far, not judged on
        assert r["held_out"]["bits_per_byte"] > 1 and r["steps"] == r["curve"][-1]["step"]
    plans = [
        json.loads(p.read_text())["identity"]["plan"]
        for p in (tmp_path / "out" / "results").glob("*-tiny-1.json")
    ]
    assert len(plans) == 4 and all(p["half_life"] == 4096 and p["warm_up"] == 3 for p in plans)
    bpe = results["runs"][1]
    assert bpe["vocabulary"] == 401 and bpe["cost"]["m1"] == 0 and results["runs"][3]["cost"]["m1"] == 6e6
    assert set(results["runs"][2]["seq2seq"]) == {"decompress", "compress"}
    assert [p["position"] for p in results["runs"][2]["position_accuracy"]] == [
        "token 1 of the window",
        "token 2 of the window",
    ]
    page = (tmp_path / "out" / "report.html").read_text()
    assert (
        "4 of 4 runs" in page
        and page.count("<svg") == 2
        and "EI[16,256]" in page
        and "learning curves" in page
    )
    assert write_report(read_results(tmp_path / "out" / "results.json")) == page
    claims = {row[0] for row in shapes(results)}
    assert claims == {"AC: nothing is learnt", "EI[16,256] is learnt"}
    table = next(t for t in tables(results) if t.title == "tiny: bits per byte")
    assert len(table.rows) == 4 and all(len(row) == len(t.head) for t in tables(results) for row in t.rows)
    (tmp_path / "out" / "results" / "bytes-tiny-1.json").write_text("{")
    with pytest.raises(DataError, match="measured again"):
        run(sweep, tmp_path / "out")
    toml.write_text(TOML.replace("final_bytes = 6000", "final_bytes = 7000"))
    (tmp_path / "out" / "results" / "bytes-tiny-1.json").unlink()
    monkeypatch.setattr(sweep_module, "train", real)  # its run is complete; it is measured again
    with pytest.raises(LabError, match="another sweep file"):
        run(Sweep.read(toml), tmp_path / "out")


def test_two_at_once_share_the_runs(toml, tmp_path, monkeypatch):
    sweep, trained, real = Sweep.read(toml), [], sweep_module.train

    def counts(data, folder, *rest):
        trained.append((threading.get_ident(), folder.name))
        return real(data, folder, *rest)

    monkeypatch.setattr(sweep_module, "train", counts)
    both = threading.Barrier(2)

    def work(_):
        both.wait()
        return run(sweep, tmp_path / "out")

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(work, range(2))
    assert (
        one == other == json.loads((tmp_path / "out" / "results.json").read_text()) and len(one["runs"]) == 4
    )
    assert sorted(name for _, name in trained) == sorted(
        f"{n}-tiny-1" for n in ("bytes", "BPE_400", "EI_16_256_", "AC")
    )
    assert len({who for who, _ in trained}) == 2


def test_no_held_out_document_teaches_a_vocabulary(toml, tmp_path):
    shop = Workshop(Sweep.read(toml), tmp_path / "out")
    text = shop.text(1 << 20).read_bytes()
    held, learnt = (
        TokenReader(tmp_path / "out" / "data" / "bytes", split) for split in ("held_out", "train")
    )
    assert len(text) == learnt.bytes and all(
        held.document(i).astype(np.uint8).tobytes() not in text for i in range(held.documents)
    )
    assert shop.text(100).read_bytes() == text[:100]


@pytest.mark.parametrize(
    "wanted", ['model = "unigram", size = 400', "size = 400", 'size = 400, objective = "entropy"']
)
def test_a_vocabulary_is_learnt_alike_in_another_folder(toml, tmp_path, wanted):
    """So what was measured on its tokens in the one is taken for the other's."""
    toml.write_text(TOML[: TOML.index("[[arm]]")] + f'[[arm]]\nname = "one"\nvocabulary = {{ {wanted} }}\n')
    sweep = Sweep.read(toml)
    one, other = (
        Manifest.read(Workshop(sweep, tmp_path / name).dataset(sweep.arms[0])) for name in ("out", "other")
    )
    assert one.content_hashes() == other.content_hashes()
    assert 350 < one.data["vocab_size"] <= 401


@pytest.mark.parametrize("match", ["bytes", "tokens", "flops"])
def test_what_is_matched(toml, tmp_path, match):
    toml.write_text(
        TOML.replace('"bytes"\nsizes', f'"{match}"\nsizes').replace(
            "24_000", "5e10" if match == "flops" else "200_000"
        )
    )
    sweep = Sweep.read(toml)
    shop = Workshop(sweep, tmp_path / "out")
    for arm in sweep.arms[:2]:
        data, shape, plan = shop.plan(arm, "tiny", 1)
        reader, tokens = TokenReader(data), plan.steps * 8 * 32
        spent = {
            "bytes": tokens * reader.bytes / reader.tokens,
            "tokens": tokens,
            "flops": 3 * shape.flops() * tokens,
        }[match]
        assert spent == pytest.approx(sweep.budget, rel=0.01)
    rows = shop.estimate({"tiny": 1e9})
    assert rows[0]["hours"] == pytest.approx(rows[0]["flops"] / 3.6e12)


def test_close_arms_get_more_seeds_and_any_a_probe(toml, tmp_path, done):
    """They are planned behind all runs of the first seed, and results that are there stay good."""
    text = TOML.replace(
        "vocabulary = { size = 400 }", "vocabulary = { size = 400 }\nmore_seeds = { tiny = [2, 3, 2] }"
    )
    toml.write_text(text.replace("m1_flops = 6e6", "m1_flops = 6e6\nseq2seq = true"))
    sweep = Sweep.read(toml)
    shop = Workshop(sweep, tmp_path / "out")
    assert [name for name, _ in shop.jobs() if name.startswith("run-")] == [
        f"run-{n}"
        for n in (
            "bytes-tiny-1",
            "BPE_400-tiny-1",
            "EI_16_256_-tiny-1",
            "AC-tiny-1",
            "BPE_400-tiny-2",
            "BPE_400-tiny-3",
        )
    ]
    assert [r["seeds"] for r in shop.estimate({"tiny": 1e9})] == [1, 3, 1, 1]
    more = run(sweep, tmp_path / "out")
    assert set(more["runs"][3].pop("seq2seq")) == {"decompress", "compress"}
    assert more["planned"] == 6 and more["runs"][:4] == done["runs"]
    scores = [r["held_out"]["bits_per_byte"] for r in more["runs"] if r["arm"] == "BPE 400"]
    assert len(set(scores)) == 3
    row = next(
        r for t in tables(more) if t.title == "tiny: bits per byte" for r in t.rows if r[0].startswith("BPE")
    )
    assert row[1] == f"{np.mean(scores):.4f} ± {(max(scores) - min(scores)) / 2:.4f}"


def test_each_size_has_its_rate(toml, tmp_path):
    toml.write_text(
        TOML.replace('sizes = ["tiny"]', 'sizes = ["tiny", "100k"]').replace(
            "warm_up = 3", "warm_up = 3\nrate = { tiny = 0.002, 100k = 0.001 }"
        )
    )
    sweep = Sweep.read(toml)
    shop = Workshop(sweep, tmp_path / "out")
    assert [shop.plan(sweep.arms[0], size, 1)[2].rate for size in sweep.sizes] == [0.002, 0.001]


def test_an_arm_of_some_sizes_is_not_run_at_others(toml, tmp_path):
    everywhere = Sweep.read(toml).arms[3].identity()
    toml.write_text(
        TOML.replace('sizes = ["tiny"]', 'sizes = ["tiny", "100k"]').replace(
            "m1_flops = 6e6", 'm1_flops = 6e6\nseq2seq = true\nsizes = ["tiny"]'
        )
    )
    sweep = Sweep.read(toml)
    shop = Workshop(sweep, tmp_path / "out")
    names = [name for name, _ in shop.jobs()]
    assert (
        "run-AC-tiny-1" in names
        and "probe-AC-tiny-1.compress" in names
        and not [n for n in names if n.startswith(("run-AC-100k", "probe-AC-100k"))]
    )
    assert "run-bytes-100k-1" in names and len(sweep.runs()) == 7
    assert [(r["arm"], r["size"]) for r in shop.estimate({"tiny": 1e9, "100k": 1e9}) if r["arm"] == "AC"] == [
        ("AC", "tiny")
    ]
    assert sweep.arms[3].identity() == everywhere  # so that what was measured stays good


def test_windows_of_one_token_have_an_ablation_of_their_own():
    def found(spelling, bits):
        return {
            "arm": spelling,
            "spelling": spelling,
            "size": "1M",
            "held_out": {"bits_per_byte": bits, "bits_per_token": bits},
            "trivial": {"uniform": 8},
        }

    one, two = "equal-info[b=16,v=65k,m1=order-4]", "equal-info[b=16,v=256,m1=order-4]"
    runs = [
        found(spelling.replace("v=", reset + "v="), bits)
        for spelling, reset, bits in (
            (one, "", 2.0),
            (one, "reset=never,", 2.2),
            (one, "reset=2,", 1.9),
            (two, "", 2.9),
            (two, "reset=never,", 2.3),
        )
    ]
    rows = {row[0]: row[2:] for row in shapes({"runs": runs})}
    assert rows["EI[16,65k]: M1 reset every window before never"] == [
        "yes",
        "2.0000 against 2.2000 bits/byte, +6.000 against +5.800 bits a token below uniform",
    ]
    assert (
        rows["EI[16,65k]: M1 reset every window before every other"][0]
        == rows["EI[16,256]: M1 reset every window before never"][0]
        == "no"
    )


@pytest.mark.parametrize(
    "change, message",
    [
        (("m1_flops = 6e6", 'sizes = ["7B"]'), "arm 'AC': sizes is a list of some of tiny"),
        (("m1_flops = 6e6", 'sizes = "tiny"'), "sizes is a list"),
        (("m1_flops = 6e6", "sizes = [[1]]"), "sizes is a list"),
        (("warm_up = 3", 'rate = "fast"'), "rate is a number above 0, or one for each of tiny"),
        (("warm_up = 3", "rate = { tiny = 0 }"), "rate is a number"),
        (("warm_up = 3", "rate = inf"), "rate is a number"),
        (("warm_up = 3", "rate = { tiny = 1e-3, 4M = 1e-3 }"), "rate is a number"),
        (('match = "bytes"', 'match = "love"'), "match is 'love'"),
        (('["tiny"]', '["7B"]'), "size '7B'"),
        (('["tiny"]', "[]"), "sizes and seeds not empty"),
        (("a.txt", "b.txt"), "no such file"),
        (("budget = 24_000", "budget = 0"), "budget must be above 0"),
        (('codec = "bytes"', ""), "needs either codec or vocabulary"),
        (('name = "AC"', 'name = "bytes"'), "a name of its own"),
        (("warm_up", "warmup"), "unexpected keyword"),
        (
            ("passage = 8", 'passage = 8, ways = ["sideways"]'),
            "ways is a list of some of decompress, compress",
        ),
        (
            ("steps = 3", "steps = { compress = 3 }"),
            "probe: steps is a number above 0, or one for each of decompress, compress",
        ),
        (("steps = 3", "steps = { compress = 3, decompress = 0 }"), "probe: steps"),
        (("steps = 3", 'steps = "3"'), "probe: steps"),
        (("passage = 8", 'sizes = ["1M"]'), "probe: sizes is a list of some of tiny"),
        (("passage = 8", "sizes = 3"), "probe: sizes"),
        (("m1_flops = 6e6", "more_seeds = { 7B = [2] }"), "more_seeds is a table of the sweep's sizes"),
        (("m1_flops = 6e6", "more_seeds = [2]"), "such as { tiny = [2, 3] }"),
        (("m1_flops = 6e6", "more_seeds = { tiny = 2 }"), "such as { tiny = [2, 3] }"),
        (("[[arm]]", "[arm"), "not TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(toml, change, message):
    toml.write_text(TOML.replace(*change))
    with pytest.raises(LabError, match=re.escape(message)) as error:
        Sweep.read(toml)
    assert "\n" not in str(error.value)


def test_a_probe_is_a_job_of_its_own(toml, tmp_path, monkeypatch, done):
    """It comes after the runs of its size, and a stop in it loses no run and no other probe."""
    sweep = Sweep.read(toml)
    assert [name for name, _ in Workshop(sweep, tmp_path / "out").jobs()][-3:] == [
        "run-AC-tiny-1",
        "probe-EI_16_256_-tiny-1.decompress",
        "probe-EI_16_256_-tiny-1.compress",
    ]
    for probe in ('ways = ["compress"]', 'sizes = ["tiny"], ways = ["compress"]', "sizes = []"):
        toml.write_text(TOML.replace("passage = 8", f"passage = 8, {probe}"))
        probes = [
            name
            for name, _ in Workshop(Sweep.read(toml), tmp_path / "out").jobs()
            if name.startswith("probe")
        ]
        assert probes == ["probe-EI_16_256_-tiny-1.compress"] * ("ways" in probe)
    toml.write_text(TOML.replace("steps = 3", "steps = { decompress = 5, compress = 3 }"))
    assert [Sweep.read(toml).probe_settings(way)["steps"] for way in ("decompress", "compress")] == [5, 3]
    assert Sweep.read(toml).probe_settings("compress") == sweep.probe_settings("compress")
    real = sweep_module.seq2seq

    def stops(*arguments, way, **options):
        if way == "compress":
            raise KeyboardInterrupt
        return real(*arguments, way=way, **options)

    for way in ("decompress", "compress"):
        (tmp_path / "out" / "results" / f"EI_16_256_-tiny-1.{way}.json").unlink()
    monkeypatch.setattr(sweep_module, "seq2seq", stops)
    with pytest.raises(KeyboardInterrupt):
        run(sweep, tmp_path / "out")
    kept = json.loads((tmp_path / "out" / "results.json").read_text())["runs"]
    assert len(kept) == 4 and set(kept[2]["seq2seq"]) == {"decompress"}
    monkeypatch.setattr(sweep_module, "seq2seq", real)
    assert (
        run(sweep, tmp_path / "out")["runs"][2]["seq2seq"]["decompress"] == kept[2]["seq2seq"]["decompress"]
    )
    kept = tmp_path / "out" / "results" / "EI_16_256_-tiny-1.compress.json"
    kept.write_text("{")
    with pytest.raises(DataError, match="damaged; remove it"):
        run(sweep, tmp_path / "out")


def test_results_are_gone_on_from_in_another_place(toml, tmp_path, monkeypatch, done):
    """Results alone are enough, wherever the texts and the folder lie: datasets are built anew, and are the
    same."""
    monkeypatch.setattr(sweep_module, "train", None)
    monkeypatch.setattr(sweep_module, "seq2seq", None)
    assert run(Sweep.read(toml), tmp_path / "out") == done
    with open(tmp_path / "a.txt", "ab") as file:
        file.write(b"More text, so other datasets. " * 400)
    shutil.rmtree(tmp_path / "out" / "data")
    with pytest.raises(LabError, match="another sweep file"):
        run(Sweep.read(toml), tmp_path / "out")


def test_pairs_of_the_seq2seq_probe(tmp_path, english):
    (tmp_path / "a.txt").write_bytes(english[:20_000])
    build("bytes", [tmp_path / "a.txt"], tmp_path / "d", workers=1)
    reader, codec = TokenReader(tmp_path / "d"), lab.load("equal-info[b=16,v=256,m1=order-2]")
    examples = pairs(codec, reader, 10, 5, 1, "decompress")
    for source, target in examples:
        assert (
            codec.decode(source) == target.astype(np.uint8).tobytes()
            and target.astype(np.uint8).tobytes() in english
        )
    x, y = sequences(examples, 256, 40, blind=False)
    source, target = examples[0]
    n, m = len(source), len(target)
    assert (
        (x[0, :n] - 257).tolist() == source.tolist()
        and x[0, n] == 256
        and x[0, n + 1 : n + m].tolist() == target[:-1].tolist()
    )
    assert (
        y[0, n : n + m].tolist() == target.tolist()
        and (y[0, :n] == _IGNORE).all()
        and (y[0, n + m :] == _IGNORE).all()
    )
    x, y = sequences(examples, 256, 40, blind=True)
    assert (
        x[0, 0] == 256
        and x[0, 1:m].tolist() == target[:-1].tolist()
        and y[0, :m].tolist() == target.tolist()
        and (y[0, m:] == _IGNORE).all()
    )
    swapped = pairs(codec, reader, 10, 5, 1, "compress")
    assert swapped[0][0].tolist() == target.tolist() and swapped[0][1].tolist() == source.tolist()
    with pytest.raises(LabError, match="decompress or compress"):
        seq2seq(codec, reader, reader, size="tiny", way="sideways")


@pytest.mark.slow
def test_the_seq2seq_probe_sees_a_source_that_can_be_read(tmp_path, english):
    """The identity codec: a small model learns to copy, and cannot where the source is hidden."""
    (tmp_path / "a.txt").write_bytes(
        np.random.default_rng(0).integers(97, 101, 200_000).astype(np.uint8).tobytes()
    )
    build("bytes", [tmp_path / "a.txt"], tmp_path / "d", workers=1, held_out=0.2, document_bytes=4096)
    found = seq2seq(
        lab.load("bytes"),
        TokenReader(tmp_path / "d"),
        TokenReader(tmp_path / "d", "held_out"),
        size="100k",
        way="decompress",
        passage=8,
        steps=700,
        batch=64,
        rate=3e-3,
        examples=64,
    )
    assert found["accuracy"] > 0.9 and found["blind"] < 0.35
    assert [step for step, _ in found["curve"]] == [175, 350, 525, 700] and found["blind_curve"][-1] == [
        700,
        found["blind"],
    ]


def test_accuracy_by_position_counts_each_token_once(tmp_path, english):
    (tmp_path / "a.txt").write_bytes(english[:20_000])
    build(
        "equal-info[b=32,v=256,m1=order-2]",
        [tmp_path / "a.txt"],
        tmp_path / "d",
        workers=1,
        document_bytes=2048,
    )
    reader = TokenReader(tmp_path / "d")
    rows = position_accuracy(Llama(Shape.named("tiny", reader.vocab_size, 32)), reader, 5000)
    documents = int(np.searchsorted(reader.byte_ends, 5000, side="right")) - 1
    assert len(rows) == 4 and sum(r["tokens"] for r in rows) == reader.ends[documents] - documents
    assert all(0 <= r["accuracy"] <= 1 for r in rows)


def test_spellings_without_their_m1():
    assert _plain("equal-info[b=16,v=65k,m1=order-3,train={text}]") == "equal-info b=16 v=65k"
    assert (
        _plain("ac[m1=order-3]") == "ac"
        and _plain("equal-info[reset=never,b=16,v=256]") == "equal-info b=16 v=256 reset=never"
    )


def test_a_reduced_equal_info_vocabulary(english):
    whole, kept = (
        lab.load("equal-info[b=16,v=65k,m1=order-2]"),
        lab.load("equal-info[b=16,v=65k,m1=order-2,keep=1024]"),
    )
    assert (
        kept.vocab_size == 1024
        and set(kept.strings) <= set(whole.strings)
        and kept.fingerprint() != whole.fingerprint()
    )
    text = english[:5000] + bytes(range(256))
    assert kept.decode(kept.encode(text)) == text and len(whole.encode(text)) < len(kept.encode(text)) < len(
        text
    )
    for bad in ("keep=100", "keep=1024,b=32", "keep=1024,v=256"):
        with pytest.raises(LabError, match="keep is for"):
            lab.load(f"equal-info[{bad}{'' if 'b=' in bad else ',b=16'},m1=order-2]")
