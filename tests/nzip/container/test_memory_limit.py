"""``memory=`` holds for everything that a header makes a reader build: embedded models, experts, configs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support import ROOT

import nzip
from nzip.container import config, embedded_models
from nzip.errors import CorruptError, LimitError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# A stream of 100 KB whose six experts would take 2.8 GB, made and read under 512 MiB.
CODE = """
import sys
import numpy as np
import xxhash
import nzip
from nzip.codec import CODED, CodedBlock
from nzip.container import embedded_models
from nzip.container.passport import Passport
from nzip.container.writer import HashedBlock, StreamWriter
from nzip.predictors.ssm.weights import Shape, layout, write

shape = Shape(512, 3, 64, (17, 17, 17, 17, 17, 18, 8))
weights = write(shape, {}, {name: np.zeros(dims, dtype) for name, dtype, dims in layout(shape)})
models = []
terms = []
for i in range(int(sys.argv[1])):
    models.append(embedded_models.pack(f"m{i}", weights))
    terms.append(f"online:m{i}")
digest = xxhash.xxh3_128_hexdigest(weights)
pinned = {term: {"weights": digest} for term in terms}
passport = Passport("+".join(["mix:1", *terms]), True, pinned, bytes(4), {})
import nzip.predictors.online.expert, nzip.predictors.mix.model
from nzip.hashes import hash32
writer = StreamWriter(passport, tuple(models))
stream = writer.header() + b"".join(
    writer.block(HashedBlock(CodedBlock(CODED, b"\\0\\0", b"x"), 100, hash32(b"x"), 0, b""))
)
stream += writer.end()
del weights
open("/proc/self/clear_refs", "w").write("5")
def status(key):
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith(key))
before = status("VmRSS")
try:
    nzip.decompress(stream, memory=512 << 20)
except nzip.NzipError as error:
    print(type(error).__name__, len(stream), status("VmHWM") - before)
"""


@pytest.mark.parametrize("count", [6, 2])
def test_embedded_experts_stay_within_memory(count):
    ran = subprocess.run(
        [sys.executable, "-c", CODE, str(count)], capture_output=True, cwd=ROOT, check=False, timeout=300
    )
    kind, size, grown = ran.stdout.decode().split()
    assert kind == "LimitError" and int(size) < 200_000
    assert int(grown) < 512 << 20


def test_all_models_of_a_stream_have_a_size_together(monkeypatch):
    models = tuple(embedded_models.pack(f"m{i}", bytes(1000)) for i in range(3))
    frames, _ = embedded_models.pack_frames(models, 0)
    monkeypatch.setattr(embedded_models, "MAX_PACKED", len(models[0].payload) * 2)
    with pytest.raises(LimitError, match="together"):
        embedded_models.pack_frames(models, 0)
    reading = embedded_models.read_frames(0, 0)
    wanted = next(reading)
    with pytest.raises(CorruptError, match="more than all models"):
        while True:
            part, frames = frames[:wanted], frames[wanted:]
            wanted = reading.send(part)


def test_a_model_s_name_is_no_path():
    for name in ("/etc/passwd", "a/b", "..", ".", "a\\b", "", "x" * 256, "a\nb"):
        assert not embedded_models.acceptable_name(name)
    assert embedded_models.acceptable_name("own.expert")


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 30000 + b"]" * 30000, b'{"a":' * 9 + b"1" + b"}" * 9,
        b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":1e999}',
        b'{"a":' + b"9" * 65 + b"}", b'{"a":"\xff"}', b"[1]", b"7",
    ],
)  # fmt: skip
def test_a_config_that_no_writer_means(text):
    with pytest.raises(CorruptError) as caught:
        config.unpack_json(text, "config")
    assert "\n" not in str(caught.value)


def test_the_probe_is_asked_within_memory(toys):
    stream = nzip.compress(b"text " * 100, predictor="toy")
    asked = []

    class Greedy(toys.ToyPredictor):
        def probe(self):
            asked.append(1)
            return super().probe()

    greedy = Greedy(memory=1 << 30)
    with pytest.raises(LimitError):
        nzip.decompress(stream, predictor=greedy, memory=1 << 29)
    assert not asked
    assert nzip.decompress(stream, predictor=greedy, memory=1 << 30) == b"text " * 100
