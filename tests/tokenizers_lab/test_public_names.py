"""What the package offers is listed, and found."""

from importlib import import_module

import pytest
from support import child_output


@pytest.mark.parametrize("package", ["tokenizers_lab", "tokenizers_lab.datasets"])
def test_what_is_offered_is_listed_and_found(package):
    module = import_module(package)
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        if name != "TokenDataset":  # needs torch
            assert callable(getattr(module, name)), name
    with pytest.raises(AttributeError, match="no attribute"):
        module.nothing  # noqa: B018 - asked for on purpose


def test_no_function_hides_a_module():
    """``from tokenizers_lab.datasets import X`` means one thing, whatever was imported before."""
    code = """
import importlib, pkgutil, types, tokenizers_lab
for info in pkgutil.walk_packages(tokenizers_lab.__path__, "tokenizers_lab."):
    package, _, name = info.name.rpartition(".")
    if name in ("__main__", "distributed", "torch_data") or package.endswith((".lm", ".cli")):
        continue  # torch, datatrove, and verbs
    module = importlib.import_module(info.name)
    assert getattr(importlib.import_module(package), name) is module, info.name
"""
    assert child_output(code) == ""
