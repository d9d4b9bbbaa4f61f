"""A plain LangChain chain, to have something to compare with: fixed-size chunks, similarity, the best sentence.

What a tutorial builds: RecursiveCharacterTextSplitter 1000/200, cosine similarity, k = 4. It refuses when no sentence
is near enough to the question.
"""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from langchain_core.documents import Document
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.vectorstores import InMemoryVectorStore

from index.embed import load_embeddings
from index.settings import Settings
from index.split import sentences
from index.store import Index, open_index
from rag.answer import Answer, Citation, Question

SIZE: Final = 1000
OVERLAP: Final = 200
K: Final = 4
# Of the thresholds under which it still answers most questions, the best one on eight train dossiers: 24% right answers
# and right refusals. Similarity hardly tells what the papers answer; refusing everything would do better.
THRESHOLD: Final = 0.45


class PlainChain(Runnable[Question, Answer]):
    """Question in, Answer out: the sentence nearest to the question among the 4 nearest chunks."""

    def __init__(self, settings: Settings, index: Index) -> None:
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        self.settings = settings
        self.index = index
        self.film = index.film
        self._embeddings: Any = load_embeddings(settings)
        splitter = RecursiveCharacterTextSplitter(chunk_size=SIZE, chunk_overlap=OVERLAP, add_start_index=True)
        papers = [Document(index.text(paper.name), metadata={"document": paper.name}) for paper in index.papers]
        store = InMemoryVectorStore(self._embeddings)
        store.add_documents(splitter.split_documents(papers))
        self.retriever = store.as_retriever(search_kwargs={"k": K})
        self._titles = {paper.name: paper.title for paper in index.papers}
        self._vectors: dict[str, Any] = {}

    def invoke(self, input: Question, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """The answer; `input` may be a Question, its dict, or the bare text."""
        answer: Any = self._answer
        return self._call_with_config(answer, input, config, **kwargs)

    def _answer(self, asked: Any, config: RunnableConfig) -> Answer:
        question = Question(text=asked) if isinstance(asked, str) else Question.model_validate(asked)
        begun = time.perf_counter()
        words = " ".join([*question.history, question.text])
        chunks = self.retriever.invoke(words, config)
        found = time.perf_counter()
        best = self._best(words, chunks)
        done = time.perf_counter()
        confidence = min(1.0, max(0.0, best[0])) if best else 0.0
        answered = best is not None and confidence >= THRESHOLD
        citation = self._citation(*best[1:]) if best else None
        return Answer(
            question=question.text,
            standalone_question=words,
            answered=answered,
            answer=citation.quote if citation and answered else "The film's papers don't say.",
            confidence=confidence,
            citations=[citation] if citation else [],
            answered_by="plain",
            refusal=None if answered else "not in the documents",
            timings_ms={
                "retrieve": (found - begun) * 1000,
                "read": (done - found) * 1000,
                "total": (done - begun) * 1000,
            },
        )

    def _best(self, words: str, chunks: list[Document]) -> tuple[float, Document, int, int] | None:
        """Similarity, chunk, start and end of the sentence nearest to the words."""
        spans = [(chunk, start, end) for chunk in chunks for start, end in sentences(chunk.page_content)]
        spans = [span for span in spans if span[0].page_content[span[1] : span[2]].strip()]
        if not spans:
            return None
        texts = [chunk.page_content[start:end].strip() for chunk, start, end in spans]
        new = list(dict.fromkeys(text for text in texts if text not in self._vectors))
        if new:
            self._vectors.update(zip(new, self._embeddings.embed_documents(new), strict=True))
        vectors = np.asarray([self._vectors[text] for text in texts])
        asked = np.asarray(self._embeddings.embed_query(words))
        near = vectors @ asked / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(asked) + 1e-12)
        place = int(near.argmax())
        return float(near[place]), *spans[place]

    def _citation(self, chunk: Document, start: int, end: int) -> Citation:
        sentence = chunk.page_content[start:end]
        start += len(sentence) - len(sentence.lstrip())
        quote = sentence.strip()
        begin = int(chunk.metadata["start_index"]) + start
        name = str(chunk.metadata["document"])
        return Citation(
            n=1,
            document=name,
            title=self._titles.get(name),
            place=f"character {begin}",
            quote=quote,
            start=begin,
            end=begin + len(quote),
            highlight=(begin, begin + len(quote)),
        )


def build_plain(settings: Settings, *, index: Index | None = None) -> PlainChain:
    """The plain chain over the papers of the index of the settings, or of `index`."""
    return PlainChain(settings, index or open_index(settings))
