"""What bytes cost: sums against payloads, spans, files, and predictors that cannot tell."""

from __future__ import annotations

import io
import json

import mix_samples
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nzip
from nzip import codec
from nzip.options import choose_predictor


def within(found) -> bool:
    """The law: all bits are the payloads', within 0.01% and eight bytes a block."""
    return abs(found.total / 8 - found.payload) <= 1e-4 * found.payload + 8 * max(1, len(found.blocks))


def payload_of(data: bytes, predictor: str) -> int:
    coded = codec.encode_block(choose_predictor(None, predictor), data)
    return len(coded.payload)


@pytest.mark.parametrize("kind", mix_samples.KINDS)
def test_the_bits_of_bytes_are_the_payload(kind):
    data = mix_samples.sample(kind, 9000, seed=5)
    found = nzip.costs(data, level=1)
    assert found.payload == payload_of(data, "mix:1")
    assert within(found)
    assert len(found) == len(data) and (found.bits > 0).all()


def test_several_streams_and_a_layout():
    parts = (("text", 9000, 1), ("executable", 16_000, 1), ("text", 9000, 2))
    data = b"".join(mix_samples.sample(*part) for part in parts)
    found = nzip.costs(data, level=1)
    assert len(found.blocks[0].streams) > 1
    assert found.payload == payload_of(data, "mix:1") and within(found)
    symbols = nzip.costs(data, level=1, view="symbols")
    assert symbols.total == pytest.approx(found.total)
    assert (symbols.starts[1:] == (symbols.starts + symbols.lengths)[:-1]).all()


def test_words_are_priced_by_code_and_spread_over_their_letters():
    data = mix_samples.text(9000, seed=3)
    found = nzip.costs(data, level=1, view="symbols")
    (stream,) = found.blocks[0].streams
    assert stream.form == "words" and found.lengths.max() > 4
    by_byte = nzip.costs(data, level=1)
    begin, end = found.spans[found.lengths.argmax()]
    assert np.ptp(by_byte.bits[begin:end]) == 0
    assert by_byte.bits[begin:end].sum() == pytest.approx(found.bits[found.lengths.argmax()])
    said = [data[a:b] for a, b in found.spans.tolist()]
    assert b"".join(said) == data


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_folded_lines_keep_their_places(ending):
    lines, line = [], b""
    for word in mix_samples.text(12000, seed=8).replace(b"\n", b" ").split():
        if len(line) + len(word) >= 66:
            lines.append(line)
            line = b""
        line += (b" " if line else b"") + word
    data = ending.join(lines) + ending
    found = nzip.costs(data, level=1, view="symbols")
    (stream,) = found.blocks[0].streams
    assert stream.form in ("words", "lines") and within(found)
    assert b"".join(data[a:b] for a, b in found.spans.tolist()) == data


@settings(max_examples=25)
@given(st.binary(max_size=400))
def test_any_bytes(data):
    found = nzip.costs(data, level=1)
    assert within(found) and len(found) == len(data)
    assert found.payload == payload_of(data, "mix:1")


def test_nothing_costs_nothing():
    found = nzip.costs(b"")
    assert len(found) == 0 and found.payload == 0 and np.isnan(found.bits_per_byte)
    assert "0 bytes" in repr(found) and found._repr_html_()


def test_blocks_one_after_the_other():
    data = mix_samples.text(10_000)
    whole = nzip.costs(data, level=1, block_size=4096)
    parts = list(nzip.costs_by_block(io.BytesIO(data), level=1, block_size=4096))
    assert [part.size for part in parts] == [4096, 4096, 10_000 - 8192]
    assert np.array_equal(np.concatenate([part.bits for part in parts]), whole.bits)
    assert parts[1].starts[0] == 4096 and len(whole.blocks) == 3 and within(whole)


def test_noise_is_stored_at_eight_bits():
    data = np.random.default_rng(1).integers(0, 256, 5000, np.uint8).tobytes()
    found = nzip.costs(data, level=1)
    assert (found.bits == 8).all() and found.blocks[0].method == "stored" and found.payload == 5000


def test_arrays_and_columns():
    found = nzip.costs(b"abracadabra" * 9, level=1)
    assert np.asarray(found).sum() == found.total
    assert np.mean(found) == pytest.approx(found.bits_per_byte)
    assert list(found.columns()) == ["start", "length", "bits"]
    assert found.header()["schema"] == "nzip.costs/1"


def test_a_bare_expert_and_its_distributions(toys):
    data = mix_samples.text(700)
    found = nzip.costs(data, predictor="count", distributions=True)
    assert found.payload == payload_of(data, "count") and within(found)
    rows = found.distributions
    assert rows.shape == (700, 256) and rows.dtype == np.uint32
    assert (rows.sum(1, dtype=np.int64) == 1 << 24).all()
    seen = rows[np.arange(700), np.frombuffer(data, np.uint8)]
    assert np.abs(-np.log2(seen / (1 << 24)) - found.bits).max() < 1e-4


def test_distributions_to_a_function(toys):
    data, got = mix_samples.text(3000), np.zeros((3000, 256), np.uint32)

    def take(places, rows):
        got[places] = rows

    found = nzip.costs(data, predictor="count", distributions=take, block_size=2048)
    assert np.array_equal(
        got, nzip.costs(data, predictor="count", distributions=True, block_size=2048).distributions
    )
    assert found.distributions is None


def test_side_decisions_are_part_of_their_byte(toys):
    data = mix_samples.text(400)
    found = nzip.costs(data, predictor="runs")
    assert found.payload == payload_of(data, "runs") and within(found)


def test_a_predictor_that_cannot_tell(toys):
    with pytest.raises(nzip.NzipError, match="toy cannot say what each byte costs"):
        nzip.costs(b"data" * 9, predictor="toy")


def test_a_view_that_is_none():
    with pytest.raises(ValueError, match="'bytes' or 'symbols'"):
        nzip.costs(b"data", level=1, view="words")


@pytest.mark.parametrize("view", ["bytes", "symbols"])
def test_files(tmp_path, view):
    data = mix_samples.text(3000)
    found = nzip.costs(data, level=1, view=view)
    found.save(str(tmp_path / "costs.npy"))
    array = np.load(tmp_path / "costs.npy")
    assert np.array_equal(array if view == "bytes" else array["bits"], found.bits)
    found.save(str(tmp_path / "costs.jsonl"))
    head, *rows = (tmp_path / "costs.jsonl").read_text().splitlines()
    assert json.loads(head) == found.header() and len(rows) == len(found)
    assert sum(json.loads(row)["bits"] for row in rows) == pytest.approx(found.total, rel=1e-5)
    parquet = pytest.importorskip("pyarrow.parquet")
    found.save(str(tmp_path / "costs.parquet"))
    table = parquet.read_table(tmp_path / "costs.parquet")
    assert table["bits"].to_numpy().sum() == pytest.approx(found.total)
    assert json.loads(parquet.read_metadata(tmp_path / "costs.parquet").metadata[b"nzip"]) == found.header()
    assert found.to_arrow().num_rows == len(found)


def test_distributions_of_words_are_refused_before_any_is_given():
    given = []
    with pytest.raises(nzip.NzipError, match="coded as words.*raw=True"):
        nzip.costs(mix_samples.text(9000, seed=3), level=1, distributions=lambda *rows: given.append(rows))
    assert not given


@pytest.mark.parametrize("suffix", [".npy", ".jsonl", ".parquet"])
def test_files_of_nothing(tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    nzip.costs(b"", level=1).save(str(tmp_path / f"costs{suffix}"))
    assert (tmp_path / f"costs{suffix}").stat().st_size > 0


def test_a_suffix_that_is_none(tmp_path):
    with pytest.raises(nzip.NzipError, match=r"\.npy, \.jsonl or \.parquet"):
        nzip.costs(b"data", level=1).save(str(tmp_path / "costs.csv"))
    assert not list(tmp_path.iterdir())


def test_a_measurement_says_bits_per_byte():
    found = nzip.measure(b"abc" * 1000, level=1)
    assert f"{found.bits_per_byte:.4f} bits per byte" in repr(found)
    assert f"{found.bits_per_byte:.4f}" in found._repr_html_()
    assert "bits" not in repr(nzip.Measurement(0, 30))
