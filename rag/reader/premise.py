"""Questions whose premise is changed, so that the window which answered them answers no longer.

Wrong people of the right kind are the reader's commonest error: asked who edited the film, it points at who produced
it. A question of a film is therefore asked once more for another person, trade, relative, month or year, on the very
window that answered it (edits of questions that turn the label, as in Gardner et al. 2020, "Evaluating Models' Local
Decision Boundaries via Contrast Sets"). What is put in must not stand in the window, not even in part: else the window
might answer it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

# Words of which one may stand for another without the sentence breaking; those of one row exclude each other. Not
# "writer", who is often the director, nor "first" and "two", which often say nothing of their kind.
KINDS = tuple(
    tuple(row.split())
    for row in (
        "director producer composer editor cinematographer choreographer costume-designer production-designer",
        "directed produced edited financed choreographed storyboarded",
        "wrote composed photographed narrated distributed",
        "father mother brother sister son daughter uncle aunt grandmother grandfather cousin",
        "husband wife",
        "January February March April May June July August September October November December",
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "spring summer autumn winter",
    )
)
ROW = {word.lower(): row for row in KINDS for word in row}
WORD = re.compile(r"\w+")
STEM = 4  # so many letters of a word in the window, and it is taken for there: editor, editing


def people(texts: Sequence[str], names: dict[str, str]) -> list[tuple[str, str]]:
    """First and last names of the persons in a film's papers, each once. `names`: `Names.kinds` of the film."""
    found: dict[tuple[str, str], None] = {}
    for text in texts:
        words = list(WORD.finditer(text))
        for one, other in zip(words, words[1:], strict=False):
            kinds = names.get(one[0].lower()), names.get(other[0].lower())
            if kinds == ("first", "last") and text[one.end() : other.start()] == " ":
                found[one[0], other[0]] = None
    return list(found)


def changed(question: str, window: str, persons: Sequence[tuple[str, str]], rng: random.Random) -> str | None:
    """The question with one premise changed; None where it has none that can be."""
    there = window.lower()
    possible = [*_others(question, there), *_strangers(question, there, persons)]
    if not possible:
        return None
    start, end, words = rng.choice(possible)
    return question[:start] + rng.choice(words) + question[end:]


Change = tuple[int, int, list[str]]  # from, to, and what may stand there


def _others(question: str, there: str) -> Iterator[Change]:
    """Words that exclude each other, and years."""
    for word in WORD.finditer(question):
        row = ROW.get(word[0].lower(), ())
        others = [other.replace("-", " ") for other in row if other.lower() != word[0].lower()]
        if re.fullmatch("[12][0-9]{3}", word[0]):
            others = [str(int(word[0]) + by) for by in (-3, -2, -1, 1, 2, 4)]
        absent = [other for other in others if other.lower()[:STEM] not in there]
        if absent:
            yield word.start(), word.end(), absent


def _strangers(question: str, there: str, persons: Sequence[tuple[str, str]]) -> Iterator[Change]:
    """Persons of the film whom the window does not name."""
    away = [name for name in persons if not any(part.lower() in there for part in name)]
    for first, last in persons:
        if any((first in name or last in name) for name in away):
            continue  # of a family
        for form, part in ((f"{first} {last}", slice(0, 2)), (last, slice(1, 2)), (first, slice(0, 1))):
            at = re.search(rf"\b{re.escape(form)}\b", question)
            others = [" ".join(name[part]) for name in away if not set(name) & set(WORD.findall(question))]
            if at:
                if others:
                    yield at.start(), at.end(), others
                break
