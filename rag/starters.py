"""The questions film.toml offers to begin with, tried on an index before it is used."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index.settings import Settings
    from index.store import Index


class StarterCheck:
    """Called with a new index: a warning for each starter that it has no answer to."""

    def __init__(self, settings: Settings) -> None:
        # Starters are offered before a visitor can switch spoilers on, and must hold without a language model.
        self._settings = settings.model_copy(update={"model": None})

    def prepare(self) -> None:
        """Begin to load the reader beside other work; what is wrong with it is told by the call."""
        # No daemon: one that is cut off in native code may take the whole process with it.
        Thread(target=_load, args=(self._settings,), name="reader").start()

    def __call__(self, index: Index) -> list[str]:
        from rag.answer import Question
        from rag.chain import build_chain

        if not index.film.starters:
            return []
        chain = build_chain(self._settings, index=index)
        answers = chain.batch([Question(text=starter) for starter in index.film.starters], {"max_concurrency": 1})
        return [
            f"The starter {answer.question!r} gets no answer ({answer.refusal}). Change it in film.toml."
            for answer in answers
            if not answer.answered
        ]


def _load(settings: Settings) -> None:
    from rag.reader import load_reader

    load_reader(settings)
