"""Training: equal to Hugging Face merge for merge; the same for any workers, blocks, interruption; bounded,
linear."""

import json
import random

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import tokenizers_lab as lab
from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.training import bpe as training
from tokenizers_lab.training import train, train_full
from tokenizers_lab.training.counts import CountTable, count_corpus


def hugging_face(documents, vocab_size, regex=True, **options):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)
    tokenizer.train_from_iterator(
        documents,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            **options,
        ),
    )
    return json.loads(tokenizer.to_str())["model"]


def test_equals_hugging_face_on_small_alphabets():
    """Few letters make ties, repeats and second spellings of a token as likely as can be."""
    rng = random.Random(5)
    for _ in range(200):
        letters = "abcdef"[: rng.choice([2, 2, 3, 4, 6])]
        longest = rng.choice([4, 12, 40])
        text = " ".join(
            "".join(rng.choices(letters, k=rng.randrange(1, longest))) for _ in range(rng.randrange(1, 60))
        )
        size, regex = 256 + rng.randrange(1, 120), rng.random() < 0.7
        options = {"min_frequency": rng.choice([0, 2, 5])}
        if rng.random() < 0.3:
            options["max_token_length"] = rng.choice([5, 9])
        theirs = hugging_face([text], size, regex, **options)
        ours = train(documents=[text], vocab_size=size, pre="gpt2" if regex else "none", **options).to_json()[
            "model"
        ]
        assert ours["merges"] == theirs["merges"] and ours["vocab"] == theirs["vocab"]


def test_equals_hugging_face_on_text(english):
    documents = [english.decode()[i : i + 5000] for i in range(0, 200_000, 5000)] + [
        "日本語 İstanbul 🙂 don't"
    ] * 3
    theirs = hugging_face(documents, 3000, special_tokens=["<eos>"])
    ours = train(documents=documents, vocab_size=3000, special=["<eos>"]).to_json()["model"]
    assert ours["merges"] == theirs["merges"] and ours["vocab"] == theirs["vocab"]


def test_workers_and_blocks_never_matter(english, tmp_path, monkeypatch):
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    files[0].write_bytes(english[:100_000])
    files[1].write_bytes(english[100_000:])
    results = []
    for workers, block in ((1, 4 << 20), (2, 4096), (5, 30_000)):
        monkeypatch.setattr("tokenizers_lab.training.counts.BLOCK", block)
        monkeypatch.setattr("tokenizers_lab.files.read_blocks.__defaults__", (block,))
        results.append(train(files, 700, workers=workers).fingerprint())
    assert len(set(results)) == 1


def test_counting_equals_a_plain_dictionary(english):
    pre = PreTokenizer("gpt2")
    plain: dict[bytes, int] = {}
    import regex

    from tokenizers_lab.pretokenize import GPT2_PATTERN

    for piece in regex.findall(GPT2_PATTERN, english.decode()):
        plain[piece.encode()] = plain.get(piece.encode(), 0) + 1
    assert dict(count_corpus([english], pre).table.items()) == plain


def test_packed_files_are_read(english, tmp_path):
    import gzip
    import lzma

    (tmp_path / "a.xz").write_bytes(lzma.compress(english[:50_000]))
    (tmp_path / "a.gz").write_bytes(gzip.compress(english[:50_000]))
    (tmp_path / "a.txt").write_bytes(english[:50_000])
    assert len({train([tmp_path / n], 500).fingerprint() for n in ("a.xz", "a.gz", "a.txt")}) == 1


@pytest.mark.parametrize("objective,size", [("frequency", 900), ("entropy", 264)])
def test_an_interrupted_run_resumes_to_the_same_vocabulary(objective, size, english, tmp_path):
    (tmp_path / "a.txt").write_bytes(english[:60_000])
    (tmp_path / "b.txt").write_bytes(english[60_000:120_000])
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    options = {"objective": objective, "stream_bytes": 20_000, "candidates": 4}
    whole = train(files, size, **options)
    checkpoint = tmp_path / "run"
    for stop in (("count", 1), ("merge", 258 if objective == "entropy" else 400)):

        def progress(stage, done, total, stop=stop):
            if stage == stop[0] and done >= stop[1]:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(files, size, checkpoint=checkpoint, progress=progress, **options)
        assert checkpoint.exists()
    seen = []
    resumed = train(files, size, checkpoint=checkpoint, progress=lambda *a: seen.append(a), **options)
    assert resumed.fingerprint() == whole.fingerprint() and not checkpoint.exists()
    assert all(stage == "merge" for stage, _, _ in seen)  # nothing was counted twice


def test_a_checkpoint_of_other_settings_is_refused(english, tmp_path):
    checkpoint = tmp_path / "run"
    (tmp_path / "a.txt").write_bytes(english[:5_000])

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train([tmp_path / "a.txt"], 500, checkpoint=checkpoint, progress=stop)
    with pytest.raises(LabError, match="min_frequency"):
        train([tmp_path / "a.txt"], 500, checkpoint=checkpoint, min_frequency=3)
    with pytest.raises(LabError, match="text_key"):
        train([tmp_path / "a.txt"], 500, checkpoint=checkpoint, text_key="body")
    (tmp_path / "a.txt").write_bytes(english[:4_999] + b"X")  # of equal length
    with pytest.raises(LabError, match="files"):
        train([tmp_path / "a.txt"], 500, checkpoint=checkpoint)
    (tmp_path / "a.txt").write_bytes(english[:5_000])
    checkpoint.write_bytes(checkpoint.read_bytes()[:-40])
    with pytest.raises(LabError, match="damaged"):
        train([tmp_path / "a.txt"], 500, checkpoint=checkpoint)


def test_extending_equals_one_long_run(bpe, english, tmp_path):
    bpe.truncated(700).save(tmp_path / "T.json")
    assert (
        train(documents=[english], vocab_size=2000, extend=tmp_path / "T.json").fingerprint()
        == bpe.fingerprint()
    )
    grown = train(documents=["zzyzx zzyzx zzyzx " * 50], vocab_size=704, extend=tmp_path / "T.json")
    assert grown.tokens[:700] == bpe.tokens[:700] and any(b"zz" in t for t in grown.tokens[700:])
    with pytest.raises(LabError, match="special"):
        train(documents=[english], vocab_size=2000, extend=tmp_path / "T.json", special=["<eos>"])


def test_seeds_and_vetoes(english):
    codec = train(
        documents=[english],
        vocab_size=600,
        seed=[b" encyclopedia", "İ".encode()],
        veto=[b" the", b"th"],
        veto_pattern="^ ?and$",
    )
    assert codec.encode(b" encyclopedia").size == 1 and b" encyclopedia" in codec.tokens
    assert not {b" the", b"th", b"and", b" and"} & set(codec.tokens)
    assert b" th" in codec.tokens or b"he" in codec.tokens
    assert codec.decode(codec.encode(english[:5000])) == english[:5000] and codec.vocab_size == 600
    # A veto that nothing meets changes nothing.
    assert (
        train(documents=[english], vocab_size=400, veto=[b"\xff\xff"]).fingerprint()
        == train(documents=[english], vocab_size=400).fingerprint()
    )


def test_memory_is_bounded_by_dropping_the_rarest(english):
    noise = " ".join(f"{random.Random(i).getrandbits(64):x}" for i in range(40_000))
    run = train_full(documents=[english, noise], vocab_size=600, max_memory=2 << 20)
    table = count_corpus([english, noise], PreTokenizer("gpt2"), max_bytes=2 << 20).table
    assert run.dropped > 0 and table.nbytes <= 2 << 20
    # What was dropped is the noise: the corpus's frequent words are counted in full.
    full, kept = dict(count_corpus([english], PreTokenizer("gpt2")).table.items()), dict(table.items())
    assert kept[b" the"] == full[b" the"] and kept[b" and"] == full[b" and"]
    one, two = (
        train_full(documents=[english, noise], vocab_size=600, max_memory=2 << 20, workers=w) for w in (1, 2)
    )
    assert one.codec.fingerprint() == two.codec.fingerprint()


def test_work_is_linear_without_white_space(monkeypatch):
    """The chain nodes that the merges visit grow with the input, not with input times merges."""
    from tokenizers_lab.training.engine import Engine

    visited = []
    for size in (50_000, 200_000):
        dna = bytes(random.Random(1).choices(b"ACGT", k=size))
        engine = Engine(count_corpus([dna], PreTokenizer("none")).table)
        total = 0
        for _ in range(150):
            a, b, count = engine.top(1)[0]
            total += count
            engine.apply(a, b)
        visited.append(total)
        assert len(engine.state.place) < 3 * size  # the pool of chain nodes is reused
    assert visited[1] < 4.4 * visited[0]


def test_binaries_train_and_encode(tmp_path):
    raw = random.Random(2).randbytes(3000) * 5
    codec = train(documents=[raw], vocab_size=3000, pre="none")
    assert codec.decode(codec.encode(raw)) == raw and len(codec.encode(raw)) < len(raw) / 3


def test_short_texts_run_out_of_pairs():
    run = train_full(documents=["ab"], vocab_size=500)
    assert run.exhausted and run.codec.vocab_size == 257


@pytest.mark.parametrize(
    "options,match",
    [
        ({"vocab_size": 255}, "too small"),
        ({"candidates": 0}, "candidates"),
        ({"objective": "magic"}, "objective"),
        ({"pre": "gpt9"}, "pre-tokenizer"),
        ({"veto_pattern": "("}, "pattern"),
        ({"level": 11, "objective": "gzip"}, "level"),
        ({"objective": "entropy", "order": 9}, "order"),
        ({"documents": None}, "files or documents"),
        ({"special": ["a", "a"]}, "twice"),
        ({"validation": "missing.txt", "objective": "gzip"}, "validation"),
    ],
)
def test_bad_settings_are_one_line(options, match):
    with pytest.raises(LabError, match=match) as error:
        train(**{"documents": ["some text some text"], "vocab_size": 258, **options})
    assert "\n" not in str(error.value)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(LabError, match="no such file"):
        train([tmp_path / "no.txt"])
    (tmp_path / "cut.xz").write_bytes(__import__("lzma").compress(b"text " * 1000)[:60])
    with pytest.raises(LabError, match="cut.xz"):
        train([tmp_path / "cut.xz"])


def test_count_table_grows_and_drops():
    table = CountTable(entries=16, arena=32)
    import numpy as np

    data = np.frombuffer(b"".join(b"%05d" % (i % 700) for i in range(1000)), np.uint8)
    table.add_pieces(data, np.arange(5, 5001, 5))
    assert len(table) == 700 and int(table.counts.sum()) == 1000
    assert len(table.dropping(2)) == 300 and dict(table.dropping(2).items())[b"00000"] == 2


def test_one_python_call(english, tmp_path):
    assert lab.train(documents=[english[:10_000]], vocab_size=300).vocab_size == 300
    assert training._cores() >= 1


def test_without_pre_tokenizer_the_limit_leaves_out_the_rest():
    rng = random.Random(4)
    documents = [bytes(rng.choices(b"ACGT", k=300_000)) for _ in range(20)]
    run = train_full(documents=documents, vocab_size=300, pre="none", max_memory=3 << 20)
    # 4 MB blocks are the grain: the first is kept, what comes after is left out and told.
    assert 0 < run.dropped < 20 and run.bytes == 6_000_000 and run.codec.vocab_size == 300


@pytest.mark.parametrize(
    "special,text", [("EOS", "x EOS EOS y"), ("###", "### a\n##### b ###\n"), ("Ġa", " ab cb ab ")]
)
@pytest.mark.parametrize(
    "options", [{}, {"veto": ["nothing here"]}, {"objective": "entropy", "candidates": 4}]
)
def test_a_special_token_is_never_spelled(special, text, options, tmp_path):
    options = {k: [t.encode() for t in v] if k == "veto" else v for k, v in options.items()}
    text = text * 40
    codec = train(documents=[text], vocab_size=270, special=[special, "<pad>"], **options)
    codec.save(tmp_path / "T.json")
    back, theirs = lab.load(tmp_path / "T.json"), Tokenizer.from_file(str(tmp_path / "T.json"))
    theirs.encode_special_tokens = True
    ids = codec.encode(text.encode()).tolist()
    assert back.fingerprint() == codec.fingerprint() and back.special == {special: 0, "<pad>": 1}
    assert ids == back.encode(text.encode()).tolist() == theirs.encode(text).ids and not {0, 1} & set(ids)
    assert back.decode(ids) == text.encode() and len(ids) < len(text)


def test_wishes_are_checked_at_once():
    def never():
        raise AssertionError("counted before the wishes were checked")
        yield

    assert train(documents=["a b"], vocab_size=257, special="<s>").special == {"<s>": 0}
    for options, match in (
        ({"special": ["<s>", "<s>"]}, "twice"),
        ({"special": "|"}, "single byte"),
        ({"special": ["é"]}, "single byte"),
        ({"special": [""]}, "name"),
        ({"special": [b"x"]}, "name"),
        ({"special": ["\ud800"]}, "UTF-8"),
        ({"seed": [b"the"], "veto": [b"the"]}, "both a seed and vetoed"),
        ({"seed": [b"the"], "veto_pattern": "^th"}, "both a seed and vetoed"),
        ({"seed": [b"EOS"], "special": ["EOS"]}, "both a seed and a special"),
    ):
        with pytest.raises(LabError, match=match):
            train(documents=never(), vocab_size=300, **options)
    with pytest.raises(LabError, match="through 'th'"):
        train(documents=["the"], vocab_size=300, seed=[b"the"], veto=[b"th"])


@pytest.mark.parametrize(
    "pre",
    [r"regex:\p{N}| ?\p{L}+|\s+", "o200k", "qwen2", 'steps:[{"type":"Digits","individual_digits":true}]'],
)
def test_the_labs_own_file_loads_as_its_own(pre, english, tmp_path):
    codec = train(documents=[english[:20_000]], vocab_size=400, pre=pre, special=["<eos>"])
    codec.save(tmp_path / "T.json")
    back, theirs = lab.load(tmp_path / "T.json"), Tokenizer.from_file(str(tmp_path / "T.json"))
    theirs.encode_special_tokens = True
    text = english[:3000].decode() + "İ \U00010d4a\u0897 12345 <eos> 日本 \x85\u2028"
    assert type(back) is type(codec) and back.fingerprint() == codec.fingerprint()
    assert back.eos_id == codec.eos_id == 0 and back.lossless and back.pre.name == codec.pre.name
    assert (
        codec.encode(text.encode()).tolist() == back.encode(text.encode()).tolist() == theirs.encode(text).ids
    )
    assert back.decode(back.encode(b"\xff\xfe a\x80")) == b"\xff\xfe a\x80"
    assert back.truncated(300).vocab_size == 300
    grown = train(
        documents=[english[:20_000]], vocab_size=420, pre=pre, special="<eos>", extend=tmp_path / "T.json"
    )
    assert grown.tokens[:400] == codec.tokens
