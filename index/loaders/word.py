"""Word documents, read by python-docx: paragraphs under their headings, tables by their rows."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from index.errors import PaperError
from index.loaders.archive import check_size
from index.loaders.sections import Sections
from index.paper import Loaded

if TYPE_CHECKING:
    from docx.document import Document
    from docx.oxml.text.paragraph import CT_P
    from docx.table import Table
    from docx.text.paragraph import Paragraph

# what python-docx says of a document without properties
UNTITLED = "Word Document"
HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
CONTENTS = re.compile(r"toc ", re.IGNORECASE)
# words and what parts them, also in text boxes and in what was inserted while changes were tracked; deleted words
# have an element of their own, and a fallback repeats what stands before it
WORDS = "|".join(
    f".//w:{name}[not(ancestor::*[local-name()='Fallback'])]" for name in ("t", "tab", "br", "cr", "noBreakHyphen")
)
SIGNS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def load(data: bytes, name: str) -> Loaded:
    from docx.table import Table
    from lxml import etree  # type: ignore[import-untyped]

    try:
        check_size(data)
        document = _opened(data)
        sections = Sections()
        for block in _blocks(document):
            if isinstance(block, Table):
                for row in _rows(block):
                    sections.paragraph(row)
            else:
                _add(sections, block)
        title = " ".join((document.core_properties.title or "").split())
        loaded = sections.loaded()
    except (zipfile.BadZipFile, etree.XMLSyntaxError, KeyError, ValueError) as error:
        raise PaperError(f"it cannot be read as Word ({' '.join(str(error).split())[:200]})") from None
    return loaded if loaded.title or title in ("", UNTITLED) else replace(loaded, title=title)


def _opened(data: bytes) -> Document:
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    try:
        return docx.Document(io.BytesIO(data))
    except PackageNotFoundError as error:
        raise ValueError(str(error)) from None


def _blocks(document: Document) -> Iterator[Paragraph | Table]:
    """Paragraphs and tables in order, those in content controls with them."""
    from docx.oxml.ns import qn
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    waiting = list(reversed(document.element.body))
    while waiting:
        element = waiting.pop()
        if element.tag == qn("w:p"):
            yield Paragraph(element, document)
        elif element.tag == qn("w:tbl"):
            yield Table(element, document)
        elif element.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins")):
            waiting += reversed(element)


def _add(sections: Sections, paragraph: Paragraph) -> None:
    style = (paragraph.style.name if paragraph.style else None) or ""
    text = _text(paragraph._p)
    level = HEADING.match(style)
    if level or style.casefold() == "title":
        sections.heading(" ".join(text.split()), int(level[1]) if level else 1)
    elif not CONTENTS.match(style):
        sections.paragraph(text)


def _text(paragraph: CT_P) -> str:
    return "".join(SIGNS.get(node.tag.rpartition("}")[2], "") or node.text or "" for node in paragraph.xpath(WORDS))


def _rows(table: Table) -> Iterator[str]:
    """One row a line; a cell that runs over several columns stands once."""
    for row in table.rows:
        cells = dict.fromkeys(cell._tc for cell in row.cells)
        texts = (" ".join(" ".join(map(_text, cell.p_lst)).split()) for cell in cells)
        yield " — ".join(text for text in texts if text)
