"""Warm starts: the right primer is chosen and pinned, and a snapshot of primed tables is as good as
priming."""

from __future__ import annotations

import os

import mix_samples
import numpy as np
import pytest
from support import cache_of_tables

from nzip import cache as store
from nzip.errors import CorruptError, ModelMismatchError
from nzip.hashes import text_hash
from nzip.predictors.content import TEXT
from nzip.predictors.mix import primer_snapshot, primers, warm_start
from nzip.predictors.mix.constants import PRIMED_SIZE
from nzip.predictors.mix.model import MixPredictor
from nzip.predictors.mix.params import read as read_params
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.primer_choice import TRIALS, Start, choose
from nzip.predictors.mix.state import Mix, build
from nzip.predictors.mix.words.dictionary import named as named_dictionary

NUMBERS = range(1, len(primers.index()) + 1)
SMALL = primers.Primer(
    1, "small", mix_samples.text(3000, seed=41), text_hash(mix_samples.text(3000, seed=41))[:4]
)


def primer_of(params: bytes) -> int:
    """The code of the primer that the only stream of a block starts from."""
    (stream,) = read_params(params, 1, 1, False).streams
    return stream.descriptor.primer


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def chosen_for(data: bytes) -> int:
    """The code of the primer that is chosen, 0 for none."""
    return choose(array(data)).kin[1]


def only(code: int):
    """In place of ``choices``: raw bytes, from the primer ``code``."""
    return lambda *_: [Start(None, primers.named(code) if code else None)]


@pytest.mark.parametrize("number", NUMBERS)
def test_texts_are_what_the_index_says(number):
    primer, entry = primers.shipped(number), primers.index()[number - 1]
    assert (len(primer.text), text_hash(primer.text).hex()) == (entry["bytes"], entry["hash"])
    assert primer.hash == bytes.fromhex(entry["hash"])[: primers.HASH_BYTES]
    assert len(primers.sequences(array(primer.text))) == entry["signature"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_primer_is_chosen_for_its_own_kind(number):
    text = primers.shipped(number).text
    middle = len(text) // 2
    assert chosen_for(text[middle : middle + 20_000]) == number


def test_what_no_primer_knows_starts_cold_or_with_habits():
    for data in (b"", b"abc", bytes(5000), mix_samples.dna(5000), b"%08d 0x%04x\n" * 300):
        assert chosen_for(data) == 0 or chosen_for(data) & primers.HABITS
    assert chosen_for(b"%08d 0x%04x\n" * 10_000) == 0  # long enough to form its own
    for kind in mix_samples.KINDS[1:]:
        assert primer_of(MixPredictor(1).encode(mix_samples.sample(kind, 2000))[0]) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alice29.txt", "prose"),
        ("moby_dick.txt", "prose"),
        ("wiki_en_head.xml", "wiki"),
        ("cpython_stdlib.py.txt", "code"),
        ("text_ru.txt", "cyrillic"),
        ("text_ja.txt", "asian"),
        ("text_zh-cn.txt", "asian"),
    ],
)
def test_real_files(name, expected, corpus):
    number = chosen_for(corpus(f"dev/{name}").read_bytes())
    assert number and primers.index()[number - 1]["name"] == expected


def test_priming_helps_and_is_pinned(primed_cache, monkeypatch):
    from nzip.predictors.mix import trials

    monkeypatch.setattr(trials, "choices", only(1))
    data = primers.shipped(1).text[-2500:-1000] + mix_samples.text(500, seed=42)
    predictor, cold = MixPredictor(1), MixPredictor(1, primed=False)
    params, payload = predictor.encode(data)
    monkeypatch.setattr(trials, "choices", only(0))
    assert params[0] & ~0x40 == 0x10  # perhaps a rate of its own
    assert params[1] in NUMBERS and params[-4:] == primers.shipped(params[1]).hash
    assert len(payload) < 0.6 * len(cold.encode(data)[1])
    assert cold.decode(params, payload, len(data)) == data  # what primes is said by the block alone
    with pytest.raises(ModelMismatchError, match="hash") as caught:
        predictor.decode(params[:-4] + bytes(4), payload, len(data))
    assert "\n" not in str(caught.value)
    for number in (max(NUMBERS) + 1, 254):
        with pytest.raises(CorruptError, match=f"primer {number % 128}"):
            predictor.decode(params[:1] + bytes([number]) + params[2:], payload, len(data))
    with pytest.raises(ModelMismatchError, match="primer=FILE"):
        predictor.decode(params[:1] + bytes([primers.USER]) + params[2:], payload, len(data))
    with pytest.raises(CorruptError, match="not text"):
        predictor.decode(bytes([params[0] | 1]) + params[1:], payload, len(data))
    for bad in (params[:-1], params + b"x", params[:2], params[:1]):
        with pytest.raises(CorruptError):
            predictor.decode(bad, payload, len(data))


def test_a_damaged_text_is_noticed(monkeypatch):
    real = primers._read
    primers._text_of.cache_clear()
    monkeypatch.setattr(
        primers, "_read", lambda name: real("code.xz") if name.endswith(".xz") else real(name)
    )
    try:
        primer = primers.shipped(1)  # nothing is read before it is needed
        with pytest.raises(ModelMismatchError, match="damaged: reinstall"):
            _ = primer.text
    finally:
        primers._text_of.cache_clear()


# --- snapshots, of a small primer so that priming takes no time


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache: the place of SMALL's snapshot, of its larger part."""
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path))
    return tmp_path / "primed" / f"{warm_start.snapshot_name(1, SMALL)}-contexts.tables"


@pytest.fixture
def primings(monkeypatch):
    """Counts how often a primer was read."""
    found, real = [], warm_start._read_primer
    monkeypatch.setattr(
        warm_start,
        "_read_primer",
        lambda mix, chosen, text: (found.append(len(text)), real(mix, chosen, text)),
    )
    return found


def start() -> Mix:
    return warm_start.warm(1, SMALL, [0], 0)


def same(one, two) -> bool:
    return all(np.array_equal(getattr(one, field), getattr(two, field)) for field in one._fields)


def test_loading_equals_priming(cache, primings):
    first = start()
    assert cache.exists() and primings == [len(SMALL.text)]
    assert same(start(), first) and len(primings) == 1
    fresh = build(plan(1, TEXT), PRIMED_SIZE, 0, 1, [0])
    warm_start._read_primer(fresh, plan(1, TEXT), SMALL.text)
    assert all(
        np.array_equal(getattr(first, field), getattr(fresh, field)) for field in primer_snapshot.FIELDS
    )


@pytest.mark.parametrize("damage", ["flip", "cut", "longer", "empty", "directory"])
def test_a_damaged_snapshot_is_replaced(cache, primings, damage):
    first, whole = start(), cache.read_bytes()
    if damage == "directory":
        cache.unlink()
        cache.mkdir()
        (cache / "x").touch()
    else:
        half = len(whole) // 2
        cache.write_bytes(
            {
                "flip": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
                "cut": whole[:half],
                "longer": whole + b"x",
                "empty": b"",
            }[damage]
        )
    assert same(start(), first) and len(primings) == 2
    if damage != "directory":  # a stranger's directory stays, and is no harm
        assert cache.read_bytes() == whole
    assert not list(cache.parent.glob("*.part"))


def test_no_cache_when_it_is_off(cache, primings, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", "off")
    assert same(start(), start()) and len(primings) == 2 and not cache.parent.exists()


def test_a_cache_that_cannot_be_written(cache, primings, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("NZIP_CACHE", str(blocked))
    assert same(start(), start()) and len(primings) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_without_the_right_to_write(cache, primings):
    start()
    cache.parent.chmod(0o500)
    try:
        assert same(start(), start()) and len(primings) == 1
        cache.parent.chmod(0o000)
        start()
        assert len(primings) == 2
    finally:
        cache.parent.chmod(0o700)


def test_the_least_recently_used_go_first(cache, primings, monkeypatch):
    def limit(size):
        monkeypatch.setattr(store, "PRIMED", store.PRIMED._replace(default=size))

    start()
    learnt = cache.with_name(cache.name.replace("-contexts", ""))
    size, beside = cache.stat().st_size, learnt.stat().st_size
    old, older = cache.parent / "old.tables", cache.parent / "older.tables"
    for place, age in ((old, 2000), (older, 1000)):
        place.write_bytes(bytes(size))
        os.utime(place, (age, age))
    other = cache.parent / "notes.txt"
    other.write_bytes(bytes(9))
    limit(3 * size + beside)
    cache.unlink()
    start()
    assert cache.exists() and old.exists() and older.exists()
    limit(2 * size + beside + size // 2)
    cache.unlink()
    start()
    assert cache.exists() and old.exists() and not older.exists() and other.exists()
    limit(size - 1)
    cache.unlink()
    start()
    assert not cache.exists() and learnt.exists()


def test_a_snapshot_is_named_by_all_that_made_it(monkeypatch):
    name = warm_start.snapshot_name
    others = {name(1, SMALL), name(3, SMALL), name(1, SMALL._replace(read=SMALL.text[1:]))}
    others.add(name(1, primers.portion(SMALL, 1, named_dictionary(1))))
    assert len(others) == 4 and name(1, SMALL._replace(hash=b"", number=2)) == name(1, SMALL)
    monkeypatch.setattr(warm_start, "_read_primer", lambda mix, chosen, text: None)  # other code
    warm_start._made_by.cache_clear()
    try:
        assert name(1, SMALL) not in others
    finally:
        warm_start._made_by.cache_clear()


@pytest.mark.parametrize(
    "name", ["three.core.js", "mdn_bcd_css_html_js.json", "lcet10.txt", "dpkg.log", "flights.csv"]
)
def test_no_primer_that_is_tried_would_have_been_much_better(name, corpus, primed_cache, monkeypatch):
    """The choice by a sample at -1 against what the whole beginning of the file takes at -3."""
    from nzip.predictors.mix import trials

    data = corpus(f"dev/{name}").read_bytes()[:20_000]
    chosen = chosen_for(data)
    likely = np.argsort(primers.scores(array(data)))[::-1][:TRIALS]
    sizes = {}
    for number in {0, chosen, *(int(i) + 1 for i in likely)}:
        monkeypatch.setattr(trials, "choices", only(number))
        sizes[number] = len(MixPredictor(3).encode(data)[1])
    assert sizes[chosen] <= 1.02 * min(sizes.values())


@pytest.mark.parametrize("level", [1, 3])
def test_habits_alone(level, corpus, primed_cache, monkeypatch):
    """Weights and maps of a primer, no words of it: round trip in another predictor, and a gain of its
    own."""
    from nzip.predictors.mix import trials

    data = corpus("dev/text_tr.txt").read_bytes()[:10_000]
    made = {}
    for code in (0, 6, primers.HABITS | 6):
        monkeypatch.setattr(trials, "choices", only(code))
        params, payload = MixPredictor(level).encode(data)
        assert primer_of(params) == code and MixPredictor(level).decode(params, payload, len(data)) == data
        made[code] = payload
    assert len(set(made.values())) == 3 and len(made[primers.HABITS | 6]) < len(made[0])


def test_habits_of_no_primer_are_refused():
    with pytest.raises(CorruptError, match="names primer 0"):
        MixPredictor(1).decode(bytes([0x10 | TEXT, primers.HABITS, 1, 2, 3, 4]), b"x", 10)


def test_habits_by_the_twin(monkeypatch):
    """What the compiled mix keeps of a primer is what plain Python keeps."""
    from nzip.predictors.mix import trials
    from nzip.predictors.mix.twin import model as twin

    small = SMALL._replace(read=SMALL.text[:300])
    monkeypatch.setattr(primers, "shipped", lambda number: small)
    monkeypatch.setattr(trials, "choices", only(primers.HABITS | 1))
    data = mix_samples.text(150, seed=43)
    for level in (1, 5):
        params, payload = MixPredictor(level).encode(data)
        monkeypatch.setattr(twin, "text_hash", lambda text: small.hash)
        assert twin.decode_block(level, params, payload, len(data)) == data
