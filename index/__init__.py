"""Papers in, searchable passages out. Knows no question and no language model."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from index import quiet as quiet

_HOMES = {
    "Settings": "settings",
    "Film": "film",
    "PaperMeta": "film",
    "read_film": "film",
    "Block": "paper",
    "Paper": "paper",
    "Skipped": "paper",
    "KarmalinkError": "errors",
    "load_folder": "load",
    "load_embeddings": "embed",
    "Index": "store",
    "open_index": "store",
    "BuildReport": "build",
}

__all__ = [*_HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"index.{_HOMES[name]}"), name)
