"""What the lab's tests share: a small vocabulary of each kind."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `import nasty`

import tokenizers_lab as lab
from tokenizers_lab.m1.order_n import default_text


@pytest.fixture(scope="session")
def english() -> bytes:
    return default_text()


@pytest.fixture(scope="session")
def bpe(english):
    """2,000 tokens learned from the text that ships."""
    return lab.train(documents=[english], vocab_size=2000)


@pytest.fixture(scope="session")
def unigram(english):
    from tokenizers_lab.training.sentencepiece import train_unigram

    return train_unigram([english[:100_000]], 1200)


@pytest.fixture(scope="session")
def codecs(bpe, unigram):
    """One of every kind, by the names of ``every.NAMES``."""
    from every import SPELLINGS

    return {**{s: lab.load(s) for s in SPELLINGS}, "bpe": bpe, "unigram": unigram}


@pytest.fixture(scope="session")
def one_torch_thread():
    """Tiny matrices gain nothing from threads that wait for each other on a crowded machine."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
