"""``nzip.train_expert``: the library's side of ``nzip train``."""

from __future__ import annotations

import sys

import pytest
from support import ROOT

import nzip
from nzip.errors import NzipError
from nzip.predictors.mix.words.dictionary import by_name

TEXT = b"".join(b"reading %d of station %d was fair\n" % (i * i % 997, i % 7) for i in range(800))
SMALL = {"total": 20_000, "width": 64, "layers": 1}


def test_an_expert_from_files_goes_on_where_it_stopped(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "a.log").write_bytes(TEXT)
    (tmp_path / "b.log").write_bytes(TEXT[::-1])
    seen = []
    folder = tmp_path / "run"
    trained = nzip.train_expert(
        [tmp_path / "a.log", str(tmp_path / "b.log")],
        folder=folder,
        progress=lambda *told: seen.append(told),
        **SMALL,
    )
    assert trained.seen >= 20_000 and 0 < trained.bits_per_byte < 9
    assert seen[-1][:2] == (trained.seen, 20_000) and (folder / "log.jsonl").exists()
    seen.clear()
    again = nzip.train_expert([tmp_path / "a.log", tmp_path / "b.log"], folder=folder, **SMALL)
    assert again == trained and not seen  # all of it was done
    (tmp_path / "own.expert").write_bytes(trained.data)
    packed = nzip.compress(TEXT[:500], predictor=f"mix:1+ssm:{tmp_path}/own.expert")
    assert nzip.decompress(packed, models={"own.expert": tmp_path / "own.expert"}) == TEXT[:500]
    with pytest.raises(NzipError, match="another run"):
        nzip.train_expert([tmp_path / "a.log"], folder=folder, **{**SMALL, "seed": 2})


def test_the_network_reads_what_the_mix_codes_or_what_is_said(tmp_path):
    pytest.importorskip("torch")
    from nzip.predictors.ssm import weights

    prose = (ROOT / "corpora/samples/alice29.txt").read_bytes()[:20_000]
    (tmp_path / "prose").write_bytes(prose)
    (tmp_path / "numbers").write_bytes(b"".join(b"%d;%d\n" % (i, i * i % 97) for i in range(3000)))

    def reads(name, **options):
        made = nzip.train_expert([tmp_path / name], **{**SMALL, "total": 2000, **options})
        return weights.read(made.data).words

    english, cyrillic = by_name("english").hash, by_name("cyrillic").hash
    assert reads("prose") == english and reads("prose", words=None) == b"" == reads("numbers")
    assert reads("prose", words="cyrillic") == cyrillic
    with pytest.raises(NzipError, match="no dictionary is called 'latin': there are english, "):
        reads("prose", words="latin")
    folder = tmp_path / "run"
    nzip.train_expert([tmp_path / "prose"], folder=folder, **{**SMALL, "total": 2000})
    with pytest.raises(NzipError, match="another run"):
        nzip.train_expert([tmp_path / "prose"], folder=folder, words=None, **{**SMALL, "total": 2000})


def test_refusals(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "few").write_bytes(b"few")
    with pytest.raises(NzipError, match="too few"):
        nzip.train_expert([tmp_path / "few"])
    with pytest.raises(NzipError, match="none: no such file"):
        nzip.train_expert([tmp_path / "none"])
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NzipError, match=r"'\.\[neural\]'"):
        nzip.train_expert([tmp_path / "few"])
