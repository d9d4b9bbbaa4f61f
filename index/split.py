"""Papers to passages: whole paragraphs, or whole sentences of a long one, that keep their place and offsets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.documents import Document

from index.paper import Block, Paper

OVER = 1.1
LONGEST = 4
ENOUGH = 4
QUOTES = str.maketrans(dict.fromkeys("\"“”„‟«»‹›「」『』'‘’‚‛()[]", " "))
# full stops that sentencex does not know, as one that it does; and what UTF-8 cannot have, as long in characters
READABLE = str.maketrans(dict.fromkeys("។៕", "。") | dict.fromkeys(map(chr, range(0xD800, 0xE000)), "\ufffd"))
PLURALS = {"paragraph": "paragraphs", "p.": "pp.", "page": "pages", "row": "rows", "scene": "scenes"}
NUMBERED = re.compile(r"(?P<before>.*?)(?P<label>paragraph|p\.|page|row|scene) (?P<number>\S+)", re.IGNORECASE)
PAGES = re.compile(r"(?P<before>.*?)pp?\. (?P<first>[^\s–]+)(?:–(?P<last>[^\s–]+))?")
CLOCK = re.compile(r"[\d:.]+")
# a quotation mark or bracket that opens what comes next, left at the end of the sentence before
OPENED = re.compile(r"(?<=\s)[\"“‘«‹„‚(\[]+\s*\Z")
# what stands between two captions that a pause parts
PAUSE = "\n\n"


def sentences(text: str, language: str = "en") -> list[tuple[int, int]]:
    """Start and end of every sentence, in order; the blanks after a sentence are its own, so the spans tile `text`.

    Wikimedia's sentencex finds them: it knows some 300 languages and gives character offsets, not pieces to look for.
    """
    from sentencex import get_sentence_boundaries  # type: ignore[import-untyped]

    spans: list[tuple[int, int]] = []
    at = 0
    for found in get_sentence_boundaries(language, text.translate(READABLE)):
        end = min(max(int(found["end_index"]), at), len(text))
        opened = OPENED.search(text, at, end) if end < len(text) else None
        end = opened.start() if opened else end
        if not text[at:end].strip() and spans:
            spans[-1] = (spans[-1][0], end)
        elif end > at:
            spans.append((at, end))
        at = end
    if at < len(text):
        spans.append((at, len(text)))
    return spans


def size(text: str) -> int:
    """Words in `text`; scripts that put no blanks between words count a word every eight characters."""
    return max(len(text.split()), len(text) // 8)


@dataclass
class Piece:
    """A stretch of one block, on its way into a passage."""

    start: int
    end: int
    block: Block
    words: int

    @property
    def key(self) -> tuple[Any, ...]:
        return self.block.heading, self.block.spoiler


def split(paper: Paper, words: int = 110) -> list[Document]:
    """The passages of one paper, in order; `page_content == paper.text[start:end]`.

    Neighbouring paragraphs under one heading are joined up to about `words` words, longer ones parted between
    sentences. What repeats, but for blanks, is one passage.
    """
    seen: set[tuple[str, bool]] = set()
    passages: list[Document] = []
    for pieces in _packed(paper, _pieces(paper, words), words):
        start, end = pieces[0].start, pieces[-1].end
        content = paper.text[start:end]
        key = (" ".join(content.split()), pieces[0].block.spoiler)
        if key not in seen:
            seen.add(key)
            passages.append(Document(page_content=content, metadata=_metadata(paper, pieces, len(passages))))
    return passages


def join_places(first: str, last: str) -> str:
    """One place for a passage that runs from `first` to `last`: paragraphs 13–14, pp. 3–4, 00:12:31–00:12:40."""
    if first == last:
        return first
    one, two = PAGES.fullmatch(first), PAGES.fullmatch(last)
    if one and two and one["before"] == two["before"]:
        start, end = one["first"], two["last"] or two["first"]
        return f"{one['before']}pp. {start}–{end}" if start != end else first
    one, two = NUMBERED.fullmatch(first), NUMBERED.fullmatch(last)
    if one and two and one["before"] == two["before"] and one["label"] == two["label"]:
        if one["number"] == two["number"]:
            return first
        label = one["label"]
        plural = PLURALS[label.casefold()]
        plural = plural.capitalize() if label[0].isupper() else plural
        return f"{one['before']}{plural} {one['number']}–{two['number']}"
    if last.startswith(f"{first}, "):
        return first
    between = "–" if CLOCK.fullmatch(first) and CLOCK.fullmatch(last) else " – "
    return f"{first}{between}{last}"


def _metadata(paper: Paper, pieces: Sequence[Piece], ordinal: int) -> dict[str, Any]:
    meta = paper.meta
    blocks = [piece.block for piece in pieces]
    body = [block for block in blocks if not _is_heading(paper, block)] or blocks
    speakers = {block.speaker for block in body}
    start, end = pieces[0].start, pieces[-1].end
    values = {
        "id": f"{paper.name}:{start}-{end}",
        "document": paper.name,
        "title": meta.title,
        "publisher": meta.publisher,
        "kind": meta.kind,
        "place": join_places(body[0].place, body[-1].place),
        "heading": blocks[-1].heading,
        "speaker": speakers.pop() if len(speakers) == 1 else None,
        "seconds": next((block.seconds for block in body if block.seconds is not None), None),
        "url": meta.url,
        "language": meta.language,
        "start": start,
        "end": end,
        "spoiler": blocks[0].spoiler,
        "embargo": int(meta.embargo.strftime("%Y%m%d")) if meta.embargo else 0,
        "date": meta.date,
        "ordinal": ordinal,
    }
    return {key: value for key, value in values.items() if value is not None}


def _is_heading(paper: Paper, block: Block) -> bool:
    return block.heading is not None and paper.text[block.start : block.end] == block.heading


def _packed(paper: Paper, pieces: Iterable[Piece], words: int) -> Iterator[list[Piece]]:
    current: list[Piece] = []
    total = 0
    for piece in pieces:
        if current and not _joins(paper, current, piece, total, words):
            at = _parting(paper, current, piece, words)
            yield current[:at]
            current = current[at:]
            total = sum(other.words for other in current)
        current.append(piece)
        total += piece.words
    if current:
        yield current


def _parting(paper: Paper, current: Sequence[Piece], piece: Piece, words: int) -> int:
    """How many of `current` make the passage before `piece`: all, or in the midst of speeches those before the last
    line of action, which then stands with the speeches that follow it."""
    if piece.block.speaker is not None:
        for at in range(len(current) - 1, len(current) // 2, -1):
            rest = current[at:]
            if rest[0].block.speaker is None and rest[0].block.seconds is None:
                return at if _joins(paper, rest, piece, sum(other.words for other in rest), words) else len(current)
    return len(current)


def _joins(paper: Paper, current: Sequence[Piece], piece: Piece, total: int, words: int) -> bool:
    last = current[-1]
    if last.block is piece.block and last.block.atomic:
        return total + piece.words <= words * OVER
    if last.block.atomic or piece.block.atomic:
        return False
    between = paper.text[last.end : piece.start]
    if last.block.spoiler != piece.block.spoiler or between.strip():
        return False
    # a pause ends a passage of captions, unless that would leave a crumb
    if last.block.seconds is not None and PAUSE in between and total > words / ENOUGH:
        return False
    only_headings = all(_is_heading(paper, other.block) for other in current)
    if only_headings and total < words:
        return True
    return last.block.heading == piece.block.heading and total + piece.words <= words * OVER


def _pieces(paper: Paper, words: int) -> Iterator[Piece]:
    seen: set[tuple[str, bool]] = set()
    voices = any(block.speaker for block in paper.blocks)
    for block in paper.blocks:
        text = paper.text[block.start : block.end]
        key = (" ".join(text.split()), block.spoiler)
        # a line that a film has twice is in it at two times; a caption printed twice is one caption
        timed = voices or block.seconds is not None or block.atomic
        if not key[0] or (key in seen and not timed and not _is_heading(paper, block)):
            continue
        seen.add(key)
        for start, end in _parts(text, words, paper.meta.language or "en"):
            piece = text[start:end]
            left = block.start + start + len(piece) - len(piece.lstrip())
            right = block.start + start + len(piece.rstrip())
            if left < right:
                yield Piece(left, right, block, size(piece))


def _parts(text: str, words: int, language: str) -> list[tuple[int, int]]:
    total = size(text)
    if total <= words * OVER:
        return [(0, len(text))]
    spans = [span for whole in sentences(text, language) for span in _shortened(text, whole, words, language)]
    # even parts read better than full ones and a crumb
    goal = total / -(-total // words)
    parts: list[tuple[int, int]] = []
    filled = 0
    for start, end in spans:
        here = size(text[start:end])
        if parts and filled + here / 2 <= goal and filled + here <= words * OVER:
            parts[-1] = (parts[-1][0], end)
            filled += here
        else:
            parts.append((start, end))
            filled = here
    return parts


def _shortened(text: str, span: tuple[int, int], words: int, language: str) -> list[tuple[int, int]]:
    """`span` itself, unless it is too long to be one sentence: a speech in quotes, a table, a text with no stops."""
    start, end = span
    if size(text[start:end]) <= words * OVER:
        return [span]
    inner = [(start + left, start + right) for left, right in sentences(text[start:end].translate(QUOTES), language)]
    return [part for left, right in inner for part in _chopped(text, left, right, words * LONGEST)]


def _chopped(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    if size(text[start:end]) <= longest:
        yield start, end
        return
    at = start
    for blank in re.finditer(r"\s+", text[start:end]):
        if size(text[at : start + blank.end()]) >= longest:
            yield from _sliced(at, start + blank.end(), longest * 8)
            at = start + blank.end()
    yield from _sliced(at, end, longest * 8)


def _sliced(start: int, end: int, length: int) -> Iterator[tuple[int, int]]:
    for left in range(start, end, length):
        yield left, min(left + length, end)
