"""From what the reader found to what is said: spans become an answer, each with the sentence it stands in.

Every word of an answer about the film is a word of its papers; nothing is written here but punctuation between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from index.sentences import sentences
from rag.answer import Citation
from rag.kind import Kind
from rag.span import clean, said, sentence_at
from rag.words import stems

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from index.store import Index
    from rag.reader import Reading

Similar = Callable[[str, Sequence[str]], Sequence[float]]  # cosine similarity of one text to each of the others

SENTENCES = 3  # a broad answer says at most so many
PARTS = 6  # a list has at most so many parts
SURE = 0.5  # probability from which a second reading is heard at all
PRECISE = 0.9  # share of a span under which its whole sentence is said
LONGEST = 45  # words of a sentence that is said whole
SHORT = 6  # words; two answers as short as this can contradict each other


@dataclass(frozen=True)
class Said:
    """What is said, piece by piece as it may be streamed, and what it rests on."""

    pieces: tuple[str, ...] = ()
    citations: list[Citation] = field(default_factory=list)
    differing: list[Citation] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True)
class Part:
    """A cleaned span, offsets into its passage's page_content, how sure the reader is of it (0 to 1), and how sure of
    these very words; where it wavers between two sentences, the words of the `other`."""

    passage: Document
    start: int
    end: int
    probability: float
    share: float = 1.0
    other: Part | None = None

    @property
    def text(self) -> str:
        return said(self.passage.page_content[self.start : self.end])

    @property
    def reach(self) -> tuple[int, int]:
        """Offsets of what is told: the span, or the sentence it stands in where its borders are anybody's guess, for
        part of an answer misleads."""
        start, end = sentence_at(self.passage.page_content, self.start, self.end)
        whole = self.share < PRECISE and len(self.passage.page_content[start:end].split()) <= LONGEST
        return (start, end) if whole else (self.start, self.end)

    @property
    def told(self) -> str:
        start, end = self.reach
        return said(self.passage.page_content[start:end])

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(stems([self.text])[0]) or (self.text.casefold(),)


def cite(index: Index, passage: Document, start: int, end: int, n: int) -> Citation:
    """A citation of the sentence that holds page_content[start:end], these words highlighted."""
    meta = passage.metadata
    first, last = sentence_at(passage.page_content, start, end)
    offset = int(meta["start"])
    # A passage may hold several paragraphs, cues or voices; the words are in one of them.
    block = index.place(meta["document"], offset + start, offset + end)
    return Citation(
        n=n,
        document=meta["document"],
        title=meta.get("title"),
        publisher=meta.get("publisher"),
        kind=meta.get("kind"),
        place=block.place if block else meta["place"],
        quote=passage.page_content[first:last],
        start=offset + first,
        end=offset + last,
        highlight=(offset + start, offset + end),
        url=meta.get("url"),
        spoiler=bool(meta.get("spoiler", False)),
        seconds=block.seconds if block else meta.get("seconds"),
        speaker=block.speaker if block else meta.get("speaker"),
        passage=meta.get("id"),
    )


def compose(index: Index, kind: Kind, readings: Sequence[Reading], threshold: float, similar: Similar) -> Said:
    """The answer that `readings` (best first, the first one held to answer) carry; empty when no words are left."""
    parts = [part for part in map(_part, readings) if part.start < part.end]
    if not parts:
        return Said()
    if kind.name == "broad":
        lines = _lines(kind, parts, [reading.passage for reading in readings], similar)
        return _broad(index, lines, parts, 0.0 if parts[0].probability >= threshold else _TOLD)
    best = parts[0]
    bar = max(threshold, SURE)
    if kind.name == "list":
        return _list(index, best, [part for part in parts[1:] if part.probability >= bar])
    same = [best, *(part for part in parts[1:] if _says_the_same(best, part) and part.probability >= bar / 2)]
    other = [part for part in parts[1:] if part.probability >= bar and _contradicts(best, part)]
    cited = _numbered(index, same)
    owner = (cited[0].speaker or _owner(best)) if kind.name == "opinion" else None
    if best.other and not owner:
        cited = _numbered(index, [best, best.other, *same])
    text = f"{owner}: {best.told}" if owner else _told(best)
    return Said((text,), cited, _numbered(index, other[:1]))


def nearest(index: Index, readings: Sequence[Reading]) -> list[Citation]:
    """The sentence the reader held likeliest, cited whole: near the question, no answer to it. [] without readings."""
    for reading in readings:
        text = reading.passage.page_content
        start, end = sentence_at(text, reading.start, reading.end)
        # A caption's credit or a heading tells a visitor nothing.
        if _is_told(text[start:end]):
            return [cite(index, reading.passage, start, end, 1)]
    return []


def speaks_of(kind: Kind, passages: Sequence[Document]) -> bool:
    """Whether a broad question has its sentences whatever the reader holds: a film's papers say what it is about,
    and what one sentence of them names in the visitor's own words is told of."""
    subject = set(stems([kind.subject])[0])
    if kind.name != "broad" or bool(subject) != bool(kind.subject):
        return False
    texts = [p.page_content[s:e] for p in passages for s, e in sentences(p.page_content)]
    return any(subject <= set(words) for words in stems(texts))


def _part(reading: Reading) -> Part:
    text = reading.passage.page_content
    start, end = clean(text, reading.start, reading.end)
    low, high = clean(text, *reading.other) if reading.other else (0, 0)
    other = Part(reading.passage, low, high, reading.probability, 0.0) if low < high else None
    return Part(reading.passage, start, end, reading.probability, reading.share, other)


def told(reading: Reading) -> str:
    """What a plain answer says where this is the best reading."""
    return _told(_part(reading))


def _told(best: Part) -> str:
    """The words, their sentence, or the likelier sentence and then the other one; a gap between them is marked."""
    other = best.other
    if other is None:
        return best.told
    end, start = best.reach[1], other.reach[0]
    follows = end <= start and not best.passage.page_content[end:start].strip()
    return f"{best.told}{' ' if follows else ' … '}{other.told}"


def _numbered(index: Index, parts: Iterable[Part]) -> list[Citation]:
    cited: list[Citation] = []
    for part in parts:
        citation = cite(index, part.passage, part.start, part.end, len(cited) + 1)
        if not any(known.document == citation.document and known.quote == citation.quote for known in cited):
            cited.append(citation)
    return cited


def _says_the_same(best: Part, other: Part) -> bool:
    return best.key == other.key or _runs_in(best.key, other.key)


def _runs_in(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    width = len(inner)
    return any(outer[at : at + width] == inner for at in range(len(outer) - width + 1))


def _contradicts(best: Part, other: Part) -> bool:
    """Two short answers of the same make, out of two papers, that share no word."""
    one, two = best.text, other.text
    return (
        best.passage.metadata["document"] != other.passage.metadata["document"]
        and max(len(one.split()), len(two.split())) <= SHORT
        and not set(best.key) & set(other.key)
        and _make(one) == _make(two) != "words"
    )


def _make(text: str) -> str:
    if any(c.isdigit() for c in text):
        return "number"
    words = [word for word in re.findall(r"\w+", text) if len(word) > 3]
    return "name" if words and all(word[0].isupper() for word in words) else "words"


def _list(index: Index, best: Part, others: Sequence[Part]) -> Said:
    parts = [best]
    for part in others:
        if len(parts) < PARTS and not any(set(part.key) & set(known.key) for known in parts):
            parts.append(part)
    texts = [part.text.rstrip(".") for part in parts] if len(parts) > 1 else [best.told]
    pieces = [texts[0], *(f"; {text}" for text in texts[1:])]
    cited = [*parts, *(part for part in others if any(_says_the_same(known, part) for known in parts))]
    return Said(tuple(pieces), _numbered(index, cited))


# A name, or a role with a name, beside a verb of saying: “…,” Ana said / said director Ana Ruiz.
_NAME = r"(?:(?:the )?(?:[a-z]+ )?[A-Z][\w’'-]+(?: [A-Z][\w’'-]+){0,3}|the [a-z-]+(?: [a-z-]+)?)"
_SAYS = r"(?:said|says|told|tells|recalled|recalls|explained|explains|added|adds|admits|admitted|insists|laughs)"
_AFTER = re.compile(rf"^\s*(?:(?P<one>{_NAME}) {_SAYS}|{_SAYS} (?P<two>{_NAME}))\b")


def _owner(part: Part) -> str | None:
    """Who says the words, as the paper has it: the name right behind the quotation."""
    text = part.passage.page_content
    opened, closed = text.rfind("“", 0, part.start + 1), text.find("”", part.end - 1)
    if opened < 0 or closed < 0 or "”" in text[opened : part.start]:
        return None
    found = _AFTER.match(text[closed + 1 :])
    owner = found and (found["one"] or found["two"])
    return owner[0].upper() + owner[1:] if owner else None


@dataclass(frozen=True)
class _Line:
    passage: Document
    start: int
    end: int
    words: frozenset[str]
    likeness: float
    read: float

    @property
    def score(self) -> float:
        return self.likeness + _READ * self.read

    @property
    def order(self) -> tuple[str, int]:
        return str(self.passage.metadata["document"]), int(self.passage.metadata["start"]) + self.start


_LEANING = frozenset({"he", "she", "it", "they", "his", "her", "their", "this", "that", "these", "and", "but", "so"})
# Weights beside a cosine: the reader's word, the subject's words, each cue (two at most), a beginning like "He …".
_READ, _SPOKEN, _CUE, _LEANS = 0.6, 0.3, 0.1, 0.15
_TOLD = 0.3  # likeness from which sentences are believed to tell what was asked when the reader is not sure
_SHORTEST, _LIKE, _FALL = 6, 0.6, 0.35  # words; overlap that counts as said before; how far a next one may fall


def _broad(index: Index, lines: Sequence[_Line], parts: Sequence[Part], bar: float) -> Said:
    chosen: list[_Line] = []
    nearest_line = max((line.likeness for line in lines), default=0.0)
    if nearest_line < bar:
        return Said()
    least = nearest_line - _FALL
    for line in sorted(lines, key=lambda line: -line.score):
        fits = not chosen or line.likeness >= least
        if fits and len(chosen) < SENTENCES and not any(_alike(line, known) for known in chosen):
            chosen.append(line)
    chosen.sort(key=lambda line: line.order)
    texts = [said(line.passage.page_content[line.start : line.end]) for line in chosen]
    pieces = tuple(text if at == 0 else f" {text}" for at, text in enumerate(texts))
    marked = {(part.passage.metadata["id"], part.start): part for part in parts}
    cited = []
    for n, line in enumerate(chosen, 1):
        spans = [p for (key, at), p in marked.items() if key == line.passage.metadata["id"] and line.start <= at]
        inside = next((p for p in spans if p.end <= line.end), None)
        start, end = (inside.start, inside.end) if inside else (line.start, line.end)
        cited.append(cite(index, line.passage, start, end, n))
    return Said(pieces, cited)


def _names(subject: str, texts: Sequence[str]) -> set[str]:
    """The stems of names that stand right behind the subject's last word, as in "director Jane Doe"."""
    words = re.findall(r"\w+", subject)
    behind = re.compile(rf"\b(?i:{re.escape(words[-1])}),? ((?:[A-Z][\w’'-]+ ?){{1,3}})") if words else None
    found = behind.findall(" \n ".join(texts)) if behind else []
    return {word for stemmed in stems(found) for word in stemmed}


def _lines(kind: Kind, parts: Sequence[Part], passages: Sequence[Document], similar: Similar) -> list[_Line]:
    found = [(p, s, e) for p in passages for s, e in sentences(p.page_content) if _is_told(p.page_content[s:e])]
    for part in parts[:SENTENCES]:
        whole = (part.passage, *sentence_at(part.passage.page_content, part.start, part.end))
        if whole not in found:
            found.append(whole)
    texts = [passage.page_content[start:end] for passage, start, end in found]
    subject, cues = (set(words) for words in stems([kind.subject, kind.cues]))
    names = _names(kind.subject, texts)
    scores = similar(kind.probe, texts)
    read = {(part.passage.metadata["id"], part.start): part.probability for part in parts}
    lines = []
    for (passage, start, end), text, words, score in zip(found, texts, stems(texts), scores, strict=True):
        key = passage.metadata["id"]
        believed = max((p for (k, at), p in read.items() if k == key and start <= at < end), default=0.0)
        score += _SPOKEN * max(len(subject & set(words)) / max(len(subject), 1), bool(names & set(words)))
        score += _CUE * min(len(cues & set(words)), 2)
        score -= _LEANS * (text.split()[0].casefold() in _LEANING)
        lines.append(_Line(passage, start, end, frozenset(words), score, believed))
    return lines


def _is_told(sentence: str) -> bool:
    return len(sentence.split()) >= _SHORTEST and not sentence.rstrip().endswith("?")


def _alike(one: _Line, two: _Line) -> bool:
    return len(one.words & two.words) >= _LIKE * min(len(one.words), len(two.words))
