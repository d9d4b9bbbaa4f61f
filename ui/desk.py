"""Where questions wait for the chain: few are answered at once, some wait, each has a deadline."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from rag.answer import Answer, Question
from ui.memory import Memory
from ui.sorry import Sorry

WAITING = 64

logger = logging.getLogger("karmalink")


class Busy(Sorry):
    """Too many questions wait already."""

    status = 503
    seconds = 5

    def __str__(self) -> str:
        return "Many visitors are asking right now. Please try again in a few seconds."


class Late(Sorry):
    """No answer within the deadline."""

    status = 504

    def __str__(self) -> str:
        return "The answer took too long. Please ask again."


class Failed(Sorry):
    """The chain broke; what broke it is in the server's log, not in the visitor's chat."""

    def __str__(self) -> str:
        return "Something went wrong here. Please ask again."


class Desk:
    """Runs a synchronous chain for asynchronous visitors.

    `hands` questions are answered at once, `waiting` more may wait, each for `deadline` seconds in all; an answer that
    is remembered waits for none of them. Who leaves frees the place: at once while waiting, with the chain's next word
    while being answered.
    """

    def __init__(self, chain: Any, *, deadline: float, hands: int | None = None, waiting: int = WAITING) -> None:
        self.chain = chain
        self._memory = Memory(chain) if getattr(chain, "repeats", False) else None
        self._source = self._memory or chain
        self.deadline = deadline
        self.hands = hands or max(2, os.cpu_count() or 1)
        self.room = self.hands + waiting
        self.places: set[Place] = set()
        self._pool = ThreadPoolExecutor(self.hands, thread_name_prefix="answer")

    @property
    def full(self) -> bool:
        return len(self.places) >= self.room

    def take(self, question: Question) -> Place:
        """A place in the line; raises Busy. Called on the event loop, closed by iterating or by `Place.leave`."""
        known = self._memory.known(question) if self._memory else None
        if known is None and self.full:
            raise Busy
        return Place(self, question, known)

    async def answer(self, question: Question) -> Answer:
        """The whole answer; raises Busy, Late and Failed."""
        place = self.take(question)
        try:
            async for piece in place:
                if isinstance(piece, Answer):
                    return piece
        finally:
            place.leave()
        raise Failed

    def learn(self, texts: Iterable[str]) -> None:
        """Answer these before anybody asks them, one after the other; what cannot be answered is logged."""
        for text in texts:
            try:
                for _ in self._source.stream(Question(text=text)):
                    continue
            except Exception:  # the visitor who asks it will be told
                logger.exception("no answer to %r", text)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class Place:
    """One question on its way, or its answer as `known`; iterates over pieces of text, then the Answer."""

    def __init__(self, desk: Desk, question: Question, known: Sequence[str | Answer] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + desk.deadline
        self._pieces: asyncio.Queue[str | Answer | None] = asyncio.Queue()
        self._left = threading.Event()
        self._desk = desk
        self._work: Future[None] = Future()
        if known is not None:
            self._work.set_result(None)
            for piece in (*known, None):
                self._pieces.put_nowait(piece)
            return
        desk.places.add(self)
        self._work = desk._pool.submit(self._run, question)
        self._work.add_done_callback(lambda _: self._call(self._done))

    @property
    def is_left(self) -> bool:
        return self._left.is_set()

    def leave(self) -> None:
        """Give the place up: what waits is dropped, what runs stops at its next word."""
        self._left.set()
        self._work.cancel()

    async def __aiter__(self) -> AsyncIterator[str | Answer]:
        try:
            while True:
                try:
                    async with asyncio.timeout_at(self._until):
                        piece = await self._pieces.get()
                except TimeoutError:
                    raise Late from None
                if piece is None:
                    if error := self._work.exception():
                        logger.error("a question failed", exc_info=error)
                        raise Failed from error
                    return
                yield piece
        finally:
            self.leave()

    def _run(self, question: Question) -> None:
        pieces = self._desk._source.stream(question)
        try:
            for piece in pieces:
                if self._left.is_set():
                    return
                if piece:  # an empty one is a chance to leave, and nothing to show
                    self._call(self._pieces.put_nowait, piece)
        finally:
            pieces.close()

    def _done(self) -> None:
        self._desk.places.discard(self)
        self._pieces.put_nowait(None)

    def _call(self, function: Any, *values: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *values)
