"""film.toml: read, or refused with file, key and value."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import InputError
from index.film import Film, parse_film, read_film


def test_what_is_said_is_read(film_folder: Path) -> None:
    film = read_film(film_folder)
    assert (film.title, film.contact) == ("The Salt Lantern", "press@saltlantern.example")
    assert film.papers["notes.txt"].publisher == "Orrin Press"
    assert film.papers["press.md"].spoiler == ["The ending"]
    assert film.papers["secret.txt"].embargo == datetime.date(2999, 1, 1)
    assert film.meta("other.txt").spoiler is False


def test_no_file_is_no_error(tmp_path: Path) -> None:
    assert read_film(tmp_path) == Film()


def test_dates_of_both_kinds() -> None:
    film = parse_film({"a.txt": {"date": datetime.date(2022, 7, 1), "embargo": "2026-12-01"}})
    assert film.papers["a.txt"].date == "2022-07-01"
    assert film.papers["a.txt"].embargo == datetime.date(2026, 12, 1)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('titel = "X"', ['"titel"', "'X'", "title"]),
        ("title = 3", ['"title"', "3", "string"]),
        ('starters = "Who?"', ['"starters"', "'Who?'", "list"]),
        ("starters = [1]", ['"starters"', "1"]),
        ('["a.txt"]\npublisher = ["K"]', ["'a.txt'", '"publisher"', "['K']"]),
        ('["a.txt"]\npublsher = "K"', ["'a.txt'", '"publsher"', "'K'", "publisher"]),
        ('["a.txt"]\nspoiler = "yes"', ['"spoiler"', "'yes'"]),
        ('["a.txt"]\nembargo = "soon"', ['"embargo"', "'soon'", "2026-12-01"]),
        ('["a.txt"]\nurl = "javascript:alert(1)"', ['"url"', "https://"]),
        ('[a.txt]\npublisher = "K"', ['["a.txt"]', "quotes"]),
        ('papers = "x"', ['"papers"', "'x'"]),
        ("title = ,", ["not TOML", "line 1"]),
        ('title = "a"\ntitle = "b"', ["not TOML"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, toml: str, said: list[str]) -> None:
    (tmp_path / "film.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_film(tmp_path)
    for words in [*said, "film.toml", "karmalink build"]:
        assert words in str(error.value)


def test_bytes_that_are_no_text_and_a_folder_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "film.toml").write_bytes(b'title = "\xff"')
    with pytest.raises(InputError, match="UTF-8"):
        read_film(tmp_path)
    (tmp_path / "film.toml").unlink()
    (tmp_path / "film.toml").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read_film(tmp_path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.datetimes() | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["title", "starters", "papers", "a.txt", "x"]), VALUES))
def test_anything_is_a_film_or_an_input_error(data: dict[str, object]) -> None:
    try:
        film = parse_film(data)
    except InputError as error:
        assert "film.toml" in str(error)
    else:
        assert isinstance(film, Film)
