"""Equal-Info Windows: lossless as proven, exhaustively at small W and by fuzz at real ones; kernel equals
twin; the compiled table equals the online coder; stop-cell against greedy; caches and files; the model
dictionary."""

import functools
import itertools
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nasty import NASTY, random_bytes
from support import cache_of_tables

import tokenizers_lab as lab
from tokenizers_lab.codecs.equal_info import CDF_BITS, Follower, WindowCodec, create
from tokenizers_lab.codecs.strings import StringsCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.m1.byte_model import ByteModel, Walk, quantise
from tokenizers_lab.m1.order_n import OrderN
from tokenizers_lab.m1.spelling import load_model
from tokenizers_lab.windows import growth, longest_match, twin
from tokenizers_lab.windows.interval import child, fits, root


@functools.cache
def _cdf(seed, n, bits, context):
    rng = random.Random(f"{seed} {n} {bits} {context}")
    shape = rng.randrange(3)
    if shape == 0:
        cuts = sorted(rng.sample(range(1, 1 << bits), n - 1))
    elif shape == 1:
        cuts = (
            list(range(1, n)) if rng.randrange(2) else [(1 << bits) - n + i for i in range(1, n)]
        )  # as skewed as can be
    else:
        cuts = [(i << bits) // n for i in range(1, n)]  # borders of children fall on borders of cells
    return (0, *cuts, 1 << bits)


def toy(seed, n, bits):
    """A static model over n symbols whose every context has a CDF of its own."""
    return lambda context: _cdf(seed, n, bits, tuple(context))


def decoded(windows, data, model, width, bits, rule):
    out, at = [], 0
    for w in windows:
        out += [data[at]] if w.cell is None else twin.decode(w.cell, model, width, bits, rule)
        at += w.size
    return out


def exhaust(widths, symbols, longest, seeds):
    """Every string up to ``longest`` under every toy: (failures by rule, encodings tried)."""
    wrong, tried = dict.fromkeys(twin.RULES, 0), 0
    for width, n, seed in itertools.product(widths, symbols, range(seeds)):
        for bits in range((n - 1).bit_length(), width + 1):
            model = toy(seed, n, bits)
            for size in range(longest[n] + 1):
                for data in itertools.product(range(n), repeat=size):
                    for rule in twin.RULES:
                        windows = twin.encode(data, model, width, bits, rule)
                        assert sum(w.size for w in windows) == size
                        wrong[rule] += decoded(windows, data, model, width, bits, rule) != list(data)
                        tried += 1
    return wrong, tried


def test_every_encoding_decodes_exhaustively():
    wrong, tried = exhaust((2, 3, 5), (2, 3), {2: 7, 3: 4}, 4)
    assert wrong["stop"] == wrong["delay"] == 0 and wrong["greedy"] > 0 and tried > 20_000


@pytest.mark.slow
def test_every_encoding_decodes_exhaustively_at_more_widths():
    wrong, tried = exhaust(range(1, 9), (2, 3, 4, 5), {2: 9, 3: 6, 4: 5, 5: 4}, 6)
    assert wrong["stop"] == wrong["delay"] == 0 and wrong["greedy"] > 0 and tried > 1_000_000


@given(st.integers(0, 99), st.integers(2, 6), st.integers(3, 40), st.data())
def test_every_cell_of_a_window_decodes_and_only_the_end_needs_literals(seed, n, width, data):
    bits = data.draw(st.integers((n - 1).bit_length(), min(width, 14)))
    model = toy(seed, n, bits)
    text = data.draw(st.lists(st.integers(0, n - 1), max_size=200).map(tuple))
    windows = twin.encode(text, model, width, bits)
    assert decoded(windows, text, model, width, bits, "stop") == list(text)
    at = 0
    for w in windows:
        if w.cell is None:  # then the rest of the text fits into one window
            interval, rest = root(width), text[at:]
            for i, s in enumerate(rest):
                cdf = model(rest[:i])
                interval = child(interval, cdf[s], cdf[s + 1], bits)
            assert fits(interval)
        at += w.size
    cell = data.draw(st.integers(0, (1 << width) - 1))
    text = twin.decode(cell, model, width, bits)  # ends, whatever the cell
    interval = root(width)
    for i, s in enumerate(text):
        cdf = model(text[:i])
        interval = child(interval, cdf[s], cdf[s + 1], bits)
    assert text and interval.low <= cell << 32 and (cell + 1) << 32 <= interval.high


@pytest.fixture(scope="session")
def m1(english):
    return OrderN.train(english[:120_000], 3, "order-3")


@pytest.mark.parametrize("width", [16, 24, 32, 56, 64, 72, 128])
def test_kernel_equals_twin(m1, english, width):
    rng = random.Random(width)
    for raw in (english[200_000:202_500], rng.randbytes(300), b"\0" * 3000, *NASTY):
        codec = WindowCodec(m1, width, 8)
        data = np.frombuffer(raw, np.uint8)
        cells, sizes = codec.windows(data)
        mine = [
            (None, 1) if s == 0 else (sum(int(c) << 32 * i for i, c in enumerate(cell)), int(s))
            for cell, s in zip(cells, sizes)
        ]
        assert mine == [tuple(w) for w in twin.encode(raw, Follower(m1, CDF_BITS), width, CDF_BITS)]
        back, ends = codec.expand(cells, sizes == 0)
        assert back == raw and ends.tolist() == np.cumsum(np.maximum(sizes, 1)).tolist()
        for cell, size in mine[:40]:
            if cell is not None:
                assert len(twin.decode(cell, Follower(m1, CDF_BITS), width, CDF_BITS)) == size
    cells = np.array(
        [
            [rng.getrandbits(32) & ((1 << max(min(width - 32 * i, 32), 0)) - 1) for i in range(4)]
            for _ in range(50)
        ],
        np.int64,
    )
    back, ends = codec.expand(cells, np.zeros(50, np.bool_))  # cells that no encoder wrote
    spelled = [
        bytes(
            twin.decode(
                sum(int(x) << 32 * i for i, x in enumerate(c)), Follower(m1, CDF_BITS), width, CDF_BITS
            )
        )
        for c in cells
    ]
    assert b"".join(spelled) == back and ends.tolist() == np.cumsum([len(s) for s in spelled]).tolist()


def test_the_table_gives_the_ids_of_the_online_coder(m1, english):
    table = growth.window_strings(m1, 16, CDF_BITS)
    compiled, pairs = create(m1, 16, 16, "stop", 1, "e"), create(m1, 16, 8, "stop", 1, "e")
    online = WindowCodec(m1, 16, 8)
    rng = random.Random(5)
    for raw in [
        english[120_000:],
        rng.randbytes(20_000),
        bytes(50_000),
        *NASTY,
        *(random_bytes(rng, 300) for _ in range(100)),
    ]:
        ids = compiled.encode(raw)
        _, sizes = online.windows(np.frombuffer(raw, np.uint8))
        assert compiled.token_lengths()[ids].tolist() == np.maximum(sizes, 1).tolist()
        assert pairs.encode(raw).tolist() == online.encode(raw).tolist()
        assert pairs.decode(pairs.encode(raw)) == compiled.decode(ids) == raw
        assert pairs.offsets(raw).tolist() == online.offsets(raw).tolist()
        assert (
            ids[:500].tolist()
            == longest_match.twin(
                raw[: int(sizes[:500].clip(1).sum())] if len(sizes) > 500 else raw, compiled.strings
            )[:500]
        )
    for cell in range(0, 1 << 16, 97):  # every cell has a string, also those that are never written
        assert table.strings[table.owner[cell]] == bytes(
            twin.decode(cell, Follower(m1, CDF_BITS), 16, CDF_BITS)
        )
    assert (
        compiled.nominal_vocab_size == 65536
        and compiled.eos_id == compiled.used_vocab_size() == compiled.vocab_size - 2
    )
    assert compiled.pad_id + 1 == compiled.vocab_size < 65536 and (pairs.eos_id, pairs.pad_id) == (256, 257)


@pytest.mark.parametrize("reset", [0, 2, 3])
@pytest.mark.parametrize("width", [16, 40])
def test_contexts_that_outlive_windows(m1, english, width, reset):
    codec = WindowCodec(m1, width, 8, "stop", reset)
    raw = english[60_000:63_000]
    _, sizes = codec.windows(np.frombuffer(raw, np.uint8))
    assert [
        w.size for w in twin.encode(raw, Follower(m1, CDF_BITS), width, CDF_BITS, "stop", reset)
    ] == np.maximum(sizes, 1).tolist()
    ids = codec.encode(raw)
    slow = WindowCodec(Renamed(m1), width, 8, "stop", reset)
    assert codec.decode(ids) == slow.decode(ids) == raw and slow.encode(raw).tolist() == ids.tolist()
    assert len(ids) < len(WindowCodec(m1, width, 8).encode(raw))  # more context, fewer windows
    zeros = bytes(60_000)
    assert (
        codec.decode(codec.encode(zeros)) == zeros
    )  # the room for decoding grows in the middle of a context


class Renamed(ByteModel):
    """An order-n model that the kernel does not know as one."""

    def __init__(self, model):
        self.model, self.spelling = model, "renamed"

    def cdf(self, context, bits=16):
        return self.model.cdf(context, bits)

    def fingerprint(self):
        return "renamed"


def test_stop_costs_less_than_a_hundredth_of_greedy(m1, english):
    data = english[150_000:165_000]
    windows = {
        rule: len(twin.encode(data, Follower(m1, CDF_BITS), 16, CDF_BITS, rule)) for rule in twin.RULES
    }
    assert (
        windows["greedy"]
        <= windows["stop"]
        <= 1.01 * windows["greedy"]
        < 1.05 * windows["greedy"]
        < windows["delay"]
    )
    model = Follower(m1, CDF_BITS)
    assert (
        bytes(
            decoded(
                twin.encode(data[:9000], model, 16, CDF_BITS, "greedy"), data, model, 16, CDF_BITS, "greedy"
            )
        )
        != data[:9000]
    )


def test_every_string_that_fits_is_cut_as_greedy_does(m1, english):
    codec, raw = create(m1, 16, 16, "fit", 1, "e"), english[150_000:165_000]
    lengths = codec.token_lengths()[codec.encode(raw)].tolist()
    assert lengths == [w.size for w in twin.encode(raw, Follower(m1, CDF_BITS), 16, CDF_BITS, "greedy")]
    assert codec.lossless and codec.decode(codec.encode(raw)) == raw
    stop = create(m1, 16, 16, "stop", 1, "e")
    assert set(stop.strings) < set(codec.strings) and codec.vocab_size < 65536


class Drifting(ByteModel):
    """A model that is no n-gram, to go the ways of experts."""

    spelling = "drifting"

    def cdf(self, context, bits=16):
        seed = sum(bytes(context)[-3:]) + len(context)
        return quantise((np.arange(256, dtype=np.int64) * (seed % 251 + 1) % 257) ** 3 + 1, bits)

    def walk(self, bits=16):
        return Walk(self, bits)

    def fingerprint(self):
        return "drifting"


def test_other_models_take_the_same_rules(monkeypatch, tmp_path):
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path))
    model = Drifting()
    raw = random.Random(3).randbytes(300) + b"some text " * 20
    compiled = create(model, 16, 16, "stop", 1, "e")
    online = WindowCodec(model, 16, 8)
    assert (
        compiled.token_lengths()[compiled.encode(raw)].tolist()
        == np.maximum(online.windows(np.frombuffer(raw, np.uint8))[1], 1).tolist()
    )
    for codec in (compiled, online, WindowCodec(model, 48, 16), WindowCodec(model, 32, 8, "delay")):
        assert codec.decode(codec.encode(raw)) == raw


def test_an_expert_asks_in_lanes(toys):
    model = load_model("count")
    contexts = [b"", b"a", b"abab", b"zz", b"abababab", b""] * 15  # more than one set of lanes
    assert np.array_equal(model.cdfs(contexts, 14), np.stack([model.cdf(c, 14) for c in contexts]))


@settings(max_examples=60)
@given(
    st.binary(max_size=400),
    st.sampled_from([(16, 16), (16, 8), (24, 8), (32, 16), (128, 8)]),
    st.sampled_from(["stop", "delay"]),
)
def test_lossless_on_any_bytes(m1, raw, shape, rule):
    codec = (
        create(m1, *shape, rule, 1, "e")
        if rule == "stop" or len(raw) < 80
        else create(m1, *shape, "stop", 1, "e")
    )
    ids = codec.encode(raw)
    assert codec.lossless and codec.decode(ids) == raw
    offsets = codec.offsets(raw, ids)
    assert len(offsets) == len(ids) + 1 and offsets[-1] == len(raw) and (np.diff(offsets) >= 0).all()
    assert codec.decode([*ids, codec.eos_id, codec.pad_id, *ids]) == raw * 2


@pytest.mark.slow
def test_the_network_that_ships_is_an_m1(english, monkeypatch, tmp_path):
    """Its table takes tens of thousands of contexts, so half a minute."""
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path))
    raw = english[:2000] + bytes(range(256))
    compiled, network = lab.load("equal-info[m1=ssm]"), load_model("ssm")
    _, sizes = WindowCodec(network, 16, 16).windows(np.frombuffer(raw, np.uint8))
    assert compiled.token_lengths()[compiled.encode(raw)].tolist() == np.maximum(sizes, 1).tolist()
    for codec in (compiled, WindowCodec(network, 32, 8)):
        assert codec.decode(codec.encode(raw)) == raw


def test_bad_ids_are_refused(m1):
    codec = WindowCodec(m1, 32, 8)
    for ids, match in (
        ([1, 2, 3], "cut short"),
        ([258], "belong"),
        ([258, 257], "belong"),
        ([1, 256, 2, 3, 4], "token 1"),
        ([259], "id 259"),
        ([-1], "id -1"),
    ):
        with pytest.raises(DataError, match=match):
            codec.decode(ids)


@pytest.mark.parametrize(
    "spelling",
    [
        "equal-info[b=20]",
        "equal-info[b=8]",
        "equal-info[b=136]",
        "equal-info[b=24,v=65k]",
        "equal-info[v=300]",
        "equal-info[rule=best]",
        "equal-info[reset=-1]",
        "equal-info[b=32,rule=fit]",
        "equal-info[v=256,rule=fit]",
        "equal-info[reset=x]",
        "equal-info[m1=none]",
        "equal-info[x=1]",
        "model-dictionary[n=100]",
        "model-dictionary[n=2M]",
    ],
)
def test_bad_spellings_are_one_line(spelling):
    with pytest.raises(LabError) as error:
        lab.load(spelling)
    assert "\n" not in str(error.value)


def test_saved_codecs_need_no_m1(m1, english, tmp_path, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path))
    raw = english[130_000:140_000] + b"\xff\0"
    codecs = [
        create(m1, 16, 16, "stop", 1, "e"),
        create(m1, 16, 8, "stop", 1, "e"),
        create(m1, 32, 8, "stop", 1, "e"),
        create(m1, 16, 16, "delay", 1, "e"),
        lab.load("model-dictionary[n=700,m1=order-2]"),
    ]
    prints = {c.fingerprint() for c in codecs}
    assert len(prints) == len(codecs)
    for codec in codecs:
        codec.save(tmp_path / "c")
        back = lab.load(tmp_path / "c")
        assert type(back) is type(codec) and back.fingerprint() == codec.fingerprint()
        short = raw[-300:] if getattr(codec, "rule", "") == "delay" else raw
        assert (
            back.encode(short).tolist() == codec.encode(short).tolist()
            and back.decode(codec.encode(short)) == short
        )
        damaged = bytearray((tmp_path / "c").read_bytes())
        for at in random.Random(1).sample(range(len(damaged)), 25):
            (tmp_path / "d").write_bytes(damaged[:at] + bytes([damaged[at] ^ 0x40]) + damaged[at + 1 :])
            try:
                lab.load(tmp_path / "d")
            except LabError:
                continue  # refused in one line; a flip in what the archive never reads may also do no harm


def test_likeliest_strings_against_brute_force(english):
    from fractions import Fraction

    model = OrderN.train(english[:3000].replace(b"e", b"eee"), 1)
    got = growth.likeliest_strings(model, 256 + 25)
    found, level = {}, {b"": Fraction(1)}
    for _ in range(9):
        level = {
            c + bytes([s]): p * Fraction(int(cdf[s + 1] - cdf[s]), 1 << 16)
            for c, p in level.items()
            for cdf in [model.cdf(c)]
            for s in range(256)
        }
        level = {c: p for c, p in level.items() if p > Fraction(1, 1200)}
        found |= level
    best = sorted((s for s in found if len(s) > 1), key=lambda s: (-found[s], s))[:25]
    assert got[256:] == best and set(got[:256]) == {bytes([b]) for b in range(256)}


def test_the_model_dictionary_is_closed_under_prefixes(english, m1):
    codec = lab.load("model-dictionary[n=2048]")
    assert isinstance(codec, StringsCodec) and codec.vocab_size == 2048 and codec.used_vocab_size() == 2046
    inside = set(codec.strings)
    assert all(s[:-1] in inside for s in inside if len(s) > 1)
    assert codec.encode(english[:5000]).tolist() == longest_match.twin(english[:5000], codec.strings)
    smaller = set(lab.load("model-dictionary[n=1024]").strings)
    assert smaller < inside


def test_ids_are_the_same_in_another_process(english, tmp_path):
    text = tmp_path / "t"
    text.write_bytes(english[:20_000])
    code = (
        "import sys, hashlib, tokenizers_lab as lab; raw = open(sys.argv[1], 'rb').read(); "
        "print(*(hashlib.sha256(lab.load(s).encode(raw).astype('<u4').tobytes()).hexdigest() for s in "
        "sys.argv[2:]))"
    )
    spellings = [
        "equal-info[m1=order-2]",
        "equal-info[b=64,v=256,m1=order-2]",
        "model-dictionary[n=1k,m1=order-2]",
    ]
    import hashlib
    import os
    from pathlib import Path

    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(lab.__file__).parent.parent),
        "NZIP_CACHE": cache_of_tables(tmp_path / "cache"),
        "NUMBA_CPU_NAME": "generic",
    }
    out = subprocess.run(
        [sys.executable, "-c", code, str(text), *spellings],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    here = [
        hashlib.sha256(lab.load(s).encode(english[:20_000]).astype("<u4").tobytes()).hexdigest()
        for s in spellings
    ]
    assert out.split() == here
