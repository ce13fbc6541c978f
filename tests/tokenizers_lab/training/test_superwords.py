"""Superwords: merges are those of the twin whatever the memory; ids are those of `tokenizers`; runs resume;
what cannot be is refused."""

import itertools
import random
import tracemalloc

import numpy as np
import pytest
from tokenizers import Tokenizer

import tokenizers_lab as lab
from tokenizers_lab.codecs.bpe import BpeCodec, twin_encode
from tokenizers_lab.codecs.bpe_wide import first_crossing
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.training import second_stage, train_full
from tokenizers_lab.training.superwords import Cells, Grower, cells_of, twin_grow


def over_lines(codec):
    return BpeCodec(codec.tokens, codec.merges, PreTokenizer("lines"), codec.special)


def cells_for(codec, text):
    cells = Cells()
    assert cells_of(codec, [text], 1, cells) == len(text)
    cells.map()
    return cells


def token_lines(codec, text):
    cuts = [0, *codec.pre.ends(np.frombuffer(text, np.uint8)).tolist()]
    return [codec.encode(text[a:b]).tolist() for a, b in itertools.pairwise(cuts)]


def random_text(rng):
    letters = "abcd"[: rng.choice([1, 2, 2, 3, 4])]
    words = ["".join(rng.choices(letters, k=rng.randrange(1, 5))) for _ in range(rng.randrange(2, 8))]
    spaces = rng.choice([[" "], [" ", " ", "\n"], [" ", "\n", "  \n ", ""]])
    return "".join(rng.choice(words) + rng.choice(spaces) for _ in range(rng.randrange(1, 200))).encode()


def test_merges_are_those_of_the_twin_whatever_the_memory():
    """Few letters make ties, runs and second spellings of a token as likely as can be."""
    rng = random.Random(3)
    rounds = set()
    for _ in range(25):
        text, special = random_text(rng), rng.choice([[], ["aa a"]])
        codec = over_lines(
            lab.train(documents=[text], vocab_size=256 + rng.randrange(1, 12), special=special)
        )
        size = codec.vocab_size + rng.randrange(1, 40)
        longest, least = rng.choice([0, 0, 6]), rng.choice([1, 1, 3])
        never = [b"aa a"] if special else []
        twin = twin_grow(token_lines(codec, text), list(codec.tokens), size, longest, least, never)
        for places in (
            None,
            60,
            7,
        ):  # 7: every pair has too many places, so each is merged in a pass of its own
            cells = cells_for(codec, text)
            grower = Grower(codec, cells, size, 1 << 20, longest, least, never)
            if places:
                small = {name: getattr(grower.state, name)[:places] for name in ("place", "link")}
                grower.state = grower.state._replace(**small)
            more = grower.grow(size)
            assert grower.merges().tolist() == [list(m) for m in twin]
            assert more == (grower.tokens == size)
            rounds.add((places, min(grower.rounds, 3)))
            cells.close()
    assert {(None, 1), (60, 3), (7, 3)} <= rounds


@pytest.fixture(scope="module")
def superwords(english):
    return lab.train(documents=[english], vocab_size=2000, transition=1000, special=["<|endoftext|>"])


def test_ids_are_those_of_the_twin_and_of_the_library(superwords, english, tmp_path):
    crossing = [t for t in superwords.tokens if b" " in t[1:]]
    assert len(crossing) > 200 and first_crossing(superwords.tokens, superwords.merges) == 1000 - 257
    superwords.save(tmp_path / "S.json")
    library = Tokenizer.from_file(str(tmp_path / "S.json"))
    again = lab.load(tmp_path / "S.json")
    assert again.fingerprint() == superwords.fingerprint()
    rng = random.Random(1)
    texts = [
        english[:6000].decode("utf-8", "ignore"),
        "",
        "\n",
        "a" * 5000,
        "of the " * 900,
        "it's 'some' \"one",
    ]
    texts += [
        "".join(
            rng.choice([" ", "the", "of", "\n", "'s", "é", "我", ". ", "\r\n", " and", "\u3000"])
            for _ in range(60)
        )
        for _ in range(60)
    ]
    for text in texts:
        ids = superwords.encode(text.encode()).tolist()
        assert (
            ids == library.encode(text, add_special_tokens=False).ids == again.encode(text.encode()).tolist()
        )
        assert ids == twin_encode(superwords, text.encode()) or len(text) > 6000
        assert superwords.decode(ids) == text.encode()
    bad = bytes(rng.randrange(256) for _ in range(3000)) + b"of the \xff\xe6\x88 of the"
    assert (
        superwords.encode(bad).tolist() == twin_encode(superwords, bad)
        and superwords.decode(superwords.encode(bad)) == bad
    )


def test_what_is_never_produced_is_found(superwords):
    some = np.arange(257, superwords.vocab_size)
    slow = [i for i in some.tolist() if superwords.encode(superwords.tokens[i]).tolist() != [i]]
    assert superwords.unreachable(some).tolist() == slow


def test_vocabularies_are_nested_and_hold_more_bytes(superwords, english, bpe):
    smaller = lab.train(documents=[english], vocab_size=1500, transition=1000, special=["<|endoftext|>"])
    assert superwords.truncated(1500).fingerprint() == smaller.fingerprint()
    assert len(superwords.encode(english)) < 0.9 * len(bpe.encode(english))


def test_workers_and_blocks_never_matter(english, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_bytes(english[:150_000])
    (tmp_path / "b.txt").write_bytes(english[150_000:])
    results = []
    for workers, block in ((1, 4 << 20), (3, 20_000)):
        monkeypatch.setattr("tokenizers_lab.training.counts.BLOCK", block)
        monkeypatch.setattr("tokenizers_lab.files.read_blocks.__defaults__", (block,))
        results.append(
            lab.train(
                [tmp_path / "a.txt", tmp_path / "b.txt"], 900, transition=600, workers=workers
            ).fingerprint()
        )
    assert results[0] == results[1]


def test_an_interrupted_run_resumes_to_the_same_vocabulary(english, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_bytes(english[:100_000])
    (tmp_path / "folder").mkdir()
    checkpoint = tmp_path / "folder" / "run"
    options = {"transition": 500, "special": ["<eos>"], "checkpoint": checkpoint}
    whole = lab.train([tmp_path / "a.txt"], 1500, transition=500, special=["<eos>"])

    def stopping(wanted, at):
        def progress(stage, done, total):
            if stage == wanted and done >= at:
                raise KeyboardInterrupt

        return progress

    for stop in (("merge", 400), ("encode", 1), ("merge", 760), ("merge", 1200)):
        with pytest.raises(KeyboardInterrupt):
            lab.train([tmp_path / "a.txt"], 1500, progress=stopping(*stop), **options)
        assert checkpoint.exists()
    seen = []
    resumed = lab.train([tmp_path / "a.txt"], 1500, progress=lambda *a: seen.append(a), **options)
    assert resumed.fingerprint() == whole.fingerprint() and not list(checkpoint.parent.iterdir())
    assert {stage for stage, _, _ in seen} == {"merge"} and seen[0][1] > 1200

    for damage in ("cells", "gone"):
        with pytest.raises(KeyboardInterrupt):
            lab.train([tmp_path / "a.txt"], 1500, progress=stopping("merge", 900), **options)
        cells = checkpoint.with_name("run.cells")
        cells.write_bytes(b"\0" * 4 + cells.read_bytes()[4:]) if damage == "cells" else cells.unlink()
        with pytest.raises(LabError, match="min_frequency"):
            lab.train([tmp_path / "a.txt"], 1500, min_frequency=2, **options)
        assert lab.train([tmp_path / "a.txt"], 1500, **options).fingerprint() == whole.fingerprint()


def test_seeds_vetoes_and_extension(english, tmp_path):
    text = english[:100_000]
    codec = lab.train(
        documents=[text],
        vocab_size=900,
        transition=500,
        seed=[b" in the beginning"],
        veto=[b" of the"],
        veto_pattern="and",
    )
    assert b" in the beginning" in codec.tokens
    assert b" of the" not in codec.tokens and not any(b"and" in t for t in codec.tokens)
    first = lab.train(documents=[text], vocab_size=600)
    longer = lab.train(documents=[text], vocab_size=900, transition=700, extend=first)
    assert longer.tokens[:600] == first.tokens
    on = lab.train(documents=[text], vocab_size=1000, transition=700, extend=longer)
    assert on.fingerprint() == lab.train(documents=[text], vocab_size=1000, transition=700).fingerprint()


def test_memory_is_bounded_whatever_the_text(english):
    """Arrays that grow with pairs stay below max_memory; the text four times as long takes no more."""
    peaks = []
    codec = over_lines(lab.train(documents=[english], vocab_size=600))
    for text in (english, b"".join(english[i:] + english[:i] for i in (0, 1001, 70_003, 150_001))):
        cells = cells_for(codec, text)
        tracemalloc.start()
        grower = Grower(codec, cells, 1200, 1 << 21)
        assert grower.nbytes <= 1 << 21
        grower.grow(1200)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        cells.close()
    assert max(peaks) < 1.35 * (1 << 21)


def test_what_cannot_be_is_refused_in_one_line(english, tmp_path):
    text = [english[:5000]]
    for wrong, match in (
        ({"transition": 900}, "before the end"),
        ({"transition": 900 + 5}, "before the end"),
        ({"transition": 200}, "from 256"),
        ({"transition": 400, "pre": "none"}, "words to begin with"),
        ({"transition": 400, "max_memory": 1000}, "MiB"),
    ):
        with pytest.raises(LabError, match=match) as caught:
            lab.train(documents=text, vocab_size=900, **wrong)
        assert "\n" not in str(caught.value)
    with pytest.raises(LabError, match="twice"):
        lab.train(documents=iter(text), vocab_size=900, transition=500)
    with pytest.raises(LabError, match="twice"):
        lab.train(["-"], 900, transition=500)
    few = train_full(documents=[b"a b a b\n"], vocab_size=900, transition=400)
    assert few.exhausted and few.codec.decode(few.codec.encode(b"a b a b\n")) == b"a b a b\n"


def test_a_text_that_changes_is_refused(english):
    class Changing(list):
        def __iter__(self):
            self.append(b"more")
            return super().__iter__()

    with pytest.raises(DataError, match="stands still"):
        lab.train(documents=Changing([english[:3000]]), vocab_size=600, transition=400)


def test_a_strangers_checkpoint_is_refused(english, tmp_path):
    path = tmp_path / "run"
    from tokenizers_lab.files import pack_arrays

    path.write_bytes(pack_arrays({"kind": second_stage.KIND, "settings": {}}, {}))
    (tmp_path / "a.txt").write_bytes(english[:5000])
    with pytest.raises(DataError, match="contradict"):
        lab.train([tmp_path / "a.txt"], 600, transition=400, checkpoint=path)
