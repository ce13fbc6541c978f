"""How fast bytes are priced: the command over a few hundred bytes of a toy."""

import json

from click.testing import CliRunner
from support import ROOT

from bench.cli import main


def test_the_command(toys, tmp_path):
    path, out = tmp_path / "t.txt", tmp_path / "c.json"
    path.write_bytes((ROOT / "corpora" / "samples" / "alice29.txt").read_bytes()[:600])
    words = ["costs", "--predictors", "count", "--rows", "300", "--turns", "1", "--out", str(out), str(path)]
    ran = CliRunner().invoke(main, words)
    assert ran.exit_code == 0 and "count" in ran.output, ran.output
    (row,) = json.loads(out.read_text())["rows"]
    assert (row["bytes"], row["rows_of"]) == (600, 300)
    assert all(row[name] > 0 for name in ("code", "price", "code_short", "distribute"))
    ran = CliRunner().invoke(main, ["costs", "--predictors", "nosuch", str(path)])
    assert ran.exit_code == 1 and "nosuch" in ran.output
