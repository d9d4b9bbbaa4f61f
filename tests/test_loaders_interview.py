"""Interviews: the place of an answer is its question, and its speaker is who gave it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.film import PaperMeta
from index.load import finish, parse
from index.split import split

NAMED = """An interview with Mira Kessel, the director of The Salt Lantern.

JONAS BREE: Why Orrin?

MIRA KESSEL: Because of the light.

I went there once as a child.

JONAS BREE: You cast a boy who had never acted. How did you find him, and was he ever afraid of the sea?

MIRA KESSEL: On the pier: he sold me a fish.
"""
SHORT = "Q: Why Orrin?\nA: Because of the light.\n"
INITIALS = """Jonas Bree met Mira Kessel in Tromsø.

JB: Why Orrin?

MK: Because of the light.

JB: And the boy?

MK: He sold me a fish.
"""
CREDITS = "Director: Mira Kessel\nProducer: Tomas Vell\nMusic: Ada Lindqvist\nWhy: who knows?\n"


def rows(source: str, name: str = "talk.txt") -> list[tuple[str, str | None]]:
    return [(block.place, block.speaker) for block in parse(source.encode(), name).blocks]


def test_names() -> None:
    asked = "How did you find him, and was he ever afraid of the sea?"
    assert rows(NAMED) == [
        ("paragraph 1", None),
        ("Interview, question ‘Why Orrin?’", "JONAS BREE"),
        ("Interview, answer to ‘Why Orrin?’", "MIRA KESSEL"),
        ("Interview, answer to ‘Why Orrin?’", "MIRA KESSEL"),
        (f"Interview, question ‘{asked}’", "JONAS BREE"),
        (f"Interview, answer to ‘{asked}’", "MIRA KESSEL"),
    ]
    assert parse(NAMED.encode(), "talk.txt").kind == "interview"


def test_question_and_answer() -> None:
    assert rows(SHORT) == [("Interview, question ‘Why Orrin?’", None), ("Interview, answer to ‘Why Orrin?’", None)]


def test_initials_stand_for_a_name_of_the_paper() -> None:
    assert [speaker for _, speaker in rows(INITIALS)] == [None, *("Jonas Bree", "Mira Kessel") * 2]


def test_under_headings() -> None:
    source = "# A talk\n\n**Q:** Why Orrin?\n\n**A:** The light.\n\n## Afterwards\n\nWe had tea.\n"
    assert [place for place, _ in rows(source, "talk.md")] == [
        "A talk",
        "Interview, question ‘Why Orrin?’",
        "Interview, answer to ‘Why Orrin?’",
        "Afterwards",
        "Afterwards, paragraph 1",
    ]


@pytest.mark.parametrize("source", [CREDITS, "Note: it rained.\nNote: it rained again.\n", "Who? Nobody.\n"])
def test_what_is_no_interview(source: str) -> None:
    loaded = parse(source.encode(), "talk.txt")
    assert loaded.kind is None
    assert all(block.place.startswith("paragraph") and block.speaker is None for block in loaded.blocks)


def test_an_answer_is_one_passage_with_its_question() -> None:
    passages = split(finish(parse(NAMED.encode(), "talk.txt"), "talk.txt", PaperMeta(), ""))
    assert [(passage.metadata["place"], passage.metadata.get("speaker")) for passage in passages][1:] == [
        ("Interview, answer to ‘Why Orrin?’", "MIRA KESSEL"),
        ("Interview, answer to ‘How did you find him, and was he ever afraid of the sea?’", "MIRA KESSEL"),
    ]
    assert passages[1].page_content.startswith("JONAS BREE: Why Orrin?")


PARTS = st.lists(
    st.sampled_from(["Q: ", "A: ", "MK: ", "Mira Kessel: ", "Why? ", "Because. ", "\n", "\n\n", "JB:"]), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(PARTS.map("".join).filter(str.strip))
def test_any_talk_keeps_its_blocks(source: str) -> None:
    at = 0
    for block in parse(source.encode(), "talk.txt").blocks:
        assert not source[at : block.start].strip() and source[block.start : block.end].strip()
        at = block.end
    assert not source[at:].strip()
