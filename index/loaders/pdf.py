"""PDF, read by pypdf: pages by the numbers printed on them, without what is printed on every page."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from index.errors import PaperError
from index.loaders import layout
from index.loaders.layout import Line
from index.paper import Loaded, TextBuilder

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

MOST_PAGES = 2000
EDGE_LINES = 2
ENOUGH_PAGES = 3
NUMBER = re.compile(r"\d+")
# titles that programs make up
USELESS = re.compile(r"|untitled.*|microsoft .* - .*|.*\.\w{2,5}", re.IGNORECASE)
BOLD = re.compile(r"bold|black|heavy", re.IGNORECASE)


def load(data: bytes, name: str) -> Loaded:
    from pypdf.errors import PyPdfError

    try:
        reader = _opened(data)
        labels = list(reader.page_labels)
        pages = [layout.ordered(layout.rows(_pieces(page))) for page in reader.pages]
        title = reader.metadata.title if reader.metadata else None
    except PyPdfError as error:
        raise PaperError(f"it cannot be read as PDF ({' '.join(str(error).split())[:200]})") from None
    empty = sum(not page for page in pages)
    if empty == len(pages):
        raise PaperError(
            f"its {len(pages)} pages are pictures without any text, as a scanner makes them; "
            "run text recognition (OCR) over it and put in what that gives"
        )
    text = _text(_without_edges(pages, labels), labels)
    counts = {"pages": len(pages), "pages without text": empty}
    said = " ".join(str(title or "").split())
    usable = None if USELESS.fullmatch(said) else said
    return Loaded(text.text, tuple(text.blocks), usable, None, {key: n for key, n in counts.items() if n})


def _opened(data: bytes) -> PdfReader:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError

    locked = "it is encrypted; save it without a password and without protection"
    reader = PdfReader(io.BytesIO(data))
    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise PaperError(locked)
        pages = len(reader.pages)
    except (DependencyError, FileNotDecryptedError):
        raise PaperError(locked) from None
    if not pages:
        raise PaperError("it has no pages")
    if pages > MOST_PAGES:
        raise PaperError(f"it has {pages:,} pages, and a paper may have {MOST_PAGES:,}; split it or leave it out")
    return reader


def _pieces(page: PageObject) -> list[Line]:
    """What the page draws, piece by piece, with its place."""
    pieces: list[Line] = []

    def visit(text: str, cm: list[float], tm: list[float], font: dict[str, Any] | None, size: float) -> None:
        if not text.strip():
            if pieces and text == " ":
                last = pieces[-1]
                pieces[-1] = Line(last.x, last.y, last.size, last.text + " ", last.bold)
            return
        x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
        y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        # letters are as high as the font's size says, stretched by both matrices
        height = abs(size * (tm[3] or tm[1]) * (cm[3] or cm[1])) or 1.0
        bold = bool(BOLD.search(str((font or {}).get("/BaseFont", ""))))
        for number, line in enumerate(text.replace("\0", "").strip("\n").split("\n")):
            pieces.append(Line(x, y - number * 1.2 * height, height, line, bold))

    page.extract_text(visitor_text=visit, orientations=(0,))
    return pieces


def _without_edges(pages: Sequence[Sequence[Line]], labels: Sequence[str]) -> list[list[Line]]:
    """The pages without their numbers and without the first and last lines that most pages share."""
    shared: Counter[str] = Counter()
    for page in pages:
        shared.update({_masked(page[number].text) for number in _edges(page)})
    often = max(ENOUGH_PAGES, 0.1 * len(pages))
    kept = []
    for page, label in zip(pages, labels, strict=True):
        drop = set()
        for number in _edges(page):
            text = page[number].text
            if text.strip(" -–—·|.") == label or shared[_masked(text)] >= often:
                drop.add(number)
        kept.append([line for number, line in enumerate(page) if number not in drop])
    return kept


def _edges(page: Sequence[Line]) -> list[int]:
    order = sorted(range(len(page)), key=lambda number: page[number].y)
    return [*order[:EDGE_LINES], *order[EDGE_LINES:][-EDGE_LINES:]]


def _masked(text: str) -> str:
    return NUMBER.sub("#", text.casefold())


def _text(pages: Sequence[Sequence[Line]], labels: Sequence[str]) -> TextBuilder:
    lines = [line for page in pages for line in page]
    body, known = layout.body_size(lines), layout.words(lines)
    builder = TextBuilder()
    heading = None
    for text, place, is_heading in _over_pages(pages, labels, body, known):
        if is_heading:
            heading = text
        builder.add(text, place, heading=heading)
    return builder


def _over_pages(
    pages: Sequence[Sequence[Line]], labels: Sequence[str], body: float, known: frozenset[str]
) -> Iterator[tuple[str, str, bool]]:
    """Paragraphs with their pages; a sentence that goes on over the page is one paragraph of both pages."""
    held: tuple[str, str, str] | None = None
    for page, label in zip(pages, labels, strict=True):
        for number, paragraph in enumerate(layout.paragraphs(page, body, known)):
            if held and not number and not paragraph.heading and layout.runs_on(held[0], paragraph.text):
                held = layout.join(held[0], paragraph.text, known), held[1], label
                continue
            if held:
                yield held[0], _place(held[1], held[2]), False
                held = None
            if paragraph.heading:
                yield paragraph.text, _place(label, label), True
            else:
                held = paragraph.text, label, label
    if held:
        yield held[0], _place(held[1], held[2]), False


def _place(first: str, last: str) -> str:
    return f"p. {first}" if first == last else f"pp. {first}–{last}"
