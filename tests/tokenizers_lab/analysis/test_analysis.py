"""The other metrics against hand-made cases; and analyze, which puts them together."""

import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokenizers_lab as lab
from tokenizers_lab.analysis import compression, fairness, fertility, glitch, mismatch, overlap, utf8
from tokenizers_lab.analysis.aligned import read_passages, source_passages
from tokenizers_lab.bits_per_byte import tokenise
from tokenizers_lab.codecs.bytes import BytesCodec
from tokenizers_lab.errors import AccountingError, DataError, LabError


class DoubleCounting(BytesCodec):
    """Says that spaces have two bytes, as many a script has."""

    spelling = "double"

    def token_lengths(self):
        out = np.ones(256, np.int64)
        out[32] = 2
        return out


def test_accounting_refuses_wrong_bytes(tmp_path):
    stream = tokenise(DoubleCounting(), b"a b c", "x")
    assert "sum to 7" in stream.problem
    with pytest.raises(AccountingError, match="double on x"):
        compression.stream_bits_per_byte(stream)
    results = lab.analyze([DoubleCounting(), "bytes"], {"x": b"a b c " * 50}, compressors=("gzip",))
    wrong, right = (c["files"]["x"] for c in results["codecs"])
    assert (
        wrong["stream_bits_per_byte"] is None
        and "sum to" in wrong["accounting"]
        and right["accounting"] == "ok"
    )
    assert all(h["per_byte"] is None for h in wrong["entropies"]) and right["entropies"][0]["per_byte"] > 0
    page = lab.write_report(results)
    assert "refused" in page


def test_compression_is_that_of_the_libraries(bpe, english):
    stream = tokenise(bpe, english[:30_000])
    got = compression.stream_bits_per_byte(stream, strong_bytes=4096, nzip_level=1)
    packed = stream.ids.astype("<u2").tobytes()
    assert (
        got["serialisation"] == "u16"
        and got["gzip"]["bits_per_byte"] == 8 * len(zlib.compress(packed, 9)) / 30_000
    )
    assert (
        set(compression.COMPRESSORS) < set(got)
        and got["nzip"]["raw_bytes"] <= 4096
        and got["lzma"]["raw_bytes"] <= 4096
        and got["gzip"]["raw_bytes"] == 30_000
    )
    raw = compression.raw_bits_per_byte(english[:30_000], ("gzip", "nzip"), 4096, 1)
    assert (
        raw["gzip"]["bits_per_byte"] == 8 * len(zlib.compress(english[:30_000], 9)) / 30_000
        and 0 < raw["nzip"]["bits_per_byte"] < 4
    )
    with pytest.raises(LabError, match="unknown compressor"):
        compression.compressed(b"x", "rar")


def test_counts_by_hand():
    got = fertility.counts(tokenise(lab.load("bytes"), "añb cd\n e".encode()))
    assert (got["tokens"], got["bytes"], got["characters"], got["words"]) == (10, 10, 9, 3)
    assert got["fertility"]["value"] == pytest.approx(10 / 3) and got["bit_ratio"]["value"] == pytest.approx(
        1.0
    )
    assert got["characters_per_token"]["value"] == pytest.approx(0.9)


def test_counts_add_up_over_groups(bpe, english):
    stream = tokenise(bpe, english[:50_000])
    got = fertility.counts(stream)
    assert got["words"] == len(english[:50_000].split()) and got["characters"] == len(
        english[:50_000].decode("utf-8", "ignore")
    )
    assert got["bytes_per_token"]["value"] == pytest.approx(50_000 / len(stream.ids))
    assert got["bytes_per_token"]["low"] < got["bytes_per_token"]["value"] < got["bytes_per_token"]["high"]
    assert (
        fertility.normalised_sequence_length(stream, tokenise(lab.load("bytes"), english[:50_000]))
        == len(stream.ids) / 50_000
    )


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20))
def test_gini_equals_its_formula(costs):
    n, mean = len(costs), sum(costs) / len(costs)
    expected = sum(abs(a - b) for a in costs for b in costs) / (2 * n * n * mean)
    assert fairness.gini(costs) == pytest.approx(expected, abs=1e-9)


def test_gini_textbook_cases():
    assert fairness.gini([1, 1, 1]) == 0 and fairness.gini([0, 0, 0, 1]) == 0.75 and fairness.gini([]) == 0


def test_parity_by_hand():
    passages = {"en": {"1": "aa", "2": "bb", "3": "only here"}, "xx": {"1": "aaaa", "2": "bbbbbb"}}
    got = fairness.parity(lab.load("bytes"), passages, "en")
    assert got["passages"] == 2 and got["languages"]["xx"]["parity"]["value"] == pytest.approx(10 / 4)
    assert got["gini"]["value"] == pytest.approx(fairness.gini([4, 10])) and got["gini_tokens_per_byte"] == 0
    with pytest.raises(LabError, match="share no identifier"):
        fairness.parity(lab.load("bytes"), {"en": {"1": "a"}, "xx": {"2": "b"}}, "en")
    with pytest.raises(LabError, match="reference"):
        fairness.parity(lab.load("bytes"), passages, "de")


PO = """# header
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

#: a.c
msgid "Open the "
"file"
msgstr "Dosyayı aç"

#, fuzzy
msgid "Close"
msgstr "Kapat?"

msgctxt "menu"
msgid "Save \\"as\\""
msgstr "Farklı \\"kaydet\\""

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d dosya"
msgstr[1] "%d dosyalar"

msgid "untranslated"
msgstr ""
"""


def test_catalogues_and_verses_are_read(tmp_path):
    (tmp_path / "tr.po").write_text(PO)
    found = read_passages(tmp_path / "tr.po")
    assert found == {"Open the file": "Dosyayı aç", 'Save "as"': 'Farklı "kaydet"', "%d file": "%d dosya"}
    assert source_passages(found)["Open the file"] == "Open the file"
    (tmp_path / "kjv.txt").write_text("Title\nGe1:1 In the beginning\n1Jo 2:3 And hereby\n")
    assert read_passages(tmp_path / "kjv.txt") == {"Ge1:1": "In the beginning", "1Jo2:3": "And hereby"}
    (tmp_path / "bad.po").write_text('msgid nonsense"\nmsgid "a"\nmsgstr unquoted\n')
    with pytest.raises(DataError, match="line"):
        read_passages(tmp_path / "bad.po")
    (tmp_path / "x.mo").write_bytes(b"not a catalogue")
    for name in ("x.mo", "plain.txt"):
        (tmp_path / "plain.txt").write_text("no verse here")
        with pytest.raises(DataError):
            read_passages(tmp_path / name)
    with pytest.raises(LabError, match="no such file"):
        read_passages(tmp_path / "no.po")


def test_compiled_catalogues(tmp_path):
    import struct

    pairs = sorted(
        {"": "Content-Type: text/plain; charset=UTF-8\n", "Open": "Aç", "menu\x04Close": "Kapat"}.items()
    )
    keys, values = [k.encode() for k, _ in pairs], [v.encode() for _, v in pairs]
    at = 28 + 16 * len(pairs)
    tables: list[list[tuple[int, int]]] = [[], []]
    blob = b""
    for table, items in zip(tables, (keys, values)):
        for item in items:
            table.append((len(item), at + len(blob)))
            blob += item + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    (tmp_path / "tr.mo").write_bytes(
        head + b"".join(struct.pack("<2I", *p) for t in tables for p in t) + blob
    )
    assert read_passages(tmp_path / "tr.mo") == {"Open": "Aç", "Close": "Kapat"}


def test_mismatch_by_hand():
    texts = {"a": b"aaaa" * 30, "b": b"bbbb" * 30}
    codecs = {k: lab.train(documents=[v], vocab_size=258, pre="none") for k, v in texts.items()}
    got = mismatch.mismatch(codecs, texts)
    assert got["matrix"] == [[0.25, 1.0], [1.0, 0.25]] and got["excess"] == [[0.0, 3.0], [3.0, 0.0]]
    assert mismatch.mismatch(codecs, texts, "entropy")["matrix"][0][0] == 0
    for wrong in ({"a": texts["a"]}, dict(reversed(texts.items()))):
        with pytest.raises(LabError, match="each domain"):
            mismatch.mismatch(codecs, wrong)


def test_overlap_by_hand():
    assert overlap.jaccard({1, 2, 3}, {2, 3, 4}) == 0.5 and overlap.jaccard(set(), set()) == 1
    assert overlap.boundary_scores([1, 2, 3], [2, 3, 4, 5]) == {
        "precision": 2 / 3,
        "recall": 0.5,
        "f1": pytest.approx(4 / 7),
    }
    text = b"abab" * 10
    pairs = tokenise(lab.train(documents=[text], vocab_size=257, pre="none"), text)
    single = tokenise(lab.load("bytes"), text)
    assert overlap.weighted_jaccard(single, single) == 1 and overlap.weighted_jaccard(pairs, single) == 0
    assert (
        overlap.segmentation_f1(pairs, single) == pytest.approx(2 * 19 / (19 + 39))
        and overlap.segmentation_f1(single, single) == 1
    )
    assert overlap.vocabulary(lab.load("gzip")) is None


def test_utf8_by_hand():
    got = utf8.completeness(tokenise(lab.load("bytes"), "aé日".encode()))
    assert got["vocabulary_complete"] == 0.5 and got["stream_complete"]["value"] == pytest.approx(1 / 6)
    assert (got["multi_byte_characters"], got["split_characters"], got["split_rate"]) == (2, 2, 1.0)
    codec = lab.train(documents=["ééé日日日" * 9], vocab_size=259, pre="none")
    assert utf8.completeness(tokenise(codec, "éé日日".encode()))["split_rate"] == 0
    assert utf8.completeness(tokenise(lab.load("gzip"), b"abc")) is None


def test_glitches_by_hand(bpe):
    entry = bpe.truncated(300).to_json()
    # A token that no merge makes can never be produced.
    entry["model"]["vocab"]["ĠSolidGoldMagikarp"] = 300
    from tokenizers_lab.codecs.bpe import BpeCodec

    codec = BpeCodec.from_json(entry)
    got = glitch.candidates(codec, codec.encode(b"the then"), rare=0)
    assert (
        got["unreachable_ids"] == [300]
        and got["unreachable"] == 1
        and 300 in np.flatnonzero(np.bincount(codec.encode(b"a"), minlength=301) == 0)
    )
    assert got["rare"] == codec.vocab_size - len(set(codec.encode(b"the then").tolist()))
    assert glitch.candidates(bpe)["unreachable"] == 0 and glitch.candidates(lab.load("gzip")) is None


def test_analyze_has_every_family_and_writes_json(bpe, unigram, english, tmp_path):
    codecs = [bpe, bpe.truncated(500), unigram, "bytes", "gzip"]
    (tmp_path / "gold.txt").write_text("be+gin+ning\nking+dom\n")
    (tmp_path / "en.txt").write_text("Ge1:1 In the beginning\nGe1:2 And the earth\n")
    (tmp_path / "es.txt").write_text("Ge1:1 EN el principio\nGe1:2 Y la tierra\n")
    seen = []
    results = lab.analyze(
        codecs,
        {"a": english[:20_000], "b": "İstanbul'da ığüşöç ".encode() * 40},
        json_path=tmp_path / "R.json",
        compressors=("gzip", "zstd"),
        gold=tmp_path / "gold.txt",
        labels=["A", "B", "U", "bytes", "gzip"],
        aligned={"en": tmp_path / "en.txt", "es": tmp_path / "es.txt"},
        progress=lambda *a: seen.append(a),
    )
    kept = json.loads((tmp_path / "R.json").read_text())
    assert [c["name"] for c in kept["codecs"]] == ["A", "B", "U", "bytes", "gzip"] and seen[-1][:2] == (
        22,  # two texts; speed and measures of five codecs on each
        22,
    )
    for c in kept["codecs"]:
        assert c["gold"]["words"] == 2 and c["parity"]["languages"]["en"]["parity"]["value"] == 1
        for f in c["files"].values():
            assert (
                f["accounting"] == "ok"
                and f["counts"]["tokens"] > 0
                and f["stream_bits_per_byte"]["gzip"]
                and f["nsl"]
            )
            assert len(f["entropies"]) == 5 and f["efficiency"]["vocab"] == c["vocab"]
    assert (
        kept["overlap"]["jaccard"][0][1] == pytest.approx(500 / 2000)
        and kept["overlap"]["jaccard"][0][4] is None
    )
    assert results["codecs"][0]["glitch"]["unreachable"] == 0


def test_analyze_refuses_what_it_cannot_use(tmp_path):
    for call, match in (
        ({"codecs": [], "files": {"a": b"x"}}, "codec"),
        ({"codecs": ["bytes"], "files": {}}, "file"),
        ({"codecs": ["bytes"], "files": [tmp_path / "no"]}, "no such file"),
        ({"codecs": ["bytes"], "files": {"a": b""}}, "empty"),
        ({"codecs": ["bytes"], "files": {"a": b"x"}, "labels": ["a", "b"]}, "label"),
        ({"codecs": ["bytes"], "files": {"a": b"x", "b": b"y"}, "domains": True, "compressors": ()}, "i-th"),
    ):
        with pytest.raises(LabError, match=match):
            lab.analyze(**call)


def test_every_pair_at_once_is_each_pair(bpe, english):
    """Where tokens have bytes of their own and where not, many and none."""
    for raw in (english[:5000], b"a", "日本語 été\n".encode() * 40):
        streams = [tokenise(lab.load(c), raw) for c in (bpe, "bytes", "gzip", bpe.truncated(300), "bytes")]
        weighted, borders = overlap.every_pair(streams)
        for i, a in enumerate(streams):
            for j, b in enumerate(streams):
                assert weighted[i, j] == pytest.approx(overlap.weighted_jaccard(a, b), rel=1e-12)
                assert borders[i, j] == overlap.segmentation_f1(a, b)
        assert (weighted == weighted.T).all() and weighted[1, 4] == borders[1, 4] == 1
