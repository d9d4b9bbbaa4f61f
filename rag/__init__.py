"""Questions about a film, answered in the words of its own papers.

from rag import Question, build_chain
answer = build_chain().invoke(Question(text="Who directed it?"))
"""

from __future__ import annotations

import importlib
from typing import Any

# Chroma and the models are heavy: a name brings its module in only when it is asked for.
_HOMES = {
    "Answer": "rag.answer",
    "Citation": "rag.answer",
    "Question": "rag.answer",
    "FilmRetriever": "rag.retrieve",
    "load_retriever": "rag.retrieve",
    "FilmChain": "rag.chain",
    "build_chain": "rag.chain",
}

__all__ = [
    "Answer",
    "Citation",
    "FilmChain",
    "FilmRetriever",
    "Question",
    "build_chain",
    "load_retriever",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
