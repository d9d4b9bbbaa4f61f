"""Question sets out of files and folders; the format is told by the content."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from operator import length_hint
from pathlib import Path
from typing import Any, Final

from index.errors import InputError
from rag.evaluation import dossier, rows, squad
from rag.evaluation.case import Case
from rag.evaluation.case import Problem as Problem
from rag.evaluation.dossier import Paper, Split
from rag.evaluation.rows import Report

SUFFIXES: Final = (".json", ".jsonl", ".csv")
FORMATS: Final = (
    'JSONL or CSV with the columns "question, history, answers, evidence, type, answerable", SQuAD 1.1 or 2.0, '
    'film dossiers, or ragas columns ("user_input, reference, reference_contexts")'
)
HEAD: Final = 1 << 16
SEED: Final = 20261122


@dataclass(frozen=True)
class QuestionSet:
    """Questions that belong together. `papers` are theirs alone; None: the assistant's own papers answer."""

    name: str
    cases: Iterator[Case]
    papers: tuple[Paper, ...] | None = None


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {error.lineno}: not JSON: {error.msg} at character {error.colno}.") from None
    except RecursionError:
        raise InputError(f"{path} is nested too deep to be a question set. Known are {FORMATS}.") from None


def _first_row(line: str) -> Any:
    try:
        return json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        return None


def _whole(path: Path, data: Any, report: Report, own_papers: bool) -> Iterator[QuestionSet]:
    """The sets of a file that is one piece of JSON."""
    file = path.name
    if dossier.is_dossier(data):
        name = str(data.get("title") or data.get("id") or path.stem)
        yield QuestionSet(name, dossier.cases(data, file, report), dossier.papers(data))
    elif squad.is_squad(data):
        for number, article in enumerate(data["data"], 1):
            papers = (Paper("article.txt", squad.contexts(article), article.get("title")),) if own_papers else None
            name = str(article.get("title") or f"{path.stem} {number}")
            yield QuestionSet(name, squad.cases(article, number, file, report), papers)
    elif isinstance(data, list):
        yield QuestionSet(path.stem, rows.cases(((None, row) for row in data), file, report))
    elif isinstance(data, dict) and any(key in data for key in rows.KEYS):
        yield QuestionSet(path.stem, rows.cases([(1, data)], file, report))
    else:
        raise InputError(f"{path} is not a question set. Known are {FORMATS}.")


def _file(path: Path, report: Report, own_papers: bool) -> Iterator[QuestionSet]:
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as text:
            first = next((line for line in iter(lambda: text.readline(HEAD), "") if line.strip()), "")
            second = next((line for line in iter(lambda: text.readline(HEAD), "") if line.strip()), "")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    start = first.lstrip()[:1]
    head = _first_row(first)
    if not start:
        raise InputError(f"{path} is empty. A question set is {FORMATS}.")
    in_rows = start == "{" and (isinstance(head, dict) and bool(second) or second.lstrip()[:1] == "{")
    if in_rows or path.suffix == ".jsonl":
        yield QuestionSet(path.stem, rows.cases(rows.jsonl(path, report), path.name, report))
    elif start in "{[":
        yield from _whole(path, _load(path), report, own_papers)
    else:
        names = [name.strip(' "\r\n').casefold() for name in first.split(rows.dialect_of(first))]
        if not set(names) & {*rows.KEYS}:
            shown = first.strip()[:60].encode("ascii", "replace").decode()
            raise InputError(f"{path} is not a question set: its first line is {shown!r}. Known are {FORMATS}.")
        yield QuestionSet(path.stem, rows.cases(rows.csv_rows(path, report), path.name, report))


def _files(path: Path, split: Split | None) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path} does not exist. Give a question set or a folder of them.")
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.is_file())
    if not found:
        raise InputError(f"{path} holds no question set ({', '.join(SUFFIXES)}).")
    films = [file for file in found if file.suffix == ".json" and file.stem.startswith("film-")]
    if films != found or split == "all":
        return found
    wanted = split or "dev"
    chosen = [file for file in films if dossier.split_of(file.stem) == wanted]
    if not chosen:
        raise InputError(f"{path} holds no film of the split {wanted!r} among {len(films)}. Try --split all.")
    return chosen


def read(
    paths: Iterable[Path | str], report: Report, *, split: Split | None = None, own_papers: bool = False
) -> Iterator[QuestionSet]:
    """The sets of files and folders, row by row as they are asked for.

    What is wrong with a row goes to `report`; a file that is no set at all is an InputError. Of a folder of dossiers
    the dev films are read unless `split` says otherwise. `own_papers`: a SQuAD file's paragraphs are the papers to
    ask. Two rows of one id are both kept, the later under a new id.
    """
    taken: set[str] = set()
    for path in [file for given in paths for file in _files(Path(given), split)]:
        for found in _file(path, report, own_papers):
            yield replace(found, cases=_distinct(found.cases, path.name, taken, report))


def first(sets: Iterable[QuestionSet], limit: int | None) -> Iterator[QuestionSet]:
    """The sets, cut after `limit` cases in all."""
    if limit is None:
        yield from sets
        return
    places = iter(range(limit))
    for found in sets:
        yield replace(found, cases=(case for case, _ in zip(found.cases, places, strict=False)))
        if not length_hint(places):
            return


def sampled(sets: Callable[[], Iterable[QuestionSet]], size: int) -> Iterator[QuestionSet]:
    """`size` cases of all, drawn without regard to what they ask, always the same ones; all where there are fewer.

    `sets` is called twice: to count, and to give.
    """
    total = sum(1 for found in sets() for _ in found.cases)
    drawn = frozenset(random.Random(SEED).sample(range(total), min(size, total)))
    places = count()
    for found in sets():
        yield replace(found, cases=(case for case in found.cases if next(places) in drawn))


def _distinct(cases: Iterable[Case], file: str, taken: set[str], report: Report) -> Iterator[Case]:
    for case in cases:
        name, copy = case.id, 1
        while name in taken:
            copy += 1
            name = f"{case.id} ({copy})"
        taken.add(name)
        if copy > 1:
            report(
                Problem(file, f"{case.id!r} stands there before; this one is kept as {name!r}", case.line, "id", False)
            )
            case = case.model_copy(update={"id": name})
        yield case
