"""Markdown, read by markdown-it: the words without the marks, under their headings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from index.loaders.charset import decode
from index.loaders.sections import Sections
from index.paper import Loaded

if TYPE_CHECKING:
    from markdown_it.token import Token

LEAVES = ("fence", "code_block")


def load(data: bytes, name: str) -> Loaded:
    from markdown_it import MarkdownIt

    text = decode(data)
    sections = Sections()
    row: list[str] | None = None
    opened = ""
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(_without_front_matter(text)):
        if token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            sections.paragraph(" — ".join(cell for cell in row if cell))
            row = None
        elif token.type == "heading_open":
            opened = token.tag
        elif token.type == "inline":
            words = "".join(_words(token))
            if row is not None:
                row.append(words)
            elif opened:
                sections.heading(" ".join(words.split()), int(opened[1]))
            else:
                sections.paragraph(words)
        elif token.type == "heading_close":
            opened = ""
        elif token.type in LEAVES:
            sections.paragraph(token.content)
    return sections.loaded()


def _words(token: Token) -> Iterator[str]:
    for child in token.children or ():
        if child.type in ("text", "code_inline"):
            yield child.content
        elif child.type == "softbreak":
            yield " "
        elif child.type == "hardbreak":
            yield "\n"
        elif child.type == "image":
            yield "".join(_words(child)) or child.content


def _without_front_matter(text: str) -> str:
    lines = text.splitlines(keepends=True)
    if lines and lines[0].strip() == "---":
        for number, line in enumerate(lines[1:], start=1):
            if line.strip() in ("---", "..."):
                return "".join(lines[number + 1 :])
    return text
