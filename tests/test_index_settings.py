"""Settings: what is allowed, and what is said of what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.errors import SettingsError
from index.settings import Settings


def test_defaults() -> None:
    settings = Settings()
    assert (settings.documents, settings.index) == (Path("documents"), Path("index/chroma"))
    assert (settings.embedding, settings.passage_words, settings.k) == ("all-MiniLM-L6-v2", 110, 8)
    assert (settings.chroma, settings.model, settings.deadline) == (None, None, 20.0)
    assert settings.build_command == "karmalink build"


def test_the_environment_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KARMALINK_DOCUMENTS", "/a folder")
    monkeypatch.setenv("KARMALINK_SITES", "https://film.example/, http://localhost:8080")
    monkeypatch.setenv("KARMALINK_CAUTION", "bold")
    monkeypatch.setenv("KARMALINK_CHROMA", "")
    settings = Settings()
    assert settings.site_list == ("https://film.example", "http://localhost:8080")
    assert (settings.caution, settings.chroma) == ("bold", None)
    assert settings.build_command == "karmalink build --documents '/a folder'"
    assert Settings(caution="careful").caution == "careful"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KARMALINK_DEADLINE", "soon", "number"),
        ("KARMALINK_DEADLINE", "-1", "greater than 0"),
        ("KARMALINK_CAUTION", "brave", "'careful', 'balanced' or 'bold'"),
        ("KARMALINK_CHROMA", "localhost", "http://host:port"),
        ("KARMALINK_CHROMA", "http://host:eighty", "http://host:port"),
        ("KARMALINK_SITES", "film.example", "https://film.example"),
        ("KARMALINK_SITES", "https://film.example/page", "no path"),
        ("KARMALINK_LIMITS", "many", "20/minute;300/day"),
        ("KARMALINK_PASSAGE_WORDS", "5", "greater than or equal to 20"),
        ("KARMALINK_DOCUMENT", "x", "KARMALINK_DOCUMENTS"),
    ],
)
def test_wrong_values_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        Settings()
    assert name in str(error.value) and repr(value) in str(error.value) and said in str(error.value)
    assert error.value.exit_status == 2


def test_arguments_are_checked_like_variables() -> None:
    with pytest.raises(SettingsError, match="k=0"):
        Settings(k=0)
    with pytest.raises(SettingsError, match="colour='red'"):
        Settings(colour="red")


@pytest.mark.parametrize("value", ["off", "5/second", "20/minute;300/day", "1 per hour"])
def test_limits_that_are_limits(value: str) -> None:
    assert Settings(limits=value).limits == value
