"""A page of placed words to paragraphs: lines in the order people read them, columns and table rows told apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import mean, median

EM = 0.5
APART = 60.0
CELL = 3.0
COLUMN_LETTERS = 25
ENOUGH_ROWS = 3
LEADING = 1.45
HEADING_SIZE = 1.15
HEADING_LETTERS = 120
BOLD_LETTERS = 80
ENDS = (".", "!", "?", ":", ";", "…", "”", "’", '"', "»", ")", "។", "。")
HYPHEN = re.compile(r"(\w+(?:-\w+)*)[-\u2010]$")
WORD = re.compile(r"\w+(?:-\w+)*")
BULLET = re.compile(r"[•◦▪‣·●○■□–-]\s|\d{1,2}[.)]\s")
BETWEEN = " — "


@dataclass(frozen=True)
class Line:
    """Words on one line of a page: `x`, `y` of its start and `size` of its letters in points, `y` upwards."""

    x: float
    y: float
    size: float
    text: str
    bold: bool = False

    @property
    def end(self) -> float:
        """Where the line ends, by the width that letters have on average."""
        return self.x + len(self.text) * self.size * EM

    def beside(self, other: Line) -> bool:
        """Whether both stand on one row."""
        return abs(self.y - other.y) < 0.5 * max(self.size, other.size)


@dataclass(frozen=True)
class Paragraph:
    """Lines that are one paragraph, joined; `heading` where it is set larger or bolder than the rest."""

    text: str
    heading: bool = False


def rows(pieces: Iterable[Line]) -> list[Line]:
    """Pieces in the order they are drawn, those that run on in one row joined; what stands apart stays apart."""
    pieces = list(pieces)
    starts = Counter(round(piece.x) for piece in pieces)
    lines: list[Line] = []
    for piece in pieces:
        last = lines[-1] if lines else None
        gap = piece.x - last.end if last else 0.0
        column = starts[round(piece.x)] > ENOUGH_ROWS and last is not None and piece.x - last.x > 2 * APART
        if last and piece.beside(last) and last.x <= piece.x and gap < CELL * piece.size and not column:
            text = last.text + piece.text
            lines[-1] = replace(last, text=text, bold=last.bold and piece.bold)
        else:
            lines.append(piece)
    return [replace(line, text=" ".join(line.text.split())) for line in lines if line.text.strip()]


def ordered(lines: Sequence[Line]) -> list[Line]:
    """Lines as people read them. Drawn in turns left and right they are columns, or cells of a table if short."""
    pairs = [(one, other) for one, other in pairwise(lines) if one.beside(other) and other.x - one.x > APART]
    if len(pairs) < ENOUGH_ROWS:
        return list(lines)
    if min(mean(len(line.text) for line in side) for side in zip(*pairs, strict=True)) < COLUMN_LETTERS:
        return list(_cells(lines))
    return list(_columns(lines, median(right.x for _, right in pairs)))


def _cells(lines: Iterable[Line]) -> Iterator[Line]:
    row: Line | None = None
    last: Line | None = None
    for line in lines:
        if row and last and line.beside(row) and line.x > last.x:
            row = replace(row, text=row.text + BETWEEN + line.text, bold=row.bold and line.bold)
        else:
            if row:
                yield row
            row = line
        last = line
    if row:
        yield row


def _columns(lines: Sequence[Line], gutter: float) -> Iterator[Line]:
    left: list[Line] = []
    right: list[Line] = []
    partnered = {line.y for line in lines if line.x >= gutter - CELL}
    for line in sorted(lines, key=lambda line: -line.y):
        if line.x < gutter - CELL and line.end > gutter + APART and line.y not in partnered:
            yield from [*left, *right, line]
            left, right = [], []
        else:
            (right if line.x >= gutter - CELL else left).append(line)
    yield from [*left, *right]


def body_size(lines: Iterable[Line]) -> float:
    """The size of letters that most of the text is set in; 0 for no text."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[round(line.size, 1)] += len(line.text)
    return max(letters, key=lambda size: letters[size], default=0.0)


def words(lines: Iterable[Line]) -> frozenset[str]:
    """Every word that stands whole on a line, for telling a broken word from one with a hyphen of its own."""
    return frozenset(word.casefold() for line in lines for word in WORD.findall(HYPHEN.sub("", line.text)))


def paragraphs(lines: Sequence[Line], body: float, known: frozenset[str]) -> Iterator[Paragraph]:
    """The lines of one page, in reading order, as paragraphs. `body` and `known` are of the whole paper."""
    gaps = [one.y - other.y for one, other in pairwise(lines) if 0 < one.y - other.y < 4 * max(one.size, 1)]
    usual = median(gaps) if gaps else 0.0
    margin = _margins(lines)
    group: list[Line] = []
    for line in lines:
        if group and _begins(group, line, usual, margin):
            yield _paragraph(group, body, known)
            group = []
        group.append(line)
    if group:
        yield _paragraph(group, body, known)


def _margins(lines: Sequence[Line]) -> frozenset[int]:
    starts = Counter(round(line.x) for line in lines)
    return frozenset(x for x, count in starts.items() if count >= ENOUGH_ROWS)


def _begins(group: Sequence[Line], line: Line, usual: float, margins: frozenset[int]) -> bool:
    last = group[-1]
    if abs(line.size - last.size) > 0.1 * last.size or line.bold != last.bold or BETWEEN in line.text + last.text:
        return True
    down = last.y - line.y
    if down < 0 or down > 4 * last.size:
        return not runs_on(last.text, line.text)
    if usual and down > LEADING * min(usual, 2 * last.size):
        return True
    if BULLET.match(line.text):
        return True
    hanging = bool(BULLET.match(group[0].text))
    indented = not hanging and line.size < line.x - last.x < 5 * line.size
    # a first line set in from the margin, and a short last line under a full one
    return (indented and round(last.x) in margins) or (last.text.endswith(ENDS) and _short(last, group, line))


def _short(last: Line, group: Sequence[Line], line: Line) -> bool:
    longest = max(len(other.text) for other in (*group, line))
    return len(last.text) < 0.6 * longest


def runs_on(text: str, more: str) -> bool:
    """Whether `more`, on the next column or page, goes on with the sentence of `text`."""
    return bool(text and more) and not text.endswith(ENDS) and (more[0].islower() or bool(HYPHEN.search(text)))


def _paragraph(group: Sequence[Line], body: float, known: frozenset[str]) -> Paragraph:
    text = ""
    for line in group:
        text = join(text, line.text, known)
    larger = body and group[0].size > HEADING_SIZE * body and len(text) <= HEADING_LETTERS
    bold = group[0].bold and len(text) <= BOLD_LETTERS and not text.endswith((".", ","))
    return Paragraph(text, bool(larger or bold) and any(map(str.isalpha, text)))


def join(text: str, more: str, known: frozenset[str]) -> str:
    """Two lines as one, a word that was broken at the end of the first mended."""
    if text.endswith("\xad"):
        return text[:-1] + more
    broken = HYPHEN.search(text)
    if not broken or not more[:1].islower():
        return f"{text} {more}" if text else more
    first = WORD.match(more)
    rest = first.group() if first else ""
    if f"{broken[1]}-{rest}".casefold() in known and f"{broken[1]}{rest}".casefold() not in known:
        return text + more
    return text[: broken.end(1)] + more
