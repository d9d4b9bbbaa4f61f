"""Retrieval on the dev films of a folder of dossiers: `python -m rag.tune DOSSIERS` prints recall by fusion.

The passage wanted holds an accepted answer, in the paper that answers. Deterministic; about a minute.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document
from rich.console import Console
from rich.progress import track
from rich.table import Table

from index.embed import SentenceEmbeddings, load_embeddings
from index.film import PaperMeta
from index.load import finish, parse
from index.sentences import Sentences, sentence_texts
from index.settings import Settings
from index.split import split
from rag.retrieve import HISTORY, Lexical

CUTS = (1, 3, 5, 8)


@dataclass(frozen=True)
class Asked:
    """One question against its film's n passages. `sides` (2, 3, n): with its history and without, the cosine of the
    passage, that of its nearest sentence, and BM25."""

    wanted: np.ndarray
    follows: bool
    sides: np.ndarray


@dataclass(frozen=True)
class Fusion:
    """Weights of the three sides, and the share that the question without its history has."""

    cosine: float = 0.0
    sentence: float = 0.0
    words: float = 0.0
    alone: float = 0.5

    def score(self, question: Asked) -> np.ndarray:
        """The score of every passage of the question's film."""
        joined, apart = np.einsum("w,swn->sn", (self.cosine, self.sentence, self.words), question.sides)
        return np.asarray((1 - self.alone) * joined + self.alone * apart)


FUSIONS = (
    Fusion(cosine=1),
    Fusion(sentence=1),
    Fusion(words=1),
    Fusion(cosine=1, words=0.06),
    *(Fusion(cosine=0.5, sentence=0.5, words=weight) for weight in (0.0, 0.02, 0.03, 0.04, 0.06)),
    *(Fusion(cosine=share, sentence=1 - share, words=0.03) for share in (0.2, 0.35, 0.65)),
    *(Fusion(cosine=0.5, sentence=0.5, words=0.03, alone=share) for share in (0.0, 0.3, 0.7, 1.0)),
)


def films(dossiers: Path) -> list[dict[str, Any]]:
    """The dev films: those whose number leaves 1 when divided by 5."""
    found = (json.loads(path.read_text("utf-8")) for path in sorted(dossiers.glob("film-*.json")))
    return [film for film in found if int(film["id"].split("-")[-1]) % 5 == 1]


def passages(film: dict[str, Any], words: int) -> list[Document]:
    """The film's passages, as a build would cut them."""
    cut = []
    for paper in film["documents"]:
        loaded = parse(paper["text"].encode(), f"{paper['id']}.txt")
        meta = PaperMeta(title=paper["title"], kind=paper["kind"])
        cut += split(finish(loaded, paper["id"], meta, ""), words)
    return cut


def asked(film: dict[str, Any], cut: list[Document], embeddings: SentenceEmbeddings) -> Iterator[Asked]:
    """Every answerable question of the film, scored against all its passages."""
    questions = [question for question in film["questions"] if question["answer"]]
    alone = [question["q"] for question in questions]
    joined = [" ".join([*question.get("history", [])[-HISTORY:], question["q"]]) for question in questions]
    vectors, lines = embedded(cut, embeddings)
    lexical = Lexical([passage.page_content for passage in cut])
    asked_for = embeddings.encode([*joined, *alone])
    for number, question in enumerate(questions):
        accepted = [question["answer"], *question.get("also", [])]
        sides = [
            (vectors @ vector, np.array(lines.nearest(vector, range(len(cut)))), lexical.scores(text))
            for vector, text in (
                (asked_for[number], joined[number]),
                (asked_for[len(questions) + number], alone[number]),
            )
        ]
        yield Asked(
            wanted=np.array([p.metadata["document"] == question["doc"] and _holds(p, accepted) for p in cut]),
            follows=bool(question.get("history")),
            sides=np.array(sides),
        )


def embedded(cut: list[Document], embeddings: SentenceEmbeddings) -> tuple[np.ndarray, Sentences]:
    """The vectors of the passages and of their sentences, as a build would make them."""
    texts = [passage.page_content for passage in cut]
    parts = [sentence_texts(text) for text in texts]
    rows = embeddings.encode([*texts, *(line for part in parts for line in part)])
    return rows[: len(texts)], Sentences.of(rows[len(texts) :], [len(part) for part in parts])


def _holds(passage: Document, accepted: list[str]) -> bool:
    return any(answer in passage.page_content for answer in accepted)


def recall(questions: Iterable[Asked], fusion: Fusion, cut: int) -> float:
    """The share of questions with a wanted passage among the best `cut`; one that no passage holds counts as missed."""
    hits = [bool(q.wanted[np.argsort(-fusion.score(q), kind="stable")[:cut]].any()) for q in questions]
    return sum(hits) / len(hits)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Recall of the retriever on the dev dossiers.")
    parser.add_argument("dossiers", type=Path, help="folder of film-NNNN.json")
    settings = Settings()
    embeddings = load_embeddings(settings)
    questions = [
        question
        for film in track(films(parser.parse_args().dossiers), description="films")
        for question in asked(film, passages(film, settings.passage_words), embeddings)
    ]
    table = Table(title=f"{len(questions)} answerable questions of the dev films")
    for name in ("passage", "sentence", "BM25", "alone", *(f"recall@{cut}" for cut in CUTS), "follow-ups @8"):
        table.add_column(name)
    follow = [question for question in questions if question.follows]
    for fusion in FUSIONS:
        cells = [recall(questions, fusion, cut) for cut in CUTS] + [recall(follow, fusion, CUTS[-1])]
        table.add_row(*(f"{weight:g}" for weight in vars(fusion).values()), *(f"{cell:.3f}" for cell in cells))
    Console().print(table)


if __name__ == "__main__":
    main()
