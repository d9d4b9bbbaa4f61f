"""Answers given lately are given again, and only where they would be the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from rag.answer import Answer, Question
from ui.desk import Busy, Desk
from ui.memory import Memory


class Counting:
    """Says how often it was asked; breaks on request."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def stream(self, question: Question) -> Iterator[str | Answer]:
        self.asked.append(question)
        yield f"Answer {len(self.asked)}"
        if question.text == "break":
            raise RuntimeError("broken")
        yield Answer(
            question=question.text,
            standalone_question=question.text,
            answered=True,
            answer=f"Answer {len(self.asked)}",
            confidence=0.9,
            answered_by="counting",
            timings_ms={"retrieve": 3.0, "read": 90.0, "total": 94.0},
        )


def told(memory: Memory, text: str, **values: object) -> Answer:
    pieces = list(memory.stream(Question(text=text, **values)))
    assert isinstance(pieces[-1], Answer)
    return pieces[-1]


def test_the_same_question_is_answered_once() -> None:
    chain = Counting()
    memory = Memory(chain)
    first, again = told(memory, "Who?"), told(memory, "Who?")
    assert len(chain.asked) == 1 and again.answer == first.answer == "Answer 1"
    assert first.timings_ms["total"] == 94.0 and set(again.timings_ms.values()) == {0.0}


def test_history_and_spoilers_make_another_question() -> None:
    chain = Counting()
    memory = Memory(chain)
    answers = [told(memory, "Who?"), told(memory, "Who?", history=["Where?"]), told(memory, "Who?", spoilers=True)]
    assert len({answer.answer for answer in answers}) == 3


def test_what_broke_or_was_left_is_not_kept() -> None:
    chain = Counting()
    memory = Memory(chain)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            list(memory.stream(Question(text="break")))
        left = memory.stream(Question(text="left"))
        next(left)
        left.close()
    assert len(chain.asked) == 4


def test_the_oldest_are_forgotten() -> None:
    chain = Counting()
    memory = Memory(chain, kept=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        told(memory, text)
    assert [question.text for question in chain.asked] == ["a", "b", "c", "b"]


def test_many_visitors_at_once_get_their_own() -> None:
    memory, found = Memory(Counting()), {}

    def ask(number: int) -> None:
        found[number] = [told(memory, f"question {number}").question for _ in range(20)]

    threads = [Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [f"question {number}"] * 20 for number in range(8)}


def test_what_is_remembered_waits_for_nobody() -> None:
    class Blocked(Counting):
        repeats = True

        def __init__(self) -> None:
            super().__init__()
            self.begun, self.release = Event(), Event()

        def stream(self, question: Question) -> Iterator[str | Answer]:
            if question.text == "slow":
                self.begun.set()
                assert self.release.wait(60)
            yield from super().stream(question)

    async def visit() -> None:
        desk = Desk(chain, deadline=60, hands=1, waiting=0)
        desk.learn(["Who?"])
        slow = desk.take(Question(text="slow"))
        await asyncio.to_thread(chain.begun.wait, 60)
        with pytest.raises(Busy):
            desk.take(Question(text="another"))
        assert (await desk.answer(Question(text="Who?"))).answer == "Answer 1"
        chain.release.set()
        assert [piece async for piece in slow][-1].answer == "Answer 2"  # type: ignore[union-attr]
        desk.close()

    chain = Blocked()
    asyncio.run(visit())
    assert len(chain.asked) == 2


def test_a_starter_that_breaks_is_logged_and_the_others_are_learnt(caplog: pytest.LogCaptureFixture) -> None:
    class Breaking(Counting):
        repeats = True

    chain = Breaking()
    desk = Desk(chain, deadline=60)
    desk.learn(["break", "Who?"])
    assert "no answer to 'break'" in caplog.text
    assert asyncio.run(_asked(desk, "Who?")).answer == "Answer 2" and len(chain.asked) == 2
    desk.close()


async def _asked(desk: Desk, text: str) -> Answer:
    return await desk.answer(Question(text=text))
