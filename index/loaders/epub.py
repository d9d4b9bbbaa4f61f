"""E-books (EPUB 2 and 3): a zip archive of pages, read in the order of its spine, each chapter by its name.

No library of a fitting licence reads them: ebooklib is AGPL. The format is a zip, two small XML files and pages.
"""

from __future__ import annotations

import html
import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from index.errors import PaperError
from index.loaders.archive import check_size
from index.loaders.charset import decode
from index.loaders.html import PageReader, Part, parsed
from index.paper import Loaded, TextBuilder

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lxml.html import HtmlElement  # type: ignore[import-untyped]

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
MOST_PAGES = 5000
PAGES = frozenset({"application/xhtml+xml", "text/html", "application/xml", "text/xml"})
ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
# a chapter that is named by its number alone, and the word that people say before it
NUMBERED = re.compile(r"(?P<word>(?:chapter|part|book)\b)?\W*(?P<number>\d{1,3}|[ivxlc]+)\W*", re.IGNORECASE)


@dataclass
class Book:
    """A book's package: its title, its pages in order, and the names the table of contents has for each of them."""

    title: str | None
    pages: list[str]
    names: dict[str, list[str]] = field(default_factory=dict)


def load(data: bytes, name: str) -> Loaded:
    try:
        check_size(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            book = _book(archive)
            locked = _locked(archive)
            if locked & set(book.pages):
                raise PaperError("its pages are encrypted (DRM); put in the book without its protection")
            return _read(book, ((page, _parts(archive.read(page))) for page in book.pages))
    # zipfile: a password, a method of packing that it does not know, or a damaged member
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise PaperError(f"it cannot be read as EPUB ({' '.join(str(error).split())[:200]})") from None


def _read(book: Book, pages: Iterable[tuple[str, list[Part]]]) -> Loaded:
    """Chapters and their paragraphs; a paragraph's place is its chapter and its number in it."""
    builder = TextBuilder()
    chapter: str | None = None
    heading: str | None = None
    number = chapters = paragraphs = 0
    for page, parts in pages:
        names = book.names.get(page, [])
        # a page that the table of contents passes over goes on with the chapter before it
        for kind, text in _told(parts, names, bool(names) or not book.names or chapter is None):
            if kind == "chapter":
                chapter, heading, number = text, text, 0
                chapters += 1
                builder.add(text, text, heading=text)
            elif kind == "heading":
                heading = text
                builder.add(text, chapter or text, heading=text)
            else:
                number += 1
                paragraphs += 1
                place = f"{chapter}, paragraph {number}" if chapter else f"paragraph {number}"
                builder.add(text, place, heading=heading)
    counts = {"chapters": chapters, "paragraphs": paragraphs}
    return Loaded(builder.text, tuple(builder.blocks), book.title, "book", counts)


def _told(parts: list[Part], names: list[str], begins: bool) -> Iterator[tuple[str, str]]:
    """Chapters, headings and paragraphs of a page, in order.

    `names` is what the table of contents has for the page; where the page `begins` a chapter the headings before its
    first paragraph are its name, and so is every later heading that the table of contents names.
    """
    lead = next((at for at, (level, _) in enumerate(parts) if not level), len(parts)) if begins else 0
    opening = [text for _, text in parts[:lead]]
    name = _name(names[0] if names else None, opening)
    if name:
        yield "chapter", name
    yield from (("heading", text) for text in opening if not _holds(name or "", text) and not NUMBERED.fullmatch(text))
    listed = {_folded(text) for text in names[1:]}
    for level, text in parts[lead:]:
        if level and _folded(text) in listed:
            yield "chapter", _name(text, []) or text
        else:
            yield ("heading" if level else "paragraph"), text


def _name(listed: str | None, opening: list[str]) -> str | None:
    """A chapter's name, Chapter 3: The Harbour, by the table of contents and the headings that the page begins with."""
    texts = [*([listed] if listed else []), *opening]
    number = next(filter(None, map(NUMBERED.fullmatch, texts)), None)
    worded = [text for text in texts if not NUMBERED.fullmatch(text)]
    full = next((text for text in worded[1:] if _holds(text, worded[0])), worded[0]) if worded else ""
    if not number:
        return full or None
    counted = f"{(number['word'] or 'Chapter').capitalize()} {number['number']}"
    if not full or _folded(full).startswith(_folded(counted)):
        return full or counted
    return f"{counted}: {full}"


def _holds(text: str, part: str) -> bool:
    return f" {_folded(part)} " in f" {_folded(text)} "


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _book(archive: zipfile.ZipFile) -> Book:
    container = _xml(archive, CONTAINER)
    package = next((_attribute(element, "full-path") for element in _all(container, "rootfile")), "")
    root = _xml(archive, package)
    folder = posixpath.dirname(package)
    items = {_attribute(item, "id"): item for item in _all(root, "item")}
    spine = [items[key] for key in (_attribute(ref, "idref") for ref in _all(root, "itemref")) if key in items]
    if len(spine) > MOST_PAGES:
        raise PaperError(f"it has {len(spine):,} pages, and a book may have {MOST_PAGES:,}; split it or leave it out")
    contents = [item for item in items.values() if "nav" in _attribute(item, "properties").split()]
    listed = contents or [item for item in items.values() if _attribute(item, "media-type").endswith("ncx+xml")]
    pages = [
        _path(folder, _attribute(item, "href"))
        for item in spine
        if _attribute(item, "media-type") in PAGES and item not in contents
    ]
    title = next((" ".join("".join(element.itertext()).split()) for element in _all(root, "title")), "")
    book = Book(title or None, pages)
    for item in listed[:1]:
        path = _path(folder, _attribute(item, "href"))
        read = _navigation if contents else _ncx
        for href, name in read(archive, path):
            book.names.setdefault(_path(posixpath.dirname(path), href), []).append(name)
    return book


def _navigation(archive: zipfile.ZipFile, path: str) -> Iterator[tuple[str, str]]:
    """Where the table of contents of an EPUB 3 leads, and under which name."""
    for block in _page(archive.read(path)).iter("nav"):
        kinds = {value for key, value in block.attrib.items() if key.rpartition("}")[2].rpartition(":")[2] == "type"}
        if not kinds or "toc" in kinds:
            for link in block.iter("a"):
                name = " ".join("".join(link.itertext()).split())
                if name and link.get("href"):
                    yield link.get("href"), name


def _ncx(archive: zipfile.ZipFile, path: str) -> Iterator[tuple[str, str]]:
    """The same of an EPUB 2."""
    for point in _all(_xml(archive, path), "navPoint"):
        name = next((" ".join("".join(label.itertext()).split()) for label in _all(point, "navLabel")), "")
        href = next((_attribute(content, "src") for content in _all(point, "content")), "")
        if name and href:
            yield href, name


def _locked(archive: zipfile.ZipFile) -> set[str]:
    """Files that are encrypted; fonts may be, in a book that everyone can read."""
    if ENCRYPTION not in archive.namelist():
        return set()
    return {_path("", _attribute(element, "URI")) for element in _all(_xml(archive, ENCRYPTION), "CipherReference")}


def _parts(data: bytes) -> list[Part]:
    return PageReader().read(_page(data))


def _page(data: bytes) -> HtmlElement:
    """The root of a page: XML as the standard wants it, without its name space, or HTML where it is not well formed."""
    from lxml import etree  # type: ignore[import-untyped]

    source = decode(data)
    # XML knows five names of characters, and the pages of a book use those of HTML
    named = ENTITY.sub(lambda found: found[0] if found[1] in XML_ENTITIES else html.unescape(found[0]), source)
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(named.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        return parsed(source)
    for element in root.iter(etree.Element):
        element.tag = etree.QName(element).localname.lower()
    return root


def _xml(archive: zipfile.ZipFile, path: str) -> Element:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
    from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

    try:
        root: Element = fromstring(archive.read(path))
    except DefusedXmlException as error:
        raise PaperError(f"its {path} defines entities, which no book needs ({type(error).__name__})") from None
    except (ParseError, ValueError, LookupError) as error:
        raise PaperError(f"it cannot be read as EPUB (its {path or CONTAINER}: {error})") from None
    return root


def _all(root: Element, name: str) -> Iterator[Element]:
    """Elements by their name, whatever name space the book's program gave them."""
    return (element for element in root.iter() if isinstance(element.tag, str) and _local(element.tag) == name)


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if _local(key) == name), "")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _path(folder: str, href: str) -> str:
    """The name in the archive that a link from a file in `folder` leads to."""
    return posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0]))).lstrip("/")
