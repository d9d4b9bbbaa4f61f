"""Questions with a premise changed: what is put in never stands in the window that answered them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.reader.data import read_dossiers, spans_in, windows
from rag.reader.names import Names
from rag.reader.premise import STEM, changed, people

PERSONS = [("Ilse", "Vondrak"), ("Tom", "Berger"), ("Ama", "Boakye")]


def all_of(question: str, window: str) -> set[str | None]:
    return {changed(question, window, PERSONS, random.Random(seed)) for seed in range(40)}


def test_another_person_of_the_film_is_asked_for() -> None:
    window = "Ilse Vondrak, a former tram conductor, built the raft."
    assert all_of("What did Vondrak do before?", window) == {"What did Berger do before?", "What did Boakye do before?"}


def test_a_person_whom_the_window_names_is_not_asked_for() -> None:
    window = "Vondrak was a tram conductor. Berger held her hat."
    assert all_of("What did Ilse Vondrak do before?", window) == {"What did Ama Boakye do before?"}


def test_a_trade_becomes_one_that_the_window_has_no_part_of() -> None:
    found = all_of("Who was the producer?", "It was produced by Ama Boakye and edited by her sister.")
    assert "Who was the cinematographer?" in found
    assert "Who was the editor?" not in found


def test_a_year_becomes_a_near_one() -> None:
    found = all_of("What happened in 1987?", "In 1987 the cinema burned; in 1988 it was rebuilt.")
    assert "What happened in 1986?" in found
    assert "What happened in 1988?" not in found


def test_a_question_without_a_premise_stays_as_it_is() -> None:
    assert all_of("How many goats had to be hired?", "Eleven goats had to be hired.") == {None}


@given(question=st.text(max_size=60), window=st.text(max_size=120), seed=st.integers(0, 99))
def test_whatever_is_asked_is_changed_or_left(question: str, window: str, seed: int) -> None:
    other = changed(question, window, PERSONS, random.Random(seed))
    assert other is None or other != question


@pytest.mark.parametrize("number", range(0, 700, 100))
def test_of_the_films_questions_some_are_changed(number: int) -> None:
    films = [film for film in read_dossiers() if not film.dev]
    film = films[number]
    persons = people([paper["text"] for paper in film.papers], Names(films[number : number + 40]).kinds(film))
    assert persons, "films' papers name people"
    rng, count = random.Random(number), 0
    for asked in film.questions:
        for window in windows(film, 75):
            if asked.answers and window.document == asked.document and spans_in(window.text, asked.answers):
                other = changed(asked.text, window.text, persons, rng)
                put_in = set((other or "").split()) - set(asked.text.split())
                assert not any(
                    word.lower().strip("?,.'’")[:STEM] in window.text.lower() for word in put_in if len(word) > STEM
                )
                count += other is not None
    assert count
