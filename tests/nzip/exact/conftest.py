"""What one test says of its process does not hold for the next."""

import pytest


@pytest.fixture(autouse=True)
def few_calls(monkeypatch):
<<<<<<< HEAD
    """Nobody has said yet that the process goes without numba."""
=======
    """Nobody has said yet that functions will be called thousands of times."""
>>>>>>> h28many
    monkeypatch.setattr("nzip.exact.jit._without", False)
