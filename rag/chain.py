"""One question's road: retrieve, read, compose, gate. A LangChain Runnable: Question in, Answer out."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.runnables import RunnableConfig, RunnableSerializable
from langchain_core.runnables.config import run_in_executor
from pydantic import ConfigDict, ValidationError

from index.errors import InputError
from rag import grounding, refusal, smalltalk
from rag.answer import Answer, Question, Refusal
from rag.compose import Said, compose, nearest, speaks_of
from rag.injection import speaks_to_machine
from rag.kind import Kind, kind_of, leans
from rag.retrieve import FilmRetriever, load_retriever, standalone
from rag.similar import Similarity

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from index.film import Film
    from index.settings import Settings
    from index.store import Index
    from rag.reader import Reading

LONGEST = 10_000  # characters of one question
_DONE = object()

Asked = Question | dict[str, Any] | str


class Writer(Protocol):
    """A language model on top: says in its own words what the draft rests on, behind the gate."""

    def standalone(self, question: Question) -> Question:
        """The question as it stands without its history, or as it came."""
        ...

    def write(self, question: Question, readings: Sequence[Reading], draft: Answer) -> Iterator[str | Answer]:
        """Pieces of text that have passed the gate, then the Answer: the draft, with a warning, in any trouble."""
        ...


@dataclass
class _Clock:
    started: float = field(default_factory=perf_counter)
    spent: dict[str, float] = field(default_factory=lambda: {"retrieve": 0.0, "read": 0.0})

    def add(self, step: str, since: float) -> None:
        self.spent[step] += (perf_counter() - since) * 1000

    def read(self) -> dict[str, float]:
        total = (perf_counter() - self.started) * 1000
        return {step: round(ms, 1) for step, ms in {**self.spent, "total": total}.items()}


class FilmChain(RunnableSerializable[Asked, Any]):
    """Answers questions about one film.

    Input: a Question, the same as a dict, or the bare text. `invoke` and `batch` give an Answer; `stream` gives pieces
    of the answer's text (str) and the whole Answer last. A question that says nothing, or too much, gets an Answer that
    says so; input of another shape raises InputError.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    settings: Any
    index: Any
    retriever: FilmRetriever
    reader: Any
    similar: Any
    writer: Any = None

    @property
    def film(self) -> Film:
        """The film the index was made for."""
        film: Film = self.index.film
        return film

    @property
    def repeats(self) -> bool:
        """Whether the same question always gets the same answer: not where a language model writes it."""
        return self.writer is None

    @property
    def InputType(self) -> Any:
        return Asked

    @property
    def OutputType(self) -> Any:
        return Answer

    def invoke(self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        return self._call_with_config(self._last, input, config, **kwargs)

    def stream(self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[str | Answer]:
        yield from self._transform_stream_with_config(iter([input]), self._each, config, **kwargs)

    async def astream(
        self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[str | Answer]:
        async def once() -> AsyncIterator[Asked]:
            yield input

        async for piece in self._atransform_stream_with_config(once(), self._aeach, config, **kwargs):
            yield piece

    def _last(self, asked: Asked) -> Answer:
        return next(piece for piece in self._answer(_question(asked)) if isinstance(piece, Answer))

    def _each(self, inputs: Iterator[Asked]) -> Iterator[Any]:
        for asked in inputs:
            yield from self._answer(_question(asked))

    async def _aeach(self, inputs: AsyncIterator[Asked]) -> AsyncIterator[Any]:
        async for asked in inputs:
            pieces = self._answer(_question(asked))
            while (piece := await run_in_executor(None, next, pieces, _DONE)) is not _DONE:
                yield piece

    def _answer(self, question: Question) -> Iterator[str | Answer]:
        """Pieces of the answer's text, each of them past the gate, then the Answer."""
        clock = _Clock()
        aside = self._aside(question, clock)
        if aside is not None:
            yield aside.answer
            yield aside
            return
        asked = question.text
        if self.writer is not None:
            question = self.writer.standalone(question)
        if not leans(question.text):
            question = question.model_copy(update={"history": []})
        said, readings, draft = self._read(question, clock)
        draft = grounding.check(draft, self.index).model_copy(update={"question": asked})
        if self.writer is not None:
            yield from self.writer.write(question, readings, draft)
            return
        yield from said.pieces if said.text == draft.answer else (draft.answer,)
        yield draft

    def _aside(self, question: Question, clock: _Clock) -> Answer | None:
        """The answer to what asks nothing of the papers."""
        if not any(c.isalnum() for c in question.text) and not smalltalk.reply(question.text, self.film):
            return self._refused(question, "off topic", clock, text=refusal.EMPTY.format(title=self.film.title))
        if len(question.text) > LONGEST:
            text = refusal.TOO_LONG.format(length=len(question.text), most=LONGEST)
            start = question.model_copy(update={"text": question.text[:LONGEST]})
            return self._refused(start, "off topic", clock, text=text)
        line = smalltalk.reply(question.text, self.film)
        if line is None:
            return None
        return Answer(
            question=question.text,
            standalone_question=question.text,
            answered=True,
            answer=line,
            confidence=1.0,
            answered_by=grounding.SMALL_TALK,
            timings_ms=clock.read(),
        )

    def _read(self, question: Question, clock: _Clock) -> tuple[Said, list[Reading], Answer]:
        kind = kind_of(question.text, self.film.title, alone=not question.history)
        passages, readings = self._look(question, clock, self._steps(kind))
        confidence = self.reader.confidence(readings)
        threshold = self.reader.threshold(self.settings.caution)
        said = Said()
        if readings and (confidence >= threshold or speaks_of(kind, passages)):
            said = compose(self.index, kind, readings, threshold, self.similar)
        if not said.citations:
            return said, readings, self._silent(question, passages, readings, confidence, clock)
        answer = Answer(
            question=question.text,
            standalone_question=standalone(question),
            answered=True,
            answer=said.text,
            confidence=confidence,
            citations=said.citations,
            differing=said.differing,
            answered_by=self.reader.name,
            timings_ms=clock.read(),
            warnings=self._warnings(),
        )
        return said, readings, answer

    def _steps(self, kind: Kind) -> tuple[int, ...]:
        """After how many passages the reader may stop."""
        from rag.reader import STEPS

        if kind.name in ("list", "broad"):
            return ()  # they gather from all passages
        # A language model has its own time to add: it begins where one passage answers, for half a point of right ones.
        return STEPS if self.writer is None else (1, *STEPS)

    def _look(self, question: Question, clock: _Clock, steps: Sequence[int]) -> tuple[list[Document], list[Reading]]:
        since = perf_counter()
        passages = _honest(self.retriever.retrieve(question))
        clock.add("retrieve", since)
        since = perf_counter()
        readings = self.reader.read(question, passages, steps) if passages else []
        clock.add("read", since)
        return passages, readings

    def _silent(
        self,
        question: Question,
        passages: Sequence[Document],
        readings: Sequence[Reading],
        confidence: float,
        clock: _Clock,
    ) -> Answer:
        """The refusal that fits: the story's secret, another subject, or papers that don't say."""
        if not question.spoilers and self._gives_away(question, clock):
            return self._refused(question, "spoiler", clock, confidence=0.0)
        if refusal.is_off_topic(standalone(question), passages):
            return self._refused(question, "off topic", clock, confidence=confidence)
        answer = self._refused(question, "not in the documents", clock, confidence=confidence)
        return answer.model_copy(update={"citations": nearest(self.index, readings)})

    def _gives_away(self, question: Question, clock: _Clock) -> bool:
        """Whether passages that give the story away, and only they, would answer. Nothing of them is kept."""
        if not any(passage.metadata.get("spoiler") for passage in self.index.passages):
            return False
        found = self.retriever.retrieve(question.model_copy(update={"spoilers": True}), k=len(self.index.passages))
        secret = [passage for passage in _honest(found) if passage.metadata.get("spoiler")][: self.retriever.k]
        since = perf_counter()
        readings = self.reader.read(question, secret) if secret else []
        clock.add("read", since)
        return bool(readings) and self.reader.confidence(readings) >= self.reader.threshold(self.settings.caution)

    def _refused(
        self, question: Question, kind: Refusal, clock: _Clock, *, confidence: float = 0.0, text: str | None = None
    ) -> Answer:
        return Answer(
            question=question.text,
            standalone_question=standalone(question),
            answered=False,
            answer=text or refusal.line(kind, self.film),
            confidence=confidence,
            answered_by=self.reader.name,
            refusal=kind,
            timings_ms=clock.read(),
            warnings=self._warnings(),
            suggestions=refusal.suggestions(self.film, [*question.history, question.text]),
        )

    def _warnings(self) -> list[str]:
        return [self.reader.warning] if self.reader.warning else []


def build_chain(settings: Settings | None = None, *, index: Index | None = None) -> FilmChain:
    """The chain over the index of the settings (by default: of the environment), or over `index`.

    Raises SettingsError (as for a language model that is not there), IndexMissing, IndexDamaged or IndexStale; the
    message names the command that mends it.
    """
    from rag.reader import load_reader

    if settings is None:
        from index.settings import Settings

        settings = Settings()
    # Opening the index and loading the reader are mostly other libraries' native code: two cores halve the wait.
    with ThreadPoolExecutor(1) as aside:
        reader = aside.submit(load_reader, settings)
        retriever = load_retriever(settings, index)
        retriever.embeddings.embed_query("")
        chain = FilmChain(
            settings=settings,
            index=retriever.index,
            retriever=retriever,
            reader=reader.result(),
            similar=Similarity(retriever.embeddings),
        )
    if settings.model:
        from rag.writer import load_writer

        chain.writer = load_writer(settings, chain.index, chain.reader, chain.similar)
    return chain


def _honest(passages: Sequence[Document]) -> list[Document]:
    """The passages without those that give orders to a machine: they are no words about the film."""
    return [passage for passage in passages if not speaks_to_machine(passage.page_content)]


def _question(asked: Asked) -> Question:
    """The question as it will be read: on one line, without control characters, its history without empty questions."""
    try:
        question = Question(text=asked) if isinstance(asked, str) else Question.model_validate(asked)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'question'}: {item['msg']}" for item in error.errors())
        raise InputError(f'Not a question: {found}. Give {{"text": "…", "history": [], "spoilers": false}}.') from None
    history = [text for text in map(_readable, question.history) if any(c.isalnum() for c in text)]
    return question.model_copy(update={"text": _readable(question.text), "history": history})


def _readable(text: str) -> str:
    """One line without control characters; marks of the reading direction stay, some scripts need them."""
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())
