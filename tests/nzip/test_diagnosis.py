"""``nzip.diagnose``: every kind of damage and of difference is named, placed, and given its exit code."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import random

import pytest
import toys
from small_experts import TEXT, random_file

import nzip
from nzip.container import index, parser
from nzip.diagnosis import blocks as diagnosis_blocks
from nzip.errors import NzipError
from nzip.hashes import hash32
from nzip.varint import u32

DATA = b"".join(b"line %d of many, and so on\n" % (i * i) for i in range(200))
BLOCK = 1000
TOY = toys.ToyPredictor()
STREAM = nzip.compress(DATA, predictor=TOY, block_size=BLOCK)
ENTRIES = index.read_index(io.BytesIO(STREAM)).entries
END = ENTRIES[-1].offset + ENTRIES[-1].frame_size


def diagnose(data, **options) -> nzip.Diagnosis:
    return nzip.diagnose(io.BytesIO(data), **{"predictor": TOY, **options})


def flipped(data: bytes, *places: int) -> bytes:
    out = bytearray(data)
    for place in places:
        out[place] ^= 0x10
    return bytes(out)


def seen(found: nzip.Diagnosis) -> list[tuple]:
    return [(f.what, f.stream, f.block, f.stored, f.decoded) for f in found.findings]


@pytest.mark.parametrize("threads", [1, 3])
def test_all_is_well(tmp_path, threads):
    (tmp_path / "x.nz").write_bytes(STREAM)
    expected = (len(STREAM), len(DATA), 1, len(ENTRIES), len(ENTRIES), [])
    for file in (tmp_path / "x.nz", str(tmp_path / "x.nz"), io.BytesIO(STREAM)):
        found = nzip.diagnose(file, predictor=TOY, threads=threads)
        assert found == expected and found.exit_code == 0
    assert diagnose(STREAM, decode=False)[:4] == expected[:4]
    whole = STREAM + nzip.skippable_frame(b"note") + nzip.compress(b"", predictor=TOY) + STREAM
    assert diagnose(whole, threads=threads).exit_code == 0 and diagnose(whole).streams == 3


def test_stored_bytes_of_some_blocks():
    places = [ENTRIES[n].offset + ENTRIES[n].frame_size - 5 for n in (1, 3)]
    found = diagnose(flipped(STREAM, *places))
    assert found.exit_code == 2 and found.proven == len(ENTRIES) - 2
    for (what, stream, block, stored, decoded), n in zip(seen(found), (1, 3), strict=True):
        entry = ENTRIES[n]
        assert (what, stream, block) == ("stored", 1, n + 1)
        assert decoded == (entry.start, entry.start + entry.size)
        assert entry.offset < stored[0] and stored[1] == entry.offset + entry.frame_size
    assert found.findings[0].option == ("save what is left with", "recover", True)


def test_a_header_of_a_block_is_stepped_over():
    found = diagnose(flipped(STREAM, ENTRIES[2].offset + 1, ENTRIES[4].offset + 30))
    third, fifth = ENTRIES[2], ENTRIES[4]
    assert seen(found)[0] == (
        "block header", 1, 3, (third.offset, third.offset + third.frame_size),
        (third.start, third.start + third.size),
    )  # fmt: skip
    assert seen(found)[1][:3] == ("stored", 1, 5) and seen(found)[1][4] == (
        fifth.start,
        fifth.start + fifth.size,
    )
    assert (found.blocks, found.proven, found.decoded_size) == (len(ENTRIES), len(ENTRIES) - 2, len(DATA))


def test_the_end_frame():
    for place in (END, END + 1, END + 5, len(STREAM) - 1):
        found = diagnose(flipped(STREAM, place))
        assert found.exit_code == 2 and found.proven == len(ENTRIES), place
        if place > END:
            assert seen(found) == [("end frame", 1, None, (END, len(STREAM)), None)]


def test_a_header_of_a_block_and_the_end_frame():
    found = diagnose(flipped(STREAM, ENTRIES[2].offset + 1, len(STREAM) - 1))
    assert seen(found) == [("block header", 1, None, (ENTRIES[2].offset, len(STREAM)), None)]
    assert found.proven == 2 and "cannot be found" in found.findings[0].message


def test_what_follows_a_broken_stream_is_looked_at():
    for place, what in ((END + 5, "end frame"), (ENTRIES[2].offset + 1, "block header")):
        found = diagnose(flipped(STREAM + STREAM, place))
        assert found.findings[0].what == what and found.streams == 2
        assert found.proven >= len(ENTRIES)
        assert found.findings[0].stored[1] <= len(STREAM)


def test_the_stream_header():
    found = diagnose(flipped(STREAM, 10) + STREAM)
    assert seen(found) == [("header", None, None, (0, len(STREAM)), None)]
    assert found.proven == len(ENTRIES) and found.exit_code == 2


def test_the_whole_file_hash():
    """Damaged, and the end frame's own hash put right."""
    body = bytearray(STREAM[END:-4])
    at = body.rindex(nzip_hash(DATA))
    body[at] ^= 1
    lying = STREAM[:END] + bytes(body) + u32(hash32(bytes(body)))
    found = diagnose(lying)
    assert seen(found) == [("file", 1, None, (END, len(STREAM)), None)] and found.exit_code == 2


def nzip_hash(data: bytes) -> bytes:
    import xxhash

    return xxhash.xxh3_64_intdigest(data).to_bytes(8, "little")


def test_every_cut():
    for size in range(0, len(STREAM), 11):
        found = diagnose(STREAM[:size])
        assert found.exit_code == 2 and found.findings, size
        assert found.findings[-1].what == "truncated" and f"{size:,}" in found.findings[-1].message
        whole = sum(entry.offset + entry.frame_size <= size for entry in ENTRIES)
        assert found.proven == whole


def test_every_flipped_byte_is_found():
    for place in range(len(STREAM)):
        found = diagnose(flipped(STREAM, place))
        assert found.exit_code == 2, place
        assert any(f.stored is not None and f.stored[0] <= place < f.stored[1] for f in found.findings), (
            place,
            found.findings,
        )


def test_zeros_are_told_of():
    start = ENTRIES[2].offset
    found = diagnose(STREAM[:start] + bytes(len(STREAM) - start))
    assert found.exit_code == 2 and found.proven == 2
    assert f"from byte {start:,} there are {len(STREAM) - start:,} zeros" in found.findings[0].message
    noise = nzip.compress(random.Random(1).randbytes(5000), predictor=TOY)
    found = diagnose(noise[:2000] + bytes(600) + noise[2600:])
    assert found.findings[0].what == "stored" and "there are 600 zeros" in found.findings[0].message
    found = diagnose(bytes(600) + STREAM[600:])
    assert found.findings[0].what == "format" and "zeros" in found.findings[0].message


def test_junk_behind_the_last_stream():
    found = diagnose(STREAM + b"junk behind it")
    assert seen(found) == [("junk", None, None, (len(STREAM), len(STREAM) + 14), None)]
    assert f"cut the file off at byte {len(STREAM):,}" in found.findings[0].remedy
    found = diagnose(STREAM + b"junk behind it" + STREAM)
    assert seen(found) == [("junk", None, None, (len(STREAM), len(STREAM) + 14), None)] and found.streams == 2


def test_a_skippable_frame():
    frame = nzip.skippable_frame(b"some notes")
    found = diagnose(STREAM + flipped(frame, len(frame) - 8) + STREAM)
    assert seen(found) == [("skippable", None, None, (len(STREAM), len(STREAM) + len(frame)), None)]
    assert found.proven == 2 * len(ENTRIES)


@pytest.mark.parametrize(
    ("data", "message", "remedy"),
    [
        (lzma.compress(DATA), "this is xz", "xz -d"),
        (gzip.compress(DATA), "this is gzip", "gzip -d"),
        (b"no such file", "not an nzip stream", "right file"),
        (STREAM.replace(b"\r\n", b"\n"), "text-mode transfer", "binary mode"),
        (STREAM[40:], "its start is damaged or missing", "copy"),
        (STREAM[:7] + b"\x81" + STREAM[8:], "draft 1", "the nzip that wrote it"),
    ],
    ids=["xz", "gzip", "text", "line ends", "no start", "draft"],
)
def test_what_is_none_of_ours(data, message, remedy):
    found = diagnose(data)
    (finding,) = found.findings
    assert finding.what == "format" and found.exit_code == 2
    assert message in finding.message and remedy in finding.remedy


# The predictor --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "here", "what"),
    [
        ({"config": {"weights": "aa"}}, {"config": {"weights": "bb"}}, "weights"),
        ({"config": {"x": {"tokenizer": "aa"}}}, {"config": {"x": {"tokenizer": "bb"}}}, "tokenizer"),
        ({"config": {"lanes": 4}}, {"config": {"lanes": 5}}, "parameters"),
        ({"salt": 1}, {"salt": 2}, "probe"),
        ({"exact": False}, {"exact": True}, "exactness"),
        ({"config": {"primer": "00"}}, {}, "primer"),
    ],
    ids=str,
)
def test_what_of_the_predictor_differs(made, here, what):
    stream = nzip.compress(DATA, predictor=toys.ToyPredictor("toy:x", **made), block_size=BLOCK)
    found = nzip.diagnose(io.BytesIO(stream), predictor=toys.ToyPredictor("toy:x", **here))
    (finding,) = found.findings
    assert (finding.what, finding.damage, found.exit_code, found.proven) == (what, False, 1, 0)
    assert finding.remedy or finding.option
    # Both may be: a damaged file counts more.
    found = nzip.diagnose(
        io.BytesIO(flipped(stream, len(stream) - 1)), predictor=toys.ToyPredictor("toy:x", **here)
    )
    assert found.exit_code == 2 and {f.damage for f in found.findings} == {False, True}


def test_a_predictor_that_is_not_here():
    stream = nzip.compress(DATA, predictor=toys.ToyPredictor("nowhere:x"))
    found = nzip.diagnose(io.BytesIO(stream))
    assert [f.what for f in found.findings] == ["spelling"] and found.exit_code == 1


def test_a_model_that_is_not_here(tmp_path):
    path = tmp_path / "own.expert"
    path.write_bytes(random_file())
    stream = nzip.compress(TEXT[:500], predictor=f"mix:1+ssm:{path}", primer=False)
    path.unlink()
    from nzip.predictors import registry

    registry.create.cache_clear()
    found = nzip.diagnose(io.BytesIO(stream))
    assert [f.what for f in found.findings] == ["weights"] and found.exit_code == 1
    assert "own.expert" in found.findings[0].message


def test_an_embedded_model(tmp_path):
    path = tmp_path / "own.expert"
    path.write_bytes(random_file())
    stream = nzip.compress(TEXT[:500], predictor=f"mix:1+ssm:{path}", primer=False, embed_model=True)
    assert nzip.diagnose(io.BytesIO(stream), decode=False).exit_code == 0
    found = nzip.diagnose(io.BytesIO(flipped(stream, 1000)))
    assert [f.what for f in found.findings] == ["model"] and found.exit_code == 2


def test_a_limit():
    stream = nzip.compress(DATA, predictor=toys.ToyPredictor(memory=1 << 30))
    found = nzip.diagnose(io.BytesIO(stream), predictor=toys.ToyPredictor(memory=1 << 30), memory=1 << 20)
    assert [f.what for f in found.findings] == ["limit"] and found.exit_code == 1
    assert found.findings[0].option.option == "memory"


class Wrong(toys.ToyPredictor):
    """Answers the probe as the toy does, and decodes one byte otherwise."""

    def decode(self, params, payload, size):
        data = bytearray(super().decode(params, payload, size))
        data[len(data) * 3 // 4] ^= 1
        return bytes(data)


@pytest.mark.parametrize(("exact", "what", "code"), [(True, "decoded", 2), (False, "environment", 1)])
def test_intact_bytes_that_decode_to_others(exact, what, code):
    stream = nzip.compress(DATA, predictor=toys.ToyPredictor(exact=exact), block_size=3000)
    found = nzip.diagnose(io.BytesIO(stream), predictor=Wrong(exact=exact))
    assert {f.what for f in found.findings} == {what} and found.exit_code == code
    assert found.findings[0].decoded == (0, 3000) and found.proven == 0


def test_the_first_check_point_that_differs(monkeypatch):
    """Given what a header holds of each segment, the first that differs is named, and the rest is lost."""
    data = random.Random(2).randbytes(1 << 14) * 20
    stream = nzip.compress(data, predictor=TOY)
    size = diagnosis_blocks.SEGMENT

    class Header:
        check_points = b"".join(
            u32(hash32(data[n * size : (n + 1) * size], n)) for n in range(len(data) // size)
        )

    first = diagnosis_blocks.first_difference
    assert first(Header, data) is None
    for place in (0, size - 1, size, 3 * size + 7):
        assert first(Header, flipped(data, place)) == place // size
    monkeypatch.setattr(diagnosis_blocks, "first_difference", lambda header, data: first(Header, data))
    found = nzip.diagnose(io.BytesIO(stream), predictor=Wrong())
    (finding,) = found.findings
    assert finding.what == "check point" and finding.decoded == (3 * size, len(data))


def test_what_cannot_be_looked_at():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    with pytest.raises(NzipError, match="can seek"):
        nzip.diagnose(Pipe(STREAM))
    with pytest.raises(FileNotFoundError):
        nzip.diagnose("/nowhere/at/all")


# The command line -----------------------------------------------------------------------------------------


def test_the_command(nzip_cli, toys, tmp_path):
    fine, broken, missing = (tmp_path / name for name in ("fine.nz", "broken.nz", "missing.nz"))
    fine.write_bytes(STREAM)
    broken.write_bytes(flipped(STREAM, ENTRIES[1].offset + 100))
    missing.write_bytes(nzip.compress(DATA, predictor=toys.ToyPredictor("nowhere:x")))
    ran = nzip_cli("diagnose", fine)
    assert ran.code == 0 and b"all is well: 6 blocks" in ran.out and ran.err == ""
    ran = nzip_cli("diagnose", missing)
    assert ran.code == 1 and b"cannot be read here" in ran.out and b"spelling" in ran.out
    ran = nzip_cli("diagnose", fine, missing, broken)
    assert ran.code == 2 and b"5 of 6 blocks proven" in ran.out and b"--recover" in ran.out
    assert b"1,000 to 2,000" in ran.out
    ran = nzip_cli("diagnose", "--no-decode", fine)
    assert ran.code == 0 and b"stored bytes are intact" in ran.out
    ran = nzip_cli("diagnose", tmp_path / "nowhere")
    assert ran.code == 1 and ran.err.count("\n") == 1 and ran.out == b""
    assert nzip_cli("diagnose", input=STREAM).code == 0


def test_the_command_for_programs(nzip_cli, toys, tmp_path):
    broken = tmp_path / "broken.nz"
    broken.write_bytes(flipped(STREAM, ENTRIES[1].offset + 100))
    ran = nzip_cli("diagnose", "--json", broken)
    (value,) = json.loads(ran.out)["files"]
    assert ran.code == value["exit_code"] == 2 and value["file"] == str(broken)
    (finding,) = value["findings"]
    assert finding["what"] == "stored" and finding["decoded"] == [1000, 2000]
    assert finding["option"] == "--recover"


def test_a_parser_gives_the_blocks_that_the_index_lists():
    """What steps over a damaged header reads the others as ever."""
    blocks = [b for b in parser.pull(io.BytesIO(STREAM), parser.parse()) if isinstance(b, parser.Block)]
    assert [block.offset for block in blocks] == [entry.offset for entry in ENTRIES]


def test_an_empty_file():
    (finding,) = diagnose(b"").findings
    assert finding.what == "truncated" and "empty" in finding.message
