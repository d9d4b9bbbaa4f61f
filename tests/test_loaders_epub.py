"""E-books: chapters by their names, pages in order, and archives that are no papers."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import PaperError
from index.film import Film, PaperMeta
from index.load import finish, load_folder, parse
from index.paper import Loaded

CONTAINER = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="{}"/>'
CONTAINER += "</rootfiles></container>"
ENCRYPTION = '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData><CipherData>'
ENCRYPTION += '<CipherReference URI="{}"/></CipherData></EncryptedData></encryption>'
NCX = '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{}</navMap></ncx>'
POINT = "<navPoint><navLabel><text>{}</text></navLabel><content src='{}'/>{}</navPoint>"
ONE = "<h1>I</h1><h2>The Ferry</h2><p>He rowed&nbsp;out.</p>"
TWO = "<p>He came back.</p><h2>Later</h2><p>It snowed.</p>"


def book(
    pages: dict[str, str],
    toc: dict[str, str] | None = None,
    ncx: str | None = None,
    extra: dict[str, str] | None = None,
) -> bytes:
    """An EPUB with these pages in this order; `toc` is its table of contents (EPUB 3), `ncx` that of an EPUB 2."""
    items = "".join(
        f'<item id="p{number}" href="{name}" media-type="application/xhtml+xml"/>' for number, name in enumerate(pages)
    )
    files = {"META-INF/container.xml": CONTAINER.format("OPS/a.opf")}
    if toc is not None:
        items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        links = "".join(f'<li><a href="{href}">{name}</a></li>' for href, name in toc.items())
        files["OPS/nav.xhtml"] = page(
            f'<nav epub:type="landmarks"><a href="x">No</a></nav><nav epub:type="toc">{links}</nav>'
        )
    if ncx is not None:
        items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        files["OPS/toc.ncx"] = NCX.format(ncx)
    spine = "".join(f'<itemref idref="p{number}"/>' for number in range(len(pages)))
    files["OPS/a.opf"] = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>The Novel</dc:title></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    files |= {f"OPS/{name}": page(body) for name, body in pages.items()} | (extra or {})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def page(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title/></head><body>{body}</body></html>'
    )


def rows(loaded: Loaded) -> list[tuple[str, str]]:
    return [(block.place, loaded.text[block.start : block.end]) for block in loaded.blocks]


def test_chapters_and_their_paragraphs() -> None:
    loaded = parse(book({"1.xhtml": ONE, "2.xhtml": TWO}, {"1.xhtml": "The Ferry", "2.xhtml": "II"}), "a.epub")
    assert (loaded.title, loaded.kind) == ("The Novel", "book")
    assert rows(loaded) == [
        ("Chapter I: The Ferry", "Chapter I: The Ferry"),
        ("Chapter I: The Ferry, paragraph 1", "He rowed out."),
        ("Chapter II", "Chapter II"),
        ("Chapter II, paragraph 1", "He came back."),
        ("Chapter II", "Later"),
        ("Chapter II, paragraph 2", "It snowed."),
    ]
    assert loaded.counts == {"chapters": 2, "paragraphs": 3}
    assert loaded.blocks[-1].heading == "Later"


@pytest.mark.parametrize(
    ("listed", "body", "name"),
    [
        (None, "<h1>Chapter 3: The Harbour</h1>", "Chapter 3: The Harbour"),
        (None, "<h1>Chapter 3</h1><h2>The Harbour</h2>", "Chapter 3: The Harbour"),
        (None, "<h2>3.</h2>", "Chapter 3"),
        (None, "<h1>Part two</h1>", "Part two"),
        (None, "<h1>PART II</h1><h2>Snow</h2>", "Part II: Snow"),
        (None, "<h1>The Harbour</h1>", "The Harbour"),
        ("The Harbour", "", "The Harbour"),
        ("3", "<h1>The Harbour</h1>", "Chapter 3: The Harbour"),
        ("Chapter 3", "<h1>Chapter 3: The Harbour</h1>", "Chapter 3: The Harbour"),
        ("The Harbour", "<h1>Chapter 3: The Harbour</h1>", "Chapter 3: The Harbour"),
        ("3. The Harbour", "<h1>The Harbour</h1>", "3. The Harbour"),
    ],
)
def test_names_of_chapters(listed: str | None, body: str, name: str) -> None:
    toc = {"1.xhtml": listed} if listed else None
    loaded = parse(book({"1.xhtml": f"{body}<p>Words.</p>"}, toc), "a.epub")
    assert [place for place, _ in rows(loaded)] == [name, f"{name}, paragraph 1"]


def test_headings_that_are_no_name_are_kept() -> None:
    loaded = parse(book({"1.xhtml": "<h1>The Novel</h1><h2>by Ada Lindqvist</h2><p>Words.</p>"}), "a.epub")
    assert [text for _, text in rows(loaded)] == ["The Novel", "by Ada Lindqvist", "Words."]


def test_older_books_and_many_chapters_on_a_page() -> None:
    points = POINT.format("One", "1.xhtml#a", POINT.format("Two", "1.xhtml#b", "")) + POINT.format("III", "3.xhtml", "")
    pages = {
        "1.xhtml": "<h2 id='a'>One</h2><p>A.</p><h2 id='b'>Two</h2><p>B.</p><h3>Inside</h3><p>C.</p>",
        "2.xhtml": "<h3>Still inside</h3><p>D.</p>",
        "3.xhtml": "<p>E.</p>",
    }
    loaded = parse(book(pages, ncx=points), "a.epub")
    assert [row for row in rows(loaded) if "paragraph" in row[0]] == [
        ("One, paragraph 1", "A."),
        ("Two, paragraph 1", "B."),
        ("Two, paragraph 2", "C."),
        ("Two, paragraph 3", "D."),
        ("Chapter III, paragraph 1", "E."),
    ]


def test_a_book_without_any_heading() -> None:
    assert rows(parse(book({"1.xhtml": "<p>A.</p>", "2.xhtml": "<p>B.</p>"}), "a.epub")) == [
        ("paragraph 1", "A."),
        ("paragraph 2", "B."),
    ]


def test_pages_that_are_not_well_formed() -> None:
    loaded = parse(book({"1.xhtml": "<p>A <b>lamp<p>and &copy; a <br>boat & <unknown>oar"}), "a.epub")
    assert " ".join(text for _, text in rows(loaded)) == "A lamp and © a boat & oar"


def test_chapters_hide_what_stands_in_them() -> None:
    loaded = parse(book({"1.xhtml": ONE, "2.xhtml": TWO}, {"1.xhtml": "1", "2.xhtml": "2"}), "a.epub")
    for rule in ("Chapter 2", "chapters 2-9", "Chapter 2, paragraph 1"):
        paper = finish(loaded, "a.epub", PaperMeta(spoiler=[rule]), "")
        assert not paper.warnings and not any(block.spoiler for block in paper.blocks[:2])
        assert any(block.spoiler for block in paper.blocks[2:])
    assert all(block.spoiler for block in finish(loaded, "a.epub", PaperMeta(spoiler=["Chapter 2"]), "").blocks[2:])


def test_content_tells_more_than_the_suffix() -> None:
    data = book({"1.xhtml": ONE})
    assert rows(parse(data, "a.zip")) == rows(parse(data, "a.docx")) == rows(parse(data, "a.epub"))
    assert parse(b"Words in a text file.", "a.epub").text == "Words in a text file."


def test_fonts_may_be_encrypted_and_pages_not() -> None:
    locked = {"META-INF/encryption.xml": ENCRYPTION.format("OPS/a%20font.otf"), "OPS/a font.otf": "x"}
    assert parse(book({"1.xhtml": ONE}, extra=locked), "a.epub").blocks
    locked["META-INF/encryption.xml"] = ENCRYPTION.format("OPS/1.xhtml")
    with pytest.raises(PaperError, match="DRM"):
        parse(book({"1.xhtml": ONE}, extra=locked), "a.epub")


def test_bad_books_stop_no_other_paper(tmp_path: Path) -> None:
    good = book({"1.xhtml": ONE})
    middle = len(good) // 2
    bombs = {
        "bomb.epub": {"OPS/1.xhtml": page("<p>" + " " * (70 * 2**20))},
        "entities.epub": {"OPS/a.opf": '<!DOCTYPE a [<!ENTITY b "c">]><package>&b;</package>'},
        "malformed.epub": {"OPS/a.opf": "<package>"},
        "nowhere.epub": {"META-INF/container.xml": CONTAINER.format("OPS/none.opf")},
        "outside.epub": {"META-INF/container.xml": CONTAINER.format("../../../../etc/passwd")},
        "missing.epub": {"OPS/a.opf": good_package("gone.xhtml")},
        "silent.epub": {"OPS/1.xhtml": page("<img src='scan.png'/>")},
    }
    for name, extra in bombs.items():
        (tmp_path / name).write_bytes(book({"1.xhtml": ONE}, extra=extra))
    (tmp_path / "cut.epub").write_bytes(good[:middle])
    (tmp_path / "damaged.epub").write_bytes(good[:middle] + b"\0" * 40 + good[middle + 40 :])
    (tmp_path / "good.epub").write_bytes(good)
    papers, skipped = load_folder(tmp_path, Film())
    reasons = {left.name: left.reason for left in skipped}
    assert [paper.name for paper in papers] == ["good.epub"]
    assert set(reasons) == {*bombs, "cut.epub", "damaged.epub"}
    assert "zip bomb" in reasons["bomb.epub"] and "entities" in reasons["entities.epub"]
    assert "gone.xhtml" in reasons["missing.epub"] and "no words" in reasons["silent.epub"]
    assert all("EPUB" in reasons[name] for name in ("malformed.epub", "nowhere.epub", "outside.epub", "cut.epub"))


def good_package(href: str) -> str:
    return (
        f'<package><manifest><item id="a" href="{href}" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/></spine></package>'
    )


TAGS = ["<h1>", "</h1>", "<h2>3</h2>", "<p>", "</p>", "&nbsp;", "a ", "<br/>", "<h3>b</h3>"]
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(TAGS) | NAMES, max_size=12), max_size=3), st.lists(NAMES, max_size=3))
def test_any_pages_are_a_paper_or_a_reason(bodies: list[list[str]], names: list[str]) -> None:
    from html import escape

    pages = {f"{number}.xhtml": "".join(parts) for number, parts in enumerate(bodies)}
    toc = {f"{number}.xhtml": escape(name) for number, name in enumerate(names)}
    try:
        loaded = parse(book(pages, toc), "a.epub")
    except PaperError as reason:
        assert str(reason)
        return
    at = 0
    for block in loaded.blocks:
        assert at <= block.start < block.end <= len(loaded.text)
        assert block.place.strip() and loaded.text[block.start : block.end].strip()
        at = block.end
