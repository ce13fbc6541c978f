"""Healed prompts: whatever is chosen among the allowed ids, the text begins with the prompt, and no
continuation is shut out."""

import numpy as np
import pytest
from every import NAMES
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenizers_lab.lm.healing import Healer
from tokenizers_lab.lm.partial import begin, length, text_of


def texts(english):
    piece = st.tuples(st.integers(0, 20_000), st.integers(0, 90)).map(lambda t: english[t[0] : t[0] + t[1]])
    return st.one_of(
        piece, piece, st.binary(max_size=12), st.tuples(piece, st.binary(max_size=3)).map(b"".join)
    )


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_the_prompt_is_there_whatever_is_chosen(name, codecs, english, data):
    codec, prompt = codecs[name], data.draw(texts(english))
    healer, ids = Healer(codec, prompt, length(prompt, 100)), begin(codec, prompt, 100).tolist()
    choose = np.random.default_rng(data.draw(st.integers(0, 99)))
    for _ in range(len(prompt) + 40):
        among = healer.allowed(ids)
        if among is None:
            break
        assert len(among) and among.min() >= 0 and among.max() < codec.vocab_size
        ids.append(int(choose.choice(among)))
    assert among is None and text_of(codec, ids)[0].startswith(prompt)


@pytest.mark.parametrize("name", [n for n in NAMES if "gzip" not in n])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_continuation_is_shut_out(name, codecs, english, data):
    """The ids that the codec itself gives the prompt and what follows it are allowed, one after the other."""
    codec, prompt = codecs[name], data.draw(texts(english))
    follows = (data.draw(texts(english)) + english[7000:7200])[:100]
    whole, begun = codec.encode(prompt + follows).tolist(), begin(codec, prompt, 100).tolist()
    assert length(prompt, 100) == len(prompt + follows)
    if (
        whole[: len(begun)] != begun
    ):  # few endings are tried: a vocabulary may join others to the prompt's end in another way
        assert name in ("bpe", "unigram") or name.startswith(("segment[", "marked["))
        return
    healer, ids = Healer(codec, prompt, length(prompt, 100)), begun
    while (among := healer.allowed(ids)) is not None:
        assert whole[len(ids)] in among
        ids = whole[: len(ids) + 1]
    assert text_of(codec, ids)[0].startswith(prompt)


def test_a_word_is_not_spoilt(codecs):
    """What went wrong without healing: the last byte belongs to a window whose other bytes are not known
    yet."""
    codec = codecs["equal-info[b=16,v=256,m1=order-2]"]
    ids = begin(codec, b"Alice was", 40)
    held = text_of(codec, ids)[0]
    assert len(held) < len(b"Alice was") and b"Alice was".startswith(held)
    first = Healer(codec, b"Alice was", 100).allowed(ids)
    assert 0 < len(first) < 256
    assert Healer(codec, held, 100).allowed(ids) is None and Healer(codec, b"", 100).allowed([]) is None


def test_cells_of_a_table_and_of_its_intervals(codecs):
    """The compiled table and the twin's intervals name the same cells."""
    from tokenizers_lab.codecs.equal_info import WindowCodec
    from tokenizers_lab.registry import load

    pair = codecs["equal-info[b=16,v=256,m1=order-2]"]
    online = WindowCodec(load("ac[m1=order-2]").model, 16, 8)
    for text in (b"t", b"th", b"the ", b"\x00", b"\xff\xff\xff", b"the quick brown", b" a"):
        assert list(pair.cells_beginning_with(text, b"")) == list(online.cells_beginning_with(text, b""))
