"""Vectors in Chroma, and one opened version of the index. The only module that imports chromadb."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from langchain_core.documents import Document

from index import child, version
from index.embed import load_embeddings
from index.errors import IndexDamaged, IndexStale, KarmalinkError
from index.film import Film
from index.paper import Block, Skipped, place_at
from index.sentences import Sentences
from index.version import Version

if TYPE_CHECKING:
    import numpy as np
    from chromadb import Collection

    from index.settings import Settings

SPACE = "cosine"
BREADTH = 200
BATCH = 5000
PROBED = "probed.json"
PROBE_SECONDS = 300


@dataclass(frozen=True)
class PaperInfo:
    """What the index knows of one paper; `embargo` is its first day of use."""

    name: str
    title: str
    publisher: str | None
    kind: str
    passages: int
    counts: dict[str, int] = field(default_factory=dict)
    sha256: str = ""
    characters: int = 0
    date: str | None = None
    url: str | None = None
    language: str | None = None
    embargo: str | None = None
    hidden: int = 0


class Store:
    """The vectors of one version: those without a mark in one collection, spoilers and embargoed ones in another.

    Chroma looks up every passage that passes a filter before it searches, which takes ten times the search itself on
    10,000 passages; apart, the filter has the few marked ones to look at, and the others need none.
    """

    def __init__(self, path: Path, server: str | None = None) -> None:
        self._client: Any = _connect(path, server)
        self._names = (f"v-{path.name}", f"v-{path.name}-marked")
        self._open: Collection | None = None
        self._marked: Collection | None = None

    def create(self, vectors: np.ndarray, passages: Sequence[Document]) -> Iterator[int]:
        """Add all vectors; yields how many stand."""
        rows: tuple[list[int], list[int]] = ([], [])
        for number, passage in enumerate(passages):
            rows[_is_marked(passage)].append(number)
        done = 0
        with _said():
            for name, numbers in zip(self._names, rows, strict=True):
                # all vectors go to the HNSW files at once: what stays in the log is replayed by every reader
                threshold = max(2, len(numbers))
                hnsw = {
                    "space": SPACE,
                    "ef_construction": BREADTH,
                    "ef_search": BREADTH,
                    "batch_size": min(100, threshold),
                    "sync_threshold": threshold,
                }
                collection = self._client.create_collection(name, embedding_function=None, configuration={"hnsw": hnsw})
                # two entries are the fewest that Chroma writes out
                for part in [*_parts(numbers), *([numbers] if len(numbers) == 1 else [])]:
                    collection.upsert(
                        ids=[str(number) for number in part],
                        embeddings=vectors[part],
                        metadatas=[
                            {name: passages[number].metadata[name] for name in ("spoiler", "embargo")}
                            for number in part
                        ],
                    )
                    done += len(part)
                    yield min(done, len(passages))

    def open(self) -> tuple[int, int]:
        """Open what `create` made; how many vectors are open and marked."""
        with _said():
            self._open, self._marked = (
                self._client.get_collection(name, embedding_function=None) for name in self._names
            )
            return self._open.count(), self._marked.count()

    def search(
        self, vector: Sequence[float], k: int, *, spoilers: bool, today: datetime.date, marked: bool = True
    ) -> list[tuple[int, float]]:
        """The nearest rows and their cosine similarity, best first."""
        hidden: list[dict[str, Any]] = [{"embargo": {"$lte": int(today.strftime("%Y%m%d"))}}]
        if not spoilers:
            hidden.append({"spoiler": False})
        where = hidden[0] if len(hidden) == 1 else {"$and": hidden}
        with _said():
            found = _nearest(self._open, vector, k, None)
            if marked:
                found += _nearest(self._marked, vector, k, where)
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def remove(self) -> None:
        """Take the collections from the server; embedded ones go with their folder."""
        with _said():
            names = {collection.name for collection in self._client.list_collections()}
            for name in names.intersection(self._names):
                self._client.delete_collection(name)

    def close(self) -> None:
        """Let go of the files."""
        self._open = self._marked = None
        self._client.close()


def _nearest(
    collection: Collection | None, vector: Sequence[float], k: int, where: dict[str, Any] | None
) -> list[tuple[int, float]]:
    if collection is None:
        raise IndexDamaged("The index is closed.")
    import numpy as np

    row = np.asarray([vector], dtype=np.float32)
    found = collection.query(query_embeddings=row, n_results=k, where=where, include=["distances"])
    distances = (found["distances"] or [[]])[0]
    return [(int(row), 1.0 - float(distance)) for row, distance in zip(found["ids"][0], distances, strict=True)]


def _is_marked(passage: Document) -> bool:
    return bool(passage.metadata["spoiler"]) or bool(passage.metadata["embargo"])


def _parts(numbers: list[int]) -> list[list[int]]:
    return [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]


def _connect(path: Path, server: str | None) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    quiet = ChromaSettings(anonymized_telemetry=False)
    if server is None:
        with _said():
            return chromadb.PersistentClient(path=str(path / version.STORE), settings=quiet)
    parts = urlsplit(server)
    secure = parts.scheme == "https"
    try:
        return chromadb.HttpClient(
            host=parts.hostname or "", port=parts.port or (443 if secure else 80), ssl=secure, settings=quiet
        )
    except (ValueError, OSError) as error:
        raise KarmalinkError(
            f"No Chroma server answers at {server} ({error}). Start it (chroma run --port {parts.port or 8000}), "
            "or unset KARMALINK_CHROMA and run: karmalink build"
        ) from None


def check_server(server: str | None) -> None:
    """Raise KarmalinkError if vectors are to go to a server, and none answers there."""
    if server is not None:
        _connect(Path(), server).close()


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """Chroma's errors as ours."""
    import httpx
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, httpx.HTTPError) as error:
        raise _unusable(error) from error
    except BaseException as error:
        # a panic of Chroma's Rust side, on a broken SQLite file, is no Exception and has no name to import
        if type(error).__name__ == "PanicException":
            raise _unusable(error) from None
        raise


def _unusable(error: BaseException) -> IndexDamaged:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return IndexDamaged(f"Chroma cannot use the index: {first}. Build it again: karmalink build")


class Index:
    """One opened version; it stays as it is whatever is built after. Safe for threads."""

    def __init__(self, opened: Version, server: str | None = None) -> None:
        papers = opened.read_papers()
        version.lease(opened.path, self)
        self._texts: dict[str, str] = {name: paper["text"] for name, paper in papers.items()}
        self._blocks = {name: [Block(*block) for block in paper["blocks"]] for name, paper in papers.items()}
        self.version = opened.name
        self.film = Film.model_validate(opened.manifest["film"], strict=False)
        self.passages = [
            Document(page_content=paper["text"][values["start"] : values["end"]], metadata=values)
            for paper in papers.values()
            for values in paper["passages"]
        ]
        self.papers = [PaperInfo(**values) for values in opened.manifest["papers"]]
        self.skipped = [Skipped(**values) for values in opened.manifest["skipped"]]
        self.warnings: list[str] = list(opened.manifest["warnings"])
        self._marks = sum(map(_is_marked, self.passages))
        try:
            self.sentences = Sentences.load(opened.path / version.SENTENCES)
        except (OSError, ValueError) as error:
            raise opened.damaged(str(error), version.SENTENCES) from None
        if len(self.sentences) != len(self.passages):
            raise opened.damaged(f"it is for {len(self.sentences)} passages", version.SENTENCES)
        self._store = Store(opened.path, server)
        counts = self._store.open()
        if counts != (len(self.passages) - self._marks, self._marks):
            raise opened.damaged(f"Chroma holds {sum(counts)} vectors, and there are {len(self.passages)} passages")

    def search(
        self, vector: Sequence[float], k: int, *, spoilers: bool, today: datetime.date
    ) -> list[tuple[int, float]]:
        """Ordinals of the nearest passages and their cosine similarity, best first; spoilers and embargo are hard."""
        found = self._store.search(vector, k, spoilers=spoilers, today=today, marked=self._marks > 0)
        return [pair for pair in found if self.allowed(pair[0], spoilers=spoilers, today=today)]

    def allowed(self, ordinal: int, *, spoilers: bool, today: datetime.date) -> bool:
        """Whether a passage may be shown; the same rule as the filter in `search`, for whatever else searches."""
        metadata = self.passages[ordinal].metadata
        return (spoilers or not metadata["spoiler"]) and metadata["embargo"] <= int(today.strftime("%Y%m%d"))

    def text(self, document: str) -> str:
        """The whole text of one paper. KeyError if there is no such paper."""
        return self._texts[document]

    def place(self, document: str, start: int, end: int | None = None) -> Block | None:
        """The paragraph, cue or row that holds `start`, or most of `start` to `end`; None between two."""
        return place_at(self._blocks.get(document, ()), start, end)

    def close(self) -> None:
        """Let go of Chroma; it must not be searched afterwards."""
        self._store.close()


def open_index(settings: Settings) -> Index:
    """The index that answers now. Raises IndexMissing, IndexDamaged or IndexStale."""
    opened = version.current(settings.index, settings.build_command)
    check_settings(opened, settings)
    if settings.chroma is None:
        check_files(opened)
    return Index(opened, settings.chroma)


def check_settings(opened: Version, settings: Settings) -> None:
    """Raise IndexStale where the version was made with another layout, model, passage size or store."""
    manifest = opened.manifest
    if manifest["schema"] != version.SCHEMA:
        raise _stale(settings, "layout", manifest["schema"], version.SCHEMA)
    embeddings = load_embeddings(settings)
    if manifest["model"]["name"] != embeddings.name:
        raise _stale(settings, "embedding model", manifest["model"]["name"], embeddings.name)
    if manifest["model"]["fingerprint"] != embeddings.fingerprint:
        what = f"files of the embedding model {embeddings.name}"
        raise _stale(settings, what, manifest["model"]["fingerprint"], embeddings.fingerprint)
    if manifest["passage_words"] != settings.passage_words:
        raise _stale(settings, "passage size", f"{manifest['passage_words']} words", f"{settings.passage_words} words")
    if manifest["chroma"] != settings.chroma:
        raise _stale(settings, "store", manifest["chroma"] or "embedded", settings.chroma or "embedded")


def _stale(settings: Settings, what: str, stored: object, now: object) -> IndexStale:
    return IndexStale(
        f"The index in {settings.index} was made with another {what}: {stored} -> {now}. "
        f"Build it again: {settings.build_command}"
    )


def check_files(opened: Version) -> None:
    """Check a version whose files are not the ones that were last seen to work. Raises IndexDamaged.

    A damaged HNSW file can take its process down, so that its sha256 is compared and a child opens it first; success
    is noted beside the files by their sizes and times.
    """
    seen = _signature(opened.path)
    note = opened.path / PROBED
    try:
        if json.loads(note.read_bytes()) == seen:
            return
    except (OSError, ValueError):
        pass
    if hashes(opened.path) != opened.manifest["files"]:
        raise opened.damaged("the vectors are not what was written", version.STORE)
    probe(opened)
    with contextlib.suppress(OSError):  # an index on a disk that cannot be written is probed every time
        version.write(note, version.dump(_signature(opened.path)))


def hashes(path: Path) -> dict[str, str]:
    """sha256 of the HNSW files of a version; SQLite's own file changes with every process that opens it."""
    store = path / version.STORE
    return {
        file.relative_to(store).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(store.glob("*/*"))
    }


def probe(opened: Version) -> None:
    """Open a version and ask it something, in a child process. Raises IndexDamaged if that does not end well."""
    try:
        done = subprocess.run(
            child.command("index.probe", os.fspath(opened.path)),
            env=child.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise opened.damaged(f"a probe took longer than {PROBE_SECONDS} seconds") from None
    if done.returncode:
        said = done.stdout.strip().splitlines()
        raise opened.damaged(said[-1] if said else f"a probe of it died (status {done.returncode})")


def _signature(path: Path) -> dict[str, list[int]]:
    store = path / version.STORE
    files = {}
    for file in sorted(store.rglob("*")):
        if file.is_file():
            status = file.stat()
            # SQLite's own file is touched by whoever opens it, and is checked by SQLite
            touched = file.parent == store
            files[file.relative_to(store).as_posix()] = [status.st_size, 0 if touched else status.st_mtime_ns]
    return files
