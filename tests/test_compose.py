"""From readings to what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from langchain_core.documents import Document

from rag.compose import compose, nearest, speaks_of
from rag.kind import Kind, kind_of, leans
from rag.reader import Reading

TITLE = "The Salt Lantern"


class Papers:
    """The index as compose needs it: no passage has smaller places."""

    def place(self, document: str, start: int, end: int | None = None) -> None:
        return None


def passage(text: str, document: str = "a.txt", start: int = 0, **meta: object) -> Document:
    known = {"id": f"{document}:{start}", "document": document, "place": "p. 1", "start": start, "ordinal": 0}
    return Document(page_content=text, metadata=known | meta)


def reading(words: str, text: str, probability: float = 0.9, **meta: object) -> Reading:
    found = passage(text, **meta)  # type: ignore[arg-type]
    return Reading(found, text.index(words), text.index(words) + len(words), probability, probability)


def no_likeness(text: str, others: Sequence[str]) -> list[float]:
    return [0.0 for _ in others]


def said(kind: Kind, *readings: Reading):  # type: ignore[no-untyped-def]
    return compose(Papers(), kind, readings, 0.5, no_likeness)  # type: ignore[arg-type]


PLAIN = Kind("plain")


def test_the_span_is_the_answer_and_its_sentence_the_quote() -> None:
    found = said(PLAIN, reading("Ada Lind", "Shot in winter. The score is by Ada Lindqvist. It is short.", start=100))
    assert found.text == "Ada Lindqvist"
    cited = found.citations[0]
    assert (cited.n, cited.quote, cited.highlighted) == (1, "The score is by Ada Lindqvist.", "Ada Lindqvist")
    assert (cited.start, cited.end) == (116, 146)


def test_words_without_sure_borders_are_said_in_their_sentence() -> None:
    text = "Shot in winter. The score is by Ada Lindqvist. It is short."
    for kind in (PLAIN, Kind("list")):
        found = said(kind, replace(reading("Ada", text), share=0.1))
        assert found.text == "The score is by Ada Lindqvist."
        assert (found.citations[0].quote, found.citations[0].highlighted) == (found.text, "Ada")
    endless = f"The score is by Ada Lindqvist, {'who wrote and wrote and wrote, ' * 20}in winter."
    assert said(PLAIN, replace(reading("Ada Lindqvist", endless), share=0.1)).text == "Ada Lindqvist"


def test_where_the_reader_wavers_two_sentences_are_said() -> None:
    text = "He left at dawn. The river had risen. “I had to go,” he wrote. Nobody read it."
    wavering = replace(reading("The river had risen", text), share=0.4, other=(39, 50))
    found = said(PLAIN, wavering)
    assert text[39:50] == "I had to go"
    assert found.text == "The river had risen. “I had to go,” he wrote."
    assert [(cited.n, cited.highlighted) for cited in found.citations] == [
        (1, "The river had risen"),
        (2, "I had to go"),
    ]
    back = replace(reading("I had to go", text), share=0.4, other=(0, 15))
    assert said(PLAIN, back).text == "“I had to go,” he wrote. … He left at dawn."
    assert said(Kind("list"), wavering).text == "The river had risen."
    assert said(PLAIN, replace(wavering, other=(15, 16))).text == "The river had risen."  # nothing but a full stop


def test_the_same_answer_of_two_papers_is_cited_twice() -> None:
    found = said(
        PLAIN,
        reading("Ada Lindqvist", "The score is by Ada Lindqvist."),
        reading("the composer Ada Lindqvist", "They called the composer Ada Lindqvist.", 0.6, document="b.txt"),
        reading("nine", "The applause lasted nine minutes.", 0.05, document="b.txt", start=80),
    )
    assert found.text == "Ada Lindqvist"
    assert [(cited.n, cited.document) for cited in found.citations] == [(1, "a.txt"), (2, "b.txt")]
    assert found.differing == []


def test_papers_that_contradict_each_other() -> None:
    found = said(
        PLAIN,
        reading("97 minutes", "It runs for 97 minutes."),
        reading("102 minutes", "The film lasts 102 hours.".replace("hours", "minutes"), 0.7, document="b.txt"),
    )
    assert found.text == "97 minutes"
    assert found.differing == []  # they share a word: nobody can tell what differs

    found = said(
        PLAIN,
        reading("1984", "She was born in 1984."),
        reading("1986", "Born in 1986, she directs.", 0.7, document="b.txt"),
        reading("1987", "Born in 1987, she directs.", 0.6, document="a.txt", start=90),
    )
    assert found.text == "1984"
    assert [cited.highlighted for cited in found.differing] == ["1986"]


def test_a_list_gathers_its_parts() -> None:
    found = said(
        Kind("list"),
        reading("Norway", "It was shown in Norway."),
        reading("Spain and Chile", "Spain and Chile followed.", 0.8, document="b.txt"),
        reading("Norway", "Norway saw it first.", 0.7, document="c.txt"),
        reading("Peru", "Nobody asked in Peru.", 0.1, document="d.txt"),
    )
    assert found.text == "Norway; Spain and Chile"
    assert [cited.document for cited in found.citations] == ["a.txt", "b.txt", "c.txt"]
    assert "".join(found.pieces) == found.text


def test_an_opinion_has_its_owner() -> None:
    text = "“It was a gift to work there,” said producer Tomas Vell. Others left."
    found = said(Kind("opinion"), reading("a gift to work there", text))
    assert found.text == "Producer Tomas Vell: a gift to work there"
    assert said(Kind("opinion"), reading("Others left", text)).text == "Others left"


def test_a_broad_answer_is_whole_sentences_in_their_order() -> None:
    first = "Born in 1984, the director grew up on an island."
    last = "The director Mira Kessel first filmed in 2010."
    found = said(Kind("broad", "the director", "the director"), reading("1984", f"{first} She likes tea. {last}"))
    assert found.text == f"{first} {last}"
    assert [cited.n for cited in found.citations] == [1, 2]
    assert found.citations[0].highlighted == "1984"
    assert found.citations[1].highlighted == found.citations[1].quote


def test_nothing_worth_saying() -> None:
    assert said(PLAIN, reading("—", "A line — and more.")).citations == []


def test_the_nearest_sentence_is_no_caption_credit() -> None:
    credit = reading("Photo: Orrin Press", "Photo: Orrin Press")
    told = reading("winter", "The film was shot in winter on an island.", document="b.txt")
    assert [c.document for c in nearest(Papers(), [credit, told])] == ["b.txt"]  # type: ignore[arg-type]
    assert nearest(Papers(), []) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("What is it about?", "broad"),
        ("what's The Salt Lantern about", "broad"),
        ("Can you tell me what the film is about?", "broad"),
        ("Can you tell me what the sailor is about to do?", "plain"),
        ("Plot?", "broad"),
        ("How did the film come about?", "broad"),
        ("Tell me about the director", "broad"),
        ("What do you know about Ilse?", "broad"),
        ("Who directed it?", "plain"),
        ("Which countries have shown it?", "list"),
        ("Name all the actors", "list"),
        ("Who's in the cast?", "list"),
        ("who are the producers", "list"),
        ("What awards has it won?", "list"),
        ("What are the names of the sisters?", "list"),
        ("What happens to the sisters?", "plain"),
        ("What makes her stay?", "plain"),
        ("Which actor plays the sailor?", "plain"),
        ("What's the lighthouse's name?", "plain"),
        ("What did his sisters do?", "plain"),
        ("What were they made of?", "plain"),
        ("What does the director think of critics?", "opinion"),
    ],
)
def test_kinds(text: str, name: str) -> None:
    assert kind_of(text, TITLE, alone=True).name == name


def test_what_it_is_about_is_no_broad_question_after_another() -> None:
    assert kind_of("What is it about?", TITLE, alone=False).name == "plain"


def test_a_broad_question_needs_its_subject_in_the_papers() -> None:
    papers = [passage("The director grew up on an island. The score has three cellos.")]
    assert speaks_of(kind_of("Tell me about the score", TITLE, alone=True), papers)
    assert not speaks_of(kind_of("Tell me about the sequel", TITLE, alone=True), papers)
    assert not speaks_of(kind_of("Tell me about the director's score", TITLE, alone=True), papers)
    assert not speaks_of(kind_of("Tell me about you", TITLE, alone=True), papers)
    assert speaks_of(kind_of("What is the film about?", TITLE, alone=True), papers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("And Srey Leak?", True),
        ("How old is she?", True),
        ("why", True),
        ("Where did the story of the two friends take place in the city?", False),
    ],
)
def test_questions_that_lean_on_others(text: str, expected: bool) -> None:
    assert leans(text) is expected
