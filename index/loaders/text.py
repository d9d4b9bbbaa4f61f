"""Plain text: the text is the file's own, a paragraph is a line, or the lines of one hard-wrapped paragraph."""

from __future__ import annotations

from collections.abc import Iterator

from index.loaders.charset import decode
from index.paper import Block, Loaded

WRAP_WIDTHS = range(45, 101)
WRAP_SLACK = 0.85


def load(data: bytes, name: str) -> Loaded:
    text = decode(data)
    blocks = tuple(
        Block(start, end, f"paragraph {number}") for number, (start, end) in enumerate(paragraphs(text), start=1)
    )
    return Loaded(text, blocks, counts={"paragraphs": len(blocks)})


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every paragraph, blanks at its ends left out.

    Where no line is longer than a page is wide the text was wrapped by hand: a line runs on into the next if the next
    line's first word would not have fitted on it. Everywhere else, and in lists of short lines, a line is a paragraph.
    """
    lines = list(_lines(text))
    width = max((end - start for start, end in lines), default=0)
    current: tuple[int, int] | None = None
    last = (0, 0)
    for start, end in lines:
        if start == end:
            if current:
                yield current
            current = None
        elif current and width in WRAP_WIDTHS and _wrapped(text, last, (start, end), width):
            current = (current[0], end)
        else:
            if current:
                yield current
            current = (start, end)
        last = (start, end)
    if current:
        yield current


def _wrapped(text: str, above: tuple[int, int], below: tuple[int, int], width: int) -> bool:
    first = text[slice(*below)].split(maxsplit=1)[0]
    return above[1] - above[0] + 1 + len(first) > width * WRAP_SLACK


def _lines(text: str) -> Iterator[tuple[int, int]]:
    offset = 0
    for line in text.splitlines(keepends=True):
        body = line.strip()
        start = offset + (len(line) - len(line.lstrip()) if body else 0)
        yield start, start + len(body)
        offset += len(line)
