"""The vectors of single sentences: a passage is as near to a question as its nearest sentence, too."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


WORDS = 8  # the least in a text


@lru_cache(maxsize=4096)
def sentences(text: str) -> tuple[tuple[int, int], ...]:
    """The sentences of a passage as offsets, without the white space around them; none runs on into a new paragraph."""
    from index.loaders.text import paragraphs
    from index.split import sentences as split

    found = ((low + s, low + e) for low, high in paragraphs(text) for s, e in split(text[low:high]))
    return tuple((start, end) for start, end in (_strip(text, s, e) for s, e in found) if start < end)


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def sentence_texts(passage: str) -> list[str]:
    """What of a passage is embedded sentence by sentence: at least one text. Lines of dialogue of a word or two say
    nothing alone and would be most of a film's texts, so short ones go together."""
    texts: list[str] = []
    words = WORDS
    for start, end in sentences(passage):
        if words < WORDS:
            texts[-1] = f"{texts[-1]} {passage[start:end]}"
        else:
            texts.append(passage[start:end])
        words = len(texts[-1].split())
    return texts or [passage]


class Sentences:
    """Unit vectors (sentences, dimensions); those of passage i, one at least, are rows begins[i] to begins[i + 1]."""

    def __init__(self, vectors: np.ndarray, begins: np.ndarray) -> None:
        self._vectors, self._begins = vectors, begins

    @classmethod
    def of(cls, vectors: np.ndarray, counts: Sequence[int]) -> Sentences:
        """Of vectors in the order of the passages, so many a passage."""
        import numpy as np

        return cls(vectors.astype(np.float16), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))

    def nearest(self, vector: np.ndarray, ordinals: Sequence[int]) -> list[float]:
        """For each passage the product of `vector` and its nearest sentence: their cosine, if `vector` has length 1."""
        return [float((self._vectors[self._begins[at] : self._begins[at + 1]] @ vector).max()) for at in ordinals]

    def __len__(self) -> int:
        """The number of passages."""
        return len(self._begins) - 1

    @property
    def rows(self) -> np.ndarray:
        return self._vectors

    def save(self, path: Path) -> None:
        import numpy as np

        with path.open("wb") as file:
            np.savez(file, vectors=self._vectors, begins=self._begins)

    @classmethod
    def load(cls, path: Path) -> Sentences:
        """What `save` wrote; zip's own checksums tell a damaged file. Raises ValueError or OSError."""
        import numpy as np

        try:
            with path.open("rb") as file, np.load(file) as arrays:
                return cls(arrays["vectors"], arrays["begins"])
        except (zipfile.BadZipFile, KeyError, EOFError) as error:
            raise ValueError(str(error)) from error
