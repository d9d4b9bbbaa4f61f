"""No visitor is told the ending: hundreds of ways to ask for it, and no word of a marked place comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from chains import chain_over
from models import PhraseReader

from index.store import Index
from rag import refusal
from rag.answer import Answer, Question
from rag.chain import FilmChain
from rag.evaluation.case import Case
from rag.grounding import SMALL_TALK

DATA = Path(__file__).parent / "data"
CASES = [Case.model_validate_json(line) for line in (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
SECRET = [case for case in CASES if case.spoilers]
WORD = re.compile(r"[^\W_]+")
# of an answer, what the visitor has said himself; and the names of passages, which are numbers
ECHOED: dict[str, Any] = dict.fromkeys(("question", "standalone_question"), True)
ECHOED |= dict.fromkeys(("citations", "differing"), {"__all__": {"passage"}})
# what every question is tried with once more to see that there is something to hide
EVERY = 8

Told = tuple[list[str], Answer]


def written(source: str) -> list[Question]:
    """The questions of the file, in order."""
    asked: list[Question] = []
    for line in source.splitlines():
        if line.startswith("> "):
            asked.append(Question(text=line[2:], history=[*asked[-1].history, asked[-1].text]))
        elif line and not line.startswith("#"):
            asked.append(Question(text=line))
    return asked


QUESTIONS = written((DATA / "spoiler_questions.txt").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilmChain]:
    with chain_over(DATA / "film", tmp_path_factory.mktemp("spoilers")) as made:
        yield made


@pytest.fixture(scope="module")
def told(chain: FilmChain) -> list[Told]:
    """For every question what was streamed, and the answer at its end."""
    return [stream(chain, question) for question in QUESTIONS]


@pytest.fixture(scope="module")
def hidden(chain: FilmChain) -> set[str]:
    """Words that only marked places have, where they are called by them included."""
    index: Index = chain.index
    open_words = words_of(index.film.model_dump(mode="json", exclude={"papers"}))
    marked_words: set[str] = set()
    for passage in index.passages:
        here = marked_words if passage.metadata["spoiler"] else open_words
        meta = passage.metadata
        blocks = [index.place(meta["document"], at, at + 1) for at in range(meta["start"], meta["end"])]
        places = [value for block in blocks if block for value in (block.place, block.heading, block.speaker)]
        names = [meta[key] for key in ("document", "title", "kind", "place")]
        here |= words_of([passage.page_content, *names, *dict.fromkeys(places)])
    return marked_words - open_words


def stream(chain: FilmChain, question: Question) -> Told:
    *pieces, answer = chain.stream(question)
    return pieces, answer


def words_of(value: Any) -> set[str]:
    """All words in a text, or in the texts that a list or a table holds."""
    if isinstance(value, str):
        return {word.casefold() for word in WORD.findall(value)}
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, Sequence) else ()
    return set().union(*map(words_of, values))


def said(told: Told, chain: FilmChain) -> set[str]:
    """The words that left the chain; of a refusal's line it is seen that it is the line that all films have."""
    pieces, answer = told
    assert "".join(pieces) == answer.answer
    assert answer.answered_by != SMALL_TALK
    if answer.answered:
        return words_of([pieces, answer.model_dump(mode="json", exclude=ECHOED)])
    assert answer.refusal and answer.answer == refusal.line(answer.refusal, chain.film)
    return words_of(answer.model_dump(mode="json", exclude={**ECHOED, "answer": True, "refusal": True}))


def test_there_are_enough_questions_and_words() -> None:
    assert len({(question.text, *question.history) for question in QUESTIONS}) == len(QUESTIONS) >= 200


def test_marked_places_have_words_of_their_own(hidden: set[str]) -> None:
    secrets = "grandmother daughter wick ladder urn funeral breakwater cradle maren whistle surf veltrand 84 85"
    assert hidden >= set(secrets.split())
    assert not hidden & {"ilse", "boy", "keeper", "lighthouse", "peder", "salt", "lantern"}


def test_no_word_of_a_marked_place_is_said(told: list[Told], chain: FilmChain, hidden: set[str]) -> None:
    leaks = {one[1].question: sorted(said(one, chain) & hidden) for one in told}
    assert {question: words for question, words in leaks.items() if words} == {}


def test_no_marked_passage_is_cited_or_offered(told: list[Told], chain: FilmChain) -> None:
    marked = {
        (passage.metadata["document"], at)
        for passage in chain.index.passages
        if passage.metadata["spoiler"]
        for at in range(passage.metadata["start"], passage.metadata["end"])
    }
    for _, answer in told:
        for citation in (*answer.citations, *answer.differing):
            assert not citation.spoiler, answer.question
            assert not marked & {(citation.document, at) for at in range(citation.start, citation.end)}, answer.question


def test_marked_passages_would_have_been_found(chain: FilmChain) -> None:
    """These questions are near what is hidden: with the switch on it is found for nearly all, off for none."""
    asked = {False: QUESTIONS, True: [one.model_copy(update={"spoilers": True}) for one in QUESTIONS[::EVERY]]}
    found = {
        spoilers: [any(passage.metadata["spoiler"] for passage in chain.retriever.retrieve(one)) for one in questions]
        for spoilers, questions in asked.items()
    }
    assert sum(found[True]) >= 0.9 * len(found[True]) and not any(found[False])


def test_the_switch_lets_the_words_out(chain: FilmChain, hidden: set[str]) -> None:
    """The same check finds them there, so it would have found them here."""
    asked = [question.model_copy(update={"spoilers": True}) for question in QUESTIONS[::EVERY]]
    loud = [question.text for question in asked if said(stream(chain, question), chain) & hidden]
    assert len(loud) >= len(asked) / 3


def test_what_only_a_marked_place_answers_is_refused_as_such(told: list[Told], chain: FilmChain) -> None:
    """The reader as it stands says of some of them that the story would be given away, and how to be told."""
    refused = [answer for _, answer in told if answer.refusal == "spoiler"]
    assert refused
    for answer in refused:
        assert "Switch spoilers on" in answer.answer and not answer.citations and not answer.answered


@pytest.mark.parametrize("case", SECRET, ids=lambda case: case.id)
def test_the_switch_gives_the_answer(case: Case, chain: FilmChain, hidden: set[str]) -> None:
    """With a reader that knows where to look: off a refusal that says why, on the words and their place."""
    ((words,),) = case.evidence
    sure = chain.model_copy(update={"reader": PhraseReader(words)})
    closed = stream(sure, Question(text=case.question))
    assert closed[1].refusal == "spoiler" and not closed[1].citations
    assert not said(closed, chain) & hidden
    opened = sure.invoke(Question(text=case.question, spoilers=True))
    assert opened.answered and words in opened.answer
    assert opened.citations[0].document == case.document and opened.citations[0].spoiler


def test_the_switch_gives_what_the_reader_finds(told: list[Told], chain: FilmChain) -> None:
    """What the reader as it stands refused as a secret it tells for most of these questions once it may."""
    refused = [question for question, (_, answer) in zip(QUESTIONS, told, strict=True) if answer.refusal == "spoiler"]
    asked = [question.model_copy(update={"spoilers": True}) for question in refused[::EVERY]]
    answers = [chain.invoke(question) for question in asked]
    opened = [answer for answer in answers if answer.answered and any(one.spoiler for one in answer.citations)]
    assert len(opened) > len(asked) / 2


def test_starters_are_no_way_round(chain: FilmChain, hidden: set[str]) -> None:
    for starter in chain.film.starters:
        assert not said(stream(chain, Question(text=starter)), chain) & hidden
