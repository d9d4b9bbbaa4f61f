"""Two runs of the same questions, case by case: what got better, what got worse, and whether chance explains it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from index.errors import InputError
from rag.evaluation.bootstrap import difference, eligible
from rag.evaluation.records import Record, key_of
from rag.evaluation.summary import MEASURES, WITHOUT_INTERVAL, Measure
from rag.evaluation.table import Table

DECIDING: Final = ("correct", "hit", "refusal_recall", "cited", "quote_validity")
"""A loss in one of these that chance does not explain makes a run worse than its baseline."""

AGAIN: Final = "Make one with: karmalink evaluate QUESTIONS --json FILE"


@dataclass(frozen=True)
class _Old:
    """What is kept of a baseline's case."""

    verdict: str
    scores: dict[str, float]
    answer: str | None


def load(path: Path) -> list[Record]:
    """The cases of a results file. Raises InputError when it is missing or something else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"The baseline {path} does not exist. {AGAIN}") from None
    except OSError as error:
        raise InputError(f"The baseline {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"The baseline {path} is not a results file: {error}. {AGAIN}") from None
    records = data.get("cases") if isinstance(data, dict) else None
    needed = {"case", "scores", "verdict"}
    if not isinstance(records, list) or not all(isinstance(r, dict) and needed <= r.keys() for r in records):
        raise InputError(f"The baseline {path} is not a results file of karmalink evaluate. {AGAIN}")
    return records


def _said(record: Record) -> str | None:
    answer = record.get("answer")
    return None if answer is None else str(answer["answer"])


def _state(measure: Measure, low: float | None, high: float | None) -> Literal["better", "worse", "same"]:
    if low is None or high is None or (low <= 0 <= high):
        return "same"
    return "worse" if (low > 0) == measure.low_is_good else "better"


def _measures(new: Table, old: Table) -> dict[str, dict[str, Any]]:
    compared = {}
    for measure in MEASURES:
        if not measure.columns or measure.name in WITHOUT_INTERVAL:
            continue
        ours, theirs = ([table.column(name) for name in measure.columns] for table in (new, old))
        mask = eligible([*ours, *theirs])
        change = difference(ours, theirs, measure.function) if mask.any() else None
        if change is None or math.isnan(change.value):
            continue
        compared[measure.name] = {
            "old": round(float(measure.function(*(c[mask] for c in theirs))), 6),
            "new": round(float(measure.function(*(c[mask] for c in ours))), 6),
            "difference": round(change.value, 6),
            "low": change.low,
            "high": change.high,
            "n": change.n,
            "change": _state(measure, change.low, change.high),
        }
    return compared


def compare(records: Iterable[Record], baseline: Iterable[Record], name: str = "baseline") -> dict[str, Any]:
    """The comparison of a run's records with those of an earlier one, over the questions both have.

    Cases are the same when id and words are, or else when the words are. `worse` in the result names the deciding
    measures that lost significantly: their 95% interval of the difference lies under zero. Raises InputError when the
    two have no question in common.
    """
    by_key: dict[tuple[str, str], _Old] = {}
    by_words: dict[str, tuple[str, str]] = {}
    for record in baseline:
        key = key_of(record)
        by_key[key] = _Old(record["verdict"], record["scores"], _said(record))
        by_words.setdefault(key[1], key)
    new, old = Table(), Table()
    moved: dict[str, list[dict[str, Any]]] = {"better": [], "worse": []}
    asked, matched = 0, set()
    for record in records:
        asked += 1
        key = key_of(record)
        key = key if key in by_key else by_words.get(key[1], key)
        before = by_key.get(key)
        if before is None or key in matched:
            continue
        matched.add(key)
        case = record["case"]
        new.add(case["type"], record["verdict"], record["scores"])
        old.add(case["type"], before.verdict, before.scores)
        was, now = before.verdict == "right", record["verdict"] == "right"
        if was != now:
            moved["better" if now else "worse"].append(
                {
                    "id": case["id"],
                    "question": case["question"],
                    "expected": list(case["answers"]) if case["answerable"] else [],
                    "old": {"verdict": before.verdict, "answer": before.answer},
                    "new": {"verdict": record["verdict"], "answer": _said(record)},
                }
            )
    if not matched:
        raise InputError(
            f"{name} is a baseline of other questions: of its {len(by_key)} none is among the {asked} asked here. "
            "Give the results of an earlier run of the same sets."
        )
    measures = _measures(new, old)
    return {
        "baseline": name,
        "questions": {"asked": asked, "baseline": len(by_key), "matched": len(matched)},
        "measures": measures,
        "worse": [measure for measure in DECIDING if measures.get(measure, {}).get("change") == "worse"],
        "cases": moved,
    }
