"""A real client and a real server that speaks OpenAI's protocol, well and in every way badly."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import models
import pytest
from langchain_core.messages import HumanMessage
from models import Handler, fails, says, serving

from rag import call
from rag.call import Trouble, talk, whole
from rag.flow import Sentences
from rag.model import load_model

ASK = [HumanMessage("Who wrote the score?")]
LONG = 60.0  # seconds; no test waits for it
Step = Callable[[Handler], None]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "PAUSE", 0.001)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)


def asked(address: str, seconds: float = LONG) -> str:
    model = load_model(f"openai:tiny@{address}", LONG)
    return whole(model.chat, ASK, monotonic() + seconds)


def test_a_reply_comes_piece_by_piece_and_the_prompt_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    with serving(says("Ada Lindqvist wrote it [p1].")) as server:
        model = load_model(f"openai:tiny@{server.address}", LONG)
        assert model.label == "openai:tiny"
        pieces = list(talk(model.chat, ASK, monotonic() + LONG))
    assert "".join(pieces).strip() == "Ada Lindqvist wrote it [p1]." and len([p for p in pieces if p]) == 5
    request = server.requests[0]
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["authorization"] == "Bearer secret-key"
    body = request["body"]
    assert (body["model"], body["stream"]) == ("tiny", True)
    assert body["messages"] == [{"content": "Who wrote the score?", "role": "user"}]
    assert any(key in body for key in ("max_tokens", "max_completion_tokens"))


@pytest.mark.parametrize(
    ("steps", "why", "requests"),
    [
        ([fails(401)], "refused the key", 1),
        ([fails(403)], "refused the key", 1),
        ([fails(404)], "does not know the model", 1),
        ([fails(400)], "has a fault of its own (status 400)", 1),
        ([fails(429)], "is asked too often", call.TRIES),
        ([fails(500)], "has a fault of its own (status 500)", call.TRIES),
        ([fails(503), fails(401)], "refused the key", 2),
        ([fails(429, **{"Retry-After": "3600"})], "is asked too often", 1),
        ([models.raw(b"<html>It works!</html>", "text/html")], "", 1),
        ([models.raw(b"data: {nonsense\n\n")], "gave an answer that cannot be read", 1),
        ([models.hangs_up], "", 1),
        ([models.never_ends], "did not come to an end", 1),
        ([says("The score was", "length")], "broke off in the middle", 1),
        ([says("", "content_filter")], "would not answer", 1),
    ],
)
def test_every_trouble_has_its_name(
    steps: list[Step], why: str, requests: int, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(*steps) as server:
        if why:
            with pytest.raises(Trouble, match=r"^" + why.replace("(", r"\(").replace(")", r"\)")) as caught:
                asked(server.address)
            assert "secret-key" not in str(caught.value) and server.address not in str(caught.value)
        else:
            # What cannot be told from an empty reply carries nothing, and the gate has the last word.
            try:
                text = asked(server.address)
            except Trouble:
                text = ""
            assert Sentences().add(text) == []
        assert len(server.requests) == requests


def test_a_state_that_passes_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with serving(fails(500), fails(429), says("At last [p1].")) as server, caplog.at_level(logging.WARNING):
        assert asked(server.address).strip() == "At last [p1]."
    assert len(server.requests) == 3
    assert "try 2" in caplog.text


def test_nobody_there() -> None:
    with serving(says("Gone")) as server:
        address = server.address
    with pytest.raises(Trouble, match="cannot be reached"):
        asked(address)


@pytest.mark.parametrize("step", [models.hangs, models.begins_and_hangs("Ada ")])
def test_a_server_that_hangs_is_left_in_time(step: Step) -> None:
    with serving(step) as server:
        model = load_model(f"openai:tiny@{server.address}", LONG)
        started = monotonic()
        with pytest.raises(Trouble, match="did not answer in time"):
            list(talk(model.chat, ASK, started + 0.3))
        assert monotonic() - started < 0.3 + 1.0


def test_no_time_left_is_no_call() -> None:
    with serving(says("Late")) as server, pytest.raises(Trouble, match="did not answer in time"):
        asked(server.address, 0.0)


def test_who_stops_listening_stops_the_model() -> None:
    ended = threading.Event()

    def endless(handler: Handler) -> None:
        handler.begin()
        try:
            while not handler.told.released.is_set():
                handler.piece("on ")
        finally:
            ended.set()

    with serving(endless) as server:
        pieces: Any = talk(load_model(f"openai:tiny@{server.address}", LONG).chat, ASK, monotonic() + LONG)
        assert next(piece for piece in pieces if piece) == "on "
        pieces.close()
        assert ended.wait(30) and not server.released.is_set()
