"""The report: one page, self-contained, that a filmmaker can read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rag.evaluation import pictures, roads
from rag.evaluation.run import CONTEXT
from rag.evaluation.score import VERDICTS
from rag.evaluation.summary import BY_NAME, MEASURES, Measure

if TYPE_CHECKING:
    from rag.evaluation.run import Evaluation

TEMPLATE: Final = "report.html.jinja"
MOST: Final = 4000
"""Cases that a page shows; a browser tires of more. All are in the results' JSON."""

FRAMES: Final = 480
"""Cases up to which each is one frame of the film strip."""

PICTURES: Final = (
    (
        "By type of question",
        "The dot is what was measured; the bar is where chance may put it, 95 times in 100.",
        pictures.by_type,
    ),
    (
        "The price of answering more",
        "From its surest answers on the left to all it gave on the right: how many of them are wrong.",
        pictures.risk_coverage,
    ),
    (
        "Does it know what it knows?",
        "On the dashed line, what it is 80% sure of is right 80% of the time. Larger dots hold more answers.",
        pictures.calibration,
    ),
    ("How long it takes", "The dark bar: half of the answers within. The light bar: 95 in 100.", pictures.latency),
)


def percent(value: float) -> str:
    """A share as a reader has it: whole percents, but never a flawless 100 that is none, nor a false 0."""
    if 0 < value < 1 and f"{value:.0%}" in ("0%", "100%"):
        return f"{min(max(value, 0.001), 0.999):.1%}"
    return f"{value:.0%}"


def figure(value: float, measure: Measure) -> str:
    """A value as its measure is read."""
    if measure.unit == "share":
        return percent(value) if measure.name not in ("auc", "aurc", "ece", "mrr", "ndcg@8") else f"{value:.3f}"
    if measure.unit == "ms":
        return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"
    return f"{value:,.1f}"


def _row(measure: Measure, estimate: dict[str, Any]) -> dict[str, Any]:
    low, high = estimate["low"], estimate["high"]
    return {
        "name": measure.name,
        "label": measure.label,
        "value": figure(estimate["value"], measure),
        "interval": "" if low is None else f"{figure(low, measure)} to {figure(high, measure)}",
        "sure": low is not None and low < high,
        "n": estimate["n"],
    }


def _groups(summary: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for measure in MEASURES:
        estimate = summary["measures"][measure.name]
        if estimate is not None:
            groups.setdefault(measure.group, []).append(_row(measure, estimate))
    return list(groups.items())


def _tiles(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The few numbers that matter first."""
    wanted = (
        ("hit", "right answers", "where the papers have the answer"),
        ("refusal_recall", "honest silence", "where they don't, it said so"),
        ("cited", "proof shown", "of the right answers, the words that prove it"),
        ("latency_p50", "typical wait", "half of the answers came within"),
    )
    found = [(summary["measures"][name], BY_NAME[name], title, text) for name, title, text in wanted]
    return [
        _row(measure, estimate) | {"title": title, "text": text} for estimate, measure, title, text in found if estimate
    ]


def _standing(evaluation: Evaluation) -> list[tuple[str, str]]:
    """What the verdict adds to the numbers: (mood, sentence)."""
    summary, said = evaluation.summary, []
    if evaluation.run.get("stopped"):
        said.append(("bad", f"Cut short after {summary['questions']} of {evaluation.run['questions']} questions."))
    if summary["crashed"]:
        said.append(("bad", f"The assistant broke off with an error {summary['crashed']} times."))
    if evaluation.comparison is not None:
        worse = evaluation.comparison["worse"]
        labels = "; ".join(BY_NAME[name].label for name in worse)
        name = Path(evaluation.comparison["baseline"]).name
        said.append(("bad", f"Worse than {name}: {labels}.") if worse else ("good", f"No worse than {name}."))
    missed = [bar for bar in evaluation.bars if not bar["met"]]
    for bar in missed:
        value = "has no score" if bar["value"] is None else f"is {bar['value']:.3f}"
        said.append(("bad", f"Under the bar: {bar['name']} {value}, {bar['bar']:g} was asked for."))
    if evaluation.bars and not missed:
        said.append(
            (
                "good",
                f"All {len(evaluation.bars)} bars are met." if missed != evaluation.bars[1:] else "The bar is met.",
            )
        )
    quotes = summary["measures"]["quote_validity"]
    if quotes is not None:
        exact = quotes["value"] == 1
        share = percent(quotes["value"])
        said.append(
            ("good", "Every quote stands in the papers word for word.")
            if exact
            else ("bad", f"Only {share} of the quotes stand in the papers word for word.")
        )
    dropped = sum(problem.dropped for problem in evaluation.problems)
    if dropped:
        said.append(("bad", f"{dropped} rows of the sets could not be used; they are listed at the end."))
    return said


def _places(path: Path) -> list[tuple[str, int]]:
    """Verdict and offset of every case, the worst first."""
    order = {name: rank for rank, name in enumerate(VERDICTS)}
    found: list[tuple[int, int]] = []
    with path.open("rb") as file:
        offset = 0
        for line in file:
            record = json.loads(line)
            if "run" not in record:
                found.append((order[record["verdict"]], offset))
            offset += len(line)
    names = list(VERDICTS)
    return [(names[rank], offset) for rank, offset in sorted(found)]


def _cut(before: str, behind: str) -> tuple[str, str]:
    """What stands around a quote, without halves of words where it was cut."""
    if len(before) == CONTEXT:
        before = "… " + before.partition(" ")[2]
    if len(behind) == CONTEXT:
        behind = behind.rpartition(" ")[0] + " …"
    return before, behind


def _quotes(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    around = record["around"]
    for number, citation in enumerate(record["answer"]["citations"]):
        start, end = (at - citation["start"] for at in citation["highlight"])
        before, behind = _cut(*around[number]) if around else ("", "")
        parts = (citation["title"] or citation["document"], citation["publisher"], citation["place"])
        yield {
            "before": before,
            "head": citation["quote"][:start],
            "words": citation["quote"][start:end],
            "tail": citation["quote"][end:],
            "behind": behind,
            "source": ", ".join(part for part in parts if part),
        }


def _case(record: dict[str, Any]) -> dict[str, Any]:
    answer, case = record["answer"], record["case"]
    return {
        "id": case["id"],
        "set": record["set"],
        "question": case["question"],
        "history": case["history"],
        "type": case["type"],
        "verdict": record["verdict"],
        "why": VERDICTS[record["verdict"]],
        "expected": list(case["answers"])[:4] if case["answerable"] else [],
        "evidence": [piece[0] for piece in case["evidence"]][:3] if case["answerable"] else [],
        "answerable": case["answerable"],
        "answered": bool(answer and answer["answered"]),
        "said": answer["answer"] if answer else None,
        "error": record["error"],
        "confidence": None if answer is None else percent(answer["confidence"]),
        "wait": figure(record["seconds"] * 1000, BY_NAME["latency_p50"]),
        "quotes": list(_quotes(record)) if answer else [],
    }


def _cases(path: Path, places: list[tuple[str, int]]) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for _, offset in places[:MOST]:
            file.seek(offset)
            yield _case(json.loads(file.readline()))


def _moved(comparison: dict[str, Any]) -> dict[str, Any]:
    rows = [
        {
            "label": BY_NAME[name].label,
            "old": figure(change["old"], BY_NAME[name]),
            "new": figure(change["new"], BY_NAME[name]),
            "difference": f"{change['difference']:+.3f}",
            "interval": "" if change["low"] is None else f"{change['low']:+.3f} to {change['high']:+.3f}",
            "change": change["change"],
            "n": change["n"],
        }
        for name, change in comparison["measures"].items()
    ]
    return comparison | {"rows": rows, "file": Path(comparison["baseline"]).name}


def _roads(evaluation: Evaluation) -> list[dict[str, Any]]:
    rows = roads.rows(evaluation.roads)
    for row in rows:
        values = ((BY_NAME[name], estimate) for name, estimate in row["measures"].items())
        row["values"] = ["–" if found is None else figure(found["value"], measure) for measure, found in values]
        row["by"] = ", ".join(f"{name} ({count})" for name, count in row["answered_by"].items())
    return rows


def _subject(sets: list[str]) -> str:
    return " · ".join(sets) if len(sets) <= 3 else f"{len(sets)} sets"


def write(evaluation: Evaluation, path: Path) -> None:
    """Write the report of an evaluation to a file, whole or not at all."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rag.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    summary = evaluation.summary
    places = _places(evaluation.records.path)
    drawn = [(title, text, draw(summary)) for title, text, draw in PICTURES]
    stream = environment.get_template(TEMPLATE).stream(
        run={"chain": "", "settings": {}} | evaluation.run,
        subject=_subject(evaluation.sets),
        started=str(evaluation.run.get("started", ""))[:10],
        summary=summary,
        tiles=_tiles(summary),
        standing=_standing(evaluation),
        verdicts=[(name, VERDICTS[name], count) for name, count in summary["verdicts"].items() if count],
        frames=[name for name, _ in places] if len(places) <= FRAMES else [],
        pictures=[picture for picture in drawn if picture[2]],
        groups=_groups(summary),
        types=summary["types"],
        roads=_roads(evaluation),
        compared_by=list(roads.MEASURES.values()),
        comparison=None if evaluation.comparison is None else _moved(evaluation.comparison),
        cases=_cases(evaluation.records.path, places),
        left_out=max(0, len(places) - MOST),
        problems=[str(problem) for problem in evaluation.problems],
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        stream.dump(str(draft), encoding="utf-8", errors="replace")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
