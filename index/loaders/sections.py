"""Paragraphs under headings: what Markdown and HTML come down to."""

from __future__ import annotations

from index.paper import Loaded, TextBuilder


class Sections:
    """Collects headings and paragraphs; a paragraph's place is its heading and its number under it."""

    def __init__(self) -> None:
        self._text = TextBuilder()
        self._heading: str | None = None
        self._title: str | None = None
        self._number = 0
        self._headings = 0
        self._paragraphs = 0

    def heading(self, text: str, level: int = 2) -> None:
        """Start a section; the first heading of level 1 is the paper's title."""
        if not text.strip():
            return
        self._heading = text.strip()
        self._number = 0
        self._headings += 1
        if level == 1 and self._title is None:
            self._title = self._heading
        self._text.add(self._heading, self._heading, heading=self._heading)

    def paragraph(self, text: str) -> None:
        if not text.strip():
            return
        self._number += 1
        self._paragraphs += 1
        number = f"paragraph {self._number}"
        place = f"{self._heading}, {number}" if self._heading else number
        self._text.add(text, place, heading=self._heading)

    def loaded(self, title: str | None = None, kind: str | None = None) -> Loaded:
        counts = {"paragraphs": self._paragraphs, "headings": self._headings}
        return Loaded(self._text.text, tuple(self._text.blocks), title or self._title, kind, counts)
