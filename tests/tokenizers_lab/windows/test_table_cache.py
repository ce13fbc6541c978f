"""A compiled table of windows is made once; a damaged or foreign file of the cache is made anew."""

import pytest
from support import cache_of_tables

from tokenizers_lab.codecs.equal_info import CDF_BITS
from tokenizers_lab.m1.order_n import OrderN
from tokenizers_lab.windows import table_cache
from tokenizers_lab.windows.table_cache import cached_table


def test_the_cache_is_checked(english, tmp_path, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path))
    m1 = OrderN.train(english[:120_000], 3, "order-3")
    facts = {"m1": m1.fingerprint()}
    first = cached_table(m1, CDF_BITS, facts)
    (file,) = (tmp_path / "lab").iterdir()
    monkeypatch.setattr(table_cache, "window_strings", lambda *_: pytest.fail("the cache was not used"))
    assert cached_table(m1, CDF_BITS, facts).strings == first.strings
    monkeypatch.undo()
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path))
    raw = file.read_bytes()
    for damaged in (raw[:-30], raw[:3000] + b"xxxx" + raw[3004:], b"", b"no archive"):
        file.write_bytes(damaged)
        assert (
            cached_table(m1, CDF_BITS, facts).strings == first.strings and file.read_bytes() == raw
        )  # made anew
    other = OrderN.train(b"other text", 1)
    assert (
        cached_table(other, CDF_BITS, {"m1": other.fingerprint()}).strings != first.strings
        and len(list((tmp_path / "lab").iterdir())) == 2
    )
    monkeypatch.setenv("NZIP_CACHE", str(file))  # a file where the folder should be
    assert cached_table(m1, CDF_BITS, facts).strings == first.strings
