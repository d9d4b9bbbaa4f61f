"""Question and passages in, the words that answer out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from index.settings import Settings
    from rag.answer import Question


@dataclass(frozen=True)
class Reading:
    """The best words of one passage: offsets into its page_content, a score, the probability that they answer.

    `share` is the probability of these very words among all of the passage, if any of them answer; `other` the
    likeliest words of another sentence, where the first one's have not most of the probability."""

    passage: Document
    start: int
    end: int
    score: float
    probability: float
    share: float = 1.0
    other: tuple[int, int] | None = None


STEPS = (2, 4)  # of a question that wants a few words


class Reader(Protocol):
    """Reads passages, nearest first, for a question; `warning` is what every answer should say about this reader.

    After each of the `steps`, as a number of passages, it may leave the others unread where those before answer."""

    name: str
    warning: str | None

    def read(self, question: Question, passages: Sequence[Document], steps: Sequence[int] = ()) -> list[Reading]: ...

    def confidence(self, readings: Sequence[Reading]) -> float: ...

    def threshold(self, caution: str) -> float: ...


def load_reader(settings: Settings) -> Reader:
    """The trained reader; where its weights are missing or damaged, best sentences, with a warning in every answer."""
    from rag.reader.runtime import WeightsMissing

    try:
        from rag.reader.extractive import shared_reader

        return shared_reader()
    except WeightsMissing as missing:
        from index.embed import load_embeddings
        from rag.reader.sentence import SentenceReader

        warning = f"The reader is not there, so these are only the likeliest sentences: {missing}"
        return SentenceReader(load_embeddings(settings), warning)
