"""HTML: trafilatura finds the article on the page; a page that is no article is read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from index.errors import PaperError
from index.loaders.charset import decode
from index.loaders.sections import Sections
from index.paper import Loaded

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

Part = tuple[int, str]
HEADINGS = {f"h{level}": level for level in range(1, 7)}
SILENT = frozenset(
    ("script", "style", "noscript", "template", "svg", "math", "head", "nav", "footer", "form", "button", "select")
    + ("iframe", "object", "audio", "video")
)
INLINE = frozenset(
    ("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img")
    + ("ins", "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong")
    + ("sub", "sup", "time", "tt", "u", "var", "wbr")
)
CELLS = frozenset({"td", "th"})
ENOUGH = 0.6


def load(data: bytes, name: str) -> Loaded:
    source = decode(data)
    page = parsed(source)
    title = " ".join((page.findtext(".//title") or "").split()) or None
    sections = Sections()
    for level, text in _of_article(PageReader().read(page), _article(source)):
        if level:
            sections.heading(text, level)
        else:
            sections.paragraph(text)
    return sections.loaded(title)


def parsed(source: str) -> HtmlElement:
    """The page's root element. Raises PaperError for what is no page."""
    from lxml import etree  # type: ignore[import-untyped]
    from lxml import html as lxml_html

    try:
        # lxml refuses a str that declares its own encoding
        return lxml_html.document_fromstring(
            source.encode("utf-8", "replace"), parser=lxml_html.HTMLParser(encoding="utf-8")
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise PaperError(f"it cannot be read as HTML ({error})") from None


def _article(source: str) -> str:
    import trafilatura

    found = trafilatura.bare_extraction(source, favor_recall=True, include_comments=False, include_tables=True)
    text = getattr(found, "text", None)
    return " ".join(str(text or "").split())


def _of_article(parts: list[Part], article: str) -> list[Part]:
    """The parts from the first to the last that trafilatura kept, its headline before them; all if that is too few.

    trafilatura knows where an article begins and ends; within it, it drops headings, cast lists and short lines.
    """
    kept = [number for number, (level, text) in enumerate(parts) if not level and text in article]
    if not kept:
        return parts
    first, last = kept[0], kept[-1]
    headlines = [number for number, (level, _) in enumerate(parts[:first]) if level == 1]
    above = next((number for number in range(first, 0, -1) if not parts[number - 1][0]), 0)
    chosen = parts[min([above, *headlines[-1:]]) : last + 1]
    return chosen if _length(chosen) >= ENOUGH * _length(parts) else parts


def _length(parts: list[Part]) -> int:
    return sum(len(text) for _, text in parts)


class PageReader:
    """Reads a whole page: every element that is not inline starts a paragraph of its own."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._words: list[str] = []

    def read(self, page: HtmlElement) -> list[Part]:
        """Headings with their level and paragraphs with level 0, in order."""
        from lxml import etree

        walk = etree.iterwalk(page, events=("start", "end", "comment", "pi"))
        for event, element in walk:
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "start" and tag in SILENT:
                walk.skip_subtree()
            elif event == "start":
                self._flush_at(tag, start=True)
                self._words.append(element.text or "")
            elif event == "end" and tag not in SILENT:
                self._flush_at(tag)
            if event != "start":
                self._words.append(element.tail or "")
        self._flush(0)
        return self._parts

    def _flush_at(self, tag: str, start: bool = False) -> None:
        if tag in CELLS and start and "".join(self._words).strip():
            self._words.append(" — ")
        elif tag in HEADINGS and not start:
            self._flush(HEADINGS[tag])
        elif tag not in INLINE and tag not in CELLS:
            self._flush(0)

    def _flush(self, level: int) -> None:
        text = " ".join("".join(self._words).split())
        self._words.clear()
        if text:
            self._parts.append((level, text))
