"""A chain over a folder of papers, with the real index and the real reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.build import build
from index.settings import Settings
from rag import build_chain
from rag.chain import FilmChain


@contextmanager
def chain_over(documents: Path, folder: Path) -> Iterator[FilmChain]:
    """The chain whose index is built in `folder`, closed at the end."""
    settings = Settings(documents=documents, index=folder / "chroma")
    build(settings)
    made = build_chain(settings)
    try:
        yield made
    finally:
        made.index.close()
