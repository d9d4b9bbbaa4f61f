"""Word: headings, tables, controls, tracked changes, and packages that are no papers."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from index.errors import PaperError
from index.film import Film, PaperMeta
from index.load import finish, load_folder, parse
from index.paper import Loaded

CONTROL = "<w:sdt {}><w:sdtContent><w:p><w:r><w:t>In a control.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
TRACKED = (
    "<w:p {}><w:r><w:t xml:space='preserve'>The lamp </w:t></w:r><w:del w:id='1' w:author='a'><w:r><w:delText>is lit"
    "</w:delText></w:r></w:del><w:ins w:id='2' w:author='a'><w:r><w:t>goes</w:t><w:br/><w:t>out.</w:t></w:r></w:ins>"
    "</w:p>"
)


@pytest.fixture(scope="module")
def kit() -> bytes:
    document = Document()
    document.core_properties.title = "Document 1"
    document.add_heading("The Salt Lantern", 0)
    document.add_heading("Cast", 1)
    table = document.add_table(2, 3)
    for cell, text in zip(
        (*table.rows[0].cells, *table.rows[1].cells), ("Role", "Actor", "", "Ilse", "", "x"), strict=True
    ):
        cell.text = text
    table.cell(1, 1).merge(table.cell(1, 2)).text = "Runa Dahl"
    document.add_heading("The ending", 2)
    document.add_paragraph("The lamp goes out.")
    for xml in (CONTROL, TRACKED):
        document.element.body.insert(-1, parse_xml(xml.format(nsdecls("w"))))
    return packed(document)


def packed(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def rows(loaded: Loaded) -> list[tuple[str, str]]:
    return [(block.place, loaded.text[block.start : block.end]) for block in loaded.blocks]


def test_a_document(kit: bytes) -> None:
    loaded = parse(kit, "notes.docx")
    assert loaded.title == "The Salt Lantern"
    assert rows(loaded) == [
        ("The Salt Lantern", "The Salt Lantern"),
        ("Cast", "Cast"),
        ("Cast, paragraph 1", "Role — Actor"),
        ("Cast, paragraph 2", "Ilse — Runa Dahl"),
        ("The ending", "The ending"),
        ("The ending, paragraph 1", "The lamp goes out."),
        ("The ending, paragraph 2", "In a control."),
        ("The ending, paragraph 3", "The lamp goes\nout."),
    ]
    assert loaded.counts == {"paragraphs": 5, "headings": 3}


def test_titles() -> None:
    document = Document()
    document.add_paragraph("The keeper waits.")
    for said, title in (("Notes on the film", "Notes on the film"), ("", None), ("Word Document", None)):
        document.core_properties.title = said
        assert parse(packed(document), "notes.docx").title == title


def test_headings_hide_what_stands_under_them(kit: bytes) -> None:
    paper = finish(parse(kit, "notes.docx"), "notes.docx", PaperMeta(spoiler=["The ending"]), "")
    assert [block.spoiler for block in paper.blocks] == [False] * 4 + [True] * 4


def test_content_tells_more_than_the_suffix(kit: bytes) -> None:
    assert rows(parse(kit, "notes.txt")) == rows(parse(kit, "notes.docx"))
    assert parse(b"Words in a text file.", "notes.docx").text == "Words in a text file."
    with pytest.raises(PaperError, match=r"\.docx"):
        parse(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "notes.doc")


def test_bad_packages_stop_no_other_paper(kit: bytes, tmp_path: Path) -> None:
    (tmp_path / "good.docx").write_bytes(kit)
    (tmp_path / "cut.docx").write_bytes(kit[: len(kit) // 2])
    (tmp_path / "bomb.docx").write_bytes(changed(kit, "word/document.xml", b"<a>" + b" " * (70 * 2**20)))
    (tmp_path / "broken.docx").write_bytes(changed(kit, "word/document.xml", b"<w:document"))
    (tmp_path / "none.docx").write_bytes(changed(kit, "[Content_Types].xml", None))
    (tmp_path / "empty.docx").write_bytes(packed(Document()))
    with zipfile.ZipFile(tmp_path / "archive.docx", "w") as archive:
        archive.writestr("song.mp3", b"ID3")
    papers, skipped = load_folder(tmp_path, Film())
    reasons = {left.name: left.reason for left in skipped}
    assert [paper.name for paper in papers] == ["good.docx"]
    assert set(reasons) == {"cut.docx", "bomb.docx", "broken.docx", "none.docx", "empty.docx", "archive.docx"}
    assert "zip bomb" in reasons["bomb.docx"] and "no words" in reasons["empty.docx"]
    assert all("Word" in reasons[name] for name in ("cut.docx", "broken.docx", "none.docx", "archive.docx"))


def changed(package: bytes, name: str, content: bytes | None) -> bytes:
    """The package with one of its files replaced, or left out for None."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for file in old.infolist():
            if file.filename != name:
                new.writestr(file, old.read(file))
        if content is not None:
            new.writestr(name, content)
    return out.getvalue()
