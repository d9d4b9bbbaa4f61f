"""What a language model is asked: fixed rules first, then passages and questions as data, fenced and escaped."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.injection import speaks_to_machine

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from rag.answer import Question
    from rag.reader import Reading

NOT_THERE = "NOT IN THE PAPERS"
LABEL = 120  # characters of a title, a place or a publisher
ASKED = 2000  # characters of a question that a model is shown
BEFORE = 3  # questions before this one that it is shown

# Besides line breaks: joiners and the space of no width, which several scripts are written with.
_KEPT = "\n\t\u200b\u200c\u200d"
_PROMPTS = Path(__file__).parent / "prompts"
# Marks that some models take for the border of a message even where they stand in the middle of a text.
_MARKS = re.compile(r"\[(/?)(INST|SYS|p\d+[^\]]*)\]", re.IGNORECASE)


def answering(film: str, question: Question, readings: Mapping[str, Reading]) -> list[BaseMessage]:
    """The messages that ask for an answer. `readings` maps the ids the model may cite to what the reader found.

    The rules are the same for every question of every film, so that a server keeps them in its prefix cache.
    """
    passages = "\n".join(_passage(key, reading) for key, reading in readings.items())
    return _messages(
        "answer",
        f"<papers film={_label(film)}>\n{passages}\n</papers>\n{_history(question.history)}"
        f"<question>{_data(question.text[:ASKED])}</question>",
    )


def rewriting(question: Question) -> list[BaseMessage]:
    """The messages that ask for the question as it stands without those before it."""
    return _messages("standalone", f"{_history(question.history)}<question>{_data(question.text[:ASKED])}</question>")


def _messages(name: str, data: str) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage, SystemMessage

    return [SystemMessage(_rules(name)), HumanMessage(data)]


@cache
def _rules(name: str) -> str:
    return (_PROMPTS / f"{name}.md").read_text(encoding="utf-8").strip()


def _passage(key: str, reading: Reading) -> str:
    meta, text = reading.passage.metadata, reading.passage.page_content
    labels = {name: meta.get(name) for name in ("title", "publisher", "place", "heading", "speaker")}
    shown = "".join(f" {name}={_label(str(value))}" for name, value in labels.items() if value)
    words = _data(text[reading.start : reading.end])
    return (
        f'<passage id="{key}"{shown}>\n{_data(text)}\n'
        f'<words sure="{reading.probability:.2f}">{words}</words>\n</passage>'
    )


def _history(questions: Sequence[str]) -> str:
    lines = [f"<earlier>{_data(text[:ASKED])}</earlier>\n" for text in questions[-BEFORE:]]
    return "".join(lines)


def _label(text: str) -> str:
    """A quoted attribute; a label that gives orders is left out, its passage is not the worse for it."""
    shown = "" if speaks_to_machine(text) else " ".join(text.split())[:LABEL]
    return '"' + _data(shown.replace('"', "'")) + '"'


def _data(text: str) -> str:
    """Text that can neither end its fence nor pass for a mark of the chat or for an id."""
    seen = "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs"))
    return html.escape(_MARKS.sub(r"(\1\2)", seen), quote=False)
