"""karmalink evaluate: question sets in, a verdict and a report out."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from index.errors import InputError, KarmalinkError

if TYPE_CHECKING:
    from index.settings import Settings
    from rag.evaluation.case import Case, Problem
    from rag.evaluation.roads import Road
    from rag.evaluation.run import Chain, Evaluation, Judge, Run
    from rag.evaluation.sets import QuestionSet
    from rag.evaluation.terminal import Asking

OK, FAILED, WRONG_INPUT, WORSE, UNDER_A_BAR = range(5)
SHOWN: Final = 20
"""Lines of a kind that are printed before the rest is only counted."""


def _film(settings: Settings) -> Chain:
    from rag.chain import build_chain

    return build_chain(settings)


def _plain(settings: Settings) -> Chain:
    from rag.evaluation.plain import build_plain

    return build_plain(settings)


def _reader(settings: Settings) -> Chain:
    return _film(settings.model_copy(update={"model": None}))


def _alone(settings: Settings) -> Chain:
    from rag.evaluation.roads import alone

    if not settings.model:
        raise InputError("--chain model measures a language model, and none is set. Name one: --model ollama:llama3.2")
    return alone(_film(settings))


CHAINS: Final[dict[str, Callable[[Settings], Chain]]] = {
    "film": _film,
    "reader": _reader,
    "model": _alone,
    "plain": _plain,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    add = parser.add_argument
    add("questions", nargs="+", type=Path, metavar="QUESTIONS", help="question sets: files, or folders of them")
    add("--html", type=Path, metavar="FILE", help="write the report, one page that opens offline")
    add("--json", type=Path, metavar="FILE", help="write the results, and keep every case as soon as it is answered")
    add("--baseline", type=Path, metavar="FILE", help="results of an earlier run to compare with; status 3 when worse")
    add("--fail-under", default="", metavar="BARS", help="for example hit=0.9,refusal_f1=0.9; status 4 under a bar")
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--limit", type=_count, metavar="N", help="ask the first N questions")
    some.add_argument("--sample", type=_count, metavar="N", help="ask N questions of all, the same ones every time")
    add("--jobs", type=_count, default=1, metavar="N", help="questions asked at a time (default: %(default)s)")
    add("--resume", action="store_true", help="go on with the run that --json FILE was cut short in")
    add(
        "--chain",
        choices=sorted(CHAINS),
        help="measure this alone (default: film; with --model reader, model and film)",
    )
    add("--split", choices=("dev", "train", "all"), help="films of a folder of dossiers to ask (default: dev)")
    add("--own-papers", action="store_true", help="ask a SQuAD file's own paragraphs, not the film's papers")
    add("--keep", type=Path, metavar="DIR", help="keep the indexes of papers that come with their questions here")
    add("--judge", metavar="MODEL", help="a language model that judges faithfulness and relevance (extra: judge)")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def bars(text: str) -> dict[str, float]:
    """The bars of 'hit=0.9,refusal_f1=0.9' by name. Raises InputError naming what is wrong."""
    from rag.evaluation.summary import named, names

    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if named(name) is None:
            close = difflib.get_close_matches(name, names(), 1)
            meant = f"Is {close[0]!r} meant? " if close else ""
            raise InputError(f"--fail-under: there is no measure {name!r}. {meant}There are: {', '.join(names())}.")
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"--fail-under: {part!r} has no number; write it as {name}=0.9") from None
    return found


def judged_bars(evaluation: Evaluation, wanted: dict[str, float]) -> list[dict[str, Any]]:
    """Each bar with the value and whether it is met. A measure that has no score does not meet its bar."""
    from rag.evaluation.summary import named

    found = []
    for name, bar in wanted.items():
        measure = named(name)
        value = evaluation.value(measure.name) if measure else None
        met = value is not None and measure is not None and (value <= bar if measure.low_is_good else value >= bar)
        found.append({"name": name, "bar": bar, "value": value, "met": met})
    return found


@dataclass
class _Problems:
    """What is wrong in the sets: each is told once, a flood of them only counted."""

    all: list[Problem] = field(default_factory=list)

    def __call__(self, problem: Problem) -> None:
        self.all.append(problem)
        if len(self.all) <= SHOWN:
            print(f"karmalink: {problem}", file=sys.stderr)

    def dropped(self) -> int:
        return sum(problem.dropped for problem in self.all)

    def close(self) -> None:
        if len(self.all) > SHOWN:
            print(f"karmalink: and {len(self.all) - SHOWN} more of the kind", file=sys.stderr)


def _looked_through(args: argparse.Namespace, problems: _Problems) -> int:
    """Read everything once, so that what is wrong is said before anything is asked; the number of questions."""
    from rag.evaluation.sets import read

    sets = read(args.questions, problems, split=args.split, own_papers=args.own_papers)
    found = sum(1 for group in sets for _ in group.cases)
    problems.close()
    if not found:
        given = ", ".join(map(str, args.questions))
        wrong = f"; {problems.dropped()} rows cannot be used" if problems.dropped() else ""
        raise InputError(f"{given}: no question to ask{wrong}. Give a set with at least one.")
    return min(found, args.limit or args.sample or found)


def _check(args: argparse.Namespace) -> dict[str, float]:
    """What can be wrong with the arguments, found before the first question; the bars."""
    if args.resume and args.json is None:
        raise InputError("--resume goes on with the results of --json FILE; name the file too.")
    for path in filter(None, (args.json, args.html)):
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise InputError(f"{path} cannot be written: no such folder, or a folder itself.")
    if args.judge:
        from rag.evaluation.judge import require

        require()
    return bars(args.fail_under)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where indexes of papers that come with their questions stand."""
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="karmalink-evaluation-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _roads(args: argparse.Namespace) -> tuple[Road, ...]:
    """What each question is put to: one chain, or with a language model all that it can be compared with."""
    from rag.evaluation.roads import FILM, ROADS

    return ROADS if args.settings.model and args.chain is None else (FILM,)


def _ask_all(args: argparse.Namespace, runs: Mapping[Road, Run], folder: Path, asking: Asking) -> None:
    from rag.evaluation.film import film_chain
    from rag.evaluation.sets import first, read, sampled

    make, standing = CHAINS[args.chain or "film"], None

    def sets() -> Iterator[QuestionSet]:
        return read(args.questions, lambda _: None, split=args.split, own_papers=args.own_papers)

    for group in sampled(sets, args.sample) if args.sample else first(sets(), args.limit):
        # Several roads go over the same questions; for one they need not be held.
        cases: Iterable[Case] = group.cases if len(runs) == 1 else list(group.cases)
        if group.papers is None:
            chain = standing = standing or make(args.settings)
        else:
            cases = [case for case in cases if not all(run.has(case) for run in runs.values())]
            if not cases:
                continue
            chain = film_chain(group.name, group.papers, args.settings, make, folder)
        for road, run in runs.items():
            run.ask(road.chain(chain), cases, name=group.name, jobs=args.jobs, progress=asking.of(road.label))


def _about(args: argparse.Namespace, road: Road) -> dict[str, Any]:
    """What two runs must have in common for one to go on with the other."""
    names = ("embedding", "model", "caution", "passage_words", "k")
    return {
        "chain": args.chain or road.name,
        "sets": [str(path) for path in args.questions],
        "split": args.split,
        "settings": {name: getattr(args.settings, name) for name in names},
    }


def _judge(args: argparse.Namespace) -> Judge | None:
    if not args.judge:
        return None
    from index.embed import load_embeddings
    from rag.evaluation.judge import load

    return load(args.judge, load_embeddings(args.settings))


def _part(path: Path, road: Road) -> Path:
    """Where a road's cases are kept while it is gone."""
    from rag.evaluation.roads import FILM

    return path.with_name(f"{path.name}.part" if road is FILM else f"{path.name}.{road.name}.part")


def _measure(args: argparse.Namespace, total: int, kept: Mapping[Road, Path]) -> tuple[Evaluation, bool]:
    """Ask everything; the evaluation, with the other roads beside it, and whether Ctrl-C cut it short."""
    from rag.evaluation.records import Records
    from rag.evaluation.roads import FILM
    from rag.evaluation.run import Run
    from rag.evaluation.terminal import Asking

    stopped = False
    with contextlib.ExitStack() as stack:
        folder, judge = stack.enter_context(_folder(args.keep)), _judge(args)
        runs = {
            road: Run(stack.enter_context(Records(path)), _about(args, road), resume=args.resume, judge=judge)
            for road, path in kept.items()
        }
        with Asking(total, {road.label: len(run.table) for road, run in runs.items()}) as asking:
            try:
                _ask_all(args, runs, folder, asking)
            except KeyboardInterrupt:
                stopped = True
    done = {road.name: run.finish() for road, run in runs.items()}
    for evaluation in done.values():
        evaluation.run |= {"started": _now(), "questions": total, "stopped": stopped}
    evaluation = done[FILM.name]
    evaluation.roads = done if len(done) > 1 else {}
    return evaluation, stopped


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _status(evaluation: Evaluation, stopped: bool, dropped: int) -> int:
    """The gravest finding as an exit status."""
    comparison = evaluation.comparison or {}
    all_crashed = any(road.summary["crashed"] == len(road.table) for road in (evaluation, *evaluation.roads.values()))
    findings = (
        (stopped or all_crashed, FAILED),
        (bool(comparison.get("worse")), WORSE),
        (not all(bar["met"] for bar in evaluation.bars), UNDER_A_BAR),
        (dropped > 0, WRONG_INPUT),
    )
    return next((status for found, status in findings if found), OK)


def run(args: argparse.Namespace) -> int:
    """`karmalink evaluate`: ask, measure, compare, report; the exit status.

    0 well, 1 failed or cut short, 2 wrong input (a set with rows that cannot be used runs all the same), 3 worse than
    the baseline, 4 under a bar. Raises InputError for what is wrong before the first question.
    """
    from rag.evaluation import compare
    from rag.evaluation.terminal import show

    wanted = _check(args)
    baseline = compare.load(args.baseline) if args.baseline else None
    problems = _Problems()
    total = _looked_through(args, problems)
    with tempfile.TemporaryDirectory(prefix="karmalink-evaluation-") as scratch:
        results = args.json or Path(scratch, "records.jsonl")
        parts = {road: _part(results, road) for road in _roads(args)}
        evaluation, stopped = _measure(args, total, parts)
        evaluation.problems = problems.all
        evaluation.bars = judged_bars(evaluation, wanted)
        if baseline is not None:
            evaluation.comparison = compare.compare(evaluation.records, baseline, str(args.baseline))
        _write(args, evaluation)
        show(evaluation, args)
        if not stopped and args.json is not None:
            for part in parts.values():
                part.unlink()
    return _status(evaluation, stopped, problems.dropped())


def _write(args: argparse.Namespace, evaluation: Evaluation) -> None:
    try:
        if args.json is not None:
            evaluation.save(args.json)
        if args.html is not None:
            from rag.evaluation.report import write

            write(evaluation, args.html)
    except OSError as error:
        raise KarmalinkError(
            f"{error.filename or args.json or args.html} cannot be written: {error.strerror}."
        ) from None
