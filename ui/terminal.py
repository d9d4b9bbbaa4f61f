"""What the command line prints: answers with their words, papers, passages, findings; and the chat."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from rag.answer import Answer, Citation, Question

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from index.build import BuildReport
    from index.store import Index
    from rag.chain import FilmChain
    from ui.doctor import Finding

LEAVE = {"exit", "quit", ":q", "/quit", "/exit"}
REMEMBERED = 3  # questions a chat goes on with
_QUOTES = ("“", "«", '"', "„")
_MARKS = {"ok": "green", "warn": "yellow", "bad": "red"}


def readable(text: str) -> str:
    """The text without control characters: what a paper says must not steer a terminal."""
    return "".join(c if c == "\n" or unicodedata.category(c) != "Cc" else " " for c in text)


def show_answer(answer: Answer) -> None:
    """The answer, then each citation numbered, quoted, its words highlighted."""
    console = Console(highlight=False)
    console.print(Text(readable(answer.answer), style="bold" if answer.answered else "yellow"))
    for citation in answer.citations:
        _cite(console, citation, f"[{citation.n}]" if answer.answered else "Nearest:")
    for citation in answer.differing:
        _cite(console, citation, "Differs:")
    if answer.suggestions:
        console.print(Text("You could ask: " + "  ".join(map(readable, answer.suggestions)), style="dim"))
    for warning in answer.warnings:
        console.print(Text(f"Note: {readable(warning)}", style="yellow"))


def _cite(console: Console, citation: Citation, label: str) -> None:
    first, last = (at - citation.start for at in citation.highlight)
    quoted = citation.quote.startswith(_QUOTES)
    left, right = ("" if quoted else "“"), ("" if quoted else "”")
    # Where there are no colours, the words are marked by stars.
    star = "" if console.is_terminal else "*"
    line = Text(f"  {label} {left}{_one_line(citation.quote[:first])}{star}")
    line.append(_one_line(citation.quote[first:last]), style="bold reverse")
    line.append(f"{star}{_one_line(citation.quote[last:])}{right}")
    parts = (citation.title or citation.document, citation.publisher, citation.place)
    source = ", ".join(part for part in parts if part)
    line.append(f" — {_one_line(source)}", style="dim")
    console.print(line)


def _one_line(text: str) -> str:
    return readable(text).replace("\n", " ")


def chat(chain: FilmChain, *, as_json: bool, spoilers: bool, history: Sequence[str]) -> int:
    """Questions from the terminal, or lines from a pipe, until the end of input or Ctrl-C."""
    asked = list(history)
    talks = sys.stdin.isatty() and not as_json
    if talks:
        # Line editing and the arrow keys come with the import.
        import readline  # noqa: F401

        print(readable(chain.film.greeting or f"Ask me anything about {chain.film.title}."))
        print("Leave with Ctrl-D.")
    while (line := _line(talks)) is not None and line.strip().casefold() not in LEAVE:
        if not line.strip():
            continue
        answer = chain.invoke(Question(text=line, history=asked[-REMEMBERED:], spoilers=spoilers))
        if as_json:
            print(json.dumps(answer.model_dump(mode="json")), flush=True)
        else:
            show_answer(answer)
        if answer.citations:
            asked.append(answer.question)
    return 0


def _line(talks: bool) -> str | None:
    try:
        return input("\n› " if talks else "")
    except (EOFError, KeyboardInterrupt):
        if talks:
            print()
        return None


class BuildProgress:
    """A progress bar a step; called with the step's name, how much of it is done, and of how much."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> BuildProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(readable(step), total=total)
        self._progress.update(self._tasks[step], completed=done, total=total)


def show_build(report: BuildReport) -> None:
    """What was taken from each paper, what was skipped and why, and what to look after."""
    console = Console(highlight=False)
    _show_taken(console, report.papers, report.skipped)
    for warning in report.warnings:
        console.print(Text(f"Warning: {readable(warning)}", style="yellow"))
    console.print(
        f"{report.passages} passages of {len(report.papers)} papers "
        f"({report.embedded} embedded, {report.reused} as before) in {report.seconds:.1f} s."
    )


def show_papers(index: Index) -> None:
    """The papers of an index, and what the build skipped."""
    _show_taken(Console(highlight=False), index.papers, index.skipped)


def _show_taken(console: Console, papers: Iterable[object], skipped: Iterable[object]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("paper", "title", "publisher", "kind", "passages", "holds"):
        table.add_column(name, justify="right" if name == "passages" else "left", overflow="fold")
    for paper in papers:
        counts = ", ".join(f"{number} {what}" for what, number in getattr(paper, "counts", {}).items())
        cells = [getattr(paper, name, None) or "" for name in ("name", "title", "publisher", "kind", "passages")]
        table.add_row(*(Text(readable(str(cell))) for cell in (*cells, counts)))
    if table.row_count:
        console.print(table)
    for paper in skipped:
        name, reason = getattr(paper, "name", ""), getattr(paper, "reason", "")
        console.print(Text(f"Skipped {readable(name)}: {readable(reason)}", style="yellow"))


def show_passages(passages: Iterable[Document]) -> None:
    """Each passage under its place; those that give the story away, or wait for their day, are marked."""
    console = Console(highlight=False)
    for passage in passages:
        meta = passage.metadata
        marks = {"spoiler": meta.get("spoiler"), f"not before {meta.get('embargo')}": meta.get("embargo")}
        shown = [mark for mark, on in marks.items() if on]
        head = " · ".join([meta["place"], f"{meta['start']}–{meta['end']}", *shown])
        console.print(Text(readable(head), style="bold"))
        console.print(Text(readable(passage.page_content) + "\n"))


def show_findings(findings: Sequence[Finding]) -> int:
    """Each finding with its mark and what mends it; 0 only when all is well."""
    console = Console(highlight=False)
    for finding in findings:
        line = Text(f"{finding.state:<5}", style=_MARKS[finding.state])
        line.append(readable(f"{finding.what}: {finding.found}"), style="")
        if finding.mend:
            line.append(f"  → {readable(finding.mend)}", style="bold")
        console.print(line, soft_wrap=True)
    return 0 if all(finding.state == "ok" for finding in findings) else 1
