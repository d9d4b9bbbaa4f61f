"""A small invented film, its index, and settings that know nothing of the machine's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.settings import PREFIX, Settings

NOTES = """Production notes for The Salt Lantern

The Salt Lantern was shot in the winter of 2021 on the island of Orrin. Director Mira Kessel lived there for two years.

A lighthouse keeper poses on the pier. Photo: Orrin Press
A lighthouse keeper poses on the pier. Photo: Orrin Press

“We had eleven days of snow and used all of them,” said producer Tomas Vell. The crew slept in the old cannery, which \
had one stove and no hot water. Nobody fell ill.

The score was written by Ada Lindqvist for three cellos and a pump organ. It was recorded in one night in the chapel.

[spoiler]In the last scene the keeper turns out to be the boy's grandmother, and she puts out the lamp.[/spoiler]

The film runs for 97 minutes and is in Norn and English.
"""
PRESS = """# The Salt Lantern: press kit

A keeper, a storm and a boy who *cannot* remember.

## Cast

- Runa Dahl — Ilse, the keeper
- Peder Holm — the boy
- [Sanna Ek](https://example.org/sanna) — the harbour master

## The director

Mira Kessel was born in 1984. Her first film, **Ropewalk**, won the jury prize in Tromsø.

## The ending

The lamp goes out because Ilse forgives the sea.
"""
PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>The Salt Lantern at the Orrin Festival</title></head>
<body><nav><a href="/">Home</a> <a href="/tickets">Tickets</a></nav>
<article><h1>A lamp against the sea</h1>
<p>The Salt Lantern opened the Orrin Festival on 3 March 2023 before four hundred people. The applause lasted nine
minutes, and the harbour master wept.</p>
<h2>What the critics said</h2>
<p>Critic Jonas Bree called it “a film with salt on its lips”. He gave it five stars out of six.</p></article>
<footer>Copyright Orrin Festival</footer></body></html>
"""
SECRET = "The sequel is called The Glass Harbour and starts shooting in May. Its lead is Vigdis Moen.\n"
FILM = """title = "The Salt Lantern"
greeting = "Ask me about The Salt Lantern."
starters = ["Who directed it?", "Where was it shot?"]
contact = "press@saltlantern.example"
["notes.txt"]
title = "Production notes"
publisher = "Orrin Press"
kind = "production notes"
language = "en"
["press.md"]
kind = "press kit"
spoiler = ["The ending"]
["secret.txt"]
embargo = 2999-01-01
"""
PAPERS = {"notes.txt": NOTES, "press.md": PRESS, "web/page.html": PAGE, "secret.txt": SECRET, "film.toml": FILM}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)


def write_film(folder: Path, papers: dict[str, str] = PAPERS) -> Path:
    """Put the papers of a film into a folder."""
    for name, text in papers.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def film_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The papers of The Salt Lantern; not to be changed, see `film_copy`."""
    return write_film(tmp_path_factory.mktemp("film") / "documents")


@pytest.fixture
def film_copy(tmp_path: Path) -> Path:
    """The same papers in a folder of the test's own."""
    return write_film(tmp_path / "documents")


@pytest.fixture(scope="session")
def built_settings(film_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose index stands; not to be changed, see `index_copy`."""
    from index.build import build

    settings = Settings(documents=film_folder, index=tmp_path_factory.mktemp("built") / "chroma")
    build(settings)
    return settings


@pytest.fixture
def index_copy(built_settings: Settings, film_copy: Path, tmp_path: Path) -> Settings:
    """Settings with papers and index of the test's own, the same as `built_settings`."""
    root = tmp_path / "chroma"
    shutil.copytree(built_settings.index, root)
    return built_settings.model_copy(update={"documents": film_copy, "index": root})


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Callable[..., Settings]]:
    """A factory of settings; papers and index lie in the test's own folder unless it says otherwise."""

    def make(**values: object) -> Settings:
        return Settings(**{"documents": tmp_path / "documents", "index": tmp_path / "chroma", **values})

    yield make
