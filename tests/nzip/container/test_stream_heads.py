"""Blocks that start from the head of their stream's first: small heads here, every reader, and damage."""

from __future__ import annotations

import io
import random
import threading

import mix_samples
import pytest

import nzip
from nzip import reference
from nzip.container import decoding, heads, index, passport
from nzip.container.check_points import CHECK_POINT
from nzip.errors import CorruptError, LimitError
from nzip.predictors.mix import MixPredictor
from nzip.predictors.mix.primer_index import HEAD

LEVEL, BLOCK = 1, 3 * CHECK_POINT
SIZE = 2 * CHECK_POINT


def _text(size: int, letters: str = "aeioubdgklmnprstvz") -> bytes:
    """Sentences of a vocabulary of their own, which no primer knows and the head does."""
    chance = random.Random(5)
    words = ["".join(chance.choices(letters, k=chance.randrange(3, 11))) for _ in range(2500)]
    return " ".join(chance.choices(words, k=size // 6)).encode()[:size]


DATA = _text(4 * BLOCK + 999)


@pytest.fixture(autouse=True)
def _small_heads(monkeypatch):
    monkeypatch.setattr(heads, "SIZE", SIZE)
    monkeypatch.setattr(heads, "LEAST", CHECK_POINT)


@pytest.fixture(scope="module")
def file():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "SIZE", SIZE)
        patch.setattr(heads, "LEAST", CHECK_POINT)
        return nzip.compress(DATA, LEVEL, block_size=BLOCK)


def primers(stream: bytes) -> list[list[str]]:
    return [
        [part.primer for part in block.parts]
        for found in nzip.contents(io.BytesIO(stream)).streams
        for block in found.blocks
    ]


def test_later_blocks_start_from_the_head_and_are_smaller(file):
    assert primers(file)[1:] == [["head"]] * 4 and "head" not in primers(file)[0]
    cold = nzip.compress(DATA, LEVEL, block_size=BLOCK, primer=False)
    found = [
        [block.compressed for block in nzip.contents(io.BytesIO(z)).streams[0].blocks] for z in (file, cold)
    ]
    assert sum(found[0][1:4]) < 0.95 * sum(found[1][1:4])
    assert file[8] & passport.FLAG_HEAD and not cold[8] & passport.FLAG_HEAD


def test_bytes_never_depend_on_threads(file):
    assert nzip.compress(DATA, LEVEL, block_size=BLOCK, threads=3, verify=True) == file


@pytest.mark.parametrize("threads", [1, 3])
def test_from_front_to_back(file, threads):
    assert nzip.decompress(file, threads=threads) == DATA
    target = io.BytesIO()
    with nzip.open(io.BytesIO(file), threads=threads) as reader:
        while piece := reader.read1(50_000):
            target.write(piece)
    assert target.getvalue() == DATA


def test_in_pieces(file):
    decompressor, out = nzip.Decompressor(), bytearray()
    for at in range(0, len(file), 1000):
        out += decompressor.decompress(file[at : at + 1000])
    assert out == DATA and decompressor.eof


def test_a_flushed_short_block_has_no_head():
    compressor = nzip.Compressor(LEVEL, block_size=BLOCK)
    stream = compressor.compress(DATA[:999], nzip.Compressor.FLUSH_BLOCK)
    stream += compressor.compress(DATA[999:], nzip.Compressor.FLUSH_FRAME)
    assert "head" not in str(primers(stream))
    assert nzip.decompress(stream) == DATA


def test_each_stream_has_its_own_head(file):
    other = mix_samples.text(2 * BLOCK)
    both = file + nzip.compress(other, LEVEL, block_size=BLOCK)
    assert nzip.decompress(both, threads=2) == DATA + other
    with nzip.open(io.BytesIO(both)) as reader:
        for at in (len(DATA) + BLOCK + 7, BLOCK + 7, len(DATA) + 3, 4 * BLOCK):
            reader.seek(at)
            assert reader.read(500) == (DATA + other)[at : at + 500]


def test_by_the_index_the_first_block_is_decoded_once_and_no_further_than_its_head(file, monkeypatch):
    asked = []
    own = decoding.decode_block

    def watched(block, predictor, start, progress=None, hand_on=None):
        def told(at, data):
            asked.append((block.number, at))
            if hand_on is not None:
                hand_on(at, data)

        return own(block, predictor, start, progress, told)

    monkeypatch.setattr(decoding, "decode_block", watched)
    with nzip.open(io.BytesIO(file)) as reader:
        for at in (2 * BLOCK + 5, 4 * BLOCK + 5):
            reader.seek(at)
            assert reader.read(900) == DATA[at : at + 900]
    firsts = [at for number, at in asked if number == 1]
    assert firsts == list(range(0, SIZE, CHECK_POINT))


def test_a_reader_that_gives_up_the_first_block_still_finds_the_head(file):
    with nzip.open(io.BytesIO(file)) as reader:
        reader.seek(1)
        reader.read(10)
        for at in (3 * BLOCK, 7, 2 * BLOCK):
            reader.seek(at)
            assert reader.read(10) == DATA[at : at + 10]


def damaged(stream: bytes, number: int, share: float) -> bytes:
    """``stream`` with a byte of a block's payload changed, at this share of it."""
    found = index.read_index(io.BytesIO(stream))
    header = found.read(number).header
    out = bytearray(stream)
    out[found.entries[number].offset + header.header_size + int(share * header.payload_size)] ^= 64
    return bytes(out)


def test_damage_behind_the_head_costs_the_first_block_alone(file):
    target = io.BytesIO()
    lost = nzip.recover(io.BytesIO(damaged(file, 0, 0.9)), target)
    assert len(lost) == 1 and "block 1" in lost[0]
    assert target.getvalue()[SIZE:BLOCK].count(0) > 0 and target.getvalue()[BLOCK:] == DATA[BLOCK:]
    with nzip.open(io.BytesIO(damaged(file, 0, 0.9))) as reader:
        reader.seek(BLOCK)
        assert reader.read() == DATA[BLOCK:]


def test_damage_of_the_head_costs_what_starts_from_it_and_says_so(file):
    harmed = damaged(file, 0, 0.01)
    target = io.BytesIO()
    lost = nzip.recover(io.BytesIO(harmed), target)
    assert len(lost) == 5 and len(target.getvalue()) == len(DATA)
    assert all("starts from the head of the stream's first block, which is lost" in line for line in lost[1:])
    with nzip.open(io.BytesIO(harmed)) as reader:
        reader.seek(BLOCK)
        for _ in range(2):
            with pytest.raises(CorruptError, match="starts from the head"):
                reader.read(1)
    found = nzip.diagnose(io.BytesIO(harmed))
    assert [finding.what for finding in found.findings] == ["stored"] + ["head"] * 4 and found.exit_code == 2


def test_a_damaged_header_of_the_first_block(file):
    harmed = bytearray(file)
    entry = index.read_index(io.BytesIO(file)).entries[0]
    harmed[entry.offset + 1] ^= 1
    target = io.BytesIO()
    lost = nzip.recover(io.BytesIO(harmed), target)
    assert len(lost) == 5 and "starts from the head" in lost[-1]
    found = nzip.diagnose(io.BytesIO(harmed), threads=2)
    assert [finding.what for finding in found.findings] == ["block header"] + ["head"] * 4


@pytest.mark.parametrize("share", [0.01, 0.9])
def test_diagnosis_on_threads(file, share):
    found = nzip.diagnose(io.BytesIO(damaged(file, 0, share)), threads=3)
    assert found.proven == (0 if share < 0.5 else 4)
    assert nzip.diagnose(io.BytesIO(file), threads=3).proven == 5


def test_blocks_that_do_not_name_the_head_need_none():
    data = mix_samples.binary(BLOCK) + mix_samples.image(BLOCK)
    stream = nzip.compress(data, LEVEL, block_size=BLOCK)
    assert "head" not in str(primers(stream))
    target = io.BytesIO()
    assert len(nzip.recover(io.BytesIO(damaged(stream, 0, 0.01)), target)) == 1
    assert target.getvalue()[BLOCK:] == data[BLOCK:]


def test_a_stored_first_block_is_its_own_head():
    noise = random.Random(1).randbytes(BLOCK)
    stream = nzip.compress(noise + DATA[:BLOCK], LEVEL, block_size=BLOCK)
    assert nzip.decompress(stream, threads=2) == noise + DATA[:BLOCK]


def test_work_is_gone_on_with(file):
    from nzip.container import pipeline

    class Partial(io.BytesIO):
        def go_on_at(self, position, *, whole):
            self.seek(position)
            self.truncate()

    end = index.read_index(io.BytesIO(file)).entries[3].offset + 5
    for left in (file[:end], file):
        partial = Partial(left)
        pipeline.encode_stream(
            io.BytesIO(DATA), partial.write, MixPredictor(LEVEL), partial=partial, block_size=BLOCK
        )
        assert partial.getvalue() == file
    for kept in (BLOCK + 5, 2 * BLOCK):
        partial = Partial(DATA[:kept])
        for part in pipeline.decode_stream(io.BytesIO(file), partial=partial, threads=2):
            partial.write(part)
        assert partial.getvalue() == DATA


def test_the_reference_decodes_blocks_that_start_from_a_head(monkeypatch):
    for module, names in ((heads, ("SIZE", "LEAST")), (reference, ("HEAD", "HEAD_LEAST"))):
        for name, value in zip(names, (1000, 900), strict=True):
            monkeypatch.setattr(module, name, value)
    own = _text(1200, "qxzjkvwy#@~^")  # so that no primer's habits suit it, either
    data = own + own[200:900]
    stream = nzip.compress(data, 0, block_size=1200)
    assert primers(stream) == [[""], ["head"]]
    monkeypatch.setattr(nzip.predictors.mix.twin.model.primers, "named", _no_primer)
    assert reference.decode(stream) == data


def test_what_a_block_costs_is_what_compressing_takes(file):
    found = list(nzip.costs_by_block(DATA[: 2 * BLOCK], LEVEL, block_size=BLOCK))
    taken = [block.compressed for block in nzip.contents(io.BytesIO(file)).streams[0].blocks]
    assert found[1].blocks[0].streams[0].primer == "head"
    assert abs(found[1].blocks[0].payload - taken[1]) < 60


def test_a_header_that_promises_a_head_where_the_predictor_takes_none():
    import toys

    toy = toys.ToyPredictor()
    header = passport.Passport.of(toy)._replace(head=True).pack()
    plain = nzip.compress(b"some data" * 20, predictor=toy)
    chain = int.from_bytes(header[-4:], "little")
    from nzip.container import framing

    block = index.read_index(io.BytesIO(plain)).read(0)
    head, _ = framing.pack_block(block.header, chain)
    with pytest.raises(CorruptError, match="the header says that blocks start from a head"):
        nzip.decompress(header + head + bytes(block.payload), predictor=toy)


def test_a_first_block_that_names_a_head():
    own = MixPredictor(LEVEL).with_head(DATA[:SIZE])
    params, payload = own.encode(DATA[SIZE : SIZE + 5000])
    assert own.needs_head(params, 5000, len(payload)) and HEAD in params
    assert own.decode(params, payload, 5000) == DATA[SIZE : SIZE + 5000]
    with pytest.raises(CorruptError, match="starts from the stream's head, and there is none"):
        MixPredictor(LEVEL).decode(params, payload, 5000)
    with pytest.raises(CorruptError, match="another head"):
        MixPredictor(LEVEL).with_head(DATA[1:SIZE]).decode(params, payload, 5000)


def test_memory_counts_what_a_head_keeps(file):
    own = MixPredictor(LEVEL)
    later = own.with_head(DATA[:SIZE])
    assert later.memory(BLOCK) - own.memory(BLOCK) == later.shared_memory() > 0
    with pytest.raises(LimitError):
        nzip.decompress(file, memory=later.memory(BLOCK) - 1)
    assert nzip.decompress(file, threads=3, memory=later.memory(BLOCK) + 1) == DATA


def test_threads_share_one_snapshot(monkeypatch):
    from nzip.predictors.mix import warm_start

    taught, own = [], warm_start.taught
    monkeypatch.setattr(warm_start, "taught", lambda *given: taught.append(1) or own(*given))
    later = MixPredictor(LEVEL).with_head(DATA[:SIZE])
    threads = [threading.Thread(target=later.encode, args=(DATA[SIZE:BLOCK],)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(taught) <= 2  # raw bytes, and words


def _no_primer(code: int):
    raise AssertionError(f"the shipped primer {code} would take an hour")


def test_memory_counts_the_first_block_where_it_is_decoded_for_its_head_alone(file):
    own = MixPredictor(LEVEL)
    large = nzip.compress(DATA[:BLOCK] * 8, LEVEL, block_size=7 * BLOCK)
    limit = own.with_head(DATA[:SIZE]).memory(BLOCK)
    assert primers(large)[1] == ["head"]
    with nzip.open(io.BytesIO(large), memory=limit) as reader, pytest.raises(LimitError):
        reader.seek(7 * BLOCK)
        reader.read(1)
    with nzip.open(io.BytesIO(file), memory=limit) as reader:
        reader.seek(2 * BLOCK)
        assert reader.read(9) == DATA[2 * BLOCK : 2 * BLOCK + 9]
