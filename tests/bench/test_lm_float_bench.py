"""The float32 reference is a Llama, and the engine is near it."""

import numpy as np
import pytest
import tiny_llama
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from bench import lm_float

TEXT = b"The theory of the thing is that, and in the end, another thing is not. " * 4


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tiny_llama.write_gguf(tmp_path_factory.mktemp("float") / "tiny.gguf", "F32")


def test_the_reference_is_the_tests_own_float64_model(path):
    size = len(tiny_llama.vocabulary()[0])
    tokens = np.random.default_rng(3).integers(0, size, 30)
    logits = tiny_llama.float_logits(0, tokens, 64)
    expected = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert np.abs(lm_float.FloatLlama(str(path), np.arange(size))(tokens).numpy() - expected).max() < 1e-3


def test_the_table(path, tmp_path):
    (tmp_path / "text").write_bytes(TEXT)
    tokens, floats, own, apart = lm_float.compare(str(path), TEXT, 50)
    assert tokens > 50 and abs(own / floats - 1) < 0.02 and 0 <= apart < 0.02 * floats
    ran = CliRunner().invoke(
        lm_float.main,
        [str(tmp_path / "text"), str(tmp_path / "text"), "--model", str(path), "--context", "50"],
        catch_exceptions=False,
    )
    assert ran.exit_code == 0 and "all" in ran.output and f"{floats:,.0f}" in ran.output
