"""The training data: every accepted answer is verbatim in its paper, and dev stays apart from train."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.reader.data import Dossier, question_text, read_dossiers, spans_in, spoken, windows, without
from rag.reader.names import Names


@pytest.fixture(scope="module")
def dossiers() -> list[Dossier]:
    return read_dossiers()


def test_answers_are_verbatim(dossiers: list[Dossier]) -> None:
    for dossier in dossiers:
        papers = {paper["id"]: paper["text"] for paper in dossier.papers}
        for asked in dossier.questions:
            assert all(answer in papers[asked.document or ""] for answer in asked.answers), (dossier.number, asked.text)


def test_dev_films_are_not_train_films(dossiers: list[Dossier]) -> None:
    dev = {paper["text"] for dossier in dossiers if dossier.dev for paper in dossier.papers}
    train = {paper["text"] for dossier in dossiers if not dossier.dev for paper in dossier.papers}
    assert len(dev) > 40 and len(train) > 120
    assert not dev & train


def test_windows_keep_the_papers_words(dossiers: list[Dossier]) -> None:
    for dossier in dossiers[:6]:
        cut = windows(dossier, 80)
        for paper in dossier.papers:
            kept = " ".join(window.text for window in cut if window.document == paper["id"]).split()
            assert kept == paper["text"].split()


@given(st.text(max_size=60), st.text(min_size=1, max_size=8))
def test_spans_hold_the_answer(text: str, answer: str) -> None:
    for start, end in spans_in(text, [answer]):
        assert text[start:end] == answer


def test_spans_are_whole_words() -> None:
    assert spans_in("the artist drew art", ["art"]) == [(16, 19)]


def test_a_careless_question_is_still_the_question(dossiers: list[Dossier]) -> None:
    rng = random.Random(4)
    for asked in dossiers[0].questions:
        plain = {question_text(asked.text, asked.history), asked.standalone}
        typed = spoken(asked, None, rng)
        keywords = any(set(typed.split()) <= set(one.rstrip("?").split()) for one in plain)
        assert keywords or min(abs(len(typed) - len(one)) for one in plain) <= 1


def test_a_question_may_follow_another_that_does_not_matter(dossiers: list[Dossier]) -> None:
    rng = random.Random(4)
    asked = next(asked for asked in dossiers[0].questions if not asked.history)
    other = next(asked for asked in dossiers[0].questions if asked.history)
    typed = [spoken(asked, other, rng) for _ in range(30)]
    assert f"{other.standalone} {asked.text}" in typed
    follow = next(asked for asked in dossiers[0].questions if asked.history)
    assert not any(asked.text in spoken(follow, asked, rng) for _ in range(30))  # it has a history of its own


def test_a_window_loses_the_sentences_that_answer_alone(dossiers: list[Dossier]) -> None:
    for dossier in dossiers[:6]:
        for window in windows(dossier, 80):
            for asked in dossier.questions:
                spans = spans_in(window.text, asked.answers)
                left = without(window.text, spans) if spans else None
                if left is not None:
                    assert len(left) < len(window.text)
                    assert all(word in window.text for word in left.split())
                elif not spans:
                    whole = without(window.text, ())
                    assert whole is None or whole.split() == window.text.split()
    text = "She was born in Lagos. He paints. They met at a wedding."
    assert without(text, [(16, 21)]) == "He paints. They met at a wedding."
    assert without("He paints. She sings.", [(0, 2)]) is None


def test_a_renamed_film_keeps_its_spans(dossiers: list[Dossier]) -> None:
    """Answers stand where they stood, in as many places; what is not a name stays."""
    names = Names(dossiers)
    for film in dossiers[::9]:
        other = names.renamed(film, random.Random(film.number))
        mine, theirs = ({paper["id"]: paper["text"] for paper in one.papers} for one in (film, other))
        assert [len(text.split()) for text in mine.values()] == [len(text.split()) for text in theirs.values()]
        for asked, again in zip(film.questions, other.questions, strict=True):
            for before, after in zip(asked.answers, again.answers, strict=True):
                paper = asked.document or ""
                assert len(spans_in(theirs[paper], [after])) == len(spans_in(mine[paper], [before])) > 0


def test_names_change_everywhere_and_for_their_kind(dossiers: list[Dossier]) -> None:
    names = Names(dossiers)
    changed = 0
    for film in dossiers[::9]:
        kinds = names.kinds(film)
        other = names.renamed(film, random.Random(1))
        assert names.renamed(film, random.Random(1)) == other
        words = " ".join(paper["text"] for paper in other.papers).lower()
        gone = [name for name in kinds if name not in words]
        changed += len(gone) > 0.9 * len(kinds)
        assert not {"monday", "january", "french", "london", "director", "english"} & set(kinds)
    assert changed > 0.9 * len(dossiers[::9])
