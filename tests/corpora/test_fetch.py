"""corpora/: shipped samples match the manifest, and the fetcher keeps only what is whole and right."""

import functools
import hashlib
import http.server
import importlib.util
import io
import os
import shutil
import threading
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from nzip import benchmark
from nzip.benchmark import corpora as fetch
from nzip.benchmark import suites

CORPORA = Path(__file__).resolve().parents[2] / "corpora"
spec = importlib.util.spec_from_file_location("corpora_fetch", CORPORA / "fetch.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)

SAMPLES = [entry for entry in fetch.manifest().values() if entry.name.startswith("samples/")]


@pytest.mark.parametrize("entry", SAMPLES, ids=lambda entry: entry.name)
def test_samples_are_what_the_manifest_says(entry):
    assert fetch.verified(CORPORA / entry.name, entry)
    assert entry.licence and entry.where


def test_every_shipped_file_is_in_the_manifest():
    shipped = {f"samples/{path.name}" for path in (CORPORA / "samples").iterdir()}
    assert {name for name in shipped if "LICENCE" not in name and "/." not in name} == {
        e.name for e in SAMPLES
    }
    assert sum(entry.bytes for entry in SAMPLES) < 500_000


def large_corpora() -> Path:
    folder = os.environ.get("NZIP_CORPORA")
    if not folder:
        pytest.skip("NZIP_CORPORA is not set")
    return Path(folder)


def test_slices_and_pins_equal_the_large_corpora():
    folder = large_corpora()
    for entry in fetch.manifest().values():
        if not entry.slice_of:
            continue
        parent, _, span = entry.slice_of.rstrip("]").partition("[")
        start, end = map(int, span.split(":"))
        source = folder / ("enwik8/enwik8_first_4M" if parent == "enwik8" else f"dev/{parent}")
        data = source.read_bytes()[start:end]
        assert len(data) == entry.bytes == end - start
        assert hashlib.sha256(data).hexdigest() == entry.hash.partition(":")[2]
    for name in fetch.CANTERBURY:
        assert fetch.verified(folder / "dev" / name, fetch.manifest()[name])


DATA = bytes(range(256)) * 40


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A manifest of our own over files on a local server: {name: bytes on the server}. Gives a runner."""
    www, target = tmp_path / "www", tmp_path / "got"
    www.mkdir()
    handler = functools.partial(Quiet, directory=str(www))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    entries = {}

    def add(name, right, on_server, file=None):
        if on_server is not None:
            (www / (file or name)).write_bytes(on_server)
        digest = "sha1:" + hashlib.sha1(right).hexdigest()
        entries[name] = fetch.Entry(name, len(right), digest, "", f"{base}/{file or name}", "CC0-1.0", "test")

    monkeypatch.setattr(fetch, "manifest", lambda: entries)

    def run(*arguments):
        return CliRunner().invoke(script.main, [*arguments, "--to", str(target)])

    run.add, run.target, run.entries = add, target, entries
    yield run
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        """As usual, but /cut promises more than it sends."""
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            self.wfile.write(DATA[:1000])
            return
        super().do_GET()


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def left(run):
    return sorted(path.name for path in run.target.iterdir()) if run.target.exists() else []


def test_a_good_file_arrives_once(served):
    served.add("a.txt", DATA, DATA)
    result = served("a.txt")
    assert result.exit_code == 0 and result.output.strip() == str(served.target / "a.txt")
    assert (served.target / "a.txt").read_bytes() == DATA and left(served) == ["a.txt"]
    served.entries["a.txt"] = served.entries["a.txt"]._replace(where="http://127.0.0.1:9/gone")
    assert served("a.txt").exit_code == 0  # verified where it lies, not fetched again


def test_a_zip_is_unpacked(served):
    served.add("big", DATA, zipped("big", DATA), "big.zip")
    assert served("big").exit_code == 0
    assert (served.target / "big").read_bytes() == DATA and left(served) == ["big"]


@pytest.mark.parametrize(
    "on_server,words",
    [
        (DATA[:-1] + b"x", "sha1 differs"),
        (DATA[:-1], "holds 10,239 bytes"),
        (DATA + b"x", "holds more than 10,240 bytes"),
        (b"", "holds 0 bytes"),
        (zipped("other", DATA), "zip archive without"),
        (zipped("a.txt", DATA + b"x" * 10**6), "holds more than"),
        (zipped("a.txt", DATA)[:30] + b"\xff" * 20 + zipped("a.txt", DATA)[50:], "damaged zip"),
        (None, "404"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_and_leaves_nothing(served, on_server, words):
    served.add("a.txt", DATA, on_server)
    result = served("a.txt")
    assert result.exit_code == 1 and words in result.output
    assert result.output.startswith("corpora: ") and result.output.count("\n") == 1
    assert left(served) == []


def test_an_existing_file_survives_a_failed_fetch(served):
    served.add("a.txt", DATA, b"wrong")
    served.target.mkdir()
    (served.target / "a.txt").write_bytes(b"mine")
    assert served("a.txt").exit_code == 1
    assert (served.target / "a.txt").read_bytes() == b"mine" and left(served) == ["a.txt"]


def test_offline_and_broken_off_are_one_line(served):
    served.add("cut", DATA, None)
    served.add("off", DATA, None)
    served.entries["off"] = served.entries["off"]._replace(where="http://127.0.0.1:9/off")
    for name, words in (("cut", "broke off|IncompleteRead"), ("off", "a local copy")):
        result = served(name)
        assert result.exit_code == 1 and result.output.count("\n") == 1
        assert any(word in result.output for word in words.split("|"))
    assert left(served) == []


def test_usage(served):
    served.add("a.txt", DATA, DATA)
    for arguments, words in (
        ((), "name what to fetch"),
        (("nothing",), "not something to fetch"),
        (("a.txt", "a.txt", "--from", __file__), "one name"),
    ):
        result = served(*arguments)
        assert result.exit_code == 1 and words in result.output


def test_local_copy_and_prefix(served, tmp_path):
    served.add("enwik8", DATA, None)
    for n in (1000, 4000):
        digest = "sha256:" + hashlib.sha256(DATA[:n]).hexdigest()
        served.entries[f"first{n}"] = fetch.Entry(
            f"first{n}", n, digest, f"enwik8[0:{n}]", "", "CC0-1.0", "pin"
        )
    local = tmp_path / "local"

    def take(data):
        local.write_bytes(data)
        return served("enwik8", "--from", str(local))

    assert take(DATA).exit_code == 0 and left(served) == ["enwik8"]
    (served.target / "enwik8").unlink()
    assert take(zipped("enwik8", DATA)).exit_code == 0 and left(served) == ["enwik8"]
    (served.target / "enwik8").unlink()

    result = take(DATA[:5000])
    assert result.exit_code == 0 and "first 4,000 are verified" in result.output
    assert (served.target / "enwik8_first_5000").read_bytes() == DATA[:5000]
    result = take(DATA[:1500])
    assert "first 1,000 are verified" in result.output and (served.target / "enwik8_first_1500").exists()
    before = left(served)
    for data, words in (
        (DATA[:999], "needs 1,000"),
        (b"x" + DATA[1:5000], "does not begin as enwik8"),
        (DATA[:3999] + b"xyz", "does not begin as enwik8"),
        (DATA + b"x", "holds more than"),
    ):
        result = take(data)
        assert result.exit_code == 1 and words in result.output and result.output.count("\n") == 1
    assert left(served) == before


def test_the_real_prefix(tmp_path):
    source = large_corpora() / "enwik8" / "enwik8_first_4M"
    result = CliRunner().invoke(script.main, ["enwik8", "--from", str(source), "--to", str(tmp_path)])
    assert result.exit_code == 0 and (tmp_path / "enwik8_first_4M").stat().st_size == 4_000_000
    assert "first 4,000,000 are verified" in result.output


def test_list_names_everything():
    result = CliRunner().invoke(script.main, ["--list"])
    assert result.exit_code == 0
    assert [line.split("\t")[0] for line in result.output.splitlines()] == list(fetch.manifest())


@pytest.mark.skipif(shutil.which("gzip") is None, reason="gzip is measured")
def test_bench_fetches_all_of_enwik8_checks_it_and_measures_it(served, monkeypatch, tmp_path):
    """The way that a machine with a network goes, over a small enwik8 of our own."""
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NZIP_CORPORA", raising=False)
    monkeypatch.setattr(suites, "WHOLE", len(DATA))
    monkeypatch.setattr(suites, "manifest", lambda: served.entries)
    monkeypatch.setattr(suites, "CHECKOUT", tmp_path)
    served.add("enwik8", DATA, zipped("enwik8", DATA[::-1]), "enwik8.zip")
    words = {"suites": ["enwik8"], "levels": [], "peers": ["gzip"]}
    with pytest.raises(suites.SuiteError, match="sha1 differs"):
        benchmark.bench(**words)
    served.add("enwik8", DATA, zipped("enwik8", DATA), "enwik8.zip")
    told, notes = [], []
    found = benchmark.bench(**words, tell=told.append, note=notes.append)
    (file,), (run,) = found["files"], found["runs"]
    assert (file["name"], file["bytes"], run["verified"]) == ("enwik8", len(DATA), True)
    assert file["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert "whole" not in found and notes == [] and any("enwik8" in line for line in told)
    served.entries["enwik8"] = served.entries["enwik8"]._replace(where="http://127.0.0.1:9/gone")
    assert benchmark.bench(**words)["runs"][0]["bytes"] == run["bytes"]  # kept, and checked again
    kept = tmp_path / "cache" / "corpora" / "enwik8"
    kept.write_bytes(DATA[::-1])
    with pytest.raises(suites.SuiteError, match="is not enwik8"):
        benchmark.bench(**words)
