"""The measuring code's parts on made-up receipts, and ``nzip bench`` end to end on a few KB."""

import copy
import json
import math
import os
from collections import Counter

import pytest
from support import ROOT

import nzip
from nzip import benchmark
from nzip.benchmark import comparison, corpora, published, results, suites, table, whole
from nzip.benchmark.entropy import entropies
from nzip.benchmark.weights import weights_of
from nzip.cli.main import _guarded as run  # in this process, without its streams and signals
from nzip.options import choose_predictor

ALICE = ROOT / "corpora" / "samples" / "alice29.txt"


# Entropies and weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"abracadabra" * 3, bytes(range(256)) * 2, ALICE.read_bytes()[:3000]])
def test_entropies_by_their_definition(data):
    for order, found in enumerate(entropies(data)):
        pairs = Counter((data[i - order : i], data[i]) for i in range(order, len(data)))
        before = Counter(data[i - order : i] for i in range(order, len(data)))
        bits = -sum(n * math.log2(n / before[context]) for (context, _), n in pairs.items())
        assert found == pytest.approx(bits / (len(data) - order), abs=1e-9)


def test_entropies_of_next_to_nothing():
    assert entropies(b"") == [None, None, None] and entropies(b"a") == [0.0, None, None]


def test_weights_are_what_ships_and_what_is_given(tmp_path):
    primed, cold = (weights_of(choose_predictor(3, None, primer)) for primer in (None, False))
    assert sum(cold.values()) < sum(primed.values()) and "mix/tables.bin" in cold
    assert all(size > 0 for size in primed.values())
    size = (ROOT / "nzip/predictors/ssm/english.expert").stat().st_size
    mixed = weights_of(choose_predictor(None, "mix:3+ssm"))
    assert mixed["english.expert"] == size and mixed["words.expert"] > size
    assert not any(name.startswith("mix/last_") for name in mixed)
    static = {"mix/last_text.i16", "mix/last_words.i16"}
    assert static == {name for name in weights_of(choose_predictor(6)) if name.startswith("mix/last_")}
    online = {"mix/last_text_online.i16", "mix/last_words_online.i16"}
    assert static | online <= set(weights_of(choose_predictor(8)))
    assert weights_of(choose_predictor(None, "ssm")) == {"english.expert": size}
    assert "english.expert" not in weights_of(choose_predictor(None, "mix:3+online"))


# Receipts -------------------------------------------------------------------------------------------------


def receipt(size=200, cpu=(1.0, 1.1), peer_cpu=(2.0, 2.1), version="1.0", name="f"):
    def contender(key, kind, version):
        return {"key": key, "label": key, "kind": kind, "version": version, "command": key, "fixed_bytes": 0}

    def made(key, size, cpu, repeat, **more):
        direction = {"cpu": cpu, "wall": cpu, "peak": 5_000_000, **more}
        return {
            "file": name,
            "contender": key,
            "repeat": repeat,
            "bytes": size,
            "verified": True,
            "error": None,
            "compress": direction,
            "decompress": direction,
        }

    ours = {"startup_cpu": 1.0, "fixed_cpu": 0.0, "process_cpu": 9.0, "idle": 60_000_000}
    return {
        "schema": results.SCHEMA,
        "date": "2026-01-01T00:00:00+00:00",
        "command": "made up",
        "repeat": len(cpu),
        "baseline": "xz",
        "missing": {},
        "machine": {"processor": "cpu", "cores": 2, "memory": 2**33, "system": "Linux", "python": "3.11"},
        "contenders": [
            {**contender("nzip-1", "nzip", "0.1"), "weights": {"a": 30, "b": 70}},
            contender("xz", "peer", version),
        ],
        "files": [{"name": name, "bytes": 1000, "sha256": "00", "entropies": [4.0, 3.0, 2.0]}],
        "runs": [made("nzip-1", size, seconds, i, **ours) for i, seconds in enumerate(cpu)]
        + [made("xz", 300, seconds, i) for i, seconds in enumerate(peer_cpu)],
    }


def test_with_and_without_the_weights():
    rows, _ = results.summaries(receipt(), "xz")
    (ours,) = [row for row in rows if row.kind == "nzip"]
    assert ours.bits_per_byte == pytest.approx(1.6)
    assert ours.bits_per_byte_with_weights == pytest.approx(8 * 300 / 1000)
    shown = table.markdown(receipt(), "xz")
    assert "+ weights" in shown and "| 2.400 |" in shown and "order-1 entropy | 375 | 3.000" in shown


def changes(old, new):
    found = comparison.compare(old, new)
    return found, {(c.label, c.what): c for c in found.changes}


def test_a_byte_more_is_a_regression_and_has_no_noise():
    found, by = changes(receipt(200), receipt(201))
    assert by["nzip-1", "bytes"].worse and by["nzip-1", "bytes"].noise == 0
    assert [change.what for change in found.regressions] == ["bytes"]
    assert changes(receipt(201), receipt(200))[1]["nzip-1", "bytes"].better


def test_a_slower_machine_is_no_regression():
    """All took twice as long, peers of one version as well: that is the machine."""
    found, by = changes(receipt(), receipt(cpu=(2.0, 2.2), peer_cpu=(4.0, 4.2)))
    assert found.drift == pytest.approx(2.0) and not found.regressions
    assert by["nzip-1", "compress"].ratio == pytest.approx(1.0)


def test_what_only_we_lose_is_ours():
    found, by = changes(receipt(), receipt(cpu=(2.0, 2.2)))
    assert by["nzip-1", "compress"].worse and len(found.regressions) == 2
    noisy, _ = changes(receipt(cpu=(0.5, 2.5)), receipt(cpu=(1.0, 3.2)))
    assert not noisy.regressions


def test_without_peers_and_repeats_the_noise_is_unknown():
    found, by = changes(
        receipt(cpu=(1.0,), peer_cpu=(1.0,)), receipt(cpu=(1.2,), peer_cpu=(9.0,), version="2.0")
    )
    assert found.drift is None and by["nzip-1", "compress"].noise == comparison.UNKNOWN
    assert not by["nzip-1", "compress"].worse


def test_receipts_of_nothing_in_common():
    with pytest.raises(results.ResultsError, match="in common"):
        comparison.compare(receipt(), receipt(name="other"))


@pytest.mark.parametrize(
    "content,words",
    [
        (b"{", "no JSON"),
        (b"[]", "no receipt|not a receipt"),
        (b'{"schema": "nzip.bench/2"}', "no whole receipt"),
        (b'{"schema": "nzip.bench/99"}', "not a receipt"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_bad_receipts_are_one_line(tmp_path, content, words, capsys):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    for flag in ("--show", "--compare"):
        assert run(["bench", flag, str(path)]) == 1
        shown = capsys.readouterr()
        assert any(word in shown.err for word in words.split("|")) and shown.err.count("\n") == 1


# Others' figures and the whole of enwik8 ------------------------------------------------------------------


def test_every_published_figure_has_its_source():
    entries = published.published()
    assert {"StateSMix", "Nacrith", "cmix v21"} <= {entry.label for entry in entries}
    for name in ("ts_zip", "NNCP", "paq8px"):
        assert any(entry.label.startswith(name) for entry in entries)
    for entry in entries:
        assert entry.source and 0 < entry.bits_per_byte < 8 and entry.size > 0


def test_theirs_are_marked_as_theirs():
    found = receipt(name="enwik8:1M")
    found["files"][0]["bytes"] = 1_000_000
    shown = table.markdown(found, "xz", theirs=True)
    assert "[StateSMix: theirs]" in shown and "arXiv:2605.02904" in shown
    assert "StateSMix" not in table.markdown(found, "xz")
    assert "no published figures" in table.markdown(receipt(), "xz", theirs=True)


def test_what_all_of_enwik8_would_take():
    found = receipt(name="enwik8:1K")
    found["whole"] = whole.of(found)
    assert found["whole"]["contenders"]["nzip-1"]["compress"] == pytest.approx(1.05 * 1e5)
    assert "All 100,000,000 bytes of enwik8 would take" in table.markdown(found, "xz")
    assert whole.of(receipt()) is None


@pytest.mark.parametrize(
    "seconds,said",
    [
        (0.44, "0.4 s"),
        (12.2, "12 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3599.9, "1 h"),
        (24000, "6 h 40 min"),
    ],
)
def test_durations(seconds, said):
    assert whole.duration(seconds) == said


# Suites ---------------------------------------------------------------------------------------------------


def test_a_beginning_stands_in_for_what_cannot_be_fetched(monkeypatch, tmp_path):
    data = b"wiki" * 500
    pin = corpora.Entry("p", 1000, "sha256:" + __import__("hashlib").sha256(data[:1000]).hexdigest(),
                        "enwik8[0:1000]", "", "", "")  # fmt: skip
    monkeypatch.setattr(suites, "folders", lambda: [tmp_path])
    monkeypatch.setattr(corpora, "manifest", lambda: {"p": pin})
    notes = []

    def fetch(name):
        raise corpora.FetchError("cannot download it (no network)")

    with pytest.raises(suites.SuiteError, match="no network"):
        suites.resolve(["enwik8"], fetch, notes.append)
    (tmp_path / "enwik8_first_2K").write_bytes(data)
    (item,) = suites.resolve(["enwik8"], fetch, notes.append)
    assert (item.name, item.size) == ("enwik8:2000", 2000) and "stand in for it" in notes[0]
    with pytest.raises(suites.SuiteError, match="no network"):
        suites.resolve(["enwik8:3K"], fetch)
    with pytest.raises(suites.SuiteError, match="asks for 200,000,000"):
        suites.resolve(["enwik8:200M"], fetch)


def test_what_is_missing_is_fetched(monkeypatch, tmp_path):
    monkeypatch.setattr(suites, "folders", list)

    def fetch(name):
        path = tmp_path / name
        path.write_bytes(name.encode())
        return path

    found = suites.resolve(["canterbury"], fetch)
    assert [item.read() for item in found] == [name.encode() for name in suites.CANTERBURY]


# The command ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One run over 5 KB: level 1 and gzip. Gives the folder with its receipt."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "text").write_bytes(ALICE.read_bytes()[:5000])
    words = ["bench", "--levels", "1", "--peers", "gzip", "--baseline", "gzip", "-q", "--per-file"]
    assert run([*words, "-o", str(folder / "r.json"), str(folder / "text")]) == 0
    return folder


def test_the_receipt(measured):
    found = results.load(measured / "r.json")
    assert found["schema"] == "nzip.bench/2" and found["machine"]["nzip"] == nzip.__version__
    assert str(measured) not in json.dumps(found)
    (ours,) = [c for c in found["contenders"] if c["kind"] == "nzip"]
    assert sum(ours["weights"].values()) > 10**6 and len(ours["probe"]) == 8
    for made in found["runs"]:
        assert made["verified"] and len(made["packed_sha256"]) == 64
        assert made["compress"]["cpu"] > 0 and made["compress"]["wall"] > 0
    assert found["files"][0]["entropies"] == entropies((measured / "text").read_bytes())


def test_it_is_shown_again_compared_and_drawn(measured, capsys):
    kept = str(measured / "r.json")
    assert run(["bench", "--show", kept, "--compare", kept]) == 0
    out = capsys.readouterr().out
    assert "nzip -1" in out and "order-2 entropy" in out and "0 regressions, 0 improvements" in out
    worse = copy.deepcopy(results.load(measured / "r.json"))
    for made in worse["runs"]:
        made["bytes"] -= made["contender"] == "nzip-1"
    results.save(worse, measured / "old.json")
    assert run(["bench", "--show", kept, "--compare", str(measured / "old.json"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [c["what"] for c in told["compared"]["changes"] if c["worse"]] == ["bytes"]
    pytest.importorskip("matplotlib")
    assert (measured / "r.png").read_bytes().startswith(b"\x89PNG")
    assert run(["bench", "--show", kept, "--picture", str(measured / "p.svg"), "--markdown"]) == 0
    assert "<svg" in (measured / "p.svg").read_text()


@pytest.mark.parametrize(
    "words,said",
    [
        ([], "name files, or a --suite"),
        (["--suite", "calgary"], "no suite"),
        (["--peers", "winzip", "FILE"], "no peer is called winzip"),
        (["--peers", "none", "--levels", "9", "FILE"], "nothing to measure with"),
        (["--predictor", "nonsense", "--peers", "none", "FILE"], "nonsense"),
        (["gone.txt"], "gone.txt is not here"),
        (["--show", "r.json", "FILE"], "takes no FILES"),
        (["--show", "gone.json"], "gone.json"),
        (["--picture", "p.gif", "FILE"], ".png, .svg or .pdf"),
        (["-o", "no/such/r.json", "FILE"], "there is no folder"),
        (["FILE:1M", "--levels", "1", "--peers", "none"], "asks for 1,000,000"),
        (["--repeat", "0", "FILE"], "repeat"),
    ],
)
def test_bad_words_are_one_line(words, said, measured, capsys, monkeypatch):
    monkeypatch.chdir(measured)
    assert run(["bench", "-q", *(word.replace("FILE", "text") for word in words)]) == 1
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1


def test_nothing_is_overwritten_unasked(measured, capsys):
    assert run(["bench", "--show", str(measured / "r.json"), "-o", str(measured / "r.json")]) == 1
    assert "exists (-f to overwrite)" in capsys.readouterr().err


def test_the_library_call(measured):
    found = benchmark.bench([measured / "text"], levels=[], peers=["gzip"], baseline="gzip")
    assert [c["key"] for c in found["contenders"]] == ["gzip"] and nzip.bench is benchmark.bench
    with pytest.raises(nzip.NzipError, match="nothing to measure"):
        nzip.bench()
    with pytest.raises(ValueError, match="repeat"):
        nzip.bench([os.devnull], repeat=0)


def test_one_run_beside_one_peer_says_nothing_of_the_noise():
    """Two ratios of one program happen to agree; both sides ran once."""
    found, by = changes(receipt(cpu=(1.0,), peer_cpu=(1.0,)), receipt(cpu=(1.2,), peer_cpu=(1.0,)))
    assert found.drift == 1.0 and by["nzip-1", "compress"].noise == comparison.UNKNOWN
    assert not found.regressions
    repeated, _ = changes(receipt(cpu=(1.0, 1.01)), receipt(cpu=(1.2, 1.21)))
    assert len(repeated.regressions) == 2
