"""Credits in tables: CSV, TSV and JSON, one role a row: "Runa Dahl — Ilse, the keeper"."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from index.errors import PaperError
from index.loaders.charset import decode
from index.paper import Loaded, TextBuilder

BETWEEN = " — "
SAMPLE = 16_384
DELIMITERS = ",;\t|"
# columns by what they are called, in the order a row says them
NAMES = ("name", "person", "actor", "actress", "performer", "credited as", "full name")
ROLES = ("role", "roles", "character", "part", "job", "position", "title", "function", "credit")
GROUPS = ("department", "section", "group", "category", "unit", "type")
HEADERS = frozenset((*NAMES, *ROLES, *GROUPS))
# columns that only a cast has; and what the file is called, where the table does not say it
CAST = frozenset({"actor", "actress", "performer", "character"})
CALLED = re.compile(r"cast|crew", re.IGNORECASE)
DEEPEST = 20

Row = tuple[str | None, str]


def load(data: bytes, name: str) -> Loaded:
    text = decode(data)
    rows = list(_json(text) if text.lstrip()[:1] in ("{", "[") else _csv(text))
    called = CALLED.search(PurePosixPath(name).stem)
    whole = called.group().casefold() if called else None
    builder = TextBuilder()
    heading: str | None = None
    credited = 0
    for section, line in rows:
        group = section or whole
        if group and group != heading:
            heading = group
            builder.add(group, f"Credits: {group}", heading=group)
        place = f"Credits: {group}" if group else "Credits"
        credited += bool(line)
        builder.add(line, place, heading=group, between="\n")
    return Loaded(builder.text, tuple(builder.blocks), None, "credits", {"rows": credited})


def _csv(text: str) -> Iterator[Row]:
    """Rows of a table; the first is its header if it names a column that credits have."""
    try:
        dialect: Any = csv.Sniffer().sniff(text[:SAMPLE], DELIMITERS)
    except csv.Error:
        dialect = csv.excel
    try:
        table = [[" ".join(cell.split()) for cell in row] for row in csv.reader(io.StringIO(text), dialect)]
    except csv.Error as error:
        raise PaperError(f"it cannot be read as a table ({error})") from None
    table = [row for row in table if any(row)]
    if table and HEADERS & {cell.casefold() for cell in table[0]}:
        header, *rest = table
        yield from (_named(dict(zip(header, row, strict=False))) for row in rest)
        return
    section: str | None = None
    for row in table:
        cells = [cell for cell in row if cell]
        if len(row) > 1 and len(cells) == 1 and row[0]:
            section = cells[0]
        else:
            yield section, BETWEEN.join(cells)


def _json(text: str) -> Iterator[Row]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PaperError(f"it cannot be read as JSON ({error})") from None
    yield from _rows(values, None, 0)


def _rows(value: Any, group: str | None, depth: int) -> Iterator[Row]:
    """A record is a row; what holds records is a group of them by the key it stands under."""
    if depth > DEEPEST:
        raise PaperError(f"its JSON is nested more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        plain = {key: _cell(inner) for key, inner in value.items() if _cell(inner)}
        if plain and HEADERS & {key.casefold() for key in plain}:
            own, line = _named(plain)
            yield own or group, line
        elif plain:
            yield from ((group, f"{key}{BETWEEN}{cell}") for key, cell in plain.items())
        for key, inner in value.items():
            if not _cell(inner):
                yield from _rows(inner, _heading(key, group), depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if value and all(isinstance(item, list) and all(map(_cell, item)) for item in value):
            yield from ((group, BETWEEN.join(map(_cell, item))) for item in value)
            return
        for item in value:
            if cell := _cell(item):
                yield group, cell
            else:
                yield from _rows(item, group, depth + 1)


def _heading(key: str, group: str | None) -> str | None:
    return " ".join(key.replace("_", " ").split()) or group


def _cell(value: Any) -> str:
    """A value as words; a list of plain values is one cell; nothing for what holds more."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, (str, int, float)):
        return " ".join(str(value).split())
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value) and len(value) < 4:
        return ", ".join(" ".join(item.split()) for item in value)
    return ""


def _named(record: Mapping[str, str]) -> Row:
    """Group and line of one record: the name first, then the role, then what else is said of it."""
    columns = {key.casefold().strip(): key for key in record}
    name = next((columns[key] for key in NAMES if key in columns), None)
    role = next((columns[key] for key in ROLES if key in columns), None)
    group = next((columns[key] for key in GROUPS if key in columns), None)
    first = [record[key] for key in (name, role) if key and record[key]]
    rest = [f"{key}: {cell}" for key, cell in record.items() if cell and key not in (name, role, group)]
    part = record[group] if group else "cast" if CAST & columns.keys() else ""
    return part or None, BETWEEN.join([*first, *rest])
