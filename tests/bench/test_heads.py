"""``python -m bench heads`` and ``forms`` on a few kilobytes, and what counts as a fault."""

import json

from click.testing import CliRunner

from bench import cli, forms
from bench.heads import Fault, Kept, faults

TEXT = b"".join(b"what a text of a few lines is like, and this is line %d\n" % n for n in range(60))


def test_a_run_is_kept_and_shown(tmp_path):
    (tmp_path / "a.txt").write_bytes(TEXT)
    out, words = tmp_path / "heads.json", ["heads", str(tmp_path / "a.txt"), "--levels", "1", "--sizes", "1K"]
    ran = CliRunner().invoke(cli.main, [*words, "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    cells = json.loads(out.read_text())["cells"]
    assert list(cells) == ["a.txt 1000 -1 primed", "a.txt 1000 -1 cold"]
    out.write_text(out.read_text().replace(str(cells["a.txt 1000 -1 primed"]), "999"))
    ran = CliRunner().invoke(cli.main, [*words, "--out", str(out), "--against", str(out)])
    assert ran.exit_code == 1 and "-1 larger than cold by" in ran.output and "+0.0%" in ran.output
    (tmp_path / "other.json").write_text("{}")
    ran = CliRunner().invoke(cli.main, [*words, "--out", str(tmp_path / "other.json")])
    assert ran.exit_code == 1 and "no run of heads" in ran.output


def test_what_is_larger_than_it_should_be_is_told_of():
    kept = Kept(None)
    for level, primed, cold in ((1, 1000, 1100), (3, 990, 980), (5, 994, 1000)):
        kept.cells[Kept.key("a", 9, level, True)] = primed
        kept.cells[Kept.key("a", 9, level, False)] = cold
    found = faults([("a", 9)], [1, 3, 5], kept)
    assert [fault[:4] for fault in found] == [Fault("a", 9, "-3", "cold", 0)[:4], ("a", 9, "-5", "-3")]


def test_forms_of_a_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(TEXT)
    out, words = (
        tmp_path / "forms.json",
        ["forms", str(tmp_path / "a.txt"), "--level", "1", "--bytes", "2000"],
    )
    for _ in range(2):  # the second time from what is kept
        ran = CliRunner().invoke(cli.main, [*words, "--out", str(out)])
        assert ran.exit_code == 0 and "a.txt 2000 -1" in ran.output, ran.output
    (row,) = json.loads(out.read_text())["rows"].values()
    assert row["bytes"] == 2000 and row["chosen"] <= min(row["raw"], row["words"])
    assert len(forms.read(tmp_path / "a.txt", 100, skip=5)) <= 105
