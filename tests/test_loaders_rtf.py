"""RTF: paragraphs, tables and charsets, and files that are no papers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import PaperError
from index.film import Film, PaperMeta
from index.load import finish, load_folder, parse
from index.split import split

HEAD = r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman\fcharset0 Times;}}"


def texts(source: str | bytes, name: str = "a.rtf") -> list[str]:
    loaded = parse(source if isinstance(source, bytes) else source.encode("ascii"), name)
    return [loaded.text[block.start : block.end] for block in loaded.blocks]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (r"One.\par Two.\par", ["One.", "Two."]),
        (r"\pard{\b The} keeper {\i waits\i0}.\par\par\par Two", ["The keeper waits.", "Two"]),
        (r"caf\'e9 \'93so\'94 \endash  \u8212? \emdash\par", ["café “so” – — —"]),
        (r"{\uc1 \u-10179?\u-8704?}", ["😀"]),
        (r"hyphen\-ation and\~blanks", ["hyphenation and blanks"]),
        (r"\trowd\intbl Camera\cell  Arri 416\cell\row\pard After.\par", ["Camera — Arri 416", "After."]),
        (r"A | in a text.\par", ["A | in a text."]),
        (r"{\header Page 1\par}{\footer The end\par}{\*\comment no}Words.", ["Words."]),
        (r"{\info{\title Diary}{\author A}}{\pict\pngblip 89504e47}Words.", ["Words."]),
        (r'{\field{\*\fldinst HYPERLINK "https://a.example/b"}{\fldrslt The page}}.', ["The page."]),
        (r'She said ("yes").', ['She said ("yes").']),
        (r"braces \{and\} \\ slashes", [r"braces {and} \ slashes"]),
    ],
)
def test_what_is_written(body: str, found: list[str]) -> None:
    assert texts(f"{HEAD}{body}}}") == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (rb"{\rtf1\ansi\ansicpg1250 " + "żółw".encode("cp1250") + b"}", "żółw"),
        (rb"{\rtf1\ansi\ansicpg1251 \'ea\'ee\'f2}", "кот"),
        (rb"{\rtf1\ansi\ansicpg1252 " + "café".encode() + b"}", "café"),
        (rb"{\rtf1\ansi " + "café".encode("cp1252") + b"}", "café"),
        (rb"{\rtf1\ansi\ansicpg99999 " + "café".encode("cp1252") + b"}", "café"),
    ],
)
def test_charsets(source: bytes, found: str) -> None:
    assert texts(source) == [found]


def test_places_and_marks() -> None:
    source = HEAD + r"One.\par [spoiler]Two.\par Three.[/spoiler] Four.\par}"
    paper = finish(parse(source.encode(), "a.rtf"), "a.rtf", PaperMeta(spoiler=["paragraph 1"]), "")
    assert [(block.place, paper.text[block.start : block.end], block.spoiler) for block in paper.blocks] == [
        ("paragraph 1", "One.", True),
        ("paragraph 2", "Two.", True),
        ("paragraph 3", "Three.", True),
        ("paragraph 3", "Four.", False),
    ]
    for passage in split(paper):
        assert paper.text[passage.metadata["start"] : passage.metadata["end"]] == passage.page_content


def test_content_tells_more_than_the_suffix() -> None:
    assert texts(f"{HEAD}Words.}}", "a.txt") == texts(f"{HEAD}Words.}}", "a.doc") == ["Words."]
    assert texts("Words in a text file.", "a.rtf") == ["Words in a text file."]


def test_bad_files_stop_no_other_paper(tmp_path: Path) -> None:
    (tmp_path / "good.rtf").write_text(f"{HEAD}Words.}}")
    (tmp_path / "cut.rtf").write_text(f"{HEAD}Words that go on")
    (tmp_path / "empty.rtf").write_text(f"{HEAD}}}")
    (tmp_path / "pictures.rtf").write_text(HEAD + r"{\pict\pngblip " + "89504e47" * 1000 + "}}")
    (tmp_path / "deep.rtf").write_text(HEAD + "{" * 200_000 + "Words." + "}" * 200_001)
    (tmp_path / "wrong.rtf").write_text(rf"{HEAD}\u99999999? \'zz \uc1}}")
    papers, skipped = load_folder(tmp_path, Film())
    reasons = {left.name: left.reason for left in skipped}
    assert [paper.name for paper in papers] == ["cut.rtf", "deep.rtf", "good.rtf"]
    assert set(reasons) == {"empty.rtf", "pictures.rtf", "wrong.rtf"}
    assert "no words" in reasons["empty.rtf"] and "no words" in reasons["pictures.rtf"]
    assert "RTF" in reasons["wrong.rtf"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [r"\par ", r"\'e9", r"\u8212?", r"\u", r"\uc", r"\uc2", "{", "}", r"\cell ", r"\row ", r"\f0 ", r"\f9 "]
            + [r"\fonttbl", r"{\fonttbl{\f9\fcharset77 A;}}", r"\*", r"\ansicpg", r"{\pict ", "|", "words ", "\n", "é"]
        )
        | st.text(max_size=4),
        max_size=30,
    )
)
def test_any_marks_are_a_paper_or_a_reason(parts: list[str]) -> None:
    try:
        loaded = parse((HEAD + "".join(parts) + "}").encode("utf-8", "replace"), "a.rtf")
    except PaperError as reason:
        assert str(reason)
        return
    at = 0
    for number, block in enumerate(loaded.blocks, start=1):
        assert at <= block.start < block.end <= len(loaded.text)
        assert block.place == f"paragraph {number}" and loaded.text[block.start : block.end].strip()
        at = block.end
