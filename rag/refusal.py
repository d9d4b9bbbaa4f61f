"""What is said when nothing is answered: honest, kind, and nothing about the film."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag.words import stems

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from index.film import Film
    from rag.answer import Refusal

STARTERS = 2  # suggestions that go with a refusal
# A question is off topic when it points at nothing (a film's visitor says "it" and "the film"), no passage comes this
# near in meaning, and next to none of its words is in the passages.
NEAR, SHARED = 0.25, 0.34
POINTS = frozenset({"it", "its", "he", "she", "they", "him", "her", "them", "his", "their", "film", "movie", "this"})

EMPTY = "Please type a question about {title}."
TOO_LONG = "That is too long for one question ({length} characters, at most {most}). Please ask it in a few words."
LINES: dict[Refusal, str] = {
    "not in the documents": "The film's papers don't say.",
    "off topic": "I only know what the papers of {title} say, and nothing in them is near this question.",
    "spoiler": "That would give the story away. Switch spoilers on to have it answered.",
}


def line(kind: Refusal, film: Film) -> str:
    """The sentence shown for a refusal, with the film team's contact where the papers are silent."""
    text = LINES[kind].format(title=film.title)
    contact = film.contact if kind == "not in the documents" else None
    if not contact:
        return text
    # A film team writes a sentence, or only an address.
    return f"{text} {contact}" if contact.rstrip().endswith((".", "!")) else f"{text} You can ask: {contact}"


def suggestions(film: Film, asked: Sequence[str]) -> list[str]:
    """Starters to go on with that have not been asked yet."""
    known = {question.casefold().strip() for question in asked}
    return [starter for starter in film.starters if starter.casefold().strip() not in known][:STARTERS]


def is_off_topic(question: str, passages: Sequence[Document]) -> bool:
    """Whether nothing in the passages found (with `similarity` in their metadata) is near the question."""
    if not passages:
        return True
    if POINTS & set(re.findall(r"\w+", question.casefold())):
        return False
    wanted = set(stems([question])[0])
    known = {word for words in stems([passage.page_content for passage in passages]) for word in words}
    shared = len(wanted & known) / max(len(wanted), 1)
    return shared <= SHARED and max(passage.metadata["similarity"] for passage in passages) < NEAR
