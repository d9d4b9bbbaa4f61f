"""The questions film.toml offers to begin with, tried on an index before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index.settings import Settings
    from index.store import Index


def unanswered(settings: Settings, index: Index) -> list[str]:
    """A warning for each starter that `index` has no answer to."""
    from rag.answer import Question
    from rag.chain import build_chain

    if not index.film.starters:
        return []
    # Starters are offered before a visitor can switch spoilers on, and must hold without a language model.
    chain = build_chain(settings.model_copy(update={"model": None}), index=index)
    answers = chain.batch([Question(text=starter) for starter in index.film.starters], {"max_concurrency": 1})
    return [
        f"The starter {answer.question!r} gets no answer ({answer.refusal}). Change it in film.toml."
        for answer in answers
        if not answer.answered
    ]
