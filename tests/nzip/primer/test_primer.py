"""Primers of the user's own: the file format, what training takes, and the way through the Python API."""

from __future__ import annotations

import io
import lzma
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nzip
from nzip.errors import CorruptError, FormatError, LimitError, ModelMismatchError, NzipError
from nzip.hashes import hash32, text_hash
from nzip.predictors.mix import primers
from nzip.predictors.own_primer import OwnPrimer
from nzip.primer import file as primer_file
from nzip.primer import training
from nzip.varint import u32

WORDS = "north river stone garden letter window copper signal harbour memory field silver engine branch"


def prose(seed: int, size: int) -> bytes:
    """Lines of made-up words; the seed gives each text a few words of its own."""
    rng = random.Random(seed)
    own = ["".join(rng.choices("aeioulrnst", k=7)) for _ in range(5)]
    lines = []
    while sum(map(len, lines)) < size:
        lines.append(" ".join(rng.choices(WORDS.split() + own, k=9)) + "\n")
    return "".join(lines).encode()[:size]


TEXT = prose(1, 3000)


# --- the file


@given(st.binary(min_size=1, max_size=3000))
@settings(max_examples=30)
def test_a_primer_file_gives_its_text_back(text):
    assert primer_file.unpack(primer_file.pack(OwnPrimer(text))) == OwnPrimer(text)


def test_the_format_is_as_documented():
    """docs/FORMAT.md, "Primer files", read by hand."""
    packed = primer_file.pack(OwnPrimer(TEXT))
    assert packed[:9] == b"\x89NZP\r\n\x1a\n\x81"
    assert int.from_bytes(packed[9:13], "little") == len(TEXT)
    assert packed[13:21] == text_hash(TEXT) == primers.text_hash(TEXT)
    assert lzma.decompress(packed[21:-4], format=lzma.FORMAT_XZ) == TEXT
    assert packed[-4:] == u32(hash32(packed[:-4]))


def test_every_flipped_bit_and_every_cut_is_refused():
    packed = primer_file.pack(OwnPrimer(TEXT[:200]))
    for at in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[at >> 3] ^= 1 << (at & 7)
        with pytest.raises((FormatError, CorruptError)) as error:
            primer_file.unpack(bytes(damaged))
        assert "\n" not in str(error.value)
    for length in range(len(packed)):
        with pytest.raises((FormatError, CorruptError)):
            primer_file.unpack(packed[:length])
    with pytest.raises(CorruptError):
        primer_file.unpack(packed + b"x")


def sealed(body: bytes) -> bytes:
    return body + u32(hash32(body))


def test_hostile_headers_with_right_hashes_are_refused():
    packed = primer_file.pack(OwnPrimer(TEXT))
    head, payload = packed[:21], packed[21:-4]
    bomb = lzma.compress(bytes(5_000_000), preset=0)
    for body in (
        head[:8] + b"\x01" + head[9:] + payload,
        head[:9] + u32(0) + head[13:] + payload,
        head[:9] + u32((32 << 20) + 1) + head[13:] + payload,
        head[:9] + u32(len(TEXT) - 1) + head[13:] + payload,
        head[:13] + bytes(8) + payload,
        head + payload[:-1],
        head + payload + payload,
        head + bomb,
        head,
        head[:9],
    ):
        with pytest.raises((FormatError, CorruptError)) as error:
            primer_file.unpack(sealed(body))
        assert "\n" not in str(error.value)


def test_unpacking_is_bounded_in_memory(monkeypatch):
    monkeypatch.setattr(primer_file, "_XZ_MEMORY", 1000)
    with pytest.raises(CorruptError, match="cannot be unpacked"):
        primer_file.unpack(primer_file.pack(OwnPrimer(TEXT)))


def test_memory_is_looked_at_before_a_primer_is_unpacked(monkeypatch, tmp_path):
    """In every call that decodes, and of a file before more than its first bytes are read."""
    primer = primer_file.pack(OwnPrimer(prose(1, 100_000)))
    path = tmp_path / "own.primer"
    path.write_bytes(primer)
    stream = nzip.compress(b"text" * 9, level=1, primer=False)
    (tmp_path / "x.nz").write_bytes(stream)
    assert nzip.decompress(stream, primer=path) == b"text" * 9
    monkeypatch.setattr(lzma, "LZMADecompressor", lambda *a, **b: pytest.fail("unpacked"))
    for form in (path, primer):
        for call in (
            lambda form, **o: nzip.decompress(stream, primer=form, **o),
            lambda form, **o: nzip.NzipFile(io.BytesIO(stream), primer=form, **o),
            lambda form, **o: nzip.Decompressor(primer=form, **o),
            lambda form, **o: nzip.recover(io.BytesIO(stream), io.BytesIO(), primer=form, **o),
            lambda form, **o: nzip.diagnose(io.BytesIO(stream), primer=form, **o),
            lambda form, **o: nzip.decompress_file(tmp_path / "x.nz", tmp_path / "x", primer=form, **o),
        ):
            with pytest.raises(LimitError, match="primer.* needs 1 MiB .* the limit is 0 MiB: allow it with"):
                call(form, memory=300_000)
    path.write_bytes(primer[:21])  # the head alone: what it claims is enough to refuse it
    with pytest.raises(LimitError, match="own.primer: needs 1 MiB"):
        primer_file.load(path, 300_000)
    assert not (tmp_path / "x").exists()


def test_load_names_the_file(tmp_path):
    path = tmp_path / "my.primer"
    path.write_bytes(primer_file.pack(OwnPrimer(TEXT)))
    assert (
        primer_file.load(path)
        == primer_file.load(str(path))
        == primer_file.load(memoryview(path.read_bytes()))
        == OwnPrimer(TEXT)
    )
    path.write_bytes(TEXT)
    with pytest.raises(FormatError, match="my.primer: is no primer file"):
        primer_file.load(path)
    with pytest.raises(FormatError, match="the given primer is no primer file"):
        primer_file.load(TEXT)
    with pytest.raises(FileNotFoundError):
        primer_file.load(tmp_path / "none")


def test_sizes_outside_the_limits_are_refused():
    with pytest.raises(NzipError):
        primer_file.pack(OwnPrimer(b""))
    for size in (0, 1023, primer_file.MAX_TEXT + 1):
        with pytest.raises(NzipError, match="1 KiB to 32 MiB"):
            training.train([TEXT], size)


# --- training


def test_what_fits_is_taken_whole_and_copies_once():
    texts = [prose(seed, 700) for seed in range(5)]
    found = training.train([*texts, texts[2], b"", texts[0]], 8 << 10)
    assert (found.used, found.files, found.copies, found.others) == (5, 7, 2, 0)
    assert all(text in found.primer.text for text in texts)
    assert len(found.primer.text) <= sum(map(len, texts)) + 5


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20_000)), min_size=1, max_size=12),
    st.integers(1024, 20_000),
    st.randoms(),
)
@settings(max_examples=25)
def test_never_too_large_always_the_same(shape, size, rng):
    samples = [prose(*one) for one in shape]
    found = training.train(samples, size)
    assert 0 < len(found.primer.text) <= size
    whole = sum(map(len, set(samples)))
    assert len(found.primer.text) >= min(size, whole) // 2
    rng.shuffle(samples)
    assert training.train(samples, size).primer.text == found.primer.text


def test_the_typical_is_taken_and_comes_last():
    """Forty texts of one kind, one stranger: it comes first where all fits, and not at all where room is
    scarce."""
    texts = [prose(seed, 1500) for seed in range(40)]
    stranger = bytes(random.Random(7).choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\n", k=1500))
    found = training.train([*texts, stranger], 128 << 10)
    assert found.used == 41 and found.primer.text.index(stranger[:200]) < 3 * 1500
    scarce = training.train([*texts, stranger], 16 << 10)
    assert stranger[:200] not in scarce.primer.text


def test_a_large_file_is_taken_evenly_and_at_line_ends():
    text = b"".join(b"line %06d of a long log, status ok\n" % i for i in range(20_000))
    found = training.train([text], 32 << 10)
    lines = found.primer.text.splitlines()
    assert set(lines) <= set(text.splitlines())
    numbers = np.array([int(line.split()[1]) for line in lines])
    assert all(((numbers >= low) & (numbers < low + 5000)).any() for low in range(0, 20_000, 5000))


def test_small_and_large_files_share(tmp_path):
    """Paths serve as bytes do, and no file is forgotten for a large one where both fit."""
    small = [prose(seed, 400) for seed in range(6)]
    large = prose(77, 300_000)
    paths = []
    for number, text in enumerate([*small, large]):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(text)
    found = training.train(paths, 16 << 10)
    assert found.primer.text == training.train([*small, large], 16 << 10).primer.text
    assert found.used == 7


def test_nothing_to_learn_from():
    for samples in ([], [b"", b""]):
        with pytest.raises(NzipError, match="nothing to make a primer from"):
            nzip.train_primer(samples)
    noise = random.Random(1).randbytes(5000)
    with pytest.raises(NzipError, match="look like binary"):
        nzip.train_primer([noise])
    found = training.train([noise, TEXT])
    assert (found.primer.text.rstrip(), found.others) == (TEXT.rstrip(), 1)


# --- compressing with it

DATA = prose(1, 2500)[500:] + prose(3, 600)


@pytest.fixture(scope="module")
def own():
    return nzip.train_primer([prose(1, 4000), prose(2, 4000)])


def test_a_primer_pays_and_is_needed(own):
    warm, cold = nzip.compress(DATA, 1, primer=own), nzip.compress(DATA, 1, primer=False)
    assert len(warm) < 0.8 * len(cold)
    assert nzip.decompress(warm, primer=own) == DATA
    assert nzip.decompress(cold) == nzip.decompress(cold, primer=own) == DATA
    both = warm + cold
    assert nzip.decompress(both, primer=own) == DATA + DATA
    other = nzip.train_primer([TEXT])
    for given_, said in ((None, "primer=FILE"), (other, primer_file.unpack(other).hash.hex())):
        with pytest.raises(ModelMismatchError) as error:
            nzip.decompress(warm, primer=given_)
        assert primer_file.unpack(own).hash.hex() in str(error.value) and said in str(error.value)
        assert error.value.exit_code == 1 and "\n" not in str(error.value)


def test_the_mismatch_is_found_before_anything_is_decoded(own, monkeypatch):
    from nzip.predictors.mix import MixPredictor

    warm = nzip.compress(DATA, 1, primer=own)
    monkeypatch.setattr(MixPredictor, "decode", lambda *_, **__: pytest.fail("decoded"))
    monkeypatch.setattr(MixPredictor, "probe", lambda *_: pytest.fail("probed"))
    with pytest.raises(ModelMismatchError):
        nzip.decompress(warm)


def test_everywhere_in_the_api(own, tmp_path):
    path = tmp_path / "my.primer"
    path.write_bytes(own)
    stream = nzip.compress(DATA, 1, primer=path)
    assert (
        stream
        == nzip.compress(DATA, 1, primer=own)
        == nzip.compress(DATA, predictor="mix:1", primer=bytearray(own))
    )
    assert nzip.measure(DATA, 1, primer=own).compressed == len(stream)
    compressor = nzip.Compressor(1, primer=path)
    assert compressor.compress(DATA) + compressor.flush() == stream
    assert nzip.Decompressor(primer=path).decompress(stream) == DATA
    out = io.BytesIO()
    with nzip.open(out, "wb", level=1, primer=own, block_size=1024) as file:
        file.write(DATA)
    out.seek(0)
    with nzip.open(out, primer=path) as file:
        assert file.read() == DATA
        assert file.seek(1500) == 1500 and file.read(100) == DATA[1500:1600]
    out.seek(0)
    with nzip.open(out) as file, pytest.raises(ModelMismatchError):
        file.read()


def test_predictors_without_primers_refuse_them(own, toys):
    with pytest.raises(NzipError, match="toy takes no primer"):
        nzip.compress(DATA, predictor="toy", primer=own)
    assert nzip.decompress(nzip.compress(DATA, predictor="toy", primer=False), primer=own) == DATA


def test_experts_and_primers_share_the_config(own, toys):
    from nzip.predictors import registry

    primer = primer_file.unpack(own)
    predictor = registry.create("mix:1+count").with_primer(primer)
    assert predictor.spelling == "mix:1+count" and predictor.config()["primer"] == primer.hash.hex()
    assert predictor.memory(1000) > registry.create("mix:1+count").memory(1000)


def test_a_block_that_no_expert_helps_starts_from_the_primer_too(own, toys, monkeypatch):
    from nzip.predictors import registry

    alone = registry.create("mix:1").with_primer(primer_file.unpack(own)).encode(DATA)[1]
    monkeypatch.setattr(toys.CountingExpert, "helps", lambda self, data, content: False, raising=False)
    predictor = registry.create("mix:1+count").with_primer(primer_file.unpack(own))
    params, payload = predictor.encode(DATA)
    assert payload == alone and predictor.decode(params, payload, len(DATA)) == DATA


def test_every_shipped_primer_says_what_it_is_for():
    assert [entry["name"] for entry in primers.index()] == list(primers.WHAT_FOR)
