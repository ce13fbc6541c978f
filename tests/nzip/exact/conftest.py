"""What one test says of its process does not hold for the next."""

import pytest


@pytest.fixture(autouse=True)
def few_calls(monkeypatch):
    """Nobody has said yet that functions will be called thousands of times."""
    monkeypatch.setattr("nzip.exact.jit._without", False)
