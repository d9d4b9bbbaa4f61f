"""The language model alone, to see what the gate is worth: the same passages and prompt, and nothing is cut."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from rag import refusal
from rag.call import Trouble, talk
from rag.compose import cite
from rag.flow import Sentences
from rag.gate import cited_ids, readable
from rag.prompt import NOT_THERE, answering
from rag.writer import citable, timed

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from rag.answer import Answer, Citation, Question
    from rag.reader import Reading
    from rag.writer import ModelWriter

logger = logging.getLogger("karmalink")


class AloneWriter:
    """Stands where a `ModelWriter` does: the model's own text is the answer, the passages whose ids it cites its proof.

    It is asked whatever the reader made of the question. It refuses where it says what the prompt wants a refusal to
    say, or nothing at all; a refusal in other words counts as an answer. What it had said when it broke off stands.
    """

    def __init__(self, writer: ModelWriter) -> None:
        self._writer = writer

    def standalone(self, question: Question) -> Question:
        """The question as the writer behind the gate would search it."""
        return self._writer.standalone(question)

    def write(self, question: Question, readings: Sequence[Reading], draft: Answer) -> Iterator[str | Answer]:
        """The text, then the Answer. Raises Trouble where the model said nothing for another reason than its own."""
        started = monotonic()
        given = citable(readings)
        sentences, warnings = self._said(answering(self._writer.index.film.title, question, given), draft)
        text = " ".join(filter(None, map(readable, sentences)))
        refused = not text or NOT_THERE.casefold() in text.casefold()
        answer = draft.model_copy(
            update={
                "answered": not refused,
                "refusal": "not in the documents" if refused else None,
                "answer": refusal.line("not in the documents", self._writer.index.film) if refused else text,
                "citations": [] if refused else self._cited(sentences, given),
                "confidence": float(not refused),
                "answered_by": self._writer.model.label,
                "warnings": [*draft.warnings, *warnings],
                "suggestions": draft.suggestions if refused else [],
                "differing": [],
                "cut": [],
            }
        )
        yield answer.answer
        yield timed(answer, (monotonic() - started) * 1000)

    def _said(self, messages: list[BaseMessage], draft: Answer) -> tuple[list[str], list[str]]:
        """The sentences the model said, and what the visitor should know about them."""
        until = monotonic() + self._writer.deadline - draft.timings_ms.get("total", 0.0) / 1000
        flow, sentences = Sentences(), []
        try:
            for piece in talk(self._writer.model.chat, messages, until):
                sentences += flow.add(piece)
        except Trouble as trouble:
            sentences += flow.rest()
            if not sentences:
                raise
            logger.warning("the language model %s alone broke off: %s", self._writer.model.label, trouble)
            return sentences, [f"The language model {trouble}."]
        return [*sentences, *flow.rest()], []

    def _cited(self, sentences: Sequence[str], given: Mapping[str, Reading]) -> list[Citation]:
        """The passages of the ids that were given, whole: a model alone points no nearer."""
        ids = dict.fromkeys(key for sentence in sentences for key in cited_ids(sentence) if key in given)
        passages = [given[key].passage for key in ids]
        return [cite(self._writer.index, p, 0, len(p.page_content), n) for n, p in enumerate(passages, 1)]
