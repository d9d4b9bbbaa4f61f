"""PDF: pages as printed, columns, broken words, what stands on every page, and files that are no papers."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from index.errors import PaperError
from index.film import Film, PaperMeta
from index.load import finish, load_folder, parse
from index.loaders import layout
from index.loaders.layout import Line
from index.paper import Loaded
from tests.pdf import HEADER, lines, pdf

LEFT = (
    "The keeper came down from the lamp the",
    "first time in a year and spoke of the light-",
    "house as if it were a child. Nobody in the",
    "co-production knew why she did.",
)
RIGHT = (
    "The boy had come by boat and did not re-",
    "member his name. The co-",
    "production paid for his coat, and for the",
    "boots, and for the dog as well.",
)
TEXTS = (
    "The keeper came down from the lamp the first time in a year and spoke of the lighthouse as if it were a child. "
    "Nobody in the co-production knew why she did.",
    "The boy had come by boat and did not remember his name. The co-production paid for his coat, and for the boots, "
    "and for the dog as well.",
)
ROMAN = "/PageLabels << /Nums [0 << /S /r /St 4 >> 2 << /S /D /P (A-) >>] >>"


def read(*pages: str, catalog: str = "", info: str = "", name: str = "kit.pdf") -> Loaded:
    return parse(pdf(pages, catalog, info), name)


def texts(loaded: Loaded) -> list[str]:
    return [loaded.text[block.start : block.end] for block in loaded.blocks]


def test_columns_drawn_one_after_the_other() -> None:
    assert texts(read(lines(72, 700, *LEFT) + lines(330, 700, *RIGHT))) == list(TEXTS)


def test_columns_drawn_in_turns_under_a_title() -> None:
    page = lines(72, 740, "The Salt Lantern, a film by Mira Kessel", size=18)
    for number, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
        page += lines(72, 700 - 12 * number, left) + lines(330, 700 - 12 * number, right)
    loaded = read(page)
    assert texts(loaded) == ["The Salt Lantern, a film by Mira Kessel", *TEXTS]
    assert {block.heading for block in loaded.blocks} == {"The Salt Lantern, a film by Mira Kessel"}


def test_a_table_is_read_by_its_rows() -> None:
    cast = (("Ilse", "Runa Dahl"), ("The boy", "Peder Holm"), ("Harbour master", "Sanna Ek"))
    page = lines(72, 740, "Cast", font="F2")
    for number, row in enumerate(cast):
        page += "".join(lines(72 + 200 * cell, 700 - 12 * number, text) for cell, text in enumerate(row))
    assert texts(read(page)) == ["Cast", *(" — ".join(row) for row in cast)]


def test_pages_as_printed() -> None:
    loaded = read(*(lines(72, 700, f"This is page {word}.") for word in ("one", "two", "three")), catalog=ROMAN)
    assert [block.place for block in loaded.blocks] == ["p. iv", "p. v", "p. A-1"]
    assert loaded.counts == {"pages": 3}
    plain = read(lines(72, 700, "One."), lines(72, 700, "Two."))
    assert [block.place for block in plain.blocks] == ["p. 1", "p. 2"]


def test_a_sentence_that_goes_on_over_the_page() -> None:
    loaded = read(lines(72, 700, "The lamp went"), lines(72, 700, "out at four."), lines(72, 700, "It was cold."))
    assert [(block.place, text) for block, text in zip(loaded.blocks, texts(loaded), strict=True)] == [
        ("pp. 1–2", "The lamp went out at four."),
        ("p. 3", "It was cold."),
    ]


def test_what_stands_on_every_page_is_left_out() -> None:
    pages = [
        lines(72, 770, "The Salt Lantern / press kit")
        + lines(72, 700, f"Fact {word} is in here.", f"It is {word}.")
        + lines(300, 30, str(n))
        for n, word in enumerate(("one", "two", "three", "four"), start=1)
    ]
    loaded = read(*pages)
    assert "press kit" not in loaded.text
    assert not any(text.isdigit() for text in texts(loaded))
    assert loaded.text.count("is in here.") == 4


def test_headings() -> None:
    page = lines(72, 740, "Production notes", size=16) + lines(72, 700, "It was cold in the harbour that year.")
    page += lines(72, 660, "The director", font="F2") + lines(72, 640, "Mira Kessel was born in 1984.")
    loaded = read(page, info="/Title (Press kit)")
    assert loaded.title == "Press kit"
    for made_up in ("Microsoft Word - kit", "kit_final.indd", "Untitled 3"):
        assert read(page, info=f"/Title ({made_up})").title is None
    assert [block.heading for block in loaded.blocks] == ["Production notes"] * 2 + ["The director"] * 2


def test_pages_hide_what_stands_on_them() -> None:
    words = ("One is first.", "Two is next and", "goes on here.", "Four is last.")
    loaded = read(*(lines(72, 700, word) for word in words))
    paper = finish(loaded, "kit.pdf", PaperMeta(spoiler=["p. 3"]), "")
    assert [paper.text[block.start : block.end] for block in paper.blocks if block.spoiler] == [
        "Two is next and goes on here."
    ]


def test_content_tells_more_than_the_suffix() -> None:
    data = pdf([lines(72, 700, "Words.")])
    assert texts(parse(data, "kit.txt")) == texts(parse(b"\x00junk\n" + data, "kit.pdf")) == ["Words."]
    assert texts(parse(b"Words in a text file.", "kit.pdf")) == ["Words in a text file."]


def test_a_scan() -> None:
    with pytest.raises(PaperError, match=r"2 pages are pictures without any text.*OCR"):
        read("0 0 100 100 re f", "")
    assert read("0 0 100 100 re f", lines(72, 700, "Words.")).counts == {"pages": 2, "pages without text": 1}


@pytest.mark.parametrize("algorithm", ["RC4-128", "RC4-40"])
def test_encrypted(algorithm: str) -> None:
    def locked(password: str) -> bytes:
        writer = PdfWriter(clone_from=io.BytesIO(pdf([lines(72, 700, "Secret words.")])))
        writer.encrypt(password, "owner", algorithm=algorithm)
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    with pytest.raises(PaperError, match="encrypted"):
        parse(locked("harbour"), "kit.pdf")
    # protected against changes only: everyone may read it
    assert texts(parse(locked(""), "kit.pdf")) == ["Secret words."]


def test_too_many_pages() -> None:
    data = pdf([""] * 2001)
    with pytest.raises(PaperError, match="2,001 pages"):
        parse(data, "kit.pdf")


def test_bad_pdfs_stop_no_other_paper(tmp_path: Path) -> None:
    whole = pdf([lines(72, 700, "The keeper waits.")])
    bomb = zlib.compress(b"0 0 m " * 14_000_000, 1)
    stream = b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(bomb) + bomb + b"\nendstream"
    start = whole.index(b"6 0 obj\n") + 8
    end = whole.index(b"endobj", start)
    (tmp_path / "bomb.pdf").write_bytes(whole[:start] + stream + b"\n" + whole[end:])
    (tmp_path / "cut.pdf").write_bytes(whole[:300])
    (tmp_path / "head.pdf").write_bytes(HEADER)
    (tmp_path / "junk.pdf").write_bytes(HEADER + bytes(range(256)) * 20)
    (tmp_path / "loop.pdf").write_bytes(whole.replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]"))
    (tmp_path / "whole.pdf").write_bytes(whole)
    papers, skipped = load_folder(tmp_path, Film())
    assert [paper.name for paper in papers] == ["whole.pdf"]
    assert {left.name for left in skipped} == {"bomb.pdf", "cut.pdf", "head.pdf", "junk.pdf", "loop.pdf"}
    assert all(left.reason for left in skipped)


LINES = st.builds(
    Line,
    x=st.sampled_from([72.0, 84.0, 200.0, 330.0]),
    y=st.integers(0, 60).map(lambda row: 780.0 - 12 * row),
    size=st.sampled_from([9.0, 10.0, 18.0]),
    text=st.sampled_from(["The lamp", "light-", "house,", "Ilse", "• a", "co-", "It was a long and very cold winter."]),
    bold=st.booleans(),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(LINES, max_size=25))
def test_no_words_are_lost_in_the_layout(pieces: list[Line]) -> None:
    found = layout.ordered(layout.rows(pieces))
    shown = [paragraph.text for paragraph in layout.paragraphs(found, 10.0, layout.words(found))]
    assert letters("".join(shown)) == letters("".join(piece.text for piece in pieces))


def letters(text: str) -> list[str]:
    return sorted(character for character in text if character.isalnum())
