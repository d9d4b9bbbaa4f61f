"""The scores of a run, a column for each, small enough for a hundred thousand cases."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Mapping

import numpy as np

from rag.evaluation.metrics import Floats

MISSING = float("nan")


class Table:
    """Rows of scores, added one by one; a score that a row lacks is `nan` in its column."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.verdicts: list[str] = []
        self._columns: dict[str, array[float]] = {}

    def __len__(self) -> int:
        return len(self.types)

    def add(self, kind: str, verdict: str, scores: Mapping[str, float]) -> None:
        """Add a row: its type of question, what came of it, its scores."""
        size = len(self)
        self.types.append(sys.intern(kind))
        self.verdicts.append(sys.intern(verdict))
        for name, value in scores.items():
            if name not in self._columns:
                self._columns[name] = array("d", [MISSING]) * size
            self._columns[name].append(value)
        for column in self._columns.values():
            if len(column) == size:
                column.append(MISSING)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def column(self, name: str, rows: Floats | None = None) -> Floats:
        """A column, all of it or the rows of a mask; `nan` all through when no row has that score."""
        values = np.array(self._columns.get(name, array("d", [MISSING]) * len(self)), dtype=float)
        return values if rows is None else values[rows]

    def of_type(self, kind: str) -> Floats:
        """The mask of the rows of a type."""
        return np.array([row == kind for row in self.types], dtype=bool)
