"""Marks for case and spaces: what the twin writes; any bytes come back; cut anywhere, what is certain is a
beginning of the text; blocks give what the whole gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize.marks import Marks, letters, twin

NAMES = ("case", "space", "case+space")
PIECES = [
    *(
        b"A",
        b"b",
        b"Cd",
        b"EF",
        b" ",
        b"  ",
        b"\n",
        b"\r",
        b"\t",
        b"'",
        b".",
        b"(",
        b"7",
        b"\x08",
        b"\x0e",
        b"\x0f",
    ),
    *("É é ’ Ế ı Ÿ ÿ ß Ω ω Я я 中 ́ \u00a0".replace(" ", "|").encode().split(b"|")),
    *(b"\x10", b"\xc3", b"\x89", b"\xff", b"\xe2", b"\xe2\x80", b"\xed\xa0\x80"),
]
some_bytes = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=10).map(b"".join)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=300, deadline=None)
@given(text=some_bytes, cut=st.integers(0, 40))
def test_any_bytes_come_back(name, text, cut):
    marks = Marks(name)
    marked = marks.mark(text)
    assert marked.tobytes() == twin(text, marks.case, marks.space)
    assert marks.undo(marked) == text
    places = marks.places(marked)
    assert places[0] == 0 and places[-1] == len(text) and set(np.diff(places)) <= {0, 1}
    assert text.startswith(marks.certain(marked.tobytes()[:cut]))
    assert b"".join(b.tobytes() for b in marks.blocks([text[:cut], text[cut:]])) == marked.tobytes()
    marks.undo(text)  # any bytes are some text's
    assert marks.undo(marks.mark(marked)) == marked.tobytes()  # marks in a text are text


def test_one_spelling_a_word():
    text = 'He said: "Stop!"\nThe NASA of Québec; HTMLParser, iPhone.\n I don\'t'.encode()
    assert Marks("case").mark(text).tobytes().translate(bytes.maketrans(b"\x0e\x0f", b"^&")) == (
        '^he said: "^stop!"^\nthe& nasa of^ québec;& html^parser, i^phone.^\n i don\'t'.encode()
    )
    assert Marks("space").mark(text).tobytes().translate(bytes.maketrans(b"\x08", b"<")) == (
        ' He said: "< Stop!"\n The NASA of Québec; HTMLParser, iPhone.<\n I don\'t'.encode()
    )


def test_pairs_are_unicodes():
    kinds, other = letters()
    for c in np.flatnonzero(kinds == 1).tolist():
        small = int(other[c])
        assert chr(c).lower() == chr(small) and chr(small).upper() == chr(c) and other[small] == c
        assert len(chr(c).encode()) == len(chr(small).encode()) and kinds[small] == 2


def test_long_text_without_white_space_is_cut(monkeypatch):
    monkeypatch.setattr("tokenizers_lab.pretokenize.marks._CARRY", 50)
    marks = Marks("case+space")
    found = list(marks.blocks([b"Ab." * 20, b"Cd." * 20]))
    assert len(found) > 1 and b"".join(b.tobytes() for b in found).count(b"\x0e") == 40


@pytest.mark.parametrize("name", ["", "cases", "case+case", "case,space"])
def test_other_marks_are_refused(name):
    with pytest.raises(LabError, match="marks are case, space"):
        Marks(name)
