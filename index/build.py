"""Papers to an index: take over what has not changed, write a new version, check it, swap it in."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.documents import Document

from index import load, version
from index.embed import SentenceEmbeddings, load_embeddings
from index.errors import IndexDamaged, IndexMissing, InputError, KarmalinkError
from index.film import FILE, Film, read_film
from index.paper import Loaded, Paper, Skipped
from index.sentences import Sentences, sentence_texts
from index.split import split
from index.store import Index, PaperInfo, Store, check_files, check_server, hashes
from index.version import Version
from index.worker import loaded_from, loaded_to

if TYPE_CHECKING:
    import numpy as np

    from index.settings import Settings

Progress = Callable[[str, int, int], None]


class Check(Protocol):
    """Called with a new index before it answers: warnings. `prepare` is called early in a long build."""

    def prepare(self) -> None: ...

    def __call__(self, index: Index) -> list[str]: ...


@dataclass(frozen=True)
class BuildReport:
    """What a build did; `seconds` from start to end, `changed` whether a new version answers now."""

    passages: int
    embedded: int
    reused: int
    papers: list[PaperInfo]
    skipped: list[Skipped]
    warnings: list[str]
    seconds: float
    version: str
    changed: bool = True


@dataclass
class Plan:
    """All that goes into a version but the vectors."""

    film: Film
    folder: load.Folder
    papers: list[tuple[Paper, list[Document]]]
    warnings: list[str]

    @property
    def passages(self) -> list[Document]:
        return [passage for _, passages in self.papers for passage in passages]


def build(settings: Settings, *, progress: Progress | None = None, check: Check | None = None) -> BuildReport:
    """Make the index of the folder; the old one answers until the new one has been checked.

    `progress(step, done, all)` is told how far it is; `check` sees the new index before it answers and may warn.
    Raises InputError for papers or film.toml that cannot be used, IndexLocked while another build runs, KarmalinkError
    when the disk is full or the new version does not answer: the old index stays in all these cases.
    """
    started = time.monotonic()
    tell = progress or (lambda step, done, total: None)
    film = read_film(settings.documents)
    embeddings = load_embeddings(settings)
    with version.locked(settings.index, settings.build_command):
        try:
            return _build(settings, film, embeddings, tell, check, started)
        except (OSError, IndexDamaged) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise KarmalinkError(
                f"The index could not be written to {settings.index}: {reason}. The old index, if there is one, stays "
                f"as it is. See that there is room on the disk and run: {settings.build_command}"
            ) from error


def _build(
    settings: Settings,
    film: Film,
    embeddings: SentenceEmbeddings,
    tell: Progress,
    check: Check | None,
    started: float,
) -> BuildReport:
    old = _old_version(settings.index, settings.build_command)
    before = _old_papers(old)
    if not before:
        # Seconds of other libraries' imports, while the papers are read.
        embeddings.prepare()
        if check is not None:
            check.prepare()
    plan = _plan(settings, film, old, before, tell)
    embeddings.verify()
    check_server(settings.chroma)
    manifest = _manifest(settings, embeddings, plan)
    if old is not None and before and _same(old, manifest, settings):
        return _report(plan, old, 0, old.manifest["warnings"], started, changed=False)
    texts = [passage.page_content for passage in plan.passages]
    parts = [sentence_texts(text) for text in texts]
    lines = [line for part in parts for line in part]
    rows, embedded = _vectors(old, before, embeddings, texts, lines, tell)
    vectors, told = rows[: len(texts)], Sentences.of(rows[len(texts) :], [len(part) for part in parts])
    path = version.new_version(settings.index)
    try:
        made = _write(path, settings, plan, manifest, vectors, told, tell)
        made = _checked(made, settings, check, tell)
    except BaseException:
        _remove(path, settings.chroma)
        raise
    version.swap(settings.index, made.name)
    keep = {made.name, *([old.name] if old else [])}
    for stale in version.stale_versions(settings.index, keep):
        _remove(stale, settings.chroma)
    return _report(plan, made, embedded, made.manifest["warnings"], started, changed=True)


def _old_version(root: Path, command: str) -> Version | None:
    try:
        old = version.current(root, command)
    except (IndexMissing, IndexDamaged):
        return None
    return old if old.manifest["schema"] == version.SCHEMA else None


def _old_papers(old: Version | None) -> dict[str, Any]:
    try:
        return old.read_papers() if old else {}
    except IndexDamaged:
        return {}


def _plan(settings: Settings, film: Film, old: Version | None, before: dict[str, Any], tell: Progress) -> Plan:
    known: dict[str, tuple[str, Loaded]] = {}
    if old is not None and old.manifest["parser"] == load.fingerprint():
        for name, paper in before.items():
            known[name] = paper["sha256"], loaded_from({**paper["loaded"], "text": paper["text"]})
    folder = load.parse_folder(settings.documents, known, tell)
    if not folder.loaded:
        listed = "".join(f"\n  {skipped.name}: {skipped.reason}" for skipped in folder.skipped)
        raise InputError(
            f"There is no paper to read in {settings.documents}. "
            f"Put the film's papers there and run: {settings.build_command}{listed}"
        )
    papers = [load.finish(loaded, name, film.meta(name), sha) for name, (sha, loaded) in folder.loaded.items()]
    plan = Plan(film, folder, [(paper, split(paper, settings.passage_words)) for paper in papers], [])
    for ordinal, passage in enumerate(plan.passages):
        passage.metadata["ordinal"] = ordinal
    there = {*folder.loaded, *(skipped.name for skipped in folder.skipped)}
    plan.warnings += [warning for paper in papers for warning in paper.warnings]
    plan.warnings += [f"{FILE}: [{name!r}] is no paper in the folder" for name in film.papers if name not in there]
    return plan


def _manifest(settings: Settings, embeddings: SentenceEmbeddings, plan: Plan) -> dict[str, Any]:
    return {
        "schema": version.SCHEMA,
        "model": {"name": embeddings.name, "fingerprint": embeddings.fingerprint},
        "passage_words": settings.passage_words,
        "parser": load.fingerprint(),
        "chroma": settings.chroma,
        "film": plan.film.model_dump(mode="json"),
        "papers": [asdict(_info(paper, passages)) for paper, passages in plan.papers],
        "skipped": [asdict(skipped) for skipped in plan.folder.skipped],
        "passages": len(plan.passages),
        "warnings": plan.warnings,
    }


def _info(paper: Paper, passages: Sequence[Document]) -> PaperInfo:
    meta = paper.meta
    return PaperInfo(
        name=paper.name,
        title=meta.title or paper.name,
        publisher=meta.publisher,
        kind=meta.kind or "paper",
        passages=len(passages),
        counts=paper.counts,
        sha256=paper.sha256,
        characters=len(paper.text),
        date=meta.date,
        url=meta.url,
        language=meta.language,
        embargo=meta.embargo.isoformat() if meta.embargo else None,
        hidden=sum(bool(passage.metadata["spoiler"]) for passage in passages),
    )


def _same(old: Version, manifest: dict[str, Any], settings: Settings) -> bool:
    """Whether the old version is what would be built, and still works."""
    if any(old.manifest.get(key) != value for key, value in manifest.items() if key != "warnings"):
        return False
    try:
        if settings.chroma is None:
            check_files(old)
        else:
            Index(old, settings.chroma).close()
    except KarmalinkError:
        return False
    return True


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _vectors(
    old: Version | None,
    before: dict[str, Any],
    embeddings: SentenceEmbeddings,
    passages: Sequence[str],
    lines: Sequence[str],
    tell: Progress,
) -> tuple[np.ndarray, int]:
    """One row a passage, then one a sentence, and how many passages had to be embedded; the same words have the same
    vector as before."""
    import numpy as np

    known: dict[str, np.ndarray] = {}
    if old is not None and before and old.manifest["model"]["fingerprint"] == embeddings.fingerprint:
        known = _known_vectors(old, before)
    texts = {_key(text): text for text in [*passages, *lines]}
    missing = [key for key in texts if key not in known]
    fresh = sum(_key(text) not in known for text in passages)
    tell("embed", 0, len(missing))
    found = embeddings.encode([texts[key] for key in missing], lambda done, total: tell("embed", done, total))
    known.update(zip(missing, found, strict=True))
    return np.stack([known[_key(text)] for text in [*passages, *lines]]).astype(np.float32), fresh


def _known_vectors(old: Version, before: dict[str, Any]) -> dict[str, np.ndarray]:
    import numpy as np

    try:
        rows = np.load(old.path / version.VECTORS)
        told = Sentences.load(old.path / version.SENTENCES).rows
    except (OSError, ValueError, EOFError):
        return {}
    texts = [
        paper["text"][values["start"] : values["end"]] for paper in before.values() for values in paper["passages"]
    ]
    lines = [line for text in texts for line in sentence_texts(text)]
    if rows.ndim != 2 or len(rows) != len(texts) or len(told) != len(lines):
        return {}
    # Passages last: a passage of one sentence keeps its own vector, which has more digits.
    return {_key(text): row for text, row in [*zip(lines, told, strict=True), *zip(texts, rows, strict=True)]}


def _write(
    path: Path,
    settings: Settings,
    plan: Plan,
    manifest: dict[str, Any],
    vectors: np.ndarray,
    told: Sentences,
    tell: Progress,
) -> Version:
    import numpy as np

    with (path / version.VECTORS).open("wb") as file:
        np.save(file, vectors)
    told.save(path / version.SENTENCES)
    papers = {
        paper.name: {
            "sha256": paper.sha256,
            "text": paper.text,
            "loaded": loaded_to(replace(plan.folder.loaded[paper.name][1], text="")),
            "blocks": [list(vars(block).values()) for block in paper.blocks],
            "passages": [passage.metadata for passage in passages],
        }
        for paper, passages in plan.papers
    }
    data = version.dump(papers)
    version.write(path / version.PAPERS, data)
    store = Store(path, settings.chroma)
    for done in store.create(vectors, plan.passages):
        tell("write", done, len(plan.passages))
    store.close()
    manifest = {
        **manifest,
        "made": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "papers_sha256": hashlib.sha256(data).hexdigest(),
        "files": hashes(path),
    }
    version.write(path / version.MANIFEST, version.dump(manifest))
    return Version(path, manifest, settings.build_command)


def _checked(made: Version, settings: Settings, check: Check | None, tell: Progress) -> Version:
    tell("check", 0, 1)
    if settings.chroma is None:
        check_files(made)
    if check is not None:
        index = Index(made, settings.chroma)
        made.manifest["warnings"] = [*made.manifest["warnings"], *check(index)]
        index.close()
        version.write(made.path / version.MANIFEST, version.dump(made.manifest))
    tell("check", 1, 1)
    return made


def _remove(path: Path, server: str | None) -> None:
    if server is not None:
        try:
            Store(path, server).remove()
        except KarmalinkError:
            return
    version.remove(path)


def _report(
    plan: Plan, made: Version, embedded: int, warnings: list[str], started: float, *, changed: bool
) -> BuildReport:
    return BuildReport(
        passages=len(plan.passages),
        embedded=embedded,
        reused=len(plan.passages) - embedded,
        papers=[PaperInfo(**values) for values in made.manifest["papers"]],
        skipped=plan.folder.skipped,
        warnings=list(warnings),
        seconds=time.monotonic() - started,
        version=made.name,
        changed=changed,
    )
