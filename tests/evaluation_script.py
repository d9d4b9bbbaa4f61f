"""A chain that answers as it is told, and a little set of questions about a paper of four sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig

from rag.answer import Answer, Citation, Question
from rag.evaluation.case import Case

PAPER = (
    "Mira Kessel directed it on Orrin. The score is by Ada Lindqvist. "
    "They had eleven days of snow and used all of them. The film runs for 97 minutes."
)
NAME = "notes.txt"

CASES = [
    Case(
        id="a",
        question="Who directed it?",
        answers=["Mira Kessel"],
        evidence=["Mira Kessel directed it"],
        type="credit",
    ),
    Case(
        id="b", question="Who wrote the score?", answers=["Ada Lindqvist"], evidence=["The score is by Ada Lindqvist"]
    ),
    Case(
        id="c",
        question="How long is it?",
        answers=["97 minutes", "97"],
        evidence=["runs for 97 minutes"],
        type="number",
    ),
    Case(id="d", question="What did it cost?", type="unanswerable", answerable=False),
    Case(id="e", question="When did the director die?", type="false premise", answerable=False),
    Case(id="f", question="Days of snow?", answers=["eleven days"], evidence=["eleven days of snow"], type="keyword"),
]


def cite(words: str, quote: str | None = None, n: int = 1) -> Citation:
    """A citation of the paper's words, in the quote they stand in."""
    quote = quote or words
    start, at = PAPER.index(quote), PAPER.index(words)
    return Citation(
        n=n, document=NAME, place="p", quote=quote, start=start, end=start + len(quote), highlight=(at, at + len(words))
    )


def answer(
    question: str, words: str | None, confidence: float = 0.9, citations: list[Citation] | None = None
) -> Answer:
    """An answer in the paper's words, or a refusal."""
    return Answer(
        question=question,
        standalone_question=question,
        answered=words is not None,
        answer=words if words is not None else "The papers don't say.",
        confidence=confidence,
        citations=[cite(words)] if citations is None and words is not None else citations or [],
        answered_by="script",
        refusal=None if words is not None else "not in the documents",
        timings_ms={"retrieve": 2.0, "read": 3.0},
    )


class Paper:
    """Stands where an index has its papers."""

    def text(self, document: str) -> str:
        return {NAME: PAPER}[document]


class Sentences(BaseRetriever):
    """Finds the sentences that it is told to, in their order."""

    found: list[str]

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document(text, metadata={"document": NAME, "start": PAPER.index(text)}) for text in self.found]


class Script(Runnable[Any, Any]):
    """Gives what the script has for a question: an answer, or an error to raise."""

    def __init__(self, script: Mapping[str, Any], found: list[str] | None = None) -> None:
        self.script = script
        self.asked: list[str] = []
        self.index = Paper()
        self.inner = Sentences(found=found) if found is not None else None

    def invoke(self, input: Question, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return self._call_with_config(self._say, input, config)

    def _say(self, question: Question, config: RunnableConfig) -> Any:
        self.asked.append(question.text)
        if self.inner is not None:
            self.inner.invoke(question.text, config)
        said = self.script[question.text]
        if isinstance(said, BaseException):
            raise said
        return said


def perfect() -> dict[str, Any]:
    """What a chain without a fault says to CASES."""
    return {
        "Who directed it?": answer(
            "Who directed it?", "Mira Kessel", 0.95, [cite("Mira Kessel", "Mira Kessel directed it on Orrin.")]
        ),
        "Who wrote the score?": answer(
            "Who wrote the score?", "Ada Lindqvist", 0.9, [cite("Ada Lindqvist", "The score is by Ada Lindqvist.")]
        ),
        "How long is it?": answer(
            "How long is it?", "97 minutes", 0.8, [cite("97 minutes", "The film runs for 97 minutes.")]
        ),
        "What did it cost?": answer("What did it cost?", None, 0.1),
        "When did the director die?": answer("When did the director die?", None, 0.2),
        "Days of snow?": answer("Days of snow?", "eleven days", 0.7, [cite("eleven days", "eleven days of snow")]),
    }


def faulty() -> dict[str, Any]:
    """One fault of every kind."""
    return perfect() | {
        "Who wrote the score?": answer("Who wrote the score?", None, 0.3),
        "How long is it?": answer("How long is it?", "eleven days", 0.6),
        "What did it cost?": answer("What did it cost?", "97 minutes", 0.5),
        "When did the director die?": RuntimeError("out of film"),
        "Days of snow?": answer("Days of snow?", "eleven days", 0.7, [cite("97 minutes")]),
    }
