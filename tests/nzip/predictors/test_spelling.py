"""Spellings as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nzip.errors import NzipError
from nzip.predictors import registry
from nzip.predictors.spelling import Part, parse


def test_spellings_are_parsed():
    assert parse("mix") == (Part("mix", None),)
    assert parse("mix:3+lm:a%2Bb+ssm") == (
        Part("mix", "3"),
        Part("lm", "a+b"),
        Part("ssm", None),
    )
    assert parse("lm:/models/x.gguf:q4") == (Part("lm", "/models/x.gguf:q4"),)
    assert parse("x:") == (Part("x", ""),)


@given(st.text(max_size=30))
def test_any_argument_survives_a_spelling(argument):
    part = Part("name", argument)
    assert parse(f"mix+{part}") == (Part("mix", None), part)
    assert str(part).isascii() and str(part).isprintable() and " " not in str(part)


@given(st.text(max_size=12))
def test_any_text_is_parsed_or_refused_in_one_line(text):
    try:
        parts = parse(text)
    except NzipError as error:
        assert "\n" not in str(error).replace(repr(text), "")
    else:
        assert all(part.name for part in parts)


@pytest.mark.parametrize("wrong", ["", "+", "mix+", "Mix", "3", ":3", "mix 3", "mix:3++x", "-mix", "mix/3"])
def test_what_is_no_spelling(wrong):
    with pytest.raises(NzipError):
        parse(wrong)


def test_the_registry_offers_them():
    assert registry.parse is parse and registry.Part is Part
