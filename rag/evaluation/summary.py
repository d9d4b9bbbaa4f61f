"""A run in numbers: every measure with its interval, overall and by type."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import numpy as np

from rag.evaluation import metrics
from rag.evaluation.bootstrap import Estimate, eligible, interval
from rag.evaluation.score import VERDICTS
from rag.evaluation.table import Table

Unit = Literal["share", "ms", "per second"]


@dataclass(frozen=True)
class Measure:
    """A measure of a set: the columns it is made of, how, and how to read it."""

    name: str
    label: str
    group: str
    columns: tuple[str, ...]
    function: Any
    unit: Unit = "share"
    low_is_good: bool = False
    counted: Any = None
    """How many cases the measure is over, from its columns, where it is not all that have them."""


def _mean(values: Any) -> Any:
    return np.asarray(values).mean(-1)


def _means(group: str, labels: Mapping[str, str]) -> tuple[Measure, ...]:
    return tuple(Measure(name, label, group, (name,), _mean) for name, label in labels.items())


def _silent(said: Any, answerable: Any) -> int:
    return int((1 - answerable).sum())


def _said(said: Any, answerable: Any) -> int:
    return int(said.sum())


def _refusal(name: str, label: str, function: Any, said: str = "refused", **more: Any) -> Measure:
    return Measure(name, label, "Refusals", (said, "answerable"), function, **more)


MEASURES: Final = (
    *_means(
        "Answers",
        {
            "correct": "right answers and right refusals, of all questions",
            "hit": "right answers, of the questions the papers answer",
            "f1": "words shared with the expected answer (token F1)",
            "exact_match": "the expected answer, word for word",
            "rouge_l": "ROUGE-L of long answers",
        },
    ),
    *_means(
        "Retrieval",
        {
            **{f"recall@{k}": f"evidence among the best {k} passages" for k in metrics.CUTOFFS},
            "mrr": "mean reciprocal rank of the evidence",
            "ndcg@8": "nDCG of the best 8",
        },
    ),
    *_means(
        "Citations",
        {
            "cited": "right answers with the evidence cited",
            "citation_precision": "cited passages that hold the evidence",
            "citation_recall": "evidence that is cited, of the answers given",
            "quote_validity": "quotes that stand in the papers word for word",
        },
    ),
    _refusal(
        "refusal_recall", "refused, of the questions the papers don't answer", metrics.refusal_recall, counted=_silent
    ),
    _refusal("refusal_precision", "refusals that are right", metrics.refusal_precision, counted=_said),
    _refusal("refusal_f1", "refusal precision and recall in one (F1)", metrics.refusal_f1),
    _refusal(
        "false_answer_rate",
        "answered where the papers are silent",
        metrics.false_answer_rate,
        "answered",
        low_is_good=True,
        counted=_silent,
    ),
    Measure(
        "auc", "confidence tells answerable from not (AUC)", "Confidence", ("confidence", "answerable"), metrics.auc
    ),
    Measure(
        "aurc",
        "area under the risk–coverage curve",
        "Confidence",
        ("confidence", "answer_right"),
        metrics.aurc,
        "share",
        True,
    ),
    Measure("ece", "calibration error", "Confidence", ("confidence", "answer_right"), metrics.ece, "share", True),
    *(
        Measure(f"latency_{name}", f"time for an answer, {label}", "Cost", ("ms.total",), function, "ms", True)
        for name, label, function in (
            ("p50", "half of them within", partial(metrics.percentile, q=50)),
            ("p95", "95 in 100 within", partial(metrics.percentile, q=95)),
            ("max", "the longest", partial(metrics.percentile, q=100)),
        )
    ),
    Measure("questions_per_second", "questions a second", "Cost", (), None, "per second"),
    *_means("Judge", {"faithfulness": "claims that the citations bear out", "relevance": "answers to the point"}),
)
BY_NAME: Final = {measure.name: measure for measure in MEASURES}
ALIASES: Final = {
    "right": "hit",
    "refused": "refusal_recall",
    "em": "exact_match",
    "p50": "latency_p50",
    "p95": "latency_p95",
    "max": "latency_max",
}
POINTS: Final = (("p50", 50), ("p95", 95), ("max", 100))
BY_TYPE: Final = ("correct", "hit", "f1", "refusal_recall", "cited")
# The longest answer has no interval: resampling never goes past the longest there is.
WITHOUT_INTERVAL: Final = frozenset({"latency_max"})


def measured(table: Table, measure: Measure, rows: Any = None) -> Estimate | None:
    """The measure over a table, or over some of its rows; None when no case is eligible."""
    columns = [table.column(name, rows) for name in measure.columns]
    if not columns[0].size or not eligible(columns).any():
        return None
    if measure.name in WITHOUT_INTERVAL:
        values = columns[0][eligible(columns)]
        return Estimate(float(measure.function(values)), None, None, values.size)
    estimate = interval(columns, measure.function)
    if measure.counted is not None:
        estimate = estimate._replace(n=measure.counted(*(column[eligible(columns)] for column in columns)))
    return None if math.isnan(estimate.value) else estimate


def _latency(table: Table) -> dict[str, dict[str, float]]:
    stages = {}
    for name in table:
        if not name.startswith("ms."):
            continue
        values = table.column(name)
        values = values[~np.isnan(values)]
        if values.size:
            stages[name.removeprefix("ms.")] = {
                key: round(float(metrics.percentile(values, q)), 2) for key, q in POINTS
            }
    return stages


def _curves(table: Table) -> dict[str, Any]:
    columns = [table.column(name) for name in ("confidence", "answer_right")]
    mask = eligible(columns)
    if not mask.any():
        return {"risk_coverage": [], "calibration": []}
    sure, right = (column[mask] for column in columns)
    curve = metrics.risk_coverage(sure, right, asked=len(table))
    # A picture needs no more points than this.
    kept = np.unique(np.linspace(0, mask.sum() - 1, 200).astype(int))
    return {
        "risk_coverage": [[round(float(curve.coverage[i]), 4), round(float(curve.risk[i]), 4)] for i in kept],
        "calibration": [bin._asdict() for bin in metrics.calibration(sure, right)],
    }


def _plain(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    rounded = {key: None if value is None else round(value, 6) for key, value in estimate._asdict().items()}
    return rounded | {"n": estimate.n}


def summarise(table: Table, seconds: float) -> dict[str, Any]:
    """All numbers of a run of so many seconds, as in the results' JSON; a measure without an eligible case is null."""
    types = [kind for kind, _ in sorted(Counter(table.types).items(), key=lambda item: (-item[1], item[0]))]
    verdicts = Counter(table.verdicts)
    values = {measure.name: measured(table, measure) for measure in MEASURES if measure.columns}
    if len(table) and seconds > 0:
        values["questions_per_second"] = Estimate(len(table) / seconds, None, None, len(table))
    return {
        "questions": len(table),
        "crashed": verdicts["crashed"],
        "verdicts": {name: verdicts[name] for name in VERDICTS},
        "measures": {measure.name: _plain(values.get(measure.name)) for measure in MEASURES},
        "types": {
            kind: {"questions": int(rows.sum())}
            | {name: _plain(measured(table, BY_NAME[name], rows)) for name in BY_TYPE}
            for kind, rows in ((kind, table.of_type(kind)) for kind in types)
        },
        "latency_ms": _latency(table),
        **_curves(table),
    }


def named(name: str) -> Measure | None:
    """The measure of a name or of one of its other names."""
    return BY_NAME.get(ALIASES.get(name, name))


def names() -> Sequence[str]:
    """All names a bar may use."""
    return (*BY_NAME, *ALIASES)
