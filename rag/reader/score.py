"""The reader on films it never saw: `python -m rag.reader.score` prints the dev table.

Retrieval and reading as the product does them, every question of the dev dossiers; `--out` keeps each outcome, from
which `python -m rag.reader.calibrate` fits the confidence; from those of `--whole` the glance's limit as well.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document
from rich.console import Console
from rich.progress import track
from rich.table import Table

from index.embed import SentenceEmbeddings, load_embeddings
from index.settings import Settings
from rag.answer import Question
from rag.compose import told
from rag.evaluation.metrics import hit, token_f1
from rag.reader import STEPS, Reader, load_reader
from rag.reader.data import DOSSIERS
from rag.reader.extractive import ExtractiveReader
from rag.retrieve import FilmRetriever
from rag.span import sentence_at
from rag.tune import embedded, films, passages


@dataclass(frozen=True)
class Outcome:
    """One question read: the best score, and whether what it points at is right: span, sentence, what is said.
    `glance`: what the glance held of that passage, where every passage was read to the end."""

    film: str
    type: str
    answerable: bool
    score: float
    confidence: float
    hit: float
    sentence: float
    said: float
    f1: float
    passage: bool
    ms: float
    glance: float | None = None


class MemoryIndex:
    """A film's passages searched in memory; what a retriever needs of an index, without files."""

    def __init__(self, found: list[Document], embeddings: SentenceEmbeddings) -> None:
        self.passages = found
        self._vectors, self.sentences = embedded(found, embeddings)

    def search(self, vector: Sequence[float], k: int, **_: Any) -> list[tuple[int, float]]:
        near = self._vectors @ np.asarray(vector, dtype=np.float32)
        return [(int(place), float(near[place])) for place in np.argsort(-near)[:k]]


def outcomes(
    film: dict[str, Any], reader: Reader, settings: Settings, embeddings: Any, judge: Callable[..., float] = hit
) -> Iterator[Outcome]:
    """Every question of a dossier, asked."""
    glance = reader.glance if isinstance(reader, ExtractiveReader) and reader.hope == -math.inf else None
    cut = passages(film, settings.passage_words)
    retriever = FilmRetriever(index=MemoryIndex(cut, embeddings), embeddings=embeddings)
    for item in film["questions"]:
        question = Question(text=item["q"], history=item.get("history") or [])
        found = retriever.retrieve(question)
        began = time.perf_counter()
        readings = reader.read(question, found, STEPS)
        ms = (time.perf_counter() - began) * 1000
        accepted = [answer for answer in (item.get("answer"), *(item.get("also") or ())) if answer]
        best = readings[0]
        said = best.passage.page_content[best.start : best.end]
        start, end = sentence_at(best.passage.page_content, best.start, best.end)
        here = best.passage.metadata["document"] == item.get("doc")
        yield Outcome(
            film=film["id"],
            type=item["type"],
            answerable=bool(accepted),
            score=best.score,
            confidence=reader.confidence(readings),
            hit=judge(said, accepted) if accepted else 0.0,
            sentence=judge(best.passage.page_content[start:end], accepted) if accepted else 0.0,
            said=judge(told(best), accepted) if accepted else 0.0,
            f1=token_f1(said, accepted) if accepted else 0.0,
            passage=here and any(answer in best.passage.page_content for answer in accepted),
            ms=ms,
            glance=glance(question, best.passage) if glance else None,
        )


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive scores above a negative (Mann-Whitney U / n m)."""
    ranks = np.argsort(np.argsort(scores)) + 1
    most = positive.sum()
    return float((ranks[positive].sum() - most * (most + 1) / 2) / (most * (len(scores) - most)))


def table(found: Sequence[Outcome], thresholds: dict[str, float]) -> Iterator[Table]:
    """What of the answerable is right, what of the rest is refused, at each caution; then by type."""
    answerable = np.array([one.answerable for one in found])
    confidence = np.array([one.confidence for one in found])
    right = np.array([one.hit for one in found])
    as_said = np.array([one.said for one in found])
    ms = np.array([one.ms for one in found])
    over = Table(title=f"{len(found)} questions of {len({one.film for one in found})} dev films")
    for name in ("right span", "right sentence", "right as said", "token F1", "passage", "AUC", "p50 ms", "p95 ms"):
        over.add_column(name)
    means = [np.mean([(o.sentence, o.said, o.f1, o.passage) for o in found if o.answerable], axis=0)]
    numbers = (right[answerable].mean(), *means[0], auc(confidence, answerable))
    over.add_row(*(f"{number:.3f}" for number in numbers), *(f"{np.percentile(ms, part):.0f}" for part in (50, 95)))
    yield over
    at = Table(title="at each caution")
    for name in ("caution", "threshold", "right as said", "refused of the unanswerable", "refused of the answerable"):
        at.add_column(name)
    for caution, threshold in thresholds.items():
        given = confidence >= threshold
        cells = ((as_said * given)[answerable].mean(), 1 - given[~answerable].mean(), 1 - given[answerable].mean())
        at.add_row(caution, f"{threshold:.2f}", *(f"{cell:.3f}" for cell in cells))
    yield at
    by = Table(title="right span by type")
    for name in ("type", "questions", "right span"):
        by.add_column(name)
    for kind in sorted({one.type for one in found if one.answerable}):
        some = [one.hit for one in found if one.type == kind and one.answerable]
        by.add_row(kind, str(len(some)), f"{np.mean(some):.3f}")
    yield by


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rag.reader.score", description=__doc__)
    parser.add_argument("--dossiers", type=Path, default=DOSSIERS)
    parser.add_argument("--every", type=int, default=1, help="every how manieth film: 2 for every second")
    parser.add_argument("--out", type=Path, help="write every outcome there, one JSON object a line")
    parser.add_argument("--whole", action="store_true", help="read every passage to the end, to fit the glance's limit")
    options = parser.parse_args(argv)
    settings = Settings()
    reader, embeddings = load_reader(settings), load_embeddings(settings)
    if options.whole and isinstance(reader, ExtractiveReader):
        reader.hope = -math.inf
    found: list[Outcome] = []
    for film in track(films(options.dossiers)[:: options.every], description="films"):
        found += outcomes(film, reader, settings, embeddings)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text("".join(json.dumps(asdict(one)) + "\n" for one in found), "utf-8")
    console = Console()
    for one in table(found, {caution: reader.threshold(caution) for caution in ("careful", "balanced", "bold")}):
        console.print(one)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
