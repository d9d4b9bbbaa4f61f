"""The film's assistant in the shape that OpenAI's clients speak; citations travel as an extra field."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from rag.answer import Answer, Question, Text
from ui.api import CLOSED, SSE_HEADERS, Ask, admit, while_here
from ui.service import Service
from ui.sorry import Sorry

# What our own fields are, beside OpenAI's.
EXTRA = ("citations", "answered", "refusal", "confidence", "suggestions", "warnings")


class Part(BaseModel):
    """One piece of a message; pieces that are not text are passed over."""

    type: str
    text: Text = ""


class Message(BaseModel):
    """One message of a conversation."""

    role: str
    content: Text | list[Part] | None = None

    @property
    def words(self) -> str:
        parts = self.content if isinstance(self.content, list) else [Part(type="text", text=self.content or "")]
        return " ".join(part.text for part in parts if part.type == "text").strip()


def _has_question(messages: list[Message]) -> list[Message]:
    if not any(message.role == "user" for message in messages):
        raise ValueError("no message has the role user")
    return messages


class Completion(BaseModel):
    """A chat completion request. The last user message is the question, those before it the history.

    Anything else a client may set (temperature, tools, a system message) does not change what the papers say.
    """

    model: str = ""
    messages: Annotated[list[Message], AfterValidator(_has_question)]
    stream: bool = False
    spoilers: bool = Field(False, description="the visitor has seen the film")

    def to_question(self) -> Question:
        asked = [message.words for message in self.messages if message.role == "user"]
        try:
            return Ask(question=asked[-1], history=asked[:-1], spoilers=self.spoilers).to_question()
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from None


class Model(BaseModel):
    """The one model there is: the film's papers."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "film"


class Models(BaseModel):
    """The list of models."""

    object: Literal["list"] = "list"
    data: list[Model]


def routes(service: Service) -> APIRouter:
    """`/v1/models` and `/v1/chat/completions` of one service."""
    router = APIRouter(prefix="/v1", tags=["openai"])
    model = re.sub(r"\W+", "-", service.film.title.casefold()).strip("-") or "film"

    @router.get("/models", summary="The film, as a model")
    async def models() -> Models:
        return Models(data=[Model(id=model)])

    @router.post("/chat/completions", summary="Ask with any OpenAI client; `citations` is an extra field")
    async def completions(body: Completion, request: Request) -> Response:
        question = body.to_question()
        await admit(service, request)
        head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}
        if body.stream:
            return StreamingResponse(
                _chunks(service, question, head), media_type="text/event-stream", headers=SSE_HEADERS
            )
        answer = await while_here(request, service.answer(question))
        if answer is None:
            return Response(status_code=CLOSED)
        choice = {"message": {"role": "assistant", "content": answer.answer}, **_choice("stop")}
        return JSONResponse({**head, "object": "chat.completion", "choices": [choice], **_extra(answer)})

    return router


def _chunks(service: Service, question: Question, head: dict[str, Any]) -> AsyncIterator[bytes]:
    place = service.desk.take(question)

    def chunk(delta: dict[str, str], finish: str | None = None, **extra: Any) -> bytes:
        choice = {"delta": delta, **_choice(finish)}
        return _data({**head, "object": "chat.completion.chunk", "choices": [choice], **extra})

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield chunk({"role": "assistant", "content": ""})
            async for piece in service.pieces(place):
                if isinstance(piece, Answer):
                    yield chunk({}, "stop", **_extra(piece))
                else:
                    yield chunk({"content": piece})
            yield b"data: [DONE]\n\n"
        except Sorry as sorry:
            yield _data({"error": {"message": str(sorry), "type": "server_error", "code": sorry.status, "param": None}})
        finally:
            place.leave()

    return chunks()


def _choice(finish: str | None) -> dict[str, Any]:
    return {"index": 0, "finish_reason": finish, "logprobs": None}


def _extra(answer: Answer) -> dict[str, Any]:
    return answer.model_dump(mode="json", include=set(EXTRA))


def _data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()
