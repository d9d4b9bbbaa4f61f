"""Language models for tests: scripted ones at LangChain's seam, and a server that speaks OpenAI's protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from rag.answer import Question
from rag.reader import Reading

Reply = str | Exception | Callable[[str], str]  # a reply may be made from what was asked


class Scripted(BaseChatModel):
    """Says one reply after another, the last one ever again, in pieces; `asked` holds the messages of each call."""

    replies: list[Any]
    size: int = 7
    ending: str = "stop"
    asked: list[list[BaseMessage]] = []
    _turn: int = PrivateAttr(0)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _next(self, messages: list[BaseMessage]) -> str:
        reply: Reply = self.replies[min(self._turn, len(self.replies) - 1)]
        self._turn += 1
        self.asked.append(messages)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, str) else reply(str(messages[-1].text))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessageChunk(self._next(messages)))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        text = self._next(messages)
        for at in range(0, len(text), self.size):
            yield ChatGenerationChunk(message=AIMessageChunk(text[at : at + self.size]))
        end = AIMessageChunk("", response_metadata={"finish_reason": self.ending})
        yield ChatGenerationChunk(message=end)


class PhraseReader:
    """Sure of the phrase it was told to look for, wherever it stands; as sure of anything else as `otherwise` says."""

    name = "phrase"
    warning = None

    def __init__(self, phrase: str, sure: float = 0.95, otherwise: float = 0.02) -> None:
        self.phrase, self.sure, self.otherwise = phrase, sure, otherwise

    def read(self, question: Question, passages: Sequence[Document], steps: Sequence[int] = ()) -> list[Reading]:
        found = [(passage, passage.page_content.find(self.phrase)) for passage in passages]
        readings = [
            Reading(passage, at, at + len(self.phrase), 5.0, self.sure)
            if at >= 0
            else Reading(passage, 0, 9, -5.0, self.otherwise)
            for passage, at in found
        ]
        return sorted(readings, key=lambda reading: -reading.score)

    def confidence(self, readings: Sequence[Reading]) -> float:
        return readings[0].probability if readings else 0.0

    def threshold(self, caution: str) -> float:
        return {"careful": 0.7, "balanced": 0.5, "bold": 0.3}[caution]


class Server:
    """What a test tells the server to do: one step for each request, the last one ever again."""

    def __init__(self, steps: Sequence[Callable[[Handler], None]]) -> None:
        self.steps = list(steps)
        self.requests: list[dict[str, Any]] = []
        self.released = threading.Event()  # set when the test is over; what hangs waits for it
        self.address = ""


class Handler(BaseHTTPRequestHandler):
    """One request to the server of a test."""

    protocol_version = "HTTP/1.1"
    told: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        turn = len(self.told.requests)
        self.told.requests.append(
            {
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "path": self.path,
                "body": json.loads(body),
            }
        )
        try:
            self.told.steps[min(turn, len(self.told.steps) - 1)](self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test's server keeps no log."""

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def piece(self, text: str, finish: str | None = None) -> None:
        delta = {"content": text} if finish is None else {}
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()


def says(text: str, finish: str = "stop") -> Callable[[Handler], None]:
    """A whole reply, word by word."""

    def step(handler: Handler) -> None:
        handler.begin()
        for word in text.split(" "):
            handler.piece(f"{word} ")
        handler.piece("", finish)
        handler.wfile.write(b"data: [DONE]\n\n")

    return step


def fails(status: int, **headers: str) -> Callable[[Handler], None]:
    """An error in OpenAI's shape."""

    def step(handler: Handler) -> None:
        body = json.dumps({"error": {"message": "no secret-key for you", "type": "e", "code": "c"}}).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return step


def hangs(handler: Handler) -> None:
    """Takes the request and says nothing until the test is over."""
    handler.told.released.wait()
    handler.close_connection = True


def begins_and_hangs(text: str) -> Callable[[Handler], None]:
    def step(handler: Handler) -> None:
        handler.begin()
        handler.piece(text)
        handler.told.released.wait()

    return step


def never_ends(handler: Handler) -> None:
    """Speaks as long as somebody listens."""
    handler.begin()
    while not handler.told.released.is_set():
        handler.piece("and so on ")


def raw(body: bytes, kind: str = "text/event-stream") -> Callable[[Handler], None]:
    """What is no protocol at all."""

    def step(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return step


def hangs_up(handler: Handler) -> None:
    """Begins to speak and breaks the connection."""
    handler.begin()
    handler.wfile.write(b'data: {"id": "c", "choi')
    handler.wfile.flush()


@contextmanager
def serving(*steps: Callable[[Handler], None]) -> Iterator[Server]:
    """A server on loopback that takes these steps."""
    told = Server(steps)
    handler = type("Told", (Handler,), {"told": told})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    told.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
