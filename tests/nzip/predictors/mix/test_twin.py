"""The compiled mix equals its plain-Python twin, bit for bit: what one writes, the other reads."""

from __future__ import annotations

import random
import subprocess
import sys

import mix_samples
import numpy as np
import pytest

import nzip
from nzip import reference
from nzip.errors import CorruptError, FormatError, NzipError
from nzip.predictors.content import BINARY, KIND_NAMES, TEXT, Content
from nzip.predictors.mix.call_filter import call_filter
from nzip.predictors.mix.constants import (
    CODED,
    FINAL_WIDTH,
    MAX_CONTEXTS,
    MAX_FINALS,
    MAX_SETS,
    MAX_WIDTH,
)  # fmt: skip
from nzip.predictors.mix.kernel import TEXTS, best, run
from nzip.predictors.mix.model import MixPredictor
from nzip.predictors.mix.params import Descriptor
from nzip.predictors.mix.plan import LEVELS, plan
from nzip.predictors.mix.primer_choice import COLD
from nzip.predictors.mix.sizes import input_width
from nzip.predictors.mix.stream import Streams, untold
from nzip.predictors.mix.twin.call_filter import undo_call_filter
from nzip.predictors.mix.twin.coder import BinaryDecoder
from nzip.predictors.mix.twin.kernel import Mix
from nzip.predictors.mix.twin.model import decode_block
from nzip.predictors.own_primer import OwnPrimer


@pytest.mark.parametrize("kind", mix_samples.KINDS)
def test_every_kind_at_the_default_level(kind):
    data = mix_samples.sample(kind, 1000, seed=11)
    params, payload = MixPredictor(3, primed=False).encode(data)
    assert decode_block(3, params, payload, len(data)) == data


@pytest.mark.parametrize("rate", [1, 75, 255])
def test_a_rate_of_its_own(rate):
    data = mix_samples.sample("text", 700, seed=14)
    streams, content = Streams(3), Content(TEXT)
    descriptor, payload = streams.encode_as(np.frombuffer(data, np.uint8), content, 0, COLD, rate=rate)
    assert descriptor.rate == rate
    assert streams.decode(descriptor, payload, len(data)).tobytes() == data
    assert decode_block(3, descriptor.pack(False), payload, len(data)) == data
    assert payload != streams.encode_as(np.frombuffer(data, np.uint8), content, 0, COLD)[1]


@pytest.mark.parametrize("kind", ["text", "image"])
@pytest.mark.parametrize("level", [0, 1, 2, 4, 5])
def test_every_level(level, kind):
    data = mix_samples.sample(kind, {0: 1500, 1: 1000, 2: 500}.get(level, 150), seed=12)
    params, payload = MixPredictor(level, primed=False).encode(data)
    assert decode_block(level, params, payload, len(data)) == data


@pytest.mark.parametrize("kind", [TEXT, CODED])
@pytest.mark.parametrize("level", TEXTS)
def test_a_plans_own_kernel_equals_the_general_one(level, kind, monkeypatch):
    """What one writes, the other reads, and both leave the same state: on text with matches, runs and rare
    bytes."""
    text = mix_samples.text(4000, seed=17) if kind == TEXT else _coded_text(4000)
    data = np.frombuffer(
        text + text[:900] + bytes(range(256)) * 2 + text[1000:2500] + b"a" * 700, np.uint8
    ).copy()
    coder = Streams(level)
    content = Content(kind, 0, 1)
    payload, mix = coder.code(data, content, 1, None)
    assert best(plan(level, kind)) is not run
    monkeypatch.setattr(Streams, "kernel", lambda self, content: run)
    same, general = coder.code(data, content, 1, None)
    assert payload == same
    for field in mix._fields:
        assert np.array_equal(getattr(mix, field), getattr(general, field)), field
    monkeypatch.undo()
    said = Descriptor(content)
    assert np.array_equal(coder._decode(same, said, 1, None, len(data), untold, None), data)


def _coded_text(size: int) -> bytes:
    """What a text is whose words are codes: spelled and coded words, flags, escapes, all bytes."""
    chance = random.Random(19)
    words = [b"".join((bytes([lead]), bytes([0x80 + n % 64]))) for n, lead in enumerate(range(0xC0, 0x100))]
    words += [
        b"\x85",
        b"\x91",
        b"@\xa0",
        b"\x07\xc5\x81\x06",
        b"\xc1\xd2\x83",
        b"caf\x0c\xc3\xa9",
        b"spelt",
        b"42",
    ]
    found = bytearray()
    while len(found) < size:
        found += chance.choice(words[: 1 + chance.randrange(len(words))] + words[-8:])
        found += chance.choice(
            [b" ", b" ", b" ", b", ", b". ", b"\n", b" (", b")\n\n", bytes([chance.randrange(256)])]
        )
    return bytes(found[:size])


@pytest.mark.parametrize("level", LEVELS)
def test_text_whose_words_are_codes(level):
    data = _coded_text({0: 2000, 1: 1500, 2: 800}.get(level, 400))
    block = np.frombuffer(data + data[:200], np.uint8)
    chosen = plan(level, CODED)
    assert best(chosen) not in (run, best(plan(level, TEXT)))
    payload, _ = Streams(level, primed=False).code(block, Content(CODED), 1, None)
    mix, decoder = Mix(chosen, len(block)), BinaryDecoder(payload)
    for _ in range(len(block)):
        mix.code_byte(decoder.decode)
    assert mix.data == block.tobytes()


def test_plans_of_other_content_and_experts_take_the_general_kernel():
    assert best(plan(3, BINARY)) is run and best(plan(1, TEXT), experts=1) is run
    assert all(
        len(plan(level, kind, 1).recipes) <= MAX_CONTEXTS
        for level in LEVELS
        for kind in range(len(KIND_NAMES))
    )
    assert all(
        input_width(plan(level, kind, 1), 6) <= MAX_WIDTH
        for level in LEVELS
        for kind in range(len(KIND_NAMES))
    )
    every = [plan(level, kind) for level in LEVELS for kind in (*range(len(KIND_NAMES)), CODED)]
    assert all(len(p.sets) < min(MAX_SETS, FINAL_WIDTH) and len(p.finals) <= MAX_FINALS for p in every)


def test_a_primer():
    """A short one of the user's own: reading it, forgetting counts, matching into it."""
    text = mix_samples.text(500, seed=13)
    data = text[100:300] + mix_samples.text(200, seed=14)
    params, payload = MixPredictor(3, primer=OwnPrimer(text)).encode(data)
    assert len(payload) < 0.8 * len(MixPredictor(3, primed=False).encode(data)[1])
    assert decode_block(3, params, payload, len(data), primer=OwnPrimer(text)) == data
    with pytest.raises(NzipError, match="another primer"):
        decode_block(3, params, payload, len(data), primer=OwnPrimer(text + b"x"))


@pytest.mark.parametrize(("level", "size"), [(0, 900), (1, 600), (4, 90)])
def test_long_matches_and_runs(level, size):
    """Match lengths through all their steps, and runs longer than are told apart."""
    text = mix_samples.text(size // 5, seed=15)
    data = text * 2 + bytes(size) + text
    params, payload = MixPredictor(level, primed=False).encode(data)
    assert decode_block(level, params, payload, len(data)) == data


def test_the_container():
    """Blocks, several streams, notes, stored blocks; and damage is noticed."""
    text = mix_samples.text(200, seed=16)
    noise = random.Random(1).randbytes(200)
    file = (
        nzip.skippable_frame(b"note")
        + nzip.compress(text, 1, primer=False, block_size=80)
        + nzip.compress(b"", 3)
        + nzip.compress(noise, 1)
    )
    assert reference.decode(file) == text + noise
    chance = random.Random(2)
    for _ in range(25):
        at = chance.randrange(len(file))
        damaged = file[:at] + bytes([file[at] ^ 1 << chance.randrange(8)]) + file[at + 1 :]
        with pytest.raises((CorruptError, FormatError)):
            reference.decode(damaged)
    for end in range(0, len(file) - 1, 29):
        with pytest.raises((CorruptError, FormatError)):
            assert reference.decode(file[:end]) != text + noise
            raise CorruptError("a cut at the end of a stream")


def test_it_needs_no_numba(tmp_path):
    file = tmp_path / "x.nz"
    file.write_bytes(nzip.compress(b"one of many, one of many", 1, primer=False))
    script = "import sys, nzip.reference as r; r.main(); assert not {'numba', 'llvmlite'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        capture_output=True,
        cwd=nzip.__path__[0] + "/..",
        check=False,
    )
    assert done.stdout == b"one of many, one of many", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "start", "size"),
    [
        ("dev/alice29.txt", 0, 30_000),
        ("dev/libsqlite3.so", 0, 25_000),
        ("dev/black_canyon.pgm", 0, 25_000),
        ("dev/front_center.wav", 0, 25_000),
    ],
)
def test_a_whole_file(name, start, size, corpus):
    data = corpus(name).read_bytes()[start : start + size]
    assert reference.decode(nzip.compress(data, primer=False)) == data


@pytest.mark.slow
def test_a_shipped_primer():
    """An hour of plain Python: a primed file as users have it."""
    data = mix_samples.text(1000, seed=18)
    file = nzip.compress(data, 1)
    assert reference.decode(file) == data


def test_the_call_filter():
    code = bytearray(mix_samples.executable(3000))
    filtered = np.frombuffer(bytes(code), np.uint8).copy()
    call_filter(filtered, 1)
    assert filtered.tobytes() != bytes(code)
    back = bytearray(filtered.tobytes())
    undo_call_filter(back)
    assert back == code
