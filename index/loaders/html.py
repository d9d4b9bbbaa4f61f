"""HTML: trafilatura finds the article on the page; a page that is no article is read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from index.errors import PaperError
from index.loaders.charset import decode
from index.loaders.sections import Sections
from index.paper import Loaded

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

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
    from lxml import etree  # type: ignore[import-untyped]
    from lxml import html as lxml_html

    source = decode(data)
    try:
        # lxml refuses a str that declares its own encoding
        page = lxml_html.document_fromstring(
            source.encode("utf-8", "replace"), parser=lxml_html.HTMLParser(encoding="utf-8")
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise PaperError(f"it cannot be read as HTML ({error})") from None
    title = " ".join((page.findtext(".//title") or "").split()) or None
    whole = PageReader().read(page).loaded(title)
    article = _article(source)
    if article is None:
        return whole
    found = article.loaded(title)
    # trafilatura runs short pages together and drops cast lists: then all of the page is better than half of it
    if len(found.text) >= ENOUGH * len(whole.text) and 2 * len(found.blocks) >= len(whole.blocks):
        return found
    return whole


def _article(source: str) -> Sections | None:
    import trafilatura

    found = trafilatura.bare_extraction(source, favor_recall=True, include_comments=False, include_tables=True)
    body = getattr(found, "body", None)
    if body is None:
        return None
    sections = Sections()
    for element in body.iter("head", "p", "item", "quote", "row", "code"):
        if element.tag == "head":
            sections.heading(_text(element), HEADINGS.get(element.get("rend") or "", 2))
        elif not any(above.tag in ("item", "quote", "row", "p") for above in element.iterancestors()):
            cells = [_text(cell) for cell in element.iter("cell")] or [_text(element)]
            sections.paragraph(" — ".join(cell for cell in cells if cell))
    return sections


def _text(element: HtmlElement) -> str:
    return " ".join("".join(element.itertext()).split())


class PageReader:
    """Reads a whole page: every element that is not inline starts a paragraph of its own."""

    def __init__(self) -> None:
        self._sections = Sections()
        self._words: list[str] = []

    def read(self, page: HtmlElement) -> Sections:
        from lxml import etree

        ends = etree.iterwalk(page, events=("start", "end", "comment", "pi"))
        for event, element in ends:
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "start" and tag in SILENT:
                ends.skip_subtree()
            elif event == "start":
                self._open(tag)
                self._words.append(element.text or "")
            elif event == "end" and tag not in SILENT:
                self._close(tag)
            if event != "start":
                self._words.append(element.tail or "")
        self._flush()
        return self._sections

    def _open(self, tag: str) -> None:
        if tag in CELLS and " ".join(self._words).strip():
            self._words.append(" — ")
        elif tag not in INLINE and tag not in CELLS:
            self._flush()

    def _close(self, tag: str) -> None:
        if tag in HEADINGS:
            self._sections.heading(self._taken(), HEADINGS[tag])
        elif tag not in INLINE and tag not in CELLS:
            self._flush()

    def _flush(self) -> None:
        self._sections.paragraph(self._taken())

    def _taken(self) -> str:
        text = " ".join("".join(self._words).split())
        self._words.clear()
        return text
