"""Scenes of a screenplay: what Fountain and Final Draft come down to."""

from __future__ import annotations

import re

from index.paper import Loaded, TextBuilder

EXTENSION = re.compile(r"\s*\([^)]*\)?")
DASH = re.compile(r"\s+[-–—]+\s+")


class Script:
    """Collects scenes, action and speeches; the place is the scene: Scene 84, INT. TRAIN TRACKS – NIGHT.

    `numbered` says that the script numbers its scenes; if it does not they are counted.
    """

    def __init__(self, title: str | None, numbered: bool) -> None:
        self._text = TextBuilder()
        self._title = title
        self._numbered = numbered
        self._heading: str | None = None
        self._place = "Opening"
        self._page = ""
        self._scenes = 0
        self._speakers: set[str] = set()
        self._pages: set[str] = set()

    def pages(self, first: str, last: str | None = None) -> None:
        """What follows stands on the pages from `first` to `last`."""
        self._page = f", p. {first}" if last in (None, first) else f", pp. {first}–{last}"
        self._pages |= {first, last or first}

    def scene(self, heading: str, number: str | None) -> None:
        """Start a scene; `number` is as the script has it."""
        heading = _line(heading)
        if not heading:
            return
        self._scenes += 1
        number = number.strip(" .") if number else None
        shown = number if self._numbered else str(self._scenes)
        name = DASH.sub(" – ", heading)
        self._place = f"Scene {shown}, {name}" if shown else name
        self._heading = heading
        self._add(heading)

    def action(self, text: str) -> None:
        """An action paragraph, a transition or a title on the screen."""
        self._add(text)

    def speech(self, character: str, text: str) -> None:
        """What a character says, parentheticals with it; `character` as written, extensions and all."""
        character = _line(character)
        speaker = EXTENSION.sub("", character).strip(" ^") or character
        if not text.strip():
            self._add(character)
            return
        if speaker:
            self._speakers.add(speaker)
        self._add(f"{character}\n{text}", speaker or None)

    def loaded(self) -> Loaded:
        counts = {"scenes": self._scenes, "speakers": len(self._speakers), "pages": len(self._pages)}
        kept = {key: count for key, count in counts.items() if count}
        return Loaded(self._text.text, tuple(self._text.blocks), self._title, "screenplay", kept)

    def _add(self, text: str, speaker: str | None = None) -> None:
        self._text.add(text, self._place + self._page, heading=self._heading, speaker=speaker)


def _line(text: str) -> str:
    return " ".join(text.split())
