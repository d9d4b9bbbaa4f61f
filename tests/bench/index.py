"""How fast papers become an index, and an answer among many passages, as ratios from one run, medians."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from index.build import build
from index.embed import BATCH, SentenceEmbeddings, load_embeddings
from index.sentences import sentence_texts
from index.settings import Settings
from index.store import open_index
from rag import build_chain

SENTENCES = (
    "Keeper number {n} lit the lamp on the {n}th night and wrote it in the book.",
    "The boat from harbour {n} came late because the wind had turned against the {n} rowers.",
    "“We shot scene {n} in one take,” said the director, who had waited {n} days for the snow.",
)
PARAGRAPHS = 600
PAPER = 2000  # paragraphs
ROUNDS = 3
FEW, MANY = 20, 10_000
QUESTIONS = 60


def bench_build() -> dict[str, float]:
    """Texts a second of a whole build over those of a bare `encode` of the same texts, which are the passages and
    their sentences; wants 0.9 or more."""
    embeddings = load_embeddings(Settings())
    embeddings.embed_documents(["warm"])
    ratios = []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            settings = _film(Path(folder), PARAGRAPHS, number)
            whole = _timed(lambda: build(settings))  # noqa: B023 - called here and now
            index = open_index(settings)
            passages = [passage.page_content for passage in index.passages]
            texts = list(dict.fromkeys([*passages, *(line for text in passages for line in sentence_texts(text))]))
            index.close()
            model = embeddings._model
            bare = _timed(lambda: model.encode(texts, batch_size=BATCH, show_progress_bar=False))  # noqa: B023
            ratios.append(bare / whole)
    return {"build throughput over bare encode": statistics.median(ratios)}


def bench_size() -> dict[str, float]:
    """Time of a question through the whole chain among many passages over that among few; wants 1.5 or less."""
    few, many = _answering(FEW), _answering(MANY)
    return {
        f"answer among {FEW} passages, ms": few * 1000,
        f"answer among {MANY} passages, ms": many * 1000,
        f"answer among {MANY} over {FEW}": many / few,
    }


def _film(folder: Path, paragraphs: int, seed: int) -> Settings:
    documents = folder / "documents"
    documents.mkdir()
    lines = [SENTENCES[(n + seed) % 3] for n in range(paragraphs)]
    told = [" ".join(line.format(n=10 * n + k + seed) for k in range(6)) for n, line in enumerate(lines)]
    for start in range(0, paragraphs, PAPER):
        (documents / f"log-{start}.txt").write_text("\n\n".join(told[start : start + PAPER]), encoding="utf-8")
    return Settings(documents=documents, index=folder / "chroma")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _answering(passages: int) -> float:
    """Median seconds of one question on an index of about so many passages, its vectors drawn at random."""
    rng = np.random.default_rng(passages)
    with tempfile.TemporaryDirectory() as folder:
        settings = _film(Path(folder), passages, 0)
        real = SentenceEmbeddings.encode
        # what a search takes hangs on the number of vectors, not on what they mean
        SentenceEmbeddings.encode = _random_vectors(rng)  # type: ignore[method-assign]
        try:
            build(settings)
        finally:
            SentenceEmbeddings.encode = real  # type: ignore[method-assign]
        chain = build_chain(settings)
        assert len(chain.index.passages) >= passages
        asked = [f"Who lit the lamp on night {number} and wrote it in the book?" for number in range(QUESTIONS)]
        times = [_timed(lambda: chain.invoke(question)) for question in asked]  # noqa: B023 - called here and now
        chain.index.close()
    return statistics.median(times)


def _random_vectors(rng: np.random.Generator) -> Callable[..., np.ndarray]:
    def encode(self: object, texts: list[str], counted: object = None) -> np.ndarray:
        vectors = rng.normal(size=(len(texts), 384)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return encode


def main() -> None:
    """Print what was measured."""
    for name, value in {**bench_build(), **bench_size()}.items():
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
