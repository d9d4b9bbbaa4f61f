"""A paper as the rest of the program sees it: its text, and where in it every place is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index.film import PaperMeta


@dataclass(frozen=True)
class Block:
    """One paragraph, cue, row or action line: characters `start` to `end` of the paper's text."""

    start: int
    end: int
    place: str
    heading: str | None = None
    speaker: str | None = None
    seconds: float | None = None
    spoiler: bool = False
    atomic: bool = False


@dataclass(frozen=True)
class Loaded:
    """What a loader made of one file; blocks are in order and never overlap."""

    text: str
    blocks: tuple[Block, ...]
    title: str | None = None
    kind: str | None = None
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Paper:
    """One paper of the folder; `name` is its path inside the folder, with forward slashes."""

    name: str
    text: str
    blocks: tuple[Block, ...]
    meta: PaperMeta
    sha256: str
    counts: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skipped:
    """A file that is not in the index, and why; control characters of the name are escaped."""

    name: str
    reason: str


class TextBuilder:
    """Puts a text together piece by piece and keeps the offsets, for loaders whose text is not the file's own."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self.blocks: list[Block] = []

    def add(
        self,
        text: str,
        place: str,
        *,
        heading: str | None = None,
        speaker: str | None = None,
        seconds: float | None = None,
        atomic: bool = False,
        between: str = "\n\n",
    ) -> None:
        """Append one block; `between` stands before it unless it is the first. Blank text is left out."""
        text = text.strip()
        if not text:
            return
        if self._pieces:
            self._pieces.append(between)
            self._length += len(between)
        start = self._length
        self._pieces.append(text)
        self._length += len(text)
        self.blocks.append(Block(start, self._length, place, heading, speaker, seconds, False, atomic))

    @property
    def text(self) -> str:
        return "".join(self._pieces)


def place_at(blocks: Sequence[Block], start: int, end: int | None = None) -> Block | None:
    """The block that holds character `start`, or shares most with `start` to `end`; None where there is no block."""
    end = start + 1 if end is None else max(end, start + 1)
    return max(_overlapping(blocks, start, end), key=lambda pair: pair[0], default=(0, None))[1]


def _overlapping(blocks: Sequence[Block], start: int, end: int) -> Iterable[tuple[int, Block]]:
    for block in blocks:
        shared = min(block.end, end) - max(block.start, start)
        if shared > 0:
            yield shared, block
