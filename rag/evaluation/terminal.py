"""What karmalink evaluate prints: progress on stderr, the verdict on stdout."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from rag.evaluation import roads
from rag.evaluation.score import VERDICTS
from rag.evaluation.summary import BY_NAME, MEASURES, Measure

if TYPE_CHECKING:
    from rag.evaluation.run import Evaluation

HEADLINES: Final = (
    "correct",
    "hit",
    "f1",
    "refusal_recall",
    "refusal_f1",
    "cited",
    "quote_validity",
    "recall@8",
    "auc",
    "ece",
    "latency_p50",
    "latency_p95",
    "questions_per_second",
)
MOVED: Final = 10
WIDE: Final = 110
"""Columns of a terminal from which on the numbers are explained beside them."""


class Asking:
    """The progress bars, one for each of `done`: questions asked, and the share of them that went right."""

    def __init__(self, total: int, done: Mapping[str, int]) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[right]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._tasks = {
            label: self._progress.add_task(
                f"Asking: {label}" if len(done) > 1 else "Asking", total=total, completed=asked, right=""
            )
            for label, asked in done.items()
        }

    def of(self, label: str) -> Callable[[int, int], None]:
        """What moves one of the bars: takes the questions asked, and how many of them went right."""

        def move(done: int, right: int) -> None:
            self._progress.update(self._tasks[label], completed=done, right=f"{right / done:.0%} right")

        return move

    def __enter__(self) -> Asking:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def figure(value: float, measure: Measure) -> str:
    """A value as its measure is read."""
    if measure.unit == "share":
        return f"{value:.3f}"
    return f"{value:,.0f} ms" if measure.unit == "ms" else f"{value:,.1f}"


def span(estimate: dict[str, Any], measure: Measure) -> str:
    """The 95% interval, where there is one."""
    if estimate["low"] is None:
        return ""
    return f"{figure(estimate['low'], measure)} to {figure(estimate['high'], measure)}"


def _numbers(summary: dict[str, Any], width: int) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("measure", no_wrap=True)
    for heading in ("value", "95% interval", "cases"):
        table.add_column(heading, justify="right", no_wrap=True)
    if width >= WIDE:
        table.add_column("", style="dim")
    for measure in MEASURES:
        estimate = summary["measures"][measure.name]
        if estimate is not None and measure.name in HEADLINES:
            label = [measure.label] if width >= WIDE else []
            value = figure(estimate["value"], measure)
            table.add_row(measure.name, value, span(estimate, measure), str(estimate["n"]), *label)
    return table


def _roads(rows: Sequence[dict[str, Any]], width: int) -> Table:
    """The roads side by side: each measure with its value, then whose words the answers are."""
    table = Table(box=None, pad_edge=False)
    table.add_column("road", no_wrap=True)
    for heading in (*roads.MEASURES.values(), "broken off"):
        table.add_column(heading, justify="right", no_wrap=width >= WIDE)
    table.add_column("answers by")
    for row in rows:
        values = ((BY_NAME[name], estimate) for name, estimate in row["measures"].items())
        shown = ["–" if estimate is None else figure(estimate["value"], measure) for measure, estimate in values]
        by = ", ".join(f"{name} {count}" for name, count in row["answered_by"].items())
        table.add_row(row["label"], *shown, str(row["crashed"]), by or "–")
    return table


def _compared(console: Console, comparison: dict[str, Any]) -> None:
    count = comparison["questions"]
    console.print(f"\nAgainst {comparison['baseline']}: {count['matched']} of {count['asked']} questions match.")
    for name, change in comparison["measures"].items():
        if change["change"] != "same":
            measure = BY_NAME[name]
            old, new = figure(change["old"], measure), figure(change["new"], measure)
            console.print(
                f"  {change['change']}: {name} {old} -> {new} (95%: {change['low']:+.3f} to {change['high']:+.3f})"
            )
    for word in ("worse", "better"):
        cases = comparison["cases"][word]
        console.print(f"  {len(cases)} answers got {word}{':' if cases else '.'}")
        for case in cases[:MOVED]:
            console.print(f"    {case['id']}: {case['question']}")
            for time in ("old", "new"):
                console.print(f"      {time}: {case[time]['answer']} ({case[time]['verdict']})")
        if len(cases) > MOVED:
            console.print(f"    and {len(cases) - MOVED} more, in the report")


def show(evaluation: Evaluation, args: argparse.Namespace) -> None:
    """Print the numbers, what went wrong, the comparison, the bars, and where everything was written."""
    # Lines are for grep as much as for eyes: none is broken in two.
    console = Console(highlight=False, markup=False, soft_wrap=True)
    summary = evaluation.summary
    console.print(_numbers(summary, console.width), soft_wrap=False)
    wrong = [f"{count} {name}" for name, count in summary["verdicts"].items() if count and name in VERDICTS]
    console.print(f"\n{summary['questions']} questions: {', '.join(wrong)}.")
    ruler = summary["ruler"]
    console.print(f"{summary['seconds']:.1f} s, {ruler['share']:.1%} of them for measuring.")
    if evaluation.roads:
        console.print("\nThe same questions, with the gate and without:")
        console.print(_roads(roads.rows(evaluation.roads), console.width), soft_wrap=False)
    if evaluation.comparison is not None:
        _compared(console, evaluation.comparison)
    for bar in evaluation.bars:
        value = "no score" if bar["value"] is None else f"{bar['value']:.3f}"
        console.print(f"{'met' if bar['met'] else 'MISSED'}: {bar['name']} {value}, bar {bar['bar']:g}")
    for label, path in (("Results", args.json), ("Report", args.html)):
        if path is not None:
            console.print(f"{label}: {path}")
    if evaluation.run.get("stopped"):
        again = "; go on with --resume" if args.json is not None else "; with --json FILE it could be resumed"
        console.print(f"Stopped after {summary['questions']} of {evaluation.run['questions']} questions{again}.")
