"""film.toml: what the film team says about the film and about each of its papers."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from index.errors import InputError

FILE = "film.toml"
AGAIN = "Correct it and run: karmalink build"


class PaperMeta(BaseModel):
    """What is said of one paper. `spoiler` is a flag for all of it, or a list of places in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str | None = None
    publisher: str | None = None
    kind: str | None = None
    date: str | None = None
    url: str | None = None
    language: str | None = None
    spoiler: bool | list[str] = False
    embargo: datetime.date | None = None

    @field_validator("date", mode="before")
    @classmethod
    def _iso(cls, value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime.date) else value

    @field_validator("embargo", mode="before")
    @classmethod
    def _day(cls, value: Any) -> Any:
        if isinstance(value, datetime.datetime):
            return value.date()
        if isinstance(value, str):
            try:
                return datetime.date.fromisoformat(value)
            except ValueError:
                raise ValueError("not a day of the form 2026-12-01") from None
        return value

    @field_validator("url")
    @classmethod
    def _web(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            raise ValueError("not an address that starts with https:// or http://")
        return value


class Film(BaseModel):
    """The film, as film.toml has it; `papers` by file name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str = "this film"
    greeting: str | None = None
    starters: list[str] = []
    contact: str | None = None
    colour: str | None = None
    papers: dict[str, PaperMeta] = {}

    def meta(self, name: str) -> PaperMeta:
        """What is said of the paper `name`; nothing said is an empty PaperMeta."""
        return self.papers.get(name, PaperMeta())


def read_film(documents: Path) -> Film:
    """Read film.toml of the folder, or the defaults where there is none.

    Raises InputError naming the file, the key and the value for anything that cannot be used.
    """
    path = documents / FILE
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        return Film()
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}. {AGAIN}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start}). {AGAIN}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. {AGAIN}") from None
    return parse_film(data, str(path))


def parse_film(data: dict[str, Any], file: str = FILE) -> Film:
    """A Film out of the parsed TOML: every table is a paper, every other key speaks of the film."""
    known = set(Film.model_fields) - {"papers"}
    top = {key: value for key, value in data.items() if key in known or not isinstance(value, dict)}
    tables = {key: value for key, value in data.items() if key not in top}
    lines: list[str] = []
    papers: dict[str, PaperMeta] = {}
    for name, table in tables.items():
        try:
            papers[name] = PaperMeta.model_validate(table)
        except ValidationError as error:
            lines += [_line(file, item, sorted(PaperMeta.model_fields), name) for item in error.errors()]
    if "papers" in top:
        lines.append(f'{file}: unknown key "papers" = {top.pop("papers")!r}. Allowed: {", ".join(sorted(known))}.')
    try:
        film = Film.model_validate(top)
    except ValidationError as error:
        lines += [_line(file, item, sorted(known)) for item in error.errors()]
    if lines:
        raise InputError("\n".join([*dict.fromkeys(lines), AGAIN]))
    return film.model_copy(update={"papers": papers})


def _line(file: str, item: Any, allowed: list[str], paper: str | None = None) -> str:
    key = str(item["loc"][0])
    where = f'{file}: [{paper!r}] key "{key}"' if paper is not None else f'{file}: key "{key}"'
    value = repr(item["input"])
    value = value if len(value) <= 80 else value[:77] + "..."
    if item["type"] == "extra_forbidden":
        if isinstance(item["input"], dict) and paper is not None:
            return f'{where} is a table inside a table: put the file name in quotes, ["{paper}.{key}"].'
        return f"{where} = {value} is unknown. Allowed: {', '.join(allowed)}."
    return f"{where} = {value}: {item['msg'].removeprefix('Value error, ')}."
