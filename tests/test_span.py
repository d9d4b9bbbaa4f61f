"""Spans made fit to be shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.span import clean, sentence_at, sentences, surroundings

TEXT = (
    "“I started dreaming about it in 2015,” director Jake Wachtel (born in California) told a packed audience. "
    "The film, co-written by Martin King Jr. and Ann O’Neil, is called “The Long Wait”. It runs for 102 minutes."
)


def cleaned(words: str, text: str = TEXT) -> str:
    start = text.index(words)
    first, last = clean(text, start, start + len(words))
    return text[first:last]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (" Jake Wachtel ", "Jake Wachtel"),
        ("achte", "Wachtel"),
        ("2015,” ", "2015"),
        ("“I started dreaming", "I started dreaming"),
        ("“I started dreaming about it in 2015,”", "“I started dreaming about it in 2015,”"),
        ("(born in California)", "born in California"),
        ("(born in Calif", "born in California"),
        ("Jake Wachtel (born", "Jake Wachtel (born in California)"),
        ("Ann O’Neil, ", "Ann O’Neil"),
        ("Martin King Jr.", "Martin King Jr."),
        ("The Long Wait”.", "The Long Wait"),
        ("called “The Long", "called “The Long Wait”"),
        ("102 minutes.", "102 minutes"),
        ("It runs for 102 minutes.", "It runs for 102 minutes."),
        (", ", ""),
    ],
)
def test_clean(words: str, shown: str) -> None:
    assert cleaned(words) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("13-year", "13-year-old"),
        ("old boy", "13-year-old boy"),
        ("one", "one-week-long"),
        ("-long", "one-week-long"),
        ("1990", "1990"),
        ("boy", "boy"),
    ],
)
def test_a_compound_is_one_word(words: str, shown: str) -> None:
    assert cleaned(words, "A 13-year-old boy - in 1990 - had a one-week-long run.") == shown


def test_apostrophes_are_no_quotation_marks() -> None:
    text = "The dogs’ home isn’t far."
    assert cleaned("isn’t far", text) == "isn’t far"
    assert cleaned("The dogs’ home", text) == "The dogs’ home"


def test_the_sentence_of_a_span() -> None:
    at = TEXT.index("102")
    first, last = sentence_at(TEXT, at, at + 3)
    assert TEXT[first:last] == "It runs for 102 minutes."


def test_a_sentence_s_surroundings_are_its_neighbours() -> None:
    text = "She sings. He paints. They met. It rained. Nobody came."
    for word, shown in (("met", "He paints. They met. It rained."), ("sings", "She sings. He paints.")):
        at = text.index(word)
        start, end = surroundings(text, at, at + 3)
        assert text[start:end] == shown
    assert surroundings("One alone.", 0, 3) == (0, 10)


def test_a_new_paragraph_is_a_new_sentence() -> None:
    text = "A headline without a full stop\nA first paragraph that goes on for long enough to be one, they say.\nSecond"
    assert [text[s:e] for s, e in sentences(text)][0] == "A headline without a full stop"


MARKS = st.text(alphabet="ab Z9.,;:’‘“”\"'()[]«»\n–ត្រឡ", max_size=60)


@settings(max_examples=300, deadline=None)
@given(MARKS, st.integers(0, 60), st.integers(0, 60))
def test_any_span_stays_inside_its_sentence(text: str, one: int, two: int) -> None:
    start, end = sorted((min(one, len(text)), min(two, len(text))))
    first, last = clean(text, start, end)
    assert 0 <= first <= last <= len(text)
    if first < last:
        low, high = sentence_at(text, first, last)
        assert low <= first < last <= high
        assert any(c.isalnum() for c in text[first:last])
        before, behind = surroundings(text, first, last)
        assert 0 <= before <= low and high <= behind <= len(text)
