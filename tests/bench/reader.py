"""What reading costs by the number of passages, against the bare passes through the network."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from langchain_core.documents import Document

from index.load import finish, parse
from index.split import split
from rag import Question
from rag.reader.data import DOSSIERS, read_dossiers
from rag.reader.extractive import ExtractiveReader

PASSAGES = (1, 2, 4, 8, 16)
QUESTIONS = 30


def main() -> None:
    """Print milliseconds a question for each number of passages, and how many times the bare passes that is."""
    from index.film import PaperMeta

    film = next(dossier for dossier in read_dossiers(DOSSIERS) if dossier.dev)
    papers = [
        finish(parse(paper["text"].encode(), f"{paper['id']}.txt"), paper["id"], PaperMeta(title=paper["title"]), "")
        for paper in film.papers
    ]
    passages = [passage for paper in papers for passage in split(paper, 110)]
    passages = (passages * (1 + max(PASSAGES) // len(passages)))[: max(PASSAGES)]
    started = time.perf_counter()
    reader = ExtractiveReader()
    print(f"loading, s: {time.perf_counter() - started:.2f}")
    questions = [Question(text=asked.text) for asked in film.questions[:QUESTIONS]]
    reader.read(questions[0], passages)
    for count in PASSAGES:
        whole = [_timed(lambda: reader.read(question, passages[:count])) for question in questions]  # noqa: B023
        bare = [_timed(_passes(reader, question, passages[:count])) for question in questions]
        middle = statistics.median(whole)
        print(f"{count} passages: {middle * 1000:.0f} ms, {middle / statistics.median(bare):.2f} x the bare passes")


def _passes(reader: ExtractiveReader, question: Question, passages: list[Document]) -> Callable[[], object]:
    """The runs of the network that reading these passages takes, and nothing else."""
    import numpy as np

    runtime = reader._runtime
    ids, _ = runtime.encode(question.text)
    asked = runtime.lower([ids])[0]
    rows = [np.concatenate([asked, half.states.astype(np.float32)]) for p in reader._lower(passages) for half in p]
    return lambda: (runtime.lower([ids]), runtime.upper([states for states, _ in runtime.middle(rows)]))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
