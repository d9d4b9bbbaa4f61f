"""Rich text (RTF), read by striprtf: its paragraphs, and its tables by their rows. Headings are not told apart."""

from __future__ import annotations

import re

from index.errors import PaperError
from index.paper import Loaded, TextBuilder

CODEPAGE = re.compile(rb"\\ansicpg(\d+)")
COMMON = "cp1252"
HEAD = 4096
# what striprtf writes: a bar behind every cell, and behind the words of a link where it leads
CELL = "|"
LINK = re.compile(r"\(\"(?:https?://|www\.|mailto:)[^\"\s]*\"\)")
SOFT_HYPHEN = "\xad"


def load(data: bytes, name: str) -> Loaded:
    from striprtf.striprtf import rtf_to_text

    try:
        text = rtf_to_text(_decoded(data), errors="replace")
    except (ValueError, LookupError, TypeError) as error:
        raise PaperError(f"it cannot be read as RTF ({' '.join(str(error).split())[:200]})") from None
    builder = TextBuilder()
    for line in LINK.sub("", _whole(text)).split("\n"):
        builder.add(_row(line), f"paragraph {len(builder.blocks) + 1}")
    return Loaded(builder.text, tuple(builder.blocks), counts={"paragraphs": len(builder.blocks)})


def _decoded(data: bytes) -> str:
    """RTF is ASCII by its own rules; programs that break them write UTF-8 or the code page they name."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        named = CODEPAGE.search(data[:HEAD])
        charset = f"cp{int(named[1])}" if named else COMMON
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode(COMMON, "replace")


def _whole(text: str) -> str:
    """The text with what RTF writes as two halves of one character put together."""
    return text.replace(SOFT_HYPHEN, "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _row(line: str) -> str:
    cells = line.split(CELL) if line.rstrip().endswith(CELL) else [line]
    return " — ".join(filter(None, (" ".join(cell.split()) for cell in cells)))
