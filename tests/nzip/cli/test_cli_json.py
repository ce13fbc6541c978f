"""``--json``: one object with a schema and its version, from every verb that prints; failures stand in it."""

import json

import pytest

import nzip
from nzip import levels
from nzip.levels import Level


@pytest.fixture(autouse=True)
def toy_by_default(toys, monkeypatch):
    monkeypatch.setitem(levels.LEVELS, 3, Level("toy", "a toy"))
    monkeypatch.setitem(levels.LEVELS, 1, Level("toy:1", "another"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"All work and no play makes Jack a dull boy.\n" * 100)
    return path


def told(ran, verb):
    value = json.loads(ran.out)
    assert value["schema"] == f"nzip.{verb}/1"
    return value


def test_compress_test_and_decompress(nzip_cli, file, tmp_path):
    ran = nzip_cli("compress", "--json", file, tmp_path / "gone")
    packed = tmp_path / "notes.txt.nz"
    good, bad = told(ran, "compress")["files"]
    assert ran.code == 1 and bad["exit_code"] == 1 and "no such file" in bad["error"]
    assert good["file"] == str(file) and good["output"] == str(packed) and good["predictor"] == "toy"
    assert good["size"] == 4400 and good["compressed"] == packed.stat().st_size
    assert good["bits_per_byte"] == 8 * good["compressed"] / 4400
    assert good["ratio"] == 4400 / good["compressed"] and good["error"] is None and good["seconds"] > 0
    damaged = tmp_path / "d.nz"
    damaged.write_bytes(packed.read_bytes()[:-30])
    ran = nzip_cli("test", "--json", packed, damaged)
    first, second = told(ran, "test")["files"]
    assert ran.code == 2 and first["size"] == 4400 and second["exit_code"] == 2
    (row,) = told(nzip_cli("decompress", "-f", "--json", packed), "decompress")["files"]
    assert (row["size"], row["output"]) == (4400, str(file))
    (row,) = told(nzip_cli("decompress", "-f", "--recover", "--json", packed), "decompress")["files"]
    assert row["exit_code"] == 0


@pytest.mark.parametrize("words", [["compress", "-c"], ["compress", "-o", "-"], ["decompress", "-c"]])
def test_standard_output_is_for_one_thing(nzip_cli, file, words):
    ran = nzip_cli(*words, "--json", file)
    assert ran.code == 1 and not ran.out and "give one of them" in ran.err
    ran = nzip_cli("compress", "--json", input=b"data")
    assert ran.code == 1 and "name an output" in ran.err


def test_list_has_ratio_and_primer(nzip_cli, file, tmp_path):
    text = b"The quick brown fox said that she would come to the house in the evening. " * 30
    path = tmp_path / "t.nz"
    path.write_bytes(nzip.compress(text, predictor="mix:1"))
    (row,) = told(nzip_cli("list", "--json", path), "list")["files"]
    assert row["ratio"] == len(text) / path.stat().st_size
    assert row["primers"] == nzip.contents(path).primers and len(row["primers"]) <= 1
    shown = nzip_cli("list", path).out.decode()
    assert "ratio" in shown and "primer" in shown and f"{row['ratio']:.2f}" in shown
    empty = tmp_path / "e.nz"
    empty.write_bytes(nzip.compress(b"", predictor="mix:1"))
    (row,) = told(nzip_cli("list", "--json", empty), "list")["files"]
    assert row["ratio"] is None and row["primers"] == []


@pytest.mark.parametrize(
    "words,verb,key",
    [
        (["levels"], "levels", "levels"),
        (["primer", "list"], "primer-list", "primers"),
        (["model", "list"], "model-list", "models"),
        (["cache"], "cache", "kinds"),
        (["measure", "FILE"], "measure", "files"),
        (["diagnose", "FILE.nz"], "diagnose", "files"),
        (["list", "FILE.nz"], "list", "files"),
    ],
)
def test_every_verb_that_prints(nzip_cli, file, words, verb, key):
    assert nzip_cli("compress", "-q", file).code == 0
    ran = nzip_cli(*(word.replace("FILE", str(file)) for word in words), "--json")
    assert ran.code == 0 and isinstance(told(ran, verb)[key], list)


def test_no_verb_that_prints_lacks_it():
    """Verbs that print to standard output have --json, but for those whose output is the data or a script."""
    import click

    from nzip.cli.main import cli

    def commands(group, path=()):
        context = click.Context(group, help_option_names=["-h", "--help"])
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            if isinstance(found, click.Group):
                yield from commands(found, (*path, name))
            else:
                yield " ".join((*path, name)), found

    lacking = {
        name
        for name, command in commands(cli)
        if not any("--json" in option.opts for option in command.params)
    }
    assert lacking <= {"cat", "gzip-style", "completion", "manual", "model fetch", "primer train", "train"}
