"""What all doors of one server share: the chain behind its desk, the film, limits, visitors and the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise, zip_longest
from typing import Any

from fastapi import HTTPException, Request
from langchain_core.documents import Document
from starlette.concurrency import run_in_threadpool

from index.film import Film, PaperMeta
from index.settings import Settings
from rag.answer import Answer, Question
from ui.colour import Palette, palette
from ui.desk import Desk, Place
from ui.limits import COOKIE, HEADER, Limits, Visitors, load_secret
from ui.questions import QuestionLog, Verdict, log_path

QUESTION = 500
HISTORY = 10
# The reader keeps the cores busy: as many questions at once as there are cores. A language model is mostly waited for.
MODEL_HANDS = 8

# How the log calls a question that found nothing. A greeting or a question on another matter is not "in vain".
IN_VAIN = "not in the documents"


@dataclass(frozen=True)
class Service:
    """Everything a route needs; one per application."""

    settings: Settings
    desk: Desk
    film: Film
    palette: Palette
    visitors: Visitors
    limits: Limits
    log: QuestionLog | None

    @classmethod
    def build(cls, settings: Settings, chain: Any, *, log: bool = True) -> Service:
        """A service around a chain as `rag.build_chain` makes it."""
        return cls(
            settings=settings,
            desk=Desk(chain, deadline=settings.deadline, hands=MODEL_HANDS if settings.model else None),
            film=chain.film,
            palette=palette(chain.film.colour),
            visitors=Visitors(load_secret(settings.index / "visitors.secret")),
            limits=Limits(settings.limits),
            log=QuestionLog(log_path(settings)) if log else None,
        )

    def admit(self, request: Request, kind: str = "ask") -> None:
        """Count a question against its visitor and address; raises Refused."""
        tokens = (request.cookies.get(COOKIE), request.headers.get(HEADER))
        visitor = next(filter(None, map(self.visitors.known, tokens)), None)
        self.limits.spend(visitor, request.client.host if request.client else "unknown", kind)

    def token(self, request: Request) -> str:
        """The visitor's token, a new one where there is none yet."""
        token = request.cookies.get(COOKIE)
        return token if token and self.visitors.known(token) else self.visitors.issue()

    async def answer(self, question: Question) -> Answer:
        """The whole answer, noted in the log if it was asked in vain."""
        return await self._noted(await self.desk.answer(question))

    async def pieces(self, place: Place) -> AsyncIterator[str | Answer]:
        """What a place at the desk yields, the Answer noted in the log."""
        async for piece in place:
            yield await self._noted(piece) if isinstance(piece, Answer) else piece

    async def _noted(self, answer: Answer) -> Answer:
        if answer.refusal == IN_VAIN:
            await run_in_threadpool(self.note, answer.question, "no answer")
        return answer

    def note(self, question: str, verdict: Verdict, word: str = "") -> None:
        """Keep a line for the film team, if a log is kept."""
        if self.log:
            self.log.add(question, verdict, word)

    @property
    def passages(self) -> list[Document]:
        index = getattr(self.desk.chain, "index", None)
        return index.passages if index else []

    @property
    def has_spoilers(self) -> bool:
        return any(passage.metadata.get("spoiler") for passage in self.passages)

    @property
    def papers(self) -> dict[str, PaperMeta]:
        """What film.toml says of each paper, of those of which something may be read before the film has been seen."""
        if not self.passages:
            return self.film.papers
        readable = {values["document"] for values in _open(self.passages, spoilers=False)}
        return {name: paper for name, paper in self.film.papers.items() if name in readable}

    def surroundings(self, document: str, start: int, end: int, *, spoilers: bool) -> dict[str, str]:
        """The text before, of and after `text[start:end]`: the passages it lies in and their neighbours in the paper.

        Only passages that may be read now: none under embargo, none that gives the ending away unless `spoilers`.
        HTTPException 404 where there is no such text.
        """
        open_passages = sorted(
            (values for values in _open(self.passages, spoilers=spoilers) if values["document"] == document),
            key=lambda passage: passage["start"],
        )
        held = [n for n, passage in enumerate(open_passages) if passage["start"] < end and passage["end"] > start]
        if start >= end or not held or open_passages[held[0]]["start"] > start or open_passages[held[-1]]["end"] < end:
            raise HTTPException(404, "There is no such passage.")
        text = self.desk.chain.index.text(document)
        # what stands between two open passages and is more than space is in a passage that is kept back
        asked = [open_passages[n] for n in held]
        if any(text[max(one["end"], start) : min(other["start"], end)].strip() for one, other in pairwise(asked)):
            raise HTTPException(404, "There is no such passage.")
        near = [(passage["start"], passage["end"]) for passage in open_passages[max(0, held[0] - 1) : held[-1] + 2]]
        before = [(first, min(last, start)) for first, last in near if first < start]
        after = [(max(first, end), last) for first, last in near if last > end]
        return {
            "before": _joined(text, [*before, (start, start)]),
            "quote": text[start:end],
            "after": _joined(text, [(end, end), *after]),
        }


def _open(passages: Iterable[Document], *, spoilers: bool) -> list[dict[str, Any]]:
    """Metadata of the passages that may be read now: none under embargo, none that gives the ending away unless
    `spoilers`."""
    today = int(f"{date.today():%Y%m%d}")
    found = (passage.metadata for passage in passages)
    return [v for v in found if v.get("embargo", 0) <= today and (spoilers or not v.get("spoiler"))]


def _joined(text: str, spans: list[tuple[int, int]]) -> str:
    """The text of spans in order; between them what separates them, an ellipsis where that is more than space."""
    pieces = [text[slice(*span)] for span in spans]
    gaps = [text[one[1] : other[0]] for one, other in pairwise(spans)]
    shown = ["\n\n…\n\n" if gap.strip() else gap for gap in gaps]
    return "".join(piece for pair in zip_longest(pieces, shown, fillvalue="") for piece in pair)
