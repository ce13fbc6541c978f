"""Compiled code of the lab is never stale: what a kernel takes from another file may change, and ids change
with it."""

import os
import re
import shutil
import subprocess
import sys

from support import ROOT, child_output

IDS = """
import tokenizers_lab as lab
from tokenizers_lab.codecs import ac
assert lab.__file__.startswith({place!r}), lab.__file__
codec = lab.load("ac[m1=order-0]")
print(*codec.encode(b"the unwillingness of the author, and of the reader"))
print(sum(ac._encode_order_n.stats.cache_hits.values()))
"""


def ids(site) -> tuple[list[str], int]:
    """Ids by the copy of the lab in ``site``, and how often its kernel came from the cache, in a process of
    its own."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA", "NZIP", "PYTHONPATH"))}
    done = subprocess.run(
        [sys.executable, "-B", "-c", IDS.format(place=str(site))],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
            "NZIP_CACHE": str(site / "cache"),
        },
    )
    assert done.returncode == 0, done.stderr
    tokens, hits = done.stdout.splitlines()
    return tokens.split(), int(hits)


def test_a_changed_helper_changes_the_ids(tmp_path):
    """The kernel of arithmetic coding stands in codecs/ac.py; it calls a function of m1/order_n.py, which
    takes a constant there."""
    site = tmp_path / "site"
    shutil.copytree(
        ROOT / "tokenizers_lab", site / "tokenizers_lab", ignore=shutil.ignore_patterns("__pycache__")
    )
    before, hits = ids(site)
    assert not hits
    again, hits = ids(site)
    assert again == before and hits  # machine code is kept
    helper = site / "tokenizers_lab" / "m1" / "order_n.py"
    for old, new in (("total += counts[i]\n", "total += counts[i] + 9\n"), ("UNIT = 30 ", "UNIT = 12 ")):
        text = helper.read_text("utf-8")
        assert old in text
        helper.write_text(text.replace(old, new), "utf-8")
        after, hits = ids(site)
        assert after != before and not hits
        before = after


NAMED = """
import numpy as np
from pack.kernel import second
from pack.names import Pair
print(second(Pair(first=np.array([1]), second=np.array([2]))))
"""


def test_a_named_tuple_of_another_file_may_change_its_order(tmp_path):
    """As ``training.state.State`` may, whose fields ``training.merger`` reads."""
    (tmp_path / "pack").mkdir()
    names = tmp_path / "pack" / "names.py"
    text = "from collections import namedtuple\nPair = namedtuple('Pair', ['first', 'second'])\n"
    names.write_text(text)
    (tmp_path / "pack" / "kernel.py").write_text(
        "from nzip.exact.jit import njit\n@njit(cache=True)\ndef second(pair):\n    return pair.second[0]\n"
    )
    (tmp_path / "pack" / "__init__.py").touch()
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "NZIP_CACHE": str(tmp_path / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",  # which a file of the same second and size would not replace
    }
    assert child_output(NAMED, **environment) == "2\n"
    names.write_text(text.replace("'first', 'second'", "'second', 'first'"))
    assert child_output(NAMED, **environment) == "2\n"


def test_no_kernel_goes_by_numbas_own_cache():
    """Numba's ``cache=True`` looks at one file only."""
    for path in (ROOT / "tokenizers_lab").rglob("*.py"):
        text = path.read_text("utf-8")
        assert not re.search(r"from numba import|import numba|numba\.njit|@numba", text), path
