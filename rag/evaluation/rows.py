"""Sets in rows: our JSONL and CSV, ragas columns, a JSON list of either."""

from __future__ import annotations

import ast
import csv
import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rag.evaluation.case import Case, Problem, case_of

Report = Callable[[Problem], None]

COLUMNS: Final = tuple(Case.model_fields)
LISTS: Final = ("history", "answers", "evidence")
RAGAS: Final = {"user_input": "question", "reference": "answers", "reference_contexts": "evidence"}
# What ragas writes beside them, and what another assistant said: no part of a question.
_ASIDE: Final = (
    "response retrieved_contexts retrieved_context_ids reference_context_ids multi_responses rubrics reference_topics "
    "reference_tool_calls persona_name query_style query_length synthesizer_name"
)
RAGAS_ASIDE: Final = frozenset(_ASIDE.split())
KEYS: Final = ("question", "user_input")
CELL: Final = 10_000_000
"""The longest cell of a CSV file that is read, in characters."""


def _not_utf8(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


def _spoken(message: Any) -> str | None:
    """What the person says in a message of a conversation as ragas keeps it."""
    if isinstance(message, Mapping) and message.get("type", message.get("role")) in ("human", "user"):
        return str(message.get("content", ""))
    return None


def _from_ragas(row: Mapping[str, Any]) -> dict[str, Any]:
    ours = {RAGAS[name]: value for name, value in row.items() if name in RAGAS}
    if isinstance(ours.get("question"), list):
        turns = [said for said in map(_spoken, ours["question"]) if said is not None]
        ours |= {
            "question": turns[-1] if turns else "",
            "history": turns[:-1],
            "type": "follow-up" if turns[1:] else None,
        }
    rest = {name: value for name, value in row.items() if name in COLUMNS}
    return {name: value for name, value in (rest | ours).items() if value is not None}


class Columns:
    """The columns met so far: an unknown one is reported once, with the name it may be meant for."""

    def __init__(self, file: str, report: Report) -> None:
        self.file = file
        self.report = report
        self.met: set[str] = set()

    def known(self, row: Mapping[str, Any], line: int | None) -> dict[str, Any]:
        """The row without its unknown columns."""
        unknown = [name for name in row if name not in COLUMNS and name not in RAGAS and name not in RAGAS_ASIDE]
        for name in unknown:
            if name not in self.met:
                self.met.add(name)
                close = difflib.get_close_matches(name.casefold(), COLUMNS, 1)
                meant = f"; is {close[0]!r} meant?" if close else f"; known are {', '.join(COLUMNS)}"
                what = f"unknown column, left out{meant}"
                self.report(Problem(self.file, what, line, name[:40], dropped=False))
        return {name: value for name, value in row.items() if name not in unknown}


def cases(rows: Iterable[tuple[int | None, Any]], file: str, report: Report) -> Iterator[Case]:
    """The cases of (line, row) pairs; what is wrong goes to `report`, the rest comes."""
    columns = Columns(file, report)
    for number, (line, row) in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            report(Problem(file, f'expected a table such as {{"question": "…"}}, got {str(row)[:60]}', line or number))
            continue
        row = columns.known({str(name): value for name, value in row.items()}, line or number)
        if "user_input" in row:
            row = _from_ragas(row)
        row = {name: value for name, value in row.items() if value is not None}
        if isinstance(row.get("id"), int):
            row["id"] = str(row["id"])
        case = case_of({"id": f"{Path(file).stem}:{line or number}"} | row, file, line or number)
        if isinstance(case, Case):
            yield case
        else:
            report(case)


def jsonl(path: Path, report: Report) -> Iterator[tuple[int, Any]]:
    """Line number and row of every line that holds JSON."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            if _not_utf8(line):
                report(Problem(path.name, "holds bytes that are not UTF-8; save the file as UTF-8", number))
                continue
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                report(Problem(path.name, f"not JSON: {error.msg} at character {error.colno}", number))
            except RecursionError:
                report(Problem(path.name, "not a row: nested too deep", number))


def _cell(name: str, value: str | None) -> Any:
    """A cell as the column has it: empty is absent; lists are JSON, Python's, or texts with | between them."""
    if value is None or not value.strip():
        return None
    if name not in LISTS and RAGAS.get(name) not in LISTS or name == "reference":
        return value
    text = value.strip()
    if text.startswith("["):
        for parse in (json.loads, ast.literal_eval):
            try:
                return parse(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
    return [part.strip() for part in text.split("|")]


def dialect_of(header: str) -> str:
    """The separator of a CSV file, out of its first line."""
    return max(",;\t", key=header.count)


def csv_rows(path: Path, report: Report) -> Iterator[tuple[int, Any]]:
    """Line number and row of a CSV file; the first line names the columns."""
    csv.field_size_limit(CELL)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        separator = dialect_of(lines.readline())
        lines.seek(0)
        reader = csv.reader(lines, delimiter=separator, strict=False)
        names = [name.strip().casefold().replace(" ", "_") for name in next(reader, [])]
        while True:
            first = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                report(Problem(path.name, f"not CSV: {error}", first))
                continue
            if not any(cell.strip() for cell in row):
                continue
            if any(map(_not_utf8, row)):
                report(Problem(path.name, "holds bytes that are not UTF-8; save the file as UTF-8", first))
                continue
            if len(row) > len(names):
                spare = f"{len(row)} cells under {len(names)} columns; put cells that hold {separator!r} in quotes"
                report(Problem(path.name, spare, first))
                continue
            yield first, {name: _cell(name, cell) for name, cell in zip(names, row, strict=False) if name}
