"""The reader's stand-in: the sentence most like the question. Knows likeness, not answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from index.sentences import sentences
from rag.retrieve import standalone
from rag.similar import Similarity
from rag.words import stems

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings

    from rag.answer import Question
    from rag.reader import Reading

# On the dev films the likeliest sentence holds the answer of every third answerable question, and how alike it is says
# next to nothing about whether it does: no calibration is to be had. The bars keep out what is far from the question.
HOLDS = 0.36
SLOPE, MIDDLE = 6.0, 0.62
WORDS = 0.3  # share of the question's words, beside a cosine
THRESHOLDS = {"careful": 0.5 * HOLDS, "balanced": 0.35 * HOLDS, "bold": 0.2 * HOLDS}


class SentenceReader:
    """One whole sentence a passage, by likeness to the question; the interface of the real reader."""

    name = "best sentences"

    def __init__(self, embeddings: Embeddings, warning: str | None = None) -> None:
        self.warning = warning
        self._similar = Similarity(embeddings)

    def read(self, question: Question, passages: Sequence[Document], steps: Sequence[int] = ()) -> list[Reading]:
        """The likeliest sentence of every passage, best first; always of all of them, which takes no time."""
        return sorted(
            (reading for passage in passages for reading in self._best(standalone(question), passage)),
            key=lambda reading: -reading.score,
        )

    def confidence(self, readings: Sequence[Reading]) -> float:
        """The probability that the best reading answers; 0 without readings."""
        return readings[0].probability if readings else 0.0

    def threshold(self, caution: str) -> float:
        """The confidence from which an answer is given."""
        return THRESHOLDS[caution]

    def _best(self, query: str, passage: Document) -> list[Reading]:
        from rag.reader import Reading

        text = passage.page_content
        spans = sentences(text)
        if not spans:
            return []
        told = [text[start:end] for start, end in spans]
        wanted = set(stems([query])[0])
        shared = [len(wanted & set(words)) / max(len(wanted), 1) for words in stems(told)]
        likeness = [cosine + WORDS * share for cosine, share in zip(self._similar(query, told), shared, strict=True)]
        score, (start, end) = max(zip(likeness, spans, strict=True))
        return [Reading(passage, start, end, score, HOLDS / (1 + math.exp(-SLOPE * (score - MIDDLE))))]
