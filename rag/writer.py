"""A language model between the reader's draft and the visitor: it writes, the gate lets pass, the draft stands in."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from rag import grounding
from rag.call import Trouble, talk, whole
from rag.compose import cite
from rag.drift import drifts
from rag.flow import Sentences
from rag.gate import Carrier, Cut, Gate, Passed, Similar
from rag.injection import speaks_to_machine
from rag.kind import leans
from rag.prompt import NOT_THERE, answering, rewriting
from rag.span import said
from rag.words import stems

if TYPE_CHECKING:
    from index.settings import Settings
    from index.store import Index
    from rag.answer import Answer, Citation, Question
    from rag.model import Model
    from rag.reader import Reader, Reading

SENTENCES = 6  # an answer says at most so many
RESERVE, SHARE = 2.0, 0.25  # of the deadline, what is kept for the draft: so many seconds, at most that share
REWRITING = 0.25  # share of the deadline that a rewriting may take
# Where the reader refuses, a model may answer if the reader's confidence is at least this share of its threshold.
UNCERTAIN = 0.6
HEARD = 0.3  # probability from which a reading counts as the reader's word beside its draft
SHARED = 0.5  # share of words from which a sentence says what the reader found
NOTED, MOST_NOTED = 240, 20  # characters and number of what is kept of the sentences that were cut

logger = logging.getLogger("karmalink")


class ModelWriter:
    """Answers in a language model's words, as far as the gate lets them pass; else with the draft and a warning.

    Where the reader refuses, the refusal stands: the papers' silence, another subject and the story's secret are not a
    model's to judge. The one exception is a reader in two minds (its confidence just under its threshold) and a
    sentence that passes the gate, quotes a passage word for word and says what the reader itself found likeliest.
    """

    def __init__(self, model: Model, settings: Settings, index: Index, reader: Reader, similar: Similar) -> None:
        self.model = model
        self.deadline = settings.deadline
        self._threshold = reader.threshold(settings.caution)
        self.index = index
        self._similar = similar

    def standalone(self, question: Question) -> Question:
        """The question as it stands without its history, or as it came: in any trouble, or where the words drift."""
        if not question.history or not leans(question.text):
            return question
        try:
            reply = whole(self.model.chat, rewriting(question), monotonic() + REWRITING * self.deadline)
        except Trouble as trouble:
            logger.warning("the question was not rewritten: the language model %s", trouble)
            return question
        text = said(reply).strip("\"“”'` ")
        if drifts(text, question):
            logger.warning("the question was not rewritten: the language model drifted")
            return question
        return question.model_copy(update={"text": text, "history": []})

    def write(self, question: Question, readings: Sequence[Reading], draft: Answer) -> Iterator[str | Answer]:
        """Pieces of text that have passed the gate, empty ones while the model speaks, then the Answer."""
        given = self._given(readings, draft)
        if not given:
            yield from _drafted(draft)
            return
        started = monotonic()
        spent = draft.timings_ms.get("total", 0.0) / 1000
        until = started + self.deadline - min(RESERVE, SHARE * self.deadline) - spent
        page = _Page(draft, list(given.values()), streams=draft.answered)
        trouble = "did not answer in time" if until <= started else None
        if trouble is None:
            gate = Gate({key: reading.passage for key, reading in given.items()}, self.index.film.title, self._similar)
            try:
                yield from self._shown(question, given, gate, page, until)
            except Trouble as caught:
                trouble = str(caught)
        answer = self._answer(page, draft, trouble)
        rest = answer.answer.removeprefix(page.streamed)
        if rest:
            yield rest
        yield timed(answer, (monotonic() - started) * 1000)

    def _given(self, readings: Sequence[Reading], draft: Answer) -> dict[str, Reading]:
        """What the model may read and cite, by id; nothing where it has no say."""
        unsure = draft.refusal == "not in the documents" and draft.confidence >= UNCERTAIN * self._threshold
        if not draft.answered and not unsure:
            return {}
        return citable(readings)

    def _shown(
        self, question: Question, given: Mapping[str, Reading], gate: Gate, page: _Page, until: float
    ) -> Iterator[str]:
        messages = answering(self.index.film.title, question, given)
        flow = Sentences()
        for piece in talk(self.model.chat, messages, until):
            for sentence in flow.add(piece):
                yield from page.add(sentence, gate)
            if page.full:
                return
            yield ""  # nothing to show yet; but who has left can stop the model here
        for sentence in flow.rest():
            yield from page.add(sentence, gate)

    def _answer(self, page: _Page, draft: Answer, trouble: str | None) -> Answer:
        """The page where it holds an answer, with the draft behind it where the model broke off; else the draft."""
        holds = page.agreed and not page.denied and (draft.answered or any(passed.quotes for passed in page.passed))
        if not page.shown and (trouble or not holds):
            why = trouble or ("found no answer" if page.denied else "said nothing that the papers carry")
            logger.warning("answered by the reader: the language model %s: %s", self.model.label, why)
            return draft.model_copy(
                update={"warnings": [*draft.warnings, _warning(why)], "cut": [*draft.cut, *page.cut]}
            )
        text, cited, by = page.text, self._cited(page), self.model.label
        warnings = list(draft.warnings)
        if trouble:
            logger.warning("the language model %s broke off: %s", self.model.label, trouble)
            warnings.append(f"The language model {trouble}; what it had said stands in the papers.")
            if draft.answer.rstrip(".").casefold() not in text.casefold():
                text, cited = f"{text} {draft.answer}", _joined(cited, draft.citations)
                by = f"{draft.answered_by}, {self.model.label}"
        answer = draft.model_copy(
            update={
                "answered": True,
                "refusal": None,
                "answer": text,
                "citations": cited,
                "answered_by": by,
                "warnings": warnings,
                "suggestions": [],
                "cut": [*draft.cut, *page.cut],
            }
        )
        return grounding.check(answer, self.index)

    def _cited(self, page: _Page) -> list[Citation]:
        cited: list[Citation] = []
        for carrier in (carrier for passed in page.passed for carrier in passed.carriers):
            start, end = page.marked(carrier)
            found = cite(self.index, carrier.passage, start, end, len(cited) + 1)
            cited = _joined(cited, [found])
        return cited


@dataclass
class _Page:
    """What has been written so far. Sentences wait until one says what the reader found; then they are shown."""

    draft: Answer
    readings: list[Reading]
    streams: bool
    passed: list[Passed] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    agreed: bool = False
    denied: bool = False
    shown: int = 0

    @property
    def text(self) -> str:
        return " ".join(passed.text for passed in self.passed)

    @property
    def streamed(self) -> str:
        """What the visitor has been shown."""
        return " ".join(passed.text for passed in self.passed[: self.shown])

    @property
    def full(self) -> bool:
        return len(self.passed) >= SENTENCES

    def add(self, sentence: str, gate: Gate) -> Iterator[str]:
        """Take a sentence in, and give what may be shown now."""
        if NOT_THERE.casefold() in sentence.casefold():
            self.denied = True
            return
        judged = gate.judge(sentence)
        if isinstance(judged, Passed) and any(judged.text == known.text for known in self.passed):
            judged = Cut(judged.text, "said before")
        if isinstance(judged, Cut):
            if len(self.cut) < MOST_NOTED:
                self.cut.append(f"{judged.reason}: {judged.text}"[:NOTED])
            return
        if self.full:
            return
        self.passed.append(judged)
        self.agreed = self.agreed or self._agrees(judged)
        if self.agreed and self.streams:
            for passed in self.passed[self.shown :]:
                yield f" {passed.text}" if self.shown else passed.text
                self.shown += 1

    def marked(self, carrier: Carrier) -> tuple[int, int]:
        """The words to highlight: the reader's, where they stand in what carries the sentence."""
        for reading in self.readings:
            inside = carrier.start <= reading.start < reading.end <= carrier.end
            if reading.passage is carrier.passage and inside and reading.probability >= HEARD:
                return reading.start, reading.end
        return carrier.start, carrier.end

    def _agrees(self, passed: Passed) -> bool:
        """Whether the sentence says what the reader found: its words, or a good part of a longer span."""
        found = [citation.highlighted for citation in (*self.draft.citations, *self.draft.differing)]
        best = self.readings[:1] if not self.draft.answered else []
        found += [
            reading.passage.page_content[reading.start : reading.end]
            for reading in self.readings
            if reading in best or reading.probability >= HEARD
        ]
        words = set(stems([passed.text])[0])
        return any(span and len(words & span) >= SHARED * min(len(words), len(span)) for span in map(set, stems(found)))


def citable(readings: Sequence[Reading]) -> dict[str, Reading]:
    """What a model is shown, by the ids it may cite; a passage that gives orders carries nothing, so it is left out."""
    clean = [reading for reading in readings if not speaks_to_machine(reading.passage.page_content)]
    return {f"p{n}": reading for n, reading in enumerate(clean, 1)}


def timed(answer: Answer, spent: float) -> Answer:
    """The answer with the milliseconds that the writing took, alone and in the total."""
    timings = answer.timings_ms
    total = timings.get("total", 0.0) + spent
    return answer.model_copy(update={"timings_ms": {**timings, "write": round(spent, 1), "total": round(total, 1)}})


def load_writer(settings: Settings, index: Index, reader: Reader, similar: Similar) -> ModelWriter:
    """The writer over the model that the settings name; raises SettingsError as rag.model.load_model does."""
    from rag.model import load_model

    return ModelWriter(load_model(settings.model or "", settings.deadline), settings, index, reader, similar)


def _drafted(draft: Answer) -> Iterator[str | Answer]:
    yield draft.answer
    yield draft


def _joined(cited: Sequence[Citation], others: Sequence[Citation]) -> list[Citation]:
    """Both, numbered through, each quote once."""
    found = {(citation.document, citation.start, citation.end): citation for citation in (*others, *cited)}
    order = dict.fromkeys((citation.document, citation.start, citation.end) for citation in (*cited, *others))
    return [found[key].model_copy(update={"n": n}) for n, key in enumerate(order, 1)]


def _warning(why: str) -> str:
    return f"The language model {why}; this is what the papers' reader found."
