"""Tokenizer, codec and M1 files of a stranger: one line and exit code 2, or a codec that works; no crash, no
abort, no allocation by what a file claims."""

import base64
import io
import json
import random

import pytest
from support import child_output

import tokenizers_lab as lab
from tokenizers_lab.codecs import charsmap, sentencepiece_model, tokenizer_json
from tokenizers_lab.codecs.tiktoken import export, load_tiktoken
from tokenizers_lab.errors import DataError

# Runs in a process of its own: the libraries end it on some malformed files, and memory can be bounded.
CHILD = r"""
import copy, json, random, resource, sys
from pathlib import Path
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path({folder!r})
import tokenizers_lab as lab
from tokenizers_lab.errors import LabError
from tokenizers_lab.m1.spelling import load_model

RAW = "the <eos> caf\u00e9  \u65e5 \x00 12".encode() + b"\xff the"
VALUES = [None, [], {{}}, "x", "", -1, 0, 10**12, 2**64, 1.5, True, [1], [[]], {{"a": 1}}, "\ud800"]
VALUES.append({{"type": "Nope"}})
faults = []
tally = {{"refused": 0, "loaded": 0}}

def attempt(path, what):
    try:
        codec = load_model(str(path)) if path.suffix == ".m1" else lab.load(path)
        if path.suffix == ".m1":
            codec.cdf(RAW)
        else:
            ids = codec.encode(RAW)
            codec.offsets(RAW, ids), codec.fingerprint(), codec.used_vocab_size(), codec.token_lengths()
            back = codec.decode(ids)
            assert not codec.lossless or back == RAW, what
        tally["loaded"] += 1
    except LabError as error:
        assert error.exit_code == 2 and "\n" not in str(error), (what, error)
        tally["refused"] += 1
    except BaseException as error:
        faults.append((what, type(error).__name__, str(error)[:300]))

def places(value, at=()):
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in list(items)[:4]:
        yield from places(inside, (*at, key))

def put(value, at, new):
    if not at:
        return new
    value = copy.deepcopy(value)
    inside = value
    for key in at[:-1]:
        inside = inside[key]
    if new is ...:
        del inside[at[-1]]
    else:
        inside[at[-1]] = new
    return value

rng = random.Random(7)
for path in sorted(folder.iterdir()):  # whole: what is imported lazily is there then
    if not path.name.endswith(".tiktoken.json"):
        attempt(path, path.name)
assert not faults and not tally["refused"], faults
tally = {{"refused": 0, "loaded": 0}}
# Nor an allocation that is claimed, and never touched.
room = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (room + (1 << 30), room + (1 << 30)))
for path in sorted(folder.iterdir()):
    data = path.read_bytes()
    if path.suffix == ".json" and not path.name.endswith(".tiktoken.json"):
        entry = json.loads(data)
        for at in list(places(entry)):
            for new in (..., *rng.sample(VALUES, 3)):
                if at or new is not ...:
                    path.write_text(json.dumps(put(entry, at, new)))
                    attempt(path, (path.name, at, new))
    elif path.name.endswith(".tiktoken.json"):
        ranks = path.with_suffix("")
        for at in list(places(json.loads(data))):
            for new in VALUES:
                path.write_text(json.dumps(put(json.loads(data), at, new)))
                attempt(ranks, (path.name, at, new))
    for _ in range(60):
        broken = bytearray(data)
        how = rng.randrange(4)
        if how == 0:
            del broken[rng.randrange(len(broken)):]
        elif how == 1:
            start = rng.randrange(len(broken))
            broken[start : start + rng.randrange(1, 20)] = b""
        else:
            for _ in range(rng.randrange(1, 5)):
                broken[rng.randrange(len(broken))] = rng.choice([0, 255, 127, rng.randrange(256)])
        path.write_bytes(broken)
        if not path.name.endswith(".tiktoken.json"):
            attempt(path, (path.name, "bytes", how))
    path.write_bytes(data)
# Not ru_maxrss, which begins at what the process that started this one held.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
tally["peak"] = int(status["VmHWM"].split()[0]) << 10
assert not faults, "\n".join(map(str, [len(faults), *faults[:20]]))
print(json.dumps(tally))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory, english):
    """One small file of each kind."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    from tokenizers_lab.m1.spelling import load_model
    from tokenizers_lab.training.sentencepiece import train_unigram

    folder = tmp_path_factory.mktemp("files")
    ours = lab.train(documents=[english[:5000]], vocab_size=280, special=["<eos>"])
    ours.save(folder / "ours.json")
    export(ours, folder / "ranks.tiktoken")
    load_tiktoken(folder / "ranks.tiktoken").save(folder / "ranked.json")
    entry = json.loads((folder / "ours.json").read_text())
    entry["normalizer"] = {"type": "NFC"}
    (folder / "nfc.json").write_text(json.dumps(entry))
    words = Tokenizer(models.WordPiece({"[UNK]": 0, "the": 1, "##e": 2, "t": 3, "##h": 4}, unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.TemplateProcessing(single="[UNK] $A", special_tokens=[("[UNK]", 0)])
    words.decoder = decoders.WordPiece()
    words.save(str(folder / "words.json"))
    pieces = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁the", -1.0), ("t", -2.0), ("▁", -3.0)], 0, False))
    pieces.pre_tokenizer, pieces.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    pieces.save(str(folder / "pieces.json"))
    train_unigram([english[:20_000]], 400).save(folder / "small.model")
    for i, spelling in enumerate(["gzip", "ac[m1=order-1]", "model-dictionary[n=600,m1=order-1]"]):
        lab.load(spelling).save(folder / f"codec{i}.bin")
    load_model("order-1").save(folder / "m.m1")
    return folder


def test_mutations_are_refused_or_work(files):
    tally = json.loads(child_output(CHILD.format(folder=str(files))).splitlines()[-1])
    assert tally["refused"] + tally["loaded"] >= 200 and tally["refused"] > 100 and tally["loaded"] > 10
    assert tally["peak"] < 1 << 30


@pytest.mark.parametrize(
    "name,text,match",
    [
        (
            "T.json",
            '{"model": {"type": "BPE", "vocab": null, "merges": []}}',
            "model.vocab must be an object",
        ),
        ("T.json", '{"model": {"type": "BPE", "vocab": {"a": 1000000000000}, "merges": []}}', "largest id"),
        ("T.json", '\ufeff{"model": {}}', "byte order mark"),
        ("T.json", "[1, 2]", "must be an object"),
        ("T.json", "", "not JSON"),
        ("T.json", "[" * 100_000, "not JSON"),
        ("T.json", '{"model": ' + '{"a":' * 40 + "1" + "}" * 41, "nested more than 32 deep"),
        ("T.json", '{"model": {}, "model": {}}', "a name stands twice"),
        ("T.json", '{"model": ' + "9" * 5000 + "}", "not JSON: an integer of more than"),
        (
            "T.json",
            json.dumps(
                {
                    "model": {
                        "type": "BPE",
                        "vocab": {"a": 0, "b": 1, "ab": 2},
                        "merges": ["a b"],
                        "continuing_subword_prefix": "######",
                    }
                }
            ),
            "second token has the prefix",
        ),
        (
            "T.json",
            json.dumps(
                {
                    "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
                    "normalizer": {
                        "type": "Sequence",
                        "normalizers": [
                            {"type": "Replace", "pattern": {"Regex": r"(?<x>a\g<x>?)"}, "content": ""}
                        ],
                    },
                }
            ),
            "call themselves",
        ),
        ("T.json", '{"model": {"vocab": {"a": NaN}}}', "NaN"),
        ("T.json", '{"tokenizers_lab": 1, "codec": "T.json"}', "no codec's name"),
        ("T.json", '{"tokenizers_lab": 1, "codec": null}', "no codec's name"),
        ("x.tiktoken", "IQ== 1000000000000\n", "too far above"),
        ("x.tiktoken", "\ufeffIQ== 0\n", "line 1"),
        ("x.tiktoken", "IQ== 0\nIg== 0\n", "line 2 repeats"),
        ("x.tiktoken", "\n", "no ranks"),
        ("m.model", "\n\x7f", "cut short"),
        ("m.model", "", "no pieces"),
    ],
)
def test_one_line_says_what_and_where(name, text, match, tmp_path):
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DataError, match=match) as error:
        lab.load(tmp_path / name)
    assert "\n" not in str(error.value) and name in str(error.value) and error.value.exit_code == 2


@pytest.fixture(scope="module")
def rules() -> bytes:
    """The compiled table of SentencePiece's own NMT rules."""
    sentencepiece = pytest.importorskip("sentencepiece")
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat", "a dog"] * 50),
        model_writer=out,
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
        normalization_rule_name="nmt_nfkc",
    )
    fields = sentencepiece_model._fields(out.getvalue(), "m")
    (normalizer,) = [value for field, value in fields if field == 3]
    return dict(sentencepiece_model._fields(normalizer, "m"))[2]


def test_rules_of_a_normalizer_stay_inside_their_table(rules, tmp_path, capfd):
    """What is found sound is walked by the library without a panic; else it is one line, and no library's
    own."""
    tokenizers = pytest.importorskip("tokenizers")
    assert charsmap.what_is_wrong(rules) is None
    size, rng = int.from_bytes(rules[:4], "little"), random.Random(1)
    found = set()
    for _ in range(120):
        table = bytearray(rules)
        for _ in range(rng.choice([1, 1, 5, 40])):
            at = 4 + 4 * rng.randrange(size // 4)
            table[at : at + 4] = rng.choice([bytes(4), b"\xff" * 4, rng.randbytes(4)])
        if rng.random() < 0.2:
            table[:4] = rng.choice([0, 6, 2**31, 2**32 - 4, size + 4, size - 4]).to_bytes(4, "little")
        if rng.random() < 0.1:
            del table[rng.randrange(len(table)) :]
        wrong = charsmap.what_is_wrong(bytes(table))
        found.add(wrong)
        normalizer = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode()}
        model = {
            "type": "Unigram",
            "unk_id": 0,
            "vocab": [["<unk>", 0.0], ["a", -1.0]],
            "byte_fallback": False,
        }
        entry = {"version": "1.0", "added_tokens": [], "model": model}
        entry["normalizer"] = {"type": "Sequence", "normalizers": [normalizer]}
        if wrong is None:
            walked = tokenizers.Tokenizer.from_str(json.dumps(entry))
            for text in ("ﬁ Ａ ½ \u3000 e\u0301 日本 \x00\x07 𠮷", "".join(map(chr, range(1, 0x3000)))):
                walked.encode(text)
        else:
            with pytest.raises(DataError, match="normalizer must be sound"):
                tokenizer_json.parse(json.dumps(entry).encode(), "T.json")
    assert len(found) > 3 and "panicked" not in capfd.readouterr().err
    for odd in ("!!", 5, "AAAA", ""):
        entry["normalizer"]["normalizers"][0]["precompiled_charsmap"] = odd
        with pytest.raises(DataError):
            tokenizer_json.parse(json.dumps(entry).encode(), "T.json")
