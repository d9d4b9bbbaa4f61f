"""The same questions on three roads: the reader, the language model alone, the model behind the gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rag.evaluation.run import Chain, Evaluation


@dataclass(frozen=True)
class Road:
    """`chain` makes a road's chain of the assistant's own, which has a language model on top."""

    name: str
    label: str
    chain: Callable[[Any], Chain]


def reader(chain: Any) -> Chain:
    """The assistant without its language model."""
    without: Chain = chain.model_copy(update={"writer": None})
    return without


def alone(chain: Any) -> Chain:
    """The assistant's language model without the gate, and without the reader behind it."""
    from rag.evaluation.alone import AloneWriter

    ungated: Chain = chain.model_copy(update={"writer": AloneWriter(chain.writer)})
    return ungated


def _itself(chain: Any) -> Chain:
    return chain


FILM: Final = Road("film", "model behind the gate", _itself)
ROADS: Final = (Road("reader", "reader", reader), Road("model", "model alone", alone), FILM)
MEASURES: Final = {
    "false_answer_rate": "false answers",
    "citation_precision": "citation precision",
    "hit": "hit",
    "refusal_recall": "refused rightly",
    "latency_p50": "p50",
    "latency_p95": "p95",
}
"""What the roads are compared by, and what stands over the column."""


def row(road: Road, evaluation: Evaluation) -> dict[str, Any]:
    """One road of the comparison; `answered_by` counts whose words the answers are, refusals left out."""
    summary = evaluation.summary
    given = (record["answer"] for record in evaluation.records)
    by = Counter(answer["answered_by"] for answer in given if answer and answer["answered"])
    return {
        "road": road.name,
        "label": road.label,
        "questions": summary["questions"],
        "crashed": summary["crashed"],
        "answered_by": dict(by.most_common()),
        "measures": {name: summary["measures"][name] for name in MEASURES},
    }


def rows(evaluations: Mapping[str, Evaluation]) -> list[dict[str, Any]]:
    """The comparison, a row for each road that was gone, in the order of ROADS."""
    return [row(road, evaluations[road.name]) for road in ROADS if road.name in evaluations]
