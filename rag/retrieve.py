"""Which passages may hold the answer: meaning (Chroma) and words (BM25) together, hard filters on both sides."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, PrivateAttr

from rag.answer import Question
from rag.words import stems

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun

    from index.settings import Settings
    from index.store import Index

# score = cosine of passage and of its nearest sentence, half each, + LEXICAL x BM25; tuned on the dev dossiers by
# `python -m rag.tune`.
LEXICAL = 0.03
POOL = 64  # passages each side puts forward
HISTORY = 3  # questions before this one that are searched with it


class Near(NamedTuple):
    """One passage: its ordinal, its cosine, the cosine of its nearest sentence, its BM25."""

    at: int
    cosine: float
    sentence: float
    words: float

    @property
    def score(self) -> float:
        return (self.cosine + self.sentence) / 2 + LEXICAL * self.words


class FilmRetriever(BaseRetriever):
    """The `k` passages nearest to a question, best first.

    Each comes as a copy with `score` (what it is ranked by), `similarity` (the passage's cosine), `sentence` (its
    nearest sentence's) and `bm25` in its metadata.
    Passages under embargo never come, passages that give the story away only with `spoilers`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: Any
    embeddings: Any
    k: int = 8
    spoilers: bool = False

    _lexical: Lexical = PrivateAttr()
    _spoiler: np.ndarray = PrivateAttr()
    _embargo: np.ndarray = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        meta = [passage.metadata for passage in self.index.passages]
        self._lexical = Lexical([passage.page_content for passage in self.index.passages])
        self._spoiler = np.array([bool(values.get("spoiler", False)) for values in meta], dtype=bool)
        self._embargo = np.array([int(values.get("embargo", 0)) for values in meta], dtype=np.int64)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return self.retrieve(Question(text=query, spoilers=self.spoilers))

    def retrieve(self, question: Question, k: int | None = None) -> list[Document]:
        """The passages for a question read with its history; `question.spoilers` rules, not the field."""
        today = datetime.date.today()
        # Half by the question with its history, half by itself: nobody knows whether it goes on or begins anew.
        queries = list(dict.fromkeys([standalone(question), question.text]))
        vector = np.mean([self.embeddings.embed_query(query) for query in queries], axis=0, dtype=np.float32)
        length = float(np.linalg.norm(vector))
        near = self.index.search(vector.tolist(), POOL, spoilers=question.spoilers, today=today)
        dense = {at: cosine * length for at, cosine in near}
        allowed = self._allowed(question.spoilers, today)
        words = np.mean([self._lexical.scores(query, allowed) for query in queries], axis=0)
        # A passage that only its words put forward is at most as near as the last one of the dense side.
        floor = min(dense.values(), default=0.0)
        pool = sorted({*dense, *(int(at) for at in np.argsort(-words, kind="stable")[:POOL] if words[at] > 0)})
        near_lines = self.index.sentences.nearest(vector, pool)
        found = [
            Near(at, dense.get(at, floor), line, float(words[at])) for at, line in zip(pool, near_lines, strict=True)
        ]
        return [self._found(one) for one in sorted(found, key=lambda one: (-one.score, one.at))[: k or self.k]]

    def _allowed(self, spoilers: bool, today: datetime.date) -> np.ndarray:
        """Which passages may be shown, by the rule the index itself searches by."""
        return (self._embargo <= int(today.strftime("%Y%m%d"))) & (spoilers | ~self._spoiler)

    def _found(self, one: Near) -> Document:
        passage: Document = self.index.passages[one.at]
        extra = {"score": one.score, "similarity": one.cosine, "sentence": one.sentence, "bm25": one.words}
        extra = {name: round(number, 6) for name, number in extra.items()}
        return Document(page_content=passage.page_content, metadata=passage.metadata | extra)


class Lexical:
    """BM25 over the stems of texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s  # type: ignore[import-untyped]

        corpus = stems(texts)
        self._size = len(texts)
        self._model: bm25s.BM25 | None = None
        if any(corpus):
            self._model = bm25s.BM25()
            self._model.index(corpus, show_progress=False)

    def scores(self, query: str, allowed: np.ndarray | None = None) -> np.ndarray:
        """BM25 of every text, in order; -1 for those that are not allowed."""
        found = np.zeros(self._size)
        if self._model is not None:
            known = [word for word in stems([query])[0] if word in self._model.vocab_dict]
            if known:
                found = self._model.get_scores(known)
        return found if allowed is None else np.where(allowed, found, -1.0)


def standalone(question: Question) -> str:
    """The question as it is searched: the questions before it, then itself."""
    return " ".join([*question.history[-HISTORY:], question.text])


def load_retriever(settings: Settings, index: Index | None = None) -> FilmRetriever:
    """A retriever over the index of the settings, or over `index`.

    Raises IndexMissing, IndexDamaged or IndexStale as index.store.open_index does.
    """
    from index.embed import load_embeddings

    if index is None:
        from index.store import open_index

        index = open_index(settings)
    return FilmRetriever(index=index, embeddings=load_embeddings(settings), k=settings.k)
