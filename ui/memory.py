"""Answers given lately: what one visitor asked, the next one need not wait for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from datetime import date
from threading import Lock
from typing import Any

from rag.answer import Answer, Question

KEPT = 1000  # answers, some 5 kB each
Key = tuple[date, bool, tuple[str, ...]]


class Memory:
    """The pieces of a chain's answers, the ones asked for last, in this process alone. Safe for threads.

    Only for a chain that answers the same question the same way every time.
    """

    def __init__(self, chain: Any, kept: int = KEPT) -> None:
        self._chain, self._kept = chain, kept
        self._known: OrderedDict[Key, list[str | Answer]] = OrderedDict()
        self._lock = Lock()

    def known(self, question: Question) -> list[str | Answer] | None:
        """The pieces, where they are remembered; this takes no time."""
        key = _key(question)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
        return known

    def stream(self, question: Question) -> Generator[str | Answer, None, None]:
        """Pieces of text, then the Answer: remembered, or the chain's own and remembered once they are whole."""
        key, known = _key(question), self.known(question)
        if known is not None:
            yield from known
            return
        pieces: list[str | Answer] = []
        for piece in self._chain.stream(question):
            pieces.append(piece)
            yield piece
        with self._lock:
            self._known[key] = [_at_once(piece) for piece in pieces]
            while len(self._known) > self._kept:
                self._known.popitem(last=False)


def _key(question: Question) -> Key:
    # What is under embargo today is not tomorrow.
    return date.today(), question.spoilers, (*question.history, question.text)


def _at_once(piece: str | Answer) -> str | Answer:
    """The piece as it is given again, which takes no time."""
    if isinstance(piece, str):
        return piece
    return piece.model_copy(update={"timings_ms": dict.fromkeys(piece.timings_ms, 0.0)})
