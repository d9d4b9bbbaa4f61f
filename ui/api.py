"""The HTTP API: ask, stream, film, passage, feedback, health."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import AfterValidator, AliasChoices, BaseModel, Field
from starlette.concurrency import run_in_threadpool

from rag.answer import Answer, Question, Text
from ui.desk import Busy
from ui.service import HISTORY, QUESTION, Service
from ui.sorry import Sorry

CLOSED = 499
SSE_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def _asked(text: str) -> str:
    if not text.strip():
        raise ValueError("the question is empty")
    if len(text) > QUESTION:
        raise ValueError(f"the question has {len(text)} characters, at most {QUESTION} are read")
    return text.strip()


Asked = Annotated[Text, AfterValidator(_asked)]


class Ask(BaseModel):
    """A question, the questions before it (oldest first), and whether the visitor has seen the film."""

    question: Asked = Field(validation_alias=AliasChoices("question", "text"), description="at most 500 characters")
    history: list[Text] = Field([], description="questions before this one, oldest first; the last ten are read")
    spoilers: bool = False

    def to_question(self) -> Question:
        earlier = [text[:QUESTION] for text in self.history[-HISTORY:] if text.strip()]
        return Question(text=self.question, history=earlier, spoilers=self.spoilers)


class Feedback(BaseModel):
    """A visitor's thumb on an answer, with a word if they like."""

    question: Asked
    verdict: Literal["up", "down"]
    word: Annotated[Text, Field(max_length=200)] = ""


class PaperFacts(BaseModel):
    """What film.toml says of one paper."""

    name: str
    title: str | None
    publisher: str | None
    kind: str | None
    date: str | None
    url: str | None


class FilmFacts(BaseModel):
    """What a chat needs to greet: texts from film.toml, and what this server does."""

    title: str
    greeting: str | None
    starters: list[str]
    contact: str | None
    colour: str | None
    spoilers: bool = Field(description="some passages give the ending away and are kept back until asked for")
    feedback: bool = Field(description="thumbs are kept for the film team")
    papers: list[PaperFacts]


class Surroundings(BaseModel):
    """A quote and the text around it in its paper."""

    before: str
    quote: str
    after: str


class Ready(BaseModel):
    """The film and the version of the index answers come from."""

    status: str
    film: str
    version: str | None


def routes(service: Service) -> APIRouter:
    """The API of one service."""
    router = APIRouter()

    @router.post("/api/ask", tags=["ask"], summary="Ask; the whole Answer at once", response_model=Answer)
    async def ask(body: Ask, request: Request) -> Response:
        await admit(service, request)
        answer = await while_here(request, service.answer(body.to_question()))
        return JSONResponse(answer.model_dump(mode="json")) if answer else Response(status_code=CLOSED)

    @router.post(
        "/api/ask/stream",
        tags=["ask"],
        summary="Ask; server-sent events: `text` with pieces of the answer, then `answer` with the whole Answer",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def stream(body: Ask, request: Request) -> Response:
        await admit(service, request)
        place = service.desk.take(body.to_question())

        async def events() -> AsyncIterator[bytes]:
            try:
                async for piece in service.pieces(place):
                    if isinstance(piece, Answer):
                        yield event("answer", piece.model_dump(mode="json"))
                    else:
                        yield event("text", piece)
            except Sorry as sorry:
                yield event("error", {"detail": str(sorry)})
            finally:
                place.leave()

        return StreamingResponse(events(), media_type="text/event-stream", headers=SSE_HEADERS)

    @router.post("/api/feedback", tags=["ask"], summary="A thumb, and a word if you like", status_code=204)
    async def feedback(body: Feedback, request: Request) -> Response:
        await admit(service, request, "feedback")
        await run_in_threadpool(service.note, body.question, body.verdict, body.word)
        return Response(status_code=204)

    @router.get("/api/film", tags=["film"], summary="Title, greeting, starters, papers")
    async def film() -> FilmFacts:
        return film_facts(service)

    @router.get("/api/passage", tags=["film"], summary="A quote in its surroundings")
    async def passage(
        document: Annotated[str, Query(max_length=500)],
        start: Annotated[int, Query(ge=0)],
        end: Annotated[int, Query(ge=0)],
        spoilers: bool = False,
    ) -> Surroundings:
        return Surroundings(**service.surroundings(document, start, end, spoilers=spoilers))

    @router.get("/healthz", tags=["health"], summary="The process runs")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", tags=["health"], summary="The index is open and questions are answered")
    async def readyz() -> Ready:
        if service.desk.full:
            raise Busy
        index = getattr(service.desk.chain, "index", None)
        return Ready(status="ready", film=service.film.title, version=getattr(index, "version", None))

    return router


def film_facts(service: Service) -> FilmFacts:
    """What a page needs to know before the first question."""
    film = service.film
    return FilmFacts(
        title=film.title,
        greeting=film.greeting,
        starters=film.starters,
        contact=film.contact,
        colour=film.colour,
        spoilers=service.has_spoilers,
        feedback=service.log is not None,
        papers=[
            PaperFacts(name=name, **paper.model_dump(include=set(PaperFacts.model_fields)))
            for name, paper in service.papers.items()
        ],
    )


def facts_script(service: Service) -> str:
    """The facts as a data block for a page's head; no text in it can end the block or begin a tag."""
    facts = film_facts(service).model_dump_json().replace("<", "\\u003c")
    return f'<script type="application/json" id="film-facts">{facts}</script>'


async def admit(service: Service, request: Request, kind: str = "ask") -> None:
    """Count the question; raises Refused. In a thread, because limits may be counted in another server."""
    await run_in_threadpool(service.admit, request, kind)


async def while_here(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer | None:
    """The answer, or None when the client went away first, its place given up."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()


async def gone(request: Request) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        continue


def event(name: str, data: Any) -> bytes:
    """One server-sent event, its data as JSON."""
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False))
