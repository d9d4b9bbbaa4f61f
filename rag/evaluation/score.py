"""What the measures say of one case: its scores, and in one word what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rag.answer import Answer, Citation
from rag.evaluation import metrics
from rag.evaluation.case import Case

Verdict = Literal[
    "right",
    "crashed",
    "answered wrongly",
    "reader missed",
    "retrieval missed",
    "refused wrongly",
    "cited wrongly",
]

VERDICTS: Final[dict[Verdict, str]] = {
    "crashed": "the assistant broke off with an error",
    "answered wrongly": "the papers are silent, but it answered",
    "reader missed": "the right passage was found, the wrong words were taken from it",
    "retrieval missed": "the passage that answers was not found",
    "refused wrongly": "the papers answer, the passage was found, but it said they don't",
    "cited wrongly": "the answer is right, but the words shown do not prove it",
    "right": "answered and cited as the set expects, or rightly refused",
}
"""What can come of a case, the worst first."""


@dataclass(frozen=True)
class Found:
    """A retrieved passage: its paper, its place in that paper's text, its words."""

    document: str
    text: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a case: an answer, or the error that came instead; `found` is None where nobody can tell."""

    case: Case
    answer: Answer | None
    error: str | None = None
    found: tuple[Found, ...] | None = None
    seconds: float = 0.0


def held(case: Case, document: str, text: str) -> list[int]:
    """The numbers of the case's pieces of evidence that a text out of a paper holds."""
    same = case.document is None or case.document == document
    return [
        number
        for number, piece in enumerate(case.evidence)
        if any(metrics.holds(proof, text, same_paper=same) for proof in piece)
    ]


def proofs(outcome: Outcome) -> list[list[int]] | None:
    """For each retrieved passage the pieces of evidence it holds; None where retrieval has no score."""
    case = outcome.case
    if outcome.found is None or not case.evidence or not case.answerable:
        return None
    return [held(case, passage.document, passage.text) for passage in outcome.found]


def _citation_scores(case: Case, citations: Sequence[Citation], right: float | None) -> dict[str, float]:
    cited = [held(case, citation.document, citation.quote) for citation in citations]
    scores = {"citation_recall": metrics.citation_recall(cited, len(case.evidence))}
    if citations:
        scores["citation_precision"] = metrics.citation_precision(cited)
    if right:
        scores["cited"] = float(any(cited))
    return scores


def _quotes_valid(citations: Sequence[Citation], text: Callable[[str], str]) -> float:
    valid = [metrics.quote_valid(text(c.document), c.quote, c.start, c.end, c.highlight) for c in citations]
    return sum(valid) / len(valid)


def score(
    outcome: Outcome, found: list[list[int]] | None = None, text: Callable[[str], str] | None = None
) -> dict[str, float]:
    """The scores of one case; a measure it is not eligible for is absent.

    A refused question, and one the assistant broke down on, has no right answer: it counts as 0 where an answer was
    due. `found` is what `proofs` says of the outcome; `text` gives a paper's whole text by name, to check quotes with.
    """
    case, answer = outcome.case, outcome.answer
    answered = answer is not None and answer.answered
    said = answer.answer if answer is not None and answered else ""
    scores: dict[str, float] = {
        "answerable": float(case.answerable),
        "answered": float(answered),
        "refused": float(answer is not None and not answered),
        "crashed": float(answer is None),
    }
    if answer is not None:
        scores["confidence"] = answer.confidence
        if text is not None and answer.citations:
            scores["quote_validity"] = _quotes_valid(answer.citations, text)
    if found is not None:
        scores.update(metrics.ranking(tuple(map(tuple, found)), len(case.evidence)))
    if not case.answerable:
        scores["correct"] = scores["refused"]
        if answered:
            scores["answer_right"] = 0.0
        return scores
    if case.answers:
        scores["exact_match"] = metrics.exact_match(said, case.answers) if answered else 0.0
        scores["f1"] = metrics.token_f1(said, case.answers) if answered else 0.0
        scores["hit"] = scores["correct"] = metrics.hit(said, case.answers)
        if answered:
            scores["answer_right"] = scores["hit"]
        long = [accepted for accepted in case.answers if len(accepted.split()) >= metrics.LONG]
        if long:
            scores["rouge_l"] = metrics.rouge_l(said, long) if answered else 0.0
    if answer is not None and answered and case.evidence:
        scores.update(_citation_scores(case, answer.citations, scores.get("hit")))
    return scores


def verdict(outcome: Outcome, scores: dict[str, float], found: list[list[int]] | None) -> Verdict:
    """What went wrong, or 'right'."""
    case, answer = outcome.case, outcome.answer
    if answer is None:
        return "crashed"
    if not case.answerable:
        return "answered wrongly" if answer.answered else "right"
    missed = found is not None and not any(found)
    if not answer.answered:
        return "retrieval missed" if missed else "refused wrongly"
    if scores.get("hit") == 0.0:
        return "retrieval missed" if missed else "reader missed"
    return "cited wrongly" if scores.get("cited") == 0.0 else "right"
