"""The language model's table, on a tiny model: its columns are what the coders write."""

import json

import pytest
import tiny_llama
from click.testing import CliRunner

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from bench import lm
from nzip.predictors.lm.expert import LmExpert
from nzip.predictors.lm.settings import Settings
from nzip.predictors.lm.source import load
from nzip.predictors.mix import MixPredictor

TEXT = b"The theory of the thing is that, and in the end, another thing is not. " * 9


@pytest.mark.slow  # compiles two loops of the language model
def test_the_table_is_what_the_coders_write(tmp_path):
    path = tiny_llama.write_gguf(tmp_path / "tiny.gguf", "Q4_1")
    (tmp_path / "text").write_bytes(TEXT)
    ran = CliRunner().invoke(
        lm.main,
        [
            str(tmp_path / "text"),
            "--model",
            str(path),
            "--mix",
            "1",
            "--window",
            "24",
            "--json",
            str(tmp_path / "out.json"),
        ],
        catch_exceptions=False,
    )
    assert ran.exit_code == 0 and "GMAC/s" in ran.output
    found = json.loads((tmp_path / "out.json").read_text())
    (row,) = found["rows"]
    written = MixPredictor(1, (LmExpert(Settings(str(path), 24, 1), load(path), 1),)).encode(TEXT)[1]
    assert row["mix"] == len(written)
    assert row["bytes"] == len(TEXT) and row["recall"] < row["bare"]
