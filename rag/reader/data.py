"""Film dossiers as training examples: questions, windows of the papers, and the spans that answer.

A dossier (`dossiers/film-NNNN.json`) holds an invented film's papers and questions; `answer` and every `also` stand
verbatim in the paper `doc`, null means that no paper answers. Films whose number leaves 1 when divided by 5 are dev.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from index.split import sentences

DOSSIERS = Path(__file__).parent / "dossiers"


@dataclass(frozen=True)
class Window:
    """A stretch of whole sentences of one paper, as the reader is given it."""

    document: str
    title: str
    text: str


@dataclass(frozen=True)
class Asked:
    """One question of a dossier. `answers` is empty when no paper answers."""

    text: str
    history: tuple[str, ...]
    standalone: str
    answers: tuple[str, ...]
    document: str | None
    type: str


@dataclass(frozen=True)
class Dossier:
    number: int
    title: str
    papers: tuple[dict[str, str], ...]
    questions: tuple[Asked, ...]

    @property
    def dev(self) -> bool:
        return self.number % 5 == 1


@dataclass
class Example:
    """One question on one window; `spans` are character offsets (start, end) of accepted answers in the window.

    `left`: what is left of the window once the sentence that answers is taken out, where that is what is read.
    `weight`: what the example counts for in the loss."""

    question: str
    film: int
    window: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    left: str | None = None
    weight: float = 1.0


def read_dossiers(folder: Path = DOSSIERS) -> list[Dossier]:
    """All dossiers of a folder, by number. Raises FileNotFoundError when the folder holds none."""
    files = sorted(folder.glob("film-*.json"))
    if not files:
        raise FileNotFoundError(f"no film-*.json in {folder}")
    return [_read(json.loads(file.read_text("utf-8")), int(file.stem.split("-")[1])) for file in files]


def _read(raw: dict, number: int) -> Dossier:
    questions = tuple(
        Asked(
            text=item["q"],
            history=tuple(item.get("history") or ()),
            standalone=item.get("standalone") or item["q"],
            answers=tuple(answer for answer in (item.get("answer"), *(item.get("also") or ())) if answer),
            document=item.get("doc") if item.get("answer") else None,
            type=item["type"],
        )
        for item in raw["questions"]
    )
    return Dossier(number, raw["title"], tuple(raw["documents"]), questions)


def windows(dossier: Dossier, words: int) -> list[Window]:
    """The film's papers cut into windows of up to `words` words that never split a sentence."""
    found = []
    for paper in dossier.papers:
        for text in _pack(paper["text"], words):
            found.append(Window(paper["id"], paper["title"], text))
    return found


def _pack(text: str, words: int) -> Iterator[str]:
    begin, count, last = None, 0, 0
    for start, end in _sentences(text):
        size = len(text[start:end].split())
        if begin is not None and count + size > words:
            yield text[begin:last].strip()
            begin, count = None, 0
        begin = start if begin is None else begin
        count, last = count + size, end
    if begin is not None and text[begin:last].strip():
        yield text[begin:last].strip()


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Character offsets of the text's sentences, paragraph by paragraph."""
    for paragraph in re.finditer(r"[^\n]+", text):
        for start, end in sentences(paragraph.group()):
            yield paragraph.start() + start, paragraph.start() + end


def question_text(question: str, history: Sequence[str]) -> str:
    """A question with the questions before it, oldest first, as the reader reads them."""
    return " ".join([*history, question])


# What a visitor who types keywords leaves out.
LEFT_OUT = frozenset(
    "a an the is are was were be been do does did has have had of to in on at for by with from and or that this these "
    "those it its there who what which whose whom i me my you your can could would will please tell".split()
)


def spoken(asked: Asked, before: Asked | None, rng: random.Random) -> str:
    """The question as one visitor might type it: with its history or standalone, at times careless.

    A question that needs none may follow another one of the film, `before`: what was asked then must not turn the
    answer."""
    text = question_text(asked.text, asked.history) if rng.random() < 0.8 else asked.standalone
    if not asked.history and before:
        text = question_text(text, [before.standalone])
    chance = rng.random()
    if chance < 0.08:
        text = text.lower()
    elif chance < 0.16:
        text = text.rstrip("?")
    elif chance < 0.24:
        text = _slip(text, rng)
    elif chance < 0.30:
        text = _keywords(text)
    return text


def _keywords(text: str) -> str:
    """The words that carry the question; all of it when fewer than three do."""
    words = [word for word in text.rstrip("?").split() if word.lower() not in LEFT_OUT]
    return " ".join(words) if len(words) >= 3 else text


def _slip(text: str, rng: random.Random) -> str:
    """One letter left out, doubled or swapped with the next."""
    letters = [place for place, letter in enumerate(text[:-1]) if letter.isalpha() and text[place + 1].isalpha()]
    if not letters:
        return text
    at = rng.choice(letters)
    kinds = (
        text[:at] + text[at + 1 :],
        text[: at + 1] + text[at:],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )
    return rng.choice(kinds)


def without(text: str, spans: Sequence[tuple[int, int]]) -> str | None:
    """The text without the sentences that touch one of the spans; None when fewer than two sentences are left."""
    kept = [(s, e) for s, e in _sentences(text) if not any(s < end and e > start for start, end in spans)]
    return " ".join(text[s:e].strip() for s, e in kept) if len(kept) >= 2 else None


def spans_in(text: str, answers: Sequence[str]) -> list[tuple[int, int]]:
    """Every place in the text where an accepted answer stands as whole words, the first answer's places first."""
    found = []
    for answer in answers:
        for match in re.finditer(re.escape(answer), text):
            start, end = match.span()
            joined = (start > 0 and text[start - 1].isalnum() and answer[0].isalnum()) or (
                end < len(text) and text[end].isalnum() and answer[-1].isalnum()
            )
            if not joined:
                found.append((start, end))
    return found
