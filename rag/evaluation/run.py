"""Running sets of questions through a chain, and what comes of it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

from langchain_core.runnables import Runnable

from rag.answer import Answer
from rag.evaluation import metrics, roads, score
from rag.evaluation.ask import ask, overheard, texts
from rag.evaluation.case import Case, Problem
from rag.evaluation.records import Record, Records, key_of
from rag.evaluation.score import Outcome
from rag.evaluation.summary import summarise
from rag.evaluation.table import Table

FORMAT: Final = "karmalink-evaluation/1"
CONTEXT: Final = 280
"""Characters of the paper kept on either side of a quote, to show it in its passage."""

Chain = Runnable[Any, Any]
Judge = Callable[[Outcome], Mapping[str, float]]
"""Scores of its own for an outcome, by a measure's name."""

Progress = Callable[[int, int], None]
"""Told after every case: cases done, and how many of them went right."""


class Evaluation:
    """A run: its numbers, and its cases one by one from the file they were written to."""

    def __init__(
        self,
        table: Table,
        records: Records,
        run: Mapping[str, Any],
        seconds: Mapping[str, float],
        sets: Iterable[str] = (),
    ) -> None:
        self.table = table
        self.records = records
        self.run = dict(run)
        self.seconds = dict(seconds)
        self.sets = [name for name in sets if name]
        self.problems: list[Problem] = []
        self.comparison: dict[str, Any] | None = None
        self.bars: list[dict[str, Any]] = []
        self.roads: Mapping[str, Evaluation] = {}
        """Runs of the same questions to compare with, by the names of rag.evaluation.roads, this one among them."""

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The numbers, as `summarise` gives them, with what the ruler itself cost."""
        begun = time.perf_counter()
        summary = summarise(self.table, self.seconds["asking"])
        ruler = self.seconds["ruler"] + time.perf_counter() - begun
        total = self.seconds["asking"] + ruler
        return summary | {
            "seconds": round(total, 3),
            "ruler": {"seconds": round(ruler, 3), "share": round(ruler / total, 4) if total else 0.0},
        }

    def value(self, name: str) -> float | None:
        """One measure over all cases, None when no case is eligible."""
        estimate = self.summary["measures"].get(name)
        return None if estimate is None else float(estimate["value"])

    def save(self, path: Path) -> None:
        """Write the results as JSON: the numbers, then every case, of other roads too; whole, or not at all."""
        head = {"format": FORMAT, "run": self.run, **self.summary, "problems": list(map(str, self.problems))}
        if self.bars:
            head["bars"] = self.bars
        if self.comparison is not None:
            head["comparison"] = self.comparison
        if self.roads:
            head["roads"] = roads.rows(self.roads)
        others = {f"cases_{name}": road.records for name, road in self.roads.items() if road is not self}
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(json.dumps(head, indent=1)[:-2])
                for name, records in {"cases": self.records, **others}.items():
                    file.write(f',\n "{name}": [')
                    for number, record in enumerate(records):
                        file.write((",\n" if number else "\n") + json.dumps(record))
                    file.write("\n]")
                file.write("}\n")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _scores(outcome: Outcome, found: list[list[int]] | None, text: Callable[[str], str] | None) -> dict[str, float]:
    scores = score.score(outcome, found, text)
    if outcome.answer is not None:
        stages = {f"ms.{stage}": value for stage, value in outcome.answer.timings_ms.items()}
        # Chains are compared by the same clock, whatever they say of themselves.
        scores |= stages | {"ms.total": outcome.seconds * 1000}
    return scores


def _around(answer: Answer, text: Callable[[str], str] | None) -> list[list[str]] | None:
    """What stands before and behind each quote in its paper."""
    if text is None:
        return None
    papers = [(citation, text(citation.document)) for citation in answer.citations]
    return [[paper[max(0, c.start - CONTEXT) : c.start], paper[c.end : c.end + CONTEXT]] for c, paper in papers]


class Run:
    """A run under way. Sets are asked one after the other; every case is on disk as soon as it is scored."""

    def __init__(
        self, records: Records, run: Mapping[str, Any], *, resume: bool = False, judge: Judge | None = None
    ) -> None:
        self.records = records
        self.judge = judge
        self.run = dict(run)
        self.table = Table()
        self.asking = 0.0
        self.ruler = 0.0
        self.asked_before: set[tuple[str, str]] = set()
        self.right = 0
        # The sets met, in their order.
        self.sets: dict[str, None] = {}
        metrics.load()
        if resume:
            for record in records.resume(self.run):
                self.asked_before.add(key_of(record))
                self.asking += record["seconds"]
                self._count(record)
        else:
            records.start(self.run)

    def _count(self, record: Record) -> None:
        self.table.add(record["case"]["type"], record["verdict"], record["scores"])
        self.sets.setdefault(record["set"])
        self.right += record["verdict"] == "right"

    def _keep(
        self, name: str, outcome: Outcome, text: Callable[[str], str] | None, judged: Mapping[str, float]
    ) -> None:
        found = score.proofs(outcome)
        scores = {**_scores(outcome, found, text), **judged}
        answer = outcome.answer
        record = {
            "set": name,
            "case": outcome.case.model_dump(),
            "verdict": score.verdict(outcome, scores, found),
            "scores": {key: round(value, 6) for key, value in scores.items()},
            "answer": None if answer is None else answer.model_dump(),
            "error": outcome.error,
            "around": None if answer is None else _around(answer, text),
            "found": None
            if found is None or outcome.found is None
            else [
                {"document": passage.document, "start": passage.start, "end": passage.end, "evidence": pieces}
                for passage, pieces in zip(outcome.found, found, strict=True)
            ],
            "seconds": round(outcome.seconds, 6),
        }
        self.records.add(record)
        self._count(record)

    def has(self, case: Case) -> bool:
        """Whether the case was asked before the run was cut short."""
        return key_of({"case": dict(case)}) in self.asked_before

    def ask(
        self, chain: Chain, cases: Iterable[Case], *, name: str = "", jobs: int = 1, progress: Progress | None = None
    ) -> None:
        """Put cases to a chain, `jobs` at a time. KeyboardInterrupt passes through; what was answered is kept."""
        begun, measuring = time.perf_counter(), 0.0
        text, chain = texts(chain), overheard(chain)
        waiting = (case for case in cases if not self.has(case))
        try:
            for outcome in _outcomes(chain, waiting, jobs):
                # The judge is a model as the chain is: its time is not the ruler's.
                judged = self.judge(outcome) if self.judge is not None else {}
                since = time.perf_counter()
                self._keep(name, outcome, text, judged)
                measuring += time.perf_counter() - since
                if progress is not None:
                    progress(len(self.table), self.right)
        finally:
            self.asking += time.perf_counter() - begun - measuring
            self.ruler += measuring

    def finish(self) -> Evaluation:
        """The run so far, in numbers."""
        return Evaluation(self.table, self.records, self.run, {"asking": self.asking, "ruler": self.ruler}, self.sets)


def _outcomes(chain: Chain, cases: Iterator[Case], jobs: int) -> Iterator[Outcome]:
    if jobs <= 1:
        yield from (ask(chain, case) for case in cases)
        return
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="evaluate")
    try:
        running: set[Future[Outcome]] = {pool.submit(ask, chain, case) for case in islice(cases, 2 * jobs)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(ask, chain, case) for case in islice(cases, len(done))}
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def about(chain: Any, **more: Any) -> dict[str, Any]:
    """What a run is of: the kind of chain, its film, and the settings that change answers."""
    settings, film = getattr(chain, "settings", None), getattr(chain, "film", None)
    names = ("embedding", "model", "caution", "passage_words", "k")
    known = {name: getattr(settings, name) for name in names if hasattr(settings, name)}
    return {"chain": type(chain).__name__, "film": getattr(film, "title", None), "settings": known} | more


def evaluate(
    chain: Chain,
    cases: Iterable[Case | Mapping[str, Any]],
    *,
    jobs: int = 1,
    limit: int | None = None,
    progress: Progress | None = None,
    records: Path | None = None,
    resume: bool = False,
    judge: Judge | None = None,
) -> Evaluation:
    """Measure a chain that takes a `Question` and gives an `Answer` on cases, or on rows with a case's columns.

    Cases are taken one by one, `jobs` are asked at a time, at most `limit` in all. Every case is written to the file
    `records` (a temporary one by default) as soon as it is scored; with `resume` those that stand there are not asked
    again. An error of the chain's counts as a crashed case. `judge` adds scores of its own to every case.
    """
    folder = tempfile.mkdtemp(prefix="karmalink-evaluation-") if records is None else None
    records = records or Path(str(folder), "records.jsonl")
    started = datetime.now(UTC).isoformat(timespec="seconds")
    checked = (case if isinstance(case, Case) else Case.model_validate(case) for case in cases)
    with Records(records) as kept:
        run = Run(kept, about(chain), resume=resume, judge=judge)
        run.ask(chain, islice(checked, limit), jobs=jobs, progress=progress)
        done = run.finish()
    done.run["started"] = started
    if folder is not None:
        weakref.finalize(done, shutil.rmtree, folder, ignore_errors=True)
    return done
