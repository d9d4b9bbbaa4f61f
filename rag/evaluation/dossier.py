"""Film dossiers: a film's own papers, and questions about them; one film a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from rag.evaluation.case import Case, Problem, case_of
from rag.evaluation.rows import Report

Split = Literal["dev", "train", "all"]

# Types of dossiers that stand for a question no paper answers.
_SILENT: Final = frozenset({"unanswerable", "false-premise"})


@dataclass(frozen=True)
class Paper:
    """One paper that comes with its questions."""

    name: str
    text: str
    title: str | None = None
    kind: str | None = None


def is_dossier(data: Any) -> bool:
    """Whether parsed JSON is a film dossier."""
    return (
        isinstance(data, Mapping)
        and isinstance(data.get("documents"), list)
        and isinstance(data.get("questions"), list)
    )


def split_of(film: str) -> Split:
    """'dev' or 'train': films whose number leaves 1 when divided by 5 are never trained on."""
    numbers = re.findall(r"\d+", film)
    return "dev" if numbers and int(numbers[-1]) % 5 == 1 else "train"


def _file_name(paper: Any) -> str:
    return re.sub(r"[^\w-]+", "-", str(paper)) + ".txt"


def papers(data: Mapping[str, Any]) -> tuple[Paper, ...]:
    """The film's papers; one without text has none."""
    found = [document for document in data["documents"] if isinstance(document, Mapping)]
    return tuple(
        Paper(_file_name(document.get("id", number)), document["text"], document.get("title"), document.get("kind"))
        for number, document in enumerate(found, 1)
        if isinstance(document.get("text"), str)
    )


def cases(data: Mapping[str, Any], file: str, report: Report) -> Iterator[Case]:
    """The cases of one film. Every acceptable answer proves it: each is verbatim in the paper `doc`."""
    film = str(data.get("id") or file)
    for number, item in enumerate(data["questions"], 1):
        place = f"question {number}"
        if not isinstance(item, Mapping):
            report(Problem(file, f"{place}: expected a table, got {str(item)[:60]}"))
            continue
        also = item.get("also") or []
        answers = [item.get("answer"), *(also if isinstance(also, list) else [also])]
        answers = [answer for answer in answers if answer is not None]
        case = case_of(
            {
                "id": f"{film}/{number}",
                "question": item.get("q"),
                "history": item.get("history") or [],
                "answers": answers,
                "evidence": [answers] if answers and all(isinstance(answer, str) for answer in answers) else [],
                "type": item.get("type") or "untyped",
                "answerable": bool(answers) and item.get("type") not in _SILENT,
                "document": _file_name(item["doc"]) if item.get("doc") else None,
            },
            file,
            None,
        )
        if isinstance(case, Case):
            yield case
        else:
            report(Problem(file, f"{place}: {case.what}", None, case.column))
