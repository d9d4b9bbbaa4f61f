"""Cosine similarity of short texts, each embedded once and remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

_KEPT = 20_000  # vectors; 384 numbers each, about 30 MB


class Similarity:
    """`similarity(text, others)` gives the cosine (-1 to 1) of `text` to each of the others, in order. Thread-safe."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, text: str, others: Sequence[str]) -> list[float]:
        if not others:
            return []
        question = self.vector(text)
        return [float(self.vector(other) @ question) for other in others]

    def vector(self, text: str) -> np.ndarray:
        """The text's vector, length 1."""
        with self._lock:
            if text in self._known:
                self._known.move_to_end(text)
                return self._known[text]
        vector = np.asarray(self._embeddings.embed_query(text), dtype=np.float32)
        vector /= max(float(np.linalg.norm(vector)), 1e-9)
        with self._lock:
            self._known[text] = vector
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return vector
