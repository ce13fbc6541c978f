"""Codecs over marked text: trained, saved, read, cut short; borders cover the text; what cannot be is one
line."""

import json

import numpy as np
import pytest

import tokenizers_lab as lab
from tokenizers_lab.bits_per_byte import tokenise
from tokenizers_lab.codecs.marked import MarkedCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, unpack_arrays
from tokenizers_lab.training.parity import train_parity

ODD = ("ÉCOLE Ὀδυσσεία groß kızıl don't iPhone\n The".encode(), b"\n The \x08\x0e\x10\xc3\x89x\xff", b"")


@pytest.fixture(scope="module")
def trained(english, tmp_path_factory):
    folder = tmp_path_factory.mktemp("marked")
    (folder / "a.txt").write_bytes(english[:60_000])
    codec = lab.train([folder / "a.txt"], 700, marks="case+space", special=["<eos>"])
    codec.save(folder / "T.codec")
    return folder, codec


def test_what_is_learnt_is_lossless_and_of_marked_text(trained, english):
    _, codec = trained
    text = english[:60_000]
    again = lab.train(documents=[text], vocab_size=700, marks="space+case", special=["<eos>"])
    inside = lab.train(documents=[codec.marks.mark(text).tobytes()], vocab_size=700, special=["<eos>"])
    assert again.fingerprint() == codec.fingerprint() and inside.fingerprint() == codec.of.fingerprint()
    assert not any(65 <= c <= 90 for token in codec.of.tokens if len(token) > 1 for c in token)
    for data in (*ODD, text):
        found = tokenise(codec, data)
        assert found.problem is None and codec.decode(found.ids) == data
    assert codec.eos_id == 0 and codec.token_bytes(5) is None and codec.lossless


def test_it_is_saved_read_and_cut_short(trained, english):
    folder, codec = trained
    back = lab.load(folder / "T.codec")
    assert back.fingerprint() == codec.fingerprint() and back.spelling == str(folder / "T.codec")
    small = codec.truncated(400)
    assert small.of.fingerprint() == codec.of.truncated(400).fingerprint()
    assert small.decode(small.encode(english[:900])) == english[:900]
    fewest = lab.load(f"segment[of={folder}/T.codec]")
    assert isinstance(fewest, MarkedCodec) and fewest.decode(fewest.encode(english[:900])) == english[:900]
    assert len(fewest.encode(english)) < len(codec.encode(english))


def test_training_goes_on(trained, english):
    folder, codec = trained
    more = lab.train(
        [folder / "a.txt"], 720, marks="case+space", special=["<eos>"], extend=folder / "T.codec"
    )
    assert more.truncated(700).fingerprint() == codec.fingerprint()
    text = english[:20_000]
    wide = lab.train(documents=[text], vocab_size=600, marks="case", transition=500)
    assert wide.of.pre.name == "lines" and wide.decode(wide.encode(text)) == text
    equal = train_parity([text, text], 500, marks="case")
    assert (
        equal.codec.fingerprint() == lab.train(documents=[text], vocab_size=500, marks="case").fingerprint()
    )


def test_damage_is_told(trained, tmp_path):
    folder, _ = trained
    head, arrays = unpack_arrays(folder / "T.codec")
    whole = np.frombuffer((folder / "T.codec").read_bytes(), np.uint8)
    for change, match in (
        ({"of": whole}, "marks inside marks"),
        ({"of": arrays["of"][:-9]}, "inside"),
        (
            {"of": np.frombuffer(b'{"tokenizers_lab": 1, "codec": "segment[of=x]"}', np.uint8)},
            "no codec's name",
        ),
    ):
        (tmp_path / "bad").write_bytes(pack_arrays(head, {**arrays, **change}))
        with pytest.raises(DataError, match=match):
            lab.load(tmp_path / "bad")
    (tmp_path / "bad").write_bytes(pack_arrays({**head, "marks": "all"}, arrays))
    with pytest.raises(DataError, match="marks are"):
        lab.load(tmp_path / "bad")
    (tmp_path / "x.json").write_text(
        json.dumps({"tokenizers_lab": 1, "codec": f"marked[of={tmp_path}/x.json]"})
    )
    with pytest.raises(DataError, match="no codec's name"):  # a file that names itself
        lab.load(tmp_path / "x.json")


@pytest.mark.parametrize(
    "spelling,match",
    [
        ("marked", "needs the codec"),
        ("marked[of=bytes,marks=words]", "case, space or case.space, not 'words'"),
        ("marked[of=marked[of=bytes]]", "already"),
        ("marked[of=nowhere.json]", "no such"),
    ],
)
def test_what_cannot_be_is_refused(spelling, match):
    with pytest.raises(LabError, match=match) as caught:
        lab.load(spelling)
    assert "\n" not in str(caught.value)


def test_extending_other_marks_is_refused(trained, english):
    folder, _ = trained
    for marks, own in ((None, "case.space"), ("case", "case.space")):
        with pytest.raises(LabError, match=f"trained with marks {own}"):
            lab.train([folder / "a.txt"], 720, marks=marks, extend=folder / "T.codec")
