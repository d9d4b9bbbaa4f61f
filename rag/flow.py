"""From pieces of text, as a model sends them, to whole sentences with the ids they cite."""

from __future__ import annotations

import html
import re

# "… 97 minutes. [p2]" cites as "… 97 minutes [p2]." does.
_BEHIND = re.compile(r"([.!?…]+[\"”»’']?)(\s*)((?:\[[^\[\]\n]{0,40}\]\s*)+)")
_CLOSED = re.compile(r"\][.!?…]+[\"”»’']?\s+$")
_OPENS = re.compile(r"(?:\s[“\"«„(‘]*)?\s*$")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_THINKS = re.compile(r"<(?:think(?:ing)?>.*|[a-z]*)$", re.DOTALL | re.IGNORECASE)  # begun, or about to


class Sentences:
    """`add` takes pieces and gives the sentences they complete; `rest` gives what is left at the end.

    What a model thinks aloud (between <think> marks) is no part of its answer.
    """

    def __init__(self) -> None:
        self._text = ""

    def add(self, piece: str) -> list[str]:
        """The sentences that are complete now: those up to the last one with an id, once another one begins."""
        self._text = _THOUGHT.sub("", self._text + piece)
        if _THINKS.search(self._text) or self._text.count("[") > self._text.count("]"):
            return []
        text = _tidied(self._text)
        spans = _spans(text)
        if not _CLOSED.search(text):
            spans = spans[:-1]
        # A sentence without an id may be half of one: "shot by J." is, until "Doe [p1]." has come.
        while spans and "]" not in text[slice(*spans[-1])]:
            spans = spans[:-1]
        if not spans:
            return []
        # A mark that opens belongs to what comes.
        end = spans[-1][1] - len(_OPENS.findall(text[slice(*spans[-1])])[0])
        self._text = text[end:]
        return [text[start : min(last, end)].strip() for start, last in spans]

    def rest(self) -> list[str]:
        """The sentences that the end completes."""
        text = _tidied(_THINKS.sub("", _THOUGHT.sub("", self._text)))
        self._text = ""
        return [text[start:end].strip() for start, end in _spans(text)]


def _tidied(text: str) -> str:
    return html.unescape(_BEHIND.sub(lambda found: f" {found[3].strip()}{found[1]} ", text))


def _spans(text: str) -> list[tuple[int, int]]:
    """The sentences of a text; none runs on into another line."""
    from index.split import sentences

    lines = re.finditer(r"[^\n]+", text)
    found = ((line.start() + s, line.start() + e) for line in lines for s, e in sentences(line.group()))
    return [(start, end) for start, end in found if text[start:end].strip()]
