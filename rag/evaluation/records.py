"""The file a run writes as it goes: one case a line, so that nothing asked is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from index.errors import InputError

Record = dict[str, Any]


def key_of(record: Record) -> tuple[str, str]:
    """What makes two records the same case: the id and the words asked."""
    case = record["case"]
    return str(case["id"]), "\n".join([*case["history"], case["question"]])


def lines(path: Path) -> Iterator[tuple[int, Record]]:
    """End offset and record of every whole line; a line cut short by a kill ends it."""
    with path.open("rb") as file:
        end = 0
        for line in file:
            try:
                record = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                record = None
            if not isinstance(record, dict):
                return
            end += len(line)
            yield end, record


def _unlike(old: Record, new: Record) -> str:
    parts = (
        f"{key} was {old.get(key)!r} and is {new.get(key)!r}" for key in {**old, **new} if old.get(key) != new.get(key)
    )
    return "; ".join(parts)


class Records:
    """Records on disk, written line by line, read back one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def resume(self, run: Record) -> Iterator[Record]:
        """The records that stand there from the run cut short; the file then goes on after the last whole one.

        Raises InputError when they are of another run: `run` is what a run must have in common with it.
        """
        whole = 0
        if self.path.exists():
            for end, record in lines(self.path):
                whole = end
                if "run" not in record:
                    yield record
                elif record["run"] != run:
                    raise InputError(
                        f"{self.path} is of another run: {_unlike(record['run'], run)}. "
                        "Repeat it with the same settings, or start afresh without --resume."
                    )
            with self.path.open("r+b") as file:
                file.truncate(whole)
        self.start(run, fresh=whole == 0)

    def start(self, run: Record, *, fresh: bool = True) -> None:
        """Open the file for writing, from its beginning or behind what stands there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w" if fresh else "a", encoding="utf-8")
        if fresh:
            self.add({"run": run})

    def add(self, record: Record) -> None:
        """Write one record, so that it stands even if the process ends now."""
        if self._file is None:
            raise ValueError("records are not open")
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def __iter__(self) -> Iterator[Record]:
        """The records written so far, in the order they came."""
        return (record for _, record in lines(self.path) if "run" not in record)

    def close(self) -> None:
        """Close the file; it stays where it is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
