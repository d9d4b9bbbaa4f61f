"""What a visitor may run into, and how it is said over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

OPENAI = "/v1/"

logger = logging.getLogger("karmalink")


class Sorry(Exception):
    """A question that gets no answer now: its sentence, the HTTP status, and the seconds to wait, if waiting helps."""

    status = 500
    seconds: int | None = None


def install(app: FastAPI) -> None:
    """Every refusal leaves as `{"detail": sentence}`, or in OpenAI's shape where OpenAI's clients ask."""

    @app.exception_handler(Sorry)
    async def sorry(request: Request, error: Sorry) -> JSONResponse:
        headers = {"retry-after": str(error.seconds)} if error.seconds else {}
        return said(request, error.status, str(error), headers)

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> JSONResponse:
        return said(request, 422, "; ".join(map(_line, error.errors())) + ".")

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return said(request, error.status_code, str(error.detail), error.headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return said(request, 500, "Something went wrong here. Please ask again.")


def said(request: Request, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """One sentence as JSON."""
    if not request.url.path.startswith(OPENAI):
        return JSONResponse({"detail": sentence}, status, headers)
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    return JSONResponse({"error": {"message": sentence, "type": kind, "code": status, "param": None}}, status, headers)


def _line(item: Any) -> str:
    """`question: the question is empty`; what was sent is not repeated."""
    place = ".".join(str(part) for part in item["loc"] if part != "body")
    message = item["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
