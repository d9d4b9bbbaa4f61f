"""The whole road of a question, on real papers, a real index and the reader as it stands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from chains import chain_over
from langchain_core.documents import Document
from langchain_core.runnables import Runnable, RunnableLambda

from index.errors import InputError
from index.settings import Settings
from rag import Answer, Question, build_chain
from rag.chain import LONGEST, FilmChain
from rag.grounding import check, verbatim
from rag.reader import Reading

ROOT = Path(__file__).parent.parent
SET = ROOT / "rag" / "evaluation" / "questions" / "karmalink.jsonl"
SECRETS = ("grandmother", "forgives", "puts out")
EMBARGOED = ("Glass Harbour", "Vigdis", "Moen")


class PhraseReader:
    """Sure of the phrase it was told to look for, wherever it stands; sure of nothing else."""

    name = "phrase"
    warning = None

    def __init__(self, phrase: str) -> None:
        self.phrase = phrase

    def read(self, question: Question, passages: Sequence[Document], steps: Sequence[int] = ()) -> list[Reading]:
        found = [(passage, passage.page_content.find(self.phrase)) for passage in passages]
        readings = [
            Reading(passage, at, at + len(self.phrase), 5.0, 0.95) if at >= 0 else Reading(passage, 0, 9, -5.0, 0.02)
            for passage, at in found
        ]
        return sorted(readings, key=lambda reading: -reading.score)

    def confidence(self, readings: Sequence[Reading]) -> float:
        return readings[0].probability if readings else 0.0

    def threshold(self, caution: str) -> float:
        return {"careful": 0.7, "balanced": 0.5, "bold": 0.3}[caution]


@pytest.fixture(scope="module")
def chain(built_settings: Settings) -> Iterator[FilmChain]:
    made = build_chain(built_settings)
    yield made
    made.index.close()


def reading(chain: FilmChain, phrase: str) -> FilmChain:
    return chain.model_copy(update={"reader": PhraseReader(phrase)})


def test_a_question_is_answered_in_the_words_of_the_papers(chain: FilmChain) -> None:
    answer = reading(chain, "Ada Lindqvist").invoke("Who wrote the score?")
    assert (answer.answered, answer.answer, answer.refusal) == (True, "Ada Lindqvist", None)
    cited = answer.citations[0]
    assert (cited.document, cited.title, cited.publisher) == ("notes.txt", "Production notes", "Orrin Press")
    assert cited.highlighted == "Ada Lindqvist"
    assert cited.place == "paragraph 6"
    assert chain.index.text(cited.document)[cited.start : cited.end] == cited.quote
    assert set(answer.timings_ms) == {"retrieve", "read", "total"}
    assert answer.timings_ms["total"] >= answer.timings_ms["retrieve"] + answer.timings_ms["read"] - 0.2


def test_every_kind_of_input_and_every_way_of_calling(chain: FilmChain) -> None:
    asked = reading(chain, "97 minutes")
    assert isinstance(asked, Runnable)
    plain = "How long is it?"
    forms = [plain, {"text": plain}, Question(text=plain)]

    async def awaited() -> list[Answer]:
        many = await asked.abatch(forms)
        pieces = [piece async for piece in asked.astream(plain)]
        assert "".join(pieces[:-1]) == pieces[-1].answer
        return [*many, await asked.ainvoke(plain), pieces[-1]]

    answers = [*map(asked.invoke, forms), *asked.batch(forms), *asyncio.run(awaited())]
    assert {answer.answer for answer in answers} == {"97 minutes"}
    assert all(isinstance(answer, Answer) for answer in answers)


def test_a_stream_is_the_text_then_the_answer(chain: FilmChain) -> None:
    *pieces, answer = chain.stream("What is it about?")
    assert all(isinstance(piece, str) for piece in pieces)
    assert isinstance(answer, Answer)
    assert "".join(pieces) == answer.answer


def test_it_is_a_link_of_a_langchain_chain(chain: FilmChain) -> None:
    pipe = RunnableLambda(lambda text: {"text": text}) | reading(chain, "97 minutes") | (lambda answer: answer.answer)
    assert pipe.invoke("How long is it?") == "97 minutes"
    assert list(pipe.stream("How long is it?"))[-1] == "97 minutes"


@pytest.mark.parametrize("wrong", [{"question": "Who?"}, {"text": 3}, {"text": "Who?", "colour": "red"}, 7, None])
def test_input_of_another_shape_is_named(chain: FilmChain, wrong: object) -> None:
    with pytest.raises(InputError, match="Not a question"):
        chain.invoke(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["hi", "Hello!", "good evening", "thanks a lot", "Thank you!", "bye", "Who are you?"])
def test_small_talk_gets_a_friendly_line(chain: FilmChain, text: str) -> None:
    answer = chain.invoke(text)
    assert (answer.answered, answer.answered_by, answer.citations) == (True, "small talk", [])
    assert answer.answer


@pytest.mark.parametrize("text", ["Hi, who directed it?", "help me find the cast", "who is the good guy"])
def test_a_question_with_a_greeting_is_a_question(chain: FilmChain, text: str) -> None:
    assert chain.invoke(text).answered_by != "small talk"


def test_a_refusal_is_honest_and_helps(chain: FilmChain) -> None:
    answer = reading(chain, "nowhere at all").invoke("How much did the film cost?")
    assert (answer.answered, answer.refusal) == (False, "not in the documents")
    assert "don't say" in answer.answer and "press@saltlantern.example" in answer.answer
    assert answer.suggestions == ["Who directed it?", "Where was it shot?"]
    assert all(verbatim(citation, chain.index) for citation in answer.citations)


def test_what_has_nothing_to_do_with_the_film_is_off_topic(chain: FilmChain) -> None:
    assert reading(chain, "nowhere").invoke("Best recipe for banana bread?").refusal == "off topic"


def test_caution_moves_the_bar(chain: FilmChain) -> None:
    class Unsure(PhraseReader):
        def confidence(self, readings: Sequence[Reading]) -> float:
            return 0.6

    def answered(caution: str) -> bool:
        settings = chain.settings.model_copy(update={"caution": caution})
        changed = chain.model_copy(update={"reader": Unsure("97 minutes"), "settings": settings})
        return bool(changed.invoke("How many minutes does the picture run?").answered)

    assert [answered(caution) for caution in ("careful", "balanced", "bold")] == [False, True, True]


def test_a_question_only_spoilers_answer(chain: FilmChain) -> None:
    asked = reading(chain, "the boy's grandmother")
    text = "Who does the keeper turn out to be?"
    closed = asked.invoke(text)
    assert (closed.answered, closed.refusal) == (False, "spoiler")
    assert "give the story away" in closed.answer
    assert not any(citation.spoiler for citation in closed.citations)
    open_ = asked.invoke(Question(text=text, spoilers=True))
    assert open_.answered and open_.citations[0].spoiler


@pytest.mark.parametrize("phrase", ["the boy's grandmother", "Ilse forgives the sea", "nowhere", "storm"])
def test_nothing_of_the_ending_leaks(chain: FilmChain, phrase: str) -> None:
    asked = reading(chain, phrase)
    for text in ("How does it end?", "What happens in the last scene?", "Why is the lamp out?", "Tell me about Ilse"):
        streamed = list(asked.stream(text))
        shown = json.dumps([piece if isinstance(piece, str) else piece.model_dump() for piece in streamed])
        assert not any(secret in shown for secret in (*SECRETS, *EMBARGOED))


def test_embargoed_papers_are_silent(chain: FilmChain) -> None:
    asked = reading(chain, "The Glass Harbour")
    answer = asked.invoke(Question(text="What is the sequel called?", spoilers=True))
    assert not answer.answered
    assert not any(word in answer.model_dump_json() for word in EMBARGOED)


def test_a_question_that_says_all_is_read_without_history(chain: FilmChain) -> None:
    asked = reading(chain, "97 minutes")
    alone = asked.invoke({"text": "Which composer wrote music for three cellos?", "history": ["Who died?"]})
    leaning = asked.invoke({"text": "And how long is it?", "history": ["Who died?"]})
    assert alone.standalone_question == alone.question
    assert leaning.standalone_question == "Who died? And how long is it?"


ODD = ["", "   ", "\n\t", "\x00\x01\x02", "?!…", "🎬", "\ud800", "‮txet desrever‬", "من أخرج الفيلم؟", "តើអ្នកណាដឹកនាំ?"]


@pytest.mark.parametrize("text", [*ODD, "salt " * 2000, "x" * LONGEST, "x" * (LONGEST + 1), "who\x1b[31m did\x00 it?"])
def test_odd_questions_never_raise(chain: FilmChain, text: str) -> None:
    answer = chain.invoke(text)
    assert answer.answer
    assert all(ord(c) >= 32 for c in answer.question)
    json.loads(answer.model_dump_json())


@pytest.mark.parametrize("text", ["", "\x00", "x" * (LONGEST + 1)])
def test_questions_that_say_nothing_or_too_much_get_a_line(chain: FilmChain, text: str) -> None:
    answer = chain.invoke(text)
    assert (answer.answered, answer.refusal) == (False, "off topic")
    assert "{" not in answer.answer


def test_the_gate_drops_what_is_not_in_the_papers(chain: FilmChain) -> None:
    answer = reading(chain, "97 minutes").invoke("How long is it?")
    good = answer.citations[0]
    bad = [
        good.model_copy(update={"quote": good.quote.replace("97", "79")}),
        good.model_copy(update={"document": "elsewhere.txt"}),
        good.model_copy(update={"start": good.start + 1, "end": good.end + 1}),
        good.model_copy(update={"highlight": (good.start, good.start)}),
        good.model_copy(update={"highlight": (good.start, good.end + 4)}),
    ]
    assert check(answer, chain.index) is answer
    mixed = check(answer.model_copy(update={"citations": [*bad, good]}), chain.index)
    assert mixed.answered and mixed.citations == [good] and len(mixed.cut) == len(bad)
    for one in bad:
        none = check(answer.model_copy(update={"citations": [one]}), chain.index)
        assert (none.answered, none.refusal, none.citations) == (False, "not in the documents", [])
    assert not check(answer.model_copy(update={"citations": []}), chain.index).answered


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilmChain]:
    """The chain over the papers this repository comes with."""
    with chain_over(ROOT / "documents", tmp_path_factory.mktemp("own")) as made:
        yield made


def test_every_citation_of_every_answer_is_verbatim(own: FilmChain) -> None:
    cases = [json.loads(line) for line in SET.read_text("utf-8").splitlines() if line.strip()]
    questions = [Question(text=case["question"], history=case["history"]) for case in cases]
    assert len(questions) >= 100
    for question in questions:
        answer = own.invoke(question)
        assert answer.answered == bool(answer.answered and answer.citations)
        assert answer.answered == (answer.refusal is None)
        for citation in (*answer.citations, *answer.differing):
            assert own.index.text(citation.document)[citation.start : citation.end] == citation.quote
            assert citation.start <= citation.highlight[0] < citation.highlight[1] <= citation.end
            assert citation.highlighted == citation.highlighted.strip() != ""


def test_the_passage_with_the_answer_is_among_those_read(own: FilmChain) -> None:
    cases = [json.loads(line) for line in SET.read_text("utf-8").splitlines() if line.strip()]
    for case in (case for case in cases if case["answerable"]):
        found = own.retriever.retrieve(Question(text=case["question"], history=case["history"]))
        texts = [passage.page_content for passage in found]
        assert any(evidence in text for evidence in case["evidence"] for text in texts), case["id"]
