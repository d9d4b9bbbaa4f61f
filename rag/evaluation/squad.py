"""SQuAD 1.1 and 2.0: articles of paragraphs, questions answered by a span of their paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rag.evaluation.case import Case, Problem, case_of
from rag.evaluation.rows import Report


def is_squad(data: Any) -> bool:
    """Whether parsed JSON is a SQuAD file."""
    articles = data.get("data") if isinstance(data, Mapping) else None
    return isinstance(articles, list) and all(isinstance(a, Mapping) and "paragraphs" in a for a in articles)


def _sentence(context: str, start: Any, text: str) -> str:
    """The sentence of the context in which the answer stands; where it stands nowhere, the answer itself."""
    from index.split import sentences

    if not isinstance(start, int) or context[start : start + len(text)] != text:
        start = context.find(text)
    if start < 0:
        return text
    spans = [span for span in sentences(context) if span[0] < start + len(text) and start < span[1]]
    return context[spans[0][0] : spans[-1][1]].strip() if spans else text


def _case(item: Mapping[str, Any], context: str, file: str, place: str) -> Case | Problem:
    answers = item.get("answers") or []
    if not isinstance(answers, list) or not all(
        isinstance(a, Mapping) and isinstance(a.get("text"), str) for a in answers
    ):
        return Problem(file, f'{place}: expected a list of {{"text": "…", "answer_start": …}}', None, "answers")
    silent = bool(item.get("is_impossible")) or not answers
    proofs = dict.fromkeys(_sentence(context, answer.get("answer_start"), answer["text"]) for answer in answers)
    row = {
        "id": str(item.get("id") or place),
        "question": item.get("question"),
        "answers": list(dict.fromkeys(answer["text"] for answer in answers)),
        "evidence": [list(proofs)] if proofs else [],
        "answerable": not silent,
        **({"type": "unanswerable"} if silent else {}),
    }
    case = case_of(row, file, None)
    return case if isinstance(case, Case) else Problem(file, f"{place}: {case.what}", None, case.column)


def cases(article: Mapping[str, Any], number: int, file: str, report: Report) -> Iterator[Case]:
    """The cases of one article."""
    for part, paragraph in enumerate(article["paragraphs"] or [], 1):
        where = f"article {number}, paragraph {part}"
        context = paragraph.get("context", "") if isinstance(paragraph, Mapping) else None
        questions = paragraph.get("qas") if isinstance(paragraph, Mapping) else None
        if not isinstance(context, str) or not isinstance(questions, list):
            report(Problem(file, f'{where}: expected {{"context": "…", "qas": […]}}'))
            continue
        for count, item in enumerate(questions, 1):
            place = f"{where}, question {count}"
            if not isinstance(item, Mapping):
                report(Problem(file, f"{place}: expected a table, got {str(item)[:60]}"))
                continue
            case = _case(item, context, file, place)
            if isinstance(case, Case):
                yield case
            else:
                report(case)


def contexts(article: Mapping[str, Any]) -> str:
    """The article's text: its paragraphs, an empty line between them."""
    return "\n\n".join(str(p.get("context", "")) for p in article["paragraphs"] or [] if isinstance(p, Mapping))
