"""Who stops listening stops the model, even before there is anything to show."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from models import Handler, PhraseReader, serving

from index.settings import Settings
from rag import Question, build_chain
from rag.chain import FilmChain
from rag.model import load_model
from rag.writer import ModelWriter
from ui.desk import Desk

DEADLINE, SOON = 600.0, 60.0  # seconds; no test waits for either
SCORE = "Who wrote the score?"


class Endless:
    """Says nothing at great length, as long as somebody listens: only the deadline, or a Stop, ends that."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def __call__(self, handler: Handler) -> None:
        handler.begin()
        self.begun.set()
        try:
            while not handler.told.released.wait(0.001):
                handler.piece("")
        finally:
            self.ended.set()


@pytest.fixture
def endless() -> Endless:
    return Endless()


@pytest.fixture
def chain(built_settings: Settings, endless: Endless) -> Iterator[FilmChain]:
    settings = built_settings.model_copy(update={"deadline": DEADLINE})
    plain = build_chain(settings)
    reader = PhraseReader("Ada Lindqvist")
    with serving(endless) as server:
        model = load_model(f"openai:tiny@{server.address}", DEADLINE)
        writer = ModelWriter(model, settings, plain.index, reader, plain.similar)
        yield plain.model_copy(update={"reader": reader, "writer": writer})
    plain.index.close()


def test_a_stream_can_be_left_before_its_first_sentence(chain: FilmChain, endless: Endless) -> None:
    pieces = chain.stream(SCORE)
    assert next(pieces) == ""
    pieces.close()  # type: ignore[attr-defined]
    assert endless.ended.wait(SOON)


def test_a_visitor_who_leaves_stops_the_model_and_is_shown_nothing_empty(chain: FilmChain, endless: Endless) -> None:
    async def visit() -> list[object]:
        desk = Desk(chain, deadline=DEADLINE)
        place = desk.take(Question(text=SCORE))
        await asyncio.to_thread(endless.begun.wait, SOON)
        place.leave()
        shown = [piece async for piece in place]
        desk.close()
        return shown

    assert asyncio.run(visit()) == []
    assert endless.ended.wait(SOON)
