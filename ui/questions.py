"""What visitors asked in vain and what they thought of answers: question, time and verdict, nothing about who asked."""

from __future__ import annotations

import argparse
import csv
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from index.settings import Settings

Verdict = Literal["no answer", "up", "down"]

# A stranger who floods the server must not fill the disk.
KEPT = 50_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS questions (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, verdict TEXT NOT NULL, question TEXT NOT NULL, word TEXT NOT NULL
)
"""

WORD = """
UPDATE questions SET word = ?
WHERE id = (SELECT max(id) FROM questions WHERE question = ? AND verdict = ? AND word = '')
"""


@dataclass(frozen=True)
class Entry:
    """One line of the log: `time` in UTC as ISO 8601, `word` what the visitor added to a thumb."""

    time: str
    verdict: str
    question: str
    word: str = ""


class QuestionLog:
    """A SQLite file, made on first use; safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def add(self, question: str, verdict: Verdict, word: str = "") -> None:
        """Keep one question, or add the word to the thumb it followed; the oldest go when there are very many."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        question, word = _plain(question), _plain(word)
        with self._lock, self._open() as database:
            if word and database.execute(WORD, (word, question, verdict)).rowcount:
                return
            database.execute(
                "INSERT INTO questions (time, verdict, question, word) VALUES (?, ?, ?, ?)",
                (now, verdict, question, word),
            )
            database.execute("DELETE FROM questions WHERE id <= (SELECT max(id) FROM questions) - ?", (KEPT,))

    def entries(self) -> list[Entry]:
        """All that is kept, newest first; none where nothing was kept yet."""
        if not self.path.exists():
            return []
        with self._open() as database:
            rows = database.execute("SELECT time, verdict, question, word FROM questions ORDER BY id DESC")
            return [Entry(*row) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=10)
        try:
            with database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("PRAGMA synchronous=NORMAL")
                database.execute(SCHEMA)
                yield database
        finally:
            database.close()


def log_path(settings: Settings) -> Path:
    """In the index folder, beside its versions: a new version keeps the questions."""
    return settings.index / "questions.sqlite"


def command(args: argparse.Namespace) -> int:
    """`karmalink questions [--csv]`: the log as a table for people, or as CSV for a spreadsheet."""
    path = log_path(args.settings)
    entries = QuestionLog(path).entries()
    if args.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(field.name for field in fields(Entry))
        writer.writerows(_inert(astuple(entry)) for entry in entries)
    elif not entries:
        print(f"No questions kept yet in {path}. They come from visitors of: karmalink serve")
    else:
        _table(entries)
    return 0


def _plain(text: str) -> str:
    """One line without control characters: it will be printed in a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _inert(cells: tuple[str, ...]) -> list[str]:
    """A spreadsheet runs a cell that starts like a formula; visitors write these cells."""
    return [f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in cells]


def _table(entries: list[Entry]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for field in fields(Entry):
        table.add_column(field.name)
    for entry in entries:
        table.add_row(*(Text(cell) for cell in astuple(entry)))
    Console().print(table)
