"""A chain over papers that come with their questions: indexed in a folder of their own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.runnables import Runnable

from index.settings import Settings
from rag.evaluation.dossier import Paper

Maker = Callable[[Settings], Runnable[Any, Any]]


def _toml(text: str) -> str:
    """The text as a TOML string: JSON's, but that TOML has no surrogate pairs and wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def film_toml(title: str, papers: Sequence[Paper]) -> str:
    """film.toml for a film and its papers."""
    lines = [f"title = {_toml(title)}"]
    for paper in papers:
        lines.append(f"\n[{_toml(paper.name)}]")
        lines += [f"{key} = {_toml(value)}" for key in ("title", "kind") if (value := getattr(paper, key))]
    return "\n".join(lines) + "\n"


def write(title: str, papers: Sequence[Paper], documents: Path) -> None:
    """Write the papers and film.toml as a film team would have them."""
    documents.mkdir(parents=True, exist_ok=True)
    for paper in papers:
        (documents / paper.name).write_text(paper.text, encoding="utf-8", errors="replace", newline="")
    (documents / "film.toml").write_text(film_toml(title, papers), encoding="utf-8", errors="replace")


def folder_of(title: str, papers: Sequence[Paper]) -> str:
    """A folder's name for the film, another one as soon as a paper differs."""
    digest = hashlib.sha256(film_toml(title, papers).encode("utf-8", "replace"))
    for paper in papers:
        digest.update(paper.text.encode("utf-8", "replace"))
    return f"{re.sub(r'[^a-z0-9]+', '-', title.casefold()).strip('-')[:40]}-{digest.hexdigest()[:12]}"


def film_chain(
    title: str, papers: Sequence[Paper], settings: Settings, make: Maker, folder: Path
) -> Runnable[Any, Any]:
    """The chain that `make` builds over an index of these papers alone, kept under `folder`.

    An index that stands there from the same papers is brought up to date, which costs next to nothing.
    """
    from index.build import build

    home = folder / folder_of(title, papers)
    write(title, papers, home / "documents")
    own = settings.model_copy(update={"documents": home / "documents", "index": home / "index", "chroma": None})
    build(own)
    return make(own)
