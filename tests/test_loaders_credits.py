"""Credits: one role a row, from tables and from JSON, by the part of the credits it stands in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import PaperError
from index.film import PaperMeta
from index.load import finish, parse
from index.paper import Loaded

CAST = ("Credits: cast", "Runa Dahl — Ilse")
BOY = ("Credits: cast", "Peder Holm — The boy")
MUSIC = ("Credits: crew", "Ada Lindqvist — Composer")
ALL = [("Credits: cast", "cast"), CAST, BOY, ("Credits: crew", "crew"), MUSIC]
TABLE = "Department,Role,Name\ncast,Ilse,Runa Dahl\ncast,The boy,Peder Holm\ncrew,Composer,Ada Lindqvist\n"
RECORDS = [{"name": "Runa Dahl", "role": "Ilse"}, {"name": "Peder Holm", "role": "The boy"}]
COMPOSER = {"name": "Ada Lindqvist", "job": "Composer"}


def rows(loaded: Loaded) -> list[tuple[str, str]]:
    return [(block.place, loaded.text[block.start : block.end]) for block in loaded.blocks]


@pytest.mark.parametrize(
    "source",
    [
        TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        "\ufeff" + TABLE.replace("\n", "\r\n"),
        "cast,\nRuna Dahl,Ilse\nPeder Holm,The boy\n\ncrew,\nAda Lindqvist,Composer\n",
        json.dumps({"cast": RECORDS, "crew": [COMPOSER]}),
        json.dumps([{**record, "department": "cast"} for record in RECORDS] + [{**COMPOSER, "department": "crew"}]),
        json.dumps({"credits": {"cast": [["Runa Dahl", "Ilse"], ["Peder Holm", "The boy"]], "crew": [COMPOSER]}}),
    ],
)
def test_one_role_a_row(source: str) -> None:
    loaded = parse(source.encode(), "credits.csv")
    assert rows(loaded) == ALL
    assert loaded.kind == "credits" and loaded.counts == {"rows": 3}


def test_other_columns_and_plain_values() -> None:
    loaded = parse(b"Name,Role,Agent\nRuna Dahl,Ilse,Kai\nPeder Holm,,\n", "credits.tsv")
    assert rows(loaded) == [("Credits", "Runa Dahl — Ilse — Agent: Kai"), ("Credits", "Peder Holm")]
    loaded = parse(b'{"title": "The Salt Lantern", "thanks": ["Kai", "Orrin", "All", "Of us"]}', "credits.json")
    assert [row for row in rows(loaded) if row[1] != "thanks"] == [
        ("Credits", "The Salt Lantern"),
        *(("Credits: thanks", name) for name in ("Kai", "Orrin", "All", "Of us")),
    ]


def test_a_cast_that_is_not_called_one() -> None:
    rest = b"\nRuna Dahl,Ilse\nPeder Holm,The boy\n"
    assert rows(parse(b"Actor,Role" + rest, "film.csv")) == ALL[:3]
    assert rows(parse(b"Name,Role" + rest, "film-cast.csv")) == ALL[:3]


def test_json_is_known_by_its_content() -> None:
    assert rows(parse(json.dumps({"cast": RECORDS}).encode(), "credits.txt")) == ALL[:3]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('{"cast": [', "JSON"),
        ("[" * 100_000, "JSON"),
        ("[" * 30 + "{}" + "]" * 30, "nested"),
        ("{}", "no words"),
        (",,\n", "no words"),
    ],
)
def test_bad_credits(source: str, reason: str) -> None:
    with pytest.raises(PaperError, match=reason):
        parse(source.encode(), "credits.json")


def test_a_group_may_give_the_story_away() -> None:
    paper = finish(parse(TABLE.encode(), "credits.csv"), "credits.csv", PaperMeta(spoiler=["Credits: cast"]), "")
    assert [block.spoiler for block in paper.blocks] == [True] * 3 + [False] * 2


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.sampled_from(["Ilse", "Runa Dahl"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "role", "cast", "Type", "", "x_y"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(VALUES.map(json.dumps) | st.lists(st.sampled_from(["a", '"', ",", ";", "\n", "name", "\t", "\r"])).map("".join))
def test_any_table(source: str) -> None:
    try:
        loaded = parse(source.encode(), "credits.csv")
    except PaperError as reason:
        assert str(reason)
        return
    at = 0
    for block in loaded.blocks:
        assert not loaded.text[at : block.start].strip() and loaded.text[block.start : block.end].strip()
        at = block.end
    assert at == len(loaded.text)
