"""Screenplays: scenes, pages and voices out of Fountain and Final Draft."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import PaperError
from index.film import Film, PaperMeta
from index.load import finish, load_folder, parse
from index.paper import Loaded
from index.split import split

FOUNTAIN = """Title: **The Salt Lantern**
Author: Mira Kessel

INT. LIGHTHOUSE - NIGHT #12#

ILSE, 60, climbs the _iron_ stair. [[too old?]] /* INT. CUT - DAY */

ILSE (V.O.)
(softly)
Nobody has lit it
since the storm.

BOY ^
Who are you?

@McAvoy
The harbour master.

> CUT TO:

.THE DEEP #12A#

Black water.

# Act two

= Where the boy remembers.

EXT. PIER - DAWN #13#

The lamp is out.
"""
FINAL_DRAFT = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<FinalDraft DocumentType="Script" Template="No" Version="5"><Content>
<Paragraph Type="Scene Heading" Number="12"><SceneProperties Length="1 1/8" Page="7" Title=""/>
<Text>INT. LIGHTHOUSE </Text><Text Style="Bold">- NIGHT</Text></Paragraph>
<Paragraph Type="Action"><Text>ILSE, 60, climbs.</Text></Paragraph>
<Paragraph Type="Character"><Text>ILSE (O.S.)</Text></Paragraph>
<Paragraph Type="Parenthetical"><Text>(softly)</Text></Paragraph>
<Paragraph Type="Dialogue"><Text>Nobody has lit it.</Text></Paragraph>
<Paragraph><DualDialogue>
<Paragraph Type="Character"><Text>BOY</Text></Paragraph><Paragraph Type="Dialogue"><Text>Who?</Text></Paragraph>
<Paragraph Type="Character"><Text>ILSE</Text></Paragraph><Paragraph Type="Dialogue"><Text>Me.</Text></Paragraph>
</DualDialogue></Paragraph>
<Paragraph Type="Scene Heading" Number="13"><SceneProperties Length="2/8" Page="8" Title=""/>
<Text>EXT. PIER - DAWN</Text></Paragraph>
<Paragraph Type="Action"><Text>The lamp is out.</Text></Paragraph>
</Content><TitlePage><Content><Paragraph Alignment="Center"><Text></Text></Paragraph>
<Paragraph><Text>The Salt Lantern</Text></Paragraph></Content></TitlePage></FinalDraft>
"""
LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><FinalDraft><Content>&b;</Content></FinalDraft>"


def rows(loaded: Loaded) -> list[tuple[str, str | None, str]]:
    return [(block.place, block.speaker, loaded.text[block.start : block.end]) for block in loaded.blocks]


def test_fountain() -> None:
    loaded = parse(FOUNTAIN.encode(), "film.fountain")
    assert (loaded.title, loaded.kind) == ("The Salt Lantern", "screenplay")
    assert loaded.counts == {"scenes": 3, "speakers": 3}
    inside = "Scene 12, INT. LIGHTHOUSE – NIGHT"
    assert rows(loaded)[2:] == [
        (inside, None, "INT. LIGHTHOUSE - NIGHT"),
        (inside, None, "ILSE, 60, climbs the iron stair."),
        (inside, "ILSE", "ILSE (V.O.)\n(softly)\nNobody has lit it\nsince the storm."),
        (inside, "BOY", "BOY\nWho are you?"),
        (inside, "McAvoy", "McAvoy\nThe harbour master."),
        (inside, None, "CUT TO:"),
        ("Scene 12A, THE DEEP", None, "THE DEEP"),
        ("Scene 12A, THE DEEP", None, "Black water."),
        ("Scene 13, EXT. PIER – DAWN", None, "EXT. PIER - DAWN"),
        ("Scene 13, EXT. PIER – DAWN", None, "The lamp is out."),
    ]


def test_scenes_without_numbers_are_counted() -> None:
    source = "FADE IN:\n\nINT. A - DAY\n\nOne.\n\nEXT. B - DAY\n\nTwo.\n"
    places = [block.place for block in parse(source.encode(), "film.fountain").blocks]
    assert places == ["Opening", *["Scene 1, INT. A – DAY"] * 2, *["Scene 2, EXT. B – DAY"] * 2]


def test_final_draft() -> None:
    loaded = parse(FINAL_DRAFT.encode(), "film.fdx")
    assert (loaded.title, loaded.kind) == ("The Salt Lantern", "screenplay")
    assert loaded.counts == {"scenes": 2, "speakers": 2, "pages": 2}
    inside, outside = "Scene 12, INT. LIGHTHOUSE – NIGHT, pp. 7–8", "Scene 13, EXT. PIER – DAWN, p. 8"
    assert rows(loaded) == [
        (inside, None, "INT. LIGHTHOUSE - NIGHT"),
        (inside, None, "ILSE, 60, climbs."),
        (inside, "ILSE", "ILSE (O.S.)\n(softly)\nNobody has lit it."),
        (inside, "BOY", "BOY\nWho?"),
        (inside, "ILSE", "ILSE\nMe."),
        (outside, None, "EXT. PIER - DAWN"),
        (outside, None, "The lamp is out."),
    ]


@pytest.mark.parametrize("source", [FINAL_DRAFT, FINAL_DRAFT.partition("?>")[2]])
def test_content_tells_more_than_the_suffix(source: str) -> None:
    assert rows(parse(source.encode(), "film.txt")) == rows(parse(FINAL_DRAFT.encode(), "film.fdx"))


@pytest.mark.parametrize(
    ("rule", "hidden"),
    [
        ("Scene 12", ["12", "12A"]),
        ("Scene 12A", ["12A"]),
        ("Scenes 12A-13", ["12A", "13"]),
        ("Scene 13-", ["13"]),
        ("EXT. PIER - DAWN", ["13"]),
        ("THE DEEP", ["12A"]),
    ],
)
def test_scenes_that_give_the_story_away(rule: str, hidden: list[str]) -> None:
    paper = finish(parse(FOUNTAIN.encode(), "film.fountain"), "film.fountain", PaperMeta(spoiler=[rule]), "")
    scenes = {block.place.partition(",")[0].removeprefix("Scene ") for block in paper.blocks if block.spoiler}
    assert sorted(scenes) == hidden and not paper.warnings


def test_pages_that_give_the_story_away() -> None:
    paper = finish(parse(FINAL_DRAFT.encode(), "film.fdx"), "film.fdx", PaperMeta(spoiler=["p. 8"]), "")
    # scene 12 ends on the page, so all of it is hidden
    assert all(block.spoiler for block in paper.blocks)


def test_passages_are_scenes() -> None:
    paper = finish(parse(FOUNTAIN.encode(), "film.fountain"), "film.fountain", PaperMeta(), "")
    found = [(one.metadata["place"], one.metadata["heading"]) for one in split(paper)[1:]]
    assert found == [
        ("Scene 12, INT. LIGHTHOUSE – NIGHT", "INT. LIGHTHOUSE - NIGHT"),
        ("Scene 12A, THE DEEP", "THE DEEP"),
        ("Scene 13, EXT. PIER – DAWN", "EXT. PIER - DAWN"),
    ]


def test_long_scenes_are_parted_at_action_lines() -> None:
    speech = "\n\nILSE\nThe sea gives back what it likes and keeps the rest of it for itself.\n\nBOY\nWhy is that so?"
    source = "INT. LIGHTHOUSE - NIGHT\n\nThey climb." + f"{speech * 2}\n\nThe lamp turns.{speech}" * 4
    found = split(finish(parse(source.encode(), "film.fountain"), "film.fountain", PaperMeta(), ""))
    assert len(found) > 2
    assert all(one.page_content.startswith("The lamp turns.") for one in found[1:])
    assert {one.metadata["heading"] for one in found} == {"INT. LIGHTHOUSE - NIGHT"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (FINAL_DRAFT[:400], "malformed"),
        (LAUGHS, "defines entities"),
        ("<opml/>", "no Final Draft"),
        ("<?xml version='1.0' encoding='none'?><FinalDraft/>", "malformed"),
        ("<FinalDraft><Content/></FinalDraft>", "no words"),
        ("INT. A - DAY", "malformed"),
    ],
)
def test_bad_final_draft(source: str, reason: str) -> None:
    with pytest.raises(PaperError, match=reason):
        parse(source.encode(), "film.fdx")


def test_deep_xml_stops_no_other_paper(tmp_path: Path) -> None:
    (tmp_path / "deep.fdx").write_text("<FinalDraft>" + "<Content>" * 200_000)
    (tmp_path / "good.fountain").write_text(FOUNTAIN)
    papers, skipped = load_folder(tmp_path, Film())
    assert [paper.name for paper in papers] == ["good.fountain"]
    assert [left.name for left in skipped] == ["deep.fdx"]


PARTS = [
    "INT. A - DAY",
    "EXT. B #2#",
    "ILSE",
    "@Mc",
    "(so)",
    "Words.",
    "*",
    "**bold*",
    "_",
    "> CUT TO:",
    "/*",
    "*/",
    "[[",
]
PARTS += [
    "]]",
    "# Act",
    "= so",
    "===",
    "~la",
    "!NO",
    ">mid<",
    "BOY ^",
    "\n",
    "\n\n",
    "  ",
    ".",
    ".X",
    "Title: a",
    "\ue701",
]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=25).map("\n".join) | st.text(max_size=60))
def test_any_fountain(source: str) -> None:
    try:
        loaded = parse(source.encode("utf-8", "replace"), "film.fountain")
    except PaperError as reason:
        assert str(reason)
        return
    at = 0
    for block in loaded.blocks:
        assert not loaded.text[at : block.start].strip() and loaded.text[block.start : block.end].strip()
        at = block.end
    assert at == len(loaded.text)
